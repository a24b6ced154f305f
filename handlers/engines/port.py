"""What a handler needs of an inference engine; every engine passes the same tests."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal, Protocol

FinishReason = Literal["stop", "length"]
"""The model ended the text, or ``max_tokens`` did."""


class EngineError(Exception):
    """An engine could not answer. ``retriable`` says whether the same request may succeed later."""

    def __init__(self, message: str, *, retriable: bool = False) -> None:
        super().__init__(message)
        self.retriable = retriable


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One finished answer."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    ttft_ms: float
    """From the call to the first token, ms."""
    latency_ms: float
    """From the call to the last token, ms."""
    finish_reason: FinishReason


class Engine(Protocol):
    """Generates text with one model. Safe for concurrent use by the tasks of one event loop."""

    async def generate(self, prompt: str, *, max_tokens: int, temperature: float, seed: int) -> Generation:
        """Return the answer to ``prompt``; the same arguments give the same text.

        Args:
            prompt: the rendered prompt.
            max_tokens: of the answer, at least 1.
            temperature: 0 is greedy; 1 samples as the model was trained.
            seed: of the sampling.

        Raises:
            EngineError: the prompt is too long, or the engine is broken or stopped.
        """
        ...


class StreamingEngine(Engine, Protocol):
    """An engine that gives its tokens as they come."""

    def stream(
        self, prompt: str, *, max_tokens: int, temperature: float, seed: int
    ) -> AsyncGenerator[str, None]:
        """Yield the pieces of the text that `generate` would return; closing the generator cancels."""
        ...
