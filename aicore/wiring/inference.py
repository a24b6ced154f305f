"""Turns: the service that answers them, on NATS and over HTTP."""

import time
from collections.abc import Sequence
from functools import partial

from nats.aio.client import Client as Nats

from aicore.clock import new_id
from aicore.content.characters import load_characters
from aicore.content.scenes import closing_line, known_scene
from aicore.content.speech import load_speech
from aicore.content.suites import contradictions
from aicore.content.world import load_world
from aicore.http.openai.door import OpenAIDoor
from aicore.http.server import serving_http
from aicore.keys import OWN_NAME, Keys, named_keys, own_key
from aicore.settings import Settings
from aicore.wiring.classifier import classifier_of
from aicore.wiring.guardrails import active_policy
from aicore.wiring.parts import Part, Parts
from aicore.wiring.registry import models_in_memory
from aicore.wiring.routing import claims_of, records_of, router_of
from aicore.wiring.sealing import seal_of
from bus.nats.tokens import cancellable, token_giver
from bus.ports import EventLog
from domain.inference.messages import Generate
from domain.inference.queries import StatsQuery
from handlers.guardrails.guard import Guardrails
from handlers.inference.admission import AllowanceLimits, Allowances
from handlers.inference.records import RATINGS
from handlers.inference.service import InferenceService
from handlers.kernel.follow import Follower
from projections.inference.stats import INFERENCE_STATS, stats


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    return Part(
        bindings=(RATINGS,),
        views=(INFERENCE_STATS,),
        answers={StatsQuery: stats},
        serve={"inference": _turns},
    )


async def _turns(parts: Parts) -> None:
    service, name = await parts.once(inference_service), Generate.command_name
    parts.served.commands[name] = service
    parts.served.malformed[name] = service.malformed
    if port := parts.system.http_port or parts.settings.http_port:
        registry, router = await parts.once(models_in_memory), await parts.once(router_of)
        door = OpenAIDoor(
            service,
            registry,
            tiers=router.tiers,
            new_id=new_id,
            keys=_keys(parts),
            hosts=parts.settings.http_names,
            unready=partial(unready, parts.log, parts.nc, parts.followers),
        )
        await parts.stack.enter_async_context(serving_http(door.app(), parts.settings.http_host, port))


def unready(log: EventLog, nc: Nats, followers: Sequence[Follower]) -> Sequence[str]:
    """Return why a process should be sent no requests now, in words for an operator."""
    standing = [each.standing for each in followers]
    found = (
        log.clock_wrong,
        "" if log.reachable else "the log cannot be read: Postgres does not answer",
        "" if nc.is_connected else "there is no connection to NATS",
        *(f"{each.name} cannot take in an event: {each.error}" for each in standing if each.error),
    )
    return [reason for reason in found if reason]


def _keys(parts: Parts) -> Keys:
    """Return who may ask at the door: whom the settings name, or who can read the state directory."""
    given = named_keys(parts.settings.http_key.get_secret_value())
    return Keys(given or {OWN_NAME: own_key(parts.system.state_dir)})


async def inference_service(parts: Parts) -> InferenceService:
    """Open the service that answers turns (`Parts.once`)."""
    settings, records = parts.settings, await parts.once(records_of)
    characters = load_characters(settings.content_file)
    service = InferenceService(
        records,
        await parts.once(models_in_memory),
        await parts.once(router_of),
        timeout_s=settings.inference_timeout_s,
        give=token_giver(parts.nc),
        allowances=Allowances(_limits(settings), time.perf_counter),
        scenes=partial(known_scene, characters),
        characters=[each.id for each in characters.npc],
        guard=await _guardrails(parts),
        claims=await parts.once(claims_of),
    )
    (await parts.once(claims_of)).answer_with(service.answer_peer)
    await parts.stack.enter_async_context(cancellable(parts.nc, parts.system.realm, service.cancel))
    return service


def _limits(settings: Settings) -> AllowanceLimits:
    return AllowanceLimits(
        player_requests=settings.player_requests_per_s,
        player_tokens=settings.player_tokens_per_s,
        service_requests=settings.service_requests_per_s,
    )


async def _guardrails(parts: Parts) -> Guardrails:
    settings, folder = parts.settings, parts.system.state_dir / "models"
    world, speech = load_world(settings.content_file), load_speech()
    characters = load_characters(settings.content_file)
    records, router = await parts.once(records_of), await parts.once(router_of)
    seal = seal_of(settings)
    return Guardrails(
        await parts.once(active_policy),
        partial(closing_line, characters, speech),
        records.violation,
        contradictions(world, speech),
        await classifier_of(settings.guard_classifier, router, folder),
        seal.close if seal else None,
    )
