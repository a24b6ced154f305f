"""Which tiers there are and which engines serve them: the file's, or the embedded engine for all."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson
import structlog
from pydantic import SecretStr

from aicore.content.weights import SHIPPED, SHIPPED_VERSION, shipped_model
from aicore.embedded.vllm import MODEL
from aicore.settings import Settings, SettingsError
from aicore.wiring.engines_file import EmbeddedConfig, EnginesFile, OpenAIConfig, TierConfig
from domain.registry.facts import artefacts_digest
from domain.registry.state import Model
from domain.routing.choice import Objective
from domain.routing.promises import GOLD_TOKEN_MS, SILVER_TTFT_MS
from handlers.engines.artefact import MANIFEST
from handlers.engines.embedded import EmbeddedEngine
from handlers.engines.openai_compatible import OpenAICompatibleEngine
from handlers.engines.port import Engine
from handlers.routing.turns import Tier

logger = structlog.get_logger(__name__)

VLLM_CAPACITY = 16
"""Streams at which one core still gives a token in 5.5 ms; design.md, section 5."""


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
        api_key=_key(name, config.api_key_env),
        chat=config.chat,
        vllm=config.kind == "vllm",
        dialect=config.dialect(),
    )


def _key(engine: str, variable: str) -> SecretStr:
    """Return an engine's key from the environment; that there is none, although one is named, is told."""
    key = os.environ.get(variable, "") if variable else ""
    if variable and not key:
        logger.warning("engine_key_missing", engine=engine, variable=variable)
    return SecretStr(key)
