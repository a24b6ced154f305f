"""One turn of a player on its way from arrival to reply: what each stage has found out about it so far.

The stages are those of `handlers.inference.service`, in their order. A field has one stage that sets it, and
those after it only read it.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bus.ports import Claim
from domain.guardrails.scan import Finding
from domain.inference.inference import Inference
from domain.inference.messages import Generate, InferenceRequested
from domain.inference.recording import RecordCompletion
from domain.kernel.parse import parse
from handlers.guardrails.guard import CheckTime, Found, Guarded
from handlers.guardrails.unguarded import UnguardedAnswer
from handlers.routing.turns import RoutedTurn
from protocol.messages import CommandMessage

PieceSink = Callable[[int, str], Awaitable[None]]
"""Takes one piece of an answer: its number from 0, its text. Raises `ConnectionResetError`: all have left."""


class CallerGone(Exception):
    """Nobody takes the pieces of this answer any more."""


@dataclass(slots=True, eq=False)
class Sharing:
    """An answer under way that others may listen to."""

    inference_id: str
    heard: str = field(default="", repr=False)
    """The text before it, which those who share it have: it is the rest of an answer that was cancelled."""
    pieces: list[tuple[str, int]] = field(default_factory=list, repr=False)
    """Text and tokens."""
    done: bool = False
    completion: RecordCompletion | None = None
    """None while it is under way, and if it came to nothing."""
    left: bool = False
    """The originator cancelled; one listener takes the generation over."""
    found: Callable[[], list[Found]] = list
    """Returns what broke the policy in it so far: whoever listens nearly saw it, too."""
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    def gave(self, text: str, tokens: int) -> None:
        """Note a piece."""
        self.pieces.append((text, tokens))
        self._wake()

    def ended(self, completion: RecordCompletion | None) -> None:
        """Note the end."""
        self.done, self.completion = True, completion
        self._wake()

    async def listen(self) -> AsyncGenerator[tuple[str, int], None]:
        """Yield all pieces, those to come as they come, until the end."""
        heard = 0
        while True:
            while heard < len(self.pieces):
                yield self.pieces[heard]
                heard += 1
            if self.done:
                return
            await self._moved.wait()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()


@dataclass(slots=True, eq=False)
class Turn:
    """One request, and what has become of it. Times are on the router's clock, s."""

    message: CommandMessage
    """As it came over the wire."""
    arrived: float
    """Its time runs from here."""
    timeout_s: float
    """Its time where the caller sets no deadline."""
    checks: CheckTime
    give: PieceSink | None = None

    # --- the inbox --------------------------------------------------------------------------------------
    cancelled: bool = False
    task: asyncio.Task[Any] | None = None
    """The task that a cancellation ends: set while it is answered."""
    ended: bool = False
    """It was answered: nothing is left to cancel."""

    # --- ownership --------------------------------------------------------------------------------------
    from_peer: bool = False
    """Another process sent it here, as its id is this one's."""
    claim: Claim | None = None
    fresh: bool = True
    """No other process can have had its id."""
    seen: bool = False
    """Its id was here before, or at the process that this one inherited it from."""
    elsewhere: bool = False
    """Another process is asked for its answer, and hears of cancellations itself."""
    inherited: bool = False
    """The process that its id belonged to is gone."""

    # --- guard the question -----------------------------------------------------------------------------
    question: Generate = field(init=False)
    """The caller's question, from here on as it may be recorded and asked."""
    original: Generate = field(init=False)
    """The same in the caller's own words: never recorded, only findings are shown with them."""
    held_to: Mapping[str, str] = field(default_factory=dict)
    """The policy in force on arrival; see `HeldTo`."""
    findings: Sequence[Finding] = ()

    # --- recall, ask, record ----------------------------------------------------------------------------
    inference: Inference = field(default_factory=Inference)
    """Its record."""

    # --- answer -----------------------------------------------------------------------------------------
    routed: RoutedTurn = field(init=False)
    """As the router takes it."""
    began: float = field(init=False)
    given: list[str] = field(default_factory=list, repr=False)
    """The pieces of the answer so far."""
    tokens: int = 0
    guarded: Guarded | UnguardedAnswer | None = None
    """The guard of its own answer."""
    shared: Sharing | None = None
    """The answer to another turn that is listened to."""
    more: Sequence[Found] = ()
    """Findings after the end, or of the guard of an answer that was shared."""

    def __post_init__(self) -> None:
        """Count its time from the arrival until an engine is asked."""
        self.began = self.arrived

    @property
    def id(self) -> str:
        """Return the inference's id: the command's, as 32 hexadecimal digits."""
        return self.message.id.hex

    @property
    def actor(self) -> str:
        """Return who asked."""
        return self.message.meta.actor

    @property
    def request(self) -> InferenceRequested:
        """Return the recorded question; only once there is one."""
        assert self.inference.request is not None
        return self.inference.request

    @property
    def deadline(self) -> float:
        """Return when its time is over."""
        ms = self.question.deadline_ms
        return self.arrived + (self.timeout_s if ms is None else ms / 1e3)

    @property
    def text(self) -> str:
        """Return the answer so far."""
        return "".join(self.given)

    def parse(self) -> None:
        """Read the question. Raises `Rejected`: ``invalid_field``."""
        self.original = self.question = parse(Generate, self.message.payload)

    async def take(self, text: str) -> None:
        """Hand a piece on. Raises `CallerGone`."""
        number = len(self.given)
        self.given.append(text)
        if self.give:
            try:
                await self.give(number, text)
            except ConnectionResetError:
                raise CallerGone from None

    def found(self) -> list[Found]:
        """Return what broke the policy in the answer, however it ended."""
        return [*(self.guarded.found() if self.guarded else []), *self.more]
