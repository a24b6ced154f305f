"""What the director does: what is chosen, who is cast, how arcs go on and end, what edits do to them."""

from dataclasses import replace

import pytest

from domain.beliefs.claims import Claim
from domain.definition.storylets import ACTS, MANNERS, ClaimForm, Role
from domain.director.content import compiled
from domain.director.direction import Direction
from domain.director.messages import (
    ArcAdvanced,
    ArcBegun,
    ArcEnded,
    ArcMigrated,
    ArcRecast,
    SceneClosed,
    SceneOpened,
    Stirred,
    TensionChanged,
)
from domain.director.silence import nearest
from domain.director.stirring import Sight
from domain.kernel.decider import Rejected
from domain.story.plan import MANNER, Act
from tests.unit.cases import each_of
from tests.unit.director.kit import HOUR_MS, MINUTE_MS, NOON_MS, Set, content, names, small, stage, turn

DAY_MS = 24 * HOUR_MS


def test_acts_and_words_of_manner_are_those_of_a_line_plan() -> None:
    assert tuple(Act) == ACTS
    assert set(MANNERS) == set(MANNER)


def test_a_player_lives_an_arc_from_its_first_scene_to_its_end() -> None:
    world = Set()
    on = stage(world)
    begun, opened = turn(on, NOON_MS)
    assert isinstance(begun, ArcBegun)
    assert isinstance(opened, SceneOpened)
    assert (opened.storylet, opened.says) == ("a_comb_is_missed", "Ada looks under the table.")
    assert opened.lines[0].by == "person.ada"
    assert turn(on, NOON_MS + MINUTE_MS) == []

    closed, advanced = turn(on, opened.until_ms)
    assert isinstance(closed, SceneClosed)
    assert closed.outcome == "played"
    assert isinstance(advanced, ArcAdvanced)
    assert (advanced.beat, advanced.scene) == ("sought", opened.scene)

    (second,) = turn(on, opened.until_ms + 12 * MINUTE_MS)
    assert isinstance(second, SceneOpened)
    assert second.storylet == "a_comb_is_sought"
    *_, ended = turn(on, second.until_ms)
    assert isinstance(ended, ArcEnded)
    assert (ended.end, ended.outcome) == ("found", "kept")


def test_what_a_player_sees_done_makes_it_tenser_once() -> None:
    world = Set()
    on = stage(world)
    on.opens = False
    killed = Claim("killed", "person.ada", "person.bo")
    world.seen["ann"] = [
        Sight(killed, NOON_MS - HOUR_MS, 7),
        Sight(killed, NOON_MS, 8),
        Sight(Claim("likes", "person.ada", "person.bo"), NOON_MS, 9),
        Sight(killed, NOON_MS, 9),
    ]
    stirs, peak = turn(on, NOON_MS)
    assert isinstance(stirs, Stirred)
    assert (stirs.by, stirs.claims, stirs.position) == (900, [str(killed)] * 2, 9)
    assert isinstance(peak, TensionChanged)
    assert (peak.state, peak.level) == ("peak", 900)
    assert names(turn(on, NOON_MS + MINUTE_MS)) == []
    again = Direction()
    for event in (stirs, peak):
        again.evolve(event)
    assert (again.told("ann").tension, again.told("ann").counted) == (on.direction.told("ann").tension, 9)
    world.seen["ben"] = [Sight(Claim("likes", "person.ada", "person.bo"), NOON_MS, 9)]
    assert turn(on, NOON_MS, "ben") == []


def test_where_an_arc_leads_is_what_holds_when_the_scene_is_over() -> None:
    world = Set()
    on = stage(world)
    first = turn(on, NOON_MS)[1]
    assert isinstance(first, SceneOpened)
    turn(on, first.until_ms)
    (second,) = turn(on, first.until_ms + 12 * MINUTE_MS)
    assert isinstance(second, SceneOpened)
    world.claims = {("dead", "person.ada")}
    *_, ended = turn(on, second.until_ms)
    assert isinstance(ended, ArcEnded)
    assert ended.end == "let_be"


def test_an_arc_that_nobody_comes_to_ends_of_itself() -> None:
    world = Set()
    on = stage(world)
    turn(on, NOON_MS)
    world.places = {}
    assert names(turn(on, NOON_MS + MINUTE_MS)) == ["scene_closed"]
    assert turn(on, NOON_MS + DAY_MS - 1) == []
    (ended,) = turn(on, NOON_MS + DAY_MS)
    assert isinstance(ended, ArcEnded)
    assert (ended.end, ended.outcome, ended.scene) == ("let_be", "faded", None)


def test_a_scene_that_was_broken_off_comes_again() -> None:
    world = Set()
    on = stage(world)
    turn(on, NOON_MS)
    world.people = {"inn": set()}
    (closed,) = turn(on, NOON_MS + MINUTE_MS)
    assert isinstance(closed, SceneClosed)
    assert (closed.outcome, closed.sways) == ("broken", [])
    world.people = {"inn": {"ada"}}
    (again,) = turn(on, NOON_MS + 20 * MINUTE_MS)
    assert isinstance(again, SceneOpened)
    assert (again.storylet, again.run) == ("a_comb_is_missed", 0)


def test_somebody_stands_in_for_who_is_gone_and_without_anybody_the_arc_ends() -> None:
    definition = small()
    cleo = replace(definition.people[0], id="cleo", name="Cleo", relations=())
    world = Set(people={"inn": {"ada", "bo", "cleo"}})
    on = stage(world, compiled(replace(definition, people=(*definition.people, cleo)), 1))
    begun = turn(on, NOON_MS)[0]
    assert isinstance(begun, ArcBegun)
    first = begun.cast["keeper"]
    world.dead = {first}
    recast = turn(on, NOON_MS + MINUTE_MS)[1]
    assert isinstance(recast, ArcRecast)
    assert {recast.was, recast.now} == {"ada", "cleo"}
    world.dead = {"ada", "cleo"}
    ended = turn(on, NOON_MS + 2 * MINUTE_MS)[-1]
    assert isinstance(ended, ArcEnded)
    assert (ended.end, ended.outcome) == ("alone", "lost")


def test_nobody_stands_in_two_scenes_at_once() -> None:
    world = Set(places={"ann": "inn", "ben": "inn"})
    on = stage(world)
    opened = turn(on, NOON_MS)[1]
    assert isinstance(opened, SceneOpened)
    other = turn(on, NOON_MS, "ben")[-1]
    assert isinstance(other, SceneOpened)
    assert "ada" not in other.present
    with pytest.raises(Rejected, match="ada is in another scene"):
        on.direction.book(opened.model_copy(update={"player": "cas"}))


def test_claims_about_the_cast_decide_who_is_cast() -> None:
    world = Set()
    world.claims = {("likes", "person.ada", "person.bo")}
    on = stage(world, compiled(replace(small(), arcs=(), storylets=small().storylets[2:]), 1))
    (opened,) = turn(on, NOON_MS)
    assert isinstance(opened, SceneOpened)
    assert opened.storylet == "both_of_them"
    assert opened.cast == {"one": "bo", "other": "ada"}
    assert opened.lines[0].claims == ["likes(person.ada, person.bo)"]


def test_nothing_makes_it_tenser_while_it_fades_and_rests() -> None:
    told = content()
    raising = {each.storylet.id for each in told.playables if each.storylet.tension > 0}
    assert raising == {"a_comb_is_sought"}
    for state in ("fade", "relax"):
        through = told.let_through("tension", state)
        assert not through >> told.numbers["a_comb_is_sought"] & 1


def test_an_edited_arc_goes_on_where_it_can_and_else_by_its_own_version() -> None:
    definition = small()
    world = Set()
    on = stage(world, compiled(definition, 1))
    first = turn(on, NOON_MS)[1]
    assert isinstance(first, SceneOpened)
    on.contents = {1: on.contents[1], 2: compiled(definition, 2)}
    on.version = 2
    assert turn(on, NOON_MS + MINUTE_MS) == []  # not in the middle of a scene
    events = turn(on, first.until_ms)
    assert names(events) == ["scene_closed", "arc_advanced", "arc_migrated"]
    migrated = events[-1]
    assert isinstance(migrated, ArcMigrated)
    assert (migrated.was, migrated.version) == (1, 2)

    arc = replace(definition.arcs[0], roles=(*definition.arcs[0].roles, Role("other")))
    on.contents = {**on.contents, 3: compiled(replace(definition, arcs=(arc,)), 3)}
    on.version = 3
    (second,) = turn(on, first.until_ms + 12 * MINUTE_MS)
    assert isinstance(second, SceneOpened)
    assert (second.storylet, second.version) == ("a_comb_is_sought", 2)
    assert names(turn(on, second.until_ms)) == ["scene_closed", "arc_ended"]


@each_of(
    ("change", "fields"),
    [
        ({"places": {"ann": "attic"}}, ["when.places", "roles.keeper"]),
        ({"people": {"inn": {"bo"}}}, ["roles.keeper"]),
    ],
)
def test_why_nothing_is_played_is_told_by_condition(change: dict[str, object], fields: list[str]) -> None:
    world = Set()
    on = stage(world)
    first = turn(on, NOON_MS)[1]
    assert isinstance(first, SceneOpened)
    turn(on, first.until_ms)
    for name, value in change.items():
        setattr(world, name, value)
    now_ms = first.until_ms + 12 * MINUTE_MS
    asked = on.question(on.content, "ann", on.direction.told("ann"), now_ms)
    silent = {each.storylet: [one.field for one in each.missing] for each in nearest(on.content, asked)}
    assert silent["a_comb_is_sought"] == fields
    assert silent["a_comb_is_missed"][0] == "beat"


def test_the_same_happens_whoever_computes_it() -> None:
    def lived() -> list[str]:
        on = stage(Set())
        return [event.model_dump_json() for at in range(300) for event in turn(on, NOON_MS + at * MINUTE_MS)]

    assert lived() == lived()


def test_what_nobody_was_ever_told_goes_before_what_asks_for_more() -> None:
    nobody = small().storylets[-1]
    busy = replace(nobody, id="busy", when=replace(nobody.when, phases=("day",)), again=0)
    plain = replace(nobody, id="plain", again=0)
    on = stage(
        Set(places={"ann": "inn", "ben": "inn"}),
        compiled(replace(small(), arcs=(), storylets=(busy, plain)), 1),
    )
    (first,) = turn(on, NOON_MS)
    assert isinstance(first, SceneOpened)
    (later,) = turn(on, NOON_MS + 2 * DAY_MS, "ben")
    assert isinstance(later, SceneOpened)
    assert (first.storylet, later.storylet) == ("busy", "plain")


def test_whoever_has_not_come_on_in_an_arc_may_be_another_who_is_there() -> None:
    arc, first = small().arcs[0], small().storylets[0]
    sought = next(each for each in small().storylets if each.beat == "sought")
    roles = (arc.roles[0], Role("helper"))
    second = replace(
        sought, when=replace(sought.when, places=()), says="{helper} looks at {player}.", lines=()
    )
    people = (*small().people, replace(small().people[1], id="cy"))
    files = replace(small(), people=people, arcs=(replace(arc, roles=roles),), storylets=(first, second))
    for met in (False, True):
        world = Set(people={"inn": {"ada", "bo"}})
        opening = replace(first, says="{keeper} and {helper} look under the table.") if met else first
        on = stage(world, compiled(replace(files, storylets=(opening, second)), 1))
        begun, opened = turn(on, NOON_MS)
        assert isinstance(begun, ArcBegun)
        assert isinstance(opened, SceneOpened)
        turn(on, opened.until_ms)
        helper = begun.cast["helper"]
        other = next(each.id for each in people if each.id not in begun.cast.values())
        world.people = {"inn": {begun.cast["keeper"], other}}
        asked = on.question(on.content, "ann", on.direction.told("ann"), opened.until_ms)
        assert ("roles.helper" in str(nearest(on.content, asked))) is met
        found = turn(on, opened.until_ms + 12 * MINUTE_MS)
        assert names(found) == ([] if met else ["arc_recast", "scene_opened"])
        if not met:
            recast, scene = found
            assert isinstance(recast, ArcRecast)
            assert (recast.role, recast.was, recast.now) == ("helper", helper, other)
            assert isinstance(scene, SceneOpened)
            assert scene.cast["helper"] == other


def test_whoever_a_scene_spoke_of_has_come_on_wherever_the_claim_names_them() -> None:
    arc, first = small().arcs[0], small().storylets[0]
    roles = (arc.roles[0], Role("helper"))
    line = replace(first.lines[0], by="keeper", to="player")
    for form in (
        ClaimForm("kin", ("helper", "keeper")),
        ClaimForm("kin", ("keeper", "helper")),
        ClaimForm("dead", ("helper",)),
    ):
        opening = replace(first, says="{keeper} talks.", lines=(replace(line, claims=(form,)),))
        files = replace(small(), arcs=(replace(arc, roles=roles),), storylets=(opening,))
        on = stage(Set(people={"inn": {"ada", "bo"}}), compiled(files, 1))
        begun, opened = turn(on, NOON_MS)
        assert isinstance(begun, ArcBegun), form
        assert isinstance(opened, SceneOpened), form
        (run,) = on.direction.told("ann").runs.values()
        assert run.met == {"keeper", "helper"}, f"{form}: {opened.lines}"
