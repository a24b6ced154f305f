"""Makes the classifier that the settings ask for: who gives a second opinion behind the guardrails' rules."""

import asyncio
import time
from pathlib import Path

from aicore.content.guard_head import load_heads
from aicore.settings import SettingsError
from handlers.guardrails.classifier import PROVIDER, Classifier, TierClassifier
from handlers.guardrails.embedded import EmbeddedClassifier
from handlers.guardrails.sentence_encoder import EncoderError, shared_encoder
from handlers.routing.router import Router

EMBEDDED = "embedded"
TIER = "tier:"


async def classifier_of(choice: str, router: Router, cache: Path) -> Classifier | None:
    """Return the classifier of ``AICORE_GUARD_CLASSIFIER``; None if it is empty.

    Args:
        choice: ``embedded``, ``tier:NAME``, or nothing.
        router: asks the tier's engines.
        cache: folder of the embedded model; it is made there if it is not there yet.

    Raises:
        SettingsError: the embedded model cannot be used here, or the tier has nobody to ask; says what to do.
    """
    if choice.startswith(TIER):
        tier = choice.removeprefix(TIER)
        if not router.serves(tier, PROVIDER):
            there = sorted(name for name in router.tiers if router.serves(name, PROVIDER))
            raise SettingsError(
                f"AICORE_GUARD_CLASSIFIER: {choice!r}: the tier {tier!r} has no engine of the provider"
                f" {PROVIDER!r}; tiers with one: {', '.join(there) or 'none'}."
                " Give it one in the file of AICORE_ENGINES_FILE, or use embedded"
            )
        return TierClassifier(router, tier, time.perf_counter)
    if choice != EMBEDDED:
        return None
    try:
        return await asyncio.to_thread(open_classifier, cache)
    except EncoderError as error:
        raise SettingsError(f"AICORE_GUARD_CLASSIFIER: {error}") from error


def open_classifier(cache: Path) -> EmbeddedClassifier:
    """Return the embedded classifier, with the head that the program brings along. Blocks.

    Raises:
        EncoderError: see `shared_encoder`.
    """
    encoder = shared_encoder(cache)
    return EmbeddedClassifier(encoder, load_heads(), encoder.words)
