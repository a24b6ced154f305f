"""The rows of `benchmarks story` that need servers: turns over the wire, and explanations of a long log.

*Turns*: players speak through NATS with people of a program in a process of its own, which records each line
in Postgres; times are wall times at the client. *Explanations*: a day of the sample world's people, again and
again, with a player's lines strewn in, until the log is long; each line is explained from there as
`aicore explain line` does, and why nothing is played as a running program tells it (`director.silence`),
beside the log folded from its beginning.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid5

from aicore.audit.director import silence
from aicore.audit.lines import explain_line
from aicore.client import Client, Refused, Unanswered
from aicore.clock import now_us
from aicore.content.calendar import shipped_calendar
from aicore.content.sample_world import sample_definition
from benchmarks.harness import Progress, Report, percentile, servers, settle
from benchmarks.world import START_MS, world_of
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.ids import derived_id
from bus.nats.connection import connect
from bus.ports import EventLog, NewEvent, StreamWrite, Where
from bus.postgres.log import open_log
from bus.postgres.migrate import migrate
from domain.clock.clock import STREAM as CLOCK_STREAM
from domain.clock.messages import ClockStarted
from domain.clock.units import RealTime
from domain.director.explaining import shown
from domain.kernel.event import Event
from domain.people.agenda import Agenda
from domain.people.lives import People
from domain.people.messages import STREAM as PEOPLE_STREAM
from domain.places.messages import Entered
from domain.places.moving import stream_of as places_stream
from domain.story.messages import LineSaid, stream_of
from handlers.beliefs.view import BeliefsView
from handlers.clock.view import ClockView
from handlers.director.silences import DirectionView, Silences
from handlers.director.view import DirectorView
from handlers.kernel.follow import MemoryView
from tests.unit.story.talk_kit import mouth

REALM = "bench"
SPACE = UUID("5f0f7a51-6a0c-5c3f-8a55-0d6f3b1c9a11")
CODEC = EventCodec(domain_catalogue())
BY = {"operator": "bench", "reason": "a benchmark"}
DAY_MS = 86_400_000

TURNS, TURNS_QUICK, AT_ONCE = 10_000, 2_000, 8
TURNS_EACH = 10
"""Of one player: within what a player may say at once."""

LONG, LONG_QUICK = 1_000_000, 100_000
BATCH = 5_000
SILENCES = 300
STARTED_S = 60.0


async def turns(report: Report, quick: bool, progress: Progress) -> None:
    """Have players talk over the wire, some at a time, and count what the log has."""
    count = TURNS_QUICK if quick else TURNS
    progress(f"{count:,} turns over the wire")
    with servers(nats=True) as (postgres, broker):
        await settle(postgres)
        await migrate(postgres.dsn, REALM)
        with _program(postgres.dsn, broker.url, Path(postgres.data.parent)) as pid:
            async with (
                connect(broker.url, name="bench") as nc,
                open_log(postgres.dsn, REALM, now_us=now_us) as log,
            ):
                client = Client(nc, REALM)
                await _ready(client)
                talks = await _come(client, log, count // TURNS_EACH)
                await _first(report, client, talks[0])
                before_s = _cpu_s(pid)
                await _talk(report, client, log, talks)
                report.add(
                    "a turn over the wire, of the program", (_cpu_s(pid) - before_s) * 1e3 / count, "CPU ms"
                )


@contextmanager
def _program(dsn: str, url: str, folder: Path) -> Iterator[int]:
    command = [sys.executable, "-m", "benchmarks.story_child", dsn, url, REALM, str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


async def _ready(client: Client) -> None:
    """Return once the program answers, the clock goes, and commands know of it."""
    async with asyncio.timeout(STARTED_S):
        await _until(lambda: client.query("clock.now"))
        await client.command("clock.start", {"calendar": shipped_calendar().model_dump(), **BY})
        await _until(lambda: client.command("session.open", {"player": "nobody"}))


async def _until(ask: Callable[[], Awaitable[object]]) -> None:
    while True:
        if await _answered(ask()):
            return
        await asyncio.sleep(0.05)


async def _answered(asked: Awaitable[object]) -> bool:
    try:
        await asked
    except (Refused, Unanswered):
        return False
    return True


async def _come(client: Client, log: EventLog, count: int) -> list[tuple[str, str]]:
    """Have people stand at places, and players come to them; return who talks to whom."""
    definition, found = sample_definition(), list[tuple[str, str]]()
    voiced = [each.id for each in definition.people if mouth().voice_of(each, definition)]
    places = [each.id for each in definition.places if each.capacity is None or each.capacity > count]
    stands = list(zip(voiced, islice(cycle(places), len(voiced)), strict=True))
    people = [_entered(f"person.{who}", "person", place) for who, place in stands]
    new = [CODEC.encode(each, uuid5(SPACE, each.who)) for each in people]
    await log.append(StreamWrite(PEOPLE_STREAM, new))
    for number, (who, place) in enumerate(islice(cycle(stands), count)):
        player = f"p{number}"
        await client.command("session.open", {"player": player})
        await client.command("places.enter", {"player": player, "session": 1, "place": place})
        found.append((player, f"person.{who}"))
    return found


def _entered(who: str, kind: str, place: str) -> Entered:
    return Entered.model_validate({"who": who, "kind": kind, "place": place, "at_ms": 1, "at_us": 1})


def _cpu_s(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


async def _first(report: Report, client: Client, talk: tuple[str, str]) -> None:
    """Say the first line of a process, which reads the corpus."""
    player, to = talk
    began, said = time.perf_counter(), {"player": player, "session": 1, "to": to, "text": "Hello!"}
    await client.command("story.say", said, id=uuid5(SPACE, "first"))
    report.add("a turn over the wire, the first of a process", (time.perf_counter() - began) * 1e3, "ms")


async def _talk(report: Report, client: Client, log: EventLog, talks: Sequence[tuple[str, str]]) -> None:
    names = [each.name for each in sample_definition().people]
    dice, taken, refused = Random(7), list[float](), Counter[str]()
    asked = iter([(uuid5(SPACE, f"{who}/{n}"), who, to) for n in range(TURNS_EACH) for who, to in talks])
    ids = [uuid5(SPACE, "first")]

    async def one() -> None:
        for id_, player, to in asked:
            name = dice.choice(names)
            text = dice.choice((f"Where is {name}?", "Hello!", "Who are you?", f"Tell me about {name}."))
            began = time.perf_counter()
            try:
                said = {"player": player, "session": 1, "to": to, "text": text}
                await client.command("story.say", said, id=id_)
                ids.append(id_)
            except Refused as error:
                refused[error.error.code] += 1
            taken.append((time.perf_counter() - began) * 1e3)

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(AT_ONCE)))
    took = time.perf_counter() - began
    report.add("turns over the wire", len(taken) / took, "turns/s")
    for share in (0.5, 0.95, 0.99):
        report.add(
            f"a turn over the wire, {AT_ONCE} at a time, p{share * 100:g}", percentile(taken, share), "ms"
        )
    report.add("a turn over the wire, slowest", max(taken), "ms")
    report.add("turns: deadlines missed", refused["deadline_exceeded"], "turns")
    report.add("turns: other refusals", refused.total() - refused["deadline_exceeded"], "turns")
    report.add("turns: lines in the log, of those answered", await _lines(log, ids) / len(ids), "of 1")
    report.facts |= {"turns": len(taken), "players": len(talks), "refused": dict(refused)}


async def _lines(log: EventLog, ids: Sequence[UUID]) -> int:
    """Return how many lines the log has; an exception if one is not of an answered turn."""
    wanted, found, after = {derived_id(each, 0) for each in ids}, 0, 0
    while page := await log.read_all(after=after, limit=BATCH, where=Where(types=[LineSaid.event_name])):
        assert all(each.id in wanted for each in page), "a line of no turn"
        found, after = found + len(page), page[-1].position
    return found


# --- a long log ---------------------------------------------------------------------------------------------


async def long_log(report: Report, quick: bool, said: Sequence[LineSaid], progress: Progress) -> None:
    """Explain lines and silences where the log is long."""
    count = LONG_QUICK if quick else LONG
    with servers() as (postgres, _):
        await settle(postgres)
        await migrate(postgres.dsn, REALM)
        async with open_log(postgres.dsn, REALM, now_us=now_us) as log:
            progress(f"a log of {count:,} events")
            await _fill(log, count, said)
            events = report.facts["events in the log"] = (await log.head()).position
            progress(f"{len(said):,} lines explained")
            await _explain(report, log, said)
            progress("silences explained")
            await _silences(report, log, events)


async def _fill(log: EventLog, count: int, said: Sequence[LineSaid]) -> None:
    """Write a day of the sample world's people, again and again, with lines strewn in."""
    agenda = Agenda(People(), world_of(sample_definition()))
    day: list[Event] = [*agenda.outside(START_MS)]
    for hour in range(1, 25):
        day += agenda.run(START_MS + hour * DAY_MS // 24)
    encoded = [CODEC.encode(each, SPACE) for each in day]
    start = ClockStarted(calendar=shipped_calendar(), at_game_ms=START_MS, **BY)
    entered = _entered("ann", "player", "ropewalk_quay")
    await log.append(StreamWrite(CLOCK_STREAM, [CODEC.encode(start, uuid5(SPACE, "clock"))]))
    await log.append(StreamWrite(places_stream("ann"), [CODEC.encode(entered, uuid5(SPACE, "ann"))]))
    lines, every, days = iter(enumerate(said, 1)), max(1, count // len(said)), cycle(encoded)
    step, done = min(BATCH, every), 0
    while done < count:
        new = [_again(each, done + n) for n, each in enumerate(islice(days, step))]
        done += step
        writes = [StreamWrite(PEOPLE_STREAM, new)]
        if done % every < step and (line := next(lines, None)):
            at, event = line
            writes.append(StreamWrite(stream_of("ann"), [CODEC.encode(event, uuid5(SPACE, f"line {at}"))]))
        await log.append(*writes)
    for at, event in lines:
        await log.append(StreamWrite(stream_of("ann"), [CODEC.encode(event, uuid5(SPACE, f"line {at}"))]))


def _again(event: NewEvent, number: int) -> NewEvent:
    return NewEvent(uuid5(SPACE, str(number)), event.type, event.schema_version, event.payload, event.meta)


async def _explain(report: Report, log: EventLog, said: Sequence[LineSaid]) -> None:
    same, taken = 0, list[float]()
    for line in said:
        began = time.perf_counter()
        told = await explain_line(log, CODEC, line.line, mouth())
        taken.append((time.perf_counter() - began) * 1e3)
        same += not told.differs and told.again == told.line == line
    report.add("explain line, long log: made again byte for byte", same / len(said), "of 1")
    for share in (0.5, 0.99):
        report.add(f"explain line, long log, p{share * 100:g}", percentile(taken, share), "ms")
    report.add("explain line, long log, slowest", max(taken), "ms")


async def _silences(report: Report, log: EventLog, events: int) -> None:
    now = now_us()
    clock = ClockView(log, decode=CODEC.decode, now=lambda: RealTime(now))
    direction, director = (
        DirectionView(log, decode=CODEC.decode),
        DirectorView(log, sample_definition, decode=CODEC.decode),
    )
    beliefs = BeliefsView(log, sample_definition(), decode=CODEC.decode)
    began = time.perf_counter()
    await _follow(log, (clock, direction, director, beliefs))
    report.add(
        "silence, long log: a process that starts reads it",
        events / (time.perf_counter() - began),
        "events/s",
    )
    silences, taken, answers = Silences(direction, director, beliefs, clock), list[float](), list[Any]()
    for _ in range(SILENCES):
        began = time.perf_counter()
        answers.append((await silences.answer({"player": "ann"}))[0])
        taken.append((time.perf_counter() - began) * 1e3)
    report.add("explain silence, long log, p50", percentile(taken[1:], 0.5), "ms")
    report.add("explain silence, long log, p99", percentile(taken[1:], 0.99), "ms")
    report.add("explain silence, long log, the first", taken[0], "ms")
    began = time.perf_counter()
    folded = await silence(
        log, CODEC, "ann", at=None, now_us=now, otherwise=sample_definition, most=len(answers[0]["nearest"])
    )
    report.add("explain silence --at, long log, folded", time.perf_counter() - began, "s")
    report.add(
        "explain silence, long log: as the log folded",
        sum(each == shown(folded) for each in answers) / SILENCES,
        "of 1",
    )


async def _follow(log: EventLog, views: Sequence[MemoryView]) -> None:
    types, after = {name for view in views for name in view.types}, 0
    while page := await log.read_all(after=after, limit=BATCH, where=Where(types=sorted(types))):
        for view in views:
            await view.take([each for each in page if each.type in view.types])
        after = page[-1].position
