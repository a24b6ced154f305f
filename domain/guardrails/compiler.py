"""Makes a policy ready for one profile; what may be wrong with a rule is found here, before it is published.

It is said with the rule, the place and the way out.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Literal, assert_never

from domain.guardrails.compiled import Branch, Compiled, Forms, Machine, Phrase, Ready
from domain.guardrails.normalise import ANY, EITHER, GAP, JOINT, MARK, SEVERAL, STROKE, folded
from domain.guardrails.personal import FORMS
from domain.guardrails.policy import (
    ABSOLUTE,
    ACTIONS,
    RATED,
    STOPS_FROM,
    Policy,
    PolicyError,
    Rule,
    Severity,
    digest_of,
    severity_of,
)
from domain.patterns import PatternError
from domain.patterns.reader import parse
from domain.patterns.tree import Alt, Chars, Node, Rep, Seq, nullable

GAPS = {"~": 16, "~~": 40}
"""Letters between two parts of a phrase: about four words, about ten."""

ADJACENT = 1
"""Letters allowed between parts without a gap sign: an article, or a sign that reads as a letter."""

TORN_LETTERS_MIN = 9
"""From this length on a part is found even if spaces stand within its words ("kil lyou rself").

Shorter ones occur by chance, "the next hero in the queue", unless other parts of a phrase stand beside them.
"""

COMBINED_MAX = 400
"""Combinations of words and terms that are put into the tree as a whole."""

ELEMENTS_MAX = 8
LITERAL_MAX = 80
"""Letters of one part of a phrase; what could still become it is held back from a stream."""

LETTERS_MAX = 250_000
"""Letters of all words and combinations of a policy: about a second, and some 100 MB, for each profile."""

FORM_MAX = 400
"""Characters that one form may match."""

CANARY_LETTERS_MIN = 8
"""A shorter canary could be a word."""

_LIKELIEST = str.maketrans(
    {GAP: "", MARK: "", JOINT: "", STROKE: "i", **{symbol: letters[0] for symbol, letters in SEVERAL.items()}}
)


def compile_policy(policy: Policy, profile: str) -> Compiled:
    """Return a policy ready to check with.

    Args:
        policy: the rules.
        profile: which of the policy's profiles applies.

    Raises:
        PolicyError: a rule cannot be used, or there is no such profile.
    """
    if profile not in policy.profiles:
        known = ", ".join(sorted(policy.profiles))
        raise PolicyError("", f"profile {profile}", "the policy has no such profile", f"it has {known}")
    seen: set[str] = set()
    for rule in policy.rules:
        _check(rule)
        if rule.id in seen:
            raise PolicyError(rule.id, "id", "another rule has this id", "give each rule its own")
        seen.add(rule.id)
    builder = partial(_Builder, policy.terms, letters=itertools.count(1))
    ready = [found for rule in policy.rules if (found := _ready(rule, policy, profile, builder))]
    sides: dict[Literal["input", "output"], Machine] = {}
    for side in ("input", "output"):
        mine = [rule for rule in ready if rule.rule.side in {side, "both"}]
        sides[side] = builder().build([*mine, *_canary(side, policy.canaries)])
    return Compiled(policy, profile, digest_of(policy), sides)


def _check(rule: Rule) -> None:
    ways = [bool(rule.phrases), bool(rule.pattern), rule.detector is not None]
    if sum(ways) != 1:
        raise PolicyError(
            rule.id, "phrases, pattern, detector", f"{sum(ways)} of them are given", "give exactly one"
        )
    if (rule.category in RATED) != (rule.level is not None):
        fault = "a rated category needs one" if rule.level is None else f"{rule.category} is not rated"
        raise PolicyError(rule.id, "level", fault, "give a level from 1 to 4 to rated categories only")
    if rule.category in ABSOLUTE and ACTIONS.index(rule.action) < STOPS_FROM:
        raise PolicyError(
            rule.id, "action", f"{rule.action} would show {rule.category}", "use replace, block or escalate"
        )


def _ready(rule: Rule, policy: Policy, profile: str, builder: "Callable[[], _Builder]") -> Ready | None:
    """Return a rule with its severity; None if the profile allows what it finds."""
    severity: Severity | None = rule.severity
    action = rule.action
    if rule.level is not None:
        severity = severity_of(rule.level, policy.profiles[profile].allowed(rule.category))
        if action == "log" and severity in {"high", "critical"}:
            action = "replace"
    if severity is None:
        # Still built once, so that a fault in it does not wait for a stricter profile.
        builder().build([Ready(rule, "low", action, stops=False)])
        return None
    return Ready(rule, severity, action, ACTIONS.index(action) >= STOPS_FROM)


def _canary(side: str, canaries: Sequence[str]) -> list[Ready]:
    if not canaries or side == "input":
        return []
    for n, canary in enumerate(canaries):
        if len(_letters(canary)) < CANARY_LETTERS_MIN:
            raise PolicyError(
                "canary",
                f"canary {n + 1}",
                "it is short enough to be a word",
                f"use {CANARY_LETTERS_MIN} letters",
            )
    rule = Rule(
        id="canary",
        category="leak",
        severity="critical",
        action="block",
        phrases=tuple(map(_quoted, canaries)),
    )
    return [Ready(rule, "critical", "block", stops=True)]


def _quoted(canary: str) -> str:
    return "".join(symbol for symbol in _letters(canary) if symbol not in EITHER)


@lru_cache(maxsize=8_192)  # the same words stand in many combinations
def _letters(text: str) -> str:
    """Return the letters of a text without what separates them; the likeliest where there are several."""
    return folded(text.lower()).text.translate(_LIKELIEST)


@dataclass(slots=True)
class _Builder:
    """Builds one side's machine."""

    terms: Mapping[str, Sequence[str]]
    letters: "itertools.count[int]"
    """Counts those of the whole policy."""
    root: Branch = field(default_factory=Branch)
    ids: dict[str, int] = field(default_factory=dict)
    counter: "itertools.count[int]" = field(default_factory=itertools.count)

    def build(self, rules: Sequence[Ready]) -> Machine:
        beginning: dict[int, list[Phrase]] = {}
        excuses: set[int] = set()
        forms: list[tuple[int, Node]] = []
        for number, ready in enumerate(rules):
            rule = ready.rule
            unless = frozenset(self._literal(rule, f"unless {text!r}", text) for text in rule.unless)
            excuses |= unless
            for text in dict.fromkeys(rule.phrases):
                parts, gaps = self._parts(rule, text)
                beginning.setdefault(parts[0], []).append(Phrase(number, parts, gaps, unless))
            if rule.pattern:
                forms.append((number, _form(rule)))
            if rule.detector:
                forms.append((number, parse(FORMS[rule.detector])))
        _mark(self.root, frozenset(beginning))
        return Machine(
            tuple(rules),
            self.root,
            {first: tuple(phrases) for first, phrases in beginning.items()},
            frozenset(excuses),
            Forms(forms),
            any(ready.action == "redact" and ready.rule.detector is None for ready in rules),
        )

    def _parts(self, rule: Rule, text: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Read a phrase into the ids of its parts and the gaps before them."""
        place = f"phrase {text!r}"
        parts: list[int] = []
        gaps: list[int] = []
        run: list[str] = []
        gap = 0
        for token in [*text.split(), ""]:
            if token and token not in GAPS:
                run.append(token)
                continue
            if not run:
                fault = "words are missing before a gap" if token else "a gap ends it"
                raise PolicyError(rule.id, place, fault, "begin and end a phrase with words")
            found = self._run(rule, place, run)
            parts += found
            gaps += [gap, *[ADJACENT] * (len(found) - 1)]
            run, gap = [], GAPS.get(token, 0)
        if len(parts) > ELEMENTS_MAX:
            raise PolicyError(rule.id, place, f"it has {len(parts)} parts", f"use {ELEMENTS_MAX} at most")
        return tuple(parts), tuple(gaps[1:])

    def _run(self, rule: Rule, place: str, tokens: list[str]) -> list[int]:
        """Return the parts of words and terms that follow each other without a gap.

        They are one part if their combinations are few, so that they are found even where the spaces between
        them stand elsewhere.
        """
        choices = [self._choices(rule, place, token) for token in tokens]
        whole = not any(text.endswith("*") for choice in choices[:-1] for text in choice)
        if whole and len(tokens) > 1 and math.prod(map(len, choices)) <= COMBINED_MAX:
            return [self._named(rule, place, " ".join(tokens), map(" ".join, itertools.product(*choices)))]
        parts: list[int] = []
        words: list[str] = []
        for token, choice in zip(tokens, choices, strict=True):
            term = token.startswith("<")
            if not term:
                words.append(token)
            if words and (term or token.endswith("*")):
                parts.append(self._literal(rule, place, " ".join(words)))
                words = []
            if term:
                parts.append(self._named(rule, f"term {token}", token, choice))
        return [*parts, self._literal(rule, place, " ".join(words))] if words else parts

    def _choices(self, rule: Rule, place: str, token: str) -> Sequence[str]:
        """Return what a token stands for: itself, or what a term lists."""
        if not token.startswith("<"):
            return (token,)
        if not token.endswith(">") or not self.terms.get(token[1:-1]):
            known = ", ".join(sorted(self.terms)) or "none"
            raise PolicyError(
                rule.id, place, f"{token} is no term", f"add it to the policy's terms; there are {known}"
            )
        return self.terms[token[1:-1]]

    def _named(self, rule: Rule, place: str, name: str, texts: Iterable[str]) -> int:
        """Return the id of a part that may be any of some texts."""
        if name not in self.ids:
            self.ids[name] = next(self.counter)
            for text in texts:
                self._plant(rule, f"{place}, {text!r}", text, self.ids[name])
        return self.ids[name]

    def _literal(self, rule: Rule, place: str, text: str) -> int:
        return self._named(rule, place, text, (text,))

    def _plant(self, rule: Rule, place: str, text: str, name: int) -> None:
        """Put the letters of a text into the tree."""
        stem = text.endswith("*")
        words = [_letters(word) for word in text.removesuffix("*").split()]
        letters = "".join(words)
        if sign := next((symbol for symbol in letters if symbol in EITHER), ""):
            raise PolicyError(
                rule.id, place, f"{sign!r} is no letter", "write words in letters, * at their end"
            )
        if not 1 <= len(letters) <= LITERAL_MAX:
            raise PolicyError(
                rule.id,
                place,
                f"it has {len(letters)} letters",
                f"use 1 to {LITERAL_MAX}, in parts if need be",
            )
        branch = self.root
        spaces: set[int] = set()
        for word in words:
            for letter in word:
                if next(self.letters) > LETTERS_MAX:
                    raise PolicyError(
                        rule.id,
                        place,
                        f"with it the policy has more than {LETTERS_MAX:,} letters, its terms' combinations "
                        "among them",
                        "use fewer phrases, shorter terms, or a gap (~) between two terms",
                    )
                if (further := branch.children.get(letter)) is None:
                    further = branch.children[letter] = Branch(letter, branch.depth + 1)
                branch = further
            spaces.add(branch.depth)
        ends = [branch]
        if stem:
            branch.stem = branch.stem or Branch(tail=True)
            ends.append(branch.stem)
        for end in ends:
            end.names = (*end.names, name)
            if len(letters) < TORN_LETTERS_MIN:
                end.short[name] = end.short.get(name, frozenset()) | spaces


def _mark(branch: Branch, firsts: frozenset[int]) -> bool:
    """Note at each branch whether a finding can begin with what is complete there or further on."""
    below = [_mark(child, firsts) for child in branch.children.values()]
    if branch.stem:
        below.append(_mark(branch.stem, firsts))
    branch.begins = any(below) or not firsts.isdisjoint(branch.names)
    branch.steps = _steps(branch)
    return branch.begins


def _steps(branch: Branch) -> dict[str, tuple[Branch, ...]]:
    """Return where each symbol leads from a branch; a stem and a tail take any letter besides."""
    if branch.tail:
        return {}
    steps: dict[str, tuple[Branch, ...]] = {letter: (child,) for letter, child in branch.children.items()}
    if branch.letter:
        steps[branch.letter] = (*steps.get(branch.letter, ()), branch)
    if either := steps.get("i", ()) + steps.get("l", ()):
        steps[STROKE] = either
    if branch.children:
        steps[ANY] = tuple(branch.children.values())
    return steps


def _form(rule: Rule) -> Node:
    """Read a rule's own pattern; what could match without end, or repeats a repetition, is refused."""
    if not rule.pattern.isascii() or rule.pattern.lower() != rule.pattern:
        raise PolicyError(
            rule.id,
            "pattern",
            "it has capitals or other letters",
            "write plain lower-case ASCII: text is folded so",
        )
    try:
        node = parse(rule.pattern)
    except PatternError as error:
        raise PolicyError(rule.id, "pattern", str(error), "correct it there") from error
    longest = _longest(rule, node, repeated=False)
    if nullable(node):
        raise PolicyError(rule.id, "pattern", "it matches the empty text", "let it need a character")
    if longest > FORM_MAX:
        raise PolicyError(
            rule.id, "pattern", f"it may match {longest} characters", f"bound it to {FORM_MAX} with {{n,m}}"
        )
    return node


def _longest(rule: Rule, node: Node, *, repeated: bool) -> int:
    match node:
        case Chars():
            return 1
        case Seq(items):
            return sum(_longest(rule, item, repeated=repeated) for item in items)
        case Alt(options):
            return max((_longest(rule, option, repeated=repeated) for option in options), default=0)
        case Rep(item, _, most):
            if most is None:
                raise PolicyError(
                    rule.id, "pattern", "a repetition has no end", "write {0,20} for * and {1,20} for +"
                )
            if repeated and most > 1:
                raise PolicyError(
                    rule.id, "pattern", "a repetition is repeated", "write it out, or as two rules"
                )
            return most * _longest(rule, item, repeated=repeated or most > 1)
        case _:
            assert_never(node)
