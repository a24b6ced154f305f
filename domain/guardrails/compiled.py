"""A policy made ready for one profile, as a scan walks it: a tree of letters, phrases, an automaton of forms.

Made once by `domain.guardrails.compiler`, read by any number of scans.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from domain.guardrails.policy import (
    Action,
    Policy,
    Rule,
    Severity,
)
from domain.patterns.tree import NOTHING, Node, after, nullable

SHAPES_MAX = 20_000
"""States of the automaton of forms that are kept; beyond, it is made anew as it is walked."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A rule with what the profile makes of it."""

    rule: Rule
    severity: Severity
    action: Action
    stops: bool


class Branch:
    """A place in the tree of letters. Built here, never changed after."""

    __slots__ = ("begins", "children", "depth", "letter", "names", "short", "stem", "steps", "tail")

    def __init__(self, letter: str = "", depth: int = 0, *, tail: bool = False) -> None:
        self.letter = letter
        self.depth = depth
        """Letters from the root."""
        self.children: dict[str, Branch] = {}
        self.names: tuple[int, ...] = ()
        """Phrases that are complete if a word ends here."""
        self.short: dict[int, frozenset[int]] = {}
        """Those of them that are too short to be found torn, with the depths where their words end."""
        self.stem: Branch | None = None
        """Where the rest of a word goes whose beginning is enough."""
        self.tail = tail
        self.steps: dict[str, tuple[Branch, ...]] = {}
        """Where each symbol leads, a repeated letter and one that is read in two ways among them."""
        self.begins = False
        """Whether something that a finding could begin with may be complete further on."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Parts one after the other; ``gaps`` are the letters allowed before each but the first."""

    rule: int
    parts: tuple[int, ...]
    gaps: tuple[int, ...]
    unless: frozenset[int]


class Shape(dict[str, "Shape | None"]):
    """A place in the forms of all rules at once: the place after one more character, None if none goes on.

    Successors are made when they are first asked for. A dictionary, because a look-up that is no call is what
    a hostile text costs for each of its open forms and characters.
    """

    __slots__ = ("_forms", "ends", "nodes")

    def __init__(self, forms: "Forms", nodes: tuple[tuple[int, Node], ...]) -> None:
        self._forms = forms
        self.nodes = nodes
        self.ends = tuple(rule for rule, node in nodes if nullable(node))

    def __missing__(self, char: str) -> "Shape | None":
        """Make the place after a character that nobody has asked for."""
        found = self[char] = self._forms.step(self.nodes, char)
        return found


class Forms:
    """The forms of all rules."""

    def __init__(self, nodes: Sequence[tuple[int, Node]]) -> None:
        self._nodes = tuple(nodes)
        self._shapes: dict[tuple[tuple[int, Node], ...], Shape] = {}
        self.start = Shape(self, self._nodes)

    def step(self, nodes: tuple[tuple[int, Node], ...], char: str) -> Shape | None:
        """Return the place that a character leads to."""
        rest = tuple((rule, left) for rule, node in nodes if (left := after(node, char)) != NOTHING)
        if not rest:
            return None
        if len(self._shapes) >= SHAPES_MAX:
            self._shapes.clear()
            self.start = Shape(self, self._nodes)
        shape = self._shapes.get(rest)
        if shape is None:
            shape = self._shapes[rest] = Shape(self, rest)
        return shape


@dataclass(frozen=True, slots=True)
class Machine:
    """Compiled rules of one side."""

    rules: tuple[Ready, ...]
    root: Branch
    beginning: Mapping[int, tuple[Phrase, ...]]
    """Phrases by their first part."""
    excuses: frozenset[int]
    forms: Forms
    redacts_more: bool
    """Whether rules redact other things than the built-in forms of personal data."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A policy ready for one profile."""

    policy: Policy
    profile: str
    digest: str
    sides: Mapping[Literal["input", "output"], Machine]
