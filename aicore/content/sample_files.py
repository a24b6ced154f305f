"""Where the files of the sample world are, and their digest."""

import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable

SAMPLE = "cindermouth"
SUFFIXES = (".yaml", ".yml")


def digest() -> str:
    """Return the digest of the sample world's files: of their names and bytes, in the order of the names."""
    total = hashlib.sha256()
    for file in sorted(_files(), key=lambda file: file.name):
        content = file.read_bytes()
        total.update(f"{file.name} {len(content)}\n".encode() + content)
    return f"sha256:{total.hexdigest()}"


def _files() -> list[Traversable]:
    folder = files("aicore.content").joinpath(SAMPLE)
    return [file for file in folder.iterdir() if file.name.endswith(SUFFIXES)]
