"""The stage in which a turn is answered: whatever happens in it becomes the command that records it."""

import asyncio

import structlog

from domain.inference.inference import stream_of
from domain.inference.recording import RecordCancellation, RecordCompletion, RecordFailure
from handlers.engines.port import EngineError
from handlers.guardrails.guard import stops
from handlers.inference.answers import Answers, SharedAnswers, lasting
from handlers.inference.generation import Generation
from handlers.inference.guarding import Guard, QuestionGuard
from handlers.inference.questions import Questions
from handlers.inference.replies import attempts_of, code_of, describe_failure
from handlers.inference.turn import CallerGone, Turn
from handlers.routing.router import Router
from handlers.routing.turns import DeadlineExceeded, NoEngine

Outcome = RecordCompletion | RecordFailure | RecordCancellation

logger = structlog.get_logger(__name__)


class Answering:
    """Brings each turn to one outcome."""

    def __init__(self, router: Router, questions: Questions, answers: Answers, guard: Guard) -> None:
        self._router = router
        self._questions = questions
        self._guard = guard
        self._question_guard = QuestionGuard(guard)
        self._generation = Generation(router, guard)
        self._shared = SharedAnswers(answers, self._generation, guard, router.now)

    async def outcome(self, turn: Turn) -> Outcome:
        """Return what was answered, or what went wrong, as the command that records it.

        Raises:
            Rejected: ``no_engine``: what a crash left open can no longer be answered here.
        """
        request, task = turn.request, asyncio.current_task()
        turn.routed = self._questions.routed(turn, request)
        self._questions.check_served(request.tier, request.provider, turn.routed.model)
        if turn.cancelled:
            return self._cancelled(turn)
        turn.began, turn.task = self._router.now(), task
        try:
            return await self._answered(turn)
        except CallerGone:
            return self._cancelled(turn)
        except asyncio.CancelledError:
            if task is None or not turn.cancelled:
                raise
            task.uncancel()
            return self._cancelled(turn)
        except (EngineError, NoEngine, DeadlineExceeded) as error:
            logger.warning("inference_failed", stream=stream_of(turn.id), error=str(error))
            return self._failed(turn, code_of(error), describe_failure(error))
        except Exception as error:  # a bug of ours: all the same, no question stays without an outcome
            logger.exception("inference_broke", stream=stream_of(turn.id))
            why = f"an error of ours ({type(error).__name__}); the service's log has more"
            return self._failed(turn, "internal", why)
        finally:
            turn.task, turn.ended = None, True
            self._question_guard.record(turn, turn.found())

    async def _answered(self, turn: Turn) -> RecordCompletion:
        if stops(turn.findings):
            return await self._generation.close(turn, turn.began)
        completion = await self._shared.answer(turn)
        if lasting(completion) and completion.source_inference_id is None:
            with turn.checks:
                turn.more = self._guard.contradiction(turn.request, completion.text)
        return completion

    def _cancelled(self, turn: Turn) -> RecordCancellation:
        if turn.shared:
            turn.more = turn.shared.found()
        return RecordCancellation(
            inference_id=turn.id,
            text=turn.text,
            completion_tokens=turn.tokens,
            latency_ms=self._took_ms(turn),
            attempts=attempts_of(turn.routed.attempts),
        )

    def _failed(self, turn: Turn, code: str, why: str) -> RecordFailure:
        return RecordFailure(
            inference_id=turn.id,
            code=code,
            message=why[:2_000],
            latency_ms=self._took_ms(turn),
            attempts=attempts_of(turn.routed.attempts),
        )

    def _took_ms(self, turn: Turn) -> float:
        return round((self._router.now() - turn.began) * 1e3, 3)
