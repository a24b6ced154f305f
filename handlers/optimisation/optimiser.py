"""The optimiser at work: what its process proposes by time, and what was approved is carried out.

It keeps nothing of its own: proposals are in the log, and what was approved but not carried out when a
process died is carried out by the next one, under the same ids.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, assert_never
from uuid import UUID

import structlog

from bus.ids import derived_id
from bus.ports import EventLog, IdConflict, LogError
from domain.kernel.decider import Rejected
from domain.kernel.event import Command
from domain.kernel.parse import parse
from domain.kernel.process import Due
from domain.optimisation.messages import (
    Action,
    Approved,
    ApproveProposal,
    Propose,
    RecordOutcome,
    RejectProposal,
    SetPolicy,
    WithdrawProposal,
)
from domain.optimisation.outlook import PROCESS, Shown, label
from domain.optimisation.proposals import OPTIMISER, PROPOSALS, Proposal, Proposals, stream_of
from domain.optimisation.queries import ProposalsQuery
from domain.registry.deployment_messages import RollBack, StartDeployment
from domain.registry.look_ups import previous_model
from domain.registry.messages import DescribeModel
from domain.registry.rollback import no_way_back
from domain.registry.use_case import USE_CASE
from domain.routing.tiers import tiers_serving
from handlers.kernel.commands import Binding, CommandRunner
from handlers.kernel.follow import Decode, ProcessRunner, Restarts, Standing
from protocol.errors import WireError
from protocol.meta import Meta

logger = structlog.get_logger(__name__)

TICK_S = 5.0
LIVE_S = 0.1
"""How often it is asked at the start whether the log has been read."""

Tiers = Callable[[], Awaitable[Shown]]
"""Returns the tiers and their engines; raises `ConnectionError` while nobody can be asked."""

HANDED_OVER: Mapping[str, str] = {
    "scale_engine": "add engines to the tier in the engines' file, or raise their capacity: {value:g} times",
    "change_budget": "register {template} as a new version whose budget has {value:g} tokens more "
    "(aicore templates register FILE), and name it in the model's configuration (registry.describe_model, "
    "key template); the model's context must have room for them",
    "retrain": "aicore export turns.jsonl --use-case {use_case}, then python -m aicore.training.finetune; "
    "`aicore demo promote` shows the way",
}

OPTIMISATION: Binding[Any, Any, Proposals] = Binding(
    commands=(SetPolicy, ApproveProposal, RejectProposal),
    stream_of=lambda command: stream_of(command.use_case),
    decider=PROPOSALS,
    answer=lambda command, state: {
        "use_case": command.use_case,
        "open": [id_ for id_, proposal in state.known.items() if proposal.status == "open"],
        "automatic": list(state.policy.automatic),
    },
)
OPTIMISATION_RECORDS: Binding[Any, Any, Proposals] = Binding(
    commands=(Propose, WithdrawProposal, RecordOutcome),
    stream_of=lambda command: stream_of(command.use_case),
    decider=PROPOSALS,
)
"""Commands from the optimiser to the decider; never taken from the wire."""


class Optimiser:
    """Run `run` in a task. Several of them, in several processes, come to the same proposals."""

    def __init__(
        self,
        log: EventLog,
        runner: CommandRunner,
        *,
        decode: Decode,
        now_us: Callable[[], int],
        tiers: Tiers,
    ) -> None:
        """Prepare; ``runner`` has `OPTIMISATION_RECORDS` and the registry's commands."""
        self._runner = runner
        self._now_us = now_us
        self._tiers = tiers
        self._restarts = Restarts("optimiser")
        self._process = ProcessRunner(log, runner, PROCESS, decode=decode, now_us=now_us)
        self._done: set[str] = set()

    @property
    def position(self) -> int:
        """Return the position up to which everything is known."""
        return self._process.position if self._process.live else 0

    @property
    def standing(self) -> Standing:
        """Return how far it is."""
        return self._restarts.beside(self._process.standing)

    async def run(self) -> None:
        """Follow the log, look at it every few seconds, and carry out what was approved, for ever."""
        await self._restarts.keep_going(self._run)

    async def _run(self) -> None:
        self._done = set()  # an action may have been cut short; its ids make it happen once
        async with asyncio.TaskGroup() as group:
            group.create_task(self._process.run())
            group.create_task(self._look_again())
            while True:
                await self._process.changed(within_s=TICK_S)
                if self._process.live:
                    await self._carry_out()

    async def _look_again(self) -> None:
        while not self._process.live:
            await self._process.changed(within_s=LIVE_S)
        while True:
            if self._process.live:
                await self.look(self._now_us())
            await asyncio.sleep(TICK_S)

    async def look(self, now_us: int) -> None:
        """Look at every use case once, and propose what follows."""
        outlook = self._process.state
        if outlook.asks_for_tiers():
            try:
                outlook.told(await self._tiers())
            except ConnectionError as error:
                logger.info("tiers_not_asked", error=str(error))
                outlook.told(None)
        await self._process.react(tick_us=now_us)

    async def answer(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``optimisation.proposals``."""
        outlook = self._process.state
        asked = parse(ProposalsQuery, query)
        wanted = asked.use_case
        chosen = {name: state for name, state in outlook.proposals.items() if wanted in (None, name)}
        rows = [
            proposal.shown
            for state in chosen.values()
            for id_, proposal in state.known.items()
            if id_.startswith(asked.proposal_id)
        ]
        costs = {name: self._cost(name) for name, _ in outlook.tallies if wanted in (None, name)}
        ordered = sorted(rows, key=lambda row: row["at_us"], reverse=True)
        return {"proposals": ordered[: asked.limit], "costs": costs}, self.position

    def _cost(self, use_case: str) -> Mapping[str, Any]:
        usage, cost = self._process.state.used(use_case, self._now_us())
        return {
            "seconds": usage.seconds,
            "turns": usage.turns,
            "tokens": usage.tokens,
            "players": usage.players,
            "engines": round(usage.engines, 3),
            "total_micro": cost.total_micro,
            "per_turn_micro": cost.per_turn_micro,
            "per_1k_tokens_micro": cost.per_1k_tokens_micro,
            "per_player_hour_micro": cost.per_player_hour_micro,
        }

    # --- what was approved ------------------------------------------------------------------------------

    async def _carry_out(self) -> None:
        for name, state in list(self._process.state.proposals.items()):
            for id_, proposal in state.known.items():
                if proposal.status == "approved" and id_ not in self._done:
                    self._done.add(id_)
                    await self._do(name, id_, proposal)

    async def _do(self, use_case: str, id_: str, proposal: Proposal) -> None:
        command, heard = _command(use_case, proposal), self._process.state.approved[id_]
        meta = Meta(correlation=heard.correlation, causation=heard.id, actor=OPTIMISER)
        outcome, detail = "handed_over", self._handed_over(use_case, proposal.proposed.action)
        if command is not None:
            try:
                await self._check(use_case, proposal.proposed.action)
                done = await self._runner.execute(command, derived_id(UUID(id_), 0, "carry_out"), meta=meta)
                positions = (
                    ", ".join(str(ref.position) for ref in done.events) or "no change: already in that state"
                )
                outcome, detail = "done", f"{command.command_name}: {positions}"
            except Rejected as refusal:
                outcome, detail = "refused", f"{refusal.code}: {refusal.message}; {refusal.remedy}"
            except IdConflict:
                outcome, detail = "done", f"{command.command_name}: another optimiser did it"
            except (LogError, WireError, ConnectionError) as error:  # once more at the next tick
                logger.warning("proposal_not_carried_out", id=id_, error=str(error))
                self._done.discard(id_)
                return
        record = RecordOutcome.model_validate(
            {"use_case": use_case, "proposal_id": id_, "outcome": outcome, "detail": detail[:2_000]}
        )
        due = Due(record, UUID(id_), "outcome", heard.id, heard.correlation, OPTIMISER)
        if not await self._process.say(due):
            self._done.discard(id_)

    def _handed_over(self, use_case: str, action: Action) -> str:
        """Return what a person has to do; "" for what the optimiser does itself."""
        model = self._process.state.use_cases.get(use_case, USE_CASE.initial).models.get(
            action.model_id or ""
        )
        template = model.configuration.get("template") if model else None
        way = HANDED_OVER.get(action.kind, "")
        return way.format(
            use_case=use_case, template=template or "the model's template", value=action.value or 1.0
        )

    async def _check(self, use_case: str, action: Action) -> None:
        """Refuse what would do harm by now: engines and models may have gone since the proposal.

        Raises:
            Rejected: ``tier_not_served``, or ``no_way_back``.
            ConnectionError: nobody can be asked now.
        """
        models = self._process.state.use_cases.get(use_case, USE_CASE.initial)
        of_current = action.kind == "roll_back" and action.model_id == models.current
        if of_current and previous_model(models) is None:
            raise no_way_back(use_case)
        model = models.models.get(action.model_id or "")
        if action.kind != "move_tier" or model is None:  # of a model that is not there the registry tells
            return
        provider = model.registered.provider
        if action.tier not in tiers_serving(await self._tiers(), provider, label(model)):
            raise Rejected(
                "tier_not_served",
                f"no engine of the tier {action.tier!r} serves the model {label(model)!r} of the provider "
                f"{provider!r}",
                field="tier",
                remedy="add an engine for it to the tier in the engines' file, or leave the model there",
            )


def _command(use_case: str, proposal: Proposal) -> Command | None:
    """Return what carries an action out; None if a person has to."""
    action, reason = proposal.proposed.action, proposal.proposed.reason
    by: Mapping[str, Any] = {
        "use_case": use_case,
        "model_id": action.model_id,
        "operator": proposal.decided.operator if isinstance(proposal.decided, Approved) else OPTIMISER,
        "reason": reason,
    }
    match action.kind:
        case "deploy_candidate":
            return StartDeployment.model_validate({**by, "strategy": "canary"})
        case "roll_back":
            return RollBack.model_validate(by)
        case "move_tier":
            return DescribeModel.model_validate({**by, "configuration": {"tier": action.tier}})
        case "scale_engine" | "change_budget" | "retrain":
            return None
        case _:
            assert_never(action.kind)
