"""A plan is said with a line that fits, never with one that says more, nor the same to the same ears."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from aicore.content.line_files import read_mouth, read_tongues, shipped_signatures
from aicore.content.line_preview import between, stated, things
from benchmarks.lines import CAST, spoken
from domain.story.asides import interjects
from domain.story.clauses import Stated
from domain.story.corpus import Words, read_file
from domain.story.plan import LETTERS, Act, Attitude, Certainty, Claim, Kind, Mood, Signature, read_signatures
from domain.story.saying import Heard, Rung, Said, Saying, Tongue, tongue_for, tongues_of
from domain.story.variety import ALIKE, likeness, words_of

SIGNATURES = read_signatures(
    "dead: person\nkilled: person person\nowes: person person sum\ntook: subject=person value=good"
)
CLAUSES = {
    "dead": "{1} [is|am|are] dead",
    "not dead": "{1} [is|am|are] not dead",
    "killed": "{1} killed {2}",
    "owes": "{1} [owes|owe] {2} {3}",
    "took": "{1} took {2}{@ from}",
}
HEAD = "genre: inn\nvoice: host\nfor: host\ngiven: a jug\nhabits: short\n\n"
KNOWN = things({})
BETWEEN = between(KNOWN)


def tongue(body: str) -> Tongue:
    pairs, faults = read_file("inn/host.txt", HEAD + body, SIGNATURES, Words())
    assert not faults
    lines, frames = ([pair for pair in pairs if pair.is_frame == which] for which in (False, True))
    return tongues_of(lines, CLAUSES, frames)["inn/host"]


def test_a_line_that_begins_as_one_that_was_heard_gets_an_aside_of_the_voice() -> None:
    pairs, faults = read_file(
        "inn/host.txt",
        HEAD.strip() + "\nasides: Well now. / Hm.\n\n> greet\nSit by the fire.\n",
        SIGNATURES,
        Words(),
    )
    host = tongues_of(pairs, CLAUSES)["inn/host"]
    host.by_shape[Act.GREET, ()][0] = replace(host.by_shape[Act.GREET, ()][0], level=2)
    greeting, heard, said = Saying(Act.GREET, BETWEEN), Heard(), []
    for at in range(1, 4):
        said.append(host.say(greeting, heard, "seed"))
        heard = Heard(
            {**heard.lines, **dict.fromkeys(said[-1].lines, at)}, {*heard.openings, *said[-1].openings}
        )

    assert not faults
    assert [each.text for each in said[:1]] == ["Sit by the fire."]
    assert {each.text for each in said[1:]} == {"Well now. Sit by the fire.", "Hm. Sit by the fire."}
    host.by_shape[Act.GREET, ()][0] = replace(host.by_shape[Act.GREET, ()][0], level=0)
    assert host.say(greeting, Heard(), "seed").text != "Sit by the fire.", "anybody might say it"


def test_a_line_that_begins_with_a_word_or_two_gets_no_aside_before_them() -> None:
    """*Scar:* "Pray attend. Yes. Gault.", which a blind reader stumbled over."""
    for begins, whether in (("Yes. The bar is shut.", True), ("Not me! Ask him.", True), ("I am he.", False)):
        assert interjects(begins) is whether


def test_what_a_voice_alone_would_say_goes_before_what_anybody_would() -> None:
    mine = "".join(f"Mind the rope, mind the {thing}.\n" for thing in ("oar", "pole", "lamp", "tide"))
    own = f"> small_talk\n{mine}> greet\nYou are here again.\nMind the rope, friend.\n"
    other = "> small_talk\nYou are late again.\nYou are here too soon.\nYou are here for money.\n"
    files = {"host": own, "cook": other}
    pairs = [
        pair
        for name, body in files.items()
        for pair in read_file(
            f"inn/{name}.txt", HEAD.replace("voice: host", f"voice: {name}") + body, SIGNATURES, Words()
        )[0]
    ]
    host = tongues_of(pairs, CLAUSES)["inn/host"]

    levels = {each.pair.text: each.level for each in host.by_shape[Act.GREET, ()]}
    assert levels["You are here again."] < levels["Mind the rope, friend."]
    for seed in "abcdef":
        assert host.say(Saying(Act.GREET, BETWEEN), Heard(), seed).text == "Mind the rope, friend."


def of(text: str) -> Stated:
    predicate, _, roles = text.partition(" ")
    letters, _, more = roles.partition(";")
    (claim,) = stated((Claim(predicate, tuple(letters.split()), tuple(more.split())),), KNOWN, SIGNATURES)
    return claim


def told(host: Tongue, *claims: str, heard: Heard | None = None, **manner: object) -> Said:
    saying = Saying(Act.TELL, BETWEEN, tuple(map(of, claims)), **manner)  # type: ignore[arg-type]
    return host.say(saying, heard or Heard(), "seed")


def test_letters_are_bound_by_role_and_who_speaks_is_no_letter() -> None:
    host = tongue("> tell killed(A, B)\n{A} it was. Poor {B}.\n> tell killed(S, A)\nI did for {A}.\n")

    assert told(host, "killed B A").text == "Nettie Corran it was. Poor Bram Sallow."
    assert told(host, "killed S B").text == "I did for Nettie Corran."
    assert told(host, "killed H A") == Said("You killed Bram Sallow.", Rung.CLAUSE, (), ("you killed bram",))


def test_a_line_never_says_more_than_the_plan_nor_surer() -> None:
    host = tongue("> tell dead(A; T)\n{A}, {T}.\n> tell dead(A) | hearsay\nThey say {A} is dead.\n")

    assert told(host, "dead A").text == "Bram Sallow is dead."
    assert told(host, "dead A;T").text == "Bram Sallow, last night."
    assert told(host, "dead A;T", certainty=Certainty.HEARSAY).text == "They say Bram Sallow is dead."


def test_the_nearest_mood_is_taken_and_an_opposite_one_never() -> None:
    host = tongue(
        "> tell dead(A) | merry\nHa, {A}!\n> tell dead(A)\n{A} is gone.\n> tell dead(A) | sad\nOh, {A}.\n"
    )

    assert told(host, "dead A", mood=Mood.SAD).text == "Oh, Bram Sallow."
    assert told(host, "dead A", mood=Mood.MERRY).text == "Ha, Bram Sallow!"
    gloomy = tongue("> tell dead(A) | merry\nHa, {A}!\n> tell dead(B) | warm\nDear, {B} is dead.\n")
    assert told(gloomy, "dead A", mood=Mood.SAD, attitude=Attitude.COLD).rung == Rung.CLAUSE


def test_what_was_heard_comes_last_and_what_begins_alike_before_it() -> None:
    host = tongue("> tell dead(A)\n{A} is dead, friend.\n{A} is dead, cousin.\nDead, {A} is.\n")
    heard: list[Said] = []
    for _ in range(4):
        lines = {id_: when for when, said in enumerate(heard, 1) for id_ in said.lines}
        heard.append(
            told(host, "dead A", heard=Heard(lines, {each for said in heard for each in said.openings}))
        )

    assert len({said.text for said in heard[:3]}) == 3
    assert sorted(said.text.startswith("Dead") for said in heard[:2]) == [False, True]
    assert heard[3] == Said("Bram Sallow is dead.", Rung.CLAUSE, (), ("bram sallow is",))


def test_what_claims_nothing_comes_again_the_oldest_first() -> None:
    host = tongue("> greet\nSit.\nStand.\n")
    greeting = Saying(Act.GREET, BETWEEN)
    first = host.say(greeting, Heard(), "")
    second = host.say(greeting, Heard({first.lines[0]: 1}), "")

    assert {first.text, second.text} == {"Sit.", "Stand."}
    assert host.say(greeting, Heard({first.lines[0]: 1, second.lines[0]: 2}), "") == first


def test_two_claims_are_said_by_one_line_or_two_or_as_clauses() -> None:
    both = "> tell owes(A, B, N) & dead(A)\n{A} owed {B} {N} and died of it.\n"
    each = "> tell dead(A)\n{A} is gone.\n> tell owes(A, B, N)\n{N}, {A} owes {B}.\n"

    assert told(tongue(both), "dead A", "owes A B N").rung == Rung.LINE
    assert told(tongue(each), "dead A", "owes A B N").text == (
        "Bram Sallow is gone. Forty crowns, Bram Sallow owes Nettie Corran."
    )
    assert told(tongue("> greet\nSit.\n"), "dead A", "owes S H N").text == (
        "Bram Sallow is dead. I owe you forty crowns."
    )


def test_two_letters_are_never_one_person() -> None:
    host = tongue("> tell dead(A) & dead(B)\nBoth, {A} and {B}.\n")

    assert told(host, "dead A", "dead C").text == "Both, Bram Sallow and Gault."
    assert told(host, "dead A", "dead A").rung == Rung.CLAUSE


def test_clauses_ask_and_name_from_whom_and_who_told() -> None:
    host = tongue("> ask\nWell?\n")
    (asked,) = stated((Claim("killed", ("?", "A")),), KNOWN, SIGNATURES)
    saying = Saying(Act.ASK, BETWEEN, (asked,))

    assert host.say(saying, Heard(), "").text == "Who killed Bram Sallow? Well?"
    assert told(host, "took A G;C").text == "Bram Sallow took a tin saint from Gault."
    assert told(host, "dead A;C").text == "Gault told me that Bram Sallow is dead."
    assert told(host, "dead A", certainty=Certainty.LIKELY).text == "Most likely Bram Sallow is dead."


def test_what_is_denied_is_not_stated_and_an_answer_may_be_told() -> None:
    host = tongue("> tell dead(A)\n{A} is gone.\n> deny\nNot I.\n")

    for act, text in ((Act.DENY, "Bram Sallow is not dead. Not I."), (Act.ANSWER, "Bram Sallow is gone.")):
        assert host.say(Saying(act, BETWEEN, (of("dead A"),)), Heard(), "").text == text


def test_beside_a_warning_that_no_line_says_stands_no_other_warning() -> None:
    host = tongue("> tell\nSo much for that.\n> warn\nThe stairs are rotten.\n")
    warning = Saying(Act.WARN, BETWEEN, (of("dead A"),))

    assert host.say(warning, Heard(), "").text == "Bram Sallow is dead. So much for that."
    assert host.say(replace(warning, claims=()), Heard(), "").text == "The stairs are rotten."


def test_a_clause_stands_in_a_frame_of_the_voice_that_is_as_sure() -> None:
    host = tongue("> tell\nMind you, {claim}.\n> tell | hearsay\n{claim}, so they say.\n")

    assert told(host, "owes S H N").text == "Mind you, I owe you forty crowns."
    assert told(host, "owes S H N", "dead A").text == (
        "Mind you, I owe you forty crowns. Bram Sallow is dead."
    )
    assert told(host, "owes S H N", certainty=Certainty.HEARSAY).text == (
        "I owe you forty crowns, so they say."
    )
    assert told(host, "owes S H N", "dead A", certainty=Certainty.HEARSAY).text == (
        "They say that I owe you forty crowns. Bram Sallow is dead, so they say."
    ), "each as sure as the plan"
    assert told(host, "owes S H N", certainty=Certainty.UNSURE).text == (
        "It may be that I owe you forty crowns."
    )
    assert told(host, "dead A ; B", certainty=Certainty.HEARSAY).text == (
        "Mind you, Nettie Corran told me that Bram Sallow is dead."
    ), "who told it is how sure one is of it"


def test_who_was_named_is_he_in_the_sentence_behind_where_nobody_else_can_be_meant() -> None:
    host = tongue("> tell\nMind you, {claim}.\n")

    assert told(host, "owes A B N", "dead A").text == (
        "Mind you, Bram Sallow owes Nettie Corran forty crowns. He is dead."
    )
    for other in ("killed A C", "killed B A", "killed S A"):
        assert told(host, other, "dead A").text.endswith("Bram Sallow is dead."), other


def test_what_is_nearly_what_was_heard_gives_way_to_another_way_of_saying_it() -> None:
    host = tongue("> tell dead(A)\n{A} is as dead as a nail.\nNo breath left in {A}, none at all.\n")
    first = told(host, "dead A")
    other = told(host, "dead A", heard=Heard(texts=[frozenset(words_of(f"Well, {first.text}"))]))

    assert {first.text, other.text} == {
        "Bram Sallow is as dead as a nail.",
        "No breath left in Bram Sallow, none at all.",
    }
    only = frozenset(words_of("Bram Sallow is dead."))
    assert told(tongue("> greet\nSit.\n"), "dead A", heard=Heard(texts=[only])).text == "Bram Sallow is dead."


def test_what_claims_nothing_and_was_heard_comes_beside_another_line() -> None:
    host = tongue("> refuse\nNot for any money.\n> small_talk\nRain again, and on a market day.\n")
    asked = Saying(Act.REFUSE, BETWEEN)
    first = host.say(asked, Heard(), "")
    heard = Heard({first.lines[0]: 1}, texts=[frozenset(words_of(first.text))])

    assert host.say(asked, heard, "").text == "Not for any money. Rain again, and on a market day."


def test_a_player_hears_five_hundred_lines_of_a_cast_and_hardly_one_twice() -> None:
    """The share that the story's order allows, near-duplicates counted: one in a hundred."""
    tongues = read_tongues()
    told = spoken([tongues[name] for name in CAST], "by day", 500, [])
    before: list[frozenset[str]] = []
    again = 0
    for _, said in told:
        again += likeness(said.text, before) > ALIKE
        before.append(frozenset(words_of(said.text)))

    assert again <= 5


def test_a_clause_in_a_frame_begins_large_where_its_sentence_does() -> None:
    host = tongue("> tell\nHave a seat. {claim}.\nHave a seat: {claim}.\n")
    assert sorted(each.pair.text for each in host.frames[Act.TELL, Certainty.SURE]) == [
        "Have a seat. {claim}.",
        "Have a seat: {claim}.",
    ]
    first = told(host, "dead S")
    second = told(host, "dead S", heard=Heard(dict.fromkeys(first.lines, 1)))
    assert {first.text, second.text} == {"Have a seat. I am dead.", "Have a seat: I am dead."}


def test_who_refuses_to_speak_of_it_states_it_as_little_as_who_has_nothing_to_tell() -> None:
    host = tongue("> refuse\nNot for any money.\n> tell\nYou heard.\n> small_talk\nRain again.\n")

    assert (
        host.say(Saying(Act.REFUSE, BETWEEN, (of("killed S A"),)), Heard(), "").text == "Not for any money."
    )
    assert host.say(Saying(Act.TELL, BETWEEN), Heard(), "").text == "Rain again.", "no claim before it"


def test_what_the_same_ears_are_told_again_is_told_as_such() -> None:
    lines = "> tell dead(A)\n{A} is dead.\n{A}, gone.\n"
    pairs, _ = read_file(
        "inn/host.txt", HEAD.strip() + "\nagain: As I said.\n\n" + lines, SIGNATURES, Words()
    )
    host = tongues_of(pairs, CLAUSES)["inn/host"]

    assert "As I said." not in told(host, "dead A").text
    assert told(host, "dead A", heard=Heard(told=True)).text.startswith("As I said. ")


def test_who_talks_in_a_world_has_the_frames_of_their_voice() -> None:
    tongues, known = read_mouth().tongues, read_tongues()
    assert {name: len(each.frames) for name, each in tongues.items()} == {
        name: len(each.frames) for name, each in known.items()
    }
    assert all(tongues[name].frames for name in CAST)


def test_a_plan_does_not_state_what_it_hides() -> None:
    with pytest.raises(ValueError, match="hides"):
        told(tongue("> greet\nSit.\n"), "dead A", hidden=(of("dead A"),))


def test_everybody_keeps_a_voice_that_serves_them() -> None:
    voices: dict[str, Tongue] = {}
    for genre, name, serves in (
        ("inn", "host", "wry trader"),
        ("inn", "cook", "wry"),
        ("sea", "mate", "wry trader"),
    ):
        head = f"genre: {genre}\nvoice: {name}\nfor: {serves}\ngiven: a jug\nhabits: short\n\n"
        pairs, _ = read_file(f"{genre}/{name}.txt", head + "> greet\nSit.\n", SIGNATURES, Words())
        voices |= tongues_of(pairs, CLAUSES)

    assert tongue_for(voices, "inn", "ada", "wry", "trader") == "inn/host"
    assert tongue_for(voices, "sea", "ada", "exact") == "sea/mate"
    assert {tongue_for(voices, "inn", str(n), "wry") for n in range(20)} == {"inn/host", "inn/cook"}
    assert len({tongue_for(voices, "air", "ada", "wry") for _ in range(9)}) == 1


def test_every_voice_says_every_claim_with_all_its_names() -> None:
    signatures, tongues, said, lines = shipped_signatures(), read_tongues(), 0, 0
    for name, each in tongues.items():
        for act in (Act.TELL, Act.ACCUSE):
            for claim in all_claims(signatures):
                (about,) = stated((claim,), KNOWN, signatures)
                words = each.say(Saying(act, BETWEEN, (about,)), Heard(), name)
                said, lines = said + 1, lines + (words.rung == Rung.LINE)
                assert said_of(claim, words.text), (name, str(claim), words.text)

    assert lines > said / 4


def all_claims(signatures: dict[str, Signature]) -> Iterator[Claim]:
    """Each predicate once, with a letter of its own for each role."""
    for predicate, roles in signatures.items():
        letters: list[str] = []
        for _, kinds in roles:
            letters.append(next(one for one, kind in LETTERS.items() if kind in kinds and one not in letters))
        yield Claim(predicate, tuple(letters))


def said_of(claim: Claim, text: str) -> bool:
    """Whether the people, places, factions, sums and times of a claim are in a text by name."""
    kinds = (Kind.PERSON, Kind.PLACE, Kind.FACTION, Kind.SUM, Kind.TIME)
    names = [KNOWN[each].filling.name for each in claim.roles if LETTERS[each] in kinds]
    return all(name.lower() in text.lower() for name in names)
