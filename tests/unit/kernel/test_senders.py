"""Who sent a command is what the connection proves: over all declared commands, in payloads and in events."""

from collections.abc import Collection, Iterator
from typing import Any

import pytest

from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from domain.kernel.event import Command, Event
from domain.kernel.parse import parse
from domain.kernel.roles import AUDITOR, DESIGNER, GOVERNING, OPERATOR, PEOPLE, SERVICE, Role, acting_role
from domain.kernel.sender import sender_fields
from handlers.kernel.senders import NOBODY, Proven, as_proven
from protocol.identity import Identity
from protocol.messages import CommandMessage, Reply
from protocol.meta import Meta, decode_meta
from tests.unit.cases import each_of
from tests.unit.kit import ident, memory_log, message, model, runner_on

CATALOGUE = domain_catalogue()
JAN = Identity("operator", "jan")
FORGED = "mallory"
OFFICES = {"operator", "reviewer", "approver", "auditor", "designer"}
"""Names of fields that would name who governs."""


def commands(*, naming: bool) -> list[Any]:
    kinds = sorted(CATALOGUE.commands.items())
    return [kind for _, kind in kinds if bool(sender_fields(kind)) is naming]


def forged(kind: type[Command], sender: Identity | None = JAN) -> CommandMessage:
    """A command as it comes off the wire, every name in it another's than the sender's."""
    names = dict.fromkeys(sender_fields(kind), FORGED)
    meta = Meta(actor=FORGED, extra={"role": "auditor", "second": "operator:ann", "note": 1})
    sent = CommandMessage(ident(), kind.command_name, {**kind.example, **names}, meta=meta)
    return sent.sent_by(sender)


def texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for each in value.values():
                yield from texts(each)
        case list():
            for each in value:
                yield from texts(each)
        case _:
            pass


def test_every_field_of_a_command_that_names_who_governs_is_declared_as_its_senders() -> None:
    fields = [(name, field) for name, kind in CATALOGUE.commands.items() for field in kind.model_fields]
    marked = {(name, field) for name, kind in CATALOGUE.commands.items() for field in sender_fields(kind)}

    assert {(name, field) for name, field in fields if field in OFFICES} <= marked
    assert ("inference.rate", "by") in marked
    assert len({name for name, _ in marked}) > 20


@each_of("kind", commands(naming=True), ids=lambda kind: kind.command_name)
def test_no_handler_is_given_a_name_that_the_connection_did_not_prove(kind: type[Command]) -> None:
    proven = as_proven(kind, forged(kind), role="operator")
    command = parse(kind, proven.payload)

    assert {getattr(command, name) for name in sender_fields(kind)} == {JAN.actor}
    assert FORGED not in {*texts(proven.payload)}
    assert proven.meta.actor == JAN.actor
    assert proven.meta.extra == {"role": "operator", "label": FORGED, "note": 1}
    assert parse(kind, as_proven(kind, forged(kind, sender=None), role=None).payload)


@each_of("kind", [*commands(naming=True), *commands(naming=False)], ids=lambda kind: kind.command_name)
async def test_no_command_brings_a_role_that_was_not_given(kind: type[Command]) -> None:
    seen = list[CommandMessage]()

    async def take(message: CommandMessage) -> Reply:
        seen.append(message)
        return Reply()

    def roles_of(actor: str) -> Collection[Role] | None:
        return {"operator:jan": PEOPLE, "operator:none": ()}.get(actor)

    for sender in (JAN, Identity("operator", "none"), Identity("service", "market"), None):
        await Proven(kind, take, roles_of)(forged(kind, sender))

    governs = [role for role in kind.may if role in PEOPLE]
    roles = [each.meta.extra.get("role") for each in seen]
    assert not any("second" in each.meta.extra for each in seen)
    assert roles == [governs[0] if governs else None, None, None, None]
    assert [each.meta.actor for each in seen] == ["operator:jan", "operator:none", "service:market", ""]


def test_what_the_sender_is_called_anyway_is_no_label() -> None:
    kind = CATALOGUE.commands["deployment.hold"]
    for said in ("jan", "operator:jan"):
        sent = CommandMessage(ident(), kind.command_name, {**kind.example, "operator": said}).sent_by(JAN)
        found = as_proven(kind, sent, None)
        assert (found.payload["operator"], found.meta.extra) == ("operator:jan", {})


def test_a_command_of_nobody_names_nobody_and_a_name_of_a_wrong_form_is_left_to_be_refused() -> None:
    kind = CATALOGUE.commands["deployment.hold"]
    sent = CommandMessage(ident(), kind.command_name, dict(kind.example)).sent_by(None)

    assert as_proven(kind, sent, None).payload["operator"] == NOBODY
    for wrong in (7, None, "", "x" * 129, "a\x00"):
        message_ = CommandMessage(ident(), kind.command_name, {**kind.example, "operator": wrong})
        assert as_proven(kind, message_.sent_by(JAN), None).payload["operator"] == wrong


@pytest.mark.parametrize(
    ("may", "has", "role"),
    [
        (GOVERNING, None, "operator"),
        (GOVERNING, PEOPLE, "operator"),
        (GOVERNING, ("viewer",), None),
        ((OPERATOR, AUDITOR), ("auditor", "viewer"), "auditor"),
        ((OPERATOR, AUDITOR), PEOPLE, "operator"),
        ((OPERATOR, AUDITOR), None, None),
        ((SERVICE, DESIGNER), None, "designer"),
        ((SERVICE,), PEOPLE, None),
    ],
)
def test_the_role_is_the_one_that_let_the_sender_send_it(
    may: tuple[Role, ...], has: tuple[Role, ...] | None, role: Role | None
) -> None:
    assert acting_role(may, has) == role


async def test_events_record_the_proven_name_and_role_and_what_was_said_as_a_label() -> None:
    """A model's whole way, with forged names: from its registration to a rollback."""
    log, codec = memory_log(), EventCodec(CATALOGUE)
    runner = runner_on(log, codec)
    said: dict[str, Any] = {"operator": FORGED, "reason": "r"}

    async def send(name: str, payload: dict[str, Any]) -> Reply:
        sent = message(name, payload).sent_by(JAN)
        return await Proven(CATALOGUE.commands[name], runner, lambda _: ("operator", "viewer"))(sent)

    async def registered(version: str) -> str:
        return str((await send("registry.register_model", model(version))).result["model_id"])

    case = {"use_case": "npc_dialogue", **said}
    first, second, third = [await registered(version) for version in "123"]
    await send("registry.describe_model", {**case, "model_id": second, "description": "new"})
    for to in (second, first):
        await send("registry.set_alias", {**case, "model_id": to, "alias": "next"})
    await send("registry.shift_traffic", {**case, "shares": {first: 90, second: 10}, "override": "o"})
    await send("registry.promote_model", {**case, "model_id": second, "override": "a test"})
    await send("deployment.roll_back", {**case, "model_id": second})
    await send("registry.retire_model", {**case, "model_id": second})
    plan = {**case, "model_id": third, "strategy": "canary", "override": "o"}
    started = await send("deployment.start", plan)
    on = {**case, "deployment_id": started.result["deployment_id"]}
    for verb in ("hold", "resume", "abort"):
        await send(f"deployment.{verb}", on)

    recorded = await log.read_all(after=0, limit=1_000)
    names = set[str]()
    for each in recorded:
        meta, event = decode_meta(each.meta), codec.decode(each)
        assert isinstance(event, Event)
        assert (meta.actor, meta.extra["role"]) == (JAN.actor, "operator")
        names |= {value for key, value in event.model_dump().items() if key in OFFICES}
        assert FORGED not in {*texts(event.model_dump())}, event
    assert names == {JAN.actor, "registry"}
    assert {each.type for each in recorded} >= {"registry.model_promoted", "deployment.aborted"}
