"""A line and the promise in it are one append: both or none, whoever writes to the promises meanwhile."""

import asyncio
from collections.abc import Sequence

from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLog
from bus.ports import AppendResult, StreamWrite
from domain.promises.messages import PromiseMade, stream_of
from domain.promises.promises import RecordPromise
from domain.story.messages import LineSaid
from domain.story.messages import stream_of as talk_of
from domain.story.talk import RecordLine
from handlers.kernel.commands import CommandRunner, Outcome
from handlers.promises.promising import PROMISING
from handlers.story.talks import TALKED
from protocol.meta import Meta
from tests.unit.kit import ident

CODEC = EventCodec(domain_catalogue())
LINE = LineSaid.from_example()
MADE = PromiseMade.from_example()


def runner_on(log: MemoryLog) -> CommandRunner:
    return CommandRunner(log, CODEC, [TALKED, PROMISING])


async def said(runner: CommandRunner, after: int, *along: PromiseMade) -> Outcome[object]:
    record = RecordLine(
        player=LINE.player, to=LINE.speaker, utterance=str(LINE.utterance), after=after, line=LINE
    )
    promises = [RecordPromise(made=made) for made in along]
    return await runner.execute(record, ident(), meta=Meta(), along=promises)


class Overtaken(MemoryLog):
    """Somebody else promises just before the first append of a line."""

    others: Sequence[StreamWrite] = ()

    async def append(self, *writes: StreamWrite) -> AppendResult:
        if self.others and len(writes) > 1:
            others, self.others = self.others, ()
            await super().append(*others)
        return await super().append(*writes)


async def test_a_promise_goes_along_with_its_line_or_its_rules_refuse_it_and_the_line_goes_alone() -> None:
    log = MemoryLog("test", lambda: 1)
    runner = runner_on(log)
    first = await said(runner, 0, MADE)
    assert [(each.type, each.stream, each.version, each.position) for each in first.events] == [
        ("story.said", talk_of(LINE.player), 1, 1),
        ("promises.made", stream_of(MADE.by), 1, 2),
    ]
    same = MADE.model_copy(update={"promise": "0" * 32})
    assert [each.type for each in (await said(runner, 1, same)).events] == ["story.said"], "already promised"
    third = await said(runner_on(log), 2, same.model_copy(update={"what": "good.rope"}))
    assert [(each.type, each.version) for each in third.events] == [("story.said", 3), ("promises.made", 2)]


async def test_who_is_overtaken_decides_anew_and_writes_both() -> None:
    other = MADE.model_copy(update={"promise": "1" * 32, "what": "good.rope"})
    log = Overtaken("test", lambda: 1)
    log.others = [StreamWrite(stream_of(MADE.by), [CODEC.encode(other, ident())])]
    made = await said(runner_on(log), 0, MADE)
    assert [(each.type, each.version) for each in made.events] == [("story.said", 1), ("promises.made", 2)]
    assert (await log.head()).position == 3


class Late(MemoryLog):
    """Tells late what it has taken in."""

    async def append(self, *writes: StreamWrite) -> AppendResult:
        found = await super().append(*writes)
        for _ in range(20 * (len(writes) > 1)):
            await asyncio.sleep(0)
        return found


async def test_who_promises_beside_a_line_waits_for_its_promise() -> None:
    """*Scar:* a stream that went along was advanced twice, and what came next was decided on half of it."""
    log, other = Late("test", lambda: 1), MADE.model_copy(update={"promise": "1" * 32, "what": "good.rope"})
    runner = runner_on(log)
    alone = runner.execute(RecordPromise(made=other), ident(), meta=Meta())
    await asyncio.gather(said(runner, 0, MADE), alone)
    known = await runner.recall(PROMISING, stream_of(MADE.by))
    assert [each.version for each in known.events] == [1, 2]
    assert known.state == (await runner_on(log).recall(PROMISING, stream_of(MADE.by))).state
    third = MADE.model_copy(update={"promise": "2" * 32, "what": "good.tar"})
    made = await runner.execute(RecordPromise(made=third), ident(), meta=Meta())
    assert [each.version for each in made.events] == [3]
