"""The same people decide the same, whatever is cut into pieces, and wherever it runs."""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from domain.kernel.event import Event
from domain.people import deciding
from domain.people.agenda import Agenda
from domain.people.lives import Life, People
from domain.people.rules import HOUR_MS, MINUTE_MS
from domain.people.scene import World
from domain.people.town import Town
from tests.unit.people.kit import START_MS, begun, world

HOURS = 8
CODEC = EventCodec(domain_catalogue())
ROOT = Path(__file__).parents[3]


def digest(events: list[Event]) -> str:
    """Of all payloads, byte for byte."""
    from uuid import UUID  # noqa: PLC0415

    total = sha256()
    for event in events:
        total.update(CODEC.encode(event, UUID(int=0)).payload)
    return total.hexdigest()


def whole(hours: int = HOURS) -> list[Event]:
    agenda, events = begun()
    return events + agenda.run(START_MS + hours * HOUR_MS)


def test_minute_by_minute_or_at_once_or_after_restarts_it_is_the_same() -> None:
    once = whole()

    by_minute, events = begun()
    for now in range(START_MS, START_MS + HOURS * HOUR_MS + 1, MINUTE_MS):
        events += by_minute.run(now)
    assert digest(events) == digest(once)

    agenda, pieces = begun()
    for _ in range(30):  # a process dies and another one goes on from the log
        pieces += agenda.run(START_MS + HOURS * HOUR_MS, 40)
        people = People()
        people.evolve_all(pieces)
        agenda = Agenda(people, world())
    pieces += agenda.run(START_MS + HOURS * HOUR_MS)
    assert digest(pieces) == digest(once)


def test_however_many_are_weighed_together_each_weighs_the_same() -> None:
    agenda, _ = begun()
    agenda.run(START_MS + 5 * HOUR_MS)
    now = START_MS + 5 * HOUR_MS + MINUTE_MS
    lives = sorted(agenda.people.lives.values(), key=lambda life: life.person)
    together = deciding.Minute(agenda.crowd, agenda.world, lives, now)

    for number, life in enumerate(lives):
        alone = deciding.Minute(agenda.crowd, agenda.world, [life], now)
        assert alone.digest(0) == together.digest(number)


def test_another_process_with_another_hash_seed_and_without_avx_decides_the_same() -> None:
    code = "from tests.unit.people.test_determinism import digest, whole; print(digest(whole(4)))"
    env = {
        **os.environ,
        "PYTHONHASHSEED": "7",
        "NPY_DISABLE_CPU_FEATURES": "AVX2 AVX512F AVX512CD AVX512_SKX",
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
    }
    other = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert other.stdout.strip() == digest(whole(4))


def test_lives_are_what_the_log_tells() -> None:
    agenda, events = begun()
    events += agenda.run(START_MS + HOURS * HOUR_MS)
    people = People()
    people.evolve_all(events)

    assert people == agenda.people
    assert isinstance(people.lives["una_pell"], Life)
    assert isinstance(agenda.world, World)


def test_with_purses_it_is_the_same_however_time_is_cut() -> None:
    once, pieces = Town(world(), START_MS), Town(world(), START_MS)
    events = once.run(START_MS + 10 * HOUR_MS)
    cut: list[Event] = []
    for now in range(START_MS, START_MS + 10 * HOUR_MS + 1, 7 * MINUTE_MS):
        cut += pieces.run(now)
    cut += pieces.run(START_MS + 10 * HOUR_MS)

    assert digest(cut) == digest(events)
    assert pieces.book.volumes.get(("source.wages.work", "crowns")) is not None
    assert pieces.money == once.money
    assert pieces.missed == once.missed


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_twenty_four_days_with_two_hundred_deaths_are_the_same_as_without() -> None:
    hours = 24 * 24
    agenda, pieces = begun()
    for turn in range(200):
        pieces += agenda.run(START_MS + (turn + 1) * hours * HOUR_MS // 200, 37 + turn)
        people = People()
        people.evolve_all(pieces)
        agenda = Agenda(people, world())
    pieces += agenda.run(START_MS + hours * HOUR_MS)
    assert digest(pieces) == digest(whole(hours))
