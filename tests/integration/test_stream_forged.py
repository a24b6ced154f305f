"""Forgery and damage of the stream by who may do everything on NATS: named, and mended while all run."""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from aicore.clock import now_us
from aicore.doctor import stream as doctor
from aicore.doctor.check import Check, Patient
from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from aicore.running import System
from aicore.settings import Settings
from bus.nats.api import JetStreamError, js_request
from bus.nats.topology import delete_stream
from bus.relay import walk
from bus.relay.reading import read
from bus.relay.record import Noted, noted
from bus.relay.walk import Pace
from protocol.envelope import encode_envelope
from tests.integration.forge_kit import (
    Damage,
    Forger,
    compared_outside,
    confirm,
    connected,
    equals_log,
    followed,
    quick_relay,
    spoilt,
    state_row,
    subject_of,
    truth,
)
from tests.integration.log_kit import superuser
from tests.integration.nats_kit import Bus, open_bus, until

pytestmark = pytest.mark.integration

SECOND_NS = 1_000_000_000
SQUATTER = "SQUATTER"


@pytest.fixture
async def bus(postgres: EmbeddedPostgres, nats_server: EmbeddedNats, realm: str) -> AsyncIterator[Bus]:
    async with open_bus(postgres, nats_server, realm) as bus:
        yield bus


async def _forged_next(forger: Forger) -> None:
    event = await forger.next()
    await forger.put(encode_envelope(event), subject_of(event))


async def _forged_three(forger: Forger) -> None:
    event = await forger.next()
    for _ in range(3):
        await forger.put(encode_envelope(event), subject_of(event))
        event = await forger.next(on=event)


async def _forged_with_ours_on_top(forger: Forger) -> None:
    await _forged_next(forger)
    await forger.bus.append(50)


async def _forged_hash(forger: Forger) -> None:
    event = await forger.next(hash_=b"x" * 32)
    await forger.put(encode_envelope(event), subject_of(event))


async def _garbage(forger: Forger) -> None:
    await forger.put(b"garbage")


async def _garbage_under_ours(forger: Forger) -> None:
    for _ in range(5):
        await forger.put(b"garbage")
    await forger.bus.append(20)


async def _garbage_and_purge(forger: Forger) -> None:
    await forger.put(b"garbage")
    await js_request(forger.bus.nc, f"STREAM.PURGE.{forger.name}")


async def _purged(forger: Forger) -> None:
    await js_request(forger.bus.nc, f"STREAM.PURGE.{forger.name}")


async def _front_purged(forger: Forger) -> None:
    await js_request(forger.bus.nc, f"STREAM.PURGE.{forger.name}", {"seq": 20})


async def _deleted(forger: Forger) -> None:
    await delete_stream(forger.bus.nc, forger.name)


async def _sealed(forger: Forger) -> None:
    await forger.update(sealed=True)


async def _subjects_moved(forger: Forger) -> None:
    await forger.update(subjects=["elsewhere.>"])
    await forger.bus.append(5)


async def _one_message_kept(forger: Forger) -> None:
    await forger.update(max_msgs=1)


async def _few_bytes_kept(forger: Forger) -> None:
    await forger.update(max_bytes=2_000)


async def _kept_for_a_moment(forger: Forger) -> None:
    await forger.update(max_age=SECOND_NS // 10, duplicate_window=SECOND_NS // 10)


async def _small_messages_only(forger: Forger) -> None:
    await forger.update(max_msg_size=1)
    await forger.bus.append(5)


async def _sent_on(forger: Forger) -> None:
    await forger.update(republish={"src": ">", "dest": "stolen.>"})


async def _purge_denied_for_good(forger: Forger) -> None:
    await forger.update(deny_purge=True)


async def _messages_may_expire(forger: Forger) -> None:
    await forger.update(allow_msg_ttl=True)


async def _squatted(forger: Forger) -> None:
    await delete_stream(forger.bus.nc, forger.name)
    config = {"name": f"{SQUATTER}_{forger.bus.realm}", "subjects": [f"{forger.bus.realm}.evt.>"]}
    try:
        await js_request(forger.bus.nc, f"STREAM.CREATE.{config['name']}", config)
    except JetStreamError:  # the relay was faster
        await delete_stream(forger.bus.nc, forger.name)


async def _begun_later(forger: Forger) -> None:
    config, state = await forger.config(), await forger.bus.state()
    assert state is not None
    await forger.replace({**config, "first_seq": state.last + 1})


async def _mirror_in_its_place(forger: Forger) -> None:
    await forger.replace({"name": forger.name, "mirror": {"name": "NOWHERE"}})


async def _another_with_one_changed_inside(forger: Forger) -> None:
    await forger.copy(lambda place, message: spoilt(message) if place == 13 else message)


async def _another_with_two_exchanged(forger: Forger) -> None:
    wanted = await truth(forger.bus)
    await forger.copy(lambda place, message: wanted.get({17: 18, 18: 17}.get(place, place), message))


async def _one_deleted_inside(forger: Forger) -> None:
    await forger.copy(lambda _, message: message, deny_delete=False)
    with suppress(JetStreamError):  # the relay was faster, and it is not permitted any more
        await js_request(forger.bus.nc, f"STREAM.MSG.DELETE.{forger.name}", {"seq": 15})


KINDS: dict[Damage, tuple[str, ...]] = {
    _forged_next: ("forged",),
    _forged_three: ("forged",),
    _forged_with_ours_on_top: ("forged",),
    _forged_hash: ("forged",),
    _garbage: ("foreign",),
    _garbage_under_ours: ("foreign",),
    _garbage_and_purge: ("foreign", "counted_on", "emptied"),
    _purged: ("emptied",),
    _front_purged: ("emptied",),
    _deleted: ("missing",),
    _sealed: ("settings",),
    _subjects_moved: ("settings",),
    _one_message_kept: ("settings",),
    _few_bytes_kept: ("settings",),
    _kept_for_a_moment: ("settings",),
    _small_messages_only: ("settings",),
    _sent_on: ("settings",),
    _purge_denied_for_good: ("settings",),
    _messages_may_expire: ("settings",),
    _squatted: ("squatted", "missing"),
    _begun_later: ("settings", "missing"),
    _mirror_in_its_place: ("settings", "missing"),
    _another_with_one_changed_inside: ("forged", "missing"),
    _another_with_two_exchanged: ("foreign", "missing"),
    _one_deleted_inside: ("settings", "holes", "unreadable", "missing"),
}
"""Each with what it may be called: a relay that looks at the wrong moment finds no stream at all."""


async def findings(bus: Bus, since_us: int) -> list[Noted]:
    connection = await connected(bus)
    try:
        return await noted(connection, since_us=since_us)
    finally:
        await connection.close()


async def stream_checks(bus: Bus, nats_url: str, state_dir: Path) -> Sequence[Check]:
    """Return what the doctor says of the stream."""
    system = System(realm=bus.realm, postgres_dsn=bus.dsn, nats_url=nats_url, state_dir=state_dir)
    connection = await connected(bus)
    try:
        return await doctor.stream(Patient(Settings(), system, connection, bus.nc, now_us))
    finally:
        await connection.close()


async def says(bus: Bus, url: str, state_dir: Path, words: str) -> bool:
    return any(words in check.fact for check in await stream_checks(bus, url, state_dir))


@pytest.mark.timeout(240)
async def test_every_forgery_is_named_and_mended_while_all_run(
    bus: Bus, nats_server: EmbeddedNats, tmp_path: Path
) -> None:
    """Nothing is restarted between one kind and the next, and a consumer of another program sees it all."""
    relay, forger = quick_relay(bus), Forger(bus)
    await bus.relayed(await bus.append(60))
    async with followed(bus) as foreign:
        for damage, names in KINDS.items():
            what, since_us = damage.__name__, now_us()
            await damage(forger)
            head = await bus.append(3)

            async def mended(head: int = head) -> bool:
                return relay.acknowledged == head and await equals_log(bus)

            await until(mended, f"{what}: mended", timeout_s=60)

            async def named(since_us: int = since_us, names: tuple[str, ...] = names) -> bool:
                found = await findings(bus, since_us)
                return any(each.kind in names and each.mended_us for each in found)

            await until(named, f"{what}: named as {names}", timeout_s=60)
        log = await truth(bus)

        async def all_seen() -> bool:
            return all(foreign.seen.get(place, [b""])[-1] == message.data for place, message in log.items())

        await until(all_seen, "the consumer given each event as the log has it, and nothing after it")

        async def compared() -> bool:
            return await says(bus, nats_server.url, tmp_path, f"all {len(log)} by the relay")

        await until(compared, "every position compared")
        checks = await stream_checks(bus, nats_server.url, tmp_path)
        verdicts = {check.name: check.verdict for check in checks}
        assert verdicts == {"stream": "ok", "stream mended": "warning"}
        await delete_stream(bus.nc, f"{SQUATTER}_{bus.realm}")


async def test_what_was_forged_inside_while_no_relay_ran_is_found_by_the_next(bus: Bus) -> None:
    """The end and eight places were equal, so a relay of before went on, and the forgery stayed for good."""
    quick_relay(bus)
    await bus.relayed(await bus.append(400))
    await bus.stop(bus.tasks.pop())
    await Forger(bus).copy(lambda place, message: spoilt(message) if place == 123 else message)
    since_us = now_us()

    quick_relay(bus)

    await until(lambda: equals_log(bus), "the stream as the log has it")
    assert "message 123 is an event that the log never held" in [
        f.what for f in await findings(bus, since_us)
    ]


async def test_an_end_that_was_forged_while_no_relay_ran_waits_for_a_word(
    bus: Bus, nats_server: EmbeddedNats, tmp_path: Path
) -> None:
    """It follows from the last event, so it may be one that an older Postgres lost: only a person knows."""
    quick_relay(bus)
    await bus.relayed(await bus.append(20))
    await bus.stop(bus.tasks.pop())
    await _forged_next(Forger(bus))
    quick_relay(bus)
    held = partial(says, bus, nats_server.url, tmp_path, "the log has lost events; nothing is published")
    await until(held, "held")
    await bus.append(5)
    lost = (await compared_outside(bus)).lost
    assert lost is not None

    await confirm(bus, lost)

    await until(lambda: equals_log(bus), "the stream as the log has it")


async def test_a_squatter_that_claims_more_is_named_and_left_alone(
    bus: Bus, nats_server: EmbeddedNats, tmp_path: Path
) -> None:
    quick_relay(bus)
    await bus.relayed(await bus.append(20))
    await bus.stop(bus.tasks.pop())
    await delete_stream(bus.nc, Forger(bus).name)
    wide = {"name": f"WIDE_{bus.realm}", "subjects": [f"{bus.realm}.>"]}
    await js_request(bus.nc, f"STREAM.CREATE.{wide['name']}", wide)

    quick_relay(bus)

    named = partial(says, bus, nats_server.url, tmp_path, f"belong to the stream WIDE_{bus.realm}")
    await until(named, "the squatter named")
    await delete_stream(bus.nc, f"WIDE_{bus.realm}")
    await until(lambda: equals_log(bus), "the stream made once the squatter has gone")


async def test_a_log_whose_own_row_was_changed_is_not_carried_over_the_true_event(bus: Bus) -> None:
    quick_relay(bus)
    await bus.relayed(await bus.append(30))
    before = await truth(bus)
    async with superuser(bus.dsn, bus.realm) as session:
        await session.execute("UPDATE event SET hash = sha256(hash) WHERE position = 9")

        async def held() -> bool:
            found = await compared_outside(bus, doubtful=[9])
            return found.lost is not None and found.lost.position == 9

        await until(held, "the changed row found")
        await bus.append(3)
        assert (await read(bus.nc, bus.realm, [9]))[9] == before[9], "the stream keeps the true one"


async def test_the_walk_goes_on_where_the_last_leader_was(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "HURRY", 1)
    monkeypatch.setattr(walk, "HURRY_PER_S_MIN", 1)
    slow = Pace(per_s=200, round_every_s=3_600)
    bus.relay(now_us=now_us, pace=slow, floors_every_s=0.2)
    await bus.relayed(await bus.append(600))

    async def begun() -> bool:
        row = await state_row(bus)
        return row is not None and row["walk_at"] > 0

    await until(begun, "a part of the round written down")
    await bus.stop(bus.tasks.pop())
    connection = await connected(bus)
    await connection.execute("UPDATE relay_state SET walk_at = 400, walk_began_us = 7")
    await connection.close()
    bus.relay(now_us=now_us, pace=slow, floors_every_s=0.2)

    async def went_on() -> bool:
        row = await state_row(bus)
        return bool((row["round_to"], row["round_began_us"]) == (600, 7))

    await until(went_on, "the round that another leader began, at its end")
