"""inference.generate: find the model, have the question answered, record both, reply.

A turn waits for no log: question and answer go to the spool (`handlers.inference.records`), and the reply
only waits until the answer's record is on this machine's disk. A retry (same command id) gets the first
outcome, or, if a crash left a question without one, asks again with the recorded model and seed. A request
that is refused before a model was asked may come again; its refusal is recorded, too.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from typing import Any
from weakref import WeakValueDictionary

import structlog

from bus.ports import IdConflict
from domain.inference.facts import Terms
from domain.inference.inference import Inference, same_ask, stream_of
from domain.inference.messages import (
    Generate,
    InferenceRequested,
    RecordCancellation,
    RecordCompletion,
    RecordFailure,
    RecordRequest,
)
from domain.kernel.decider import Rejected
from domain.kernel.parse import parse
from domain.registry.watch import REFUSALS
from handlers.engines.port import EngineAsk, EngineError
from handlers.guardrails.guard import MASK, WITHHELD, CheckTime, Found, Guarded, Guardrails, found_in, stops
from handlers.inference.allowances import Allowances
from handlers.inference.answers import Answers, Sharing, lasting
from handlers.inference.questions import Questions, Scenes
from handlers.inference.records import InferenceRecords
from handlers.inference.replies import (
    BLOCKED,
    attempts_of,
    blocked_completion,
    code_of,
    completion_of,
    repeated,
    reply_of,
    told,
)
from handlers.registry.models import RegistryView
from handlers.routing.router import Router
from handlers.routing.turns import DeadlineExceeded, NoEngine, Routed, RoutedTurn
from protocol.errors import WireError
from protocol.messages import CommandMessage, Reply

logger = structlog.get_logger(__name__)

TIMEOUT_S = 30.0
EARLY_S = 2.0
"""How long a cancellation is kept whose question is not here: it may have been overtaken on the way."""

EARLY_MAX = 1_000

LOOK_UP_SHARE = 0.5
"""Of the time that a question has: longer nobody looks whether it was answered before."""

Give = Callable[[str, str, int, str], Awaitable[None]]
"""Sends one piece: subject, inference id, its number from 0, its text."""

GiveHere = Callable[[int, str], Awaitable[None]]
"""Takes one piece: its number from 0, its text."""


class Overloaded(Rejected):
    """No engine has room, or none is there; the same command may come again."""

    def __init__(self, refusal: NoEngine) -> None:
        why = "no engine can be asked" if refusal.away else "no engine can keep the tier's promise"
        super().__init__(
            "engines_away" if refusal.away else "overloaded",
            f"{why} now: {refusal}",
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
    checks: CheckTime
    cancelled: bool = False
    given: list[str] = field(default_factory=list)
    tokens: int = 0
    guarded: Guarded | None = None
    more: list[Found] = field(default_factory=list)
    """What was found out after the end, or by the guard of an answer that was shared."""
    shared: Sharing | None = None
    """Whose answer is listened to."""

    def found(self) -> list[Found]:
        """Return what broke the policy in the answer, however it ended."""
        return [*(self.guarded.found() if self.guarded else []), *self.more]

    async def take(self, text: str) -> None:
        """Hand a piece on. Raises `CallerGone`."""
        number = len(self.given)
        self.given.append(text)
        if self.give:
            try:
                await self.give(number, text)
            except ConnectionResetError:
                raise CallerGone from None


@dataclass(frozen=True, slots=True)
class _Asking:
    """A request on its way to the engines."""

    message: CommandMessage
    give: GiveHere | None
    arrived: float
    """When it came, on the router's clock, s: its time runs from then."""
    stopped: bool
    """Nobody may be asked this: it ends with the character's own line."""
    checks: CheckTime


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
        guard: Guardrails | None = None,
    ) -> None:
        """Prepare. ``timeout_s``: time for an answer where the caller sets no deadline; ``give`` streams.

        Without a ``guard`` nothing is checked: for benchmarks of the router alone.
        """
        self._records = records
        self._registry = registry
        self._questions = Questions(registry, router, scenes)
        self._router = router
        self._timeout_s = timeout_s
        self._give = give
        self._allowances = allowances
        self._guard = guard
        self.answers = Answers(router.now)
        self.refused = 0
        """Requests refused as overloaded since the start."""
        self._running: dict[str, _Running] = {}
        self._arriving: dict[str, bool] = {}
        """Questions that came and are not at the engines yet, and whether they are not wanted any more."""
        self._early: OrderedDict[str, float] = OrderedDict()
        """Cancellations of what nobody here knows, with their time: their questions may come after them."""
        # A retry that comes while the first try is at the engine waits for its answer.
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def malformed(self, error: WireError) -> None:
        """Record a request that could not even be read; its sender gets a typed error from the bus."""
        self._records.refusal(None, Rejected(error.code, error.message, field=error.field))

    def cancel(self, inference_id: str) -> bool:
        """End an answer that is under way here; say whether there was one."""
        running = self._running.get(inference_id)
        if running is None:
            return self._cancel_early(inference_id)
        if running.cancelled:
            return False
        running.cancelled = True
        running.task.cancel()
        return True

    def _cancel_early(self, inference_id: str) -> bool:
        """See that no engine is asked; say whether the question is here already."""
        if inference_id in self._arriving:
            first = not self._arriving[inference_id]
            self._arriving[inference_id] = True
            return first
        self._early[inference_id] = self._router.now()
        if len(self._early) > EARLY_MAX:
            self._early.popitem(last=False)
        return False

    async def __call__(self, message: CommandMessage, *, give: GiveHere | None = None) -> Reply:
        """Answer one request. ``give`` takes the pieces instead of the request's ``stream_to``.

        Raises:
            Rejected: ``invalid_field``, ``no_current_model``, ``no_engine``, ``template_not_found``,
                ``unknown_context``, ``prompt_too_long``, ``question_too_long``, ``overloaded``,
                ``engines_away``, ``over_allowance`` (recorded as refused), or ``inference_failed``
                (recorded: a retry gives the same).
            IdConflict: the id asked for something else before.
            LogUnavailable: the model was never seen, and the log cannot be asked.
        """
        arrived = self._router.now()
        async with self._turns.setdefault(message.id.hex, asyncio.Lock()):
            self._arriving[message.id.hex] = self._early.pop(message.id.hex, -inf) > arrived - EARLY_S
            try:
                return await self._take(message, give, arrived)
            finally:
                self._arriving.pop(message.id.hex, None)

    async def _take(self, message: CommandMessage, give: GiveHere | None, arrived: float) -> Reply:
        """Answer one request; no other with its id is under way here."""
        checks = CheckTime(self._router.now)
        try:
            asked = parse(Generate, message.payload)
            held_to = self._guard.held_to() if self._guard else {}
            with checks:
                command, findings = await self._guard.question(asked) if self._guard else (asked, ())
            left_s = arrived + self._wanted_s(command) - self._router.now()
            known = await self._records.find(message.id, left_s * LOOK_UP_SHARE)
            if known.request and not _same(command, known.request, redacted=bool(findings)):
                raise IdConflict(message.id, "asked for something else before")
            if known.outcome is None and known.request is None:
                if self._guard and not stops(findings):
                    self._guard.limited(command.prompt)
                known = await self._begin(command, message, arrived, held_to)
        except Rejected as refusal:
            self._refused(message, refusal)
            raise
        if known.outcome is not None:
            return reply_of(known, message, recorded=True, duplicate=True)
        inputs = found_in(asked, findings)
        if self._guard and not stops(findings):
            with checks:
                findings = await self._guard.judged(command.prompt)
            inputs += found_in(command, findings)
        self._violated(message, known, inputs)
        give = self._taker(command, message, give)
        asking = _Asking(message, give, arrived, stopped=stops(findings), checks=checks)
        outcome = await self._ask(command, known, asking)
        if self._guard:
            outcome = outcome.model_copy(update={"guard_us": checks.us})
        state, recorded = await self._records.outcome(outcome, message, known)
        return reply_of(state, message, recorded=recorded)

    def _refused(self, message: CommandMessage, refusal: Rejected) -> None:
        """Record a refusal, and where a model was at fault, which."""
        model_id, who = None, ""
        if refusal.code in REFUSALS:
            asked = parse(Generate, message.payload)
            who = asked.stays or message.id.hex
            model_id = None if asked.alias else self._registry.met(asked.use_case, who)
        self._records.refusal(message, refusal, model_id=model_id, who=who)

    def _taker(self, command: Generate, message: CommandMessage, give: GiveHere | None) -> GiveHere | None:
        """Return who takes the pieces, if anybody wants them."""
        send = self._give
        if give or not command.stream_to or not send:
            return give
        return partial(send, command.stream_to, message.id.hex)

    async def _begin(
        self, command: Generate, message: CommandMessage, arrived: float, held_to: Mapping[str, str]
    ) -> Inference:
        """Make the question, see that it may be asked, and record it."""
        record = (await self._questions.question(command, message)).model_copy(update=held_to)
        if refusal := self._router.refusal(self._turn(record, arrived)):
            self.refused += 1
            raise Overloaded(refusal)
        if self._allowances:
            self._allowances.take(
                player=command.player, service=message.meta.actor, tokens=command.max_tokens
            )
        return self._records.request(record, message)

    def _wanted_s(self, asked: Terms) -> float:
        """Return how long an answer may take."""
        return self._timeout_s if asked.deadline_ms is None else asked.deadline_ms / 1e3

    def _turn(self, request: RecordRequest | InferenceRequested, arrived: float) -> RoutedTurn:
        """Return the turn for the router; its time runs from its arrival."""
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
            deadline=arrived + self._wanted_s(request),
            prefix=request.npc or "",
            authored=request.authored_line or "",
        )

    def _violated(self, message: CommandMessage, known: Inference, found: Sequence[Found]) -> None:
        if self._guard and known.request:
            for each in found:
                self._guard.record(message, known.request, each)

    async def _ask(
        self, command: Generate, known: Inference, asking: "_Asking"
    ) -> RecordCompletion | RecordFailure | RecordCancellation:
        """Return what was answered, or what went wrong, as the command that records it."""
        request, task = known.request, asyncio.current_task()
        assert request is not None
        assert task is not None
        label = f"{request.model_name}@{request.model_version}"
        self._questions.check_served(request.tier, request.provider, label)
        if self._arriving.pop(request.inference_id, False):
            return RecordCancellation(
                inference_id=request.inference_id,
                text="",
                completion_tokens=0,
                latency_ms=round((self._router.now() - asking.arrived) * 1e3, 3),
            )
        # A retry has its own deadline.
        turn = self._turn(request.model_copy(update={"deadline_ms": command.deadline_ms}), asking.arrived)
        running = self._running[request.inference_id] = _Running(task, asking.give, asking.checks)
        began = self._router.now()
        try:
            if asking.stopped:
                return await self._closed(request, running, began)
            completion = await self._answer(turn, request, running)
            if self._guard and lasting(completion) and completion.source_inference_id is None:
                with running.checks:
                    running.more = self._guard.contradiction(request, completion.text)
            return completion
        except (asyncio.CancelledError, CallerGone) as end:
            if isinstance(end, asyncio.CancelledError):
                if not running.cancelled:
                    raise
                task.uncancel()
            if running.shared:
                running.more = running.shared.found()
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
        except Exception as error:  # a bug of ours: all the same, no question stays without an outcome
            logger.exception("inference_broke", stream=stream_of(request.inference_id))
            return RecordFailure(
                inference_id=request.inference_id,
                code="internal",
                message=f"an error of ours ({type(error).__name__}); the service's log has more",
                latency_ms=round((self._router.now() - began) * 1e3, 3),
                attempts=attempts_of(turn.attempts),
            )
        finally:
            self._violated(asking.message, known, running.found())
            del self._running[request.inference_id]

    async def _answer(
        self, turn: RoutedTurn, request: InferenceRequested, running: _Running
    ) -> RecordCompletion:
        """Give an answer again if the rules allow it (`handlers.inference.answers`), else ask the engines."""
        kept = self.answers.kept(request)
        with running.checks:
            fits = kept is not None and (self._guard is None or self._guard.fits(kept.text))
        if kept and fits:
            running.tokens += kept.completion_tokens
            await running.take(kept.text)
            why = f"the answer of {kept.inference_id}, no older than {request.max_age_s} s"
            return repeated(request, kept, why=why, ttft_ms=0.0, latency_ms=0.0)
        while sharing := self.answers.running(request, "".join(running.given)):
            shared = await self._listen(turn, request, running, sharing)
            if shared is not None:
                return shared
            if not sharing.left:
                break
        sharing = self.answers.begin(request, "".join(running.given))
        completion = None
        try:
            completion = await self._stream(turn, request, running, sharing)
        except (asyncio.CancelledError, CallerGone):
            sharing.left = True
            raise
        finally:
            self.answers.end(request, sharing, completion)
        return completion

    async def _listen(
        self, turn: RoutedTurn, request: InferenceRequested, running: _Running, sharing: Sharing
    ) -> RecordCompletion | None:
        """Share the answer to another turn; None if that came to nothing: the rest is this turn's own to get.

        If this turn's time is over, the router says what it comes to. That it was the other's answer that
        came too late is kept: no engine was asked, so it is no evidence of its own.
        """
        began, first = self._router.now(), None
        left = None if turn.deadline is None else turn.deadline - began
        running.shared = sharing
        try:
            async with asyncio.timeout(left), aclosing(sharing.listen()) as pieces:
                async for text, tokens in pieces:
                    first = self._router.now() if first is None else first
                    running.tokens += tokens
                    await running.take(text)
        except TimeoutError:
            running.shared = None
            late = await self._stream(turn, request, running, Sharing(request.inference_id))
            now = self._router.now()
            times = {"ttft_ms": ((first or now) - began) * 1e3, "latency_ms": (now - began) * 1e3}
            whose = None if late.attempts else sharing.inference_id
            return late.model_copy(update={**times, "source_inference_id": whose})
        ended = self._router.now()
        if sharing.completion is None or not (
            lasting(sharing.completion) or sharing.completion.finish_reason == BLOCKED
        ):
            # From here on it is a turn of its own, which counts as evidence with its own faults only.
            running.shared = None
            return None
        running.more = sharing.found()
        if sharing.completion.finish_reason == BLOCKED:
            source = sharing.completion.model_copy(update={"source_inference_id": sharing.inference_id})
            return await self._closed(request, running, began, source)
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
        began, first = self._router.now(), None
        guarded = running.guarded = self._guard.answer(before) if self._guard else None
        if guarded:
            sharing.found = guarded.found
        untold = 0  # tokens whose words are held back
        async with aclosing(self._router.stream(turn.after(before, tokens))) as items:
            async for item in items:
                if isinstance(item, Routed):
                    end = item
                    if guarded and item.finish_reason != "authored":
                        with running.checks:
                            rest = await guarded.judged(guarded.finish(), end=True)
                        if rest:
                            sharing.gave(rest, untold)
                            await running.take(rest)
                        end = replace(item, text="".join(running.given)[len(before) :])
                    if guarded is None or not guarded.blocked:
                        return completion_of(request, end, before=before, tokens=tokens)
                    break
                first = self._router.now() if first is None else first
                with running.checks:
                    text = await guarded.judged(guarded.feed(item.text)) if guarded else item.text
                running.tokens, untold = running.tokens + item.tokens, untold + item.tokens
                if text:
                    sharing.gave(text, untold)
                    untold = 0
                    await running.take(text)
                if guarded and guarded.blocked:
                    break
        ended = self._router.now()
        label = f"{request.model_name}@{request.model_version}"
        count = self._router.counter(request.tier, request.provider, label)
        base = blocked_completion(
            request,
            turn,
            ttft_ms=((first or ended) - began) * 1e3,
            tokens=(count(request.rendered_prompt), running.tokens),
        )
        return await self._closed(request, running, began, base)

    async def _closed(
        self,
        request: InferenceRequested,
        running: _Running,
        began: float,
        base: RecordCompletion | None = None,
    ) -> RecordCompletion:
        """End a turn with the character's own line: its subject is closed."""
        assert self._guard is not None
        line = self._guard.closing(request, "".join(running.given))
        await running.take(line)
        took_ms = round((self._router.now() - began) * 1e3, 3)
        found = base or blocked_completion(request, None, ttft_ms=took_ms, tokens=(0, 0))
        return found.model_copy(
            update={
                "inference_id": request.inference_id,
                "text": "".join(running.given),
                "latency_ms": took_ms,
            }
        )


def _same(command: Generate, request: InferenceRequested, *, redacted: bool) -> bool:
    """Say whether a command repeats a request.

    What was replaced in its words may differ: the policy may be another one than at the first try.
    """
    if same_ask(command, request):
        return True
    words = {"prompt": request.prompt, "context": request.context}
    touched = redacted or MASK in request.prompt or WITHHELD in request.prompt or MASK in str(request.context)
    return touched and same_ask(command.model_copy(update=words), request)
