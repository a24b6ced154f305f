"""Our service as a process of its own for the router benchmark: `python -m benchmarks.router_child …`.

Everything of a real one: log, spool, registry view, router, HTTP door and NATS service. Prints ``ready``.
"""

import argparse
import asyncio
import random
import time
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop

from aicore.clock import new_id, now_us
from aicore.collector import relax_collector
from aicore.http.openai.door import OpenAIDoor
from aicore.http.server import serving_http
from aicore.keys import Keys
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.nats.claims import open_claims
from bus.nats.service import ServiceOptions, serve
from bus.nats.tokens import cancellable, token_giver
from bus.postgres.log import open_log
from bus.spool.spool import SpoolOptions, open_spool
from handlers.engines.openai_compatible import OpenAICompatibleEngine
from handlers.inference.records import INFERENCES, InferenceRecords, recall_with
from handlers.inference.service import InferenceService
from handlers.kernel.commands import CommandRunner
from handlers.registry.commands import REGISTRY
from handlers.registry.models import RegistryView
from handlers.routing.router import Router
from handlers.routing.turns import Tier
from protocol.messages import CommandMessage
from protocol.meta import Meta
from tests.harness.wire import dial

USE_CASE = "bench"
REALM = "bench"
KEY = "a-key-of-the-benchmark"


async def serving(dsn: str, nats_url: str, upstream: str, folder: Path, port: int) -> None:
    """Serve until killed."""
    codec = EventCodec(domain_catalogue())
    async with AsyncExitStack() as stack:
        log = await stack.enter_async_context(open_log(dsn, REALM, now_us=now_us))
        engine = OpenAICompatibleEngine("upstream", url=upstream, model="m", capacity=256)
        await engine.start()
        stack.push_async_callback(engine.stop)
        router = Router({"gold": Tier(engines=[engine])}, clock=time.perf_counter, draw=lambda: 0.5)
        runner = CommandRunner(log, codec, [REGISTRY, INFERENCES])
        view = RegistryView(log, decode=codec.decode)
        model = {
            "use_case": USE_CASE, "name": "m", "version": "1", "provider": "vllm", "model_type": "external",
            "tier": "gold",
        }  # fmt: skip
        await runner(CommandMessage(new_id(), "registry.register_model", model, "any", Meta()))
        group = await stack.enter_async_context(asyncio.TaskGroup())
        group.create_task(view.run())
        group.create_task(router.run())
        await view.reached(2)
        nc = await dial(nats_url)
        options = SpoolOptions(now_us=now_us, draw=random.SystemRandom().random)
        spool = await stack.enter_async_context(open_spool(folder, log, options))

        def earlier_us() -> int:
            return now_us() - 60_000_000  # a process that has run for a while

        records = InferenceRecords(spool, codec, recall_with(runner), now_us=earlier_us, new_id=new_id)
        claims = await stack.enter_async_context(open_claims(nc, REALM, new_id))
        service = InferenceService(records, view, router, give=token_giver(nc), claims=claims)
        claims.answer_with(service.answer_peer)
        await stack.enter_async_context(cancellable(nc, REALM, service.cancel))
        door = OpenAIDoor(service, view, tiers=router.tiers, new_id=new_id, keys=Keys({"benchmark": KEY}))
        await stack.enter_async_context(serving_http(door.app(), "127.0.0.1", port))
        commands = {"inference.generate": service}
        await stack.enter_async_context(serve(nc, REALM, commands, {}, ServiceOptions(new_id=new_id)))
        print("ready", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Serve as the command line says."""
    options = argparse.ArgumentParser()
    for name in ("dsn", "nats_url", "upstream", "folder"):
        options.add_argument(name)
    options.add_argument("port", type=int)
    given = options.parse_args()
    relax_collector()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        folder = Path(given.folder)
        runner.run(serving(given.dsn, given.nats_url, given.upstream, folder, given.port))


if __name__ == "__main__":
    main()
