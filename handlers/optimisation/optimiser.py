"""The optimiser at work: folds the log into how use cases go, proposes, and carries out what was approved.

Like the deployment manager it keeps nothing of its own: proposals are in the log, and what was approved but
not carried out when the process died is carried out by the next one, under the same ids.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, get_args
from uuid import UUID

import structlog

from bus.ids import derived_id
from bus.ports import EventLog, IdConflict, LogError, RecordedEvent, Where
from domain.evaluation.messages import EvaluationFinished
from domain.guardrails.messages import ViolationDetected
from domain.inference.messages import (
    InferenceCompleted,
    InferenceFailed,
    InferenceRated,
    InferenceRefused,
    InferenceRequested,
)
from domain.kernel.decider import Rejected
from domain.kernel.event import Command, Event
from domain.kernel.parse import parse
from domain.optimisation.cost import Cost, Usage, cost_of, together
from domain.optimisation.messages import (
    Action,
    Approved,
    ApproveProposal,
    OptimisationEvent,
    Propose,
    Proposed,
    RecordOutcome,
    RejectProposal,
    SetPolicy,
    WithdrawProposal,
)
from domain.optimisation.proposals import (
    OPTIMISER,
    PROPOSALS,
    Proposal,
    Proposals,
    stream_of,
)
from domain.optimisation.queries import ProposalsQuery
from domain.optimisation.rules import Finding, Seen, figures_of, findings, untrue
from domain.optimisation.tally import USUAL_S, Tally, seen
from domain.registry.deployment_messages import RollBack, StartDeployment
from domain.registry.messages import DescribeModel
from domain.registry.rollout import no_way_back
from domain.registry.state import Model, UseCaseEvent, UseCaseModels
from domain.registry.use_case import USE_CASE
from handlers.kernel.commands import Binding, CommandRunner, caused_by_event
from handlers.routing.tier_board import own_engines, tiers_serving
from protocol.errors import WireError
from protocol.meta import Meta

logger = structlog.get_logger(__name__)

TICK_S = 5.0
PAST_EVENTS = 50_000
"""Of turns that are read at the start; what is usual shows once as many turns as a policy wants are older."""

Tiers = Callable[[], Awaitable[Sequence[Mapping[str, Any]]]]
"""Returns the tiers and their engines, as the query ``inference.tiers`` shows them.

Raises `ConnectionError` while nobody can be asked.
"""

TURNS = (InferenceRequested, InferenceCompleted, InferenceFailed, InferenceRefused, InferenceRated)
REGISTRY: tuple[type[Event], ...] = get_args(UseCaseEvent)
OWN: tuple[type[Event], ...] = get_args(OptimisationEvent)
STATE_TYPES = (*(kind.event_name for kind in (*REGISTRY, *OWN)), EvaluationFinished.event_name)
TURN_TYPES = (*(kind.event_name for kind in TURNS), ViolationDetected.event_name)

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
"""What the optimiser says to the decider; no message does."""


class Optimiser:
    """Run `run` in a task. Several of them, in several processes, come to the same proposals."""

    def __init__(
        self,
        log: EventLog,
        runner: CommandRunner,
        *,
        decode: Callable[[RecordedEvent], Event],
        now_us: Callable[[], int],
        tiers: Tiers,
    ) -> None:
        """Prepare; ``runner`` has `OPTIMISATION_RECORDS` and the registry's commands."""
        self._log = log
        self._runner = runner
        self._decode = decode
        self._now_us = now_us
        self._tiers = tiers
        self._shown: Sequence[Mapping[str, Any]] | None = ()
        """The tiers as they were at the last look; None: nobody could be asked."""
        self._own_engines = 0
        self._known_since_us = 0
        """Since when all turns are known: not those of long ago, in a long log."""
        self._use_cases: dict[str, UseCaseModels] = {}
        self._proposals: dict[str, Proposals] = {}
        self._tallies: dict[tuple[str, str], Tally] = {}
        """By use case and model."""
        self._evaluated: dict[str, Mapping[str, float]] = {}
        """What evaluations found, by their ids."""
        self._causes: dict[str, Meta] = {}
        """What surrounds that which follows from an approval, by the proposal's id."""
        self._done: set[str] = set()
        self.position = 0

    async def run(self) -> None:
        """Follow the log for ever; after an error that nobody expected begin anew, from the log."""
        while True:
            try:
                await self._run()
            except Exception:  # commands must not end because nothing can be proposed
                logger.exception("optimiser_failed")
            self._use_cases, self._proposals, self._tallies, self._causes = {}, {}, {}, {}
            self._done = set()  # an action may have been cut short; its ids make it happen once
            await asyncio.sleep(TICK_S)

    async def _run(self) -> None:
        """Read what was, then follow the log and look at it every few seconds."""
        head = (await self._log.head()).position
        await self._read(Where(types=STATE_TYPES), after=0, until=head)
        past = max(0, head - PAST_EVENTS)
        await self._read(Where(types=TURN_TYPES), after=past, until=head)
        if past:
            self._known_since_us = (await self._log.read_all(after=past, limit=1))[0].recorded_us
        self.position = head
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tick())
            where = Where(types=(*STATE_TYPES, *TURN_TYPES))
            async with aclosing(self._log.subscribe(after=head, where=where)) as batches:
                async for batch in batches:
                    for recorded in batch:
                        self._apply(self._decode(recorded), recorded)
                    self.position = batch[-1].position
                    await self._carry_out()

    async def answer(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``optimisation.proposals``."""
        asked = parse(ProposalsQuery, query)
        wanted = asked.use_case
        chosen = {name: state for name, state in self._proposals.items() if wanted in (None, name)}
        rows = [
            proposal.shown
            for state in chosen.values()
            for id_, proposal in state.known.items()
            if id_.startswith(asked.proposal_id)
        ]
        costs = {name: self._cost(name) for name, _ in self._tallies if wanted in (None, name)}
        ordered = sorted(rows, key=lambda row: row["at_us"], reverse=True)
        return {"proposals": ordered[: asked.limit], "costs": costs}, self.position

    def _cost(self, use_case: str) -> Mapping[str, Any]:
        usage, cost = self._used(use_case, self._now_us())
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

    def _used(self, use_case: str, now_us: int, model: str | None = None) -> tuple[Usage, Cost]:
        """Return what a use case, or one model of it, used in the policy's window, and its cost."""
        policy = self._policy(use_case).policy
        begin = max(now_us - policy.window_s * 1e6, min(self._known_since_us, now_us))
        used = {key: tally.usage(begin, now_us + 1) for key, tally in self._tallies.items()}
        mine = [each for key, each in used.items() if key[0] == use_case and model in (None, key[1])]
        who = set[str]()  # whoever met two models is one player
        for key, tally in self._tallies.items():
            if key[0] == use_case and model in (None, key[1]):
                who |= tally.players(begin, now_us + 1)
        usage = together(mine, list(used.values()), engines=self._own_engines, players=len(who))
        return usage, cost_of(usage, engine_hour_micro=policy.engine_hour_micro)

    # --- what was ---------------------------------------------------------------------------------------

    async def _read(self, where: Where, *, after: int, until: int) -> None:
        while page := await self._log.read_all(after=after, limit=2_000, where=where):
            for recorded in page:
                if recorded.position <= until:
                    self._apply(self._decode(recorded), recorded)
            after = page[-1].position
            if after >= until:
                return

    def _apply(self, event: Event, recorded: RecordedEvent) -> None:
        if isinstance(event, REGISTRY):
            name = event.use_case  # type: ignore[attr-defined]  # all of them have one
            state = self._use_cases.get(name, USE_CASE.initial)
            self._use_cases[name] = USE_CASE.evolve(state, event)  # type: ignore[arg-type]  # one of them
        elif isinstance(event, OWN):
            name = event.use_case  # type: ignore[attr-defined]  # all of them have one
            self._proposals[name] = PROPOSALS.evolve(self._policy(name), event)  # type: ignore[arg-type]  # one of them
            if isinstance(event, Approved):
                self._causes[event.proposal_id] = replace(caused_by_event(recorded), actor=OPTIMISER)
        elif isinstance(event, EvaluationFinished):
            self._evaluated[event.evaluation_id] = figures_of(event)
        elif (use_case := getattr(event, "use_case", "")) and (model := getattr(event, "model_id", None)):
            tally = self._tallies.setdefault((use_case, model), Tally())
            tally.take(event, recorded.recorded_us)

    def _policy(self, use_case: str) -> Proposals:
        return self._proposals.get(use_case, PROPOSALS.initial)

    # --- what follows -----------------------------------------------------------------------------------

    async def _tick(self) -> None:
        while True:
            await self._carry_out()
            await self.look(self._now_us())
            await asyncio.sleep(TICK_S)

    async def look(self, now_us: int) -> None:
        """Look at every use case once, and propose what follows."""
        await self._ask_tiers()
        for name, models in list(self._use_cases.items()):
            state = self._policy(name)
            # Only the current model's own turns: what a candidate did is its deployment's affair.
            tally = self._tallies.setdefault((name, models.current or ""), Tally())
            begin = now_us - state.policy.window_s * 1e6
            now, usual = seen([tally], begin, now_us + 1), self._usual(name, begin)
            _, cost = self._used(name, now_us, models.current or "")
            now, served = replace(now, cost_per_turn_micro=cost.per_turn_micro), self._served(models)
            open_ = next((each.proposed for each in state.known.values() if each.status == "open"), None)
            if open_ and (why := self._untrue(open_, now, models, served)):
                withdraw = WithdrawProposal(use_case=name, proposal_id=open_.proposal_id, reason=why)
                id_ = derived_id(UUID(open_.proposal_id), 0, "withdraw")
                await self._say(withdraw, id_, Meta(actor=OPTIMISER))
                continue
            for found in findings(now, usual, models, state.policy, served=served or ()):
                if await self._propose(name, found, now_us):
                    break

    def _untrue(
        self, proposed: Proposed, now: Seen, models: UseCaseModels, served: frozenset[str] | None
    ) -> str:
        """Return why a proposal is no longer true; "" if it may be.

        Figures are compared with what was usual when it was made (what goes on long enough is usual itself),
        once all of them are newer than it.
        """
        policy = self._policy(proposed.use_case).policy
        usual = self._usual(proposed.use_case, proposed.at_us - policy.window_s * 1e6)
        enough = min(now.turns, usual.turns) >= policy.turns_min
        newer = self._now_us() - proposed.at_us >= policy.window_s * 1e6
        if not (enough and newer) or served is None or models.deployment is not None:
            return untrue(proposed.action, models, None)
        found = findings(now, usual, models, policy, served=served)
        return untrue(proposed.action, models, found)

    async def _ask_tiers(self) -> None:
        """Learn which engines there are, unless no policy wants to know."""
        policies = [state.policy for state in self._proposals.values()]
        if not any(policy.engine_hour_micro or policy.cost_per_turn_micro_max for policy in policies):
            return
        try:
            self._shown = await self._tiers()
        except ConnectionError as error:
            logger.info("tiers_not_asked", error=str(error))
            self._shown = None
        else:
            self._own_engines = own_engines(self._shown)

    def _served(self, models: UseCaseModels) -> frozenset[str] | None:
        """Return the tiers that the current model may be moved to; None while nobody can be asked."""
        model = models.models.get(models.current or "")
        if model is None or self._shown is None:
            return None
        return tiers_serving(self._shown, model.registered.provider, _label(model))

    def _usual(self, use_case: str, until_us: float) -> Seen:
        """Return how the use case went before, whichever model served it."""
        tallies = [tally for (name, _), tally in self._tallies.items() if name == use_case]
        return seen(tallies, until_us - USUAL_S * 1e6, until_us)

    async def _propose(self, use_case: str, found: Finding, now_us: int) -> bool:
        """Propose something; False if it is known already that the decider has no place for it now."""
        state, inputs = self._policy(use_case), found.inputs
        if model := self._use_cases[use_case].models.get(found.action.model_id or ""):
            evaluation = model.evaluated.evaluation_id if model.evaluated else ""
            inputs = inputs or self._evaluated.get(evaluation, {})
        command = Propose(
            use_case=use_case,
            action=found.action,
            priority=found.priority,
            reason=found.reason,
            inputs={key: round(float(value), 6) for key, value in inputs.items()},
            at_us=now_us,
        )
        try:
            if not PROPOSALS.decide(command, state):
                return False
        except Rejected:  # cooling down
            return False
        number = len(state.known)
        await self._say(command, _id(use_case, f"propose.{number}"), Meta(actor=OPTIMISER))
        return True

    async def _carry_out(self) -> None:
        for name, state in list(self._proposals.items()):
            for id_, proposal in state.known.items():
                if proposal.status == "approved" and id_ not in self._done:
                    self._done.add(id_)
                    await self._do(name, id_, proposal)

    async def _do(self, use_case: str, id_: str, proposal: Proposal) -> None:
        command, meta = _command(use_case, proposal), self._causes[id_]
        outcome, detail = "handed_over", self._handed_over(use_case, proposal.proposed.action)
        if command is not None:
            try:
                await self._check(use_case, proposal.proposed.action)
                done = await self._runner.execute(command, derived_id(UUID(id_), 0, "carry_out"), meta=meta)
                positions = ", ".join(str(ref.position) for ref in done.events) or "it was so already"
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
        if not await self._say(record, derived_id(UUID(id_), 0, "outcome"), meta):
            self._done.discard(id_)

    def _handed_over(self, use_case: str, action: Action) -> str:
        """Return what a person has to do; "" for what the optimiser does itself."""
        model = self._use_cases.get(use_case, USE_CASE.initial).models.get(action.model_id or "")
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
        models = self._use_cases.get(use_case, USE_CASE.initial)
        if action.kind == "roll_back" and action.model_id == models.current and not models.previous():
            raise no_way_back(use_case)
        model = models.models.get(action.model_id or "")
        if action.kind != "move_tier" or model is None:  # of a model that is not there the registry tells
            return
        provider = model.registered.provider
        if action.tier not in tiers_serving(await self._tiers(), provider, _label(model)):
            raise Rejected(
                "tier_not_served",
                f"no engine of the tier {action.tier!r} serves the model {_label(model)!r} of the provider "
                f"{provider!r}",
                field="tier",
                remedy="add an engine for it to the tier in the engines' file, or leave the model there",
            )

    async def _say(self, command: Command, id_: UUID, meta: Meta) -> bool:
        """Say something; return whether the log has it, or refused it for good."""
        try:
            await self._runner.execute(command, id_, meta=meta)
        except (Rejected, IdConflict) as refusal:  # another optimiser was quicker
            logger.info("proposal_refused", what=command.command_name, detail=str(refusal))
        except (LogError, WireError) as error:
            logger.warning("proposal_not_said", what=command.command_name, error=str(error))
            return False
        return True


def _id(use_case: str, what: str) -> UUID:
    return derived_id(UUID(int=0), 0, f"optimiser.{use_case}.{what}")


def _label(model: Model) -> str:
    """Return a model as engines name it."""
    return f"{model.registered.name}@{model.registered.version}"


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
        case _:
            return None
