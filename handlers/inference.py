"""inference.generate: find the model, record the question, ask the engine, record the answer, reply.

The question is recorded before the engine is asked, so that a crash in between is seen in the log. A retry
(same command id) gets the recorded outcome, or, if there is none yet, asks the engine again with the recorded
question, model and seed; whichever outcome is recorded first stands. At most ``concurrent`` requests are at
the engines and ``waiting_max`` wait; more are refused at once, with the time after which to come again.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import structlog

from bus.ids import derived_id
from bus.ports import IdConflict
from domain.decider import Rejected
from domain.inference.facts import PROMPT_CHARACTERS_MAX, SEED_MAX
from domain.inference.inference import INFERENCE, Inference, same_ask, stream_of
from domain.inference.messages import (
    Generate,
    InferenceCompleted,
    InferenceFailed,
    InferenceRequested,
    RecordCompletion,
    RecordFailure,
    RecordRequest,
)
from domain.parse import parse
from domain.registry.facts import artefacts_digest
from domain.registry.use_case import Model
from handlers.commands import Binding, CommandRunner, Outcome, caused_by
from handlers.engines.port import Engine, EngineAsk, EngineError, collect
from handlers.registry_view import RegistryView
from protocol.messages import CommandMessage, Reply

logger = structlog.get_logger(__name__)

LATENCY_WEIGHT = 0.1
"""Weight of the newest latency in the running mean that `Overloaded` estimates from."""

RETRY_AFTER_MS_MIN = 50

PLACEHOLDER = re.compile(r"\{(prompt|npc)\}")

INFERENCES: Binding[Any, Any, Inference] = Binding(
    commands=(RecordRequest, RecordCompletion, RecordFailure),
    stream_of=lambda command: stream_of(command.inference_id),
    decider=INFERENCE,
    knows_repeats=True,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is taken on."""

    concurrent: int = 4
    """Requests at the engines at a time."""
    waiting_max: int = 64
    """Requests that may wait for their turn."""
    timeout_s: float = 30.0
    """From arrival to answer, waiting included."""


class Overloaded(Rejected):
    """Too many requests wait; nothing was recorded, and the same command may come again."""

    def __init__(self, waiting: int, retry_after_ms: int) -> None:
        super().__init__(
            "overloaded",
            f"{waiting} requests wait already",
            remedy=f"send the same command again in {retry_after_ms} ms",
        )
        self.retry_after_ms = retry_after_ms


class InferenceService:
    """Serves inference.generate with the engines given, by provider. Safe for concurrent use."""

    def __init__(
        self,
        runner: CommandRunner,
        registry: RegistryView,
        engines: Mapping[str, Engine],
        limits: Limits = Limits(),
    ) -> None:
        self._runner = runner
        self._registry = registry
        self._engines = engines
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.concurrent)
        self._waiting = 0
        self._latency_ms = 0.0
        self.refused = 0
        """Requests refused as overloaded since the start."""
        # A retry that comes while the first try is at the engine waits for its answer.
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def __call__(self, message: CommandMessage) -> Reply:
        """Answer one request.

        Raises:
            Rejected: ``invalid_field``, ``no_current_model``, ``no_engine``, ``prompt_too_long``,
                ``overloaded``, or ``inference_failed`` (recorded: a retry gives the same).
            VersionConflict, IdConflict, LogUnavailable, Fenced: as the command runner does.
        """
        command = parse(Generate, message.payload)
        inference_id = message.id.hex
        async with self._turns.setdefault(inference_id, asyncio.Lock()):
            known = await self._runner.recall(INFERENCES, stream_of(inference_id))
            if known.state.request and not same_ask(command, known.state.request):
                raise IdConflict(message.id, "asked for something else before")
            if known.state.outcome is None:
                known = await self._infer(command, message, known)
            return _reply(known)

    async def _infer(
        self, command: Generate, message: CommandMessage, known: Outcome[Inference]
    ) -> Outcome[Inference]:
        """Record the question, unless it is, ask the engine and record what came of it."""
        deadline = asyncio.get_running_loop().time() + self._limits.timeout_s
        async with self._slot(deadline):
            if known.state.request is None:
                record = await self._routed(command, message)
                known = await self._runner.execute(
                    record, message.id, meta=caused_by(message), expected=message.expected
                )
            request = known.state.request
            if known.state.outcome or request is None:
                return known
            outcome = await self._ask(self._engine(request.provider), request, deadline)
            recorded = await self._runner.execute(
                outcome, derived_id(message.id, 0, "inference.outcome"), meta=caused_by(message)
            )
            # By now the stream may hold the outcome of another process that got the same retry.
            events = recorded.events if recorded.duplicate else [*known.events, *recorded.events]
            return Outcome(recorded.state, events, duplicate=recorded.duplicate)

    @asynccontextmanager
    async def _slot(self, deadline: float) -> AsyncIterator[None]:
        """Hold one of the places at the engines.

        Raises:
            Overloaded: too many wait, or no place became free in time.
        """
        if self._slots.locked() and self._waiting >= self._limits.waiting_max:
            raise self._overloaded()
        self._waiting += 1
        try:
            async with asyncio.timeout_at(deadline):
                await self._slots.acquire()
        except TimeoutError:
            raise self._overloaded() from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._slots.release()

    def _overloaded(self) -> Overloaded:
        self.refused += 1
        rounds = 1 + self._waiting / self._limits.concurrent
        return Overloaded(self._waiting, max(RETRY_AFTER_MS_MIN, round(self._latency_ms * rounds)))

    async def _routed(self, command: Generate, message: CommandMessage) -> RecordRequest:
        """Return the question as it goes to the current model of the use case."""
        model = await self._registry.look_up(command.use_case)
        if model is None:
            raise Rejected(
                "no_current_model",
                f"no model serves {command.use_case}",
                field="use_case",
                remedy="register one with registry.register_model, or ask registry.models for the use cases",
            )
        self._engine(model.registered.provider)
        rendered = _rendered(model, command)
        asked = command.model_dump(exclude={"tier", "seed"})
        seed = message.id.int & SEED_MAX if command.seed is None else command.seed
        return RecordRequest.model_validate(
            {
                **asked,
                **_route(model, command),
                "inference_id": message.id.hex,
                "seed": seed,
                "rendered_prompt": rendered,
            }
        )

    def _engine(self, provider: str) -> Engine:
        if engine := self._engines.get(provider):
            return engine
        raise Rejected(
            "no_engine",
            f"no engine serves models of the provider {provider!r}",
            remedy=f"promote a model of {', '.join(sorted(self._engines)) or 'an engine that runs'}",
        )

    async def _ask(
        self, engine: Engine, request: InferenceRequested, deadline: float
    ) -> RecordCompletion | RecordFailure:
        """Return what the engine answered, or what went wrong, as the command that records it."""
        clock = asyncio.get_running_loop()
        started = clock.time()
        try:
            async with asyncio.timeout_at(deadline):
                ask = EngineAsk(
                    prompt=request.rendered_prompt,
                    max_tokens=request.max_tokens,
                    temperature=request.temperature,
                    seed=request.seed,
                )
                answer = await collect(engine, ask, clock.time)
        except (EngineError, TimeoutError) as error:
            timed_out = isinstance(error, TimeoutError)
            logger.warning(
                "inference_failed",
                stream=stream_of(request.inference_id),
                provider=request.provider,
                timeout_s=self._limits.timeout_s if timed_out else None,
                error=str(error),
            )
            late = f"no answer from the {request.provider} engine within {self._limits.timeout_s:g} s"
            return RecordFailure(
                inference_id=request.inference_id,
                code="engine_timeout" if timed_out else "engine_failed",
                message=late if timed_out else str(error)[:2_000],
                latency_ms=round((clock.time() - started) * 1_000, 3),
            )
        self._latency_ms += LATENCY_WEIGHT * (answer.latency_ms - self._latency_ms)
        return RecordCompletion(
            inference_id=request.inference_id,
            text=answer.text,
            finish_reason=answer.finish_reason,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
            ttft_ms=answer.ttft_ms,
            latency_ms=answer.latency_ms,
        )


def _rendered(model: Model, command: Generate) -> str:
    """Return the model's ``prompt_template`` with ``{prompt}`` and ``{npc}`` filled in.

    Without a template in the model's configuration it is the prompt alone. One pass, so that a player who
    writes ``{npc}`` gets just that.
    """
    words = {"prompt": command.prompt, "npc": command.npc or ""}
    template = str(model.configuration.get("prompt_template", "{prompt}"))
    rendered = PLACEHOLDER.sub(lambda found: words[found[1]], template)
    if len(rendered) > PROMPT_CHARACTERS_MAX:
        raise Rejected(
            "prompt_too_long",
            f"with the model's template the prompt has {len(rendered)} characters, "
            f"the limit is {PROMPT_CHARACTERS_MAX}",
            field="prompt",
            remedy="shorten the prompt",
        )
    return rendered


def _route(model: Model, command: Generate) -> Mapping[str, Any]:
    """Return which model answers, on which tier, and why."""
    facts = model.registered
    tier = command.tier or facts.tier
    why_tier = "was asked for" if command.tier else "is the model's own"
    price = model.configuration.get("cost_micro_per_1k_tokens", 0)
    return {
        "tier": tier,
        "route_reason": f"current model of {facts.use_case}; tier {tier} {why_tier}",
        "model_id": facts.model_id,
        "model_name": facts.name,
        "model_version": facts.version,
        "provider": facts.provider,
        "artefacts_digest": artefacts_digest(facts.artefacts),
        "cost_micro_per_1k_tokens": price if isinstance(price, int) and price >= 0 else 0,
    }


def _reply(known: Outcome[Inference]) -> Reply:
    """Return the answer for the caller.

    Raises:
        Rejected: ``inference_failed``.
    """
    request, outcome = known.state.request, known.state.outcome
    match request, outcome:
        case InferenceRequested(), InferenceCompleted():
            result = {
                "inference_id": outcome.inference_id,
                "text": outcome.text,
                "finish_reason": outcome.finish_reason,
                "model": {
                    "id": request.model_id,
                    "name": request.model_name,
                    "version": request.model_version,
                },
                "tier": outcome.tier,
                "usage": {
                    "prompt_tokens": outcome.prompt_tokens,
                    "completion_tokens": outcome.completion_tokens,
                    "cost_micro": outcome.cost_micro,
                },
                "ttft_ms": outcome.ttft_ms,
                "latency_ms": outcome.latency_ms,
            }
            return Reply(result=result, events=[*known.events], duplicate=known.duplicate)
        case _, InferenceFailed():
            raise Rejected(
                "inference_failed",
                f"{outcome.code}: {outcome.message}",
                remedy="ask again as a new command (a new id); this one has failed for good",
            )
        case _:
            raise AssertionError("an inference is answered only once it has an outcome")
