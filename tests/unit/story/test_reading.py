"""A line is read back before it is said: what its plan does not allow stops it, and nothing else does."""

from collections.abc import Iterable
from dataclasses import replace

from domain.story.bank import Bank
from domain.story.clauses import Between, Stated, Thing
from domain.story.corpus import read_file, read_words
from domain.story.language import Language, with_names
from domain.story.plan import Act, Kind, read_plan, read_signatures
from domain.story.reading import Gate, Reading, grams_of, read_back, read_back_template
from domain.story.saying import Saying
from domain.story.slots import Filling, Gender

SIGNATURES = read_signatures("dead: person\nkilled: person person\nowes: person person sum\nat: person place")
HEAD = "genre: harbour\nvoice: ferryman\nfor: guide\ngiven: a boat, four oars\nhabits: slow\n\n"
LINES = """> tell killed(B, A; T)
It was {T} that {B} killed {A}. Sit low.
> tell owes(A, B, N)
{N}, that {A} owes {B}. Mind the step.
> greet
Two feet, nine toes. Good.
> tell
I say it because the nine bells will not: {claim}.
"""
WORDS = read_words("phone\nhow can i help\n+Saint")
NAMES = {"person.gull": "Ada Gull", "person.vey": "Corin Vey", "place.quay": "Ropewalk Quay"}


def thing(id_: str, name: str, gender: Gender = Gender.SHE) -> Thing:
    return Thing(id_, Kind(id_.partition(".")[0]), Filling(name, gender))


ADA, CORIN = thing("person.gull", "Ada Gull"), thing("person.vey", "Corin Vey", Gender.HE)
UNA, SILAS = thing("person.una", "Una Pell"), thing("person.silas", "Silas Wend", Gender.HE)
QUAY, FORTY = thing("place.quay", "Ropewalk Quay"), thing("sum.forty", "forty crowns")
LAST_NIGHT = thing("time.last_night", "last night")
PAIRS, _ = read_file("harbour/ferryman.txt", HEAD + LINES, SIGNATURES, WORDS)
LANGUAGE = with_names(Language(Bank(PAIRS), WORDS, {"killed": "{1} killed {2}"}), NAMES)
KILLED = Stated("killed", (CORIN, ADA), (LAST_NIGHT,))
OWES = Stated("owes", (ADA, CORIN, FORTY))


def reading(
    *claims: Stated,
    act: Act = Act.TELL,
    hidden: tuple[Stated, ...] = (),
    scene: tuple[Thing, ...] = (),
    heard: Iterable[str] = (),
) -> Reading:
    saying = Saying(act, Between(UNA, SILAS), claims, hidden=hidden)
    return Reading(saying, LANGUAGE, scene=scene, heard=[grams_of(text) for text in heard])


def gates(text: str, against: Reading) -> set[Gate]:
    return {stop.gate for stop in read_back(text, against)}


def test_a_written_line_passes_for_what_it_was_written_for_and_for_nothing_else() -> None:
    text = "It was last night that Corin Vey killed Ada Gull. Sit low."

    assert read_back(text, reading(KILLED)) == ()
    assert gates(text, reading(Stated("killed", (ADA, CORIN), (LAST_NIGHT,)))) == {Gate.ROLE}
    assert gates(text, reading(Stated("killed", (CORIN, ADA), (LAST_NIGHT,), negated=True))) == {
        Gate.NEGATION
    }
    assert gates(text, reading(KILLED, act=Act.ASK)) == {Gate.CLAIM}


def test_a_frame_is_known_by_the_plain_clause_in_it() -> None:
    text = "I say it because the nine bells will not: Corin Vey killed Ada Gull."

    assert read_back(text, reading(Stated("killed", (CORIN, ADA)))) == ()
    changed = text.replace("nine bells will not", "ninety bells of Ada Gull will not")
    assert gates(changed, reading(Stated("killed", (CORIN, ADA)))) == {Gate.CAUSE, Gate.NUMBER}


def test_a_stop_tells_what_was_found_and_where() -> None:
    text = "Corin Vey killed Ada Gull at Ropewalk Quay."

    (stop,) = read_back(text, reading(KILLED))

    assert (stop.gate, text[stop.start : stop.end], stop.found) == (
        Gate.NAME,
        "Ropewalk Quay",
        "Ropewalk Quay",
    )


def test_whom_neither_plan_nor_scene_speaks_of_is_not_named() -> None:
    for text, expected in {
        "Corin killed Ada Gull.": set(),
        "Corin Vey killed Ada Gull, says Una Pell.": set(),
        "Corin Vey killed Ada Gull, says Marrin.": {Gate.NAME},
        "Corin Vey killed somebody.": {Gate.SLOT},
        "Corin Vey killed Ada Gull. Saint or no Saint.": set(),
    }.items():
        assert gates(text, reading(KILLED)) == expected, text
    there = "Corin Vey killed Ada Gull. Rough water at Ropewalk Quay."
    assert gates(there, reading(KILLED, scene=(QUAY,))) == set()


def test_numbers_are_those_of_the_plan_in_words_or_digits() -> None:
    for text, expected in {
        "Ada Gull owes Corin Vey forty crowns.": set(),
        "Ada Gull owes Corin Vey 40 crowns.": set(),
        "Ada Gull owes Corin Vey forty-one crowns.": {Gate.NUMBER, Gate.SLOT},
        "Ada Gull owes Corin Vey 41 crowns.": {Gate.NUMBER, Gate.SLOT},
        "Ada Gull owes Corin Vey forty crowns and two hundred more.": {Gate.NUMBER},
        "Ada Gull owes Corin Vey forty crowns, and the two of us know it.": set(),
    }.items():
        assert gates(text, reading(OWES)) == expected, text


def test_numbers_that_the_voice_has_by_itself_may_be_said() -> None:
    given = replace(reading(KILLED), given="a boat, four oars")

    assert gates("Corin Vey killed Ada Gull, as all four of my oars know.", reading(KILLED)) == {Gate.NUMBER}
    assert gates("Corin Vey killed Ada Gull, as all four of my oars know.", given) == set()
    assert gates("Corin Vey killed Ada Gull, and I paid four crowns for it.", given) == {Gate.NUMBER}


def test_what_is_hidden_and_what_is_of_another_time_stops_a_line() -> None:
    secret = Stated("at", (CORIN, QUAY))

    assert gates("Not a word about Ropewalk Quay.", reading(hidden=(secret,))) == {Gate.SECRET}
    assert gates("I'll phone you. How can I help?", reading(act=Act.GREET)) == {Gate.PERIOD}
    assert gates("Two feet, nine toes. Good.", reading(act=Act.GREET)) == set()


def test_torn_and_endless_texts_stop() -> None:
    for text in ("", "Sit low", "Sit ~low~.", 'He said, "sit.', "Sit. " * 40, "Go on to the end. " * 4):
        assert Gate.FORM in gates(text, reading(act=Act.GREET)), text


def test_what_was_nearly_heard_lately_stops() -> None:
    heard = reading(act=Act.GREET, heard=["Sit low and mind the step, the water is rough."])

    assert gates("Sit low and mind the step, the water is rough now.", heard) == {Gate.REPETITION}
    assert gates("The water is rough. Hold on to the side, will you.", heard) == set()
    assert gates("Sit low.", reading(act=Act.GREET, heard=["Sit low."])) == set()


def test_a_line_with_placeholders_is_read_before_it_is_filled() -> None:
    plan, _ = read_plan("tell owes(A, B, N) | hides at(C, P)", SIGNATURES)
    assert plan is not None

    for text, expected in {
        "{A} owes {B} {N}, and {A.they} {A.is} late.": set(),
        "{A} owes {B}.": {Gate.SLOT},
        "{A} owes {B} {N} at {P}.": {Gate.SECRET},
        "{A} owes {B} {N} {T}.": {Gate.NAME},
        "{A.him} owes {B} {N} to {A}.": {Gate.SLOT},
        "{A} owes {B} {N": {Gate.FORM, Gate.NAME, Gate.SLOT},
        "{A} owes {B} {N}, all 40.": {Gate.NUMBER},
        "{A} owes {B} {N}, says Gault.": {Gate.NAME},
        "{A} owes {B} {N}. You may phone.": {Gate.PERIOD},
    }.items():
        found = {stop.gate for stop in read_back_template(text, plan, LANGUAGE)}
        assert found == expected, (text, found)
