"""What is true and who is where, folded from the log without anybody's beliefs. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from domain.beliefs.beliefs import Beliefs
from domain.beliefs.changes import Begins, Change, Ends


@dataclass(slots=True)
class Outward(Beliefs):
    """Facts and who is where, by the same fold; nobody perceives, so nobody comes to believe anything."""

    def _witness(self, change: Begins | Ends, id_: str, position: int) -> None: ...

    def _note(self, changes: Iterable[Change], id_: str, position: int) -> None: ...

    def _look_round(self, who: str, place: str, at_ms: int, id_: str, position: int) -> None: ...
