"""Evaluations against known truth, caught or passed: 30 planted regressions, 20 harmless ones.

The shipped gold model is the current one, the sample world's suite is asked, and every candidate runs on real
embedded engines: worse weights, hotter draws, slower tokens, patterns that are not kept to, the wrong voice
in the prompt; and gold's own answers spoilt, some only now and then. Harmless are other draws of the same
weights, temperatures nearby, and silver, which by its card says facts and memories as gold does. Caught is
only what failed: an undecided candidate was held, too, but nobody was told why. Candidates that share a seed
of the suite share the current model's answers, which were measured at the same concurrency.
"""

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import chain, zip_longest

from aicore.content.suites import default_suite
from aicore.content.templates import LINE
from aicore.content.weights import shipped_model
from aicore.content.world import VOICES
from benchmarks.harness import Progress, Report, percentile
from domain.evaluation.scorers import Answer, scorers_of
from domain.evaluation.suite import Case, Lexicon
from domain.prompts.messages import RegisterTemplate
from domain.routing.promises import GOLD_TOKEN_MS
from handlers.engines.embedded import EmbeddedEngine
from handlers.evaluation.runner import CONCURRENT, EngineModel, Evaluator, Finding, Model, Plan

TEMPERATURE = 0.7
SUITE_SEEDS = 20
"""Orders of cases and draws; the variants take turns, so every harmless one has its own."""

MODELS = ("ember-gold", "ember-gold-early", "ember-silver")
OUT_OF_CHARACTER = "As an AI language model, I cannot say more about that."

Spoil = Callable[[Case, Answer, random.Random], Answer]


@dataclass(frozen=True, slots=True)
class Variant:
    """A candidate and whether it is worse."""

    kind: str
    strength: str
    harmful: bool
    model: Model


class Cached:
    """Remembers a model's answers by case and seed."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._answers: dict[tuple[str, int], Answer] = {}

    async def __call__(self, case: Case, seed: int) -> Answer:
        key = (case.id, seed)
        if key not in self._answers:
            self._answers[key] = await self._model(case, seed)
        return self._answers[key]


# --- what is planted ----------------------------------------------------------------------------------------


def spoilt(model: Model, spoil: Spoil, share: float) -> Model:
    """Return a model that spoils a share of another's free answers."""

    async def answer(case: Case, seed: int) -> Answer:
        found = await model(case, seed)
        draws = random.Random(seed)
        return spoil(case, found, draws) if not case.pattern and draws.random() < share else found

    return answer


def cut_short(keep: float) -> Spoil:
    def spoil(_case: Case, answer: Answer, _draws: random.Random) -> Answer:
        words = answer.text.split()
        return replace(answer, text=" ".join(words[: max(1, int(keep * len(words)))]).rstrip(".!?,;:"))

    return spoil


def swapped(lexicon: Lexicon) -> Spoil:
    """Put another name or number of the world in the place of one that the case's facts have."""
    kinds = {name: names for names in lexicon.names.values() for name in names}

    def spoil(case: Case, answer: Answer, draws: random.Random) -> Answer:
        facts = " ".join(case.facts)
        found = [name for name in kinds if re.search(rf"\b{re.escape(name)}\b", facts)]
        if not found:
            return answer
        name = draws.choice(found)
        other = draws.choice([other for other in kinds[name] if other != name])
        text = re.sub(rf"\b{re.escape(name)}\b", other, answer.text, flags=re.IGNORECASE)
        return replace(answer, text=text)

    return spoil


def out_of_character(_case: Case, answer: Answer, _draws: random.Random) -> Answer:
    return replace(answer, text=f"{answer.text} {OUT_OF_CHARACTER}")


def looping(_case: Case, answer: Answer, _draws: random.Random) -> Answer:
    last = (re.findall(r"[^.!?]+[.!?]", answer.text) or [answer.text])[-1].strip()
    return replace(answer, text=" ".join([answer.text, last, last, last]))


def in_wrong_voice(model: Model, share: float) -> Model:
    """Return a model whose prompt gives some characters the voice of another."""

    async def answer(case: Case, seed: int) -> Answer:
        draws = random.Random(seed)
        if draws.random() >= share:
            return await model(case, seed)
        other = draws.choice([voice for voice in VOICES if voice != case.voice])
        npc = str(case.context["npc"]).rpartition(", ")[0]
        context = {**case.context, "npc": f"{npc}, {other}"}
        return await model(case.model_copy(update={"context": context}), seed)

    return answer


def without_patterns(model: Model) -> Model:
    """Return a model whose server does not know the parameter for patterns and says nothing."""

    async def answer(case: Case, seed: int) -> Answer:
        return await model(case.model_copy(update={"pattern": None}), seed)

    return answer


def slowed(model: Model, token_ms: float) -> Model:
    """Return a model whose tokens take longer; it really waits."""

    async def answer(case: Case, seed: int) -> Answer:
        began = time.perf_counter()
        found = await model(case, seed)
        further = max(0, found.completion_tokens - 1)
        await asyncio.sleep(further * token_ms / 1e3)
        return replace(found, latency_ms=(time.perf_counter() - began) * 1e3)

    return answer


def with_draws(model: Model, number: int) -> Model:
    """Return a model that draws otherwise than the current one does with the same seed."""

    def answer(case: Case, seed: int) -> Awaitable[Answer]:
        return model(case, (seed + (2 * number + 1) * 0x4F1B_BCDD) % 2**32)

    return answer


# --- the variants -------------------------------------------------------------------------------------------


def regressions(models: "Models") -> list[list[Variant]]:
    """Return the planted regressions by kind, the plainest first."""
    gold, lexicon = models.gold, default_suite().lexicon
    plain = models.of("ember-gold", TEMPERATURE)  # asked something else, so nothing of it is remembered

    def of(kind: str, made: Sequence[tuple[str, Model]]) -> list[Variant]:
        return [Variant(kind, strength, harmful=True, model=model) for strength, model in made]

    early = [(f"draw {n}", models.of("ember-gold-early", TEMPERATURE)) for n in range(3)]
    return [
        of("early_weights", early),
        of("cut_short", [(f"to {k:.0%}", spoilt(gold, cut_short(k), 1.0)) for k in (0.5, 0.7, 0.8, 0.9)]),
        of("facts_swapped", [(f"in {s:.0%}", spoilt(gold, swapped(lexicon), s)) for s in (1, 0.6, 0.4, 0.3)]),
        of(
            "out_of_character",
            [(f"in {s:.0%}", spoilt(gold, out_of_character, s)) for s in (1, 0.4, 0.25, 0.15)],
        ),
        of("loops", [(f"in {s:.0%}", spoilt(gold, looping, s)) for s in (1, 0.6, 0.4)]),
        of(
            "slow_tokens",
            [(f"at {x:g} times the promise", slowed(gold, x * GOLD_TOKEN_MS)) for x in (2, 1.5, 1.25)],
        ),
        of("temperature", [(f"{t}", models.of("ember-gold", t)) for t in (1.8, 1.8, 1.6)]),
        of("wrong_voice", [(f"in {s:.0%}", in_wrong_voice(plain, s)) for s in (1, 0.5, 0.25)]),
        of("patterns_ignored", [(f"draw {n}", without_patterns(plain)) for n in range(3)]),
    ]


def harmless(models: "Models") -> list[list[Variant]]:
    """Return variants that are no worse, by kind."""

    def of(kind: str, made: Sequence[tuple[str, Model]]) -> list[Variant]:
        return [Variant(kind, strength, harmful=False, model=model) for strength, model in made]

    def drawn(number: int, temperature: float = TEMPERATURE, name: str = "ember-gold") -> Model:
        return with_draws(models.of(name, temperature), number)

    near = (0.6, 0.65, 0.75, 0.6, 0.65, 0.75, 0.65)
    return [
        of("other_draws", [(f"draw {n}", drawn(n)) for n in range(9)]),
        of("temperature_near", [(f"{t}", drawn(n, t)) for n, t in enumerate(near, 9)]),
        of("silver", [(f"draw {n}", drawn(n, name="ember-silver")) for n in range(16, 20)]),
    ]


class Models:
    """The shipped models behind started engines."""

    def __init__(self, engines: dict[str, EmbeddedEngine]) -> None:
        self._engines = engines
        self._template = RegisterTemplate.model_validate(LINE)
        self.gold: Model = Cached(self.of("ember-gold", TEMPERATURE))

    def of(self, name: str, temperature: float) -> Model:
        return EngineModel(
            engine=self._engines[name],
            template=self._template,
            temperature=temperature,
            clock=time.perf_counter,
        )


@asynccontextmanager
async def started() -> AsyncIterator[Models]:
    engines = {name: EmbeddedEngine(shipped_model(name), name=name) for name in MODELS}
    try:
        for engine in engines.values():
            await engine.start()
        yield Models(engines)
    finally:
        for engine in engines.values():
            await engine.stop()


async def evaluated(variant: Variant, models: Models, seed: int) -> Finding:
    """Return what an evaluation makes of a variant."""
    suite = default_suite().model_copy(update={"seed": seed})
    plan = Plan(suite=suite, scorers=scorers_of(suite))
    return await Evaluator(plan, candidate=variant.model, current=models.gold).run()


async def run(quick: bool, progress: Progress) -> Report:
    """Measure."""
    report = Report("promote", 1)
    suite = default_suite()
    report.facts |= {"cases": len(suite.cases), "scorers": len(suite.scorers), "concurrent": CONCURRENT}
    report.facts |= {"pairs_max": suite.pairs_max, "current model": f"ember-gold at {TEMPERATURE}"}
    async with started() as models:
        for name, kinds in (("regressions", regressions(models)), ("harmless", harmless(models))):
            # In turns over the kinds, so that each seed of the suite meets several.
            variants = [v for v in chain.from_iterable(zip_longest(*kinds)) if v is not None]
            chosen = variants[: len(kinds)] if quick else variants
            findings = []
            for n, variant in enumerate(chosen):
                finding = await evaluated(variant, models, 1 + n % SUITE_SEEDS)
                findings.append((variant, finding))
                why = "; ".join(finding.reasons)
                progress(
                    f"{variant.kind} {variant.strength}: {finding.verdict}, {len(finding.steps)} pairs: {why}"
                )
            _report(report, name, findings)
    return report


def _report(report: Report, name: str, findings: Sequence[tuple[Variant, Finding]]) -> None:
    for verdict in ("failed", "passed", "undecided"):
        report.add(f"{name}_{verdict}", sum(f.verdict == verdict for _, f in findings), "candidates")
    report.add(f"{name}_of", len(findings), "candidates")
    pairs = [float(len(finding.steps)) for _, finding in findings]
    report.add(f"{name}_pairs_p50", percentile(pairs, 0.5), "pairs")
    report.add(f"{name}_pairs_p90", percentile(pairs, 0.9), "pairs")
    for kind in dict.fromkeys(variant.kind for variant, _ in findings):
        mine = [finding for variant, finding in findings if variant.kind == kind]
        right = "failed" if name == "regressions" else "passed"
        report.facts[kind] = f"{sum(f.verdict == right for f in mine)} of {len(mine)} {right}, in " + (
            ", ".join(str(len(f.steps)) for f in mine) + " pairs"
        )
