"""A pattern as an automaton over the bytes of UTF-8, made only as far as it is walked.

A state is what is left of the pattern (a derivative) and the bytes of a character that is not complete yet.
An automaton made as a whole can have 2**n states for n characters of pattern ("(a|b)*a(a|b){18}" has
524,288); an answer visits one for each of its bytes.
"""

from domain.patterns.reader import parse
from domain.patterns.tree import NOTHING, Node, after, firsts, nullable

LENGTHS = ((0xC2, 0xDF, 2), (0xE0, 0xEF, 3), (0xF0, 0xF4, 4))
"""First bytes of characters that take more than one, and how many bytes those take."""
LEAST = {2: 0x80, 3: 0x800, 4: 0x1_0000}
LAST = 0x10_FFFF
SURROGATES = (0xD800, 0xDFFF)


class State:
    """A place in a pattern."""

    __slots__ = ("_after", "_node", "_pending", "_walk", "ends")

    def __init__(self, walk: "Walk", node: Node, pending: bytes) -> None:
        self._walk = walk
        self._node = node
        self._pending = pending
        self._after: dict[int, State | None] = {}
        self.ends = not pending and nullable(node)
        """Whether the text so far matches."""

    def after(self, byte: int) -> "State | None":
        """Return the place after one more byte; None if no match goes on with it. Raises `PatternError`."""
        if byte not in self._after:
            self._after[byte] = self._step(self._pending + bytes((byte,)))
        return self._after[byte]

    def _step(self, read: bytes) -> "State | None":
        length = _length(read[0])
        if len(read) < length:
            first, last = _range(read, length)
            able = first <= last and any(chars.meets(first, last) for chars in firsts(self._node))
            return self._walk.state(self._node, read) if able else None
        try:
            node = after(self._node, read.decode())
        except UnicodeDecodeError:
            return None
        return None if node == NOTHING else self._walk.state(node, b"")


class Walk:
    """The states of one pattern that were visited. Several threads may walk it."""

    def __init__(self, pattern: str) -> None:
        """Stand before the pattern. Raises `PatternError`."""
        self._states: dict[tuple[Node, bytes], State] = {}
        self.start = self.state(parse(pattern), b"")

    def __len__(self) -> int:
        """Return the number of states visited."""
        return len(self._states)

    def state(self, node: Node, pending: bytes) -> State:
        """Return the one state with this rest."""
        return self._states.setdefault((node, pending), State(self, node, pending))


def _length(first: int) -> int:
    return next((length for low, high, length in LENGTHS if low <= first <= high), 1)


def _range(read: bytes, length: int) -> tuple[int, int]:
    """Return the first and last code point of ``length`` bytes that begin with ``read``; crossed if none."""
    if any(byte & 0xC0 != 0x80 for byte in read[1:]):
        return 1, 0
    code = read[0] & (0x7F >> length)
    for byte in read[1:]:
        code = code << 6 | byte & 0x3F
    missing = 6 * (length - len(read))
    first, last = code << missing, ((code + 1) << missing) - 1
    first, last = max(first, LEAST[length]), min(last, LAST)
    low, high = SURROGATES
    if low <= first <= high:
        first = high + 1
    if low <= last <= high:
        last = low - 1
    return first, last
