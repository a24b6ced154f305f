"""The machine that reads a text character by character and knows what it has found and what may still come.

One scan belongs to one text. Its state after a character depends on the characters alone, not on how they
were cut into pieces: all promises about streams rest on that.

Work for one character is bounded: by the parts that began at words still open, a few in any real text, and
`OPEN_MAX` in the worst.
"""

from collections import deque
from dataclasses import dataclass
from typing import Literal

from domain.guardrails.compiled import Branch, Compiled, Machine, Phrase, Ready, Shape
from domain.guardrails.normalise import ANY, EITHER, GAP, MARK, STROKE, letters_of, plain, plain_of
from domain.guardrails.personal import CHECKS
from domain.guardrails.policy import Action, Category, Severity

UNLESS_LETTERS = 7
"""How far before a finding its excuse may end: "never, ever kill", but not a sentence earlier."""

OPEN_MAX = 64
"""Open phrases and forms of one scan; the oldest are given up beyond, which only a text made for it
reaches."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule found in a text, at the characters from ``start`` to before ``end`` of the original."""

    rule: str
    category: Category
    severity: Severity
    action: Action
    start: int
    end: int
    replacement: str


@dataclass(slots=True)
class _Open:
    """A phrase of which some parts have been found."""

    phrase: Phrase
    found: int
    start: int
    letters_start: int
    letters_end: int


_Thread = tuple[Branch, int, int, bool, tuple[int, ...]]
"""Where in the tree; the original index and the letter count at its start; whether a letter came last; after
how many letters of what is looked for there were spaces."""


class Scan:
    """Reads one text; see `feed` and `held_from`."""

    def __init__(self, compiled: Compiled, side: Literal["input", "output"]) -> None:
        self._machine: Machine = compiled.sides[side]
        self.text = ""
        """What is kept of the text: from the index `base` on."""
        self.base = 0
        self.read = 0
        """Characters read."""
        self._findings: dict[tuple[int, int], Finding] = {}
        self.stopped: Finding | None = None
        """The first finding after which nothing may be shown; the earliest and gravest of its moment."""
        self.shown_until: int | None = None
        """Once stopped: what may be shown ends before this character."""
        self._threads: list[_Thread] = []
        self._open: list[_Open] = []
        self._excuses: deque[tuple[int, int, int]] = deque(maxlen=16)
        self._letters = 0
        """Letters read, a repeated one counted once: a gap is as long as what is said."""
        self._last = ""
        self._word_letters = 0
        """How many there were when the word began."""
        self._letter_end = 0
        self._word_start = True
        self._ended = True
        self._shapes: list[tuple[Shape, int]] = []
        self._plain_last = GAP

    @property
    def findings(self) -> list[Finding]:
        """What was found, the longest from each place on."""
        return list(self._findings.values())

    def feed(self, piece: str, *, until_stopped: bool = False) -> None:
        """Read a piece of the text, at will only up to the character that stops it."""
        self.text += piece
        for char in piece:
            for symbol in letters_of(char):
                self._letter(symbol)
            for symbol in plain_of(char):
                self._plain(symbol)
            self.read += 1
            if self.stopped:
                self._settle()
                if until_stopped:
                    return

    def finish(self) -> None:
        """Read the end of the text: a word ends here."""
        self._letter(GAP)
        self._plain(GAP)
        self._threads, self._open, self._shapes = [], [], []
        self._settle()

    def held_from(self) -> int:
        """Return the first character that may still be part of a finding, `read` if there is none."""
        held = self.read
        for branch, start, *_ in self._threads:
            if branch.begins and start < held:
                held = start
        for _, start in self._shapes:
            if start < held:
                held = start
        for phrase in self._open:
            if phrase.start < held and self._may_go_on(phrase):
                held = phrase.start
        return held

    def forget(self, until: int) -> None:
        """Keep the text only from a character on that is not after `held_from`."""
        self.text = self.text[until - self.base :]
        self.base = until

    # --- letters ------------------------------------------------------------------------------------------

    def _letter(self, symbol: str) -> None:
        if symbol in {GAP, MARK}:
            if not self._ended:
                self._end_word()
            if symbol == GAP:
                self._tear()
            self._word_start = True
            return
        threads: list[_Thread] = []
        either = EITHER.get(symbol)
        for thread in self._threads:
            self._advance(threads, thread, either or symbol)
        starts = self._word_start
        if either:
            if not self._ended:
                self._end_word()
            threads += self._threads
        self._word_start = bool(either)
        if starts:
            self._word_letters = self._letters
            if either != ANY:
                root = (self._machine.root, self.read, self._letters, True, ())
                self._advance(threads, root, either or symbol)
        self._threads = threads[-OPEN_MAX:]
        if symbol != self._last:
            self._letters += 1
            self._last = symbol
        self._letter_end = self.read + 1
        self._ended = False

    def _advance(self, threads: list[_Thread], thread: _Thread, letter: str) -> None:
        """Add the places that a letter leads to from one place in the tree."""
        branch, start, letters, fresh, torn = thread
        if branch.tail:
            if fresh:
                threads.append(thread)
            return
        if letter == ANY:
            threads.extend((child, start, letters, True, torn) for child in branch.children.values())
            return
        for one in "il" if letter == STROKE else letter:
            if child := branch.children.get(one):
                threads.append((child, start, letters, True, torn))
            if branch.letter == one:
                threads.append((branch, start, letters, True, torn))
        if branch.stem and fresh:
            threads.append((branch.stem, start, letters, True, torn))

    def _end_word(self) -> None:
        """Take what is complete, as a word ends before this character."""
        self._ended = True
        if self._open:
            self._open = [phrase for phrase in self._open if self._may_go_on(phrase)]
        complete = [thread for thread in self._threads if thread[3] and thread[0].names]
        self._threads = [(b, s, n, False, torn) for b, s, n, _, torn in self._threads if not b.tail]
        for branch, start, letters, _, torn in complete:
            for name in branch.names:
                whole = not torn or name not in branch.short or branch.short[name].issuperset(torn)
                self._part(name, start, letters, whole=whole)

    def _tear(self) -> None:
        """Note where a space stands in what is looked for; letters that stand alone are spelled, not torn."""
        if self._threads and self._letters - self._word_letters > 1:
            self._threads = [(b, s, n, f, _with(torn, b.depth)) for b, s, n, f, torn in self._threads]

    def _part(self, name: int, start: int, letters: int, *, whole: bool) -> None:
        """Note that a part was found, from a letter to the last one read; torn, it needs others beside it."""
        if name in self._machine.excuses:
            self._excuses.append((name, letters, self._letters))
        for phrase in self._open[:]:
            nth = phrase.found
            if phrase.phrase.parts[nth] != name or letters < phrase.letters_end:
                continue
            if letters - phrase.letters_end <= phrase.phrase.gaps[nth - 1]:
                self._go_on(_Open(phrase.phrase, nth + 1, phrase.start, phrase.letters_start, self._letters))
        for begun in self._machine.beginning.get(name, ()):
            if whole or len(begun.parts) > 1:
                self._go_on(_Open(begun, 1, start, letters, self._letters))

    def _go_on(self, phrase: _Open) -> None:
        if phrase.found < len(phrase.phrase.parts):
            self._open.append(phrase)
            del self._open[:-OPEN_MAX]
            return
        excused = any(
            name in phrase.phrase.unless and phrase.letters_start - end <= UNLESS_LETTERS
            for name, _, end in self._excuses
        )
        if not excused:
            self._found(phrase.phrase.rule, phrase.start, self._letter_end)

    def _may_go_on(self, phrase: _Open) -> bool:
        """Say whether the next part may still come, or is being read."""
        until = phrase.letters_end + phrase.phrase.gaps[phrase.found - 1]
        if self._letters <= until:
            return True
        return any(phrase.letters_end <= letters <= until for _, _, letters, _, _ in self._threads)

    # --- forms --------------------------------------------------------------------------------------------

    def _plain(self, char: str) -> None:
        last, self._plain_last = self._plain_last, char
        inside = last.isalnum() and char.isalnum()
        if self._shapes:
            threads: list[tuple[Shape, int]] = []
            for shape, start in self._shapes:
                if shape.ends and not inside:
                    self._form(shape, start)
                if found := shape.after(char):
                    threads.append((found, start))
            self._shapes = threads[-OPEN_MAX:]
        if not inside and (found := self._machine.forms.start.after(char)):
            self._shapes.append((found, self.read))

    def _form(self, shape: Shape, start: int) -> None:
        text = plain(self.text[start - self.base : self.read - self.base])
        for number in shape.ends:
            detector = self._machine.rules[number].rule.detector
            check = CHECKS.get(detector) if detector else None
            if check is None or check(text):
                self._found(number, start, self.read)

    # --- findings -----------------------------------------------------------------------------------------

    def _found(self, number: int, start: int, end: int) -> None:
        ready: Ready = self._machine.rules[number]
        rule = ready.rule
        known = self._findings.get((number, start))
        if known and known.end >= end:
            return
        finding = Finding(rule.id, rule.category, ready.severity, ready.action, start, end, rule.replacement)
        self._findings[number, start] = finding
        if ready.stops and self.shown_until is None:
            earlier = self.stopped
            if earlier is None or (start, -end) < (earlier.start, -earlier.end):
                self.stopped = finding

    def _settle(self) -> None:
        """After a character: once something stops the text, fix where what may be shown ends."""
        if self.stopped and self.shown_until is None:
            self.shown_until = min(self.stopped.start, self.held_from())


def _with(spaces: tuple[int, ...], depth: int) -> tuple[int, ...]:
    """Return where spaces stand, with one more; several after the same letter are one."""
    return spaces if depth in spaces else (*spaces, depth)
