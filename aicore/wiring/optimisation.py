"""The optimiser: it watches every use case, proposes, and does what the policy lets it do."""

import asyncio
from functools import partial
from typing import Any

from nats.aio.client import Client as Nats

from aicore.client import Client, Refused
from aicore.settings import Settings
from aicore.wiring.parts import Part, Parts
from aicore.wiring.registry import models_in_memory
from domain.optimisation.messages import SetPolicy
from domain.optimisation.queries import ProposalsQuery
from domain.routing.queries import TiersQuery
from handlers.optimisation.optimiser import OPTIMISATION, OPTIMISATION_RECORDS, Optimiser
from handlers.registry.commands import REGISTRY
from handlers.registry.require_use_case import RequireUseCase
from protocol.errors import WireError

TIERS_ASKED_S = 2.0
"""Longest wait for what the tiers serve; the optimiser asks again at its next look."""


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    return Part(bindings=(OPTIMISATION,), serve={"commands": _commands})


async def _commands(parts: Parts) -> None:
    name, served = SetPolicy.command_name, parts.served
    served.commands[name] = RequireUseCase(
        SetPolicy, served.commands[name], await parts.once(models_in_memory)
    )
    optimiser = Optimiser(
        parts.log,
        parts.runner(REGISTRY, OPTIMISATION_RECORDS),
        decode=parts.codec.decode,
        now_us=parts.log.now_us,
        tiers=partial(ask_tiers, parts.nc, parts.system.realm),
    )
    parts.followers.append(optimiser)
    await parts.background(optimiser.run())
    served.queries[ProposalsQuery] = optimiser.answer


async def ask_tiers(nc: Nats, realm: str) -> Any:
    """Ask an inference service, here or in another process, for its tiers and engines.

    Raises:
        ConnectionError: none answers.
    """
    client = Client(nc, realm)
    try:
        async with asyncio.timeout(TIERS_ASKED_S):
            return (await client.query(TiersQuery.query_name)).result
    except (Refused, WireError, TimeoutError) as error:
        raise ConnectionError(f"inference.tiers: {error!r}") from error
