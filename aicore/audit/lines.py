"""Why a person said a line, and the same line made again: from the log and the corpus alone.

The event holds the plan, and by what the speaker knew it. So what they believed is not computed again: it is
looked up that the events it names are in the log. The words are made of the plan and the lines heard before.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from bus.codec import EventCodec
from bus.ports import EventLog, RecordedEvent
from domain.kernel.decider import Rejected
from domain.kernel.parse import parse
from domain.lore.messages import DocumentAdded
from domain.lore.messages import stream_of as lore_stream
from domain.story.messages import Citation, LinePinned, LineSaid, stream_of
from domain.story.mouth import Mouth
from domain.story.pins import PinLine
from domain.story.queries import ExplainQuery
from domain.story.talk import HEARD_MAX, made_again
from handlers.story.pinboard import pin_line
from handlers.story.verdicts import mouth_then

COMPARED = ("text", "candidates", "lines", "openings", "direction")
MODELS = ("small", "large")
VERSIONS_MAX = 1_000


class NoSuchLine(Exception):
    """The log has no such line."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Something that a line goes by, and whether the log has it.

    Attributes:
        name: id of an event, or a citation. position: 0: the log has it not.
    """

    name: str
    what: str
    position: int


@dataclass(frozen=True, slots=True)
class ExplainedLine:
    """A line, and the same made again.

    Attributes:
        goes_by: events and sentences that it names.
        differs: what comes out otherwise today; empty: all is as it was recorded.
    """

    position: int
    line: LineSaid
    again: LineSaid
    goes_by: Sequence[Seen]
    differs: Sequence[str]


async def explain_line(log: EventLog, codec: EventCodec, name: str, mouth: Mouth) -> ExplainedLine:
    """Return why a line was said, and whether it comes out the same again.

    Args:
        log: the log.
        codec: reads its events.
        name: id of the line, ann.17.
        mouth: the corpus.

    Raises:
        NoSuchLine: there is none of that id.
    """
    player, _, number = name.rpartition(".")
    if not player or not number.isdigit() or int(number) < 1:
        raise NoSuchLine
    after = max(0, int(number) - 1 - HEARD_MAX)
    page = await log.read_stream(stream_of(player), after=after, limit=int(number) - after)
    events = [each for each in map(codec.decode, page) if isinstance(each, LineSaid)]
    if not events or events[-1].line != name:
        raise NoSuchLine
    line, before = events[-1], events[:-1]
    mouth = await mouth_then(log, codec, mouth, line.made_of.corpus)
    tongue = mouth.tongues.get(line.made_of.voice)
    pin = await pin_of(log, codec, line, mouth)
    again = made_again(line, before, tongue, pin) if tongue else line
    return ExplainedLine(
        page[-1].position, line, again, await _goes_by(log, codec, line), _differs(line, again, mouth)
    )


def row_of_line(told: ExplainedLine) -> dict[str, Any]:
    """Return all of a line for programs."""
    return {
        "position": told.position,
        "line": told.line.model_dump(mode="json"),
        "again": told.again.text,
        "goes_by": [asdict(each) for each in told.goes_by],
        "differs": list(told.differs),
    }


class Explains:
    """Answers ``story.explain``; ``mouth`` returns the corpus, and may take a moment for the first line."""

    def __init__(self, log: EventLog, codec: EventCodec, mouth: Callable[[], Mouth]) -> None:
        self._log = log
        self._codec = codec
        self._mouth = mouth

    async def answer(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query. What the player said stays in the event: who reads the log reads it there."""
        name, mouth = parse(ExplainQuery, query).line, await asyncio.to_thread(self._mouth)
        try:
            told = await explain_line(self._log, self._codec, name, mouth)
        except NoSuchLine:
            return None, (await self._log.head()).position
        row = row_of_line(told)
        del row["line"]["utterance"]
        return row, told.position


def _differs(line: LineSaid, again: LineSaid, mouth: Mouth) -> list[str]:
    found = [name for name in COMPARED if getattr(line, name) != getattr(again, name)]
    if line.candidates[line.winner].digest != again.candidates[again.winner].digest and "text" not in found:
        found.append("digest")
    if line.made_of.voice not in mouth.tongues:
        found.append("voice")
    if found and line.made_of.corpus != mouth.digest:
        found.append("corpus")
    return found


async def pin_of(log: EventLog, codec: EventCodec, line: LineSaid, mouth: Mouth) -> PinLine | None:
    """Return the pinned line that was a candidate; None: none was, or the log has it not."""
    makers = [each.maker for each in line.candidates if each.rung == "pinned"]
    if not makers:
        return None
    recorded = await log.find(UUID(makers[0].rpartition(" ")[2]))
    event = codec.decode(recorded) if recorded else None
    if recorded is None or not isinstance(event, LinePinned):
        return None
    try:
        return pin_line(event, str(recorded.id), dict(mouth.signatures))
    except Rejected:  # this program's predicates are others
        return None


async def _goes_by(log: EventLog, codec: EventCodec, line: LineSaid) -> list[Seen]:
    found: dict[str, Seen] = {}
    for claim in line.plan.claims:
        for id_ in (claim.evidence.event, claim.evidence.root):
            if id_ and id_ not in found:
                found[id_] = _seen(id_, await log.find(UUID(id_)))
        for cite in claim.cites:
            seen = await _cited(log, codec, cite)
            found.setdefault(seen.name, seen)
    return list(found.values())


def _seen(id_: str, recorded: RecordedEvent | None) -> Seen:
    return Seen(id_, recorded.type if recorded else "", recorded.position if recorded else 0)


async def _cited(log: EventLog, codec: EventCodec, cite: Citation) -> Seen:
    name = f"{cite.document}@{cite.number}#{cite.section}.{cite.sentence}"
    for recorded in await log.read_stream(lore_stream(cite.document), after=0, limit=VERSIONS_MAX):
        event = codec.decode(recorded)
        if isinstance(event, DocumentAdded) and event.number == cite.number:
            return Seen(name, event.title, recorded.position)
    return Seen(name, "", 0)
