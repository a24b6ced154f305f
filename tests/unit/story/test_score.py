"""Of candidates that passed the gates, the one of the voice, of the length and not heard lately is best."""

from domain.story.corpus import Pair, read_file, read_words
from domain.story.plan import Length
from domain.story.reading import grams_of
from domain.story.score import Wanted, score, voices_of

HEAD = "genre: harbour\nvoice: {}\nfor: guide\ngiven: a boat\nhabits: slow\n\n> greet\n"
FERRY = "Mind the water. Sit low.\nThe water minds us. Sit, then.\nMind the rope, and the water will wait.\n"
CLERK = "Sign here, if you please.\nThe ledger says so, if you please.\nSign the ledger. Sign again.\n"


def pairs(voice: str, lines: str) -> list[Pair]:
    found, faults = read_file(f"harbour/{voice}.txt", HEAD.format(voice) + lines, {}, read_words(""))
    assert not faults
    return list(found)


VOICES = voices_of([*pairs("ferryman", FERRY), *pairs("clerk", CLERK)])


def test_a_line_is_nearest_to_the_voice_whose_words_it_has() -> None:
    line = "Mind the water, will you."

    assert score(line, Wanted("harbour/ferryman"), VOICES) > score(line, Wanted("harbour/clerk"), VOICES)
    assert VOICES.nearness("Nobody heard that before.", "harbour/ferryman") == 0.0
    assert VOICES.nearness(line, "harbour/nobody") == 0.0


def test_what_was_heard_and_what_is_too_long_is_worse() -> None:
    line, other = "Mind the water, will you.", "Mind the water, or sit low with me."
    heard = Wanted("harbour/ferryman", heard=[grams_of(line)])

    assert score(line, heard, VOICES) < score(line, Wanted("harbour/ferryman"), VOICES)
    wanted = Wanted("harbour/nobody", Length.SHORT)
    assert score(line, wanted, VOICES) > score(f"{other} {other} {other}", wanted, VOICES)
    assert score(line, Wanted("harbour/ferryman", fit=0.5), VOICES) > score(
        line, Wanted("harbour/ferryman"), VOICES
    )
