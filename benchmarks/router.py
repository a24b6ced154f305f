"""Overhead of the router on a call, by HTTP and by NATS, beside a direct call and beside the litellm proxy.

The upstream answers at a fixed pace. Upstream, our service and litellm run in processes of their own; the
caller is the same for all. "bare" is a proxy that does nothing but hand on, in the same stack: the price of
one more process on the way. CPU is what the serving process used, per request, and for ours what Postgres and
NATS used as well: the inverse is requests per second and core. litellm runs without a database, so it is
compared with all of ours. Two cores for everything: at 64 streams all wait for each other, also on the direct
way.
"""

import asyncio
import itertools
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass

import aiohttp
import orjson

from aicore.client import Client, connect
from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from benchmarks.append import settings_of
from benchmarks.engines_kit import answering, cpu_s, free_port, paced_engines
from benchmarks.harness import Progress, Report, percentile, rounds_of, servers
from benchmarks.litellm_kit import Proxy, litellm_proxy
from benchmarks.paced import MARK
from benchmarks.router_child import KEY, REALM, USE_CASE
from bus.postgres.migrate import migrate
from domain.routing.choice import Objective
from domain.routing.health import Load, Pace
from handlers.engines.openai_compatible import OpenAICompatibleEngine
from handlers.engines.port import EngineAsk
from handlers.routing.router import Router
from handlers.routing.turns import RoutedTurn, Tier
from protocol.messages import Reply

TOKENS = 8
BASE_MS, SLOPE_MS = 5.0, 0.15
"""Per token, and more per stream: 5.2 ms alone, 14.6 at 64 streams. A batching engine is like that, and at a
flat 5 ms two cores cannot even carry 64 direct streams: every process here shares them."""

READY_S = 30.0
PACE = ("--base-ms", str(BASE_MS), "--slope-ms", str(SLOPE_MS))
numbers = itertools.count()
"""Every call asks something else: equal questions at the same time would share an answer."""

WORDS = re.compile(rb'"text": ?"[^"]')
"""A line with some text."""

Call = Callable[[], Awaitable[list[float]]]


@dataclass(frozen=True)
class Ways:
    """The ways to the upstream."""

    session: aiohttp.ClientSession
    client: Client
    upstream: str
    door: str
    pids: tuple[int, ...]
    """Our service, and the servers behind it."""
    bare: str
    bare_pid: int
    litellm: Proxy | None

    def calls(self) -> dict[str, tuple[Call, tuple[int, ...]]]:
        """Return the ways by name, each with the processes that serve it."""
        found: dict[str, tuple[Call, tuple[int, ...]]] = {
            "direct": (lambda: self._http(self.upstream), ()),
            "bare": (lambda: self._http(self.bare), (self.bare_pid,)),
            "http": (lambda: self._http(self.door), self.pids),
            "nats": (self._nats, self.pids),
        }
        if (proxy := self.litellm) is not None:
            found["litellm"] = (lambda: self._http(proxy.url), (proxy.pid,))
        return found

    async def _nats(self) -> list[float]:
        payload = {
            "use_case": USE_CASE,
            "prompt": f"{next(numbers)}{MARK}",
            "max_tokens": TOKENS,
            "temperature": 0.0,
        }
        async with aclosing(self.client.stream(payload)) as items:
            return [time.perf_counter() async for item in items if not isinstance(item, Reply)]

    async def _http(self, url: str) -> list[float]:
        wanted = {"model": USE_CASE, "prompt": f"{next(numbers)}{MARK}", "max_tokens": TOKENS}
        body = orjson.dumps({**wanted, "stream": True, "temperature": 0})
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
        async with self.session.post(f"{url}/v1/completions", data=body, headers=headers) as answer:
            return [time.perf_counter() async for line in answer.content if WORDS.search(line)]


async def measure(call: Call, callers: int, turns: int) -> tuple[list[float], list[float]]:
    """Return times to the first piece and gaps between pieces, ms."""
    firsts: list[float] = []
    gaps: list[float] = []

    async def caller() -> None:
        for _ in range(turns):
            began = time.perf_counter()
            times = await call()
            assert len(times) >= TOKENS, f"{len(times)} pieces of {TOKENS}"
            firsts.append((times[0] - began) * 1e3)
            gaps.extend((b - a) * 1e3 for a, b in itertools.pairwise(times[:TOKENS]))

    await asyncio.gather(*(caller() for _ in range(callers)))
    return firsts, gaps


def decisions(number: int) -> list[float]:
    """Return what single decisions of a router with eight busy engines take, µs."""
    load = Load()
    for turns in range(20):
        load = load.after(turns % 5 + 1, 5 + turns % 5, time.perf_counter() * 1e3)
    engines = [
        OpenAICompatibleEngine(f"e{n}", url="http://127.0.0.1:9", model="m", capacity=16) for n in range(8)
    ]
    objective, draws = Objective(ttft_ms=250, token_ms=16), itertools.count()
    router = Router(
        {"gold": Tier(engines=engines, objective=objective)},
        clock=time.perf_counter,
        draw=lambda: next(draws) % 101 / 101,
    )
    pace = Pace().after(time.perf_counter() * 1e3, ttft_ms=9, turn_ms=200)
    for n, engine_state in enumerate(router.engine_states().values()):
        engine_state.active, engine_state.pace, engine_state.load = n, pace, load
    ask, took = EngineAsk(prompt="Who keeps the lamp?", max_tokens=32), []
    for _ in range(number):
        turn = RoutedTurn(
            tier="gold", provider=engines[0].provider, model="m", ask=ask, deadline=router.now() + 0.9
        )
        began = time.perf_counter()
        refusal = router.refusal(turn)
        took.append((time.perf_counter() - began) * 1e6)
        assert refusal is None
    return took


@asynccontextmanager
async def ways(postgres: EmbeddedPostgres, broker: EmbeddedNats) -> AsyncIterator[Ways]:
    """Serve everything on real servers and yield the ways to it."""
    dsn, nats_url, folder = postgres.dsn, broker.url, broker.root / "spool"
    assert postgres.pid is not None
    assert broker.pid is not None
    await migrate(dsn, REALM)
    async with AsyncExitStack() as stack:
        [upstream] = await stack.enter_async_context(paced_engines(PACE))
        port = free_port()
        arguments = (dsn, nats_url, upstream.url, str(folder), str(port))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.router_child", *arguments, stdout=asyncio.subprocess.PIPE
        )
        stack.push_async_callback(process.wait)
        stack.callback(process.kill)
        assert process.stdout is not None
        async with asyncio.timeout(READY_S):
            while (line := await process.stdout.readline()).strip() != b"ready":
                assert line, "our service ended before it was ready"
        bare_port = free_port()
        bare = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.bare_proxy", str(bare_port), upstream.url
        )
        stack.push_async_callback(bare.wait)
        stack.callback(bare.kill)
        await answering(f"http://127.0.0.1:{bare_port}")
        proxy = await stack.enter_async_context(litellm_proxy([upstream.url]))
        client = await stack.enter_async_context(connect(nats_url, REALM))
        connector = aiohttp.TCPConnector(limit=0)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        door, beside = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{bare_port}"
        pids = (process.pid, postgres.pid, broker.pid)
        yield Ways(session, client, upstream.url, door, pids, beside, bare.pid, proxy)


async def run(quick: bool, progress: Progress) -> Report:
    """Measure."""
    report = Report("router", rounds_of(quick))
    report.facts |= {"tokens": TOKENS, "pace_ms": f"{BASE_MS} + {SLOPE_MS} per stream"}
    turns = 40 if quick else 200
    with servers(nats=True) as (postgres, broker):
        report.facts |= await settings_of(postgres.dsn)
        async with ways(postgres, broker) as found:
            sides = found.calls()
            report.facts["litellm"] = found.litellm.version if found.litellm else "not installed"
            for call, _ in sides.values():
                await measure(call, 4, 10)
            for n in range(report.rounds):
                for callers, each in ((1, turns), (64, max(4, turns // 20))):
                    for name, (call, pids) in sides.items():
                        progress(f"round {n + 1}: {name}, {callers} streams")
                        used = [cpu_s(pid) for pid in pids]
                        firsts, gaps = await measure(call, callers, each)
                        used = [cpu_s(pid) - before for pid, before in zip(pids, used, strict=True)]
                        if pids:
                            own, everything = used[0] * 1e3 / len(firsts), sum(used) * 1e3 / len(firsts)
                            report.add(f"cpu_ms_per_request_{name}_{callers}", own, "ms")
                            report.add(f"cpu_ms_with_servers_{name}_{callers}", everything, "ms")
                        report.add(f"ttft_p50_ms_{name}_{callers}", percentile(firsts, 0.5), "ms")
                        report.add(f"ttft_p99_ms_{name}_{callers}", percentile(firsts, 0.99), "ms")
                        report.add(f"gap_p99_ms_{name}_{callers}", percentile(gaps, 0.99), "ms")
                report.add("decision_p99_us", percentile(decisions(20_000), 0.99), "µs")
                compare_round(report, [name for name in sides if name != "direct"])
    return report


def compare_round(report: Report, names: list[str]) -> None:
    """Add what each way added to the direct one in the last round, and our ratios to litellm."""

    def last(key: str) -> float:
        return report.figures[key].values[-1]

    for name in names:
        for callers in (1, 64):
            for what in ("ttft_p50", "ttft_p99", "gap_p99"):
                added = last(f"{what}_ms_{name}_{callers}") - last(f"{what}_ms_direct_{callers}")
                report.add(f"added_{what}_ms_{name}_{callers}", added, "ms")
    if "litellm" in names:
        for name in ("http", "nats"):
            theirs, ours = (last(f"added_ttft_p50_ms_{side}_1") for side in ("litellm", name))
            report.compare(f"added_p50_below_litellm_{name}", theirs, max(ours, 0.01))
            theirs, ours = (last(f"cpu_ms_with_servers_{side}_64") for side in ("litellm", name))
            report.compare(f"requests_per_core_vs_litellm_{name}", theirs, ours)
