"""The rules of the model registry, said as given / when / then, and as invariants over any history."""

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from domain.kernel.decider import Rejected
from domain.kernel.vocabulary import CONFIGURATION_KEYS_MAX
from domain.registry.messages import (
    AliasSet,
    DescribeModel,
    ModelDescribed,
    ModelPromoted,
    ModelRegistered,
    ModelRetired,
    PromoteModel,
    RegisterModel,
    RegistryCommand,
    RetireModel,
    SetAlias,
    ShiftTraffic,
    TrafficShifted,
)
from domain.registry.models import model_id_of
from domain.registry.state import UseCaseEvent, UseCaseModels
from domain.registry.use_case import USE_CASE, evolve, stream_of
from tests.unit.spec import changed, given

UC = "npc_dialogue"
BY: dict[str, Any] = {"operator": "mira", "reason": "test"}


def register(version: str = "1", **changes: object) -> RegisterModel:
    facts: dict[str, Any] = {
        "use_case": UC,
        "name": "lamplight",
        "version": version,
        "provider": "embedded",
        "model_type": "self_hosted",
        "tier": "gold",
        "configuration": {"quantization": "int8"},
    }
    return RegisterModel.model_validate({**facts, **changes})


def model_id(version: str = "1") -> str:
    return model_id_of(use_case=UC, name="lamplight", version=version)


def registered(version: str = "1", **changes: object) -> ModelRegistered:
    return ModelRegistered.model_validate(
        {**register(version, **changes).model_dump(), "model_id": model_id(version)}
    )


def first_promoted(version: str = "1") -> ModelPromoted:
    return ModelPromoted(
        use_case=UC,
        model_id=model_id(version),
        previous_model_id=None,
        operator="registry",
        reason=f"first model registered for {UC}",
    )


def promote(version: str, override: str = "") -> PromoteModel:
    by = {"operator": "mira", "reason": "better lines", "override": override}
    return PromoteModel.model_validate({"use_case": UC, "model_id": model_id(version), **by})


def shift(shares: dict[str, int], override: str = "") -> ShiftTraffic:
    return ShiftTraffic(use_case=UC, shares=shares, operator="mira", reason="a look", override=override)


def shifted(shares: dict[str, int], override: str = "") -> TrafficShifted:
    return TrafficShifted(use_case=UC, shares=shares, operator="mira", reason="a look", override=override)


def promoted(version: str, previous: str, override: str = "") -> ModelPromoted:
    return ModelPromoted(
        use_case=UC,
        model_id=model_id(version),
        previous_model_id=model_id(previous),
        operator="mira",
        reason="better lines",
        override=override,
    )


def retire(version: str) -> RetireModel:
    return RetireModel(use_case=UC, model_id=model_id(version), operator="mira", reason="too old")


def retired(version: str) -> ModelRetired:
    return ModelRetired(use_case=UC, model_id=model_id(version), operator="mira", reason="too old")


ONE = (registered("1"), first_promoted("1"))
TWO = (*ONE, registered("2"))


class TestRegister:
    def test_first_model_of_a_use_case_becomes_current(self) -> None:
        given(USE_CASE).when(register("1")).then(registered("1"), first_promoted("1"))

    def test_second_model_is_a_candidate(self) -> None:
        given(USE_CASE, *ONE).when(register("2")).then(registered("2"))

    def test_same_facts_again_are_already_so(self) -> None:
        given(USE_CASE, *TWO).when(register("1")).then_nothing()

    def test_same_facts_are_already_so_after_a_description_changed(self) -> None:
        described = ModelDescribed(use_case=UC, model_id=model_id("1"), description="x", configuration={})
        given(USE_CASE, *ONE, described).when(register("1")).then_nothing()

    @pytest.mark.parametrize(
        "other",
        [{"tier": "silver"}, {"configuration": {}}, {"artefacts": {"model.bin": "sha256:" + "0" * 64}}],
    )
    def test_same_version_with_other_facts_is_refused(self, other: dict[str, object]) -> None:
        given(USE_CASE, *ONE).when(register("1", **other)).then_rejected(
            "model_exists", field="version", says="describe_model"
        )

    def test_one_is_not_true(self) -> None:
        """Python's 1 == True must not hide a change of type."""
        history = registered("1", configuration={"a": 1}), first_promoted("1")
        given(USE_CASE, *history).when(register("1", configuration={"a": True})).then_rejected(
            "model_exists", field="version"
        )


class TestDescribe:
    def test_configuration_merges_one_level_and_null_removes(self) -> None:
        history = registered("1", configuration={"a": 1, "b": {"x": 1}, "c": 3}), first_promoted("1")
        command = DescribeModel(
            **BY, use_case=UC, model_id=model_id("1"), configuration={"b": {"y": 2}, "c": None}
        )
        given(USE_CASE, *history).when(command).then(
            ModelDescribed(
                **BY,
                use_case=UC,
                model_id=model_id("1"),
                description="",
                configuration={"a": 1, "b": {"y": 2}},
            )
        )

    def test_description_alone_leaves_the_configuration(self) -> None:
        command = DescribeModel(**BY, use_case=UC, model_id=model_id("1"), description="warm")
        given(USE_CASE, *ONE).when(command).then(
            ModelDescribed(
                **BY,
                use_case=UC,
                model_id=model_id("1"),
                description="warm",
                configuration={"quantization": "int8"},
            )
        )

    def test_nothing_new_is_already_so(self) -> None:
        command = DescribeModel(
            **BY, use_case=UC, model_id=model_id("1"), configuration={"quantization": "int8"}
        )
        given(USE_CASE, *ONE).when(command).then_nothing()

    def test_unknown_model_is_refused(self) -> None:
        command = DescribeModel(**BY, use_case=UC, model_id=model_id("9"), description="x")
        given(USE_CASE, *ONE).when(command).then_rejected("model_not_found", field="model_id")

    def test_merge_beyond_the_key_limit_is_refused(self) -> None:
        full = {f"k{n}": n for n in range(CONFIGURATION_KEYS_MAX)}
        history = registered("1", configuration=full), first_promoted("1")
        command = DescribeModel(**BY, use_case=UC, model_id=model_id("1"), configuration={"one_more": 1})
        given(USE_CASE, *history).when(command).then_rejected(
            "configuration_too_large", field="configuration", says="null"
        )


class TestPromote:
    def test_candidate_becomes_current_with_an_override_and_names_the_one_before(self) -> None:
        given(USE_CASE, *TWO).when(promote("2", "I read 50")).then(
            promoted("2", previous="1", override="I read 50")
        )

    def test_the_one_before_is_deprecated_and_can_come_back(self) -> None:
        history = (*TWO, promoted("2", previous="1"))
        assert USE_CASE.fold(history).models[model_id("1")].status == "deprecated"
        given(USE_CASE, *history).when(promote("1", "not needed")).then(promoted("1", previous="2"))

    def test_current_model_is_already_so(self) -> None:
        given(USE_CASE, *ONE).when(promote("1")).then_nothing()

    def test_unknown_model_is_refused(self) -> None:
        given(USE_CASE, *ONE).when(promote("9")).then_rejected("model_not_found", field="model_id")

    def test_retired_model_is_refused(self) -> None:
        given(USE_CASE, *TWO, retired("2")).when(promote("2")).then_rejected(
            "model_retired", field="model_id", says="new version"
        )


class TestRetire:
    def test_candidate_can_be_retired(self) -> None:
        given(USE_CASE, *TWO).when(retire("2")).then(retired("2"))

    def test_current_model_cannot_and_is_told_who_could_take_over(self) -> None:
        given(USE_CASE, *TWO).when(retire("1")).then_rejected(
            "model_is_current", field="model_id", says="evaluate and promote lamplight 2 first"
        )
        history = (*TWO, promoted("2", previous="1"), promoted("1", previous="2"))
        given(USE_CASE, *history).when(retire("1")).then_rejected(
            "model_is_current", field="model_id", says="| promote lamplight 2 first"
        )

    def test_only_model_cannot_and_is_told_to_register_another(self) -> None:
        given(USE_CASE, *ONE).when(retire("1")).then_rejected(
            "model_is_current", field="model_id", says="evaluate and promote another model first"
        )

    def test_retired_model_is_already_so(self) -> None:
        given(USE_CASE, *TWO, retired("2")).when(retire("2")).then_nothing()

    def test_unknown_model_is_refused(self) -> None:
        given(USE_CASE, *ONE).when(retire("9")).then_rejected("model_not_found", field="model_id")


def test_history_about_an_unknown_model_is_survived() -> None:
    """evolve never rejects history, whatever a future decider may have written."""
    strange = (
        retired("7"),
        ModelDescribed(use_case=UC, model_id=model_id("8"), description="", configuration={}),
    )
    assert USE_CASE.fold(strange).models == {}


def test_model_id_is_what_anyone_can_derive() -> None:
    assert registered().from_example().model_id == model_id_of(
        use_case="npc_dialogue", name="lamplight", version="0.1.0"
    )
    assert stream_of(UC) == "registry-npc_dialogue"


# --- traffic ------------------------------------------------------------------------------------------------


def test_traffic_is_split_and_a_promotion_gives_all_of_it_to_the_promoted() -> None:
    shares = {model_id("2"): 5, model_id("1"): 95}
    given(USE_CASE, *TWO).when(shift(shares, "a look")).then(shifted(shares, "a look"))
    state = USE_CASE.fold([*TWO, shifted(shares), promoted("2", previous="1")])
    assert state.shares == {}


def test_a_share_that_grows_wants_evidence_or_an_override() -> None:
    few, more = ({model_id("2"): n, model_id("1"): 100 - n} for n in (5, 6))
    given(USE_CASE, *TWO).when(shift(few, " ")).then_rejected(
        "not_evaluated", field="shares", says="give an override"
    )
    history = (*TWO, shifted(few, "a look"))
    given(USE_CASE, *history).when(shift(more)).then_rejected(
        "not_evaluated", field="shares", says="override"
    )
    less = {model_id("2"): 4, model_id("1"): 96}
    given(USE_CASE, *history).when(shift(less, "not needed")).then(shifted(less))
    three = {model_id("1"): 90, model_id("2"): 5, model_id("3"): 5}
    given(USE_CASE, *TWO, registered("3"), shifted(three, "a look")).when(
        shift({**three, model_id("1"): 92, model_id("3"): 3})
    ).then(shifted({**three, model_id("1"): 92, model_id("3"): 3}))
    back = (*TWO, promoted("2", previous="1"))
    given(USE_CASE, *back).when(shift(few)).then(shifted(few))


# --- adapters -----------------------------------------------------------------------------------------------

LORA: dict[str, Any] = {"model_type": "adapter", "lineage": {"base_model": model_id("1")}}
OF_ONE = (*ONE, registered("2", **LORA), promoted("2", previous="1"))


def test_a_base_is_not_retired_while_an_adapter_needs_it() -> None:
    given(USE_CASE, *OF_ONE).when(retire("1")).then_rejected(
        "model_has_adapters", field="model_id", says="retire lamplight 2 first"
    )
    gone = (*OF_ONE, registered("3"), promoted("3", previous="2"), retired("2"))
    given(USE_CASE, *gone).when(retire("1")).then(retired("1"))
    grown = (*ONE, registered("2", lineage=LORA["lineage"]), promoted("2", previous="1"))
    given(USE_CASE, *grown).when(retire("1")).then(retired("1"))  # weights of its own


def test_an_adapter_of_a_retired_base_is_refused() -> None:
    history = (*TWO, promoted("2", previous="1"), retired("1"))
    given(USE_CASE, *history).when(register("3", **LORA)).then_rejected(
        "base_retired", field="lineage.base_model", says="not retired"
    )
    given(USE_CASE, *ONE).when(register("2", **LORA)).then(registered("2", **LORA))
    given(USE_CASE, *history).when(register("3", lineage=LORA["lineage"])).then(
        registered("3", lineage=LORA["lineage"])
    )


def test_a_split_that_is_so_already_changes_nothing() -> None:
    shares = {model_id("2"): 5, model_id("1"): 95}
    given(USE_CASE, *TWO, shifted(shares)).when(shift(shares)).then_nothing()
    given(USE_CASE, *TWO).when(shift({model_id("1"): 100})).then_nothing()


def test_promoting_the_current_model_ends_a_split() -> None:
    shares = {model_id("2"): 5, model_id("1"): 95}
    whole = changed(shifted({model_id("1"): 100}), reason="better lines")
    given(USE_CASE, *TWO, shifted(shares)).when(promote("1")).then(whole)


def test_traffic_for_an_unknown_or_retired_model_is_refused() -> None:
    given(USE_CASE, *TWO).when(shift({model_id("9"): 100})).then_rejected("model_not_found", field="shares")
    retired = USE_CASE.decide(retire("2"), USE_CASE.fold(TWO))
    given(USE_CASE, *TWO, *retired).when(shift({model_id("2"): 100})).then_rejected(
        "model_retired", field="shares"
    )


def test_a_model_with_traffic_cannot_be_retired() -> None:
    shares = {model_id("2"): 5, model_id("1"): 95}
    given(USE_CASE, *TWO, shifted(shares)).when(retire("2")).then_rejected(
        "model_has_traffic", field="model_id"
    )


def test_shares_that_are_not_whole_are_refused() -> None:
    with pytest.raises(ValueError, match="the shares are 60 together"):
        shift({model_id("1"): 60})


class AnyHistory(RuleBasedStateMachine):
    """Any commands in any order: the two invariants hold after each, and each is idempotent."""

    models = Bundle("models")

    @initialize()
    def start(self) -> None:
        self.state = UseCaseModels()
        self.registered: set[tuple[str, str]] = set()

    def send(self, command: RegistryCommand) -> list[UseCaseEvent]:
        try:
            events = list(USE_CASE.decide(command, self.state))
        except Rejected as refusal:
            assert refusal.remedy
            return []
        self.state = USE_CASE.fold(events, self.state)
        assert list(USE_CASE.decide(command, self.state)) == []
        return events

    @rule(target=models, version=st.sampled_from("12345"), tier=st.sampled_from(["gold", "silver"]))
    def register(self, version: str, tier: str) -> str:
        for event in self.send(register(version, tier=tier)):
            if isinstance(event, ModelRegistered):
                assert (event.name, event.version) not in self.registered, "name and version are unique"
                self.registered.add((event.name, event.version))
        return version

    @rule(version=models)
    def promote(self, version: str) -> None:
        self.send(promote(version, "a test"))

    @rule(version=models)
    def retire(self, version: str) -> None:
        self.send(retire(version))

    @rule(first=models, second=models, percent=st.integers(1, 99))
    def shift(self, first: str, second: str, percent: int) -> None:
        shares = {model_id(first): percent, model_id(second): 100 - percent}
        self.send(shift(dict.fromkeys(shares, 100) if first == second else shares, "a test"))

    @rule(version=models, text=st.sampled_from(["", "a", "b"]), value=st.sampled_from([None, 1, True, "x"]))
    def describe(self, version: str, text: str, value: Any) -> None:
        self.send(
            DescribeModel(
                **BY, use_case=UC, model_id=model_id(version), description=text, configuration={"k": value}
            )
        )

    @invariant()
    def the_traffic_is_whole_and_goes_to_models_that_can_serve(self) -> None:
        assert not self.state.shares or sum(self.state.shares.values()) == 100
        assert all(self.state.models[key].status != "retired" for key in self.state.shares)

    @invariant()
    def exactly_one_is_current_as_soon_as_there_is_any(self) -> None:
        current = [key for key, model in self.state.models.items() if model.status == "current"]
        assert current == ([self.state.current] if self.state.models else [])


TestAnyHistory = AnyHistory.TestCase


def test_evolve_leaves_the_state_before_untouched() -> None:
    before = USE_CASE.fold(TWO)
    evolve(before, promoted("2", previous="1"))
    assert before == USE_CASE.fold(TWO)


def test_changed_is_checked() -> None:
    with pytest.raises(ValueError, match="tier"):
        changed(register(), tier="platinum")


# --- aliases ------------------------------------------------------------------------------------------------


def aliased(version: str | None, alias: str = "next") -> AliasSet:
    id_ = model_id(version) if version else None
    return AliasSet(use_case=UC, alias=alias, model_id=id_, operator="mira", reason="the writers try it")


def test_an_alias_points_to_one_version_and_can_be_moved() -> None:
    base = (registered("1"), first_promoted("1"), registered("2"))
    for before, after in (((), "2"), ((aliased("2"),), "1"), ((aliased("2"),), None)):
        event = aliased(after)
        given(USE_CASE, *base, *before).when(SetAlias(**event.model_dump())).then(event)
    assert USE_CASE.fold([*base, aliased("2"), aliased(None)]).aliases == {}


def test_an_alias_of_nothing_is_refused() -> None:
    command = SetAlias(**aliased("9").model_dump())
    given(USE_CASE, registered("1"), first_promoted("1")).when(command).then_rejected(
        "model_not_found", field="model_id", says="register the model first"
    )


def test_a_model_with_an_alias_is_not_retired() -> None:
    base = (registered("1"), first_promoted("1"), registered("2"), aliased("2"))
    retire = RetireModel(use_case=UC, model_id=model_id("2"), operator="mira", reason="old")
    given(USE_CASE, *base).when(retire).then_rejected(
        "model_has_alias", field="model_id", says="move the alias first"
    )
