"""inference.generate: a turn goes through one stage after the other, from its arrival to its reply.

    arrive    `Inbox`: repeats of an id wait for its first try; cancellations are kept
    own       `Ownership`: does the id belong to another process? then that one answers
    guard     `QuestionGuard`: personal data out, the rules of the policy
    recall    `Ownership.recall`: was it asked before?
    ask       `Questions`: which model, on which tier, in which words
    admit     `Admission`: room at the engines, the player's allowance
    answer    `Answering`: kept or shared (`SharedAnswers`), or made and guarded (`Generation`)
    record    `InferenceRecords`: the question before it is answered, the outcome after
    reply     `reply_of`

A turn waits for no log: question and answer go to the spool, and the reply only waits until the answer's
record is on this machine's disk. A repeat (same command id) gets the first outcome, or, if a crash left a
question without one, asks again with the recorded model and seed. A request that is refused before a model
was asked may come again; its refusal is recorded, too.
"""

from collections.abc import Awaitable, Callable, Collection
from functools import partial

from bus.ports import Claims, IdConflict
from domain.kernel.decider import Rejected
from domain.outcomes.turn import of_refusal
from handlers.guardrails.unguarded import Unguarded
from handlers.inference.admission import Admission, Allowances
from handlers.inference.answering import Answering
from handlers.inference.answers import Answers
from handlers.inference.guarding import Guard, QuestionGuard
from handlers.inference.inbox import Inbox
from handlers.inference.ownership import Ownership, RefusedElsewhere
from handlers.inference.questions import Questions, Scenes, repeats, see_whole
from handlers.inference.records import InferenceRecords
from handlers.inference.replies import reply_of
from handlers.inference.turn import PieceSink, Turn
from handlers.inference.unknown_names import Warnings, warnings_of
from handlers.registry.models import RegistryView
from handlers.routing.router import Router
from protocol.errors import WireError
from protocol.messages import CommandMessage, Reply

TIMEOUT_S = 30.0

Give = Callable[[str, str, int, str], Awaitable[None]]
"""Sends one piece: subject, inference id, its number from 0, its text."""


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
        characters: Collection[str] | None = None,
        guard: Guard | None = None,
        claims: Claims | None = None,
    ) -> None:
        """Prepare. ``timeout_s``: time for an answer where the caller sets no deadline; ``give`` streams.

        ``characters``: the ids that the content knows; who names another one is warned.
        Without a ``guard`` nothing is checked: for benchmarks of the router alone. Without ``claims`` no
        other process may serve the realm; where there are, `answer_peer` must hear from them.
        """
        self._records = records
        self._registry = registry
        self._router = router
        self._timeout_s = timeout_s
        self._give = give
        self._characters = characters
        self._guard = guard or Unguarded()
        self._inbox = Inbox(router.now)
        self._ownership = Ownership(claims, records, router.now)
        self._question_guard = QuestionGuard(self._guard)
        self._questions = Questions(registry, router, scenes)
        self._admission = Admission(router, allowances)
        self.answers = Answers(router.now)
        self._answering = Answering(router, self._questions, self.answers, self._guard)

    async def __call__(self, message: CommandMessage, *, give: PieceSink | None = None) -> Reply:
        """Answer one request. ``give`` takes the pieces instead of the request's ``stream_to``.

        Raises:
            Rejected: ``invalid_field``, ``no_current_model``, ``no_engine``, ``template_not_found``,
                ``unknown_context``, ``prompt_too_long``, ``question_too_long``, ``overloaded``,
                ``engines_away``, ``over_allowance``, ``turn_erased`` (recorded as refused), or
                ``inference_failed`` (recorded: a repeat gives the same).
            IdConflict: the id asked for something else before.
            LogUnavailable: the log cannot be asked for a model that was never seen, or for what came of an id
                that was here before and is forgotten.
        """
        return await self._answer(self._turn(message, give))

    async def answer_peer(self, message: CommandMessage) -> Reply:
        """Answer a request that came to another process and whose id is ours; raises as a call does."""
        turn = self._turn(message, None)
        turn.from_peer = True
        return await self._answer(turn)

    def _turn(self, message: CommandMessage, give: PieceSink | None) -> Turn:
        now = self._router.now
        return Turn(message, now(), self._timeout_s, self._guard.timed(now), give)

    async def _answer(self, turn: Turn) -> Reply:
        message = turn.message
        async with self._inbox.alone(turn):
            try:
                turn.parse()
                if reply := await self._ownership.answered_elsewhere(turn):
                    return reply
                await self._begin(turn)
            except RefusedElsewhere:
                raise
            except Rejected as refusal:
                self._refused(turn, refusal)
                raise
            finally:
                await self._ownership.release(turn)
            if turn.inference.outcome is not None:
                return self._reply(turn, recorded=True, duplicate=True)
            await self._question_guard.classify(turn)
            turn.give = turn.give or self._piece_sink(turn)
            outcome = await self._answering.outcome(turn)
            self._admission.charge(turn.question, outcome)
            if guard_us := turn.checks.us:
                outcome = outcome.model_copy(update={"guard_us": guard_us})
            turn.inference, recorded = await self._records.outcome(outcome, message, turn.inference)
            return self._reply(turn, recorded=recorded)

    def _reply(self, turn: Turn, *, recorded: bool, duplicate: bool = False) -> Reply:
        warnings: Warnings = ()
        if turn.inference.request:
            placed = self._questions.has_place(turn.request)
            warnings = warnings_of(turn.request, self._characters, placed=placed)
        return reply_of(
            turn.inference, turn.message, recorded=recorded, duplicate=duplicate, warnings=warnings
        )

    async def _begin(self, turn: Turn) -> None:
        """Bring a turn to its recorded question: a new one, or that of an earlier try."""
        await self._question_guard.redact(turn)
        turn.inference = await self._ownership.recall(turn)
        if turn.inference.request is None:
            self._question_guard.check_length(turn)
            record = await self._questions.ask(turn)
            routed = self._questions.routed(turn, record)
            self._admission.admit(routed, turn.question, turn.message.meta.actor)
            turn.inference = self._records.request(record, turn.message)
        elif not repeats(turn, turn.inference.request):
            raise IdConflict(turn.message.id, "asked for something else before")
        else:
            see_whole(turn.inference)

    def _piece_sink(self, turn: Turn) -> PieceSink | None:
        """Return what sends the pieces to the request's ``stream_to``, if it has one."""
        if not turn.question.stream_to or not self._give:
            return None
        return partial(self._give, turn.question.stream_to, turn.id)

    def _refused(self, turn: Turn, refusal: Rejected) -> None:
        """Record a refusal, and where a model was at fault, which."""
        model_id, who = None, ""
        if of_refusal(refusal.code):
            who = turn.original.stays or turn.id
            model_id = None if turn.original.alias else self._registry.met(turn.original.use_case, who)
        self._records.refusal(turn.message, refusal, model_id=model_id, who=who)

    def malformed(self, error: WireError) -> None:
        """Record a request that could not even be read; its sender gets a typed error from the bus."""
        self._records.refusal(None, Rejected(error.code, error.message, field=error.field))

    @property
    def under_way(self) -> Collection[str]:
        """The ids of the turns that came and have no reply yet: to be looked at."""
        return self._inbox.under_way

    def cancel(self, inference_id: str, actor: str) -> bool:
        """End an answer that is under way here and that ``actor`` asked for; say whether there was one."""
        return self._inbox.cancel(inference_id, actor)
