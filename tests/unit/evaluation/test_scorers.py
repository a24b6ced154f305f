"""Each scorer by example: what is good, what is bad, and what is none of its business."""

import math
from typing import Any

import pytest

from domain.evaluation.scorers import Answer, Scorer, scorers_of
from domain.evaluation.suite import ANSWERED, Case, UnknownScorer, check_scorers
from tests.unit.evaluation.kit import FACT, case, suite, told

SCORERS = scorers_of(suite(token_ms=16.0), rating=lambda text: 3.0 if "gore" in text else 0.5)
PATTERN = '\\{"action": "(give|wait)"\\}'


def score(name: str, text: str, **fields: Any) -> float | None:
    return SCORERS[name](case(**fields), told(text))


@pytest.mark.parametrize(
    ("name", "fields", "text", "expected"),
    [
        ("answered", {}, "Mind the step.", 1.0),
        ("answered", {}, "  \n", 0.0),
        ("structure", {}, "Anything.", None),
        ("structure", {"pattern": PATTERN}, '{"action": "give"}', 1.0),
        ("structure", {"pattern": PATTERN}, '{"action": "give"', 0.0),
        ("structure", {"pattern": PATTERN}, "I give it.", 0.0),
        ("allowed_action", {}, "wait", None),
        ("allowed_action", {"actions": ["wait"]}, " wait ", 1.0),
        ("allowed_action", {"actions": ["wait"]}, '{"action": "wait"}', 1.0),
        ("allowed_action", {"actions": ["wait"]}, '{"action": "stab"}', 0.0),
        ("allowed_action", {"actions": ["wait"]}, '{"action": ["wait"]}', 0.0),
        ("allowed_action", {"actions": ["wait"]}, '["wait"]', 0.0),
        ("allowed_action", {"actions": ["wait"]}, "[" * 100_000, 0.0),
        ("lore_stated", {}, "Mind the step.", None),
        ("lore_stated", {"facts": [FACT]}, "Listen: Seven boats  were lost off the Saltings.", 1.0),
        ("lore_stated", {"facts": [FACT]}, "Nine boats were lost off the Saltings.", 0.0),
        ("lore_stated", {"facts": [FACT, "Gault sleeps"]}, f"{FACT}.", 0.5),
        ("lore_contradicted", {}, "Mind the step.", None),
        ("lore_contradicted", {"facts": [FACT]}, f"{FACT}.", 1.0),
        ("lore_contradicted", {"facts": [FACT]}, "I know nothing of boats.", 1.0),
        ("lore_contradicted", {"facts": [FACT]}, "Nine boats were lost off the Saltings.", 0.0),
        ("lore_contradicted", {"truths": [FACT]}, "Seven boats were lost off Kilnside.", 0.0),
        ("lore_contradicted", {"truths": [FACT]}, "Seven boats were lost off Gault.", 1.0),  # another kind
        ("lore_contradicted", {"truths": ["dogs bark"]}, "Cats bark.", 1.0),  # no name in it
        ("lore_contradicted", {"truths": ["Gault the Saltings"]}, "Gault Kilnside", 1.0),  # only names
        ("in_character", {}, "Mind the step. They say the key is gone.", 1.0),
        ("in_character", {}, "As an AI language model, I cannot say.", 0.0),
        ("in_character", {}, "I'm just a chatbot.", 0.0),
        ("in_character", {}, "Here: **bold** words.", 0.0),
        ("in_character", {}, "See https://example.com now.", 0.0),
        ("in_character", {}, "Mind <npc> the step.", 0.0),
        ("in_character", {}, "Player: hello.", 0.0),
        ("in_character", {"forbidden": ["banana"]}, "A Banana, then.", 0.0),
        (
            "in_character",
            {"prompt": "Say it to me word by word."},
            "Say it to me word by word, he says.",
            0.0,
        ),
        ("in_character", {"prompt": "Hello."}, "Hello yourself.", 1.0),
        ("in_character", {"pattern": PATTERN}, "as an AI", None),
        ("voice", {}, "Say it fast.", None),
        ("voice", {"voice": "blunt"}, "Say it fast. Mind the step.", 1.0),
        ("voice", {"voice": "wry"}, "Mind the step. say it  fast.", 0.0),
        ("rating", {}, "gore", None),
        ("rating", {"rating_max": 2.0}, "gore", 0.0),
        ("rating", {"rating_max": 2.0}, "roses", 1.0),
        ("repetition", {}, "Mind the step, please, and the door.", 1.0),
        ("repetition", {}, "no " * 40, pytest.approx(1 / 38)),
        ("repetition", {}, "", 1.0),
        ("repetition", {"pattern": PATTERN}, "no", None),
        ("length", {"words_min": 2, "words_max": 4}, "Mind the step.", 1.0),
        ("length", {"words_min": 2, "words_max": 4}, "Mind the", 0.5),
        ("length", {"words_min": 2, "words_max": 4}, "Mind.", 0.5),
        ("length", {"words_min": 2, "words_max": 2}, "Mind the step", 0.0),
        ("length", {"pattern": PATTERN}, "x", None),
        ("language", {}, "Mind the step!", 1.0),
        ("language", {}, "Mind xqzt", 0.5),
        ("language", {}, "...", 0.0),
        ("language", {"pattern": PATTERN}, "x", None),
    ],
)
def test_score(name: str, fields: dict[str, Any], text: str, expected: float | None) -> None:
    assert score(name, text, **fields) == expected


def test_a_pattern_that_cannot_be_followed_was_not_kept_to() -> None:
    unread = case(pattern="a").model_copy(update={"pattern": "("})
    assert SCORERS["structure"](unread, told("a")) == 0.0


def test_without_a_lexicon_no_clause_is_contradicted() -> None:
    plain = scorers_of(suite(lexicon={}))
    answer = told("Nine boats were lost off the Saltings.")
    assert plain["lore_contradicted"](case(facts=[FACT]), answer) == 1.0
    assert plain["voice"](case(voice="wry"), answer) is None


def test_without_words_the_letters_are_looked_at() -> None:
    language = scorers_of(suite(lexicon={}))["language"]
    assert language(case(), told("Only Latin.")) == 1.0
    assert language(case(), told("\u043d\u0435\u0442 no")) == pytest.approx(2 / 5)
    assert language(case(), told("!")) == 0.0


@pytest.mark.parametrize(("token_ms", "expected"), [(4.0, 1.0), (16.0, 1.0), (32.0, 0.5)])
def test_latency_is_held_to_the_promise(token_ms: float, expected: float) -> None:
    answer = told("x", completion_tokens=11, ttft_ms=100.0, latency_ms=100.0 + 10 * token_ms)
    assert answer.token_ms == pytest.approx(token_ms)
    assert SCORERS["latency"](case(), answer) == pytest.approx(expected)
    assert scorers_of(suite())["latency"](case(), answer) is None
    assert SCORERS["latency"](case(), told("x", completion_tokens=1, latency_ms=9_000.0)) == 1.0


def test_a_failed_answer_is_none() -> None:
    assert not told("half of", fault="engine_failed").answered
    assert SCORERS[ANSWERED](case(), told("half of", fault="engine_failed")) == 0.0


def test_rating_needs_somebody_who_rates() -> None:
    rated = suite(scorers=[{"name": "rating"}])
    with pytest.raises(UnknownScorer, match="'rating'"):
        check_scorers(rated, scorers_of(rated))
    check_scorers(rated, scorers_of(rated, rating=lambda _: 0.0))


def test_a_user_adds_a_scorer_as_a_function() -> None:
    def rhymes(_case: Case, answer: Answer) -> float | None:
        """Return 1 if the last two sentences end alike."""
        ends = [line.strip()[-2:] for line in answer.text.split(".") if line.strip()]
        return float(ends[-1] == ends[-2]) if len(ends) > 1 else None

    rhyming = suite(scorers=[{"name": "rhymes", "margin": 0.2}])
    known: dict[str, Scorer] = {**scorers_of(rhyming), "rhymes": rhymes}
    check_scorers(rhyming, known)
    assert known["rhymes"](case(), told("Go near. Show no fear.")) == 1.0
    assert "rhymes" not in scorers_of(rhyming)


def test_perplexity_is_how_likely_a_good_answer_is() -> None:
    asked = case(reference="The lamp has burned for ninety years.")
    scorer = scorers_of(suite(asked))["perplexity"]
    assert scorer(asked, told("x")) is None
    assert scorer(asked, told("x", reference_log=0.0)) == 1
    assert scorer(asked, told("x", reference_log=math.log(0.25))) == pytest.approx(0.25)
