"""Words under a key: the same bytes each time, and nothing without the key."""

import pytest

from aicore.settings import load_settings
from aicore.wiring.sealing import Seal, SealError, seal_of
from domain.guardrails.messages import EXCERPT_MAX, ViolationDetected
from tests.unit.spec import changed

KEY, OTHER = bytes(range(64)), bytes(64)
TURN, PLACE = "0190a6c0f3a87cc2b5a2d6e1f0a1b2c3", "input:11-31"
WORDS = "jane.roe@example.com"


def test_what_is_sealed_is_read_again_with_the_same_key_at_the_same_place() -> None:
    sealed = Seal(KEY).close(WORDS, TURN, PLACE)

    assert Seal(KEY).close(WORDS, TURN, PLACE) == sealed, "a retry must make the same violation"
    assert Seal(KEY).open(sealed, TURN, PLACE) == WORDS
    assert "jane" not in sealed


def test_equal_words_of_two_turns_or_places_do_not_show_as_equal() -> None:
    seal = Seal(KEY)

    assert (
        len({seal.close(WORDS, turn, place) for turn in (TURN, "a1") for place in (PLACE, "input:1-21")}) == 4
    )


@pytest.mark.parametrize(
    ("key", "turn", "sealed"),
    [
        (OTHER, TURN, None),
        (KEY, "a1", None),
        (KEY, TURN, "AAAA"),
        (KEY, TURN, "no base64"),
        (KEY, TURN, "A" * 40),
    ],
)
def test_another_key_or_place_reads_nothing_and_says_what_to_do(
    key: bytes, turn: str, sealed: str | None
) -> None:
    sealed = sealed or Seal(KEY).close(WORDS, TURN, PLACE)

    with pytest.raises(SealError, match="AICORE_PERSONAL_KEY") as caught:
        Seal(key).open(sealed, turn, PLACE)

    assert key.hex() not in str(caught.value)


def test_the_longest_words_fit_into_the_event() -> None:
    sealed = Seal(KEY).close("\U0001f47b" * EXCERPT_MAX, TURN, PLACE)
    event = ViolationDetected.from_example()

    assert ViolationDetected.model_validate({**event.model_dump(), "sealed": sealed}).sealed == sealed
    assert changed(event, sealed="").sealed == ""


def test_without_a_key_there_is_no_seal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert seal_of(load_settings()) is None
    monkeypatch.setenv("AICORE_PERSONAL_KEY", KEY.hex().upper())
    seal = seal_of(load_settings())

    assert seal is not None
    assert seal.close(WORDS, TURN, PLACE) == Seal(KEY).close(WORDS, TURN, PLACE)
    assert KEY.hex() not in repr(seal).lower()
