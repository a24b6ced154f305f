"""A model's files for the embedded engine, and the manifest that vouches for them.

A directory holds ``manifest.json`` and the files it lists with their SHA-256: CTranslate2's model and
``tokenizer.json``. The files are read once and checked as read, so what is served is what was checked.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handlers.engines.port import EngineError

MANIFEST = "manifest.json"
TOKENIZER = "tokenizer.json"
FORMAT = "ctranslate2"
DIGEST = "sha256:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Content of `manifest.json`."""

    name: str
    context: int
    """Most tokens of prompt and answer together."""
    files: Mapping[str, str]
    """``sha256:`` and 64 hexadecimal digits by file name."""
    end_token: str = "<end>"  # noqa: S105 - a token of text, no secret
    """The token with which the model ends an answer."""
    answer_tag: str = "<line>"
    """Begins the answer; a prompt that holds it is complete as it is."""
    bare_prompt: str = "<said> {prompt} <line>"
    """Form of a text without the tag, as that of `aicore.content.prompt.as_prompt`."""

    def complete(self, prompt: str) -> str:
        """Return ``prompt`` in the form that the model was trained on."""
        if self.answer_tag in prompt:
            return prompt
        return self.bare_prompt.replace("{prompt}", " ".join(prompt.split()))


@dataclass(frozen=True, slots=True)
class Artefact:
    """A manifest and the checked bytes of every file it lists."""

    manifest: Manifest
    files: Mapping[str, bytes]


def read_artefact(directory: Path) -> Artefact:
    """Return the files of ``directory``, checked.

    Raises:
        EngineError: a file is missing, is not what the manifest says, or the manifest is not readable.
    """
    try:
        manifest = _parse(directory.name, json.loads((directory / MANIFEST).read_bytes()))
        files = {name: (directory / name).read_bytes() for name in manifest.files}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise EngineError(
            f"model {directory.name} cannot be read: {error}; restore it, or make it anew with `make train`"
        ) from error
    for name, expected in manifest.files.items():
        if (found := DIGEST + hashlib.sha256(files[name]).hexdigest()) != expected:
            raise EngineError(
                f"model {directory.name}: {name} has the digest {found}, the manifest says {expected}; "
                "it was changed or damaged: restore it, or make it anew with `make train`"
            )
    return Artefact(manifest, files)


def _parse(name: str, fields: Any) -> Manifest:
    """Return the manifest, or raise ValueError, KeyError or TypeError with what is wrong."""
    if fields["format"] != FORMAT:
        raise ValueError(f"a manifest of format {fields['format']!r}, this engine reads {FORMAT!r}")
    if TOKENIZER not in fields["files"]:
        raise ValueError(f"the manifest lists no {TOKENIZER}")
    if any(Path(file).name != file for file in fields["files"]):
        raise ValueError("the manifest lists a file outside its directory")
    optional = {key: fields[key] for key in ("end_token", "answer_tag", "bare_prompt") if key in fields}
    return Manifest(name=name, context=int(fields["context"]), files=fields["files"], **optional)
