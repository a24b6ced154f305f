"""Running an evaluation: paired, reproducible, stopped when decided, and never fooled by silence."""

import asyncio
import math
import re
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any

import pytest

from aicore.content.suites import default_suite
from aicore.content.templates import LINE
from aicore.content.weights import shipped_model
from domain.evaluation.evaluation import CASES_MIN, too_small
from domain.evaluation.scorers import Answer, scorers_of
from domain.evaluation.suite import Case, SuiteFacts, UnknownScorer
from domain.prompts.messages import RegisterTemplate
from handlers.engines.embedded import EmbeddedEngine
from handlers.engines.port import End, EngineAsk, EngineError, Piece
from handlers.evaluation.runner import EngineModel, Evaluator, Finding, Model, Plan, ScorerFailed, Step, asks
from tests.unit.evaluation.kit import FACT, case, model, suite, told

TEMPLATE = RegisterTemplate.model_validate(LINE)
GOOD = model(lambda asked, seed: told(f"{FACT}. Number {seed % 9}."))
SILENT = model(lambda asked, seed: told("", fault="engine_failed"))


def plan(of: SuiteFacts | None = None, concurrent: int = 4) -> Plan:
    asked = of or suite(
        *(case(id=f"c{n}", prompt=f"What happened {n} times?", facts=[FACT]) for n in range(30))
    )
    return Plan(suite=asked, scorers=scorers_of(asked), concurrent=concurrent)


async def found(candidate: Model, current: Model = GOOD, of: SuiteFacts | None = None) -> Finding:
    return await Evaluator(plan(of), candidate=candidate, current=current).run()


async def test_the_same_answers_pass_soon() -> None:
    finding = await found(GOOD)
    assert finding.verdict == "passed"
    assert len(finding.steps) < 120
    assert {result.name for result in finding.scorers} == {"lore_stated", "in_character", "answered"}


async def test_who_is_clearly_better_is_asked_until_it_can_pass() -> None:
    """The scar: it stopped after 6 pairs, which are too few to pass, and did so again at every try."""
    finding = await found(GOOD, current=SILENT)
    assert (finding.verdict, len(finding.steps)) == ("passed", CASES_MIN)


def test_what_was_asked_already_comes_after_all_that_was_not() -> None:
    """Else thirty pairs, which suffice to pass, would be of fewer cases than the suite has."""
    double = suite(*(case(id=f"c{n}", prompt=f"What happened {n % 30} times?") for n in range(90)))
    assert len({asked.prompt for asked, _ in islice(asks(double), CASES_MIN)}) == CASES_MIN
    assert {asked.id for asked, _ in islice(asks(double), 90)} == {each.id for each in double.cases}


async def test_one_turn_asked_again_and_again_passes_nothing() -> None:
    finding = await found(GOOD, of=suite(*(case(id=f"c{n}", facts=[FACT]) for n in range(40))))
    assert finding.verdict == "undecided"
    assert finding.reasons[0] == too_small(suite()) != ""


async def test_a_worse_candidate_fails_sooner_and_is_told_why() -> None:
    finding = await found(model(lambda asked, seed: told("Nine boats were lost off the Saltings.")))
    assert finding.verdict == "failed"
    assert len(finding.steps) < 30
    assert finding.reasons[0].startswith("lore_stated is worse: 0.000 against 1.000")


async def test_silence_fails_and_scores_nothing() -> None:
    finding = await found(SILENT)
    assert finding.verdict == "failed"
    assert all(result.candidate_mean == 0.0 for result in finding.scorers)


@pytest.mark.parametrize("text", ["", "   "])
async def test_two_models_that_say_nothing_are_not_alike(text: str) -> None:
    """The scar: two lists of empty strings were 100 % similar and passed."""
    empty = model(lambda asked, seed: told(text))
    finding = await found(empty, empty, suite(pairs_max=200))
    assert finding.verdict == "undecided"
    assert all(result.applied == 0 for result in finding.scorers)
    assert "in 200 of 200 pairs neither model answered" in finding.reasons[-1]


async def test_the_cap_ends_it_undecided() -> None:
    finding = await found(GOOD, of=suite(pairs_max=7))
    assert (finding.verdict, len(finding.steps)) == ("undecided", 7)
    assert finding.reasons[0] == too_small(suite(pairs_max=7))
    assert all("undecided" in reason for reason in finding.reasons[1:])


async def test_the_same_suite_gives_the_same_finding_at_any_concurrency() -> None:
    def sometimes(asked: Case, seed: int) -> Answer:
        return told(f"{FACT}." if seed % 10 else "I know nothing.")

    ran = [
        await Evaluator(plan(concurrent=n), candidate=model(sometimes), current=GOOD).run() for n in (1, 3, 8)
    ]
    assert ran[0] == ran[1] == ran[2]


async def test_both_get_the_same_case_and_seed_and_take_turns_in_being_first() -> None:
    order: list[tuple[str, str, int]] = []

    def noting(who: str) -> Model:
        def answer(asked: Case, seed: int) -> Answer:
            order.append((who, asked.id, seed))
            return told(f"{FACT}.")

        return model(answer)

    await Evaluator(plan(concurrent=1), candidate=noting("new"), current=noting("now")).run()
    both = list(zip(order[::2], order[1::2], strict=True))
    assert all(first[1:] == second[1:] for first, second in both)
    assert [first[0] for first, _ in both[:4]] == ["new", "now", "new", "now"]


def test_every_case_is_asked_before_any_is_asked_again_with_another_seed() -> None:
    small = suite(*(case(id=f"c{n}") for n in range(10)))
    drawn = [(asked.id, seed) for asked, seed in islice(asks(small), 30)]
    rounds = [drawn[:10], drawn[10:20], drawn[20:]]
    assert all(len({id_ for id_, _ in one}) == 10 for one in rounds)
    assert [id_ for id_, _ in rounds[0]] != [id_ for id_, _ in rounds[1]]
    assert len({seed for _, seed in drawn}) == 30
    assert drawn == [(asked.id, seed) for asked, seed in islice(asks(small), 30)]
    other = small.model_copy(update={"seed": 2})
    assert drawn != [(asked.id, seed) for asked, seed in islice(asks(other), 30)]


async def test_no_more_than_the_stated_pairs_run_at_a_time() -> None:
    active, most = 0, 0

    async def answer(asked: Case, seed: int) -> Answer:
        nonlocal active, most
        active += 1
        most = max(most, active)
        await asyncio.sleep(0)
        active -= 1
        return told(f"{FACT}.")

    await Evaluator(plan(concurrent=3), candidate=answer, current=answer).run()
    assert most == 3


async def test_progress_is_told_after_every_pair() -> None:
    told_: list[Step] = []
    finding = await Evaluator(plan(), candidate=GOOD, current=GOOD).run(told_.append)
    assert tuple(told_) == tuple(finding.steps)
    assert [step.pair.number for step in told_] == list(range(1, len(told_) + 1))
    assert {step.overall for step in told_[:-1]} == {"undecided"}


def test_an_unknown_scorer_is_refused_before_anything_runs() -> None:
    with pytest.raises(UnknownScorer, match="'sparkle'"):
        Evaluator(plan(suite(scorers=[{"name": "sparkle"}])), candidate=GOOD, current=GOOD)


def raising(_case: Case, _answer: Answer) -> float:
    raise KeyError("tone")


@pytest.mark.parametrize(
    ("scorer", "says"),
    [
        (lambda _case, _answer: 2.0, r"scorer mine gave 2\.0 to the case"),
        (lambda _case, _answer: math.nan, "scorer mine gave nan to the case"),
        (lambda _case, _answer: "good", "scorer mine gave 'good' to the case"),
        (raising, "scorer mine failed on the case .*: KeyError: 'tone'"),
    ],
)
async def test_a_scorer_that_cannot_score_is_named_with_the_case(scorer: Any, says: str) -> None:
    asked = suite(scorers=[{"name": "mine"}])
    broken = Plan(suite=asked, scorers={**scorers_of(asked), "mine": scorer})
    with pytest.raises(ExceptionGroup) as fault:
        await Evaluator(broken, candidate=GOOD, current=GOOD).run()
    assert isinstance(fault.value.exceptions[0], ScorerFailed)
    assert re.search(says, str(fault.value.exceptions[0]))


async def test_a_scorer_that_hangs_ends_the_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scar: it held the loop, and not even Ctrl-C ended the command."""
    monkeypatch.setattr("handlers.evaluation.runner.SCORE_S_MAX", 0.05)
    asked, hanging = suite(scorers=[{"name": "mine"}]), threading.Event()
    broken = Plan(suite=asked, scorers={**scorers_of(asked), "mine": lambda _c, _a: hanging.wait() and 1.0})
    try:
        with pytest.raises(ExceptionGroup) as fault:
            await Evaluator(broken, candidate=GOOD, current=GOOD).run()
    finally:
        hanging.set()
    assert "the scorer mine on the case" in str(fault.value.exceptions[0])
    assert "took longer than 0.05 s" in str(fault.value.exceptions[0])


async def test_a_scorer_of_the_users_own_need_not_be_safe_for_threads() -> None:
    inside = most = 0

    def counting(_case: Case, _answer: Answer) -> float:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.001)  # lets another thread in, if there is one
        inside -= 1
        return 0.5

    asked = suite(scorers=[{"name": "mine"}])
    finding = await Evaluator(
        Plan(suite=asked, scorers={**scorers_of(asked), "mine": counting}), candidate=GOOD, current=GOOD
    ).run()
    assert next(r for r in finding.scorers if r.name == "mine").candidate_mean == 0.5
    assert most == 1


# --- engines ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def running(name: str) -> AsyncIterator[EngineModel]:
    engine = EmbeddedEngine(shipped_model(name))
    await engine.start()
    try:
        yield EngineModel(engine=engine, template=TEMPLATE, temperature=0.7, clock=time.perf_counter)
    finally:
        await engine.stop()


def tiny() -> SuiteFacts:
    """Return some of the shipped suite's cases: facts, a conversation and an action."""
    whole = default_suite()
    ids = [f"fact-{n}" for n in range(8)] + ["script-0", "script-2", "act-0"]
    chosen = [one for one in whole.cases if one.id in ids]
    scorers = [one for one in whole.scorers if one.name in {"lore_stated", "structure", "latency"}]
    return whole.model_copy(update={"cases": chosen, "scorers": scorers})


async def test_the_early_model_fails_against_gold() -> None:
    async with running("ember-gold") as gold, running("ember-gold-early") as early:
        finding = await found(early, gold, tiny())
    assert finding.verdict == "failed"
    assert len(finding.steps) < 60
    lore = next(result for result in finding.scorers if result.name == "lore_stated")
    assert lore.current_mean > 0.7 > 0.2 > lore.candidate_mean
    assert all(step.pair.current.latency_ms > 0 for step in finding.steps)


async def test_an_engine_answers_earlier_turns_itself_and_keeps_to_patterns() -> None:
    cases = {one.id: one for one in tiny().cases}
    async with running("ember-gold") as gold:
        scripted = await gold(cases["script-2"], 5)
        acted = await gold(cases["act-0"], 5)
        again = await gold(cases["script-2"], 5)
    assert scripted.answered
    assert scripted.text == again.text
    assert scorers_of(default_suite())["structure"](cases["act-0"], acted) == 1.0


async def test_what_an_engine_cannot_do_is_a_fault_of_the_answer() -> None:
    async with running("ember-gold") as gold:
        unknown = await gold(case(context={"smell": "tar"}), 1)
        long = await gold(case(prompt="word " * 300), 1)
    assert (unknown.fault, long.fault) == ("unknown_context", "prompt_too_long")
    stopped = EngineModel(
        engine=EmbeddedEngine(shipped_model()), template=TEMPLATE, temperature=0.7, clock=time.perf_counter
    )
    assert (await stopped(case(), 1)).fault == "engine_unreachable"


class Stuck(EmbeddedEngine):
    """Never says anything."""

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    async def stream(self, ask: EngineAsk) -> AsyncGenerator[Piece | End, None]:
        await asyncio.Event().wait()
        raise EngineError("never")
        yield End("stop", 0, 0)


async def test_an_engine_that_hangs_is_given_up() -> None:
    stuck = EngineModel(
        engine=Stuck(shipped_model()), template=TEMPLATE, temperature=0.7, clock=time.perf_counter,
        timeout_s=0.01,
    )  # fmt: skip
    answer = await stuck(case(turns=[{"prompt": "Hello."}]), 1)
    assert answer.fault == "deadline_exceeded"
