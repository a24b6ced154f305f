"""The router and its engines, and the records that both leave."""

import random
import time

from aicore.clock import new_id, now_us
from aicore.settings import Settings
from aicore.wiring.engines_file import read_file
from aicore.wiring.parts import Part, Parts
from aicore.wiring.tiers import build, default_file, vllm_file
from bus.nats.claims import NatsClaims, open_claims
from bus.spool.orphans import Orphans
from bus.spool.spool import SpoolOptions, open_free_spool
from domain.kernel.event import Event
from domain.routing.queries import TiersQuery
from handlers.inference.records import INFERENCES, InferenceRecords, recall_with
from handlers.routing.router import Router
from handlers.routing.tier_board import TierBoard


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    return Part(serve={"inference": _tiers})


async def _tiers(parts: Parts) -> None:
    parts.served.queries[TiersQuery] = TierBoard(await parts.once(router_of)).answer


async def records_of(parts: Parts) -> InferenceRecords:
    """Open this process's spool, which brings what inference records to the log (`Parts.once`)."""
    options = SpoolOptions(now_us=now_us, draw=random.SystemRandom().random)
    folder = parts.system.state_dir / "spool"
    await parts.once(claims_of)  # others ask us for what our spool has until that is shipped
    spool = await parts.stack.enter_async_context(open_free_spool(folder, parts.log, options))

    def left(stream: str) -> list[Event]:
        decode = parts.codec.decode_payload
        return [decode(event.type, event.schema_version, event.payload) for event in spool.left(stream)]

    recall = recall_with(parts.runner(INFERENCES), left)
    orphans = Orphans(folder)
    clock = parts.log.now_us
    return InferenceRecords(spool, parts.codec, recall, now_us=clock, new_id=new_id, orphans=orphans.read)


async def claims_of(parts: Parts) -> NatsClaims:
    """Open what this process claims of command ids (`Parts.once`)."""
    return await parts.stack.enter_async_context(open_claims(parts.nc, parts.system.realm, new_id))


async def router_of(parts: Parts) -> Router:
    """Open the router, with the engines of this process started (`Parts.once`)."""
    settings = parts.settings
    if settings.engines_file:
        file = read_file(settings.engines_file)
    elif parts.system.vllm_urls:
        file = vllm_file(settings, parts.system.vllm_urls)
    else:
        file = default_file(settings)
    tiers, engines = build(file)
    for engine in engines:
        await engine.start()
        parts.stack.push_async_callback(engine.stop)
    records = await parts.once(records_of)
    router = Router(
        tiers,
        clock=time.perf_counter,  # uvloop's own counts whole milliseconds
        draw=random.random,
        on_engine_state=records.engine_state,
    )
    await parts.background(router.run())
    return router
