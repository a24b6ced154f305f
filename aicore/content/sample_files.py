"""Where the files of the sample world are, and their digest."""

import hashlib
from importlib.resources import files

SAMPLE = "cindermouth"
SUFFIXES = (".yaml", ".yml")


def sample_files() -> list[tuple[str, bytes]]:
    """Return the files of the sample world, by name, in the order of the names."""
    folder = files("aicore.content").joinpath(SAMPLE)
    found = [(file.name, file.read_bytes()) for file in folder.iterdir() if file.name.endswith(SUFFIXES)]
    return sorted(found)


def digest() -> str:
    """Return the digest of the sample world's files: of their names and bytes."""
    total = hashlib.sha256()
    for name, content in sample_files():
        total.update(f"{name} {len(content)}\n".encode() + content)
    return f"sha256:{total.hexdigest()}"
