"""2,000 people weighed anew at once, and whole game minutes of them with their durable appends.

Beside: the same scores in a bare numpy loop; and by mesa and py_trees, one agent or tree for each person, in
environments of their own (`make venv-mesa venv-py_trees`; without them only ours and numpy's are measured).
All must find the same winners. They are given how full needs are, and what goes into the other curves; ours
finds that out besides: levels, places, ways, doors, company.

The people are the sample world's, 32 times over: each copy has its own relations, and lives by a clock two
minutes later than the one before it, or half of a city would set out in the same minute.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import numpy as np

from aicore.clock import now_us
from aicore.content.sample_world import sample_definition
from benchmarks.harness import Progress, Report, percentile, rounds_of, servers, settle
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.ports import EventLog, StreamWrite
from bus.postgres.log import open_log
from bus.postgres.migrate import migrate
from domain.clock.almanac import Almanac
from domain.definition.definition import Definition
from domain.definition.people import Engagement
from domain.kernel.event import Event
from domain.people.agenda import Agenda
from domain.people.cast import NONE, Cast
from domain.people.crowd import Crowd
from domain.people.lives import Life, People
from domain.people.messages import STREAM
from domain.people.rules import DAY_MINUTES, FULL, HOUR_MS, MILLE, MINUTE_MS, RULES, WANT_CURVE
from domain.people.scene import Times, World, day_of
from domain.people.weighing import CONSIDERED, OK, Weighed, weigh
from domain.places.city import city_of

REALM = "bench"
PEOPLE = 2_000
APART_MINUTES = 2
PEERS = {"mesa": Path(".venv-mesa/bin/python"), "py_trees": Path(".venv-py_trees/bin/python")}
CHILD = "benchmarks/scoring_child.py"
START_MS = 7 * HOUR_MS
SETTLED_MS = START_MS + 3 * HOUR_MS
MINUTES, MINUTES_QUICK = 600, 180
TIMES, TIMES_QUICK = 200, 40
PEER_TICKS = 5
CURVES = [np.arange(MILLE + 1, dtype=np.int64)] * (len(CONSIDERED) - 1)
"""Of all but the needs: straight ones, as what the peers are given has been through ours already."""

SPACE = UUID("8f6b2b1a-9b0e-4c57-8f43-8f1b8d6c5a20")


def many(definition: Definition, count: int) -> Definition:
    """Return a definition with its people many times over, in places that hold any number."""
    people = definition.people
    copies = [
        replace(
            person,
            id=f"{person.id}_{number}",
            schedule=tuple(_later(entry, APART_MINUTES * number) for entry in person.schedule),
            relations=tuple(replace(each, to=f"{each.to}_{number}") for each in person.relations),
        )
        for number in range(-(-count // len(people)))
        for person in people
    ]
    places = tuple(replace(place, capacity=None) for place in definition.places)
    return replace(definition, people=tuple(copies[:count]), places=places)


def _later(entry: Engagement, minutes: int) -> Engagement:
    hours = entry.hours
    opens, closes = (hours.opens + minutes) % DAY_MINUTES, (hours.closes - 1 + minutes) % DAY_MINUTES + 1
    return replace(entry, hours=replace(hours, opens=opens, closes=closes))


def world_of(definition: Definition) -> World:
    """Return the world of a definition, at a game minute a second."""
    almanac = Almanac(definition.calendar)
    times = Times(lambda ms: day_of(almanac, ms), lambda ms: ms * 1_000 // 60)
    rules = replace(RULES, numbers=dict.fromkeys(RULES.numbers, PEOPLE))
    return World(definition, city_of(definition), times, rules=rules)


def winners_of(scores: Any) -> list[int]:
    """Return the best column of each; the last one is to do nothing."""
    found: list[int] = scores.argmax(axis=1).tolist()
    return found


class Bare:
    """The same scores from needs and what goes into the other curves, as a plain numpy loop would do it."""

    def __init__(self, cast: Cast, weighed: Weighed, held: Any) -> None:
        self.levels = weighed.levels * MILLE // FULL
        self.weights = cast.weights[weighed.rows] * cast.drains[weighed.rows]
        self.counts = cast.counts
        self.inputs = weighed.considered[1:]
        self.refused = weighed.refused != OK
        self.pressing = weighed.pressing
        self.held = held
        busy = np.flatnonzero(weighed.engaged != NONE)
        self.due = busy, cast.doing[weighed.engaged[busy]]
        self.duty = RULES.duty + RULES.diligence * cast.diligence[weighed.rows[busy]] // MILLE

    def tick(self) -> list[int]:
        """Return the winners."""
        urges = WANT_CURVE[self.levels] * self.weights // MILLE
        want = (urges[:, None, :] * self.counts[None, :, :]).max(axis=2) // MILLE
        want = np.minimum(want, MILLE)
        want[self.due] = np.maximum(want[self.due], self.duty)
        score = want * MILLE
        for curve, each in zip(CURVES, self.inputs, strict=True):
            score = score * curve[each] // MILLE
        count = 1 + len(self.inputs)
        score = score + (FULL - score) * (count - 1) // count * score // FULL
        score = np.where(self.pressing, score * RULES.pressing // MILLE, score)
        score = np.where(self.held, score * RULES.momentum // MILLE, score)
        score = np.where(self.refused, -1, score)
        idle = np.full((len(score), 1), RULES.idle_score, dtype=np.int64)
        return winners_of(np.concatenate([score, idle], axis=1))

    def given(self) -> dict[str, Any]:
        """Return what the peers are given, as JSON."""
        due, duty = [NONE] * len(self.levels), [0] * len(self.levels)
        for number, column, much in zip(*(each.tolist() for each in (*self.due, self.duty)), strict=True):
            due[number], duty[number] = column, much
        marks = self.refused.tolist(), self.pressing.tolist(), self.held.tolist()
        inputs = np.moveaxis(self.inputs, 0, 2).tolist()
        actions = [list(zip(*each, strict=True)) for each in zip(inputs, *marks, strict=True)]
        columns = self.levels.tolist(), self.weights.tolist(), due, duty, actions
        keys = "levels", "weights", "due", "duty", "actions"
        return {
            "people": [dict(zip(keys, each, strict=True)) for each in zip(*columns, strict=True)],
            "rules": {"pressing": RULES.pressing, "momentum": RULES.momentum, "idle": RULES.idle_score},
            "curves": [curve.tolist() for curve in CURVES],
            "want": WANT_CURVE.tolist(),
            "counts": self.counts.tolist(),
        }


def held_of(crowd: Crowd, lives: Sequence[Life], weighed: Weighed, now_ms: int) -> Any:
    """Return which column of each is going on."""
    cast, found = crowd.cast, np.zeros(weighed.refused.shape, dtype=bool)
    for number, life in enumerate(lives):
        column = cast.act_rows.get(life.action)
        if column is not None and now_ms < life.until_ms and life.at == life.place:
            found[number, column] = int(weighed.targets[number, column]) == cast.place_rows[life.at]
    return found


def timed(call: Callable[[], Any], times: int) -> float:
    """Return the median CPU seconds of a call: nothing waits in it, and no neighbour's work counts."""
    took = []
    for _ in range(times):
        began = time.process_time()
        call()
        took.append(time.process_time() - began)
    return sorted(took)[len(took) // 2]


async def of_peer(peer: str, file: Path, wanted: Sequence[int]) -> float:
    """Return a peer's median CPU seconds; its winners must be ours."""
    child = await asyncio.create_subprocess_exec(
        str(PEERS[peer]), CHILD, peer, str(file), str(PEER_TICKS), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await child.communicate()
    found = json.loads(out)
    assert found["winners"] == list(wanted), f"{peer} computed other numbers"
    return float(sorted(found["took"])[PEER_TICKS // 2])


async def run(quick: bool, progress: Progress) -> Report:
    """Measure."""
    report = Report("world", rounds_of(quick))
    world = world_of(many(sample_definition(), PEOPLE))
    there = {peer for peer, python in PEERS.items() if python.exists()}
    report.facts |= {"people": PEOPLE, "actions": len(world.cast.acts), "considerations": 5}
    report.facts |= {"peers": sorted(there), "minutes": MINUTES_QUICK if quick else MINUTES}
    agenda = Agenda(People(), world)
    agenda.outside(START_MS)
    agenda.run(SETTLED_MS)
    lives = sorted(
        (life for life in agenda.people.lives.values() if life.journey is None), key=lambda life: life.person
    )
    now_ms = SETTLED_MS + MINUTE_MS
    weighed = weigh(agenda.crowd, world, lives, now_ms)
    wanted = winners_of(weighed.scores)
    bare = Bare(world.cast, weighed, held_of(agenda.crowd, lives, weighed, now_ms))
    assert bare.tick() == wanted, "numpy computed other numbers"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "considered.json"
        file.write_text(json.dumps(bare.given()))
        for _ in range(report.rounds):
            progress("weigh: aicore, numpy")
            times = TIMES_QUICK if quick else TIMES
            ours = timed(lambda: winners_of(weigh(agenda.crowd, world, lives, now_ms).scores), times)
            numpy = timed(bare.tick, times)
            report.add("aicore", ours * 1e3, "CPU ms for all")
            report.add("numpy", numpy * 1e3, "CPU ms for all")
            report.compare("vs_numpy", 1 / ours, 1 / numpy)
            for peer in sorted(there):
                progress(f"weigh: {peer}")
                took = await of_peer(peer, file, wanted)
                report.add(peer, took * 1e3, "CPU ms for all")
                report.compare(f"vs_{peer}", 1 / ours, 1 / took)
    await _minutes(report, world, MINUTES_QUICK if quick else MINUTES, progress)
    return report


async def _minutes(report: Report, world: World, minutes: int, progress: Progress) -> None:
    """Let everybody live through game minutes on a real log: decide, encode, append, wait for it."""
    progress(f"{minutes} whole minutes")
    with servers() as (postgres, _):
        await settle(postgres)
        await migrate(postgres.dsn, REALM)
        async with open_log(postgres.dsn, REALM, now_us=now_us) as log:
            took, events = await _live(log, world, minutes)
    report.add("tick_p50_ms", percentile(took, 0.5), "ms")
    report.add("tick_p99_ms", percentile(took, 0.99), "ms")
    report.add("tick_max_ms", max(took), "ms")
    report.add("events_per_tick", events / minutes, "events")


async def _live(log: EventLog, world: World, minutes: int) -> tuple[list[float], int]:
    codec, agenda, version = EventCodec(domain_catalogue()), Agenda(People(), world), 0
    took: list[float] = []

    async def append(events: Sequence[Event]) -> None:
        nonlocal version
        new = [
            codec.encode(event, uuid5(SPACE, str(number))) for number, event in enumerate(events, version + 1)
        ]
        await log.append(StreamWrite(STREAM, new, expected=version))
        version += len(new)

    await append(agenda.outside(START_MS))
    await append(agenda.run(START_MS + 30 * MINUTE_MS))  # all begin at once, which no minute is after that
    first = version
    for number in range(31, 31 + minutes):
        began = time.perf_counter()
        if events := agenda.run(START_MS + number * MINUTE_MS):
            await append(events)
        took.append((time.perf_counter() - began) * 1e3)
    return took, version - first
