"""Where vectors are kept, as those see it who make them and those who search by them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from domain.lore.chunks import Limits
from domain.lore.knowing import Knower

Vector = NDArray[np.float32]

Rows = NDArray[np.float32]
"""Vectors of a passage: first that of the whole, then one for each of its sentences (`Chunk.read`)."""


def space_of(encoder: str) -> str:
    """Return what names vectors by an encoder's digest and by what it was given to read."""
    return f"sha256:{sha256(f'{encoder} passage, sentences'.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Kept:
    """A passage's vectors to keep, and the limits that an index must filter by."""

    passage: str
    document: str
    limits: Limits
    rows: Rows


class VectorsAway(Exception):
    """The place where vectors are kept cannot be reached, or has no index of neighbours."""


class VectorReader(Protocol):
    """Vectors for who searches. Each call raises `VectorsAway` if they are out of reach."""

    async def active(self) -> str:
        """Return the digest of the encoder that searches go by; "": none yet."""
        ...

    async def fetch(self, encoder: str, passages: Mapping[str, int]) -> Mapping[str, Rows]:
        """Return the vectors of passages that have some of this encoder, by how many each has."""
        ...

    async def nearest(
        self, encoder: str, vector: Vector, knower: Knower, count: int
    ) -> Sequence[tuple[str, float]]:
        """Return the passages nearest to a vector that somebody may know, with their cosines."""
        ...


class VectorWriter(Protocol):
    """Vectors for who makes them. Each call raises `VectorsAway` if they are out of reach."""

    async def active(self) -> str:
        """Return the digest of the encoder that searches go by; "": none yet."""
        ...

    async def there(self, encoder: str) -> set[str]:
        """Return the passages that have a vector of this encoder."""
        ...

    async def put(self, encoder: str, kept: Sequence[Kept]) -> None:
        """Keep vectors; one that is there already is written anew."""
        ...

    async def drop(self, encoder: str, passages: Sequence[str]) -> None:
        """Forget the vectors of passages that hold no more."""
        ...

    async def switch(self, encoder: str, passages: int) -> bool:
        """Have searches go by an encoder, if it has exactly so many vectors; return whether it has."""
        ...

    async def drop_others(self, encoder: str) -> int:
        """Forget the vectors of all other encoders, and return how many they were."""
        ...


class Encoder(Protocol):
    """Makes vectors of length 1; its digest names the model and how it is used."""

    @property
    def digest(self) -> str:
        """Digest of the encoder."""
        ...

    def vectors(self, texts: Sequence[str]) -> Vector:
        """Return a vector for each text, a row each. Blocks."""
        ...
