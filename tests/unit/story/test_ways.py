"""Several clauses for each claim: all say it, in the right person and number, as sure as the plan is."""

from collections.abc import Sequence
from itertools import product

from aicore.content.line_files import read_language, shipped_signatures, shipped_ways
from domain.story.plan import HEARER, LETTERS, SPEAKER, Act, Certainty, Claim, Kind, LinePlan
from domain.story.reading import read_back_template
from domain.story.slots import Filling
from domain.story.ways import read_ways, ways_of

SIGNATURES, WAYS = shipped_signatures(), shipped_ways()
NAMED = {letter: Filling(letter, plural=kind == Kind.FACTION) for letter, kind in LETTERS.items()}


def said(
    text: str, claim: Claim, *, act: Act = Act.TELL, sure: Certainty = Certainty.SURE, plural: bool = False
) -> Sequence[str]:
    plan = LinePlan(act, (claim,), sure)
    return ways_of(plan, {"A": Filling("Ada", plural=plural)}, read_ways(text))


def letters_of(kinds: Sequence[Kind]) -> tuple[str, ...]:
    free = {
        kind: iter([each for each, of in LETTERS.items() if of == kind and each not in (SPEAKER, HEARER)])
        for kind in Kind
    }
    return tuple(next(free[kind]) for kind in kinds)


def test_every_predicate_has_ways_of_saying_it_and_the_opposite_that_no_gate_stops() -> None:
    language, wrong = read_language("harbour"), []
    for name, signature in SIGNATURES.items():
        for kinds in product(*(sorted(role.kinds) for role in signature)):
            for negated in (False, True):
                plan = LinePlan(Act.TELL, (Claim(name, letters_of(kinds), (), negated),))
                found = ways_of(plan, NAMED, WAYS)
                assert len(found) >= 2, str(plan)
                wrong += [
                    (str(plan), way, stops[0].gate, stops[0].why)
                    for way in found
                    if (stops := read_back_template(way, plan, language, proof=True))
                ]
    assert not wrong


def test_who_speaks_is_i_and_who_listens_you_and_verbs_agree() -> None:
    text = "at: {1} [is|am|are] at {2} / {2} is where {1} [is|am|are]\nlied: {1} broke {1.their} word to {2}"
    assert said(text, Claim("at", ("A", "P"))) == ["{A} is at {P}.", "{P} is where {A} is."]
    assert said(text, Claim("at", ("S", "P"))) == ["I am at {P}."]
    assert said(text, Claim("at", ("H", "P"))) == ["You are at {P}."]
    assert said(text, Claim("at", ("A", "P")), plural=True)[0] == "{A} are at {P}."
    assert said(text, Claim("lied", ("A", "S"))) == ["{A} broke {A.their} word to me."]
    assert said(text, Claim("lied", ("S", "H"))) == ["I broke my word to you."]


def test_a_clause_is_as_sure_as_the_plan_and_says_when_and_from_whom() -> None:
    text = "took: {1} took {2}{@ from}\nnot took: {1} did not take {2}\ndead: {1} [is|am|are] dead"
    dead = Claim("dead", ("A",), ("T",))
    assert said(text, dead) == ["{A} is dead {T}.", "{T} {A} is dead."]
    assert said(text, Claim("dead", ("A",)), sure=Certainty.UNSURE) == [
        "It may be that {A} is dead.", "{A} is dead, it may be.", "Perhaps {A} is dead.",
    ]  # fmt: skip
    assert said(text, Claim("dead", ("A",), ("B",))) == [
        "{B} told me that {A} is dead.",
        "{B} told me {A} is dead.",
    ]
    assert said(text, Claim("took", ("A", "G"), ("B",))) == ["{A} took {G} from {B}."]
    assert said(text, Claim("took", ("A", "G")), act=Act.DENY) == ["{A} did not take {G}."]


def test_two_claims_are_two_sentences_and_what_has_no_way_has_none() -> None:
    ways = read_ways("dead: {1} is dead / {1} died\nshut: {1} is shut")
    plan = LinePlan(Act.TELL, (Claim("dead", ("A",)), Claim("shut", ("P",))))
    assert ways_of(plan, {}, ways) == ["{A} is dead. {P} is shut.", "{A} died. {P} is shut."]
    assert not ways_of(LinePlan(Act.TELL, (Claim("dead", ("A",)), Claim("kin", ("A", "B")))), {}, ways)
    assert not ways_of(LinePlan(Act.ASK, (Claim("dead", ("?",)),)), {}, ways)
    assert not ways_of(LinePlan(Act.GREET), {}, ways)
