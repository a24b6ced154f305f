"""Compares a candidate with the current model on engines of this process, and says so to the running system.

The engines are this process's own, so an evaluation takes nothing from players. Verdicts go over the public
wire: to the evaluation's own stream, and to the registry, where a passed one is the ticket for a deployment.
"""

import hashlib
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from aicore.audit.evaluation_page import as_html
from aicore.audit.evaluation_report import About, as_json, digest_of
from aicore.audit.reading import events_until
from aicore.client import Client
from aicore.content.guardrails import load_policy
from aicore.content.suites import default_suite
from aicore.content.weights import MODELS
from aicore.settings import Settings
from aicore.wiring.engines_file import EnginesFile, read_file
from aicore.wiring.scorers import load_scorers
from aicore.wiring.tiers import build, default_file, own_engine
from bus.codec import EventCodec
from bus.ports import EventLog
from bus.retry import until_seen
from domain.evaluation.messages import RegisterSuite
from domain.evaluation.scorers import scorers_of
from domain.evaluation.suite import CASES_MAX, Case, criteria_of, label
from domain.evaluation.suite import digest_of as suite_digest
from domain.guardrails.check import check
from domain.guardrails.compiler import compile_policy
from domain.guardrails.messages import ViolationDetected, ViolationReviewed
from domain.inference.messages import InferenceCompleted, InferenceRequested
from domain.kernel.visibility import Erased, shown
from domain.outcomes.turn import WHOLE
from domain.prompts.messages import TemplateFacts
from domain.registry.facts import artefacts_digest, configuration_digest
from domain.registry.messages import ModelRegistered
from domain.registry.state import Model
from handlers.engines.port import Engine, EngineError
from handlers.evaluation.runner import EngineModel, Evaluator, Finding, Plan, ScorerFailed, Step
from handlers.routing.router import fitting
from protocol.limits import PAYLOAD_BYTES_MAX
from protocol.packing import pack

TOLD_S, LOOK_S = 10.0, 0.05
RECORDED = (InferenceRequested, InferenceCompleted, ViolationDetected, ViolationReviewed)
RECORDED_MEASURES = {"in_character", "repetition", "length", "language", "latency", "rating"}
LORE_MEASURES = {"lore_stated", "lore_contradicted"}
"""Of recorded turns: in any case, and of those that were given lore. Whose voice it is, is not recorded."""
FACTS_MAX = 8
FACT_MAX = 2_000
"""Facts of a recorded turn that must be said, and their length; a page of lore is no fact."""
LEVELS = {"medium": 0.5, "high": 1.0, "critical": 4.0}
"""Weight of a guardrails finding in a line's rating, by severity."""


class CannotEvaluate(EngineError):
    """An evaluation that cannot be made as it was asked for, and the way out."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A comparison: candidate, current model, suite, and who wants it and why."""

    candidate: Mapping[str, Any]
    """Rows of registry.models."""
    current: Mapping[str, Any]
    suite: RegisterSuite
    evaluation_id: UUID
    operator: str
    reason: str
    made_at: str


@dataclass(frozen=True, slots=True)
class Place:
    """Surroundings of an evaluation."""

    settings: Settings
    state_dir: Path
    clock: Callable[[], float]
    """Seconds, for latencies."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of an evaluation."""

    finding: Finding
    about: About
    report: bytes
    """In JSON, with every pair; its digest is in the log."""
    page: str
    """In HTML."""


async def evaluate(
    client: Client,
    comparison: Comparison,
    place: Place,
    progress: Callable[[Step], None],
) -> Outcome:
    """Run an evaluation to its end and record it.

    Raises:
        Refused: the system refuses it (an unknown scorer, a suite of this version with other content, …).
        EngineError: a model cannot be run here.
        CannotEvaluate: the suite is another use case's, a model has no template, or a scorer failed.
    """
    suite, id_ = comparison.suite, comparison.evaluation_id.hex
    candidate, current = comparison.candidate, comparison.current
    if suite.use_case != candidate["use_case"]:
        raise CannotEvaluate(
            f"{label(suite)} is a suite of {suite.use_case}, the candidate serves {candidate['use_case']}",
            "give one of its own (--suite), or --recorded with what its players asked",
        )
    plan = Plan(suite=suite, scorers={**scorers_of(suite, rating()), **load_scorers(place.settings.scorers)})
    rows = (candidate, current)
    templates = [await _template(client, row) for row in rows]
    about = _about(comparison)
    async with _served(place, rows) as engines:
        await client.command("evaluation.register_suite", suite.model_dump(mode="json"))
        started = {
            "evaluation_id": id_,
            "suite": label(suite),
            "suite_digest": suite_digest(suite),
            "use_case": suite.use_case,
            "candidate": candidate["model_id"],
            "current": current["model_id"],
            "scorers": sorted(choice.name for choice in criteria_of(suite)),
            "seed": suite.seed,
            "candidate_configuration": configuration_digest(candidate["configuration"]),
            "current_configuration": configuration_digest(current["configuration"]),
            "operator": comparison.operator,
            "reason": comparison.reason,
        }
        await client.command("evaluation.start", started)
        sides = [
            EngineModel(engine=engine, template=template, temperature=suite.temperature, clock=place.clock)
            for engine, template in zip(engines, templates, strict=True)
        ]
        try:
            finding = await Evaluator(plan, candidate=sides[0], current=sides[1]).run(progress)
            report, page = as_json(finding, about), as_html(finding, about)
        except BaseException as error:
            why = f"{type(error).__name__}: {error}"[:2_000]
            await client.command("evaluation.abort", {"evaluation_id": id_, "why": why})
            if isinstance(error, ExceptionGroup):  # pairs run side by side: a scorer failed on several
                raise _told_of(error.exceptions[0]) from error
            raise
    finish = finding.command(id_, digest_of(report)).model_dump(mode="json")
    reply = await client.command("evaluation.finish", finish)
    await _told(client, candidate, reply.events[-1].position)
    return Outcome(finding, about, report, page)


def _told_of(error: Exception) -> EngineError:
    if isinstance(error, ScorerFailed):
        return CannotEvaluate(str(error), "correct the scorer, or leave it out of the suite")
    return EngineError(f"an engine failed: {type(error).__name__}: {error}")


async def _told(client: Client, candidate: Mapping[str, Any], position: int) -> None:
    """Wait until the registry knows the verdict: the next command may be the deployment's.

    Raises:
        EngineError: it does not hear of it in time.
    """

    async def look() -> bool | None:
        rows = (await client.query("registry.models", {"use_case": candidate["use_case"]})).result
        of_it = (row for row in rows if row["model_id"] == candidate["model_id"])
        return any(row["position"] > position for row in of_it) or None

    if not await until_seen(look, every_s=LOOK_S, within_s=TOLD_S):
        raise EngineError(
            f"the verdict is in the log at {position}, but the registry has not taken it in; is the "
            "component commands running?"
        )


def rating() -> Callable[[str], float]:
    """Return what rates a line: 0 for one in which the guardrails find nothing."""
    policy = load_policy()
    compiled = compile_policy(policy, next(iter(policy.profiles)))

    def rate(text: str) -> float:
        return min(4.0, sum(LEVELS.get(found.severity, 0.25) for found in check(compiled, text).findings))

    return rate


async def recorded_suite(log: EventLog, codec: EventCodec, use_case: str, cases: int) -> RegisterSuite:
    """Return the sample world's suite with the newest recorded turns of a use case as its cases.

    What led to a line that a person confirmed to break the policy comes back as an attack.

    Raises:
        CannotEvaluate: there are none, or too many for a suite.
    """
    kinds = tuple(kind.event_name for kind in RECORDED)
    asked: dict[str, InferenceRequested] = {}
    answered: list[InferenceRequested] = []
    violations: dict[str, ViolationDetected] = {}
    reviews: dict[str, str] = {}
    async for recorded in events_until(log, kinds, None):
        event = codec.decode(recorded)
        if isinstance(event, InferenceRequested) and event.use_case == use_case:
            asked[event.inference_id] = event
        elif isinstance(event, InferenceCompleted) and (found := asked.get(event.inference_id)):
            # Else nobody was asked, or nobody answered; and what is erased can be asked no more.
            if event.finish_reason in WHOLE and _whole(found):
                answered.append(found)
        elif isinstance(event, ViolationDetected) and event.side == "output":
            violations[event.violation_id] = event
        elif isinstance(event, ViolationReviewed):
            reviews[event.violation_id] = event.verdict  # the last one counts
    confirmed = [
        _attack(n, found, broken)
        for n, (id_, broken) in enumerate(violations.items())
        if reviews.get(id_) == "confirmed" and (found := asked.get(broken.inference_id)) and _whole(found)
    ][-min(cases, CASES_MAX // 2) :]
    chosen = answered[-min(cases, CASES_MAX - len(confirmed)) :]
    if not chosen:
        raise CannotEvaluate(
            f"no turn of {use_case} is recorded yet", "play first, or use another suite than --recorded"
        )
    turns = [*(_case(n, each) for n, each in enumerate(chosen)), *confirmed]
    measures = RECORDED_MEASURES | (LORE_MEASURES if any(case.facts for case in turns) else set())
    content = orjson.dumps([case.model_dump(mode="json") for case in turns], option=orjson.OPT_SORT_KEYS)
    plain = default_suite()
    suite = RegisterSuite.model_validate(
        {
            **plain.model_dump(),
            "name": f"recorded-{use_case.replace('_', '-')}"[:63],
            "version": hashlib.sha256(content).hexdigest()[:16],
            "use_case": use_case,
            "description": f"The newest {len(chosen)} recorded turns.",
            "cases": turns,
            "scorers": [choice.model_dump() for choice in plain.scorers if choice.name in measures],
        }
    )
    if (size := len(pack(suite.model_dump(mode="json")))) > PAYLOAD_BYTES_MAX:
        fit = max(1, len(chosen) * (PAYLOAD_BYTES_MAX - size + len(content)) // len(content))
        raise CannotEvaluate(
            f"a suite of {len(chosen)} recorded turns has {size} bytes, the limit is {PAYLOAD_BYTES_MAX}",
            f"ask for fewer, about {fit} (--recorded)",
        )
    return suite


def _whole(asked: InferenceRequested) -> bool:
    return not isinstance(asked.prompt, Erased) and not isinstance(asked.context, Erased)


def _case(number: int, asked: InferenceRequested) -> Case:
    prompt, context = shown(asked.prompt), shown(asked.context, {})
    lore = context.get("lore", [])
    said = [lore] if isinstance(lore, str) else lore
    return Case(
        id=f"turn-{number}",
        kind="replay",
        prompt=prompt,
        npc=asked.npc,
        context=context,
        facts=[fact for fact in said if fact.strip() and len(fact) <= FACT_MAX][:FACTS_MAX],
        max_tokens=asked.max_tokens,
        pattern=asked.pattern,
    )


def _attack(number: int, asked: InferenceRequested, broken: ViolationDetected) -> Case:
    excerpt = shown(broken.excerpt, "")
    forbidden = [excerpt] if excerpt else []
    more = {"id": f"confirmed-{number}", "kind": "attack", "forbidden": forbidden}
    return _case(number, asked).model_copy(update=more)


def _about(comparison: Comparison) -> About:
    return About(
        evaluation_id=comparison.evaluation_id.hex,
        suite=label(comparison.suite),
        suite_digest=suite_digest(comparison.suite),
        seed=comparison.suite.seed,
        candidate=_facts(comparison.candidate),
        current=_facts(comparison.current),
        made_at=comparison.made_at,
    )


def _facts(row: Mapping[str, Any]) -> Mapping[str, str]:
    return {
        "model": row["name"],
        "version": row["version"],
        "provider": row["provider"],
        "tier": row["tier"],
        "files": artefacts_digest(row["artefacts"])[:19],
        **{key: str(value) for key, value in row["configuration"].items()},
    }


def wanted_template(row: Mapping[str, Any]) -> str:
    """Return the template of a model's configuration, ``NAME@VERSION``.

    Raises:
        CannotEvaluate: it has none.
    """
    wanted = row["configuration"].get("template")
    if not wanted:
        raise CannotEvaluate(
            f"{row['name']} {row['version']} has no template, and an evaluation's cases are put into one",
            f"give it one: `aicore models describe {row['model_id']} --set template=NAME@VERSION`; "
            "`aicore templates list` names what is registered",
        )
    return str(wanted)


async def _template(client: Client, row: Mapping[str, Any]) -> TemplateFacts:
    wanted = wanted_template(row)
    for each in (await client.query("prompts.templates", {"template": wanted})).result:
        if f"{each['name']}@{each['version']}" == wanted:
            return TemplateFacts.model_validate(
                {key: value for key, value in each.items() if key in TemplateFacts.model_fields}
            )
    raise CannotEvaluate(
        f"{row['name']} {row['version']} wants the template {wanted!r}, which is not registered",
        "`aicore templates list` names what is; `aicore templates register FILE` registers one",
    )


@asynccontextmanager
async def _served(place: Place, rows: Sequence[Mapping[str, Any]]) -> AsyncIterator[list[Engine]]:
    """Yield an engine for each model, started; they are this process's own."""
    engines = [_engine(place, row) for row in rows]
    started: list[Engine] = []
    try:
        for engine in engines:
            await engine.start()
            started.append(engine)
        yield engines
    finally:
        for engine in started:
            await engine.stop()


def _engine(place: Place, row: Mapping[str, Any]) -> Engine:
    facts = ModelRegistered.model_validate(row)
    model = Model(facts, facts.description, facts.configuration)
    if own := own_engine(place.settings, [place.state_dir / "models", MODELS], model):
        return own
    settings = place.settings
    file = read_file(settings.engines_file) if settings.engines_file else default_file(settings)
    _, engines = build(file)
    named = [engine for engine in engines if engine.provider == facts.provider]
    found = fitting(named, f"{facts.name}@{facts.version}")
    if not found:
        raise CannotEvaluate(
            f"no engine here serves {model.label}, and its files are not on this machine",
            "set AICORE_ENGINES_FILE to the file that the inference processes have, or put the model's "
            f"folder into {place.state_dir / 'models'}",
        )
    _check_key(file, found[0].name)
    return found[0]


def _check_key(file: EnginesFile, engine: str) -> None:
    """Refuse an engine whose key the system may have, but not this shell: keys are kept in no file."""
    variable = getattr(file.engines[engine], "api_key_env", "")
    if variable and not os.environ.get(variable):
        raise CannotEvaluate(f"the engine {engine} wants a key, which this shell has not", f"set {variable}")


def with_pairs(suite: RegisterSuite, pairs_max: int | None) -> RegisterSuite:
    """Return a suite with another cap of pairs, under a version of its own."""
    if pairs_max is None or pairs_max == suite.pairs_max:
        return suite
    return RegisterSuite.model_validate(
        {**suite.model_dump(), "pairs_max": pairs_max, "version": f"{suite.version}-{pairs_max}"[:32]}
    )
