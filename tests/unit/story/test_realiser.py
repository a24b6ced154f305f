"""Models are asked beside the written line: read back, waited for no longer than it takes, never needed."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest

from aicore.content.line_files import read_language
from domain.story.saying import Heard
from domain.story.talk import Made, saying_of
from handlers.story import realiser
from handlers.story.gates import ReadingBack
from handlers.story.realiser import Asked, realised
from tests.unit.story.talk_kit import Talking, cindermouth, mouth

WRONG = "Nib is at the Ropewalk quay with Odalys Pike."


class Says:
    """Somebody who says what they are given, batch by batch, or is late with the last, or cannot."""

    def __init__(self, *batches: Sequence[str], late: bool = False, fails: bool = False) -> None:
        self.batches, self.late, self.fails = batches, late, fails
        self.asked = 0

    async def realise(self, asked: Asked) -> AsyncGenerator[Sequence[Made], None]:
        if self.fails:
            raise OSError("the engine is dead")
        for batch in self.batches:
            self.asked += 1
            yield [Made("small", text or asked.written, "test") for text in batch]
        if self.late:
            await asyncio.Event().wait()


def where_is_nib() -> Asked:
    line = Talking().say("Where is Nib?")
    saying = saying_of(line.plan, line.things)
    voice = line.made_of.voice
    present = frozenset(("person.una_pell", "person.nib", "player.ann"))
    given = mouth().tongues[voice].voice.given
    return Asked(saying, voice, Heard(), "seed", line.text, cindermouth().naming.names, present, given)


async def test_who_is_late_or_dead_is_done_without_and_all_others_are_read_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(realiser, "DEADLINE_S", 0.05)
    asked, gates = where_is_nib(), ReadingBack(read_language)

    said = Says(("", WRONG, "It is 5 o'clock."))
    found = await realised([Says((WRONG,), late=True), said, Says(fails=True)], asked, gates)

    assert [each.stopped for each in found[:2]] == ["name", ""], "what came before it was late is kept"
    assert (found[2].stopped, bool(found[2].why)) == ("name", True)
    assert [each.stopped == "" for each in found[1:]] == [True, False, False]
    assert await realised([], asked, gates) == []


async def test_once_something_passed_nobody_is_asked_for_more() -> None:
    asked, gates = where_is_nib(), ReadingBack(read_language)
    first, second = Says(("", WRONG), (WRONG,)), Says((WRONG,), ("",), (WRONG,))
    found = await realised([first, second], asked, gates)
    assert (first.asked, second.asked, len(found)) == (1, 2, 4)


async def test_what_a_model_found_useless_itself_stays_stopped() -> None:
    useless = Made("small", "Nib", "test", stopped="cut", why="no sentence ends")

    class Cuts(Says):
        async def realise(self, asked: Asked) -> AsyncGenerator[Sequence[Made], None]:
            yield [useless]

    assert await realised([Cuts()], where_is_nib(), ReadingBack(read_language)) == [useless]
