"""An event of another context by which some tell others something. It imports no more than messages do."""

from collections.abc import Iterable

from domain.beliefs.messages import ClaimTold


class Spoken:
    """Declared beside `Event` by such an event."""

    def tellings(self) -> Iterable[ClaimTold]:
        """Return what was told, in its order."""
        raise NotImplementedError
