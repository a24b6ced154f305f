"""What a line states is read by its words: the plan's claims may be said, and nothing else about anybody."""

from dataclasses import replace

from aicore.content.line_files import WORDINGS, shipped_folder, shipped_signatures
from domain.story.bank import Bank
from domain.story.clauses import Between, Stated, Thing
from domain.story.language import Language, with_names
from domain.story.plan import Act, Kind
from domain.story.reading import Gate, Reading, read_back
from domain.story.saying import Saying
from domain.story.slots import Filling, Gender
from domain.story.wordings import read_wordings


def thing(id_: str, name: str, gender: Gender = Gender.SHE) -> Thing:
    return Thing(id_, Kind(id_.partition(".")[0]), Filling(name, gender))


ADA, CORIN = thing("person.gull", "Ada Gull"), thing("person.vey", "Corin Vey", Gender.HE)
UNA, SILAS = thing("person.una", "Una Pell"), thing("person.silas", "Silas Wend", Gender.HE)
QUAY, MILL = thing("place.quay", "Ropewalk Quay"), thing("place.mill", "the Tide Mill")
FORTY, KEY = thing("sum.forty", "forty crowns"), thing("good.key", "a tide key")
LAST_NIGHT = thing("time.last_night", "last night")
WORDINGS_READ = read_wordings((shipped_folder() / WORDINGS).read_text(), shipped_signatures())
LANGUAGE = with_names(
    Language(Bank(()), wordings=WORDINGS_READ),
    {one.id: one.filling.name for one in (ADA, CORIN, UNA, SILAS, QUAY, MILL)},
)
KILLED = Stated("killed", (CORIN, ADA))
OWES = Stated("owes", (ADA, CORIN, FORTY))
TOOK = Stated("took", (UNA, KEY))


def against(*claims: Stated, act: Act = Act.TELL, hidden: tuple[Stated, ...] = ()) -> Reading:
    return Reading(Saying(act, Between(UNA, SILAS), claims, hidden=hidden), LANGUAGE)


def gates(text: str, reading: Reading) -> set[Gate]:
    return {stop.gate for stop in read_back(text, reading)}


def test_a_claim_may_be_worded_in_many_ways() -> None:
    for text in (
        "Corin Vey killed Ada Gull.",
        "Ada Gull was murdered by Corin Vey.",
        "It was Corin who really killed Ada Gull, poor soul.",
        "Ada Gull died at Corin Vey's hands. I don't like to say it.",
        "Ada Gull is dead, and Corin Vey killed her.",
        "What Corin Vey did to Ada Gull, nobody will wash off.",
    ):
        assert gates(text, against(KILLED)) == set(), text


def test_a_claim_that_is_denied_or_turned_round_stops() -> None:
    for text, expected in {
        "Corin Vey did not kill Ada Gull.": Gate.NEGATION,
        "Corin Vey never killed Ada Gull.": Gate.NEGATION,
        "Corin Vey has never killed Ada Gull, has he?": Gate.NEGATION,
        "It is not true that Corin Vey killed Ada Gull.": Gate.NEGATION,
        "Corin Vey killed Ada Gull. That's a lie.": Gate.NEGATION,
        "Ada Gull killed Corin Vey.": Gate.ROLE,
        "Corin Vey was killed by Ada Gull.": Gate.ROLE,
        "Corin Vey will kill Ada Gull.": Gate.TIME,
    }.items():
        assert gates(text, against(KILLED)) == {expected}, text
    assert gates("Corin Vey owes Ada Gull forty crowns.", against(OWES)) == {Gate.DEBT}


def test_what_must_have_been_so_is_not_denied() -> None:
    broke = Stated("broke_promise", (CORIN, ADA))

    assert gates("Corin Vey never promised Ada Gull, and it went like a bad oyster.", against(broke)) == {
        Gate.NEGATION
    }
    assert gates("Corin Vey promised Ada Gull, and it went like a bad oyster.", against(broke)) == set()


def test_who_denies_must_deny() -> None:
    assert gates("I did not take the tide key.", against(TOOK, act=Act.DENY)) == set()
    assert gates("I took the tide key.", against(TOOK, act=Act.DENY)) == {Gate.NEGATION}
    assert gates("Did Corin Vey kill Ada Gull?", against(KILLED, act=Act.ASK)) == set()


def test_another_time_place_or_reason_stops() -> None:
    near = replace(against(KILLED), scene=(MILL,))
    for text, expected in {
        "Corin Vey killed Ada Gull a week ago.": {Gate.TIME},
        "Corin Vey killed Ada Gull at the Tide Mill.": {Gate.PLACE},
        "Corin Vey killed Ada Gull because he wanted the money.": {Gate.CAUSE},
        "Corin Vey killed Ada Gull, and all for love.": {Gate.CAUSE},
        "Corin Vey killed Ada Gull. I say it because I must.": set(),
        "Corin Vey killed Ada Gull. I'll be at the Tide Mill tomorrow.": set(),
    }.items():
        assert gates(text, near) == expected, text
    dated = against(replace(KILLED, circumstances=(LAST_NIGHT,)))
    assert gates("Last night Corin Vey killed Ada Gull.", dated) == set()


def test_nothing_else_is_claimed_about_anybody() -> None:
    scene = replace(against(OWES), scene=(MILL, KEY))
    for text, expected in {
        "Ada Gull owes Corin Vey forty crowns, and she stole the tide key.": {Gate.CLAIM},
        "Ada Gull owes Corin Vey forty crowns. She is married.": {Gate.CLAIM},
        "Ada Gull owes Corin Vey forty crowns. I like her, and you know it.": set(),
        "Ada Gull owes Corin Vey forty crowns. If she killed him for it, I'd not weep.": set(),
    }.items():
        assert gates(text, scene) == expected, text


def test_what_the_speaker_believes_stops_too_and_the_reason_says_so() -> None:
    theft = Stated("took", (ADA, KEY))
    believed = replace(against(OWES), scene=(KEY,), believed=(theft,))

    (stop,) = read_back("Ada Gull owes Corin Vey forty crowns. Ada Gull stole the tide key.", believed)

    assert (stop.gate, stop.why.endswith("which the speaker believes and the plan does not say")) == (
        Gate.CLAIM,
        True,
    )


def test_the_dead_and_the_absent_are_not_here() -> None:
    dead = replace(against(OWES), dead=frozenset({ADA.id}))
    away = replace(against(OWES), present=frozenset({UNA.id, SILAS.id}))
    said = "Ada Gull owes Corin Vey forty crowns."

    assert gates(f"{said} Ada Gull is standing right behind you.", dead) == {Gate.PRESENCE}
    assert gates(f"{said} Ask Ada Gull.", dead) == {Gate.PRESENCE}
    assert gates(f"{said} Ada Gull is at the window.", away) == {Gate.PRESENCE}
    assert gates(f"{said} Ada Gull always laughed at it.", dead) == set()
    assert gates("Corin Vey killed Ada Gull. Ada Gull just walked in.", against(KILLED)) == {Gate.PRESENCE}


def test_a_secret_is_not_said_in_any_words() -> None:
    hidden = against(OWES, hidden=(Stated("killed", (CORIN, ADA)),))

    for text in (
        "Ada Gull owes Corin Vey forty crowns, and Corin Vey killed her.",
        "Ada Gull owes Corin Vey forty crowns. Between us, it was he who murdered Ada Gull.",
        "Ada Gull owes Corin Vey forty crowns; so he had Ada Gull killed.",
    ):
        assert Gate.SECRET in gates(text, hidden), text


def test_nobody_contradicts_what_they_said_before() -> None:
    at_the_mill = replace(against(OWES), said=(Stated("at", (CORIN, MILL)),), scene=(MILL, QUAY))

    for text, expected in {
        "Ada Gull owes Corin Vey forty crowns. Corin Vey is not at the Tide Mill.": True,
        "Ada Gull owes Corin Vey forty crowns. You'll find Corin Vey at Ropewalk Quay.": True,
        "Ada Gull owes Corin Vey forty crowns.": False,
    }.items():
        assert (Gate.CONTRADICTION in gates(text, at_the_mill)) is expected, text
    square = replace(against(OWES), said=(replace(OWES, negated=True),))
    assert gates("Ada Gull owes Corin Vey forty crowns.", square) == {Gate.CONTRADICTION}
