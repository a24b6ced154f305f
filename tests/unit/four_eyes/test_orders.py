"""Commands that wait for a second operator: the rules, and what holds and carries them out."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLog
from bus.ports import LogUnavailable
from domain.four_eyes.messages import CommandProposed, GiveConfirmation, OrderConfirmed, ProposeCommand
from domain.four_eyes.orders import ORDERS
from domain.kernel.decider import Rejected, Waits
from domain.kernel.event import needs_second
from domain.kernel.roles import PEOPLE, Role
from handlers.four_eyes.holding import BINDING, MINUTE_US, FourEyes
from handlers.kernel.commands import CommandRunner
from handlers.kernel.senders import Proven
from protocol.identity import Identity
from protocol.messages import CommandMessage, Reply
from protocol.meta import decode_meta
from tests.unit.kit import START_US, memory_log, message, model, runner_on
from tests.unit.spec import changed, given

CATALOGUE = domain_catalogue()
MIRA, JAN, EVE = (Identity("operator", name) for name in ("mira", "jan", "eve"))
MINUTES = 60
PROPOSED, CONFIRMED = CommandProposed.from_example(), OrderConfirmed.from_example()
PROPOSE = ProposeCommand.model_validate(ProposeCommand.example)
GIVE = GiveConfirmation.model_validate(GiveConfirmation.example)


# --- the rules ----------------------------------------------------------------------------------------------


def test_an_order_is_proposed_once_and_its_id_is_for_no_other() -> None:
    given(ORDERS).when(PROPOSE).then(PROPOSED)
    given(ORDERS, PROPOSED).when(PROPOSE).then_nothing()
    given(ORDERS, PROPOSED).when(changed(PROPOSE, expires_us=7, role="")).then_nothing()
    others: list[dict[str, Any]] = [
        {"payload": {}},
        {"operator": "operator:jan"},
        {"command": "a.b"},
        {"expected": 7},
    ]
    for other in others:
        given(ORDERS, PROPOSED).when(changed(PROPOSE, **other)).then_rejected("order_differs", field="id")


def test_a_second_operator_confirms_and_the_first_cannot() -> None:
    given(ORDERS, PROPOSED).when(GIVE).then(CONFIRMED)
    given(ORDERS, PROPOSED, CONFIRMED).when(GIVE).then_nothing()
    own = changed(GIVE, operator=PROPOSED.operator)
    given(ORDERS, PROPOSED).when(own).then_rejected("same_operator", field="operator")
    given(ORDERS, PROPOSED, CONFIRMED).when(own).then_rejected("same_operator", field="operator")
    given(ORDERS).when(GIVE).then_rejected("order_not_found", field="order_id")


def test_nobody_confirms_what_waited_too_long() -> None:
    in_time = changed(GIVE, at_us=PROPOSED.expires_us - 1)
    late = changed(GIVE, at_us=PROPOSED.expires_us)
    given(ORDERS, PROPOSED).when(in_time).then(CONFIRMED)
    given(ORDERS, PROPOSED).when(late).then_rejected("order_expired", field="order_id")
    given(ORDERS, PROPOSED, CONFIRMED).when(late).then_nothing()


def test_what_may_need_two_is_declared_with_the_command() -> None:
    declared = {name: kind.four_eyes for name, kind in CATALOGUE.commands.items()}
    assert (
        declared.items()
        >= {
            "registry.promote_model": "override",
            "registry.shift_traffic": "override",
            "deployment.start": "override",
            "guardrails.activate_policy": True,
            "guardrails.reveal_violation": True,
            "relay.confirm_log": True,
            "optimisation.set_policy": True,
            "registry.register_model": False,
            "four_eyes.confirm": False,
        }.items()
    )
    fields = {kind: kind.four_eyes for kind in CATALOGUE.commands.values() if isinstance(kind.four_eyes, str)}
    assert all(field in kind.model_fields for kind, field in fields.items())
    promote = CATALOGUE.commands["registry.promote_model"]
    said = promote.model_validate(promote.example)
    assert not needs_second(said)
    assert needs_second(changed(said, override="at night nobody evaluates"))
    assert not needs_second(changed(GIVE))


# --- what holds them ----------------------------------------------------------------------------------------


class Desk:
    """A realm with two models, where a promotion with an override needs two."""

    def __init__(self, asked: bool = True) -> None:
        self.now_us = START_US
        self.log: MemoryLog = memory_log()
        self.codec = EventCodec(CATALOGUE)
        self.runner = runner_on(self.log, self.codec)
        self.roles: dict[str, Collection[Role]] = {"operator:eve": ("viewer", "auditor")}
        self.down = False
        self.eyes = FourEyes(
            self.log,
            CommandRunner(self.log, self.codec, [BINDING]),
            operators=self,
            now_us=lambda: self.now_us,
            minutes=MINUTES,
        )
        name, self.confirmed = "registry.promote_model", 0
        kind = CATALOGUE.commands[name]
        self._runs = {
            name: Proven(kind, self.eyes.over(kind, self.run, asked=asked), self.roles_of),
            "four_eyes.confirm": Proven(
                CATALOGUE.commands["four_eyes.confirm"], self.eyes.confirm, self.roles_of
            ),
        }

    def roles_of(self, actor: str) -> Collection[Role] | None:
        return self.roles.get(actor, PEOPLE)

    def person_of(self, actor: str) -> str:
        return "operator:mira" if actor == "operator:mira_ci" else actor

    async def run(self, message: CommandMessage) -> Reply:
        if self.down:
            raise LogUnavailable("the process ends here")
        return await self.runner(message)

    async def send(self, sent: CommandMessage, sender: Identity | None) -> Reply:
        return await self._runs[sent.command](sent.sent_by(sender))

    async def models(self) -> str:
        """Register two models; return the id of the candidate."""
        replies = [await self.runner(message("registry.register_model", model(version))) for version in "12"]
        return str(replies[1].result["model_id"])

    async def confirm(self, order: CommandMessage, sender: Identity, *, name: object = None) -> Reply:
        payload = {"order_id": order.id.hex, "operator": "somebody", "reason": "seen"}
        return await self.send(message("four_eyes.confirm", payload, name=name), sender)

    async def types(self) -> list[str]:
        return [each.type for each in await self.log.read_all(after=0, limit=1_000)][3:]

    async def orders(self, **query: Any) -> Any:
        return (await self.eyes.answer(query))[0]


def promotion(model_id: str, **changes: Any) -> CommandMessage:
    facts = {"operator": "mira", "reason": "r", "override": "a raid", **changes}
    return message("registry.promote_model", {"use_case": "npc_dialogue", "model_id": model_id, **facts})


async def ordered(desk: Desk) -> CommandMessage:
    """Send a promotion that needs two, as mira."""
    sent = promotion(await desk.models())
    with pytest.raises(Waits) as waits:
        await desk.send(sent, MIRA)
    assert (waits.value.code, sent.id.hex in waits.value.message) == ("awaits_second", True)
    return sent


async def test_a_command_waits_and_takes_effect_as_its_senders_when_another_confirms() -> None:
    desk = Desk()
    sent = await ordered(desk)
    assert await desk.types() == ["four_eyes.proposed"]

    reply = await desk.confirm(sent, JAN)

    done = ["four_eyes.proposed", "four_eyes.confirmed", "registry.model_promoted"]
    assert await desk.types() == done
    assert [event.type for event in reply.events] == done[1:]
    assert reply.result == {
        "order_id": sent.id.hex, "command": "registry.promote_model", "operator": "operator:mira",
    }  # fmt: skip
    proposed, confirmed, promoted = [*await desk.log.read_all(after=3, limit=9)]
    meta = decode_meta(promoted.meta)
    assert (meta.actor, meta.causation) == ("operator:mira", sent.id)
    assert meta.extra == {"role": "operator", "second": "operator:jan"}
    assert desk.codec.decode(promoted).model_dump()["operator"] == "operator:mira"
    assert decode_meta(confirmed.meta).actor == "operator:jan"
    assert decode_meta(proposed.meta).actor == "operator:mira"


async def test_who_sent_it_gets_its_result_by_sending_it_again() -> None:
    desk = Desk()
    sent = await ordered(desk)
    with pytest.raises(Waits):
        await desk.send(sent, MIRA)
    await desk.confirm(sent, JAN)

    again = await desk.send(sent, MIRA)

    assert (again.duplicate, again.result["status"]) == (True, "current")
    assert [event.type for event in again.events] == ["registry.model_promoted"]
    assert len(await desk.types()) == 3


async def test_nobody_confirms_what_is_their_own_or_not_theirs_to_send() -> None:
    desk = Desk()
    sent = await ordered(desk)
    for sender, code in (
        (MIRA, "same_operator"),
        (Identity("operator", "mira_ci"), "same_operator"),
        (EVE, "role_missing"),
        (Identity("service", "market"), "role_missing"),
        (Identity("component", "owner"), "role_missing"),
    ):
        with pytest.raises(Rejected) as refused:
            await desk.confirm(sent, sender)
        assert refused.value.code == code
    assert await desk.types() == ["four_eyes.proposed"]


async def test_nobody_orders_what_they_do_not_prove_to_send() -> None:
    desk = Desk()
    with pytest.raises(Rejected) as refused:
        await desk.send(promotion(await desk.models()), None)
    assert refused.value.code == "role_missing"


async def test_a_confirmed_id_is_no_way_round_for_another_command_or_sender() -> None:
    desk = Desk()
    sent = await ordered(desk)
    await desk.confirm(sent, JAN)
    other = replace(sent, payload={**sent.payload, "override": "another word"})
    for forged, sender in ((other, MIRA), (sent, EVE), (replace(sent, expected=1), MIRA)):
        with pytest.raises(Rejected) as refused:
            await desk.send(forged, sender)
        assert refused.value.code == "order_differs"
    assert len(await desk.types()) == 3


async def test_an_order_that_waited_too_long_is_refused_to_everybody() -> None:
    desk = Desk()
    sent = await ordered(desk)
    desk.now_us += MINUTES * MINUTE_US
    for work in (desk.confirm(sent, JAN), desk.send(sent, MIRA)):
        with pytest.raises(Rejected) as refused:
            await work
        assert refused.value.code == "order_expired"
    assert [row["state"] for row in await desk.orders()] == ["expired"]
    assert await desk.orders(open_only=True) == []


@pytest.mark.parametrize("by", ["the same confirmation", "another confirmation", "the command"])
async def test_what_was_confirmed_when_the_process_ended_is_carried_out_once(by: str) -> None:
    desk = Desk()
    sent = await ordered(desk)
    desk.down = True
    with pytest.raises(LogUnavailable):
        await desk.confirm(sent, JAN, name="first")
    desk.down = False
    assert (await desk.types())[-1] == "four_eyes.confirmed"

    if by == "the command":
        await desk.send(sent, MIRA)
    else:
        await desk.confirm(sent, JAN, name="first" if by == "the same confirmation" else None)
    await desk.confirm(sent, JAN)

    assert await desk.types() == ["four_eyes.proposed", "four_eyes.confirmed", "registry.model_promoted"]


async def test_a_confirmation_does_not_last_for_ever_but_an_effect_is_told_again() -> None:
    for carried_out in (False, True):
        desk = Desk()
        sent = await ordered(desk)
        desk.down = not carried_out
        try:
            await desk.confirm(sent, JAN)
        except LogUnavailable:
            assert not carried_out
        desk.down, desk.now_us = False, START_US + MINUTES * MINUTE_US
        if carried_out:
            assert (await desk.send(sent, MIRA)).duplicate
        else:
            with pytest.raises(Rejected, match="waited too long"):
                await desk.send(sent, MIRA)


async def test_what_is_refused_when_it_is_carried_out_is_told_to_who_confirmed() -> None:
    desk = Desk()
    await desk.models()
    sent = promotion(str(UUID(int=9)))
    with pytest.raises(Waits):
        await desk.send(sent, MIRA)
    with pytest.raises(Rejected) as refused:
        await desk.confirm(sent, JAN)
    assert refused.value.code == "model_not_found"


async def test_without_an_override_or_where_nobody_asks_for_it_a_promotion_takes_effect_at_once() -> None:
    desk = Desk(asked=False)
    sent = promotion(await desk.models())
    assert (await desk.send(sent, MIRA)).result["status"] == "current"
    desk = Desk()
    with pytest.raises(Rejected) as refused:
        await desk.send(promotion(await desk.models(), override=""), MIRA)
    assert refused.value.code == "not_evaluated"
    with pytest.raises(Rejected) as refused:
        await desk.send(promotion("no id"), MIRA)
    assert refused.value.code == "invalid_field"


async def test_orders_are_told_with_their_payload_and_who_confirmed() -> None:
    desk = Desk()
    sent = await ordered(desk)
    [row] = await desk.orders(open_only=True, order_id=sent.id.hex[:6])
    assert (row["state"], row["operator"], row["payload"]["override"]) == ("open", "operator:mira", "a raid")
    await desk.confirm(sent, JAN)
    [row] = await desk.orders()
    assert (row["state"], row["confirmed_by"], row["confirmed_because"]) == (
        "confirmed", "operator:jan", "seen",
    )  # fmt: skip
    assert await desk.orders(order_id="f" * 32) == []
