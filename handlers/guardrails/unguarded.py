"""Stand-in for the guardrails without any check: for benchmarks of the router alone."""

from collections.abc import Callable, Mapping, Sequence

from domain.guardrails.scan import Finding
from domain.inference.messages import Generate, InferenceRequested
from handlers.guardrails.guard import CheckTime, Found
from protocol.messages import CommandMessage


class UnguardedAnswer:
    """An answer that goes out as it comes; see `handlers.guardrails.guard.Guarded`."""

    blocked = False

    def feed(self, piece: str) -> str:
        """Return the piece."""
        return piece

    def finish(self) -> str:
        """Return nothing: nothing was held back."""
        return ""

    async def release(self, text: str, *, end: bool = False) -> str:
        """Return the text."""
        return text

    def found(self) -> list[Found]:
        """Return nothing."""
        return []


class Unguarded:
    """Lets everything through; see `handlers.guardrails.guard.Guardrails`."""

    def timed(self, _clock: Callable[[], float]) -> CheckTime:
        """Return a time that stands still: there are no checks."""
        return CheckTime(float)

    def held_to(self) -> Mapping[str, str]:
        """Return nothing: no policy is in force."""
        return {}

    async def question(self, command: Generate) -> tuple[Generate, Sequence[Finding]]:
        """Return the question as it is."""
        return command, ()

    def limited(self, prompt: str) -> None:
        """Refuse nothing."""

    async def classify_question(self, prompt: str) -> Sequence[Finding]:
        """Return nothing."""
        return ()

    def fits(self, text: str) -> bool:
        """Say yes."""
        return True

    def answer(self, before: str = "") -> UnguardedAnswer:
        """Return what lets an answer through."""
        return UnguardedAnswer()

    def contradiction(self, request: InferenceRequested, text: str) -> list[Found]:
        """Return nothing."""
        return []

    def closing(self, request: InferenceRequested, said: str) -> str:
        """Return the request's own line; nothing is ever closed here."""
        return request.authored_line or ""

    def record(self, message: CommandMessage, request: InferenceRequested, found: Found) -> None:
        """Record nothing: nothing is found."""
