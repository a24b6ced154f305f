"""The machine that reads a text character by character and knows what it has found and what may still come.

One scan belongs to one text. Its state after a character depends on the characters alone, not on how they
were cut into pieces: all promises about streams rest on that.

Work for one character is bounded: by what is open, a few places in any real text and `MANY` at most; of a
text that has cost more than any real one does (`LOOKED_AT_MAX`), by `FEW`. Counted are places, not time, so
a verdict can be repeated.
"""

from collections import deque
from dataclasses import dataclass
from typing import Literal, NamedTuple

from domain.guardrails.compiled import Branch, Compiled, Machine, Phrase, Ready, Shape
from domain.guardrails.normalise import ANY, EITHER, FOLDINGS, GAP, JOINT, MARK, SEVERAL
from domain.guardrails.personal import BEFORE, CHECKS, PLACED
from domain.guardrails.policy import Action, Category, Severity

UNLESS_LETTERS = 7
"""How far before a finding its excuse may end: "never, ever kill", but not a sentence earlier."""

ALIKE_MAX = 8
"""Threads beyond which those that stand alike are merged; harmless texts have one or two."""

SWEPT_FROM = 12
"""Open phrases from which on those are put away that cannot go on any more."""

LOOKED_AT_MAX = 50_000
"""Open places that are gone through, letter by letter, before only `FEW` are kept.

A harmless text takes two for each letter, one that spells what it says in signs ten; one that takes more is
made to keep us busy. What it says afterwards in plain letters is found all the same.
"""

SEPARATORS = frozenset({GAP, MARK, JOINT})


class _Keep(NamedTuple):
    """Capacity of one scan; the oldest is given up beyond, which only a text made for it reaches."""

    threads: int
    open: int
    """Open phrases; open forms."""
    checked: int
    """Complete forms whose checksums are looked at after a character, the longest first."""


MANY = _Keep(threads=64, open=64, checked=64)
FEW = _Keep(threads=6, open=20, checked=2)
"""Of a text that has cost `LOOKED_AT_MAX`. A card number spelled digit by digit has 19 open forms, one in
groups of four has 4."""


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
        self.looked_at = 0
        """Open places that were gone through, letter by letter: what the text has cost."""
        self._keep = MANY
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
        """Whether what is complete was taken since the last letter."""
        self._joined = False
        """Whether only what leaves no ink came since the last letter."""
        self._plain_text: list[str] = []
        """The plain folding of `text`, by character."""
        self._plain_before = ""
        """The end of what came before."""
        self._shapes: list[tuple[Shape, int]] = []
        self._plain_last = GAP

    @property
    def findings(self) -> list[Finding]:
        """Findings, the longest from each place on."""
        return list(self._findings.values())

    def feed(self, piece: str, *, until_stopped: bool = False) -> None:
        """Read a piece of the text, at will only up to the character that stops it."""
        self.text += piece
        for char in piece:
            letters, plain = FOLDINGS[char]
            for symbol in letters:
                self._letter(symbol)
            for symbol in plain:
                self._plain(symbol)
            self._plain_text.append(plain)
            self.read += 1
            if self.looked_at > LOOKED_AT_MAX:
                self._keep = FEW
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
        if self._open:
            begun = self._begun()
            for phrase in self._open:
                if phrase.start < held and self._may_go_on(phrase, begun):
                    held = phrase.start
        return held

    def forget(self, until: int) -> None:
        """Keep the text only from a character on that is not after `held_from`."""
        self.text = self.text[until - self.base :]
        self._plain_before = self._before(until)
        del self._plain_text[: until - self.base]
        self.base = until

    # --- letters ------------------------------------------------------------------------------------------

    def _letter(self, symbol: str) -> None:
        if symbol in SEPARATORS:
            self._separate(symbol)
            return
        either = EITHER.get(symbol)
        letter = either or symbol
        any_of = SEVERAL.get(letter) if letter > "z" else None
        threads = self._at_word_start(letter, any_of) if self._word_start else []
        if self._threads and any_of:
            threads += _advanced_by_any(self._threads, any_of, self._keep.threads)
        elif self._threads:
            threads += _advanced(self._threads, letter, self._keep.threads)
        if either:
            if self._joined or not self._ended:
                self._end_word()
            threads += self._threads
        self._word_start = bool(either)
        self.looked_at += len(threads)
        if len(threads) > ALIKE_MAX:
            threads = _merged(threads)[: self._keep.threads]
        self._threads = threads
        if symbol != self._last:
            self._letters += 1
            self._last = symbol
        self._letter_end = self.read + 1
        self._ended = self._joined = False

    def _at_word_start(self, letter: str, any_of: str | None) -> list[_Thread]:
        """Return where a word's first letter leads to."""
        if not self._joined:
            self._word_letters = self._letters
        root = self._machine.root
        branches = _steps_of(root, any_of) if any_of else root.steps.get(letter, ())
        return [] if letter == ANY else [(to, self.read, self._letters, True, ()) for to in branches]

    def _separate(self, symbol: str) -> None:
        if symbol == JOINT:
            self._joint()
            return
        if self._joined or not self._ended:
            self._end_word()
        if symbol == GAP:
            self._tear()
        self._word_start = True

    def _joint(self) -> None:
        """Read what leaves no ink both ways: a word ends here, and the same word goes on."""
        if not self._ended:
            self._complete_words()
            self._joined = True
        self._word_start = True

    def _end_word(self) -> None:
        """Take what is complete, as a word ends before this character; from here on another one is read."""
        if not self._ended:
            self._complete_words()
        self._joined = False
        if self._threads:
            self._threads = [(b, s, n, False, torn) for b, s, n, _, torn in self._threads if not b.tail]

    def _complete_words(self) -> None:
        """Take what is complete."""
        self._ended = True
        if len(self._open) > SWEPT_FROM:
            self.looked_at += len(self._open)
            begun = self._begun()
            self._open = [phrase for phrase in self._open if self._may_go_on(phrase, begun)]
        if not self._threads:
            return
        complete = [thread for thread in self._threads if thread[3] and thread[0].names]
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
            del self._open[: -self._keep.open]
            return
        excused = any(
            name in phrase.phrase.unless and phrase.letters_start - end <= UNLESS_LETTERS
            for name, _, end in self._excuses
        )
        if not excused:
            self._found(phrase.phrase.rule, phrase.start, self._letter_end)

    def _begun(self) -> set[int]:
        """Return the letter counts at which what is being read began."""
        return {letters for _, _, letters, _, _ in self._threads}

    def _may_go_on(self, phrase: _Open, begun: set[int]) -> bool:
        """Say whether the next part may still come, or is being read; ``begun`` is of `_begun`."""
        until = phrase.letters_end + phrase.phrase.gaps[phrase.found - 1]
        if self._letters <= until:
            return True
        return any(phrase.letters_end <= letters <= until for letters in begun)

    # --- forms --------------------------------------------------------------------------------------------

    def _plain(self, char: str) -> None:
        last, self._plain_last = self._plain_last, char
        inside = last.isalnum() and char.isalnum()
        if shapes := self._shapes:
            self.looked_at += len(shapes)
            if not inside:
                self._complete(shapes)
            self._shapes = [(to, start) for shape, start in shapes if (to := shape[char]) is not None]
        if not inside and (begun := self._machine.forms.start[char]) is not None:
            self._shapes.append((begun, self.read))
            del self._shapes[: -self._keep.open]

    def _complete(self, shapes: list[tuple[Shape, int]]) -> None:
        """Take what is complete, as a form ends before this character."""
        checked = 0
        for shape, start in shapes:
            if shape.ends:
                self._form(shape, start)
                checked += 1
                if checked == self._keep.checked:
                    return

    def _form(self, shape: Shape, start: int) -> None:
        text = "".join(self._plain_text[start - self.base : self.read - self.base])
        for number in shape.ends:
            detector = self._machine.rules[number].rule.detector
            before = self._before(start) if detector in PLACED else ""
            if detector is None or CHECKS[detector](text, before):
                self._found(number, start, self.read)

    def _before(self, index: int) -> str:
        """Return the plain folding of what stands just before a character, however a text was cut."""
        first = max(0, index - self.base - BEFORE)
        near = "".join(self._plain_text[first : index - self.base])
        return f"{self._plain_before}{near}"[-BEFORE:]

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


def _advanced(threads: list[_Thread], letter: str, most: int) -> list[_Thread]:
    """Return the places that a letter leads to, the newest first and about ``most`` of them."""
    found: list[_Thread] = []
    for branch, start, letters, fresh, torn in threads:
        for to in branch.steps.get(letter, ()):
            found.append((to, start, letters, True, torn))  # noqa: PERF401 - mostly one
        if fresh and branch.tail:
            found.append((branch, start, letters, True, torn))
        elif fresh and branch.stem and letter != ANY:
            found.append((branch.stem, start, letters, True, torn))
        if len(found) >= most:
            break
    return found


def _steps_of(branch: Branch, letters: str) -> list[Branch]:
    return [to for letter in letters for to in branch.steps.get(letter, ())]


def _advanced_by_any(threads: list[_Thread], letters: str, most: int) -> list[_Thread]:
    """Return the places that a sign leads to which is one of some letters."""
    found = [thread for letter in letters for thread in _advanced(threads, letter, most)]
    return [*dict.fromkeys(found)][:most]


def _merged(threads: list[_Thread]) -> list[_Thread]:
    """Return of the threads that stand alike the newest and the oldest, the oldest ones last.

    From there on they find the same at the same time; they differ in where that begins, and how far it is
    from what was found before. Where a sign is both a letter and a gap ("!l!l!l") their number would double
    with every sign.
    """
    newest: dict[tuple[Branch, bool, tuple[int, ...]], _Thread] = {}
    oldest: dict[tuple[Branch, bool, tuple[int, ...]], _Thread] = {}
    for thread in threads:
        key = (thread[0], thread[3], thread[4])
        known = newest.setdefault(key, thread)
        if known is thread:
            continue
        if thread[2] == known[2]:  # as many letters: what the later one finds lies in what the other finds
            if thread[1] < known[1]:
                newest[key] = thread
        elif key not in oldest or thread[1] < oldest[key][1]:
            oldest[key] = thread
    return [*newest.values(), *oldest.values()]


def _with(spaces: tuple[int, ...], depth: int) -> tuple[int, ...]:
    """Return where spaces stand, with one more; several after the same letter are one."""
    return spaces if depth in spaces else (*spaces, depth)
