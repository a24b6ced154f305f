"""The port of inference engines for the router; every engine passes the same tests."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from domain.patterns import PatternError, TooInvolved, rest_of
from domain.prompts.messages import Role

BYTES_PER_TOKEN = 3
"""Below what usual tokenizers reach in any language, so that a count is rather too high."""

FinishReason = Literal["stop", "length", "filtered"]
"""The model ended the text, ``max_tokens`` did, or the provider's own filter did because of what it says."""

EngineFault = Literal[
    "engine_failed",  # it said so, or broke off
    "engine_unreachable",  # nobody answers there
    "engine_timeout",  # no token for too long
    "engine_overloaded",  # it takes no more for now
    "engine_nonsense",  # what it sends is no answer
    "engine_denied",  # it refuses our key, or the account has no credit
    "engine_misconfigured",  # it refuses what its settings make us send: address, model, parameters
    "unknown_adapter",
    "unsupported",  # it cannot do what was asked for, now or later
    "prompt_too_long",
    "invalid_request",
    "content_filtered",  # the provider's filter refuses the words
]

SETTINGS_FAULTS: frozenset[EngineFault] = frozenset({"engine_denied", "engine_misconfigured"})
"""Only an operator can mend them: the engine is left alone at once, and the log says so once."""

RETRIABLE: frozenset[EngineFault] = SETTINGS_FAULTS | frozenset(
    {"engine_failed", "engine_unreachable", "engine_timeout", "engine_overloaded", "engine_nonsense"}
)
"""The engine's own: another one, or the same one later, may well answer."""

REQUEST_FAULTS: frozenset[EngineFault] = frozenset({"unsupported", "unknown_adapter", "prompt_too_long"})
"""The request's, as far as this engine goes: no word against its health, and another one may be able to.

What is in neither set is the request's own fault wherever it is asked.
"""


class EngineError(Exception):
    """An engine could not answer; ``code`` says what kind of fault it is."""

    def __init__(
        self, message: str, code: EngineFault = "engine_failed", *, retry_after_s: float | None = None
    ) -> None:
        """Make the error; ``retry_after_s`` is how long the engine asks to be left alone, s."""
        super().__init__(message)
        self.code = code
        self.retry_after_s = retry_after_s

    @property
    def retriable(self) -> bool:
        """Whether the same request may succeed elsewhere or later."""
        return self.code in RETRIABLE


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat."""

    role: Role
    text: str = field(repr=False)


def upper_count(text: str) -> int:
    """Return an upper estimate of the tokens of a text, for where no tokenizer can be asked."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def messages_of(prompt: str, roles: Iterable[tuple[Role, int]]) -> tuple[Message, ...]:
    """Return a rendered prompt as the messages of a chat, without the blanks between them.

    Args:
        prompt: the words.
        roles: whose they are: each role with its number of characters; empty: nobody says.
    """
    found, begin = list[Message](), 0
    for role, characters in roles:
        if text := prompt[begin : begin + characters].strip():
            found.append(Message(role, text))
        begin += characters
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineAsk:
    """One request to an engine."""

    prompt: str = field(repr=False)
    """As rendered by the template."""
    messages: tuple[Message, ...] = ()
    """The same words as a chat engine gets them; empty: the prompt as one message of the user."""
    max_tokens: int
    """Of what is still to come, at least 1."""
    temperature: float = 0.7
    """0 is greedy; 1 samples as the model was trained."""
    seed: int = 0
    adapter: str | None = None
    """A LoRA adapter of the engine's model, by name."""
    pattern: str | None = None
    """A regular expression that the whole answer must match; no backreferences, no look-around."""
    priority: int = 0
    """0 is the most urgent."""
    sent: str = field(default="", repr=False)
    """What another engine has given of this answer already: go on after it, repeat none of it."""

    def rest(self) -> str | None:
        """Return the pattern of what is still to be said; "" if that is nothing, None without a pattern.

        After much was sent it may take a second: see `rest_aside`.

        Raises:
            EngineError: it is no pattern, or what was sent does not begin a match of it; ``unsupported`` if
                finding out takes too much.
        """
        if self.pattern is None:
            return None
        try:
            rest = rest_of(self.pattern, self.sent)
        except TooInvolved as error:
            raise EngineError(str(error), "unsupported") from error
        except PatternError as error:
            raise EngineError(f"the pattern is none: {error}", "invalid_request") from error
        if rest is None:
            raise EngineError("what was sent does not begin a match of the pattern", "invalid_request")
        return rest

    async def rest_aside(self) -> str | None:
        """Return `rest`; where that takes long, the event loop goes on meanwhile."""
        aside = self.pattern is not None and self.sent
        return await asyncio.to_thread(self.rest) if aside else self.rest()


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of the answer's text; whole tokens, whole characters, never empty."""

    text: str = field(repr=False)
    tokens: int = 1


@dataclass(frozen=True, slots=True)
class End:
    """End of the answer: the last item of a stream."""

    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    """All that the engine worked on, also what it did not show; an answer's pieces may be fewer."""
    estimated: bool = False
    """The engine told no counts: they are ours, of pieces and bytes."""


@dataclass(frozen=True, slots=True)
class Health:
    """An engine's description of itself."""

    ok: bool
    reason: str = ""
    """Why it is not well."""
    active: int = 0
    waiting: int = 0


class Engine(Protocol):
    """Generates text with one model. Safe for concurrent use by the tasks of one event loop."""

    @property
    def name(self) -> str:
        """Name in settings, decisions and records; unique within a process."""
        ...

    @property
    def provider(self) -> str:
        """It serves models that were registered with this provider."""
        ...

    @property
    def models(self) -> frozenset[str]:
        """Names of the registered models that it serves; empty: all of its provider."""
        ...

    @property
    def capacity(self) -> int:
        """Requests that it works on at a time without slowing each other down unduly."""
        ...

    @property
    def own(self) -> bool:
        """Whether its hours are paid for; else its provider charges for tokens."""
        ...

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a text takes, or an upper estimate; quick, nobody is asked."""
        ...

    async def start(self) -> None:
        """Make ready. Idempotent. Raises `EngineError`."""
        ...

    async def stop(self) -> None:
        """End what runs and let go of everything. Idempotent."""
        ...

    async def health(self) -> Health:
        """Probe the engine; bounded, never raises."""
        ...

    def stream(self, ask: EngineAsk) -> AsyncGenerator[Piece | End, None]:
        """Yield the answer as it comes and how it ended; closing the generator cancels it in the engine.

        The same arguments give the same text where the engine can promise it (`EngineAsk.seed`).

        Raises:
            EngineError: see `EngineFault`.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One finished answer."""

    text: str = field(repr=False)
    prompt_tokens: int
    completion_tokens: int
    ttft_ms: float
    """From the call to the first token, ms."""
    latency_ms: float
    """From the call to the last token, ms."""
    finish_reason: FinishReason
    estimated: bool = False
    """See `End.estimated`."""


@runtime_checkable
class Scoring(Protocol):
    """An engine that can say how likely a text is to its model."""

    async def likelihood(self, prompt: str, text: str) -> float:
        """Return the mean logarithm of the chance of a token of ``text`` after ``prompt``, in nats.

        Raises:
            EngineError: as `Engine.stream`; ``unsupported`` where the server does not tell.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplesAsk:
    """A question for several answers at once."""

    prompt: str = field(repr=False)
    static: str = field(default="", repr=False)
    """How the prompt begins; so do many others, so what the engine makes of it may be kept."""
    count: int
    max_tokens: int
    temperature: float
    seed: int = 0
    """Fixes all samples together: the same question and count give the same texts."""
    without: tuple[str, ...] = ()
    """Tokens that must not be written; those that the model has not are passed over."""
    priority: int = 0
    """0 is the most urgent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One of several answers."""

    text: str = field(repr=False)
    tokens: int
    whole: bool
    """Whether the model ended it by itself."""
    chance: float
    """Mean log chance of its tokens after the prompt, the end among them, nats."""


@runtime_checkable
class Sampling(Protocol):
    """An engine that answers one question several times in one batch."""

    async def samples(self, ask: SamplesAsk) -> list[Sample]:
        """Return ``count`` answers; who is cancelled meanwhile ends them at their next token.

        Raises:
            EngineError: as `Engine.stream`.
        """
        ...

    async def chances(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Return of each prompt and text what `Scoring.likelihood` does, all in one batch.

        Raises:
            EngineError: as `Engine.stream`.
        """
        ...


async def collect(engine: Engine, ask: EngineAsk, clock: Callable[[], float]) -> Generation:
    """Return the whole answer; ``clock`` counts seconds. Raises `EngineError`."""
    began = clock()
    first: float | None = None
    texts: list[str] = []
    end: End | None = None
    async with aclosing(engine.stream(ask)) as items:
        async for item in items:
            if isinstance(item, End):
                end = item
            else:
                first = clock() if first is None else first
                texts.append(item.text)
    if end is None:
        raise EngineError(f"{engine.name} broke off without an end")
    finished = clock()
    return Generation(
        text="".join(texts),
        prompt_tokens=end.prompt_tokens,
        completion_tokens=end.completion_tokens,
        ttft_ms=((finished if first is None else first) - began) * 1e3,
        latency_ms=(finished - began) * 1e3,
        finish_reason=end.finish_reason,
        estimated=end.estimated,
    )
