"""Checks a whole text: what is found in it, what to do, and what may be shown of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from domain.guardrails.compiled import Compiled
from domain.guardrails.policy import Action, strongest
from domain.guardrails.scan import Finding, Scan
from domain.guardrails.stream import cuts_of, shown

WITHHELD = "[withheld]"
"""What is recorded of a question of which nothing may be kept."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Findings in a text."""

    findings: tuple[Finding, ...]
    """By where they begin."""
    action: Action | None
    """The strongest of the findings' actions; None if there are no findings."""
    text: str = field(repr=False)
    """Text that may be shown: up to the finding that stops it, with redactions."""
    blocked: Finding | None
    """Finding that stops the text; the caller shows a line of its own instead, or goes on from there."""

    @property
    def harmless(self) -> bool:
        """Whether nothing in the text breaks the policy; what no reader sees may still be left out of it."""
        return self.action in {None, "log"}

    @property
    def question(self) -> str:
        """What may be recorded, and asked unless it is `blocked`, if the text is a question."""
        return (self.text if self.harmless else self.text.strip()) or WITHHELD


def check(compiled: Compiled, text: str, *, side: Literal["input", "output"] = "output") -> Verdict:
    """Return what a policy says to a text."""
    scan = Scan(compiled, side)
    scan.feed(text)
    scan.finish()
    until = len(text) if scan.shown_until is None else scan.shown_until
    findings = outermost(scan.findings)
    action = strongest([found.action for found in findings])
    return Verdict(findings, action, shown(text, 0, until, cuts_of(findings)), scan.stopped)


def outermost(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return the findings in order, without those that lie in another one of the same rule."""
    kept: list[Finding] = []
    reached: dict[str, int] = {}
    for found in sorted(findings, key=lambda found: (found.start, -found.end, found.rule)):
        if found.end > reached.get(found.rule, -1):
            kept.append(found)
            reached[found.rule] = found.end
    return tuple(kept)
