"""What a writer sees before anybody hears it: a recorded turn said again, and a turn that nobody said."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import pytest

from aicore.audit.lines import NoSuchLine
from aicore.audit.rehearsing import Resaid, Sources, Spot, WrongStage, previewed, resaid
from aicore.content.lore import check_lore
from aicore.content.sample_world import sample_definition
from aicore.wiring.people import PLAYERS
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLog
from bus.ports import StreamWrite
from domain.kernel.event import Event
from domain.places.messages import Entered
from domain.story.messages import LinePinned, LineSaid, LineUnpinned, stream_of
from domain.story.pins import PinLine
from domain.story.staging import MINUTE_MS, Asked
from handlers.story.pinboard import pin_line
from tests.unit.kit import ident, in_case
from tests.unit.story.talk_kit import PLACE, Talking, mouth

CODEC = EventCodec(domain_catalogue())
SPOT = Spot("ann", "una_pell", 3)
KILLED = "killed(person.gault, person.bram_sallow)"
ASKED = "Who killed Bram Sallow?"


def sources(folder: Path | None = None) -> Sources:
    lore = check_lore(folder, sample_definition()).contents if folder else ()
    return Sources(MemoryLog("here", lambda: 1), CODEC, sample_definition, mouth(), PLAYERS, lore)


def recorded(*words: str, pins: Sequence[PinLine] = (), log: Sequence[Event] = ()) -> Sources:
    """Return a log in which Una answered Ann, with Nib beside them.

    ``pins``: those that the process knew. ``log``: what the log had before the lines, from an id on.
    """
    talking, found = Talking(pins=list(pins)), sources()
    if log:
        told = [CODEC.encode(each, UUID(int=at)) for at, each in enumerate(log, 1)]
        asyncio.run(found.log.append(StreamWrite("story-pins", told)))
    come = [
        CODEC.encode(
            Entered.model_validate(
                {"who": who, "kind": kind, "place": PLACE, "at_ms": at * MINUTE_MS, "at_us": 0}
            ),
            ident(),
        )
        for at, (who, kind) in enumerate(
            [("person.una_pell", "person"), ("person.nib", "person"), ("ann", "player")], 1
        )
    ]
    asyncio.run(found.log.append(StreamWrite("people-realm", come)))
    for each in words:
        talking.say(each)
    events = [CODEC.encode(line, ident()) for line in talking.said]
    asyncio.run(found.log.append(StreamWrite(stream_of("ann"), events)))
    return found


def again(found: Sources, name: str, asked: Asked) -> Resaid:
    return asyncio.run(resaid(found, name, asked))


def preview(asked: Asked, folder: Path | None = None) -> LineSaid:
    return asyncio.run(previewed(sources(folder), SPOT, asked))


def test_a_turn_comes_out_the_same_unless_something_is_changed() -> None:
    found = recorded("Who are you?", "Hello", ASKED)
    for name in ("ann.1", "ann.2", "ann.3"):
        for asked in (Asked(), Asked(words={"ann.1": "Who are you?", "ann.2": "Hello"}.get(name, ASKED))):
            with in_case(f"{name} {asked}"):
                assert again(found, name, asked).changed == {}
    assert asyncio.run(found.log.head()).position == 6, "nothing is recorded"
    for name in ("ann.4", "bob.1", "ann", "ann.0"):
        with pytest.raises(NoSuchLine):
            again(found, name, Asked())


def test_a_line_is_said_again_by_the_pins_that_were_known_where_it_was_said() -> None:
    """A process hears of a pin, and of its end, a moment after the log has it."""
    pin = LinePinned.model_validate(LinePinned.example)
    newer = pin.model_copy(update={"text": "Hm."})
    unpin = LineUnpinned.model_validate({**LineUnpinned.example, "pin": pin.pin})
    other = pin.model_copy(update={"pin": "other", "text": "You again. Mind the wet boards."})
    known = [pin_line(pin, str(UUID(int=1)), dict(mouth().signatures))]
    cases: dict[str, tuple[list[Event], list[PinLine], str]] = {
        "known": ([pin], known, "pinned"),
        "not known yet": ([pin], [], "written"),
        "unpinned, not known yet": ([pin, unpin], known, "pinned"),
        "another text, not known yet": ([pin, newer], known, "pinned"),
        "another pin, not known yet": ([pin, other], known, "pinned"),
    }
    for name, (log, pins, rung) in cases.items():
        with in_case(name):
            found = recorded("Hello", pins=pins, log=log)
            for asked in (Asked(), Asked(words="Hello")):
                same = again(found, "ann.1", asked)
                assert (same.before.rung, same.changed) == (rung, {})


def test_a_changed_manner_changes_the_words_and_not_the_plan() -> None:
    found = recorded("Hello", ASKED)
    sad = again(found, "ann.1", Asked(mood="sad"))
    assert sad.changed["mood"] == ("calm", "sad")
    assert "line" in sad.changed
    assert not {"act", "claims", "certainty", "voice"} & sad.changed.keys()
    other = again(found, "ann.2", Asked(voice="harbour/clerk", seed="x"))
    assert other.changed["voice"] == ("harbour/collector", "harbour/clerk")
    assert other.before.plan == other.after.plan


def test_changed_knowledge_changes_the_plan_and_its_evidence() -> None:
    found = recorded(ASKED)
    saw = again(found, "ann.1", Asked(knows=[KILLED]))
    assert saw.changed["act"] == ("not_know", "answer")
    assert saw.changed["claims"][1] == f"{KILLED} (witnessed)"
    assert "Gault" in saw.after.text
    happens = again(found, "ann.1", Asked(so=["dead(person.nib)"], words="Is Nib dead?"))
    assert happens.changed["claims"][1].startswith("dead(person.nib)")
    asked = Asked(so=["dead(person.nib)"], over=["dead(person.nib)"], words="Hello")
    assert not again(found, "ann.1", asked).after.plan.claims


def test_documents_beside_the_log_are_gone_by_as_far_as_the_person_may_know_them(tmp_path: Path) -> None:
    claim = "claims:\n  - {predicate: killed, subject: person.gault, object: person.bram_sallow}\n"
    text = "---\ntitle: A ledger\nabout: [gault]\nknown_by: [%s]\n" + claim + "---\nIt says who did it.\n"
    (tmp_path / "a_ledger.md").write_text(text % "everyone")
    known = preview(Asked(words=ASKED), tmp_path)
    assert [each.claim for each in known.plan.claims] == [KILLED]
    assert known.plan.claims[0].cites[0].document == "a_ledger"
    (tmp_path / "a_ledger.md").write_text(text % "person.nib")
    assert preview(Asked(words=ASKED), tmp_path).plan.act == "not_know"


def test_a_state_that_is_none_is_told_by_field_with_what_may_stand_there() -> None:
    asked = Asked(
        words="Hello",
        at="quay",
        beside=["nibb"],
        hour="25",
        weather="fgo",
        so=["ded(person.nib)", "dead(person.nibb)", "dead(place.ropewalk_quay)", "dead"],
        mood="sda",
        voice="harbour/clark",
    )
    with pytest.raises(WrongStage) as wrong:
        preview(asked)
    faults = {fault.path: fault for fault in wrong.value.faults}
    assert set(faults) == {
        "at", "with", "hour", "weather", "so[0]", "so[1]", "so[2]", "so[3]", "mood", "voice"
    }  # fmt: skip
    assert all(fault.found and fault.allowed for fault in faults.values())
    nearest = {path: faults[path].nearest for path in ("at", "with", "weather", "so[0]", "so[1]", "voice")}
    assert nearest == {
        "at": "ropewalk_quay",
        "with": "nib",
        "weather": "fog",
        "so[0]": "dead",
        "so[1]": "person.nib",
        "voice": "harbour/clerk",
    }
    with pytest.raises(WrongStage) as nobody:
        asyncio.run(previewed(sources(), Spot("ann", "una_pel"), Asked(words="Hello")))
    assert [(each.path, each.nearest) for each in nobody.value.faults] == [("person", "una_pell")]


def test_the_hour_of_the_day_decides_what_one_calls_the_time() -> None:
    early, late = (preview(Asked(words="Hello", hour=hour)) for hour in ("6:30", "22"))
    assert (early.at_ms, late.at_ms) == (3 * 86_400_000 + 23_400_000, 3 * 86_400_000 + 79_200_000)
