"""What may become of the definition in the log."""

from collections.abc import Mapping

import pytest
from pydantic import JsonValue

from aicore.content.loading import parts_of
from domain.definition.entries import Key, data_of, digest_of, digest_of_all, entries_of
from domain.definition.loading import LOADED, WORLD, Loaded, WorldEvent, definition_of, plan_of
from domain.definition.messages import ChangeWorld, EntryDefined, EntryRetired, VersionPublished
from domain.definition.read import read
from tests.unit.definition.kit import FILES, changed, check
from tests.unit.spec import given

Entries = Mapping[Key, JsonValue]


def entries(files: Mapping[str, str] = FILES) -> dict[Key, JsonValue]:
    return entries_of(check(files).data)


def change(wanted: Entries, state: Loaded = LOADED, **other: object) -> ChangeWorld:
    """Return the command that turns a state into what is wanted."""
    plan = plan_of(state.version, state.digests, wanted)
    (part,) = parts_of(plan)
    said = {"base": state.version, "operator": "mira", "reason": "a test", "publish": plan.digest}
    return ChangeWorld.model_validate({**said, **part, **other})


def decided(command: ChangeWorld, state: Loaded = LOADED) -> tuple[list[WorldEvent], Loaded]:
    events = list(WORLD.decide(command, state))
    return events, WORLD.fold(events, state)


def defined(section: str, entry_id: str, data: dict[str, JsonValue]) -> EntryDefined:
    return EntryDefined(section=section, entry_id=entry_id, written=data, digest=digest_of(data))


def test_a_world_is_loaded_once_as_version_one() -> None:
    events, state = decided(change(entries()))

    assert [type(event) for event in events[-2:]] == [EntryDefined, VersionPublished]
    assert len(events) == len(entries()) + 1
    assert (state.version, state.published) == (1, entries())
    given(WORLD, *events).when(change(entries(), state)).then_nothing()
    given(WORLD, *events).when(change(entries())).then_nothing()


def test_what_is_in_the_log_is_the_same_definition() -> None:
    _, state = decided(change(entries()))

    assert definition_of(state) == check(FILES).definition
    assert definition_of(LOADED) is None


def test_a_change_is_one_event_for_each_entry_and_a_version() -> None:
    before, state = decided(change(entries()))
    wanted = entries(changed("grams: 40", "grams: 45"))
    key = Key("goods", "tooth_comb")
    data = wanted[key]
    assert isinstance(data, dict)
    published = VersionPublished(
        number=2,
        digest=digest_of_all((key, digest_of(entry)) for key, entry in wanted.items()),
        entries=len(wanted),
        operator="mira",
        reason="a test",
    )

    given(WORLD, *before).when(change(wanted, state)).then(defined(*key, data), published)


def test_what_is_not_in_the_files_any_more_is_retired_and_stays_readable() -> None:
    _, state = decided(change(entries()))
    key = Key("goods", "ribbon")
    files = changed("  ribbon: {name: a ribbon, kind: cloth, price: 0.20 pearls, grams: 5}\n", "")
    files["things.yaml"] = files["things.yaml"].replace(", goods: {ribbon: 1}", "")

    events, after = decided(change(entries(files), state), state)

    assert EntryRetired(section="goods", entry_id="ribbon") in events
    assert key not in after.published
    assert after.retired[key] == state.published[key]
    back, again = decided(change(entries(), after), after)
    assert len(back) == 3
    assert key in again.published
    assert key not in again.retired


def test_a_world_that_would_be_wrong_is_refused_with_its_faults() -> None:
    _, state = decided(change(entries()))
    wanted = {key: entry for key, entry in entries().items() if key != Key("goods", "attic_key")}

    refused = given(WORLD, *decided(change(entries()))[0]).when(change(wanted, state))

    refused.then_rejected(
        "faulty_definition", field="define", says="places.attic.lock.key: there is no good 'attic_key'"
    )


def test_half_a_change_is_a_draft_that_nobody_sees_until_it_is_whole() -> None:
    wanted = entries()
    whole = change(wanted)
    half = whole.model_copy(update={"define": whole.define[:7], "publish": None})

    events, state = decided(half)

    assert (len(events), state.version, definition_of(state)) == (7, 0, None)
    rest, after = decided(change(wanted, state), state)
    assert len(rest) == len(wanted) - 7 + 1
    assert after.published == wanted


def test_a_draft_that_was_given_up_does_not_get_into_the_next_version() -> None:
    _, state = decided(change(entries()))
    stray = ChangeWorld(
        base=1,
        define=[{"section": "facts", "entry_id": "stray", "written": {"about": "a", "text": "b"}}],
        operator="mira",
        reason="never ended",
    )
    _, drafted = decided(stray, state)

    _, after = decided(change(entries(), drafted), drafted)

    assert after.published == entries()


def test_who_planned_on_an_older_version_plans_again() -> None:
    first, state = decided(change(entries()))
    second, _ = decided(change(entries(changed("grams: 40", "grams: 45")), state), state)

    late = given(WORLD, *first, *second).when(change(entries(changed("grams: 40", "grams: 50")), state))

    late.then_rejected("stale_version", field="base", says="version 2 is published")


def test_what_somebody_else_drafted_is_no_part_of_my_change() -> None:
    first, state = decided(change(entries()))
    mine = change(entries(changed("grams: 40", "grams: 45")), state)
    other = defined("facts", "stray", {"about": "a", "text": "b"})

    given(WORLD, *first, other).when(mine).then_rejected("other_digest", field="publish", says="plan again")


def test_a_big_change_goes_in_parts_that_fit_into_messages() -> None:
    wanted: dict[Key, JsonValue] = {
        Key("facts", f"fact_{n}"): {"about": "a", "text": "long " * 2_000} for n in range(100)
    }
    plan = plan_of(0, {Key("facts", "old"): "sha256:1"}, wanted)

    parts = list(parts_of(plan))

    assert len(parts) == 4
    assert sum(len(part["define"]) for part in parts) == 100
    assert [part.get("retire", []) for part in parts[:-1]] == [[], [], []]
    assert parts[-1]["retire"] == [{"section": "facts", "entry_id": "old"}]


@pytest.mark.parametrize("share", ["0.1", "0.3", "0.333", "1", "0.75"])
def test_a_share_means_the_same_in_files_and_in_the_log(share: str) -> None:
    files = changed("alarm: 0.2", f"alarm: {share}")

    again = read(data_of(entries(files))).definition

    assert again == check(files).definition
