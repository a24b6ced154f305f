"""What writers think of lines decides what is said next; what was said before is made again all the same."""

import asyncio

import pytest

from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLog
from bus.ports import StreamWrite
from domain.kernel.decider import Rejected
from domain.story.messages import LineSaid
from domain.story.mouth import Mouth
from domain.story.saying import Heard, Said
from domain.story.talk import saying_of
from domain.story.verdicts import (
    JUDGING,
    STREAM,
    Judge,
    Judged,
    LineApproved,
    LineRejected,
    Verdict,
    see_words_left,
)
from handlers.story.verdicts import mouth_then
from tests.unit.kit import ident
from tests.unit.story.talk_kit import Talking, mouth

CODEC = EventCodec(domain_catalogue())


def on(kind: type[Verdict], line: LineSaid, lines: list[str]) -> Verdict:
    said = {"line": line.line, "voice": line.made_of.voice, "lines": lines}
    return kind.model_validate({**kind.example, **said})


def said_by(made: Mouth, line: LineSaid, seed: str) -> Said:
    return made.tongues[line.made_of.voice].say(saying_of(line.plan, line.things), Heard(), seed)


SEEDS = [f"s{number}" for number in range(30)]


def test_an_approved_line_goes_before_others_and_a_rejected_one_is_said_no_more() -> None:
    line = Talking().say("Hello")
    before = [said_by(mouth(), line, seed).lines[0] for seed in SEEDS]
    wanted = before[0]
    assert len(set(before)) > 1
    liked = Judged().after(on(LineApproved, line, [wanted]), "e1")
    assert {said_by(liked.mouth(mouth()), line, seed).lines[0] for seed in SEEDS} == {wanted}
    banned = liked.after(on(LineRejected, line, [wanted]), "e2")
    after = {said_by(banned.mouth(mouth()), line, seed).lines[0] for seed in SEEDS}
    assert wanted not in after, "the last verdict holds"
    again = banned.after(on(LineApproved, line, [wanted]), "e3")
    assert {said_by(again.mouth(mouth()), line, seed).lines[0] for seed in SEEDS} == {wanted}
    digests = [each.mouth(mouth()).digest for each in (Judged(), liked, banned, again)]
    assert len(set(digests)) == 4, "each line tells by which verdicts it was made"
    assert digests[0] == mouth().digest


def test_the_corpus_that_a_line_was_made_by_is_found_in_the_log() -> None:
    line, log = Talking().say("Hello"), MemoryLog("here", lambda: 1)
    verdicts = [on(LineApproved, line, ["aa"]), on(LineRejected, line, list(line.lines))]
    asyncio.run(log.append(StreamWrite(STREAM, [CODEC.encode(each, ident()) for each in verdicts])))
    recorded = asyncio.run(log.read_stream(STREAM, after=0, limit=10))
    judged = Judged()
    states = [judged]
    for verdict, each in zip(verdicts, recorded, strict=True):
        states.append(states[-1].after(verdict, str(each.id)))
    for state in states:
        made = state.mouth(mouth())
        found = asyncio.run(mouth_then(log, CODEC, mouth(), made.digest))
        assert found.digest == made.digest
        assert said_by(found, line, "x") == said_by(made, line, "x")
    assert asyncio.run(mouth_then(log, CODEC, mouth(), "sha256:" + "0" * 64)) is mouth()


def test_nobody_is_left_without_words_for_an_act() -> None:
    line = Talking().say("Hello")
    tongue = mouth().tongues[line.made_of.voice]
    see_words_left(tongue, line.lines)
    own = [each.id for (act, claims), lines in tongue.by_shape.items() if act == "greet" for each in lines]
    with pytest.raises(Rejected) as refusal:
        see_words_left(tongue, own)
    assert (refusal.value.code, refusal.value.field) == ("last_line", "line")


def test_the_same_verdict_again_is_no_event() -> None:
    line = Talking().say("Hello")
    approved, rejected = (on(kind, line, ["a", "b"]) for kind in (LineApproved, LineRejected))
    state = JUDGING.fold([approved])
    assert JUDGING.decide(Judge(verdict=approved), JUDGING.initial) == [approved]
    assert JUDGING.decide(Judge(verdict=approved), state) == []
    assert JUDGING.decide(Judge(verdict=rejected), state) == [rejected]
    assert JUDGING.decide(Judge(verdict=on(LineApproved, line, ["a", "c"])), state) != []
