"""What is wrong in a file of lines is told with its place, and a corpus that repeats itself is told so."""

from domain.story.corpus import Found, Pair, Words, read_file, read_words
from domain.story.plan import read_signatures
from domain.story.variety import variety_of

SIGNATURES = read_signatures("dead: person\nkilled: person person\nat: person place\n")
WORDS = read_words("okay\nglad to help\n+Saint\n")
HEAD = "genre: harbour\nvoice: ferryman\nfor: guide\ngiven: a boat\nhabits: slow\n\n"


def read(body: str, head: str = HEAD, words: Words = WORDS) -> tuple[list[Pair], list[Found]]:
    pairs, faults = read_file("harbour/ferryman.txt", head + body, SIGNATURES, words)
    return list(pairs), list(faults)


def test_each_line_makes_a_pair_with_the_header_above_it() -> None:
    pairs, faults = read("> tell dead(A) | sad\n# why\n{A} is dead.\n\nGone.  ~A\n> greet\nSit.\n")

    assert faults == []
    assert [(pair.text, str(pair.plan), pair.mark.line) for pair in pairs] == [
        ("{A} is dead.", "tell dead(A) | sad", 9),
        ("Gone.", "tell dead(A) | sad", 11),
        ("Sit.", "greet", 13),
    ]
    assert pairs[0].voice.serves == ("guide",)


def test_each_fault_of_a_line_is_told() -> None:
    lines = {
        "{A} went to {P}.": "extra_placeholder",
        "They are dead.": "missing_placeholder",
        "{A.is}n't {A.am}.": "placeholder",
        "{A} is dead.  ~B": "left_out",
        "{A} is dead, and Orrin knows.": "capital",
        "{A} is dead. She knew 2 songs.": "digit",
        "{A} is dead, okay.": "vocabulary",
        "{A} is dead; I was glad to help.": "vocabulary",
        "{A} is dead, and {A.they} knows.": "agreement",
        "dead, {A} is.": "beginning",
        "{A} is dead": "end",
        "{A} is dead <here>.": "odd_character",
    }

    for line, kind in lines.items():
        _, faults = read(f"> tell dead(A)\n{line}\n")
        assert {each.fault.kind for each in faults} == {kind}, line
        assert all(str(each.mark) == "harbour/ferryman.txt:8" for each in faults), line


def test_a_frame_says_its_claim_once_and_claims_nothing_itself() -> None:
    pairs, faults = read("> tell | hearsay\n{claim}, they say.\nSo they say, {S}.\n")
    assert faults == []
    assert [pair.is_frame for pair in pairs] == [True, False]

    for body in (
        "> greet\nSit, for {claim}.\n",
        "> tell dead(A)\n{A} is dead, as {claim}.\n",
        "> tell\n{claim}, and {claim}.\n",
    ):
        _, faults = read(body)
        assert {each.fault.kind for each in faults} == {"frame"}, body


def test_what_is_right_is_not_a_fault() -> None:
    _, faults = read(
        "> tell dead(A)\n"
        '"{A} is dead," I said. "Who\'s next?" Saint or not, I\'d say {H} knows… Or {S}?\n'
        "I ask you: {A}, dead! And I'm here.\n"
    )

    assert faults == []


def test_a_file_without_its_head_or_with_empty_headers_is_told() -> None:
    _, headless = read("> greet\nSit.\n", head="genre: harbour\nvoise: ferryman\n")
    _, empty = read("> greet\n> farewell\nGo.\n")
    _, nothing = read("")

    assert [(each.fault.kind, each.fault.nearest) for each in headless] == [
        ("unknown_key", "voice"),
        ("missing_head", ""),
    ]
    assert [(each.fault.kind, each.mark.line) for each in empty] == [("no_lines", 7)]
    assert [each.fault.kind for each in nothing] == ["empty"]


def test_lines_that_repeat_each_other_are_told() -> None:
    run = "the long way round by the old wall again"
    pairs, _ = read(f"> greet\nCome {run}, you.\nGo {run}, friend.\nSit, friend.\nSit, friend!\n")

    variety, faults = variety_of(pairs)

    assert variety.pairs == 4
    assert variety.counts["act"] == {"greet": 4}
    assert variety.shared_runs == 0.5
    assert [(each.fault.kind, each.mark.line) for each in faults] == [
        ("duplicate", 11),
        ("shared_run", 8),
        ("shared_run", 9),
    ]


def test_a_voice_that_begins_alike_is_told() -> None:
    words = ("ash", "bell", "cord", "dust", "eel", "fog")
    lines = [f"Mind the {one} and {other}." for one in words for other in words]
    lines += [f"{one.title()} over {other}." for one in words for other in words]
    pairs, _ = read("> greet\n" + "\n".join(lines))

    variety, faults = variety_of(pairs)

    assert round(variety.openings["harbour/ferryman"] * len(pairs)) == 30
    assert {each.fault.kind for each in faults} == {"opening"}
    assert len(faults) == 30


def test_an_aside_is_a_word_or_two_that_end() -> None:
    pairs, faults = read(
        "> greet\nSit.\n", HEAD.strip() + "\nasides: Mind. / Mind now, / Mind the rope. / Okay.\n\n"
    )

    assert [(each.fault.kind, each.fault.found) for each in faults] == [
        ("aside", "'Mind now,'"),
        ("aside", "'Mind the rope.'"),
        ("vocabulary", "the words 'okay'"),
    ]
    assert pairs[0].voice.asides == ("Mind.", "Mind now,", "Mind the rope.", "Okay.")
