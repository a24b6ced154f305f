"""Goodput at twice the load that three engines can serve within gold's promise: six policies, one trace.

The engines slow down with every stream, like batching engines; one is slower than the others, and one stands
still for a while in the middle. The trace is a seeded Poisson process. A turn is good if its tokens came
within 16 ms on average and its first one within 150 ms. Ours refuses early what it could not serve so,
once with the capacities that an operator would set and once with none, only by what it measures;
least-busy and round-robin take everything, as does litellm (its own least-busy strategy, where installed).
``least_busy_capped`` refuses by the same capacities as ours: it shows what of the difference is the cap's.
"""

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import orjson

from benchmarks.engines_kit import PacedProcess, paced_engines
from benchmarks.harness import Progress, Report, percentile, rounds_of
from benchmarks.litellm_kit import NAME, litellm_proxy
from benchmarks.paced import MARK
from domain.routing.choice import Choice, Objective
from handlers.engines.openai_compatible import OpenAICompatibleEngine
from handlers.engines.port import EngineAsk, EngineError, Piece
from handlers.routing.router import Router
from handlers.routing.turns import DeadlineExceeded, NoEngine, RoutedTurn, Tier

TOKENS = 32
TOKEN_MS, FIRST_MS = 16.0, 150.0
ENGINES = (("--base-ms", "6", "--slope-ms", "1"),) * 2 + (("--base-ms", "9", "--slope-ms", "1"),)
CAPACITY = (8, 8, 5)
"""Streams at which each engine gives a token in 14 ms: what an operator would set, below the promise."""

CARRIED = sum(streams / (TOKENS * TOKEN_MS / 1e3) for streams in (10, 10, 7))
"""Turns per second that the three carry within the promise."""

UNCAPPED = (64, 64, 64)

OVERLOAD = 2.0
STILL_S = 1.5
TURN_S_MAX = 20.0
SEED = 5


@dataclass
class Outcome:
    """Outcome of a policy's turns."""

    offered: int = 0
    refused: int = 0
    failed: int = 0
    firsts: list[float] = field(default_factory=list)
    paces: list[float] = field(default_factory=list)
    good: int = 0
    waited: list[float] = field(default_factory=list)
    """What a refusal took, ms: who waits for it was not refused early."""

    def turned_away(self, times: Sequence[float]) -> None:
        """Count a turn that no engine answered, by when it was asked and when tokens came all the same, s."""
        if len(times) > 1:
            self.failed += 1
            return
        self.refused += 1
        self.waited.append((time.perf_counter() - times[0]) * 1e3)

    def admitted(self, times: Sequence[float]) -> None:
        """Count a turn by when it was asked and when its tokens came, s."""
        if len(times) <= TOKENS:
            self.failed += 1
            return
        first = (times[1] - times[0]) * 1e3
        pace = (times[TOKENS] - times[1]) * 1e3 / (TOKENS - 1)
        self.firsts.append(first)
        self.paces.append(pace)
        self.good += first <= FIRST_MS and pace <= TOKEN_MS


Play = Callable[[str], AsyncIterator[None]]
"""Yields at each token of the answer to a prompt; raises `NoEngine` for a turn that is refused."""


async def trace(play: Play, duration_s: float, stalled: PacedProcess) -> Outcome:
    """Play the trace and return what came of it."""
    draws, outcome = random.Random(SEED), Outcome()

    async def one(number: int) -> None:
        times = [time.perf_counter()]
        try:
            async with asyncio.timeout(TURN_S_MAX):
                times += [time.perf_counter() async for _ in play(f"{number}{MARK}")]
        except NoEngine:
            outcome.turned_away(times)
            return
        except (EngineError, DeadlineExceeded, TimeoutError, aiohttp.ClientError):
            outcome.failed += 1
            return
        outcome.admitted(times)

    async with asyncio.TaskGroup() as group:
        began = due = time.perf_counter()
        still = False
        while due - began < duration_s:
            due += draws.expovariate(OVERLOAD * CARRIED)
            await asyncio.sleep(due - time.perf_counter())
            group.create_task(one(outcome.offered))
            outcome.offered += 1
            if not still and due - began > duration_s / 2:
                still = True
                stalled.signal(signal.SIGSTOP)
                asyncio.get_running_loop().call_later(STILL_S, stalled.signal, signal.SIGCONT)
    return outcome


async def ours(engines: Sequence[OpenAICompatibleEngine], stack: AsyncExitStack) -> Play:
    """Return the play of our router."""
    objective = Objective(token_ms=TOKEN_MS, ttft_ms=FIRST_MS, waiting_max=0)
    tier = Tier(engines=engines, objective=objective, first_token_s=0.5, between_tokens_s=0.3)
    router = Router({"gold": tier}, clock=time.perf_counter, draw=random.Random(SEED).random)
    group = await stack.enter_async_context(asyncio.TaskGroup())
    probing = group.create_task(router.run())
    stack.callback(probing.cancel)

    async def play(prompt: str) -> AsyncIterator[None]:
        turn = RoutedTurn(tier="gold", provider="paced", ask=EngineAsk(prompt=prompt, max_tokens=TOKENS))
        if refusal := router.refusal(turn):
            raise refusal
        async with aclosing(router.stream(turn)) as items:
            async for item in items:
                if isinstance(item, Piece):
                    yield

    return play


def chosen(
    engines: Sequence[OpenAICompatibleEngine],
    choose: Callable[[list[int]], int],
    caps: Sequence[int] = UNCAPPED,
) -> Play:
    """Return the play of a policy that only chooses: an index, from the streams at each engine.

    Where the chosen one is at its cap, the turn is refused.
    """
    active = [0] * len(engines)

    async def play(prompt: str) -> AsyncIterator[None]:
        n = choose(active)
        if caps is not UNCAPPED and active[n] >= caps[n]:
            raise NoEngine([Choice(order=(), reason="all are at their cap", candidates=(), retry_after_ms=1)])
        active[n] += 1
        try:
            async with aclosing(engines[n].stream(EngineAsk(prompt=prompt, max_tokens=TOKENS))) as items:
                async for item in items:
                    if isinstance(item, Piece):
                        yield
        finally:
            active[n] -= 1

    return play


def round_robin() -> Callable[[list[int]], int]:
    """Return a policy that takes the engines in turn."""
    turn = -1

    def choose(active: list[int]) -> int:
        nonlocal turn
        turn += 1
        return turn % len(active)

    return choose


def least_busy(active: list[int]) -> int:
    """Return the engine with the fewest streams."""
    return active.index(min(active))


def least_full(active: list[int]) -> int:
    """Return the engine with the smallest share of its cap in use."""
    return min(range(len(active)), key=lambda n: active[n] / CAPACITY[n])


def proxied(url: str, session: aiohttp.ClientSession) -> Play:
    """Return the play of a proxy with OpenAI's API."""

    async def play(prompt: str) -> AsyncIterator[None]:
        body = {"model": NAME, "prompt": prompt, "max_tokens": TOKENS, "stream": True}
        headers = {"Content-Type": "application/json"}
        data = orjson.dumps(body)
        async with session.post(f"{url}/v1/completions", data=data, headers=headers) as answer:
            answer.raise_for_status()
            async for line in answer.content:
                if b'"text": "' in line or b'"text":"' in line:
                    yield

    return play


@asynccontextmanager
async def plays(processes: Sequence[PacedProcess]) -> AsyncIterator[dict[str, Play]]:
    """Yield the policies, all before the same engines."""
    async with AsyncExitStack() as stack:
        capped, uncapped = [
            [
                OpenAICompatibleEngine(
                    f"e{n}", url=process.url, model="m", provider="paced", capacity=capacity
                )
                for n, (process, capacity) in enumerate(zip(processes, capacities, strict=True))
            ]
            for capacities in (CAPACITY, UNCAPPED)
        ]
        for engine in capped + uncapped:
            await engine.start()
            stack.push_async_callback(engine.stop)
        engines = capped
        found = {
            "ours": await ours(capped, stack),
            "ours_uncapped": await ours(uncapped, stack),
            "least_busy_capped": chosen(engines, least_full, CAPACITY),
            "least_busy": chosen(engines, least_busy),
            "round_robin": chosen(engines, round_robin()),
        }
        urls = [process.url for process in processes]
        proxy = await stack.enter_async_context(litellm_proxy(urls, "least-busy"))
        if proxy is not None:
            connector = aiohttp.TCPConnector(limit=0)
            session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
            found["litellm"] = proxied(proxy.url, session)
        yield found


async def run(quick: bool, progress: Progress) -> Report:
    """Measure."""
    report = Report("slo", min(3, rounds_of(quick)))
    duration_s = 6.0 if quick else 15.0
    report.facts |= {"carried turns/s": round(CARRIED, 1), "offered turns/s": round(OVERLOAD * CARRIED, 1)}
    async with paced_engines(*ENGINES) as processes, plays(processes) as policies:
        report.facts["litellm"] = "beside" if "litellm" in policies else "not installed: make venv-litellm"
        for n in range(report.rounds):
            for name, play in policies.items():
                progress(f"round {n + 1}: {name}")
                outcome = await trace(play, duration_s, processes[1])
                admitted = max(1, outcome.offered - outcome.refused)
                report.add(f"goodput_{name}", outcome.good / duration_s, "turns/s")
                report.add(f"admitted_within_promise_{name}", outcome.good / admitted, "share")
                report.add(f"admitted_{name}", admitted / outcome.offered, "share")
                report.add(f"failed_{name}", outcome.failed, "turns")
                report.add(f"token_ms_p95_{name}", percentile(outcome.paces or [0.0], 0.95), "ms")
                report.add(f"first_ms_p95_{name}", percentile(outcome.firsts or [0.0], 0.95), "ms")
                report.add(f"refused_after_ms_max_{name}", max(outcome.waited, default=0.0), "ms")
                await asyncio.sleep(1.0)
            for other in policies.keys() - {"ours"}:
                goods = [report.figures[f"goodput_{side}"].values[-1] for side in ("ours", other)]
                report.compare(f"goodput_vs_{other}", goods[0], max(goods[1], 0.01))
    return report
