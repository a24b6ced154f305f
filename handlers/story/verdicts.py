"""Verdicts on lines: taken, kept in memory, and made part of the corpus that people speak by."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

from bus.codec import EventCodec
from bus.ports import EventLog, RecordedEvent
from domain.kernel.decider import Rejected
from domain.kernel.event import Event
from domain.kernel.parse import parse
from domain.story.barks import BarkTaken
from domain.story.messages import LineSaid, stream_of
from domain.story.mouth import Mouth
from domain.story.verdicts import (
    JUDGING,
    STREAM,
    VERDICTS,
    Approve,
    Held,
    Judge,
    Judged,
    LineApproved,
    LineRejected,
    Reject,
    Verdict,
    VerdictsQuery,
    explains,
    see_words_left,
)
from handlers.kernel.commands import Binding, CommandRunner, caused_by
from handlers.kernel.follow import Decode, MemoryView
from protocol.messages import CommandMessage, Reply

JUDGED: Binding[Judge, Verdict | BarkTaken, Held] = Binding(
    commands=(Judge,), stream_of=lambda _: STREAM, decider=JUDGING, explains=explains
)
PAGE = 2_000


class VerdictBoard(MemoryView):
    """Run `run` in a task; `mouth` is the corpus with the verdicts that hold."""

    name: ClassVar[str] = "story_verdicts"
    types: ClassVar[tuple[str, ...]] = tuple(kind.event_name for kind in VERDICTS)

    def __init__(self, log: EventLog, *, decode: Decode) -> None:
        super().__init__(log, decode=decode)
        self.judged = Judged()
        self._made: tuple[Mouth, Judged, Mouth] | None = None

    def apply(self, event: Event, recorded: RecordedEvent) -> None:
        """Take an event in."""
        if isinstance(event, VERDICTS):
            self.judged = self.judged.after(event, str(recorded.id))

    def mouth(self, corpus: Mouth) -> Mouth:
        """Return a corpus with the verdicts; it is made once for each of them."""
        made = self._made
        if made is None or made[0] is not corpus or made[1] is not self.judged:
            made = self._made = corpus, self.judged, self.judged.mouth(corpus)
        return made[2]

    async def answer(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``story.verdicts``."""
        parse(VerdictsQuery, query)
        held = dict.fromkeys(verdict.line for verdict in reversed([*self.judged.by.values()]))
        last = {verdict.line: verdict for verdict in self.judged.by.values()}
        rows = [
            {"verdict": type(last[line]).event_name.partition(".")[2], **last[line].model_dump(mode="json")}
            for line in held
        ]
        return {"verdicts": rows}, self.position


class Verdicts:
    """Takes ``story.approve`` and ``story.reject``. ``mouth`` returns the corpus that people speak by."""

    def __init__(self, log: EventLog, codec: EventCodec, mouth: Callable[[], Awaitable[Mouth]]) -> None:
        self._log = log
        self._codec = codec
        self._runner = CommandRunner(log, codec, [JUDGED])
        self._mouth = mouth

    async def __call__(self, message: CommandMessage) -> Reply:
        """Judge a line that was said.

        Raises:
            Rejected: as the commands' declarations tell.
            IdConflict: the command id belongs to another command.
            LogUnavailable, Fenced: the caller may retry with the same id.
        """
        kind: type[Approve | Reject] = Approve if message.command == Approve.command_name else Reject
        command = parse(kind, message.payload)
        line = await self._said(command.line)
        said = {"line": line.line, "voice": line.made_of.voice, "lines": list(line.lines)}
        by = {"operator": command.operator, "reason": command.reason}
        verdict: Verdict
        if kind is Approve:
            verdict = LineApproved.model_validate({**said, **by})
        else:
            verdict = LineRejected.model_validate({**said, **by})
            tongue = (await self._mouth()).tongues.get(line.made_of.voice)
            if tongue is not None:
                see_words_left(tongue, line.lines)
        outcome = await self._runner.execute(Judge(verdict=verdict), message.id, meta=caused_by(message))
        return Reply(said, [*outcome.events], duplicate=outcome.duplicate)

    async def _said(self, name: str) -> LineSaid:
        player, _, number = name.rpartition(".")
        page = await self._log.read_stream(stream_of(player), after=int(number) - 1, limit=1)
        found = [each for each in map(self._codec.decode, page) if isinstance(each, LineSaid)]
        if not found or found[0].line != name:
            remedy = "story.say returns each line's id"
            raise Rejected("unknown_line", f"nobody said {name}", field="line", remedy=remedy)
        if found[0].rung != "written" or not found[0].lines:
            remedy = "pin words of your own, or unpin them: `aicore story pins`"
            raise Rejected("not_written", f"no written line is in {name}", field="line", remedy=remedy)
        return found[0]


async def mouth_then(log: EventLog, codec: EventCodec, mouth: Mouth, digest: str) -> Mouth:
    """Return the corpus that a line was made by, as its digest says; the one given if none has that digest.

    Args:
        log: the log.
        codec: reads its events.
        mouth: the corpus without any verdict.
        digest: as the line has it.
    """
    judged, after = Judged(), 0
    if mouth.digest == digest:
        return mouth
    while page := await log.read_stream(STREAM, after=after, limit=PAGE):
        for recorded in page:
            event = codec.decode(recorded)
            if isinstance(event, VERDICTS):
                judged = judged.after(event, str(recorded.id))
                if judged.digest_of(mouth.digest) == digest:
                    return judged.mouth(mouth)
        after = page[-1].version
    return mouth
