"""Windows: how many messages may be on their way to us by one gate. Pure.

NATS has no flow control for subscriptions, but a subscription may end after a number of messages. So one of a
known number is a grant: what is granted adds up, whatever is under way in either direction, and what a grant
has left is known by counting. A new grant is made while half of the window is left; who sends faster than we
read has none left, and the server says so by itself. See docs/decisions.md, "Windows".
"""

from dataclasses import dataclass, field

LEARNT = 1 / 16
"""What each message's size adds to the mean that a window goes by: a large one alone takes no room from small
ones, and sixteen in a row are most of it."""

FEW = 2
"""Messages that a window has room for, however large they are."""


@dataclass(slots=True, eq=False)
class Grant:
    """A subscription that ends after ``number`` messages, of which ``read`` came; ``id`` is NATS's."""

    number: int
    read: int = 0
    id: int = 0

    @property
    def left(self) -> int:
        """Messages that may still come."""
        return max(0, self.number - self.read)


@dataclass(slots=True, eq=False)
class Window:
    """What may be on its way by one gate: ``most`` messages at most, fewer if they are large.

    Attributes:
        most, bytes_most: messages and bytes at once.
        size: bytes of a message, in the mean of late.
        grants: those of which messages may come.
    """

    most: int
    bytes_most: int
    size: float = 1.0
    grants: list[Grant] = field(default_factory=list)
    _left: int = 0

    @property
    def width(self) -> int:
        """Messages that there is room for, by the size of those of late."""
        return max(FEW, min(self.most, int(self.bytes_most / self.size)))

    def came(self, grant: Grant, size: int) -> bool:
        """Count a message of ``size`` bytes; say whether `cut` or `more` is to be asked now."""
        if grant.read < grant.number:
            self._left -= 1
        grant.read += 1
        self.size += (size - self.size) * LEARNT
        return not self.width // 2 < self._left <= 2 * self.width

    def cut(self) -> list[Grant]:
        """Return the grants that are smaller from now on, as much larger messages come than before.

        The server may have sent more of one than it has now: all of that comes, and ends it.
        """
        if self._left <= 2 * self.width:
            return []
        cut, room = [], self.width
        for grant in self.grants:
            if grant.left > room:
                grant.number = grant.read + room
                cut.append(grant)
            room -= grant.left
        self._count()
        return cut

    def spent(self) -> list[Grant]:
        """Return the grants of which nothing is left; they are none of this window from now on."""
        spent = [grant for grant in self.grants if not grant.left]
        self.grants = [grant for grant in self.grants if grant.left]
        return spent

    def more(self) -> Grant | None:
        """Return another grant, if there is room for it: half a window or more."""
        if self._left > self.width // 2:
            return None
        grant = Grant(self.width - self._left)
        self.grants.append(grant)
        self._count()
        return grant

    def end(self) -> list[Grant]:
        """Return all grants; the window has none from now on."""
        ended, self.grants, self._left = self.grants, [], 0
        return ended

    def _count(self) -> None:
        self._left = sum(grant.left for grant in self.grants)
