"""inference.generate: find the model, have the question answered, record both, reply.

A turn waits for no log: question and answer go to the spool (`handlers.inference_records`), and the reply
only waits until the answer's record is on this machine's disk. A retry (same command id) gets the first
outcome, or, if a crash left a question without one, asks again with the recorded model and seed. If no engine
has room, the request is refused at once, with the time after which to come again, and leaves no event.
"""

import asyncio
import dataclasses
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import structlog

from bus.ports import IdConflict
from domain.decider import Rejected
from domain.inference.facts import PROMPT_CHARACTERS_MAX, SEED_MAX, Ask, AttemptFact
from domain.inference.inference import Inference, same_ask, stream_of
from domain.inference.messages import (
    Generate,
    InferenceCancelled,
    InferenceCompleted,
    InferenceFailed,
    InferenceRequested,
    RecordCancellation,
    RecordCompletion,
    RecordFailure,
    RecordRequest,
)
from domain.parse import parse
from domain.registry.facts import artefacts_digest
from domain.registry.use_case import Model
from handlers.allowances import Allowances
from handlers.engines.port import EngineAsk, EngineError
from handlers.inference_records import InferenceRecords, outcome_id
from handlers.registry_view import RegistryView
from handlers.routing import DeadlineExceeded, NoEngine, Routed, RoutedTurn, Router
from protocol.messages import CommandMessage, Reply

logger = structlog.get_logger(__name__)

TIMEOUT_S = 30.0
ATTEMPTS_TOLD = 64

PLACEHOLDER = re.compile(r"\{(prompt|npc)\}")

Give = Callable[[str, str, int, str], Awaitable[None]]
"""Sends one piece: subject, inference id, its number from 0, its text."""

GiveHere = Callable[[int, str], Awaitable[None]]
"""Takes one piece: its number from 0, its text."""


class Overloaded(Rejected):
    """No engine has room; nothing was recorded, and the same command may come again."""

    def __init__(self, refusal: NoEngine) -> None:
        super().__init__(
            "overloaded",
            f"no engine can keep the tier's promise now: {refusal}",
            remedy=f"send the same command again in {refusal.retry_after_ms} ms",
        )
        self.retry_after_ms = refusal.retry_after_ms


class CallerGone(Exception):
    """Whoever took the pieces has left."""


@dataclass(slots=True, eq=False)
class _Running:
    """An answer under way."""

    task: asyncio.Task[Any]
    cancelled: bool = False
    given: list[str] = field(default_factory=list)
    tokens: int = 0


class InferenceService:
    """Serves inference.generate through a router. Safe for concurrent use."""

    def __init__(  # noqa: PLR0913 - the parts it is made of, by name
        self,
        records: InferenceRecords,
        registry: RegistryView,
        router: Router,
        *,
        timeout_s: float = TIMEOUT_S,
        give: Give | None = None,
        allowances: Allowances | None = None,
    ) -> None:
        """Prepare. ``timeout_s``: time for an answer where the caller sets no deadline; ``give`` streams."""
        self._records = records
        self._registry = registry
        self._router = router
        self._timeout_s = timeout_s
        self._give = give
        self._allowances = allowances
        self.refused = 0
        """Requests refused as overloaded since the start."""
        self._running: dict[str, _Running] = {}
        # A retry that comes while the first try is at the engine waits for its answer.
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def cancel(self, inference_id: str) -> bool:
        """End an answer that is under way here; say whether there was one."""
        running = self._running.get(inference_id)
        if running is None or running.cancelled:
            return False
        running.cancelled = True
        running.task.cancel()
        return True

    async def __call__(self, message: CommandMessage, *, give: GiveHere | None = None) -> Reply:
        """Answer one request. ``give`` takes the pieces instead of the request's ``stream_to``.

        Raises:
            Rejected: ``invalid_field``, ``no_current_model``, ``no_engine``, ``prompt_too_long``,
                ``overloaded``, ``over_allowance``, or ``inference_failed`` (recorded: a retry gives
                the same).
            IdConflict: the id asked for something else before.
        """
        command = parse(Generate, message.payload)
        async with self._turns.setdefault(message.id.hex, asyncio.Lock()):
            known = await self._records.find(message.id)
            if known.request and not same_ask(command, known.request):
                raise IdConflict(message.id, "asked for something else before")
            if known.outcome is not None:
                return _reply(known, message, recorded=True, duplicate=True)
            state, recorded = await self._infer(command, message, known, self._taker(command, message, give))
            return _reply(state, message, recorded=recorded)

    def _taker(self, command: Generate, message: CommandMessage, give: GiveHere | None) -> GiveHere | None:
        """Return who takes the pieces, if anybody wants them."""
        send = self._give
        if give or not command.stream_to or not send:
            return give
        return partial(send, command.stream_to, message.id.hex)

    async def _infer(
        self, command: Generate, message: CommandMessage, known: Inference, give: GiveHere | None
    ) -> tuple[Inference, bool]:
        """Record the question, unless it is, have it answered and record what came of it."""
        if known.request is None:
            record = await self._routed(command, message)
            if refusal := self._router.refusal(self._turn(command, record)):
                self.refused += 1
                raise Overloaded(refusal)
            if self._allowances:
                self._allowances.take(
                    player=command.player, service=message.meta.actor, tokens=command.max_tokens
                )
            known = self._records.request(record, message)
        request = known.request
        assert request is not None
        self._check_served(request.tier, request.provider)
        outcome = await self._ask(command, request, give)
        return await self._records.outcome(outcome, message, known)

    def _turn(self, command: Generate, request: RecordRequest | InferenceRequested) -> RoutedTurn:
        """Return the turn for the router."""
        wanted_s = self._timeout_s if command.deadline_ms is None else command.deadline_ms / 1e3
        return RoutedTurn(
            tier=request.tier,
            provider=request.provider,
            ask=EngineAsk(
                prompt=request.rendered_prompt,
                max_tokens=request.max_tokens,
                temperature=request.temperature,
                seed=request.seed,
                adapter=command.adapter,
                pattern=command.pattern,
                priority=command.priority,
            ),
            deadline=self._router.now() + wanted_s,
            prefix=request.npc or "",
            authored=command.authored_line or "",
        )

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
        route = _route(model, command)
        self._check_served(route["tier"], route["provider"])
        rendered = _rendered(model, command)
        asked = command.model_dump(include=set(Ask.model_fields))
        seed = message.id.int & SEED_MAX if command.seed is None else command.seed
        return RecordRequest.model_validate(
            {
                **asked,
                **route,
                "inference_id": message.id.hex,
                "seed": seed,
                "rendered_prompt": rendered,
            }
        )

    def _check_served(self, tier: str, provider: str) -> None:
        if tier not in self._router.tiers:
            raise Rejected(
                "no_engine",
                f"the tier {tier!r} is not served here",
                field="tier",
                remedy=f"ask for one of {', '.join(self._router.tiers)}, or add it to the engines' file",
            )
        if not self._router.serves(tier, provider):
            raise Rejected(
                "no_engine",
                f"no engine of the tier {tier!r} serves models of the provider {provider!r}",
                remedy="promote a model of a provider that the engines' file names, or add an engine for it",
            )

    async def _ask(
        self, command: Generate, request: InferenceRequested, give: GiveHere | None
    ) -> RecordCompletion | RecordFailure | RecordCancellation:
        """Return what the engines answered, or what went wrong, as the command that records it."""
        task = asyncio.current_task()
        assert task is not None
        running = self._running[request.inference_id] = _Running(task)
        began = self._router.now()
        try:
            return await self._stream(self._turn(command, request), request, running, give)
        except (asyncio.CancelledError, CallerGone) as end:
            if isinstance(end, asyncio.CancelledError):
                if not running.cancelled:
                    raise
                task.uncancel()
            return RecordCancellation(
                inference_id=request.inference_id,
                text="".join(running.given),
                completion_tokens=running.tokens,
                latency_ms=round((self._router.now() - began) * 1e3, 3),
            )
        except (EngineError, NoEngine, DeadlineExceeded) as error:
            logger.warning("inference_failed", stream=stream_of(request.inference_id), error=str(error))
            return RecordFailure(
                inference_id=request.inference_id,
                code=_code(error),
                message=_told(error)[:2_000],
                latency_ms=round((self._router.now() - began) * 1e3, 3),
            )
        finally:
            del self._running[request.inference_id]

    async def _stream(
        self, turn: RoutedTurn, request: InferenceRequested, running: _Running, give: GiveHere | None
    ) -> RecordCompletion:
        number = 0
        async with aclosing(self._router.stream(turn)) as items:
            async for item in items:
                if isinstance(item, Routed):
                    return _completion(request, item)
                running.given.append(item.text)
                running.tokens += item.tokens
                if give:
                    try:
                        await give(number, item.text)
                    except ConnectionResetError:
                        raise CallerGone from None
                number += 1
        raise AssertionError("the router's last item says how the turn was served")


def _completion(request: InferenceRequested, routed: Routed) -> RecordCompletion:
    attempts = [
        AttemptFact.model_validate(dataclasses.asdict(attempt))
        for attempt in routed.attempts[-ATTEMPTS_TOLD:]
    ]
    return RecordCompletion(
        inference_id=request.inference_id,
        text=routed.text,
        finish_reason=routed.finish_reason,
        prompt_tokens=routed.prompt_tokens,
        completion_tokens=routed.completion_tokens,
        ttft_ms=routed.ttft_ms,
        latency_ms=routed.latency_ms,
        engine=routed.engine,
        served_tier=routed.tier,
        choice=routed.reason[:2_000],
        attempts=attempts,
    )


def _code(error: EngineError | NoEngine | DeadlineExceeded) -> str:
    match error:
        case EngineError():
            return error.code
        case NoEngine(fault=EngineError() as fault):
            return fault.code
        case NoEngine():
            return "engine_overloaded"
        case _:
            return "deadline_exceeded"


def _told(error: EngineError | NoEngine | DeadlineExceeded) -> str:
    fault = error.fault if isinstance(error, NoEngine) else None
    return f"{fault}; {error}" if fault else str(error)


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


def _reply(known: Inference, message: CommandMessage, *, recorded: bool, duplicate: bool = False) -> Reply:
    """Return the answer for the caller; its events have no position yet, so the reply names the id.

    Raises:
        Rejected: ``inference_failed``.
    """
    request, outcome = known.request, known.outcome
    told = {"event_id": str(outcome_id(message.id)), "recorded": recorded}
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
                "served": {
                    "engine": outcome.engine,
                    "tier": outcome.served_tier or outcome.tier,
                    "choice": outcome.choice,
                    "attempts": len(outcome.attempts),
                },
            }
            return Reply(result={**result, **told}, duplicate=duplicate)
        case _, InferenceCancelled():
            result = {
                "inference_id": outcome.inference_id,
                "text": outcome.text,
                "finish_reason": "cancelled",
                "latency_ms": outcome.latency_ms,
            }
            return Reply(result={**result, **told}, duplicate=duplicate)
        case _, InferenceFailed():
            raise Rejected(
                "inference_failed",
                f"{outcome.code}: {outcome.message}",
                remedy="ask again as a new command (a new id); this one has failed for good",
            )
        case _:
            raise AssertionError("an inference is answered only once it has an outcome")
