"""An event of another context by which some tell others something. It imports no more than messages do."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

from domain.beliefs.messages import ClaimTold


class Spoken(ABC):
    """Declared beside `Event` by such an event."""

    @abstractmethod
    def tellings(self) -> Iterable[ClaimTold]:
        """Return what was told, in its order."""
