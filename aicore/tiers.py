"""Which tiers there are and which engines serve them: from a TOML file, or the embedded engine for all.

The file has a table per engine and one per tier (docs/operations.md, "Engines and tiers"). Keys to other
people's servers come from environment variables that the file names, so that it holds no secret.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from aicore.embedded.vllm import MODEL
from aicore.settings import Settings, SettingsError
from domain.routing.choice import Objective
from handlers.engines.embedded import EmbeddedEngine
from handlers.engines.openai_compatible import OpenAICompatibleEngine
from handlers.engines.port import Engine
from handlers.routing import Tier

GOLD_TOKEN_MS = 16.0
"""A frame at 60 Hz; domain.md 1.12."""

SILVER_TTFT_MS = 250.0
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


class OpenAIConfig(_Strict):
    """A server that speaks the OpenAI API: vLLM, or anything like it."""

    kind: Literal["vllm", "openai"]
    url: str = Field(pattern=r"^https?://")
    model: str = Field(min_length=1)
    capacity: int = Field(16, ge=1, le=100_000)
    provider: str = "vllm"
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
    hedge_after_ms: float | None = Field(None, gt=0)


class EnginesFile(_Strict):
    """The whole file."""

    engines: Mapping[Name, Annotated[EmbeddedConfig | OpenAIConfig, Field(discriminator="kind")]]
    tiers: Mapping[Literal["gold", "silver", "bronze"], TierConfig]


def vllm_file(settings: Settings, url: str) -> EnginesFile:
    """Return what holds with `aicore up --vllm`: vLLM serves gold and silver, the embedded engine the rest.

    Both serve the demo models, so a turn that vLLM cannot take or finish goes to the embedded engine.
    """
    plain = default_file(settings)
    vllm = OpenAIConfig(kind="vllm", url=url, model=MODEL, provider="embedded", capacity=VLLM_CAPACITY)
    waiting = settings.inference_waiting_max
    return EnginesFile(
        engines={**plain.engines, "vllm": vllm},
        tiers={
            "gold": TierConfig(
                engines=("vllm",), waiting_max=waiting, token_ms=GOLD_TOKEN_MS, below="bronze"
            ),
            "silver": TierConfig(
                engines=("vllm",), waiting_max=waiting, ttft_ms=SILVER_TTFT_MS, below="bronze"
            ),
            "bronze": plain.tiers["bronze"],
        },
    )


def default_file(settings: Settings) -> EnginesFile:
    """Return what holds without a file: the embedded engine serves every tier."""
    common = {"engines": ("embedded",), "waiting_max": settings.inference_waiting_max}
    return EnginesFile(
        engines={
            "embedded": EmbeddedConfig(
                kind="embedded", model_dir=settings.model_dir, capacity=settings.inference_concurrent
            )
        },
        tiers={
            "gold": TierConfig(**common, token_ms=GOLD_TOKEN_MS),
            "silver": TierConfig(**common, ttft_ms=SILVER_TTFT_MS),
            "bronze": TierConfig(**common),
        },
    )


def read_file(path: Path) -> EnginesFile:
    """Return a file's contents.

    Raises:
        SettingsError: naming the table and key at fault.
    """
    try:
        found = EnginesFile.model_validate(tomllib.loads(path.read_text()))
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


def build(file: EnginesFile, shipped: Path) -> tuple[Mapping[str, Tier], list[Engine]]:
    """Return the tiers by name and every engine once, not started.

    Args:
        file: what is wanted.
        shipped: the model folder of an embedded engine that names none.
    """
    engines = {name: _engine(name, config, shipped) for name, config in file.engines.items()}
    tiers = {
        str(name): Tier(
            engines=[engines[engine] for engine in config.engines],
            objective=Objective(
                ttft_ms=config.ttft_ms, token_ms=config.token_ms, waiting_max=config.waiting_max
            ),
            below=config.below,
            first_token_s=config.first_token_s,
            between_tokens_s=config.between_tokens_s,
            hedge_after_ms=config.hedge_after_ms,
        )
        for name, config in file.tiers.items()
    }
    return tiers, list(engines.values())


def _engine(name: str, config: EmbeddedConfig | OpenAIConfig, shipped: Path) -> Engine:
    if isinstance(config, EmbeddedConfig):
        return EmbeddedEngine(
            config.model_dir or shipped,
            name=name,
            provider=config.provider,
            concurrent_max=config.capacity,
        )
    return OpenAICompatibleEngine(
        name,
        url=config.url,
        model=config.model,
        provider=config.provider,
        capacity=config.capacity,
        api_key=SecretStr(os.environ.get(config.api_key_env, "") if config.api_key_env else ""),
        chat=config.chat,
        vllm=config.kind == "vllm",
    )
