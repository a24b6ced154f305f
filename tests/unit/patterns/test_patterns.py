"""A pattern is checked when it comes in, and its rest after any beginning is again a pattern."""

import re
import threading
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.patterns import PatternError, TooInvolved, can_end, check, choice_of, matches, rest_of
from domain.patterns.reader import parse
from domain.patterns.tree import printed
from handlers.engines import port
from handlers.engines.port import EngineAsk
from tests.harness.effort import effort_of

ATOMS = st.sampled_from(
    ["a", "b", "[ab]", "[^a]", ".", r"\d", r"\.", "0", r"\w", "(?:a)", "[a-c0]", r"\n", "é"]
)
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map("(?:{0[0]}|{0[1]})".format),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}"])).map(
            "(?:{0[0]}){0[1]}".format
        ),
    ),
    max_leaves=6,
)
TEXTS = st.text(alphabet="abc0.1\né", max_size=8)


@given(PATTERNS, TEXTS)
def test_a_pattern_means_what_it_means_to_python(pattern: str, text: str) -> None:
    assert matches(pattern, text) == bool(re.fullmatch(pattern, text, re.ASCII))


@given(PATTERNS, TEXTS, TEXTS)
def test_the_rest_matches_what_follows_and_nothing_else(pattern: str, sent: str, after: str) -> None:
    rest = rest_of(pattern, sent)
    whole = bool(re.fullmatch(pattern, sent + after, re.ASCII))
    assert whole == (rest is not None and bool(re.fullmatch(rest, after, re.ASCII)))
    if rest is None:
        assert not re.fullmatch(pattern, sent, re.ASCII)


@given(PATTERNS)
def test_what_is_printed_is_read_the_same(pattern: str) -> None:
    again = printed(parse(pattern))
    assert printed(parse(again)) == again


@given(st.lists(st.text(alphabet="ab.*{", min_size=1, max_size=4), min_size=1, max_size=4), TEXTS)
def test_a_choice_matches_its_texts_and_no_other(texts: list[str], other: str) -> None:
    assume(other not in texts)
    assert all(matches(choice_of(texts), text) for text in texts)
    assert not matches(choice_of(texts), other)


@pytest.mark.parametrize(
    ("pattern", "sent", "rest"),
    [
        ("(yes|no)", "y", "es"),
        ("(yes|no)", "no", ""),
        ("[0-9]{1,3}", "1", "[0-9]{0,2}"),
        (r'\{"mood":"(calm|angry)"\}', '{"mood":"a', 'ngry"\\}'),
        ("[a-z ]{1,120}", "the tide", "[ a-z]{0,112}"),
        ("^ab$", "a", "b"),
        (r"[\^a]", "", r"[a\^]"),
        (r"x[\^-z]", "x", r"[_-z\^]"),
    ],
)
def test_rests_stay_small(pattern: str, sent: str, rest: str) -> None:
    assert rest_of(pattern, sent) == rest


def test_nothing_begins_with_other_words() -> None:
    assert rest_of("(yes|no)", "x") is None
    assert rest_of("(yes|no)", "yesx") is None
    assert can_end("a?")
    assert not can_end("a")


def test_a_rest_is_found_with_little_effort_and_does_not_grow() -> None:
    pattern = r'\{"line":"([^"\\]|\\["\\n]){1,400}","mood":"(calm|angry|afraid)","price":[0-9]{1,4}\}'
    sent = '{"line":"' + "The tide keeps its own. " * 12
    assert effort_of(lambda: rest_of(pattern, sent)).calls < 250_000
    rest = rest_of(pattern, sent)
    assert rest is not None
    assert len(rest) < 2 * len(pattern)


@pytest.mark.parametrize("pattern", ["(a*b*c*){1000}", "((a?b?c?){100}){20}"])
def test_the_effort_for_a_rest_is_bounded(pattern: str) -> None:
    """The scar: it took up to ten seconds, in which nobody got a word."""
    with pytest.raises(TooInvolved, match="250000 places"):
        rest_of(pattern, "abc" * 300)


async def test_a_long_rest_is_found_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = list[bool]()

    def noting(pattern: str, sent: str) -> str | None:
        threads.append(threading.current_thread() is threading.main_thread())
        return rest_of(pattern, sent)

    monkeypatch.setattr(port, "rest_of", noting)
    ask = EngineAsk(prompt="x", max_tokens=9, pattern="(yes|no)", sent="y")
    assert await ask.rest_aside() == "es"
    assert await replace(ask, sent="").rest_aside() == "yes|no"
    assert threads == [False, True]


@pytest.mark.parametrize(
    ("pattern", "where"),
    [
        ("(a", "at character 3: a group that is not closed"),
        ("a)", "at character 2: a closing parenthesis"),
        ("*a", "at character 1: '*' repeats nothing"),
        ("a**", "at character 3: '*' after a repetition"),
        ("a+?", "at character 3: '?' after a repetition"),
        ("(?=a)", "no look-around"),
        (r"(a)\1", r"at character 4: \1 is not known"),
        (r"\bword", r"at character 1: \b is not known"),
        ("[z-a]", "a range that ends before it begins"),
        ("[abc", "a class that is not closed"),
        ("a{3,1}", "is no range"),
        ("a{99999}", "is no range of at most 1000"),
        ("a{x}", "without {n}"),
        ("a^b", "within the pattern"),
        ("\\", "a backslash at the end"),
        (r"\xZZ", "wants 2 hexadecimal digits"),
        ("(" * 60 + ")" * 60, "more than 50 deep"),
        ("a" * 4_001, "4001 characters, the limit is 4000"),
    ],
)
def test_what_is_not_of_the_dialect_is_refused_with_its_place(pattern: str, where: str) -> None:
    with pytest.raises(PatternError, match=re.escape(where)):
        check(pattern)
