"""A bank of barks: what is proposed waits, is taken or declined once, and is then a line of its voice."""

import pytest

from aicore.content.line_files import read_mouth
from domain.kernel.decider import Rejected
from domain.story.barks import (
    CONSIDERING,
    Bank,
    BarkDeclined,
    BarkProposed,
    BarkTaken,
    Considered,
    ProposeBark,
    read_bark,
)
from domain.story.plan import Act
from domain.story.saying import Heard, Saying
from domain.story.verdicts import Judged, LineApproved, LineRejected, Verdict
from tests.unit.kit import in_case
from tests.unit.story.test_saying import BETWEEN

VOICE = "harbour/ferryman"
PROPOSED = BarkProposed.from_example()
TAKEN = BarkTaken.from_example()
DECLINED = BarkDeclined.from_example()


def proposed(**changes: object) -> ProposeBark:
    return ProposeBark.model_validate({**ProposeBark.example, **changes})


def test_a_proposal_waits_once_and_is_declined_once() -> None:
    fold, decide = CONSIDERING.evolve, CONSIDERING.decide
    waiting = fold(CONSIDERING.initial, PROPOSED)

    assert decide(Considered(event=PROPOSED), CONSIDERING.initial) == [PROPOSED]
    assert decide(Considered(event=PROPOSED), waiting) == []
    assert decide(Considered(event=DECLINED), waiting) == [DECLINED]
    assert decide(Considered(event=DECLINED), fold(waiting, DECLINED)) == []


def test_the_bank_has_what_waits_and_what_was_taken() -> None:
    bank = Bank().after(PROPOSED)
    assert ([*bank.waiting], [*bank.taken]) == ([PROPOSED.bark], [])
    assert ([*bank.after(TAKEN).waiting], [*bank.after(TAKEN).taken]) == ([], [TAKEN.bark])
    assert bank.after(DECLINED) == Bank()
    assert bank.after(TAKEN).without([TAKEN.bark]) == Bank()


def test_what_is_not_written_as_the_corpus_is_refused_by_its_fault() -> None:
    mouth = read_mouth()
    known = mouth.tongues[VOICE].by_shape[Act.SMALL_TALK, ()][0].pair.text
    wrong = {
        "It took 3 eels.": "unusable_line",
        "no capital begins it.": "unusable_line",
        "{A} went by.": "unusable_line",
        "My phone is wet.": "unusable_line",
        known: "known_line",
    }
    for text, code in wrong.items():
        with in_case(text), pytest.raises(Rejected) as refused:
            read_bark(proposed(text=text), mouth.tongues, mouth.words)
        assert (refused.value.code, refused.value.field) == (code, "text")
    with pytest.raises(Rejected) as unknown:
        read_bark(proposed(voice="harbour/nobody"), mouth.tongues, mouth.words)
    assert unknown.value.code == "unknown_voice"


def test_a_bark_that_was_taken_is_said_until_somebody_rejects_it_and_each_makes_another_corpus() -> None:
    mouth, judged = read_mouth(), Judged()
    facts = {"voice": VOICE, "lines": [TAKEN.bark], "operator": "mira", "reason": "so"}
    heard = {each.id: 1 for each in mouth.tongues[VOICE].by_shape[Act.SMALL_TALK, ()]}
    digests, said = {mouth.digest}, []
    rejected = LineRejected.model_validate({**facts, "line": "ann.1"})
    approved = LineApproved.model_validate({**facts, "line": "ann.1"})
    verdicts: tuple[Verdict | BarkTaken, ...] = (TAKEN, rejected, approved, rejected, TAKEN)
    for at, event in enumerate(verdicts):
        judged = judged.after(event, str(at))
        now = judged.mouth(mouth)
        digests.add(now.digest)
        line = now.tongues[VOICE].say(Saying(Act.SMALL_TALK, BETWEEN), Heard(heard), "")
        said.append(TAKEN.text in line.text)

    assert said == [True, False, True, False, True]
    assert len(digests) == 6
    assert TAKEN.bark not in {e.id for e in mouth.tongues[VOICE].by_shape[Act.SMALL_TALK, ()]}, (
        "the corpus stays"
    )
