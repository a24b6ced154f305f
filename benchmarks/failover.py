"""Turns while engines are killed and stalled at random: none fails, and nobody sees where one took over.

Three paced engines in processes of their own, whose words are known. At random one is killed (SIGKILL,
started again a second later) or stands still for a while (SIGSTOP), at most two at a time. Every fourth turn
is held to a pattern. A seam is a token that was lost, repeated or made up: what an answer must be follows
from its question, also where a pattern holds it and whoever takes over has only the rest of that.
"""

import asyncio
import itertools
import random
import re
import signal
import time
from contextlib import aclosing
from dataclasses import dataclass, field

from benchmarks.engines_kit import PacedProcess, paced_engines
from benchmarks.harness import Progress, Report, percentile
from benchmarks.paced import MARK, answer, characters
from handlers.engines.openai_compatible import OpenAICompatibleEngine
from handlers.engines.port import EngineAsk, EngineError, Piece
from handlers.routing.router import Router
from handlers.routing.turns import DeadlineExceeded, NoEngine, Routed, RoutedTurn, Tier

TURNS, TURNS_QUICK = 2_000, 300
CALLERS = 16
TOKENS = 24
GUIDED_EVERY = 4
PACE = ("--base-ms", "6")
SEED = 11
PAUSE_S = (0.2, 0.7)
"""Between two faults."""

STILL_S = (0.3, 1.2)
RESTART_S = 1.0
FIRST_TOKEN_S, BETWEEN_TOKENS_S = 0.6, 0.25
PATTERN = r'\{"price":[0-9]{1,3},"mood":"(calm|angry|afraid)","line":"[a-z ]{8,16}"\}'


@dataclass
class Seen:
    """Outcome of the turns."""

    gaps: list[float] = field(default_factory=list)
    """Between pieces, ms."""
    interrupted: list[float] = field(default_factory=list)
    """The longest gap of each turn that changed its engine, ms."""
    failed: list[str] = field(default_factory=list)
    seams: list[str] = field(default_factory=list)
    changed: int = 0
    guided: int = 0
    guided_changed: int = 0


async def one(router: Router, number: int, seen: Seen) -> None:
    """Play one turn and check every character of it."""
    question, guided = f"turn {number} ", number % GUIDED_EVERY == 0
    ask = EngineAsk(
        prompt=question + MARK,
        max_tokens=80 if guided else TOKENS,
        pattern=PATTERN if guided else None,
    )
    text, times = "", [time.perf_counter()]
    try:
        turn = RoutedTurn(tier="gold", provider="paced", ask=ask, deadline=router.now() + 60)
        async with aclosing(router.stream(turn)) as items:
            async for item in items:
                if isinstance(item, Piece):
                    text += item.text
                    times.append(time.perf_counter())
                else:
                    routed: Routed = item
    except (NoEngine, EngineError, DeadlineExceeded) as error:
        seen.failed.append(f"{question}: {error}")
        return
    gaps = [(b - a) * 1e3 for a, b in itertools.pairwise(times)]
    seen.gaps += gaps[1:]
    seen.guided += guided
    if len(routed.attempts) > 1:
        seen.changed += 1
        seen.guided_changed += guided
        seen.interrupted.append(max(gaps))
    if routed.finish_reason == "cut":
        seen.failed.append(f"{question}: {routed.finish_reason}")
    elif seam(number, text) or text != routed.text:
        seen.seams.append(f"{question}: {text}")


def seam(number: int, text: str) -> bool:
    """Say whether an answer is not the one that its question has."""
    question = f"turn {number} "
    if number % GUIDED_EVERY:
        return text != answer(question, TOKENS)
    return text != "".join(characters(PATTERN, question)) or not re.fullmatch(PATTERN, text)


async def chaos(engines: list[PacedProcess], draws: random.Random, faults: dict[str, int]) -> None:
    """Kill and stall, at most two at a time, until cancelled."""
    down: set[int] = set()

    async def kill(n: int) -> None:
        engines[n].kill()
        await asyncio.sleep(RESTART_S)
        await engines[n].start()
        down.discard(n)

    async def still(n: int) -> None:
        engines[n].signal(signal.SIGSTOP)
        await asyncio.sleep(draws.uniform(*STILL_S))
        engines[n].signal(signal.SIGCONT)
        down.discard(n)

    async with asyncio.TaskGroup() as group:
        while True:
            await asyncio.sleep(draws.uniform(*PAUSE_S))
            able = [n for n in range(len(engines)) if n not in down]
            if len(able) < 2:
                continue
            n, kind = draws.choice(able), draws.choice(("killed", "stalled"))
            down.add(n)
            faults[kind] += 1
            group.create_task(kill(n) if kind == "killed" else still(n))


async def run(quick: bool, progress: Progress) -> Report:
    """Measure."""
    report, seen = Report("failover", 1), Seen()
    turns = TURNS_QUICK if quick else TURNS
    draws, faults = random.Random(SEED), {"killed": 0, "stalled": 0}
    async with paced_engines(PACE, PACE, PACE) as processes:
        engines = [
            OpenAICompatibleEngine(f"e{n}", url=process.url, model="m", provider="paced", capacity=CALLERS)
            for n, process in enumerate(processes)
        ]
        for engine in engines:
            await engine.start()
        tier = Tier(engines=engines, first_token_s=FIRST_TOKEN_S, between_tokens_s=BETWEEN_TOKENS_S)
        router = Router({"gold": tier}, clock=time.perf_counter, draw=draws.random)
        numbers = iter(range(turns))

        async def caller() -> None:
            for number in numbers:
                await one(router, number, seen)
                if number % 100 == 99:
                    progress(f"{number + 1} of {turns} turns, {seen.changed} changed their engine")

        async with asyncio.TaskGroup() as group:
            probing = group.create_task(router.run())
            harming = group.create_task(chaos(processes, draws, faults))
            async with asyncio.TaskGroup() as callers:
                for _ in range(CALLERS):
                    callers.create_task(caller())
            probing.cancel()
            harming.cancel()
        for engine in engines:
            await engine.stop()
    report.add("failed_turns", len(seen.failed), "turns")
    report.add("seams", len(seen.seams), "turns")
    report.add("turns_that_changed_engine", seen.changed, "turns")
    report.add("guided_turns_that_changed_engine", seen.guided_changed, "turns")
    report.add("gap_p50_ms", percentile(seen.gaps, 0.5), "ms")
    report.add("gap_p99_ms", percentile(seen.gaps, 0.99), "ms")
    report.add("gap_p99_ms_of_interrupted", percentile(seen.interrupted or [0.0], 0.99), "ms")
    report.add("gap_p50_ms_of_interrupted", percentile(seen.interrupted or [0.0], 0.5), "ms")
    report.facts |= {"turns": turns, "held to a pattern": seen.guided, **faults}
    report.facts |= {"first failures": seen.failed[:3], "first seams": seen.seams[:3]}
    return report
