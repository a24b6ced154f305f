"""What the router adds to a call: by HTTP and by NATS, beside a direct call to the same upstream.

The upstream is a server with OpenAI's API that answers at a fixed pace, in a process of its own, so that only
what is added differs. Not beside litellm yet: docs/benchmarks.md says so.
"""

import asyncio
import itertools
import random
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import nats
import orjson
from pydantic import SecretStr

from aicore.client import Client, connect
from aicore.clock import new_id, now_us
from aicore.openai_http import OpenAIDoor, serving_http
from benchmarks.harness import Progress, Report, percentile, rounds_of, servers
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.nats.service import ServiceOptions, serve
from bus.nats.tokens import token_giver
from bus.postgres.log import open_log
from bus.postgres.migrate import migrate
from bus.spool.spool import SpoolOptions, open_spool
from domain.routing.choice import Objective, Turn, choose
from domain.routing.health import EngineView, Pace
from handlers.commands import CommandRunner
from handlers.engines.openai_compatible import OpenAICompatibleEngine
from handlers.inference import InferenceService
from handlers.inference_records import INFERENCES, InferenceRecords, recall_with
from handlers.registry import REGISTRY
from handlers.registry_view import RegistryView
from handlers.routing import Router, Tier
from protocol.messages import CommandMessage, Reply
from protocol.meta import Meta

REALM = "bench"
TOKENS = 8
PACE_S = 0.005
READY_S = 20.0
BODY = {"model": "m", "prompt": "x", "max_tokens": TOKENS, "stream": True, "temperature": 0}
USE_CASE = "bench"
UPSTREAM = f"""
import asyncio, sys, uvloop
from aiohttp import web
import orjson

async def complete(request):
    body = orjson.loads(await request.read())
    response = web.StreamResponse(headers={{"Content-Type": "text/event-stream"}})
    await response.prepare(request)
    for n in range(body["max_tokens"]):
        await asyncio.sleep({PACE_S})
        last = "stop" if n + 1 == body["max_tokens"] else None
        choice = {{"index": 0, "text": " word", "finish_reason": last}}
        await response.write(b"data: " + orjson.dumps({{"choices": [choice]}}) + b"\\n\\n")
    await response.write(b"data: [DONE]\\n\\n")
    return response

app = web.Application()
app.router.add_post("/v1/completions", complete)
app.router.add_get("/v1/models", lambda _: web.Response())
uvloop.install()
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
"""


@dataclass(frozen=True)
class Ways:
    """The ways to the upstream."""

    session: aiohttp.ClientSession
    upstream: str
    door: str
    client: Client

    async def direct(self) -> list[float]:
        """Call the upstream; return when each piece came, s."""
        return await self._http(self.upstream)

    async def by_http(self) -> list[float]:
        """Call our door."""
        return await self._http(self.door)

    async def by_nats(self) -> list[float]:
        """Ask on NATS."""
        payload = {"use_case": USE_CASE, "prompt": "x", "max_tokens": TOKENS, "temperature": 0.0}
        async with aclosing(self.client.stream(payload)) as items:
            return [time.perf_counter() async for item in items if not isinstance(item, Reply)]

    async def _http(self, url: str) -> list[float]:
        body = orjson.dumps({**BODY, "model": USE_CASE})
        headers = {"Content-Type": "application/json"}
        async with self.session.post(f"{url}/v1/completions", data=body, headers=headers) as answer:
            return [time.perf_counter() async for line in answer.content if b'word"' in line]


async def measure(
    call: Callable[[], Awaitable[list[float]]], callers: int, turns: int
) -> tuple[list[float], list[float]]:
    """Return times to the first piece and gaps between pieces, ms."""
    firsts: list[float] = []
    gaps: list[float] = []

    async def caller() -> None:
        for _ in range(turns):
            began = time.perf_counter()
            times = await call()
            assert len(times) == TOKENS, f"{len(times)} pieces of {TOKENS}"
            firsts.append((times[0] - began) * 1e3)
            gaps.extend((b - a) * 1e3 for a, b in itertools.pairwise(times))

    await asyncio.gather(*(caller() for _ in range(callers)))
    return firsts, gaps


def decisions(number: int) -> list[float]:
    """Return what single decisions among eight engines take, µs."""
    engines = [
        EngineView(name=f"e{n}", capacity=16, active=n, pace=Pace(ttft_ms=9 + n, token_ms=5, turn_ms=200))
        for n in range(8)
    ]
    objective, took = Objective(ttft_ms=250, token_ms=16), []
    for n in range(number):
        began = time.perf_counter()
        choose(Turn(tokens=32, budget_ms=900, home="e3", draw=n / number), engines, objective, 0.0)
        took.append((time.perf_counter() - began) * 1e6)
    return took


@asynccontextmanager
async def upstream() -> AsyncIterator[str]:
    """Run the upstream and yield its URL."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", UPSTREAM, str(port))
    try:
        async with asyncio.timeout(READY_S), aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(f"http://127.0.0.1:{port}/v1/models"):
                        break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def ways(dsn: str, nats_url: str, folder: Path) -> AsyncIterator[Ways]:
    """Serve everything on real servers and yield the ways to it."""
    await migrate(dsn, REALM)
    codec = EventCodec(domain_catalogue())
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(upstream())
        log = await stack.enter_async_context(open_log(dsn, REALM, now_us=now_us))
        engine = OpenAICompatibleEngine("upstream", url=url, model="m", capacity=256, vllm=False)
        await engine.start()
        stack.push_async_callback(engine.stop)
        router = Router({"gold": Tier(engines=[engine])}, clock=time.perf_counter, draw=lambda: 0.5)
        runner = CommandRunner(log, codec, [REGISTRY, INFERENCES])
        view = RegistryView(log, decode=codec.decode)
        model = {
            "use_case": USE_CASE,
            "name": "m",
            "version": "1",
            "provider": "vllm",
            "model_type": "external",
            "tier": "gold",
        }
        await runner(CommandMessage(new_id(), "registry.register_model", model, "any", Meta()))
        group = await stack.enter_async_context(asyncio.TaskGroup())
        following = group.create_task(view.run())
        stack.callback(following.cancel)
        await view.reached(2)
        nc = await nats.connect(nats_url)
        stack.push_async_callback(nc.close)
        options = SpoolOptions(now_us=now_us, draw=random.SystemRandom().random)
        spool = await stack.enter_async_context(open_spool(folder, log, options))

        def earlier_us() -> int:
            return now_us() - 60_000_000  # a process that has run for a while

        records = InferenceRecords(spool, codec, recall_with(runner), now_us=earlier_us, new_id=new_id)
        service = InferenceService(records, view, router, give=token_giver(nc))
        port = free_port()
        door = OpenAIDoor(service, view, new_id=new_id, key=SecretStr(""))
        await stack.enter_async_context(serving_http(door.app(), "127.0.0.1", port))
        serving = serve(nc, REALM, {"inference.generate": service}, {}, ServiceOptions(new_id=new_id))
        await stack.enter_async_context(serving)
        client = await stack.enter_async_context(connect(nats_url, REALM, actor="bench:router"))
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        )
        yield Ways(session, url, f"http://127.0.0.1:{port}", client)


async def run(quick: bool, progress: Progress) -> Report:
    """Measure."""
    report = Report("router", rounds_of(quick))
    report.facts |= {"tokens": TOKENS, "pace_ms": PACE_S * 1e3}
    turns = 40 if quick else 200
    with servers(nats=True) as (postgres, broker):
        async with ways(postgres.dsn, broker.url, broker.root / "spool") as found:
            sides = {"direct": found.direct, "http": found.by_http, "nats": found.by_nats}
            for side in sides.values():
                await measure(side, 1, 5)
            for n in range(report.rounds):
                for callers, each in ((1, turns), (64, max(4, turns // 20))):
                    for name, side in sides.items():
                        progress(f"round {n + 1}: {name}, {callers} streams")
                        firsts, gaps = await measure(side, callers, each)
                        report.add(f"ttft_p50_ms_{name}_{callers}", percentile(firsts, 0.5), "ms")
                        report.add(f"ttft_p99_ms_{name}_{callers}", percentile(firsts, 0.99), "ms")
                        report.add(f"gap_p99_ms_{name}_{callers}", percentile(gaps, 0.99), "ms")
                report.add("decision_p99_us", percentile(decisions(20_000), 0.99), "µs")
    for name in ("http", "nats"):
        for callers in (1, 64):
            for what in ("ttft_p50", "ttft_p99", "gap_p99"):
                ours = report.figures[f"{what}_ms_{name}_{callers}"].median
                added = ours - report.figures[f"{what}_ms_direct_{callers}"].median
                report.add(f"added_{what}_ms_{name}_{callers}", added, "ms")
    return report
