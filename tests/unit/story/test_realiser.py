"""Models are asked beside the written line: read back, waited for no longer than it takes, never needed."""

import asyncio
from collections.abc import Sequence

import pytest

from aicore.content.line_files import read_language
from domain.story.saying import Heard
from domain.story.talk import Made, saying_of
from handlers.story import realiser
from handlers.story.gates import ReadingBack
from handlers.story.realiser import Asked, realised
from tests.unit.story.talk_kit import Talking, cindermouth, mouth


class Says:
    """Somebody who says what they are given, at once, never, or not at all."""

    def __init__(self, *texts: str, late: bool = False, fails: bool = False) -> None:
        self.texts, self.late, self.fails = texts, late, fails

    async def realise(self, asked: Asked) -> Sequence[Made]:
        if self.late:
            await asyncio.Event().wait()
        if self.fails:
            raise OSError("the engine is dead")
        return [Made("small", text, "test") for text in (asked.written, *self.texts)]


async def test_who_is_late_or_dead_is_done_without_and_all_others_are_read_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(realiser, "DEADLINE_S", 0.05)
    line = Talking().say("Where is Nib?")
    saying = saying_of(line.plan, line.things)
    voice = line.made_of.voice
    present = frozenset(("person.una_pell", "person.nib", "player.ann"))
    given = mouth().tongues[voice].voice.given
    asked = Asked(saying, voice, Heard(), "seed", line.text, cindermouth().naming.names, present, given)
    gates = ReadingBack(read_language)

    said = Says("Nib is at the Ropewalk quay with Odalys Pike.", "It is 5 o'clock.")
    found = await realised([Says(late=True), said, Says(fails=True)], asked, gates)

    assert [each.stopped == "" for each in found] == [True, False, False]
    assert (found[1].stopped, bool(found[1].why)) == ("name", True)
    assert await realised([], asked, gates) == []
