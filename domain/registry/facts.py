"""Facts of a model at its registration: the fields that command and event share."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Literal, assert_never

from pydantic import ConfigDict, Field, JsonValue

from domain.kernel.declared import Declared
from domain.kernel.vocabulary import (
    CONFIGURATION_KEYS_MAX,
    INT64_MAX,
    ConfigurationValue,
    Digest,
    ModelName,
    ModelVersion,
    Provider,
    Text,
    Tier,
    UseCase,
)

ConfigurationKey = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.]{0,62}$")]

Configuration = Annotated[
    dict[ConfigurationKey, ConfigurationValue],
    Field(
        max_length=CONFIGURATION_KEYS_MAX,
        description="How the model is served, e.g. prompt_template, endpoint, quantization; at most 64 keys. "
        "Never a secret: the log keeps it for ever.",
    ),
]

Description = Annotated[
    Text, Field(max_length=2_000, description="What it is good for, at most 2,000 characters.")
]

ArtefactPath = Annotated[
    str, Field(max_length=500, pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$")
]


Needs = Annotated[
    dict[ConfigurationKey, Annotated[int, Field(ge=0, le=INT64_MAX)]],
    Field(
        max_length=32,
        description="What one running copy takes, by resource with the unit in its name: memory_mb, "
        "gpu_memory_mb, disk_mb, cores. At most 32 entries.",
    ),
]


Lineage = Annotated[
    dict[ConfigurationKey, Annotated[Text, Field(max_length=256)]],
    Field(
        max_length=16,
        description="Where it comes from: base_model (an id), training_export (digest of the examples), "
        "evaluation, seed. At most 16 entries.",
    ),
]


class ModelFacts(Declared):
    """A model as its registrar describes it."""

    model_config = ConfigDict(frozen=True)

    use_case: UseCase
    name: ModelName
    version: ModelVersion
    provider: Provider
    model_type: Literal["self_hosted", "external", "adapter"] = Field(
        description="self_hosted: its weights run on our machines; external: behind somebody's API; "
        "adapter: weights that change a base model."
    )
    tier: Tier
    description: Description = ""
    configuration: Configuration = Field(default_factory=dict)
    artefacts: dict[ArtefactPath, Digest] = Field(
        default_factory=dict,
        max_length=256,
        description="Digest of each file of the model by its relative path: what was served can be proven. "
        "At most 256 files.",
    )
    licence: Annotated[
        Text,
        Field(max_length=128, description="Licence of the weights: an SPDX expression, or empty if unknown."),
    ] = ""
    card: Annotated[
        Text,
        Field(
            max_length=16_384,
            description="Model card in Markdown: origin, training data, limits; at most 16,384 characters.",
        ),
    ] = ""
    needs: Needs = Field(default_factory=dict)
    lineage: Lineage = Field(default_factory=dict)


def configuration_digest(configuration: Mapping[str, JsonValue]) -> str:
    """Return the SHA-256 of a configuration, the same wherever it was read.

    A whole number is the same however it is written: a database that keeps JSON gives 1e22 back in digits.
    """
    whole = json.dumps(_whole(configuration), sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(whole.encode()).hexdigest()}"


def _whole(value: JsonValue | Mapping[str, JsonValue]) -> object:
    match value:
        case float() if value.is_integer():
            return int(value)
        case Mapping():
            return {key: _whole(each) for key, each in value.items()}
        case list():
            return [_whole(each) for each in value]
        case str() | int() | float() | None:  # a truth value is an int
            return value
        case _:
            assert_never(value)


def artefacts_digest(artefacts: Mapping[str, str]) -> str:
    """Return one digest for all files of a model, "" without any.

    SHA-256 over one line ``{digest}  {path}`` per file, sorted by path, each ended by a newline: what
    ``sha256sum`` prints for them, with the digests' prefix.
    """
    if not artefacts:
        return ""
    lines = "".join(f"{digest}  {path}\n" for path, digest in sorted(artefacts.items()))
    return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"
