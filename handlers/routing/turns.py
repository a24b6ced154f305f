"""A turn on its way through the router: what it asks for, what comes of it, and how it may fail."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from domain.routing.choice import Choice, Objective
from handlers.engines.port import Engine, EngineAsk, EngineError


class NoEngine(Exception):
    """No engine of the tier, nor of those below it, can take the turn now."""

    def __init__(self, choices: Sequence[Choice], fault: EngineError | None = None) -> None:
        """Tell of the choices that were made in vain, one for each tier, or the last one."""
        super().__init__("; ".join(dict.fromkeys(choice.reason for choice in choices)))
        self.retry_after_ms = max(1, min(choice.retry_after_ms for choice in choices))
        self.away = all(choice.away for choice in choices)
        """No engine can be asked at all, however little there is to do."""
        self.fault = fault
        """The fault of the last engine that was asked, if one was."""


class DeadlineExceeded(Exception):
    """The turn's deadline passed before anything was said; the engine was told to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """A service level: what it promises and who serves it."""

    engines: Sequence[Engine]
    """A model is served by the engines of its provider (`Engine.provider`)."""
    objective: Objective = field(default_factory=Objective)
    below: str = ""
    """The tier that takes its turns when it cannot."""
    first_token_s: float = 10.0
    """Longest wait for an engine's first token."""
    between_tokens_s: float = 5.0
    """Longest wait for each further one: after it the engine counts as stalled."""
    patience_s: float = 3.0
    """How long a turn that was taken on waits for an engine to come back when none can be asked."""
    hedge_after_ms: float | None = None
    """Ask a second engine if the first has given nothing for so long; the first to answer wins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedTurn:
    """Facts of a turn that the router needs."""

    tier: str
    provider: str
    """Of the model that shall answer."""
    ask: EngineAsk
    deadline: float | None = None
    """On the router's clock, s."""
    prefix: str = ""
    """Turns with the same one share the beginning of their prompt, such as a character's persona."""
    authored: str = ""
    """The character's line for when no engine can speak, or none in time."""
    model: str = ""
    """Name of the model that shall answer; tiers below may serve another one."""
    attempts: list["Attempt"] = field(default_factory=list)
    """Filled as engines are asked, however the turn ends."""

    def after(self, sent: str, tokens: int) -> "RoutedTurn":
        """Return the rest of this turn, of which some was given already."""
        if not sent:
            return self
        ask = replace(self.ask, sent=sent, max_tokens=max(1, self.ask.max_tokens - tokens))
        return replace(self, ask=ask)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One engine's part in a turn."""

    engine: str
    tier: str
    fault: str = ""
    """Why it was left; "" if it brought the turn to its end."""
    tokens: int = 0
    ttft_ms: float | None = None
    ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """Outcome of a served turn: the last item of `Router.stream`."""

    text: str = field(repr=False)
    tier: str
    engine: str
    """Engine that brought it to its end; "" if none did."""
    reason: str
    finish_reason: str
    """stop, length, filtered (by the provider; the text is what was given by then, or the authored line),
    authored, or cut (after some tokens all engines failed, or the deadline passed)."""
    prompt_tokens: int
    completion_tokens: int
    """All that the engines worked on for it, as they told it; their pieces where they did not."""
    ttft_ms: float
    latency_ms: float
    attempts: tuple[Attempt, ...]
    choices: tuple[Choice, ...]
    """Each decision with its inputs."""
    estimated: bool = False
    """Some of the counts of tokens are ours."""
