"""inference.generate: find the model, have the question answered, record both, reply.

A turn waits for no log: question and answer go to the spool (`handlers.inference_records`), and the reply
only waits until the answer's record is on this machine's disk. A retry (same command id) gets the first
outcome, or, if a crash left a question without one, asks again with the recorded model and seed. A request
that is refused before a model was asked may come again; its refusal is recorded, too.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import structlog

from bus.ports import IdConflict
from domain.decider import Rejected
from domain.inference.inference import Inference, same_ask, stream_of
from domain.inference.messages import (
    Generate,
    InferenceRequested,
    RecordCancellation,
    RecordCompletion,
    RecordFailure,
    RecordRequest,
)
from domain.parse import parse
from handlers.allowances import Allowances
from handlers.answers import Answers, Sharing, lasting
from handlers.engines.port import EngineAsk, EngineError
from handlers.inference_records import InferenceRecords
from handlers.questions import Questions, Scenes
from handlers.registry_view import RegistryView
from handlers.replies import attempts_of, code_of, completion_of, repeated, reply_of, told
from handlers.routing import Router
from handlers.turns import DeadlineExceeded, NoEngine, Routed, RoutedTurn
from protocol.errors import WireError
from protocol.messages import CommandMessage, Reply

logger = structlog.get_logger(__name__)

TIMEOUT_S = 30.0

Give = Callable[[str, str, int, str], Awaitable[None]]
"""Sends one piece: subject, inference id, its number from 0, its text."""

GiveHere = Callable[[int, str], Awaitable[None]]
"""Takes one piece: its number from 0, its text."""


class Overloaded(Rejected):
    """No engine has room; the same command may come again."""

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
    """An answer under way, and who takes its pieces."""

    task: asyncio.Task[Any]
    give: GiveHere | None
    cancelled: bool = False
    given: list[str] = field(default_factory=list)
    tokens: int = 0

    async def take(self, text: str, tokens: int) -> None:
        """Hand a piece on. Raises `CallerGone`."""
        number = len(self.given)
        self.given.append(text)
        self.tokens += tokens
        if self.give:
            try:
                await self.give(number, text)
            except ConnectionResetError:
                raise CallerGone from None


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
        scenes: Scenes | None = None,
    ) -> None:
        """Prepare. ``timeout_s``: time for an answer where the caller sets no deadline; ``give`` streams."""
        self._records = records
        self._registry = registry
        self._questions = Questions(registry, router, scenes)
        self._router = router
        self._timeout_s = timeout_s
        self._give = give
        self._allowances = allowances
        self.answers = Answers(router.now)
        self.refused = 0
        """Requests refused as overloaded since the start."""
        self._running: dict[str, _Running] = {}
        # A retry that comes while the first try is at the engine waits for its answer.
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def malformed(self, error: WireError) -> None:
        """Record a request that could not even be read; its sender gets a typed error from the bus."""
        self._records.refusal(None, Rejected(error.code, error.message, field=error.field))

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
            Rejected: ``invalid_field``, ``no_current_model``, ``no_engine``, ``template_not_found``,
                ``unknown_context``, ``prompt_too_long``, ``overloaded``, ``over_allowance`` (recorded as
                refused), or ``inference_failed`` (recorded: a retry gives the same).
            IdConflict: the id asked for something else before.
            LogUnavailable: the model was never seen, and the log cannot be asked.
        """
        async with self._turns.setdefault(message.id.hex, asyncio.Lock()):
            try:
                command = parse(Generate, message.payload)
                known = await self._records.find(message.id)
                if known.request and not same_ask(command, known.request):
                    raise IdConflict(message.id, "asked for something else before")
                if known.outcome is None and known.request is None:
                    known = await self._begin(command, message)
            except Rejected as refusal:
                self._records.refusal(message, refusal)
                raise
            if known.outcome is not None:
                return reply_of(known, message, recorded=True, duplicate=True)
            outcome = await self._ask(command, known, self._taker(command, message, give))
            state, recorded = await self._records.outcome(outcome, message, known)
            return reply_of(state, message, recorded=recorded)

    def _taker(self, command: Generate, message: CommandMessage, give: GiveHere | None) -> GiveHere | None:
        """Return who takes the pieces, if anybody wants them."""
        send = self._give
        if give or not command.stream_to or not send:
            return give
        return partial(send, command.stream_to, message.id.hex)

    async def _begin(self, command: Generate, message: CommandMessage) -> Inference:
        """Make the question, see that it may be asked, and record it."""
        record = await self._questions.question(command, message)
        if refusal := self._router.refusal(self._turn(record)):
            self.refused += 1
            raise Overloaded(refusal)
        if self._allowances:
            self._allowances.take(
                player=command.player, service=message.meta.actor, tokens=command.max_tokens
            )
        return self._records.request(record, message)

    def _turn(self, request: RecordRequest | InferenceRequested) -> RoutedTurn:
        """Return the turn for the router."""
        wanted_s = self._timeout_s if request.deadline_ms is None else request.deadline_ms / 1e3
        return RoutedTurn(
            tier=request.tier,
            # Nobody's: then the character's authored line is said.
            provider="" if self._registry.silenced(request.use_case) else request.provider,
            model=f"{request.model_name}@{request.model_version}",
            ask=EngineAsk(
                prompt=request.rendered_prompt,
                max_tokens=request.max_tokens,
                temperature=request.temperature,
                seed=request.seed,
                adapter=request.adapter,
                pattern=request.pattern,
                priority=request.priority,
            ),
            deadline=self._router.now() + wanted_s,
            prefix=request.npc or "",
            authored=request.authored_line or "",
        )

    async def _ask(
        self, command: Generate, known: Inference, give: GiveHere | None
    ) -> RecordCompletion | RecordFailure | RecordCancellation:
        """Return what was answered, or what went wrong, as the command that records it."""
        request, task = known.request, asyncio.current_task()
        assert request is not None
        assert task is not None
        label = f"{request.model_name}@{request.model_version}"
        self._questions.check_served(request.tier, request.provider, label)
        # A retry has its own deadline.
        turn = self._turn(request.model_copy(update={"deadline_ms": command.deadline_ms}))
        running = self._running[request.inference_id] = _Running(task, give)
        began = self._router.now()
        try:
            return await self._answer(turn, request, running)
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
                attempts=attempts_of(turn.attempts),
            )
        except (EngineError, NoEngine, DeadlineExceeded) as error:
            logger.warning("inference_failed", stream=stream_of(request.inference_id), error=str(error))
            return RecordFailure(
                inference_id=request.inference_id,
                code=code_of(error),
                message=told(error)[:2_000],
                latency_ms=round((self._router.now() - began) * 1e3, 3),
                attempts=attempts_of(turn.attempts),
            )
        finally:
            del self._running[request.inference_id]

    async def _answer(
        self, turn: RoutedTurn, request: InferenceRequested, running: _Running
    ) -> RecordCompletion:
        """Give an answer again if the rules allow it (`handlers.answers`), else ask the engines."""
        if kept := self.answers.kept(request):
            await running.take(kept.text, kept.completion_tokens)
            why = f"the answer of {kept.inference_id}, no older than {request.max_age_s} s"
            return repeated(request, kept, why=why, ttft_ms=0.0, latency_ms=0.0)
        if sharing := self.answers.running(request):
            shared = await self._listen(turn, request, running, sharing)
            if shared is not None:
                return shared
        sharing = self.answers.begin(request, alone=bool(running.given))
        completion = None
        try:
            completion = await self._stream(turn, request, running, sharing)
        finally:
            self.answers.end(request, sharing, completion)
        return completion

    async def _listen(
        self, turn: RoutedTurn, request: InferenceRequested, running: _Running, sharing: Sharing
    ) -> RecordCompletion | None:
        """Share the answer to another turn; None if that came to nothing: the rest is this turn's own to get.

        Raises:
            DeadlineExceeded: this turn's time is over.
        """
        began, first = self._router.now(), None
        left = None if turn.deadline is None else turn.deadline - began
        try:
            async with asyncio.timeout(left), aclosing(sharing.listen()) as pieces:
                async for text, tokens in pieces:
                    first = self._router.now() if first is None else first
                    await running.take(text, tokens)
        except TimeoutError:
            raise DeadlineExceeded("the deadline passed while another turn's answer was shared") from None
        ended = self._router.now()
        if sharing.completion is None or not lasting(sharing.completion):
            return None
        return repeated(
            request,
            sharing.completion,
            why=f"shared with {sharing.inference_id}, which asked the same at the same time",
            ttft_ms=((first or ended) - began) * 1e3,
            latency_ms=(ended - began) * 1e3,
        )

    async def _stream(
        self, turn: RoutedTurn, request: InferenceRequested, running: _Running, sharing: Sharing
    ) -> RecordCompletion:
        before, tokens = "".join(running.given), running.tokens
        async with aclosing(self._router.stream(turn.after(before, tokens))) as items:
            async for item in items:
                if isinstance(item, Routed):
                    return completion_of(request, item, before=before, tokens=tokens)
                sharing.gave(item.text, item.tokens)
                await running.take(item.text, item.tokens)
        raise AssertionError("the router's last item says how the turn was served")
