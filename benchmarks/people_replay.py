"""The lives of 2,000 people over 24 game days, folded from the log as a process that starts does.

Beside: reading the same log to typed events and doing nothing with them (as `benchmarks replay` reads). The
folded lives must be those that were lived, by hash, and the people decide next what they would have decided.
The people are those of `benchmarks world`.
"""

import time
from collections.abc import Iterable
from dataclasses import fields
from hashlib import sha256
from uuid import uuid5

from aicore.clock import now_us
from aicore.content.sample_world import sample_definition
from benchmarks.append import settings_of
from benchmarks.harness import Progress, Report, rounds_of, servers, settle
from benchmarks.replay import ours as read_typed
from benchmarks.world import PEOPLE, REALM, SPACE, START_MS, many, world_of
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.ports import EventLog, StreamWrite
from bus.postgres.log import open_log
from bus.postgres.migrate import migrate
from domain.kernel.event import Event
from domain.people.agenda import Agenda
from domain.people.lives import People
from domain.people.messages import STREAM
from domain.people.rules import HOUR_MS, MINUTE_MS
from domain.people.scene import World
from handlers.people.lives import read_lives

DAYS, DAYS_QUICK, PEOPLE_QUICK = 24, 2, 300
DAY_MS = 24 * HOUR_MS
BATCH = 2_000
CODEC = EventCodec(domain_catalogue())


def digest_of(people: People) -> str:
    """Return the hash of everybody's lives."""
    lives = [
        [(each.name, _sorted(getattr(life, each.name))) for each in fields(life)]
        for life in people.lives.values()
    ]
    shared = people.tick_ms, people.count, people.term, people.leader
    told = lives, _sorted(people.claims), _sorted(people.talks), shared
    return sha256(repr(told).encode()).hexdigest()


def _sorted(value: object) -> object:
    return sorted(value.items()) if isinstance(value, dict) else value


async def lived(log: EventLog, agenda: Agenda, days: int, progress: Progress) -> int:
    """Have everybody live through days, and record it; return how many events it took."""
    version = 0

    async def append(events: Iterable[Event]) -> None:
        nonlocal version
        new = [CODEC.encode(each, uuid5(SPACE, str(n))) for n, each in enumerate(events, version + 1)]
        for begin in range(0, len(new), BATCH):
            part = new[begin : begin + BATCH]
            await log.append(StreamWrite(STREAM, part, expected=version))
            version += len(part)

    await append(agenda.outside(START_MS))
    for day in range(1, days + 1):
        progress(f"day {day} of {days}")
        for hour in range(1, 25):
            await append(agenda.run(START_MS + (day - 1) * DAY_MS + hour * HOUR_MS))
    return version


def decides_next(people: People, world: World) -> str:
    """Return the hash of what the people are after the next quarter of an hour."""
    agenda = Agenda(people, world)
    agenda.run(people.tick_ms + 15 * MINUTE_MS)
    return digest_of(agenda.people)


async def run(quick: bool, progress: Progress) -> Report:
    """Measure."""
    report = Report("people_replay", rounds_of(quick))
    days, count = (DAYS_QUICK, PEOPLE_QUICK) if quick else (DAYS, PEOPLE)
    world = world_of(many(sample_definition(), count))
    agenda = Agenda(People(), world)
    with servers() as (postgres, _):
        await settle(postgres)
        await migrate(postgres.dsn, REALM)
        report.facts |= await settings_of(postgres.dsn) | {"people": count, "days": days}
        async with open_log(postgres.dsn, REALM, now_us=now_us) as log:
            events = await lived(log, agenda, days, progress)
            report.facts["events"] = events
            report.facts["lived"] = live = digest_of(agenda.people)
            for number in range(report.rounds):
                progress(f"round {number + 1}")
                typed = await read_typed(log, CODEC, events)
                began = time.perf_counter()
                people, version = await read_lives(log, CODEC)
                fold = events / (time.perf_counter() - began)
                assert (version, digest_of(people)) == (events, live), "folded are other lives"
                report.facts["folded"] = digest_of(people)
                report.add("typed_read", typed, "events/s")
                report.add("fold", fold, "events/s")
                report.compare("vs_typed_read", fold, typed)
    assert decides_next(people, world) == decides_next(agenda.people, world), "they decide otherwise"
    return report
