"""The stage that guards a turn's question: by rules before anything is recorded, by a model after."""

from collections.abc import Sequence

from handlers.guardrails.guard import Found, Guardrails, found_in, stops
from handlers.guardrails.unguarded import Unguarded
from handlers.inference.turn import Turn

Guard = Guardrails | Unguarded


class QuestionGuard:
    """Holds the questions of one process to the policy in force."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def redact(self, turn: Turn) -> None:
        """Make of what came the question as it may be recorded, and note what the rules find in it."""
        turn.held_to = self._guard.held_to()
        with turn.checks:
            turn.question, turn.findings = await self._guard.question(turn.original)

    def check_length(self, turn: Turn) -> None:
        """See that a model can judge all of the question. Raises `Rejected`: ``question_too_long``."""
        if not stops(turn.findings):
            self._guard.limited(turn.question.prompt)

    async def classify(self, turn: Turn) -> None:
        """Ask a model about a question that the rules let through, and record all that was found in it."""
        found = found_in(turn.original, turn.findings)
        if not stops(turn.findings):
            with turn.checks:
                turn.findings = await self._guard.classify_question(turn.question.prompt)
            found += found_in(turn.question, turn.findings)
        self.record(turn, found)

    def record(self, turn: Turn, found: Sequence[Found]) -> None:
        """Record what broke the policy."""
        for each in found:
            self._guard.record(turn.message, turn.request, each)
