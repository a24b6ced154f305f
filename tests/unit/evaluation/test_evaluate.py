"""What an evaluation is made of: scorers of the operator's own, and cases from what was recorded."""

import re
import sys
from typing import Any

import pytest

from aicore.content.suites import default_suite
from aicore.settings import SettingsError
from aicore.wiring.evaluate import CannotEvaluate, rating, recorded_suite, wanted_template, with_pairs
from aicore.wiring.scorers import load_scorers
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLog
from bus.ports import StreamWrite
from domain.evaluation.evaluation import CASES_MIN
from domain.evaluation.messages import EvaluationStarted, StartEvaluation
from domain.evaluation.scorers import Answer
from domain.evaluation.suite import Case, digest_of, distinct, label
from domain.guardrails.messages import ViolationDetected, ViolationReviewed
from domain.inference.inference import stream_of
from domain.inference.messages import InferenceCompleted, InferenceRequested
from domain.kernel.decider import Rejected
from domain.kernel.visibility import ERASED
from domain.registry.facts import configuration_digest
from handlers.engines.port import EngineError
from handlers.evaluation.commands import EvaluationStart, suites
from handlers.kernel.commands import CommandRunner
from handlers.registry.commands import REGISTRY
from tests.unit.kit import ident, memory_log, message, model

UC = "npc_dialogue"


def rhymes(_: Case, answer: Answer) -> float | None:
    """Score whether a line rhymes with lamp; a scorer as a user writes it."""
    return float(answer.text.rstrip(".").endswith("amp"))


def test_a_function_of_the_operators_own_is_a_scorer() -> None:
    found = load_scorers(f"{__name__}:rhymes")
    case = default_suite().cases[0]
    assert found["rhymes"](case, Answer(text="Mind the lamp.")) == 1


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("nowhere.at_all:x", "No module named 'nowhere'"),
        (f"{__name__}:absent", "has no attribute 'absent'"),
        (f"{__name__}:UC", "is no function"),
        ("nocolon", "write module:function"),
        (f"{__name__}:rhymes,{__name__}:rhymes", "rename yours"),
    ],
)
def test_a_scorer_that_cannot_be_used_is_named(named: str, says: str) -> None:
    assert sys.modules[__name__]
    with pytest.raises(SettingsError, match="AICORE_SCORERS") as refused:
        load_scorers(named)
    assert says in str(refused.value)


async def test_a_suite_with_an_unknown_scorer_is_refused_unless_it_is_the_operators_own() -> None:
    log, codec = memory_log(), EventCodec(domain_catalogue())
    suite = default_suite().model_dump(mode="json")
    suite["scorers"].append({"name": "rhymes", "margin": 0.1, "weight": 1.0})
    with pytest.raises(Rejected) as refused:
        await CommandRunner(log, codec, [suites()])(message("evaluation.register_suite", suite))
    assert refused.value.code == "unknown_scorer"
    assert "lore_stated" in refused.value.remedy
    runner = CommandRunner(log, codec, [suites(["rhymes"])])
    assert (await runner(message("evaluation.register_suite", suite))).events


async def test_who_forges_a_suite_begins_no_evaluation() -> None:
    """The scar: a suite that nobody knows and means that nobody measured were a ticket for a deployment."""
    log, codec = memory_log(), EventCodec(domain_catalogue())
    start, suite = EvaluationStart(log, codec), default_suite()
    told = {
        **StartEvaluation.example,
        "suite": label(suite),
        "suite_digest": digest_of(suite),
        "scorers": ["answered"],
    }
    with pytest.raises(Rejected) as refused:
        await start(message("evaluation.start", told))
    assert refused.value.code == "suite_not_registered"
    await CommandRunner(log, codec, [suites()])(
        message("evaluation.register_suite", suite.model_dump(mode="json"))
    )
    with pytest.raises(Rejected) as refused:
        await start(message("evaluation.start", told))
    assert refused.value.code == "scorers_differ"
    whole = {**told, "scorers": [choice.name for choice in suite.scorers]}
    with pytest.raises(Rejected) as refused:  # what the suite asks is not the caller's to say
        await start(message("evaluation.start", {**whole, "cases": 900}))
    assert refused.value.field == "cases"
    sent = message("evaluation.start", whole)
    assert (await start(sent)).events == (await start(sent)).events
    (begun,) = await log.read_stream(f"evaluation-{told['evaluation_id']}")
    event = codec.decode(begun)
    assert isinstance(event, EvaluationStarted)
    assert event.cases == len(suite.cases) >= CASES_MIN
    assert event.margins["lore_stated"] == 0.1


async def test_what_has_another_configuration_by_now_is_not_measured_for_minutes() -> None:
    log, codec = memory_log(), EventCodec(domain_catalogue())
    start, suite = EvaluationStart(log, codec), default_suite()
    runner = CommandRunner(log, codec, [suites(), REGISTRY])
    await runner(message("evaluation.register_suite", suite.model_dump(mode="json")))
    registered = await runner(message("registry.register_model", {**model("1"), "configuration": {"a": 1}}))
    id_, told = registered.result["model_id"], {"operator": "mira", "reason": "x"}
    facts = {
        **StartEvaluation.example,
        "suite": label(suite),
        "suite_digest": digest_of(suite),
        "scorers": [choice.name for choice in suite.scorers],
        "candidate": id_,
        "candidate_configuration": configuration_digest({"a": 1}),
    }
    sent = message("evaluation.start", facts)
    assert (await start(sent)).events
    change = {"use_case": suite.use_case, "model_id": id_, "configuration": {"a": 2}, **told}
    await runner(message("registry.describe_model", change))
    assert (await start(sent)).duplicate, "what was begun was begun"
    with pytest.raises(Rejected) as refused:
        await start(message("evaluation.start", {**facts, "evaluation_id": "e" * 32}))
    assert refused.value.code == "configuration_differs"


def test_a_model_without_a_template_cannot_be_evaluated_and_is_told_how_to_get_one() -> None:
    """The scar: it "wants the template ''", and doctor, who was said to know more, found nothing wrong."""
    row = {"name": "m", "version": "2", "model_id": "4527", "configuration": {"prompt_template": "{prompt}"}}
    with pytest.raises(CannotEvaluate, match="m 2 has no template") as refused:
        wanted_template(row)
    assert "aicore models describe 4527 --set template=" in refused.value.remedy
    assert wanted_template({**row, "configuration": {"template": "line@1"}}) == "line@1"


async def played(turns: int, **asking: Any) -> tuple[MemoryLog, EventCodec]:
    """Return a log with so many answered turns."""
    log, codec = memory_log(), EventCodec(domain_catalogue())
    for n in range(turns):
        of: dict[str, Any] = {"inference_id": f"{n:032x}", "use_case": UC}
        asked = {**InferenceRequested.example, **of, "prompt": f"Question {n}?", **asking}
        answered = InferenceCompleted.model_validate({**InferenceCompleted.example, **of})
        events = [InferenceRequested.model_validate(asked), answered]
        new = [codec.encode(event, ident()) for event in events]
        await log.append(StreamWrite(stream_of(of["inference_id"]), new, "any"))
    return log, codec


@pytest.mark.parametrize(
    ("lore", "facts"),
    [("", []), (["", "the tide keeps its own"], ["the tide keeps its own"]), ("x" * 2_001, []), ([" "], [])],
)
async def test_what_is_no_fact_does_not_end_an_evaluation_of_recorded_turns(
    lore: Any, facts: list[str]
) -> None:
    log, codec = await played(1, context={"lore": lore})
    suite = await recorded_suite(log, codec, UC, 3)
    assert suite.cases[0].facts == facts


async def test_no_more_turns_are_replayed_than_a_suite_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    log, codec = await played(40, context={"memory": "x" * 2_000})
    with monkeypatch.context() as few:
        few.setattr("aicore.wiring.evaluate.CASES_MAX", 30)
        assert len((await recorded_suite(log, codec, UC, 100)).cases) == 30
    monkeypatch.setattr("aicore.wiring.evaluate.PAYLOAD_BYTES_MAX", 60_000)
    with pytest.raises(CannotEvaluate, match=r"has \d+ bytes, the limit is 60000") as refused:
        await recorded_suite(log, codec, UC, 40)
    found = re.search(r"about (\d+) \(--recorded\)", refused.value.remedy)
    assert found
    assert 10 < len((await recorded_suite(log, codec, UC, int(found[1]))).cases) < 40


@pytest.mark.parametrize("gone", ["prompt", "context"])
async def test_what_is_erased_is_asked_no_more(gone: str) -> None:
    log, codec = await played(1)
    erased, _ = await played(1, **{gone: ERASED})
    ours, theirs = ident(), (await erased.read_all(after=0))[0]
    other = codec.decode(theirs).model_copy(update={"inference_id": ours.hex})
    answer = InferenceCompleted.model_validate(
        {**InferenceCompleted.example, "inference_id": ours.hex, "use_case": UC}
    )
    new = [codec.encode(event, ident()) for event in (other, answer)]
    await log.append(StreamWrite(stream_of(ours.hex), new, "any"))

    assert [case.prompt for case in (await recorded_suite(log, codec, UC, 3)).cases] == ["Question 0?"]


async def test_only_confirmed_lines_of_models_and_turns_with_an_answer_become_cases() -> None:
    """The newest review counts; what a player wrote, or nobody answered, is no case."""
    log, codec = await played(5)
    id_ = f"{4:032x}"
    asked = InferenceRequested.model_validate(
        {**InferenceRequested.example, "inference_id": "e" * 32, "use_case": UC, "prompt": "Blocked?"}
    )
    ended = {**InferenceCompleted.example, "inference_id": "e" * 32, "use_case": UC}
    blocked = InferenceCompleted.model_validate({**ended, "finish_reason": "blocked"})
    new = [codec.encode(event, ident()) for event in (asked, blocked)]
    await log.append(StreamWrite(stream_of("e" * 32), new, "any"))
    for side, *verdicts in (
        ("input", "confirmed"),
        ("output", "false_positive"),
        ("output", "confirmed", "false_positive"),
        ("output",),
        ("output", "false_positive", "confirmed"),
    ):
        named = {
            "violation_id": str(ident()),
            "inference_id": id_,
            "side": side,
            "excerpt": " ".join(verdicts),
        }
        events: list[Any] = [ViolationDetected.model_validate({**ViolationDetected.example, **named})]
        for verdict in verdicts:
            review = {"violation_id": named["violation_id"], "verdict": verdict, "severity": None}
            events.append(ViolationReviewed.model_validate({**ViolationReviewed.example, **review}))
        new = [codec.encode(event, ident()) for event in events]
        await log.append(StreamWrite(f"violation-{named['violation_id']}", new, "any"))
    suite = await recorded_suite(log, codec, UC, 10)
    assert [case.prompt for case in suite.cases] == [f"Question {n}?" for n in (0, 1, 2, 3, 4, 4)]
    assert [case.forbidden for case in suite.cases if case.kind == "attack"] == [["false_positive confirmed"]]


async def test_recorded_turns_and_confirmed_violations_become_cases() -> None:
    log, codec = await played(4)
    broken = {
        **ViolationDetected.example,
        "inference_id": f"{1:032x}",
        "side": "output",
        "excerpt": "As an AI",
    }
    violation = ViolationDetected.model_validate(broken)
    review = {**ViolationReviewed.example, "violation_id": violation.violation_id, "verdict": "confirmed"}
    new = [codec.encode(event, ident()) for event in (violation, ViolationReviewed.model_validate(review))]
    await log.append(StreamWrite(f"violation-{violation.violation_id}", new, "any"))

    suite = await recorded_suite(log, codec, UC, 3)
    assert [case.prompt for case in suite.cases] == [
        "Question 1?",
        "Question 2?",
        "Question 3?",
        "Question 1?",
    ]
    assert suite.cases[-1].kind == "attack"
    assert suite.cases[-1].forbidden == ["As an AI"]
    assert suite.cases[0].facts == ["the lamp has burned for ninety years"]
    assert {"lore_stated", "lore_contradicted"} <= {choice.name for choice in suite.scorers}
    assert distinct(suite) == 4
    with pytest.raises(EngineError, match="no turn of quest"):
        await recorded_suite(log, codec, "quest", 3)


def test_another_cap_is_another_version() -> None:
    suite = default_suite()
    assert with_pairs(suite, None) is suite
    assert with_pairs(suite, 50).version == f"{suite.version}-50"


def test_a_line_is_rated_by_what_the_guardrails_find() -> None:
    rate = rating()
    assert rate("Mind the step, broker; there was blood on it.") == 0
    assert rate("As an AI language model I cannot say.") > 0
