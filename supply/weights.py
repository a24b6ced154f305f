"""Weights that come with the program: each model's files with their digests."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aicore.content.weights import MODELS, SHIPPED_VERSION, VOICE

GUARD_HEAD = Path(__file__).parents[1] / "aicore" / "content" / "guard_head.json"


@dataclass(frozen=True, slots=True)
class Weights:
    """A model that comes with the program."""

    name: str
    version: str
    says: str
    """What it is, and of what it was made."""
    files: Mapping[str, str]
    """SHA-256 by path below the checkout."""


def bundled() -> list[Weights]:
    """Return every model that the program's own wheel carries, by name."""
    made = "a small language model, trained by `make {}` on text written for this project"
    found = [
        Weights(
            folder.name,
            SHIPPED_VERSION,
            made.format("train-voice" if folder.name == VOICE else "train"),
            _digests(folder),
        )
        for folder in sorted(MODELS.iterdir())
        if folder.is_dir()
    ]
    head = "the embedded guard's heads, trained by `make train-guard` on text written for this project"
    return [*found, Weights("guard-head", SHIPPED_VERSION, head, _digests(GUARD_HEAD))]


def _digests(place: Path) -> dict[str, str]:
    root = Path(__file__).parents[1]
    files = sorted(path for path in (place.rglob("*") if place.is_dir() else [place]) if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
