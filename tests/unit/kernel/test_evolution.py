"""The path of an evolved event, walked with a context of its own, through more versions than ours have."""

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

import msgpack
import pytest

from bus.catalogue import build_catalogue
from bus.codec import EventCodec, UnknownEvent
from bus.ports import NewEvent, RecordedEvent, StreamWrite
from domain.kernel.context import Context
from domain.kernel.decider import Decider
from domain.kernel.event import Command, Event
from handlers.kernel.commands import Binding, CommandRunner
from protocol.errors import WireError
from protocol.meta import Meta
from tests.unit.kit import ident, memory_log


class LampLit(Event, name="lamp.lit", version=3):
    """A lamp was lit. Version 1 said ``minutes``, version 2 ``duration_s``; version 3 says who did it."""

    duration_s: int
    keeper: str

    example: ClassVar = {"duration_s": 5_400, "keeper": "wen"}


class LightLamp(Command, name="lamp.light"):
    """Light the lamp for so long, unless it has burned longer already."""

    duration_s: int
    keeper: str

    example: ClassVar = {"duration_s": 5_400, "keeper": "wen"}


def minutes_to_seconds(payload: dict[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in payload.items() if key != "minutes"}
    return {**rest, "duration_s": payload["minutes"] * 60}


def keeper_unknown(payload: dict[str, Any]) -> dict[str, Any]:
    return {**payload, "keeper": "unknown"}


UPCASTERS = {("lamp.lit", 1): minutes_to_seconds, ("lamp.lit", 2): keeper_unknown}
CODEC = EventCodec(
    build_catalogue([Context("lamp", events=(LampLit,), commands=(LightLamp,), upcasters=UPCASTERS)])
)


def decide(command: LightLamp, burned_s: int) -> Sequence[LampLit]:
    if burned_s >= command.duration_s:
        return []
    return [LampLit(duration_s=command.duration_s - burned_s, keeper=command.keeper)]


LAMP: Decider[LightLamp, LampLit, int] = Decider(
    0, decide, lambda burned_s, event: burned_s + event.duration_s
)


def recorded(version: int, payload: dict[str, Any]) -> RecordedEvent:
    data = msgpack.packb(payload)
    return RecordedEvent(1, "lamp-1", 1, UUID(int=1), "lamp.lit", version, 1, b"\x80", data, bytes(32))


@pytest.mark.parametrize(
    ("version", "payload", "event"),
    [
        (1, {"minutes": 90}, LampLit(duration_s=5_400, keeper="unknown")),
        (2, {"duration_s": 60}, LampLit(duration_s=60, keeper="unknown")),
        (3, {"duration_s": 60, "keeper": "wen"}, LampLit(duration_s=60, keeper="wen")),
        (3, {"duration_s": 60, "keeper": "wen", "added_later": 1}, LampLit(duration_s=60, keeper="wen")),
    ],
)
def test_every_version_reads_as_the_newest(version: int, payload: dict[str, Any], event: LampLit) -> None:
    assert CODEC.decode(recorded(version, payload)) == event


def test_newer_version_than_ours_is_kept_unread() -> None:
    assert isinstance(CODEC.decode(recorded(4, {"lumen": 3})), UnknownEvent)


async def _run(stored: NewEvent, duration_s: int) -> list[Event]:
    log = memory_log()
    await log.append(StreamWrite("lamp-1", [stored]))
    binding: Binding[LightLamp, LampLit, int] = Binding((LightLamp,), lambda command: "lamp-1", LAMP)
    command = LightLamp(duration_s=duration_s, keeper="wen")
    await CommandRunner(log, CODEC, [binding]).execute(command, ident(), meta=Meta())
    return [CODEC.decode(event) for event in await log.read_stream("lamp-1", after=1)]


async def test_decider_folds_old_versions_and_writes_the_newest() -> None:
    stored = NewEvent(ident(), "lamp.lit", 1, msgpack.packb({"minutes": 1}))

    assert await _run(stored, 100) == [LampLit(duration_s=40, keeper="wen")]


async def test_nothing_is_decided_on_a_stream_with_events_of_a_newer_program() -> None:
    """What the unknown event says may be the very thing that a rule depends on."""
    with pytest.raises(WireError, match="too old to know"):
        await _run(NewEvent(ident(), "lamp.lit", 4, msgpack.packb({"lumen": 1})), 100)
