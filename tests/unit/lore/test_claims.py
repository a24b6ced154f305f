"""Claims of documents that cannot hold beside each other, or beside what the definition says."""

from collections.abc import Sequence

from aicore.content.lore import check_lore, texts_of
from aicore.content.sample_world import sample_definition
from benchmarks.lore_faults import PLANTED, found_of, pairs_of
from benchmarks.lore_kit import questions, worlds
from domain.definition.predicates import Predicate
from domain.lore.claims import Claim, contradictions


def told(*claims: Claim, rules: Sequence[Predicate]) -> list[tuple[str, str]]:
    found = contradictions(claims, {rule.id: rule for rule in rules})
    return [(each.claim.path, each.against.path) for each in found]


def test_what_there_is_one_of_at_a_time_contradicts_itself_on_a_common_day_only() -> None:
    rules = (Predicate("at", "", ("person",), ("place",), one_per="subject"),)
    first = Claim("at", "person.a", "place.b", from_day=1, until_day=5, source="one", path="1")
    for begin, meets in ((4, True), (5, False)):
        other = Claim("at", "person.a", "place.c", from_day=begin, source="two", path="2")
        assert told(first, other, rules=rules) == ([("2", "1")] if meets else [])
    again = Claim("at", "person.a", "place.b", source="two", path="2")
    district = Claim("at", "person.a", "district.c", source="two", path="3")
    assert told(first, again, district, rules=rules) == []


def test_a_symmetric_state_excludes_both_ways_and_a_pair_is_told_once() -> None:
    rules = (
        Predicate("allied", "", ("faction",), ("faction",), symmetric=True, excludes=("feud",)),
        Predicate("feud", "", ("faction",), ("faction",), symmetric=True),
    )
    allied = Claim("allied", "faction.a", "faction.b", source="one", path="1")
    feud = Claim("feud", "faction.b", "faction.a", source="two", path="2")
    assert told(allied, feud, rules=rules) == [("2", "1")]
    assert told(feud, allied, rules=rules) == [("1", "2")]
    third = Claim("feud", "faction.b", "faction.c", source="two", path="2")
    assert told(allied, third, rules=rules) == []


def test_planted_contradictions_are_found_and_what_only_looks_like_one_is_not() -> None:
    definition = sample_definition()
    documents = texts_of(definition)
    pairs = pairs_of(definition)
    planted = [pair for pair in pairs if pair.contradicts]
    assert len(planted) == PLANTED
    # By day every third; `benchmarks lore` tells of all of them.
    for pair in pairs[::3]:
        assert found_of(definition, documents, pair) == pair.contradicts, pair


def test_the_lore_that_comes_along_is_whole_and_every_question_to_it_can_be_answered() -> None:
    definition = sample_definition()
    found = check_lore(None, definition)
    assert found.faults == []
    assert found.files >= 40
    assert len(found.contents) == found.files + len(definition.documents)
    by = worlds(None)
    asked = questions()
    assert len([each for each in asked if each.kind != "riddle"]) >= 180
    for question in asked:
        world = by[question.world]
        visible = world.shelf.visible(world.knower(question))
        seen = {f"{world.shelf.chunks[at].document}#{world.shelf.chunks[at].section}" for at in visible}
        assert question.gold <= seen, question
