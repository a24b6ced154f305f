"""Descriptions are read back as lines are: they name, count and claim nothing that no trace shows."""

import pytest

from aicore.content.line_files import read_language
from domain.story.clauses import Between, Stated, Thing
from domain.story.language import Language, with_names
from domain.story.plan import Act, Kind
from domain.story.reading import Gate, Reading, read_back
from domain.story.saying import Saying
from domain.story.slots import Filling, Gender
from domain.traces.showing import Part, describe
from domain.traces.traces import Seen, known_of
from tests.unit.traces.kit import STREET, Tale, fled, happenings, hurt, setting

KINDS = {"person": Kind.PERSON, "player": Kind.PERSON, "place": Kind.PLACE, "good": Kind.GOOD}
NAMES = {id_: name for id_, name in setting().ground.names.items() if id_.partition(".")[0] in KINDS}


def thing(argument: str) -> Thing:
    kind, _, id_ = argument.partition(".")
    return Thing(argument, KINDS[kind], Filling(NAMES.get(argument, id_), Gender.SHE))


def stops(part: Part, found: dict[str, Seen], language: Language) -> set[Gate]:
    """Return what stops a part; what does not show is not said, so that a plan's word is missing is none."""
    of = [found[trace] for trace in part.traces]
    shown = {each for seen in of for each in known_of(seen.trace, seen.rule).values()}
    claim = of[0].trace.claim
    scene = tuple(map(thing, sorted(shown | {f"place.{of[0].trace.place}"})))
    stated = Stated(claim.predicate, tuple(map(thing, claim.arguments)))
    saying = Saying(Act.TELL, Between(thing("player.s"), thing("player.h")), (stated,))
    return {stop.gate for stop in read_back(part.says, Reading(saying, language, scene=scene))} - {Gate.SLOT}


@pytest.mark.slow
def test_what_is_said_of_traces_passes_the_gates_that_lines_pass() -> None:
    language, tale, count = with_names(read_language("harbour"), NAMES), Tale(), 0
    tale.hear(*happenings(600, seed=5))
    for place in setting().kinds:
        found = {seen.trace.id: seen for seen in tale.traces.look(place, tale.traces.told.now_ms)}
        for part in describe(list(found.values()), setting()):
            assert stops(part, found, language) == set(), part.says
            count += 1
    assert count > 300
    tale = Tale()
    tale.hear(hurt(), fled(person="gault"))
    found = {seen.trace.id: seen for seen in tale.traces.look(STREET, 0)}
    (blood,) = (each for each in found if each.startswith("blood"))
    for said in ("Una Pell killed Nib.", "Blood lies here, and Una Pell saw it.", "It cost forty crowns."):
        assert stops(Part(said, (blood,)), found, language), f"{said} is not stopped"
