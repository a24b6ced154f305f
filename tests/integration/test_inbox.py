"""The durable inbox on real servers: one effect, order, retries, refusals, redrives, full and lost ones."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from aicore.clock import new_id
from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.nats.api import JetStreamError, js_publish, js_request
from bus.nats.connection import connect
from bus.nats.dead_letters import dismiss, list_letters, redrive, show, waiting
from bus.nats.inbox import DURABLE
from bus.nats.topology import InboxLimits, delete_stream, inbox_stream
from bus.ports import LogUnavailable, VersionConflict
from bus.postgres.log import PostgresLog
from bus.relay.inbox import lead_inbox
from domain.kernel.decider import Rejected
from handlers.kernel.commands import CommandRunner
from protocol.errors import WireError
from protocol.identity import UNNAMED
from protocol.messages import CommandMessage, Reply, encode_command
from protocol.meta import Meta, decode_meta
from tests.integration.inbox_kit import ACK_WAIT_S, LIMITS, Inbox
from tests.integration.log_kit import fresh_log
from tests.integration.nats_kit import until
from tests.unit.kit import model, runner_on

pytestmark = pytest.mark.integration

REGISTER = "registry.register_model"
DO = "test.do"


@pytest.fixture
async def inbox(nats_server: EmbeddedNats, realm: str) -> AsyncIterator[Inbox]:
    async with connect(nats_server.url, name="test") as nc:
        inbox = Inbox(nc, realm)
        await inbox.open()
        yield inbox


@pytest.fixture
async def log(postgres: EmbeddedPostgres, realm: str) -> AsyncIterator[PostgresLog]:
    async with fresh_log(postgres.dsn, realm) as log:
        yield log


@pytest.fixture
def runner(log: PostgresLog) -> CommandRunner:
    return runner_on(log, EventCodec(domain_catalogue()))


class NoRoom(Rejected):
    """What says itself when the same command may come again."""

    retry_after_ms = 50


# --- what takes effect ----------------------------------------------------------------------------------


async def test_a_command_takes_effect_and_its_events_name_it(
    inbox: Inbox, log: PostgresLog, runner: CommandRunner
) -> None:
    id_ = await inbox.put(REGISTER, model())

    async with inbox.taken({REGISTER: runner}, runner.lane_of):
        await inbox.empty()

    events = await log.read_all(after=0, limit=10)
    assert [event.type for event in events] == ["registry.model_registered", "registry.model_promoted"]
    assert {decode_meta(event.meta).causation for event in events} == {id_}
    assert {decode_meta(event.meta).correlation for event in events} == {id_}
    assert await list_letters(inbox.nc, inbox.realm) == []


@pytest.mark.parametrize("asked_first", [True, False])
async def test_an_id_has_one_effect_by_inbox_and_request_together(
    inbox: Inbox, log: PostgresLog, runner: CommandRunner, *, asked_first: bool
) -> None:
    message = CommandMessage(new_id(), REGISTER, model(), meta=Meta(actor=UNNAMED.actor))
    if asked_first:
        await runner(message)
    for _ in range(3):  # without Nats-Msg-Id the server keeps all of them
        await inbox.put(REGISTER, model(), id_=message.id, unique=False)
    async with inbox.taken({REGISTER: runner}, runner.lane_of):
        await inbox.empty()

    assert (await runner(message)).duplicate
    assert (await log.head()).position == 2


async def test_the_server_drops_what_is_put_in_twice(inbox: Inbox) -> None:
    id_ = await inbox.put(REGISTER, model())
    await inbox.put(REGISTER, model(), id_=id_)

    assert await inbox.left() == 1


async def test_a_used_id_under_another_command_is_refused(
    inbox: Inbox, log: PostgresLog, runner: CommandRunner
) -> None:
    id_ = await inbox.put(REGISTER, model(), unique=False)
    await inbox.put(REGISTER, model("2"), id_=id_, unique=False)
    async with inbox.taken({REGISTER: runner}, runner.lane_of):
        await inbox.empty()

    [letter] = await list_letters(inbox.nc, inbox.realm)
    assert letter.code == "id_conflict"
    assert (await log.head()).position == 2


# --- order ----------------------------------------------------------------------------------------------


async def test_commands_of_a_stream_keep_their_order_and_others_go_beside_them(inbox: Inbox) -> None:
    seen, running, most = defaultdict[str, list[int]](list), set[str](), 0

    async def do(message: CommandMessage) -> Reply:
        nonlocal most
        about, number = message.payload["about"], message.payload["number"]
        assert about not in running
        running.add(about)
        most = max(most, len(running))
        await asyncio.sleep(0.01 if number % 3 else 0)
        running.remove(about)
        seen[about].append(number)
        return Reply()

    for number in range(60):
        await inbox.put(DO, {"about": f"s{number % 4}", "number": number})
    async with inbox.taken({DO: do}):
        await inbox.empty()

    assert all(numbers == sorted(numbers) for numbers in seen.values())
    assert sum(map(len, seen.values())) == 60
    assert most == 4


async def test_a_confirmed_end_comes_before_the_next_of_the_stream_begins(inbox: Inbox) -> None:
    """The scar: what changed nothing is decided afresh, so it must not come again behind its successor."""
    unfinished = []

    async def do(_: CommandMessage) -> Reply:
        info = await js_request(inbox.nc, f"CONSUMER.INFO.{inbox_stream(inbox.realm)}.{DURABLE}")
        unfinished.append(info["ack_floor"]["stream_seq"])
        return Reply()

    for _ in range(5):
        await inbox.put(DO, {"about": "one"})
    async with inbox.taken({DO: do}):
        await inbox.empty()

    assert unfinished == [0, 1, 2, 3, 4]


async def test_two_that_want_to_take_take_turns_in_leading(
    inbox: Inbox, postgres: EmbeddedPostgres, log: PostgresLog
) -> None:
    took: list[str] = []

    def taking(name: str) -> Callable[[], Coroutine[Any, Any, None]]:
        async def do(_: CommandMessage) -> Reply:
            took.append(name)
            return Reply()

        return lambda: inbox.consumer({DO: do}).run()

    async with asyncio.TaskGroup() as group:
        tasks = {
            name: group.create_task(lead_inbox(postgres.dsn, inbox.realm, taking(name), name=name))
            for name in "ab"
        }
        for _ in range(10):
            await inbox.put(DO, {})
        await inbox.empty()
        leader = took[0]
        assert took == [leader] * 10
        tasks[leader].cancel()
        for _ in range(5):
            await inbox.put(DO, {})
        await inbox.empty()
        for task in tasks.values():
            task.cancel()

    other = "b" if leader == "a" else "a"
    assert took[10:] == [other] * 5


# --- what is refused ------------------------------------------------------------------------------------


async def test_a_refused_command_is_a_letter_that_can_be_redriven_once(inbox: Inbox) -> None:
    refuses, done = True, list[UUID]()

    async def do(message: CommandMessage) -> Reply:
        if refuses:
            raise Rejected("gate_shut", "the gate is\nshut", field="gate", remedy="open it")
        done.append(message.id)
        return Reply()

    async with inbox.taken({DO: do}):
        id_ = await inbox.put(DO, {"about": "gate"})
        await inbox.empty()
        [letter] = await inbox.letters()
        body = encode_command(CommandMessage(id_, DO, {"about": "gate"}))
        assert (letter.code, letter.field, letter.attempts) == ("gate_shut", "gate", 1)
        assert letter.reason == "the gate is shut; open it"
        assert (letter.subject, letter.body) == (f"{inbox.realm}.in.{DO}.{UNNAMED}", body)
        assert letter.message_id == str(id_)
        assert await waiting(inbox.nc, inbox.realm) == 1
        refuses = False

        assert await redrive(inbox.nc, inbox.realm, letter.sequence)
        assert not await redrive(inbox.nc, inbox.realm, letter.sequence)
        await until(lambda: _is(done, [id_]), "the redriven command")

    assert (await show(inbox.nc, inbox.realm, letter.sequence)).redriven
    assert await waiting(inbox.nc, inbox.realm) == 0


async def _is(found: list[UUID], wanted: list[UUID]) -> bool:
    return found == wanted


async def test_a_redrive_that_is_refused_again_is_a_letter_of_its_own_and_can_be_dismissed(
    inbox: Inbox,
) -> None:
    async def do(_: CommandMessage) -> Reply:
        raise Rejected("never", "it will never do")

    async with inbox.taken({DO: do}):
        await inbox.put(DO, {})
        [first] = await inbox.letters()
        await redrive(inbox.nc, inbox.realm, first.sequence)
        _, second = await inbox.letters(2)

    assert second.redrive_of == first.sequence
    assert await waiting(inbox.nc, inbox.realm) == 1
    assert await dismiss(inbox.nc, inbox.realm, second.sequence, "a test")
    assert not await dismiss(inbox.nc, inbox.realm, second.sequence, "again")
    assert await waiting(inbox.nc, inbox.realm) == 0
    assert [letter.dismissed for letter in await list_letters(inbox.nc, inbox.realm)] == ["", "a test"]


@pytest.mark.parametrize(
    ("subject", "command", "payload", "code", "field"),
    [
        ("in.test.explode", "test.explode", {}, "unknown_command", ""),
        ("in.inference.generate", "inference.generate", {}, "request_only", ""),
        (f"in.{REGISTER}", "registry.retire_model", {}, "invalid_field", "command"),
        (f"in.{REGISTER}", REGISTER, {"use_case": 7}, "invalid_field", "use_case"),
        (f"in.{REGISTER}", REGISTER, None, "malformed_message", "command message"),
        ("in.nonsense", REGISTER, {}, "invalid_field", "command"),
    ],
)
async def test_what_can_never_take_effect_is_a_letter_at_once(
    inbox: Inbox,
    runner: CommandRunner,
    subject: str,
    command: str,
    payload: dict[str, int] | None,
    code: str,
    field: str,
) -> None:
    body = b"\xc1" if payload is None else encode_command(CommandMessage(new_id(), command, payload))
    await inbox.put_bytes(f"{inbox.realm}.{subject}", body)
    async with inbox.taken({REGISTER: runner}, runner.lane_of, declared=domain_catalogue().commands):
        await inbox.empty()

    [letter] = await list_letters(inbox.nc, inbox.realm)
    assert (letter.code, letter.field, letter.body) == (code, field, body)


async def test_an_expected_version_that_does_not_hold_is_refused(
    inbox: Inbox, log: PostgresLog, runner: CommandRunner
) -> None:
    await inbox.put(REGISTER, model(), expected=5)
    async with inbox.taken({REGISTER: runner}, runner.lane_of):
        await inbox.empty()

    [letter] = await list_letters(inbox.nc, inbox.realm)
    assert letter.code == "version_conflict"
    assert (await log.head()).position == 0


HOSTILE = {"x\r\nNats-Msg-Id: 1\r\nNats-Rollup: all": 1, "y" * 100_000: 2}


async def test_nothing_that_a_sender_writes_stops_the_consumer(inbox: Inbox, runner: CommandRunner) -> None:
    """The scar: names of unknown fields, and headers that only we should send, were taken as they came."""
    subject, body = (
        f"{inbox.realm}.in.{REGISTER}",
        encode_command(CommandMessage(new_id(), REGISTER, HOSTILE)),
    )
    forged = {"Aicore-Dlq-Position": "a", "Aicore-Redrive-Of": "b", "Aicore-Dlq-Subject": "c", "X-Own": "d"}
    async with inbox.taken({REGISTER: runner}, runner.lane_of):
        await js_publish(inbox.nc, subject, body, forged)
        await js_publish(inbox.nc, subject, b"\xc1", forged)
        first, second = await inbox.letters(2)
        await js_publish(inbox.nc, f"{inbox.realm}.dlq.in.redrive.x", b"\xc1", forged)
        _, _, third = await inbox.letters(3)
        await inbox.put(REGISTER, model())
        await inbox.empty()

    for letter in (first, second):
        assert (letter.subject, letter.redrive_of) == (subject, 0)
        assert letter.headers["X-Own"] == "d"
    assert len(first.field) <= 1_000
    assert "\n" not in first.field + first.reason
    assert third.redrive_of == 0


async def test_a_message_on_the_letters_subject_that_is_no_letter_hides_none(inbox: Inbox) -> None:
    async def do(_: CommandMessage) -> Reply:
        raise Rejected("never", "it will never do")

    async with inbox.taken({DO: do}):
        await inbox.put(DO, {})
        await inbox.letters(1)
        await js_publish(inbox.nc, f"{inbox.realm}.dlq.in", b"", {"Aicore-Dlq-Reason": "x"})
        await js_publish(inbox.nc, f"{inbox.realm}.dlq.in", b"what", {})
        await inbox.put(DO, {})
        found = await inbox.letters(4)

    assert [letter.code for letter in found] == ["never", "", "", "never"]


# --- what is tried again --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        LogUnavailable("away"),
        TimeoutError(),
        VersionConflict("test-1", "any", 7),
        WireError("unsupported_version", "", "the stream is of a newer program"),
        KeyError("a bug"),
        NoRoom("overloaded", "no room"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_may_succeed_later_is_tried_again_in_its_place(
    inbox: Inbox, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bus.nats.inbox.PAUSE_S_MIN", 0.01)
    tries, order = 0, list[int]()

    async def do(message: CommandMessage) -> Reply:
        nonlocal tries
        if message.payload["number"] == 0 and (tries := tries + 1) < 5:
            raise error
        order.append(message.payload["number"])
        return Reply()

    for number in range(3):
        await inbox.put(DO, {"about": "one", "number": number})
    async with inbox.taken({DO: do}):
        await inbox.empty()

    assert (order, tries) == ([0, 1, 2], 5)
    assert await list_letters(inbox.nc, inbox.realm) == []


async def test_a_long_try_is_not_handed_out_again(inbox: Inbox) -> None:
    calls = 0

    async def do(_: CommandMessage) -> Reply:
        nonlocal calls
        calls += 1
        await asyncio.sleep(3 * ACK_WAIT_S)
        return Reply()

    await inbox.put(DO, {})
    async with inbox.taken({DO: do}):
        await inbox.empty()

    assert calls == 1


# --- what the server does -------------------------------------------------------------------------------


async def test_a_full_inbox_refuses_and_keeps_what_it_has(inbox: Inbox) -> None:
    await inbox.open(InboxLimits(bytes_max=100_000, message_bytes_max=LIMITS.message_bytes_max))
    put = 0
    with pytest.raises(JetStreamError, match="maximum bytes exceeded"):
        for _ in range(100):
            await inbox.put(DO, {"text": "x" * 5_000})
            put += 1
    assert 10 < put < 20

    async with inbox.taken({DO: _does_nothing}):
        await inbox.empty()
        await inbox.put(DO, {"text": "there is room again"})


async def _does_nothing(_: CommandMessage) -> Reply:
    return Reply()


async def test_a_command_that_is_too_large_is_refused_to_its_publisher(inbox: Inbox) -> None:
    with pytest.raises(JetStreamError, match="message size exceeds maximum"):
        await inbox.put(DO, {"text": "x" * 600_000})


async def test_a_deleted_stream_is_made_again_and_loses_only_what_was_in_it(inbox: Inbox) -> None:
    held, go_on, done = asyncio.Event(), asyncio.Event(), list[str]()

    async def do(message: CommandMessage) -> Reply:
        if message.payload["name"] == "held":
            held.set()
            await go_on.wait()
        done.append(message.payload["name"])
        return Reply()

    await inbox.put(DO, {"name": "held"})
    async with inbox.taken({DO: do}):
        await held.wait()
        await delete_stream(inbox.nc, inbox_stream(inbox.realm))

        async def there() -> bool:
            names = await js_request(inbox.nc, "STREAM.NAMES")
            return inbox_stream(inbox.realm) in (names.get("streams") or [])

        await until(there, "the stream made again")
        await inbox.put(DO, {"name": "new"})  # has the number of the one that is held
        go_on.set()
        await inbox.empty()
        await until(lambda: _says(done, {"held", "new"}), "both")


async def _says(found: list[str], wanted: set[str]) -> bool:
    return set(found) == wanted


async def test_limits_of_a_stream_that_is_there_are_changed(inbox: Inbox) -> None:
    await inbox.open(replace(LIMITS, bytes_max=8 * 1024**2))

    config = (await js_request(inbox.nc, f"STREAM.INFO.{inbox_stream(inbox.realm)}"))["config"]
    assert config["max_bytes"] == 8 * 1024**2
    assert (config["retention"], config["discard"], config["storage"]) == ("workqueue", "new", "file")
    assert not config.get("max_age")
