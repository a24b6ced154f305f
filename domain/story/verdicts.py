"""What writers think of lines that were said: which they want more of, and which nobody says again. Pure.

A verdict makes another corpus of the one that there is: lines that were approved come first among those of
their plan, rejected ones are no more. Its digest follows from the digest before and from the verdict's event,
and each line holds the digest of the corpus that it was made by. So a line is made again by the verdicts that
held when it was said, whatever was thought of it later.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Annotated, ClassVar, TypeVar

from pydantic import Field

from domain.kernel.decider import Decider, Rejected
from domain.kernel.event import Command, Event, Query
from domain.kernel.roles import GRANTED, PEOPLE, WRITING
from domain.kernel.vocabulary import Operator, Reason
from domain.story.barks import BarkTaken
from domain.story.messages import LineId, VoiceName
from domain.story.mouth import Mouth
from domain.story.plan import Act
from domain.story.saying import DARK, KIND, LIGHT, UNKIND, Tongue, Written

STREAM = "story-verdicts"
V = TypeVar("V", bound="LineApproved | LineRejected | BarkTaken")
LIKED = 16
"""Level of an approved line: more than mood, attitude, register and length weigh together."""

Ids = Annotated[
    list[Annotated[str, Field(max_length=200)]],
    Field(min_length=1, max_length=8, description="Ids of the written lines in it."),
]


class LineApproved(Event, name="story.approved", version=1):
    """A writer wants more of a line: its written lines go before others of their plan in their voice."""

    line: LineId
    voice: VoiceName
    lines: Ids
    operator: Operator
    reason: Reason

    example: ClassVar = {
        "line": "ann.17",
        "voice": "harbour/ferryman",
        "lines": ["3f2a9c01d4e5"],
        "operator": "mira",
        "reason": "that is how she talks",
    }


class LineRejected(Event, name="story.rejected", version=1):
    """A writer wants no more of a line: nobody says its written lines again, to whomever."""

    line: LineId
    voice: VoiceName
    lines: Ids
    operator: Operator
    reason: Reason

    example: ClassVar = {**LineApproved.example, "reason": "too coarse for her"}


Verdict = LineApproved | LineRejected
VERDICTS = (LineApproved, LineRejected, BarkTaken)
"""What changes the corpus by which people speak."""


class Approve(Command, name="story.approve", may=WRITING):
    """Want more of a line that was said; it undoes a rejection. The result is {line, voice, lines}.

    Refused with ``unknown_line``, and with ``not_written`` if a pin or a model said it.
    """

    line: LineId
    operator: Operator
    reason: Reason

    example: ClassVar = {"line": "ann.17", "operator": "mira", "reason": "that is how she talks"}


class Reject(Command, name="story.reject", may=WRITING):
    """Have nobody say a line again; it undoes an approval. The result is {line, voice, lines}.

    Refused with ``unknown_line``, ``not_written``, and with ``last_line`` if its voice would be left without
    words for an act.
    """

    line: LineId
    operator: Operator
    reason: Reason

    example: ClassVar = {"line": "ann.17", "operator": "mira", "reason": "too coarse for her"}


class VerdictsQuery(Query, name="story.verdicts", may=(GRANTED, *PEOPLE)):
    """Ask what writers think of lines, the last verdict on each first.

    The result is {verdicts}: maps with verdict (approved, rejected), line, voice, lines, operator and reason.
    """

    example: ClassVar = {}


class Judge(Command):
    """Our own: a verdict on a line that was looked up, or a bark that is taken."""

    verdict: Verdict | BarkTaken


@dataclass(frozen=True, slots=True)
class Judged:
    """Verdicts that hold, by voice and written line, and the digest of all that there were.

    Attributes:
        chain: ids of their events, in order.
        taken: barks that are lines of their voices.
    """

    by: Mapping[tuple[str, str], Verdict] = field(default_factory=dict)
    chain: tuple[str, ...] = ()
    taken: tuple[BarkTaken, ...] = ()

    def after(self, verdict: Verdict | BarkTaken, event: str) -> "Judged":
        """Return what holds after a verdict, or a bark that was taken."""
        chain = (*self.chain, event)
        if isinstance(verdict, BarkTaken):  # whoever takes it wants it, whatever was thought of it before
            by = {key: held for key, held in self.by.items() if key != (verdict.voice, verdict.bark)}
            others = (bark for bark in self.taken if bark.bark != verdict.bark)
            return Judged(by, chain, (*others, verdict))
        return Judged(_with(self.by, verdict), chain, self.taken)

    def digest_of(self, corpus: str) -> str:
        """Return the digest of a corpus with these verdicts."""
        digest = corpus
        for event in self.chain:
            digest = f"sha256:{sha256(f'{digest} {event}'.encode()).hexdigest()}"
        return digest

    def mouth(self, mouth: Mouth) -> Mouth:
        """Return a corpus as it is with these verdicts."""
        if not self.chain:
            return mouth
        voices: dict[str, dict[str, Verdict]] = defaultdict(dict)
        for (voice, id_), verdict in self.by.items():
            voices[voice][id_] = verdict
        barks: dict[str, list[BarkTaken]] = defaultdict(list)
        for bark in self.taken:
            barks[bark.voice].append(bark)
        changed = {
            name: judged(with_barks(mouth.tongues[name], barks[name]), voices[name])
            for name in {*voices, *barks}
            if name in mouth.tongues
        }
        return replace(mouth, tongues={**mouth.tongues, **changed}, digest=self.digest_of(mouth.digest))


def with_barks(tongue: Tongue, barks: Sequence[BarkTaken]) -> Tongue:
    """Return a voice with barks among its lines."""
    found = Tongue(tongue.voice, tongue.clauses, tongue.by_shape.copy(), tongue.frames)
    for bark in barks:
        shape = Act(bark.act), ()
        found.by_shape[shape] = [*found.by_shape[shape], bark.written(tongue)]
    return found


def judged(tongue: Tongue, verdicts: Mapping[str, Verdict]) -> Tongue:
    """Return a voice without its rejected lines, its approved ones at the highest level."""
    found = Tongue(tongue.voice, tongue.clauses)
    for shape, lines in tongue.by_shape.items():
        found.by_shape[shape] = _judged(lines, verdicts)
    for key, lines in tongue.frames.items():
        found.frames[key] = _judged(lines, verdicts)
    return found


def _judged(lines: Iterable[Written], verdicts: Mapping[str, Verdict]) -> list[Written]:
    kept = (each for each in lines if not isinstance(verdicts.get(each.id), LineRejected))
    return [replace(each, level=LIKED) if each.id in verdicts else each for each in kept]


def see_words_left(tongue: Tongue, ids: Sequence[str]) -> None:
    """Refuse to take the last words for an act away that any mood bears.

    Args:
        tongue: the voice, as it is with the verdicts that hold.
        ids: written lines that are to go.

    Raises:
        Rejected: ``last_line``.
    """
    for (act, claims), lines in tongue.by_shape.items():
        if claims or not any(each.id in ids for each in lines):
            continue
        left = [each for each in lines if each.id not in ids]
        if not any(map(_bearable, left)):
            what = f"{tongue.voice.name} would have no other words left to {act}"
            raise Rejected("last_line", what, field="line", remedy="write another line for that act first")


def _bearable(written: Written) -> bool:
    """Tell whether a line serves in any mood."""
    plan = written.pair.plan
    coloured = plan.mood in LIGHT | DARK or plan.attitude in KIND | UNKIND
    return not coloured and not plan.hidden


Held = Mapping[tuple[str, str], Verdict | BarkTaken]


def decide(command: Judge, state: Held) -> Sequence[Verdict | BarkTaken]:
    """Return the verdict; nothing if its lines have it already."""
    wanted = command.verdict
    held = [state.get((wanted.voice, id_)) for id_ in _ids(wanted)]
    return [] if all(isinstance(each, type(wanted)) for each in held) else [wanted]


def evolve(state: Held, event: Verdict | BarkTaken) -> Held:
    """Return the verdicts that hold after one more."""
    return _with(state, event)


def _ids(verdict: Verdict | BarkTaken) -> Sequence[str]:
    return [verdict.bark] if isinstance(verdict, BarkTaken) else verdict.lines


def _with(held: Mapping[tuple[str, str], V], verdict: V) -> Mapping[tuple[str, str], V]:
    return {**held, **{(verdict.voice, id_): verdict for id_ in _ids(verdict)}}


NONE: Held = {}
JUDGING: Decider[Judge, Verdict | BarkTaken, Held] = Decider(NONE, decide, evolve)


def explains(command: Judge, event: Verdict | BarkTaken) -> bool:
    """Return whether a verdict may be what a command led to."""
    return type(command.verdict) is type(event) and _about(command.verdict) == _about(event)


def _about(verdict: Verdict | BarkTaken) -> str:
    return verdict.bark if isinstance(verdict, BarkTaken) else verdict.line
