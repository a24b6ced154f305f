"""The optimiser's view of every use case, and its proposals: a process. Pure.

It hears registry, policies and evaluations from the beginning of the log, and the turns of the last while.
What the tiers serve is told from outside (`Outlook.told`), as no event says it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, get_args
from uuid import UUID

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
from domain.kernel.event import Event
from domain.kernel.process import Due, Heard, Moment, Process
from domain.optimisation.cost import Cost, Usage, cost_of, together
from domain.optimisation.messages import Approved, OptimisationEvent, Propose, Proposed, WithdrawProposal
from domain.optimisation.proposals import OPTIMISER, PROPOSALS, Proposals
from domain.optimisation.rules import Finding, Seen, figures_of, findings, untrue
from domain.optimisation.tally import USUAL_S, Tally, seen
from domain.registry.state import Model, UseCaseModels
from domain.registry.use_cases import USE_CASE_TYPES, UseCases
from domain.routing.tiers import own_engines, tiers_serving

PAST_EVENTS = 50_000
"""Of turns that are read at the start; what is usual shows once as many turns as a policy wants are older."""

OWN: tuple[type[OptimisationEvent], ...] = get_args(OptimisationEvent)
TURNS = (
    InferenceRequested,
    InferenceCompleted,
    InferenceFailed,
    InferenceRefused,
    InferenceRated,
    ViolationDetected,
)

Shown = Sequence[Mapping[str, Any]]
"""The tiers and their engines, as the query ``inference.tiers`` shows them."""


@dataclass(slots=True)
class Outlook:
    """What is known of the use cases."""

    whole: bool = True
    """Whether all turns are known, and not only those since `known_since_us`."""
    known_since_us: int = 0
    use_cases: UseCases = field(default_factory=UseCases)
    proposals: dict[str, Proposals] = field(default_factory=dict)
    tallies: dict[tuple[str, str], Tally] = field(default_factory=dict)
    """By use case and model."""
    evaluated: dict[str, Mapping[str, float]] = field(default_factory=dict)
    """Findings of evaluations, by their ids."""
    approved: dict[str, Heard] = field(default_factory=dict)
    """Approvals, by the proposal's id."""
    shown: Shown | None = ()
    """The tiers as they were at the last look; None: nobody could be asked."""
    engines: int = 0
    """Engines whose hours are paid for, as far as was ever known."""

    def policy(self, use_case: str) -> Proposals:
        """Return the proposals of a use case, and its policy."""
        return self.proposals.get(use_case, PROPOSALS.initial)

    def asks_for_tiers(self) -> bool:
        """Say whether any policy wants to know what the tiers serve."""
        policies = [state.policy for state in self.proposals.values()]
        return any(policy.engine_hour_micro or policy.cost_per_turn_micro_max for policy in policies)

    def used(self, use_case: str, now_us: int, model: str | None = None) -> tuple[Usage, Cost]:
        """Return what a use case, or one model of it, used in the policy's window, and its cost."""
        policy = self.policy(use_case).policy
        begin = max(now_us - policy.window_s * 1e6, min(self.known_since_us, now_us))
        used = {key: tally.usage(begin, now_us + 1) for key, tally in self.tallies.items()}
        mine = [each for key, each in used.items() if key[0] == use_case and model in (None, key[1])]
        who = set[str]()  # whoever met two models is one player
        for key, tally in self.tallies.items():
            if key[0] == use_case and model in (None, key[1]):
                who |= tally.players(begin, now_us + 1)
        usage = together(mine, list(used.values()), engines=self.engines, players=len(who))
        return usage, cost_of(usage, engine_hour_micro=policy.engine_hour_micro)

    def told(self, shown: Shown | None) -> None:
        """Learn what the tiers serve; None: nobody could be asked."""
        self.shown = shown
        if shown is not None:
            self.engines = own_engines(shown)

    # --- what follows -----------------------------------------------------------------------------------

    def look(self, now_us: int) -> Iterator[Due]:
        """Look at every use case once, and yield what follows."""
        for name, models in list(self.use_cases.items()):
            state = self.policy(name)
            # Only the current model's own turns: what a candidate did is its deployment's affair.
            tally = self.tallies.setdefault((name, models.current or ""), Tally())
            begin = now_us - state.policy.window_s * 1e6
            now, usual = seen([tally], begin, now_us + 1), self._usual(name, begin)
            _, cost = self.used(name, now_us, models.current or "")
            now, served = replace(now, cost_per_turn_micro=cost.per_turn_micro), self._served(models)
            open_ = next((each.proposed for each in state.known.values() if each.status == "open"), None)
            if open_ and (why := self._untrue(open_, now, models, served, now_us)):
                withdraw = WithdrawProposal(use_case=name, proposal_id=open_.proposal_id, reason=why)
                yield _due(withdraw, UUID(open_.proposal_id), "withdraw")
                continue
            for found in findings(now, usual, models, state.policy, served=served or ()):
                if due := self._proposed(name, found, now_us):
                    yield due
                    break

    def _untrue(
        self, proposed: Proposed, now: Seen, models: UseCaseModels, served: frozenset[str] | None, now_us: int
    ) -> str:
        """Return why a proposal is no longer true; "" if it may be.

        Figures are compared with what was usual when it was made (what goes on long enough is usual itself),
        once all of them are newer than it.
        """
        policy = self.policy(proposed.use_case).policy
        usual = self._usual(proposed.use_case, proposed.at_us - policy.window_s * 1e6)
        enough = min(now.turns, usual.turns) >= policy.turns_min
        newer = now_us - proposed.at_us >= policy.window_s * 1e6
        if not (enough and newer) or served is None or models.deployment is not None:
            return untrue(proposed.action, models, None)
        found = findings(now, usual, models, policy, served=served)
        return untrue(proposed.action, models, found)

    def _served(self, models: UseCaseModels) -> frozenset[str] | None:
        """Return the tiers that the current model may be moved to; None while nobody can be asked."""
        model = models.models.get(models.current or "")
        if model is None or self.shown is None:
            return None
        return tiers_serving(self.shown, model.registered.provider, label(model))

    def _usual(self, use_case: str, until_us: float) -> Seen:
        """Return how the use case went before, whichever model served it."""
        tallies = [tally for (name, _), tally in self.tallies.items() if name == use_case]
        return seen(tallies, until_us - USUAL_S * 1e6, until_us)

    def _proposed(self, use_case: str, found: Finding, now_us: int) -> Due | None:
        """Return a proposal; None if it is known already that the decider has no place for it now."""
        state, inputs = self.policy(use_case), found.inputs
        if model := self.use_cases[use_case].models.get(found.action.model_id or ""):
            evaluation = model.evaluated.evaluation_id if model.evaluated else ""
            inputs = inputs or self.evaluated.get(evaluation, {})
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
                return None
        except Rejected:  # cooling down
            return None
        return _due(command, UUID(int=0), f"optimiser.{use_case}.propose.{len(state.known)}")


def _due(command: Propose | WithdrawProposal, of: UUID, what: str) -> Due:
    return Due(command, of, what, cause=None, correlation=None, actor=OPTIMISER)


def label(model: Model) -> str:
    """Return a model as engines name it."""
    return f"{model.registered.name}@{model.registered.version}"


def _evolve(state: Outlook, heard: Heard) -> Outlook:
    event = heard.event
    if state.use_cases.take(event) is not None:
        pass
    elif isinstance(event, OWN):
        name = event.use_case
        state.proposals[name] = PROPOSALS.evolve(state.policy(name), event)
        if isinstance(event, Approved):
            state.approved[event.proposal_id] = heard
    elif isinstance(event, EvaluationFinished):
        state.evaluated[event.evaluation_id] = figures_of(event)
    else:
        _tally(state, event, heard.at_us)
    return state


def _tally(state: Outlook, event: Event, at_us: int) -> None:
    if not state.whole and not state.known_since_us:
        state.known_since_us = at_us
    if (use_case := getattr(event, "use_case", "")) and (model := getattr(event, "model_id", None)):
        state.tallies.setdefault((use_case, model), Tally()).take(event, at_us)


def _react(state: Outlook, moment: Moment) -> Iterator[Due]:
    """Look at each tick; an event alone changes no figure that a look would not see soon."""
    return state.look(moment.now_us) if moment.tick else iter(())


PROCESS: Process[Outlook] = Process(
    name="optimiser",
    types=(*USE_CASE_TYPES, *(kind.event_name for kind in OWN), EvaluationFinished.event_name),
    initial=lambda begin: Outlook(whole=begin == 0),
    evolve=_evolve,
    react=_react,
    recent=tuple(kind.event_name for kind in TURNS),
    since=lambda _, head: max(0, head - PAST_EVENTS),
)
