"""What holds of a use case after any history of commands and crashes."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from domain.kernel.decider import Rejected
from domain.registry.deployment_facts import CheckFact
from domain.registry.deployment_messages import (
    AbortDeployment,
    ConfirmReady,
    HoldDeployment,
    PassStep,
    ResumeDeployment,
    RollBack,
    RollBackOnEvidence,
)
from domain.registry.look_ups import status_of
from domain.registry.messages import (
    ModelPromoted,
    PromoteModel,
    RegisterModel,
    RetireModel,
    ShiftTraffic,
    TrafficShifted,
)
from domain.registry.state import UseCaseModels
from domain.registry.use_case import USE_CASE
from projections.kernel.view import Fact
from projections.registry.current_models import CURRENT_MODELS
from tests.unit.registry.test_deployment import BY, OLD, evaluated, evidence, record, start
from tests.unit.registry.test_registry import UC, model_id, register
from tests.unit.spec import changed


class AnyHistory(RuleBasedStateMachine):
    """No sequence of commands breaks what holds at every version; a crash is a command said again."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []
        self.state = UseCaseModels()
        self.said: list[Any] = []

    def say(self, command: Any) -> None:
        try:
            decided = USE_CASE.decide(command, self.state)
        except Rejected as refusal:
            assert refusal.remedy
            return
        for event in decided:
            if isinstance(event, ModelPromoted) and not isinstance(
                command, PromoteModel | RegisterModel | RollBack
            ):
                assert isinstance(command, PassStep), "only evidence, an operator or a rollback promotes"
            if isinstance(event, ModelPromoted) and (known := self.state.models.get(event.model_id)):
                assert not known.needs_reevaluation or (
                    isinstance(command, PromoteModel) and command.override
                )
                if isinstance(command, PromoteModel):
                    self.may_be_met(event.model_id, event.override)
            if isinstance(event, TrafficShifted) and isinstance(command, ShiftTraffic):
                for id_, share in event.shares.items():
                    if share > self.state.shares.get(id_, 0):
                        self.may_be_met(id_, event.override)
        held = self.state.deployment and self.state.deployment.held
        self.events += decided
        self.state = USE_CASE.fold(decided, self.state)
        if held and self.state.deployment and not self.state.deployment.held:
            assert isinstance(command, ResumeDeployment), "a hold ends by an operator's word"
        assert USE_CASE.decide(command, self.state) == []
        self.said.append(command)

    def may_be_met(self, model_id: str, override: str) -> None:
        """No promotion without evidence or override; who served before may come back."""
        ticket, served = self.state.models[model_id].evaluated, model_id in self.state.served
        passed = ticket and ticket.verdict == "passed" and ticket.against_model_id == self.state.current
        assert served or passed or override

    @initialize()
    def first(self) -> None:
        self.say(register("1"))
        self.say(register("2"))

    @rule(version=st.sampled_from("123"))
    def registers(self, version: str) -> None:
        self.say(register(version))

    @rule(
        version=st.sampled_from("123"),
        verdict=st.sampled_from(["passed", "failed"]),
        number=st.integers(0, 9),
    )
    def evaluates(self, version: str, verdict: str, number: int) -> None:
        event = evaluated(verdict, against=self.state.current or OLD, of=model_id(version), number=number)
        known = self.state.models.get(model_id(version))
        self.say(record(changed(event, rollbacks=known.rollbacks if known else 0)))

    @rule(
        version=st.sampled_from("123"),
        override=st.sampled_from(["", "I know"]),
        strategy=st.sampled_from(["canary", "blue_green", "all_at_once"]),
    )
    def starts(self, version: str, override: str, strategy: str) -> None:
        self.say(start(model_id=model_id(version), override=override, strategy=strategy))

    @rule(well=st.booleans())
    def prepares(self, well: bool) -> None:
        if self.state.deployment:
            checks = [CheckFact(name="warm_up", ok=well, detail="")]
            self.say(ConfirmReady(**self.on(), checks=checks))

    @rule(turns=st.integers(8, 12), e_value=st.sampled_from([0.1, 120.0]), ahead=st.integers(-1, 1))
    def judges(self, turns: int, e_value: float, ahead: int) -> None:
        if self.state.deployment:
            found = evidence(turns, e_value)
            number = max(0, self.state.deployment.step + ahead)
            self.say(PassStep(**self.on(), step=number, evidence=found))
            if self.state.deployment:
                self.say(RollBackOnEvidence(**self.on(), measure="failures", evidence=found, reason="worse"))

    @rule(command=st.sampled_from([HoldDeployment, ResumeDeployment, AbortDeployment]))
    def operates(self, command: Any) -> None:
        if self.state.deployment:
            self.say(command(**self.on(), **BY))

    @rule(version=st.sampled_from("123"))
    def promotes_all_the_same(self, version: str) -> None:
        self.say(PromoteModel(use_case=UC, model_id=model_id(version), override="I know", **BY))

    @rule(version=st.sampled_from("123"))
    def takes_back_at_any_price(self, version: str) -> None:
        self.say(RollBack(use_case=UC, model_id=model_id(version), silence=True, **BY))

    @rule(version=st.sampled_from("123"), command=st.sampled_from([PromoteModel, RetireModel, RollBack]))
    def decides(self, version: str, command: Any) -> None:
        self.say(command(use_case=UC, model_id=model_id(version), **BY))

    @rule(
        first=st.sampled_from("123"),
        second=st.sampled_from("123"),
        share=st.integers(1, 99),
        override=st.sampled_from(["", "I know"]),
    )
    def splits_by_hand(self, first: str, second: str, share: int, override: str) -> None:
        if first != second:
            shares = {model_id(first): share, model_id(second): 100 - share}
            self.say(ShiftTraffic(use_case=UC, shares=shares, override=override, **BY))

    @rule(data=st.data())
    def comes_again(self, data: Any) -> None:
        """A manager that crashed says what it said before; the log knows."""
        if self.said:
            command = data.draw(st.sampled_from(self.said))
            if isinstance(
                command, (ConfirmReady, PassStep, RollBackOnEvidence, AbortDeployment, HoldDeployment)
            ):
                self.say(command)

    def on(self) -> dict[str, Any]:
        assert self.state.deployment
        return {"use_case": UC, "deployment_id": self.state.deployment.started.deployment_id}

    @invariant()
    def one_is_current(self) -> None:
        current = [id_ for id_, model in self.state.models.items() if model.status == "current"]
        assert current == ([self.state.current] if self.state.current else [])

    @invariant()
    def the_traffic_is_whole(self) -> None:
        assert sum(self.state.shares.values()) in (0, 100)
        for id_ in self.state.shares:
            assert self.state.models[id_].status != "retired"
        if not self.state.deployment:
            assert not self.state.shares or self.state.shares.keys() <= self.state.models.keys()

    @invariant()
    def one_deployment_at_a_time(self) -> None:
        testing = [id_ for id_, model in self.state.models.items() if model.status == "testing"]
        running = self.state.deployment
        assert testing == ([running.started.model_id] if running else [])

    @invariant()
    def the_list_of_models_shows_what_is_so(self) -> None:
        facts = (Fact(event, position, 5) for position, event in enumerate(self.events, 1))
        rows = {key[1]: row for key, row in CURRENT_MODELS.fold({}, facts).items() if row}
        shown = {id_: (row["status"], row["barred"]) for id_, row in rows.items()}
        models = self.state.models
        assert shown == {
            id_: (status_of(id_, self.state), model.needs_reevaluation) for id_, model in models.items()
        }

    @invariant()
    def state_is_what_the_events_say(self) -> None:
        assert USE_CASE.fold(self.events) == self.state


TestAnyHistory = AnyHistory.TestCase
