"""Events handed to a program (`aicore events follow`), on real servers."""

import json
import sys
from asyncio import Task
from pathlib import Path

import pytest

from aicore.cli.recorded import whole
from aicore.cli.terminal import json_line
from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from aicore.following import Following, follow, handing_to
from bus.nats.api import js_request
from bus.nats.consumer import Delivery
from bus.nats.dead_letters import list_letters, redrive
from bus.nats.topology import events_stream
from bus.nats.wire import event_of
from protocol.envelope import Envelope
from tests.integration.nats_kit import Bus, open_bus, until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]

AGAIN_S = 60.0
"""What was on its way to a follower that stopped comes again after 30 s."""

TAKER = """
import json, pathlib, sys
event = json.loads(sys.stdin.readline())
number, folder = event["payload"]["number"], pathlib.Path(sys.argv[1])
with (folder / "tried").open("a") as tried:
    tried.write(f"{number}\\n")
if (folder / f"refuse-{number}").exists():
    sys.exit(3)
with (folder / "taken").open("a") as taken:
    taken.write(json.dumps(event) + "\\n")
"""
"""Takes an event, unless a file says that it shall refuse it."""


def line(envelope: Envelope) -> bytes:
    return json_line(whole(event_of(envelope)))


def start(bus: Bus, folder: Path, following: Following) -> Task[None]:
    handler = handing_to([sys.executable, "-c", TAKER, str(folder)], line=line, limit_s=30.0)
    task = bus.group.create_task(follow(bus.nc, bus.realm, following, handler))
    bus.tasks.append(task)
    return task


def taken(folder: Path) -> list[int]:
    path = folder / "taken"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(each)["payload"]["number"] for each in lines]


async def test_a_follower_goes_on_where_it_stopped_and_what_a_program_refuses_is_a_dead_letter(
    postgres: EmbeddedPostgres, nats_server: EmbeddedNats, realm: str, tmp_path: Path
) -> None:
    async with open_bus(postgres, nats_server, realm) as bus:
        bus.relay()
        await bus.relayed(await bus.append(3, streams=1))
        following = Following("pager", from_start=True, attempts_max=2)

        async def has(numbers: list[int]) -> bool:
            return taken(tmp_path) == numbers

        (tmp_path / "refuse-1").touch()
        first = start(bus, tmp_path, following)
        await until(lambda: has([0, 2]), "the others are taken, in the log's order")
        [letter] = await list_letters(bus.nc, realm, consumer="pager")
        assert (letter.position, letter.attempts) == (2, 2)
        assert letter.reason == f"{sys.executable} ended with 3"
        await until(lambda: acknowledged(bus, "pager", 3), "it stops after what it has done, not in it")
        await bus.stop(first)

        await bus.append(2, streams=1, type_="test.again")
        (tmp_path / "refuse-1").unlink()
        start(bus, tmp_path, following)
        await redrive(bus.nc, realm, letter.sequence)
        await until(
            lambda: has_all(tmp_path, [0, 0, 1, 1, 2]),
            "what came meanwhile, and what was given back",
            timeout_s=AGAIN_S,
        )
        assert sorted((tmp_path / "tried").read_text().split()) == ["0", "0", "1", "1", "1", "1", "2"]


async def acknowledged(bus: Bus, name: str, position: int) -> bool:
    """Say whether JetStream knows that a follower is done with everything up to a position."""
    info = await js_request(bus.nc, f"CONSUMER.INFO.{events_stream(bus.realm)}.{name}")
    return int(info["ack_floor"]["stream_seq"]) >= position


async def has_all(folder: Path, numbers: list[int]) -> bool:
    return sorted(taken(folder)) == numbers


async def test_a_new_follower_begins_with_the_next_event_and_may_ask_for_some_types(
    postgres: EmbeddedPostgres, nats_server: EmbeddedNats, realm: str, tmp_path: Path
) -> None:
    async with open_bus(postgres, nats_server, realm) as bus:
        bus.relay()
        await bus.relayed(await bus.append(4, streams=1))
        seen: list[int] = []

        async def note(delivery: Delivery[Envelope]) -> None:
            seen.append(delivery.message.position)

        everything = bus.group.create_task(follow(bus.nc, realm, Following("all"), note))
        bus.tasks.append(everything)
        start(bus, tmp_path, Following("some", types=("test.again",)))

        async def attached() -> bool:
            names = await bus_consumers(bus)
            return {"all", "some"} <= names

        await until(attached, "both have begun")
        await bus.append(1, streams=1)
        await bus.append(2, streams=1, type_="test.again")

        async def over() -> bool:
            return seen == [5, 6, 7] and taken(tmp_path) == [0, 1]

        await until(over, "from the fifth event on; of one type")


async def bus_consumers(bus: Bus) -> set[str]:
    found = await js_request(bus.nc, f"CONSUMER.NAMES.{events_stream(bus.realm)}")
    return set(found["consumers"] or ())


async def test_a_program_that_cannot_be_run_or_takes_too_long_has_failed(
    postgres: EmbeddedPostgres, nats_server: EmbeddedNats, realm: str
) -> None:
    async with open_bus(postgres, nats_server, realm) as bus:
        bus.relay()
        await bus.append(1)
        slow = [sys.executable, "-c", "import time; time.sleep(60)"]
        reasons = {"nowhere": "cannot be run: No such file or directory", "slow": "took longer than 0.3 s"}
        for name, program in {"nowhere": ["/no/such/program"], "slow": slow}.items():
            handler = handing_to(program, line=line, limit_s=0.3)
            following = Following(name, from_start=True, attempts_max=1)
            bus.tasks.append(bus.group.create_task(follow(bus.nc, realm, following, handler)))
        for name, reason in reasons.items():

            async def buried(name: str = name) -> bool:
                return bool(await list_letters(bus.nc, realm, consumer=name))

            await until(buried, name)
            [letter] = await list_letters(bus.nc, realm, consumer=name)
            assert letter.reason.endswith(reason)
