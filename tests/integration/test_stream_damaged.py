"""Bytes of JetStream's files that changed or were cut off: what the stream then serves is the log again."""

import json
import random
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import nats.errors
import nats.js.errors
import pytest

from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from bus.nats.topology import events_stream
from bus.relay.record import noted
from tests.harness.folders import open_folder
from tests.integration.forge_kit import Foreign, connected, equals_log, followed, quick_relay, truth
from tests.integration.nats_kit import Bus, open_bus, until
from tests.integration.test_nats_relay import floor_of

pytestmark = pytest.mark.integration

FLIPPED_MAX = 32


@pytest.fixture
def own_server() -> Iterator[EmbeddedNats]:
    """A NATS that the test may kill."""
    with open_folder() as folder:
        server = EmbeddedNats(folder)
        server.start()
        yield server
        server.stop()


@pytest.fixture
async def bus(postgres: EmbeddedPostgres, own_server: EmbeddedNats, realm: str) -> AsyncIterator[Bus]:
    async with open_bus(postgres, own_server, realm) as bus:
        yield bus


def damage(store: Path, draw: random.Random) -> str:
    """Change some bytes somewhere below ``store``, or cut a file off there; return what was done."""
    files = sorted(path for path in store.rglob("*") if path.is_file() and path.stat().st_size)
    path = draw.choices(files, [each.stat().st_size for each in files])[0]
    at, data = draw.randrange(path.stat().st_size), bytearray(path.read_bytes())
    if draw.random() < 0.2:
        path.write_bytes(data[:at])
        return f"{path.relative_to(store)} cut off at {at} of {len(data)}"
    for place in range(at, min(at + draw.randint(1, FLIPPED_MAX), len(data))):
        data[place] ^= draw.randint(1, 255)
    path.write_bytes(data)
    return f"{path.relative_to(store)} of {len(data)} bytes changed at {at}"


async def saw_all(foreign: Foreign, bus: Bus) -> bool:
    if max(foreign.seen, default=0) < (await bus.log.head()).position:
        return False
    log = await truth(bus)
    return all(foreign.seen.get(place, [b""])[-1] == message.data for place, message in log.items())


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("rounds", [3, pytest.param(200, marks=pytest.mark.slow)])
async def test_damaged_files_are_made_good_from_the_log(
    bus: Bus, own_server: EmbeddedNats, rounds: int
) -> None:
    """The relay is never restarted, and a consumer of another program has each event as the log has it."""
    draw = random.Random(20261130)
    quick_relay(bus)
    await bus.relayed(await bus.append(2_000))
    async with followed(bus) as foreign:
        for number in range(rounds):
            await until(lambda: saw_all(foreign, bus), "the consumer at the end", timeout_s=60)
            own_server.kill()
            done = f"round {number}: {damage(own_server.store, draw)}"
            own_server.start()
            await bus.append(10)
            await until(lambda: equals_log(bus), f"{done}: the stream as the log has it", timeout_s=60)
        await until(lambda: saw_all(foreign, bus), "the consumer given all that the log has", timeout_s=60)


TAKEN, THERE = 12, 20
"""Events that three consumers have acknowledged, of those that there are; a fourth has had all."""


def _unreadable(mine: Path, others: Path) -> None:
    """The server then knows of no such consumer, and gives its state to the next one of that name."""
    _advanced(mine, others)
    (mine / "meta.inf").write_bytes(b"\xff" * 64)


def _advanced(mine: Path, others: Path) -> None:
    """What may also be true, as the relay looks only now and then: nothing to be told."""
    shutil.copy(others / "o.dat", mine / "o.dat")


def _narrowed(mine: Path, _: Path) -> None:
    """Settings that read well, and let nothing through."""
    path = mine / "meta.inf"
    path.write_text(json.dumps({**json.loads(path.read_text()), "filter_subject": "nothing.at.all"}))


TOLD = "durable consumers were damaged, and are made anew to go on: narrowed after 12, unreadable after 12"
SPOILT = {"unreadable": _unreadable, "advanced": _advanced, "narrowed": _narrowed}


async def test_damaged_consumers_go_on_where_the_relay_saw_them(bus: Bus, own_server: EmbeddedNats) -> None:
    quick_relay(bus)
    await bus.relayed(await bus.append(THERE))
    for name in (*SPOILT, "other"):
        foreign = Foreign(bus, name=name)
        await foreign.make()
        await take(bus, name, THERE if name == "other" else TAKEN)
    await until(lambda: written(bus, TAKEN), "their places written down")
    own_server.stop()  # in order, so that all files are as they should be
    (folder,) = own_server.store.rglob("obs")
    for name, spoil in SPOILT.items():
        spoil(folder / name, folder / "other")
    own_server.start()

    for name in SPOILT:
        assert await take(bus, name, THERE - TAKEN) == [*range(TAKEN + 1, THERE + 1)], name
    await until(lambda: written(bus, THERE), "their new places written down")
    assert await told_of_consumers(bus) == [TOLD]
    own_server.stop()
    said_before = own_server.log.stat().st_size
    own_server.start()
    said = own_server.log.read_bytes()[said_before:]
    assert b"[WRN]" not in said, "nothing of the damage is left"


async def take(bus: Bus, name: str, number: int) -> list[int]:
    """Return the places of so many events that a consumer is given; each is acknowledged."""
    taken: list[int] = []

    async def some() -> bool:
        try:
            pull = await bus.nc.jetstream().pull_subscribe_bind(durable=name, stream=events_stream(bus.realm))
            for message in await pull.fetch(number - len(taken), timeout=0.5):
                await message.ack_sync(5)
                taken.append(message.metadata.sequence.stream)
            await pull.unsubscribe()
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError):
            return False  # it is made anew
        return len(taken) == number

    await until(some, f"{number} events for {name}")
    return taken


async def written(bus: Bus, place: int) -> bool:
    """Return whether the relay wrote down that the damaged ones stand at a place, the other at the end."""
    floors = [await floor_of(bus, name) for name in (*SPOILT, "other")]
    return floors == [*[place] * len(SPOILT), THERE]


async def told_of_consumers(bus: Bus) -> list[str]:
    """Return what the relay wrote down of consumers, and that it is mended."""
    connection = await connected(bus)
    try:
        past = await noted(connection, since_us=0)
    finally:
        await connection.close()
    return [each.what for each in past if each.kind == "consumer" and each.mended_us]
