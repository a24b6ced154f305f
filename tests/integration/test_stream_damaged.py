"""Bytes of JetStream's files that changed or were cut off: what the stream then serves is the log again."""

import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from tests.harness.folders import open_folder
from tests.integration.forge_kit import Foreign, equals_log, followed, quick_relay, truth
from tests.integration.nats_kit import Bus, open_bus, until

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
@pytest.mark.parametrize("rounds", [6, pytest.param(200, marks=pytest.mark.slow)])
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
