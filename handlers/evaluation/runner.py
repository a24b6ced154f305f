"""Has a candidate and the current model answer a suite, scores both, and stops as soon as it is decided.

Pairs are begun in groups of ``concurrent``; a pair's two answers come one after the other, in turns as to who
is first: both are measured at the same load, and their order favours neither. Everything but the latency
follows from the suite's seed. When all cases were asked, they are asked again with other seeds.

An answer that failed or is empty scores 0 wherever the other one is scored. Where neither model answered
there is nothing to compare: such a pair moves no evidence, so two dead engines end undecided.
"""

import asyncio
import hashlib
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count, islice
from typing import Any, SupportsFloat, TypeVar

from domain.evaluation.evaluation import CASES_MIN, too_small, verdict_of
from domain.evaluation.messages import FinishEvaluation, ScorerResult
from domain.evaluation.paired import Comparison, Criterion, Errors, Evidence, Overall
from domain.evaluation.scorers import KNOWN_SCORERS, Answer, Scorer
from domain.evaluation.suite import Case, SuiteFacts, Turn, check_scorers, content_of, criteria_of, distinct
from domain.kernel.decider import Rejected
from domain.prompts.assembly import Assembled, assemble, room_for
from domain.prompts.messages import TemplateFacts
from handlers.engines.port import Engine, EngineAsk, EngineError, Scoring, collect, messages_of

ANSWER_S_MAX = 60.0
"""A model that takes longer has failed the case."""

CONCURRENT = 4
HISTORY = "history"
"""The template's section that earlier turns go into, where it has one."""

SCORE_S_MAX = 10.0
"""A scorer of the user's own that takes longer for a case has failed."""

T = TypeVar("T")

Model = Callable[[Case, int], Awaitable[Answer]]
"""Answers a case with a seed; a failure is an answer with a fault, never an exception."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineModel:
    """A model behind an engine that is started."""

    engine: Engine
    template: TemplateFacts
    temperature: float
    clock: Callable[[], float]
    """Seconds; for the latency."""
    timeout_s: float = ANSWER_S_MAX

    async def __call__(self, case: Case, seed: int) -> Answer:
        """Answer the earlier turns that have no answer, then the case."""
        told: list[str] = []
        for turn in case.turns:
            said = turn.answer
            if not said:
                earlier = await self._ask(case, turn.prompt, told, seed)
                if not earlier.answered:
                    return earlier
                said = earlier.text
            told.append(_told(turn, said))
        return await self._ask(case, case.prompt, told, seed, last=True)

    async def _ask(
        self, case: Case, prompt: str, told: Sequence[str], seed: int, *, last: bool = False
    ) -> Answer:
        try:
            rendered = self._rendered(case, prompt, told)
            ask = EngineAsk(
                prompt=rendered.text,
                messages=messages_of(rendered.text, rendered.roles),
                max_tokens=case.max_tokens,
                temperature=self.temperature,
                seed=seed,
                pattern=case.pattern if last else None,
            )
            async with asyncio.timeout(self.timeout_s):
                found = await collect(self.engine, ask, self.clock)
        except (EngineError, Rejected) as error:
            return Answer(text="", fault=error.code)
        except TimeoutError:
            return Answer(text="", fault="deadline_exceeded")
        return Answer(
            text=found.text,
            fault="content_filtered" if found.finish_reason == "filtered" else "",
            prompt_tokens=found.prompt_tokens,
            completion_tokens=found.completion_tokens,
            ttft_ms=found.ttft_ms,
            latency_ms=found.latency_ms,
            reference_log=await self._likelihood(case, ask.prompt) if last else None,
        )

    async def _likelihood(self, case: Case, prompt: str) -> float | None:
        """Return how likely the case's reference is; None where there is none, or the engine cannot tell."""
        if not case.reference or not isinstance(self.engine, Scoring):
            return None
        try:
            async with asyncio.timeout(self.timeout_s):
                return await self.engine.likelihood(prompt, case.reference)
        except (EngineError, TimeoutError):
            return None

    def _rendered(self, case: Case, prompt: str, told: Sequence[str]) -> Assembled:
        context: dict[str, str | Sequence[str]] = {**case.context, "prompt": prompt}
        if told and any(section.name == HISTORY for section in self.template.sections):
            context[HISTORY] = told
        room = room_for(self.template, case.max_tokens)
        return assemble(self.template, context, room=room, count=self.engine.count_tokens)


def _told(turn: Turn, said: str) -> str:
    """Return a turn as history tells it."""
    return f'"{turn.prompt}" {said}'


class ScorerFailed(Exception):
    """A scorer cannot score a case; the message names both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Plan of a comparison: suite, scorers, error bounds."""

    suite: SuiteFacts
    scorers: Mapping[str, Scorer]
    """At least those of the suite's `criteria_of`."""
    errors: Errors = field(default_factory=Errors)
    concurrent: int = CONCURRENT
    """Pairs at a time: the load at which latency is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One case, answered by both."""

    number: int
    case: Case
    seed: int
    candidate: Answer
    current: Answer
    scores: Mapping[str, tuple[float, float]]
    """The candidate's and the current model's score by scorer, where it applies."""

    @property
    def comparable(self) -> bool:
        """Whether at least one of them answered."""
        return self.candidate.answered or self.current.answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Standing of an evaluation after a pair."""

    pair: Pair
    overall: Overall
    wealths: Mapping[str, tuple[float, float]]
    """Logarithms of the evidence for "worse" and for "not worse" by scorer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Outcome of an evaluation."""

    verdict: Overall
    scorers: Sequence[ScorerResult]
    reasons: Sequence[str]
    steps: Sequence[Step]
    thresholds: Mapping[str, tuple[float, float]]
    """Logarithms of the evidence that decides, as in `Step.wealths`."""
    margins: Mapping[str, float]
    """Margin within which a difference counts as not worse, by scorer."""

    def command(self, evaluation_id: str, report_digest: str) -> FinishEvaluation:
        """Return what records it."""
        return FinishEvaluation(
            evaluation_id=evaluation_id,
            pairs=len(self.steps),
            scorers=list(self.scorers),
            reasons=list(self.reasons),
            report_digest=report_digest,
        )


class Evaluator:
    """One comparison of two models; used once."""

    def __init__(self, plan: Plan, *, candidate: Model, current: Model) -> None:
        """Prepare.

        Raises:
            UnknownScorer: the suite names one that the plan does not have.
        """
        check_scorers(plan.suite, plan.scorers)
        criteria = [Criterion(name=c.name, margin=c.margin, weight=c.weight) for c in criteria_of(plan.suite)]
        self._margins = {c.name: c.margin for c in criteria}
        self._plan = plan
        self._candidate = candidate
        self._current = current
        self._scorers = {c.name: plan.scorers[c.name] for c in criteria}
        self._comparison = Comparison(criteria, plan.errors)
        self._steps: list[Step] = []
        self._scoring = asyncio.Lock()
        """The user's own scorers run one at a time: they need not be safe for threads."""

    async def steps(self) -> AsyncGenerator[Step, None]:
        """Yield after every pair until it is decided, or the suite's cap of pairs is reached.

        What passed early is asked on until there are pairs enough to pass.

        Raises:
            ExceptionGroup: of `ScorerFailed`.
        """
        asked = islice(asks(self._plan.suite), self._plan.suite.pairs_max)
        numbered = enumerate(asked, 1)
        while group := list(islice(numbered, self._plan.concurrent)):
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(self._pair(n, case, seed)) for n, (case, seed) in group]
            for task in running:
                step = self._seen(task.result())
                yield step
                if step.overall == "failed":
                    return
                if step.overall == "passed" and len(self._steps) >= CASES_MIN:
                    return

    async def run(self, progress: Callable[[Step], None] = lambda _: None) -> Finding:
        """Return what came of it; ``progress`` is called after every pair."""
        async with aclosing(self.steps()) as steps:
            async for step in steps:
                progress(step)
        return self.finding()

    def finding(self) -> Finding:
        """Return what the steps so far say."""
        results = [self._result(evidence) for evidence in self._comparison.evidence()]
        suite = self._plan.suite
        verdict = verdict_of(results, cases=distinct(suite), pairs=len(self._steps))
        reasons = _reasons(results, [step.pair for step in self._steps])
        if verdict == "undecided" and (small := too_small(suite)):
            reasons = [small, *reasons]
        return Finding(
            verdict=verdict,
            scorers=results,
            reasons=reasons,
            steps=tuple(self._steps),
            thresholds={name: self._comparison.thresholds(name) for name in self._scorers},
            margins=self._margins,
        )

    async def _pair(self, number: int, case: Case, seed: int) -> Pair:
        if number % 2:
            candidate = await self._candidate(case, seed)
            current = await self._current(case, seed)
        else:
            current = await self._current(case, seed)
            candidate = await self._candidate(case, seed)
        scores: dict[str, tuple[float, float]] = {}
        for name, scorer in self._scorers.items():
            score = partial(_scores, name, scorer, case, candidate, current)
            if name in KNOWN_SCORERS:
                both = score()
            else:
                async with self._scoring:
                    both = await _in_time(f"the scorer {name} on the case {case.id}", score)
            if both is not None:
                scores[name] = both
        return Pair(number=number, case=case, seed=seed, candidate=candidate, current=current, scores=scores)

    def _seen(self, pair: Pair) -> Step:
        differences = {name: ours - theirs for name, (ours, theirs) in pair.scores.items()}
        self._comparison.see(differences if pair.comparable else {})
        step = Step(pair=pair, overall=self._comparison.overall, wealths=self._comparison.wealths())
        self._steps.append(step)
        return step

    def _result(self, evidence: Evidence) -> ScorerResult:
        both = [s for step in self._steps if (s := step.pair.scores.get(evidence.name)) is not None]
        return ScorerResult(
            name=evidence.name,
            candidate_mean=sum(ours for ours, _ in both) / max(1, len(both)),
            current_mean=sum(theirs for _, theirs in both) / max(1, len(both)),
            difference=evidence.difference,
            low=evidence.low,
            high=evidence.high,
            verdict=evidence.verdict,
            applied=evidence.applied,
        )


def asks(suite: SuiteFacts) -> Iterator[tuple[Case, int]]:
    """Yield cases with seeds for ever: every case once in a drawn order, then all again in another.

    What differs only in its id from a case before it comes last: those who pass soon have met other cases.
    """
    first: dict[str, int] = {}
    twins = [first.setdefault(content_of(case), n) != n for n, case in enumerate(suite.cases)]
    for turn in count():
        drawn = sorted((twins[n], _drawn(suite.seed, turn, case), n) for n, case in enumerate(suite.cases))
        for _, number, n in drawn:
            yield suite.cases[n], number


def _drawn(seed: int, turn: int, case: Case) -> int:
    """Return 32 bits that follow from the arguments and from nothing else."""
    digest = hashlib.sha256(f"{seed}/{turn}/{case.id}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def _scores(
    name: str, scorer: Scorer, case: Case, candidate: Answer, current: Answer
) -> tuple[float, float] | None:
    try:
        ours, theirs = scorer(case, candidate), scorer(case, current)
    except Exception as error:  # whatever a user's function does, it is told as that
        told = f"the scorer {name} failed on the case {case.id}: {type(error).__name__}: {error}"
        raise ScorerFailed(told) from error
    if ours is None or theirs is None:
        return None
    for score in (ours, theirs):
        if not isinstance(score, SupportsFloat) or not 0.0 <= float(score) <= 1.0:
            raise ScorerFailed(
                f"the scorer {name} gave {score!r} to the case {case.id}; it must give 0 to 1, or None"
            )
    return float(ours) * candidate.answered, float(theirs) * current.answered


async def _in_time(what: str, work: Callable[[], T]) -> T:
    """Return what ``work`` returns, within `SCORE_S_MAX`, from a thread that nobody waits for at the end.

    Raises:
        ScorerFailed: it took longer; and whatever ``work`` raises.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(take: Callable[[Any], None], found: object) -> None:
        if not done.done():
            take(found)

    def run() -> None:
        try:
            ended: tuple[Callable[[Any], None], object] = (done.set_result, work())
        except Exception as error:
            ended = (done.set_exception, error)
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(tell, *ended)

    threading.Thread(target=run, name=what, daemon=True).start()
    try:
        async with asyncio.timeout(SCORE_S_MAX):
            return await done
    except TimeoutError:
        raise ScorerFailed(f"{what} took longer than {SCORE_S_MAX:g} s") from None


def _reasons(results: Sequence[ScorerResult], pairs: Sequence[Pair]) -> list[str]:
    """Return a sentence for each scorer that stands in the way; one if none does."""
    found = [_reason(result) for result in results if result.verdict == "worse"]
    if not found:
        found = [_reason(result) for result in results if result.verdict == "undecided"]
    if dead := sum(not pair.comparable for pair in pairs):
        found.append(f"in {dead} of {len(pairs)} pairs neither model answered: nothing was compared there")
    return found or [f"no scorer found the candidate worse by its margin, after {len(pairs)} pairs"]


def _reason(result: ScorerResult) -> str:
    if not result.applied:
        return f"{result.name} applied to no pair: give the suite cases for it, or leave it out"
    means = f"{result.candidate_mean:.3f} against {result.current_mean:.3f} over {result.applied} pairs"
    if result.verdict == "worse":
        return f"{result.name} is worse: {means}"
    return f"{result.name} is undecided: {means}, difference {result.low:+.3f} to {result.high:+.3f}"
