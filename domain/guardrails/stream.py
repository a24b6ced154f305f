"""Guards a text while it is written: gives out what is certain to be harmless, as soon as it is certain."""

from collections.abc import Sequence
from typing import Literal

from domain.guardrails.compiled import Compiled
from domain.guardrails.normalise import HIDDEN
from domain.guardrails.scan import Finding, Scan

Cut = tuple[int, int, str]
"""A span that is not shown, and what stands for it."""


class StreamGuard:
    """Releases a text that comes in pieces.

    Whatever the pieces are, together the releases are `domain.guardrails.check`'s text of the whole, and no
    character of a finding whose action is more than to log is among them.
    """

    def __init__(self, compiled: Compiled, side: Literal["input", "output"] = "output") -> None:
        """Begin a text."""
        self._scan = Scan(compiled, side)
        self._released = 0
        self._ended = False
        self.blocked: Finding | None = None
        """Finding that stopped the text; after it nothing is released."""

    def prime(self, before: str) -> None:
        """Read what was given out already: a span that began there is found, nothing of it is given again."""
        self._scan.feed(before)
        self._released = len(before)
        self._scan.forget(min(self._released, self._scan.read))

    @property
    def findings(self) -> Sequence[Finding]:
        """Findings so far, the longest from each place on."""
        return tuple(self._scan.findings)

    @property
    def released(self) -> int:
        """Characters of the text that were decided on: given out, or cut out."""
        return self._released

    @property
    def held(self) -> int:
        """Characters that wait, because something forbidden could begin with them."""
        return 0 if self.blocked else self._scan.read - self._released

    def feed(self, piece: str) -> str:
        """Return the text that may be released now; "" if there is none, and always once blocked."""
        if self.blocked or self._ended:
            return ""
        self._scan.feed(piece, until_stopped=True)
        return self._release()

    def finish(self) -> str:
        """Return what is left to release, as the text ends here."""
        if self.blocked or self._ended:
            return ""
        self._ended = True
        self._scan.finish()
        return self._release()

    def _release(self) -> str:
        scan = self._scan
        self.blocked = scan.stopped
        until = scan.held_from() if scan.shown_until is None else scan.shown_until
        if until <= self._released:
            return ""
        text = shown(scan.text, scan.base, until, cuts_of(scan.findings, scan.base))
        self._released = until
        scan.forget(until)
        return text


def cuts_of(findings: Sequence[Finding], base: int = 0) -> list[Cut]:
    """Return the spans to redact that end after an index."""
    redacted = [found for found in findings if found.action == "redact" and found.end > base]
    return [(found.start, found.end, found.replacement) for found in redacted]


def shown(text: str, base: int, until: int, cuts: Sequence[Cut]) -> str:
    """Return a text up to an index with spans cut out, as a reader sees it: what `HIDDEN` has is left out.

    Args:
        text: characters from the index ``base`` on.
        base: what lies before was shown already.
        until: the index to stop before.
        cuts: spans, in any order; where they overlap the first one's replacement stands for all.
    """
    parts: list[str] = []
    at = base
    hidden = -1
    for start, end, replacement in sorted(cuts, key=lambda cut: (cut[0], -cut[1])):
        if start >= until or end <= base:
            continue
        if start >= base and start >= hidden:
            parts += [text[at - base : start - base], replacement]
        hidden = max(hidden, end)
        at = max(at, min(hidden, until))
    parts.append(text[at - base : until - base])
    seen = "".join(parts)
    return seen if seen.isascii() else seen.translate(HIDDEN)
