"""Which tiers there are and which engines serve them: from a TOML file, or the embedded engine for all.

The file has a table per engine and one per tier (docs/operations.md, "Engines and tiers"). Keys to other
people's servers come from environment variables that the file names, so that it holds no secret.
"""

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from aicore.content.weights import SHIPPED, SHIPPED_VERSION, shipped_model
from aicore.embedded.vllm import MODEL
from aicore.settings import Settings, SettingsError
from domain.registry.facts import artefacts_digest
from domain.registry.state import Model
from domain.routing.choice import Objective
from domain.routing.promises import GOLD_TOKEN_MS, SILVER_TTFT_MS
from handlers.engines.artefact import MANIFEST
from handlers.engines.embedded import EmbeddedEngine
from handlers.engines.openai_compatible import OpenAICompatibleEngine
from handlers.engines.port import Engine
from handlers.routing.turns import Tier

VLLM_CAPACITY = 16
"""Streams at which one core still gives a token in 5.5 ms; design.md, section 5."""

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EmbeddedConfig(_Strict):
    """A model folder that this process serves itself."""

    kind: Literal["embedded"]
    model_dir: Path | None = None
    capacity: int = Field(4, ge=1, le=1_024)
    provider: str = "embedded"
    models: tuple[str, ...] = ()


class OpenAIConfig(_Strict):
    """A server that speaks the OpenAI API: vLLM, or anything like it."""

    kind: Literal["vllm", "openai"]
    url: str = Field(pattern=r"^https?://[^/\s]")
    model: str = Field(min_length=1)
    capacity: int = Field(16, ge=1, le=100_000)
    provider: str = "vllm"
    models: tuple[str, ...] = ()
    api_key_env: str = ""
    chat: bool = False


class TierConfig(_Strict):
    """A tier's promise and its engines, by name."""

    engines: tuple[str, ...] = Field(min_length=1)
    ttft_ms: float | None = Field(None, gt=0)
    token_ms: float | None = Field(None, gt=0)
    waiting_max: int = Field(64, ge=0, le=100_000)
    below: Literal["", "gold", "silver", "bronze"] = ""
    first_token_s: float = Field(10.0, gt=0)
    between_tokens_s: float = Field(5.0, gt=0)
    patience_s: float = Field(3.0, ge=0)
    hedge_after_ms: float | None = Field(None, gt=0)


class EnginesFile(_Strict):
    """The whole file."""

    engines: Mapping[Name, Annotated[EmbeddedConfig | OpenAIConfig, Field(discriminator="kind")]]
    tiers: Mapping[Literal["gold", "silver", "bronze"], TierConfig]


def default_file(settings: Settings) -> EnginesFile:
    """Return what holds without a file: embedded engines serve every tier with the shipped models.

    With AICORE_MODEL_DIR it is one engine with that model, for all.

    Raises:
        SettingsError: that folder holds no model.
    """
    if settings.model_dir is not None and not (settings.model_dir / MANIFEST).is_file():
        raise SettingsError(f"AICORE_MODEL_DIR: {settings.model_dir} is no model: it has no {MANIFEST}")
    names = {"gold": "embedded-gold", "silver": "embedded-silver"}
    if settings.model_dir is not None:
        names = dict.fromkeys(names, "embedded")
    engines = {
        names[tier]: EmbeddedConfig(
            kind="embedded",
            model_dir=settings.model_dir or shipped_model(model),
            models=() if settings.model_dir else (f"{model}@{SHIPPED_VERSION}",),
            capacity=settings.inference_concurrent,
        )
        for tier, model in SHIPPED.items()
    }
    waiting = settings.inference_waiting_max
    return EnginesFile(
        engines=engines,
        tiers={
            "gold": TierConfig(engines=(names["gold"],), waiting_max=waiting, token_ms=GOLD_TOKEN_MS),
            "silver": TierConfig(
                engines=(names["silver"],), waiting_max=waiting, ttft_ms=SILVER_TTFT_MS, below="gold"
            ),
            "bronze": TierConfig(engines=tuple(dict.fromkeys(names.values())), waiting_max=waiting),
        },
    )


def vllm_file(settings: Settings, urls: Mapping[str, str]) -> EnginesFile:
    """Return what holds with `aicore up --vllm`: vLLM serves gold and silver, the embedded engines the rest.

    Both serve the same weights, so a turn that vLLM cannot take or finish goes on embedded.

    Args:
        settings: of the process.
        urls: address of the vLLM server by tier.
    """
    plain = default_file(settings)
    servers = {
        f"vllm-{tier}": OpenAIConfig(
            kind="vllm",
            url=url,
            model=MODEL,
            provider="embedded",
            models=() if settings.model_dir else (f"{SHIPPED[tier]}@{SHIPPED_VERSION}",),
            capacity=VLLM_CAPACITY,
        )
        for tier, url in urls.items()
    }
    tiers = {
        name: tier.model_copy(update={"engines": (f"vllm-{name}",), "below": "bronze"})
        for name, tier in plain.tiers.items()
        if name in urls
    }
    return EnginesFile(engines={**plain.engines, **servers}, tiers={**plain.tiers, **tiers})


def read_file(path: Path) -> EnginesFile:
    """Return a file's contents.

    Raises:
        SettingsError: naming the table and key at fault.
    """
    try:
        found = EnginesFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SettingsError(f"AICORE_ENGINES_FILE: {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"AICORE_ENGINES_FILE: {path} is no TOML: {error}") from None
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        )
        raise SettingsError(f"AICORE_ENGINES_FILE: {path}: {faults}") from None
    for name, tier in found.tiers.items():
        if unknown := [engine for engine in tier.engines if engine not in found.engines]:
            known = ", ".join(found.engines)
            raise SettingsError(
                f"AICORE_ENGINES_FILE: {path}: tiers.{name}.engines names {unknown[0]!r}; there are {known}"
            )
        _check_way_down(path, name, found)
    return found


def _check_way_down(path: Path, name: str, found: EnginesFile) -> None:
    seen, tier = {name}, found.tiers[name].below if name in found.tiers else ""  # type: ignore[index]  # str of the literal
    while tier:
        if tier in seen or tier not in found.tiers:
            what = "leads back to itself" if tier in seen else f"names {tier!r}, which is no tier of the file"
            raise SettingsError(f"AICORE_ENGINES_FILE: {path}: tiers.{name}.below {what}")
        seen.add(tier)
        tier = found.tiers[tier].below


def own_engine(settings: Settings, folders: Sequence[Path], model: Model) -> EmbeddedEngine | None:
    """Return an embedded engine for a version, not started; None if its files are in none of the folders.

    A folder ``{name}-{version}`` or ``{name}`` is taken whose manifest has the digests that were registered,
    so that two versions of a name cannot be mistaken for each other. With another manifest the first folder
    is taken, and the start of the engine says what differs.
    """
    facts = model.registered
    if facts.provider != "embedded":
        return None
    names = (f"{facts.name}-{facts.version}", facts.name)
    found = [each for folder in folders for name in names if (each := folder / name).is_dir()]
    if not found:
        return None
    same = [folder for folder in found if _manifest_files(folder) == facts.artefacts]
    return EmbeddedEngine(
        (same or found)[0],
        # With a piece of the digest: two versions' names must not be one engine's.
        name=f"{facts.name}-{facts.version}-{artefacts_digest(facts.artefacts)[7:13] or 'none'}",
        models=(f"{facts.name}@{facts.version}",),
        concurrent_max=settings.inference_concurrent,
    )


def _manifest_files(folder: Path) -> Mapping[str, str] | None:
    try:
        files: Mapping[str, str] = orjson.loads((folder / MANIFEST).read_bytes())["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return files


def build(file: EnginesFile) -> tuple[Mapping[str, Tier], list[Engine]]:
    """Return the tiers by name and every engine once, not started."""
    engines = {name: _engine(name, config) for name, config in file.engines.items()}
    tiers = {
        str(name): Tier(
            engines=[engines[engine] for engine in config.engines],
            objective=Objective(
                ttft_ms=config.ttft_ms, token_ms=config.token_ms, waiting_max=config.waiting_max
            ),
            below=config.below,
            first_token_s=config.first_token_s,
            between_tokens_s=config.between_tokens_s,
            patience_s=config.patience_s,
            hedge_after_ms=config.hedge_after_ms,
        )
        for name, config in file.tiers.items()
    }
    return tiers, list(engines.values())


def _engine(name: str, config: EmbeddedConfig | OpenAIConfig) -> Engine:
    if isinstance(config, EmbeddedConfig):
        return EmbeddedEngine(
            config.model_dir or shipped_model(),
            name=name,
            provider=config.provider,
            models=config.models,
            concurrent_max=config.capacity,
        )
    return OpenAICompatibleEngine(
        name,
        url=config.url,
        model=config.model,
        provider=config.provider,
        models=config.models,
        capacity=config.capacity,
        api_key=SecretStr(os.environ.get(config.api_key_env, "") if config.api_key_env else ""),
        chat=config.chat,
        vllm=config.kind == "vllm",
    )
