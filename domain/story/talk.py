"""What was said to a player: their stream folded, and the line that comes next. Pure.

A line is made of its plan, of what this player has heard, and of the corpus. All of it is in the log, so the
same line is made again from there (`made_again`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from typing import Annotated, NamedTuple

from domain.beliefs.claims import read_claim
from domain.beliefs.messages import Holder
from domain.kernel.decider import Decider, Rejected
from domain.kernel.event import Command
from domain.kernel.visibility import Personal, alike
from domain.story.clauses import Between, Stated, Thing
from domain.story.direction import direction_of
from domain.story.knowing import Cite, Known
from domain.story.messages import (
    Candidate,
    Citation,
    Evidence,
    HeardClaim,
    LineSaid,
    MadeOf,
    OfScene,
    RungName,
    SaidClaim,
    SaidPlan,
    SaidThing,
    Understood,
)
from domain.story.pins import PinLine
from domain.story.plan import Act, Attitude, Certainty, Kind, Mood, Register
from domain.story.saying import Heard, Saying, Tongue
from domain.story.scene import Plan, Stating
from domain.story.slots import Filling, Gender
from domain.story.understanding import Understanding
from domain.story.variety import words_of

HEARD_MAX, OPENINGS_MAX, TURNS_MAX = 500, 50, 12
"""Of one player: lines that are not said again, openings that do not come again soon, turns that are kept."""

RUNGS: Sequence[RungName] = ("pinned", "large", "small", "written")
"""The better first, if it passes all gates."""


class Words(NamedTuple):
    """The written lines of one turn, and its text."""

    lines: tuple[str, ...]
    openings: tuple[str, ...]
    text: str

    def __repr__(self) -> str:
        """Return the ids without the text."""
        return f"Words(lines={self.lines!r})"


class Turn(NamedTuple):
    """One of the last turns: who spoke, what was talked of and asked for, what was stated."""

    speaker: str
    does: str
    about: tuple[str, ...]
    claims: tuple[SaidClaim, ...]
    at_ms: int
    asks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Talk:
    """What was said to a player.

    Attributes:
        count: how many lines there were.
        last: the last of them.
    """

    count: int = 0
    words: tuple[Words, ...] = ()
    turns: tuple[Turn, ...] = ()
    last: LineSaid | None = None

    @property
    def heard(self) -> Heard:
        """What is not said again."""
        lines: dict[str, int] = {}
        for at, turn in enumerate(self.words, 1):
            lines.update(dict.fromkeys(turn.lines, at))
        openings = (opening for turn in self.words[-OPENINGS_MAX:] for opening in turn.openings)
        return Heard(lines, frozenset(openings), [_words(turn.text) for turn in self.words])

    def told(self, saying: Saying) -> bool:
        """Return whether who speaks stated the same in one of the last turns."""
        claims = {_shown(each) for each in saying.claims}
        return bool(claims) and any(
            claims <= {(each.predicate, tuple(each.roles)) for each in turn.claims}
            for turn in self.turns
            if turn.speaker == saying.between.speaker.id
        )

    def with_(self, person: str, since_ms: int) -> list[Turn]:
        """Return the last turns with somebody since a game time, the last first."""
        return [turn for turn in reversed(self.turns) if turn.speaker == person and turn.at_ms >= since_ms]


@lru_cache(maxsize=65_536)
def _words(text: str) -> frozenset[str]:
    """Return the words of a line; lines are compared with all that come after them."""
    return frozenset(words_of(text))


def evolve(state: Talk, event: LineSaid) -> Talk:
    """Return the talk after a line."""
    about = [argument for each in event.plan.claims for argument in read_claim(each.claim).arguments]
    turn = Turn(
        event.speaker,
        event.heard.act,
        tuple(dict.fromkeys((*about, *event.heard.about))),
        tuple(event.plan.claims),
        event.at_ms,
        tuple(event.heard.asks),
    )
    words = Words(tuple(event.lines), tuple(event.openings), event.text)
    return Talk(
        state.count + 1,
        (*state.words[-(HEARD_MAX - 1) :], words),
        (*state.turns[-(TURNS_MAX - 1) :], turn),
        event,
    )


class RecordLine(Command):
    """Our own: what a player said to a person and what that one answered, after so many lines."""

    player: str
    to: str
    utterance: Annotated[str, Personal(of="player")]
    after: int = 0
    line: LineSaid | None = None


def decide(command: RecordLine, state: Talk) -> Sequence[LineSaid]:
    """Return the line, if nothing was said to the player since it was made.

    Raises:
        Rejected: ``talk_moved``.
    """
    if command.line is None or command.after != state.count:
        what = f"something else was said to {command.player} meanwhile"
        raise Rejected("talk_moved", what, remedy="send it again with the same id")
    return [command.line]


def explains(command: RecordLine, event: LineSaid) -> bool:
    """Return whether a line may be what a command led to."""
    return command.to == event.speaker and alike(command.utterance, event.utterance)


TALKING: Decider[RecordLine, LineSaid, Talk] = Decider(Talk(), decide, evolve)


@dataclass(frozen=True, slots=True)
class Made:
    """Words for a plan.

    Attributes:
        maker: what made them: the pin, how lines were put together, the model.
        stopped: gate that stopped them; "": none did. why: what it found.
    """

    rung: RungName
    text: str = field(repr=False)
    maker: str
    score: int = 0
    lines: tuple[str, ...] = ()
    openings: tuple[str, ...] = ()
    stopped: str = ""
    why: str = ""

    @property
    def digest(self) -> str:
        """Of the text."""
        return f"sha256:{sha256(self.text.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Told:
    """The circumstances of a line.

    Attributes:
        present: who else hears it. utterance: what the player said.
        scene: whose line it is; None: the player spoke to them.
    """

    player: str
    speaker: str
    present: Sequence[Holder]
    place: str
    at_ms: int
    utterance: str = field(repr=False)
    made_of: MadeOf
    number: int
    scene: OfScene | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan as the event has it, and the same as lines say it."""

    plan: SaidPlan
    things: tuple[SaidThing, ...]
    saying: Saying = field(repr=False)


def drafted(plan: Plan) -> Draft:
    """Return a plan as the event has it."""
    saying = plan.saying
    by_id = {each.id: each for each in (saying.between.speaker, saying.between.hearer)}
    for claim in saying.claims:
        for each in (*claim.roles, *claim.circumstances):
            if isinstance(each, Thing):
                by_id.setdefault(each.id, each)
    said = SaidPlan(
        act=saying.act,
        claims=[_said_claim(each) for each in plan.states],
        certainty=saying.certainty,
        mood=saying.mood,
        attitude=saying.attitude,
        level=saying.register,
        unsaid=[str(each) for each in plan.hides][:HIDES_MAX],
    )
    shown = tuple(map(_said_thing, by_id.values()))
    return Draft(said, shown, saying_of(said, shown))


HIDES_MAX = 8


def saying_of(plan: SaidPlan, things: Sequence[SaidThing]) -> Saying:
    """Return the plan that an event has, as lines say it."""
    by_id = {each.id: _thing(each) for each in things}
    speaker, hearer = (_thing(each) for each in things[:2])
    claims = tuple(
        Stated(
            each.predicate,
            tuple(by_id[role] for role in each.roles),
            tuple(by_id[thing] for thing in each.circumstances),
        )
        for each in plan.claims
    )
    return Saying(
        Act(plan.act),
        Between(speaker, hearer),
        claims,
        Certainty(plan.certainty),
        Mood(plan.mood),
        Attitude(plan.attitude),
        Register(plan.level),
        tuple(Stated(read_claim(each).predicate, ()) for each in plan.unsaid),
    )


def spoken(saying: Saying, talk: Talk, tongue: Tongue, pins: Iterable[PinLine], seed: str) -> list[Made]:
    """Return what the rungs say that are there always: pinned lines, and the written ones."""
    made = []
    for pin in pins:
        if (text := pin.says(saying)) is not None:
            made.append(Made("pinned", text, f"{pin.pinned.pin} {pin.event}"))
            break
    said = tongue.say(saying, replace(talk.heard, told=talk.told(saying)), seed)
    return [*made, Made("written", said.text, said.rung, 0, said.lines, said.openings)]


def line_of(draft: Draft, told: Told, heard: Understanding, made: Sequence[Made]) -> LineSaid:
    """Return the line: of the candidates that no gate stopped, that of the best rung, of them the best."""
    passed = [at for at, each in enumerate(made) if not each.stopped]
    winner = min(passed, key=lambda at: (RUNGS.index(made[at].rung), -made[at].score, at))
    said = made[winner]
    return LineSaid(
        line=f"{told.player}.{told.number}",
        player=told.player,
        speaker=told.speaker,
        present=list(told.present),
        place=told.place,
        at_ms=told.at_ms,
        utterance=told.utterance,
        heard=Understood(
            act=heard.does,
            about=list(heard.about),
            asks=list(heard.asks),
            claims=[HeardClaim(claim=str(claim), over=over) for claim, over in heard.claims],
        ),
        plan=draft.plan,
        things=list(draft.things),
        candidates=[_candidate(each) for each in made],
        winner=winner,
        rung=said.rung,
        text=said.text,
        lines=list(said.lines),
        openings=list(said.openings),
        direction=direction_of(draft.saying, said.text),
        made_of=told.made_of,
        scene=told.scene,
    )


def made_again(line: LineSaid, before: Iterable[LineSaid], tongue: Tongue, pin: PinLine | None) -> LineSaid:
    """Return a line made anew from its plan and what was heard before it.

    Words of a model are not made again: they stand as they are, behind the digest that they have.

    Args:
        line: as it was recorded.
        before: the `HEARD_MAX` lines of its stream before it.
        tongue: the voice, of the corpus by which it was made.
        pin: the pinned line that was said, if one was.
    """
    talk = TALKING.fold(list(before), replace(Talk(), count=0))
    saying = saying_of(line.plan, line.things)
    pins = [pin] if pin is not None else []
    fresh = spoken(saying, talk, tongue, pins, line.made_of.seed)
    by_rung = {each.rung: each for each in fresh}
    candidates = [
        _candidate(by_rung[each.rung]) if each.rung in by_rung else each for each in line.candidates
    ]
    if line.rung not in by_rung:
        return line.model_copy(update={"candidates": candidates})
    said = by_rung[line.rung]
    changed = {
        "candidates": candidates,
        "text": said.text,
        "lines": list(said.lines),
        "openings": list(said.openings),
        "direction": direction_of(saying, said.text),
    }
    return line.model_copy(update=changed)


def known_of(claim: SaidClaim) -> Known:
    """Return by what a speaker stated a claim, for who asks them why."""
    evidence = claim.evidence
    return Known(
        read_claim(claim.claim),
        evidence.how,
        evidence.event or "",
        evidence.root or "",
        evidence.confidence,
        evidence.hands,
        evidence.teller,
        evidence.of_ms,
    )


def _said_claim(stating: Stating) -> SaidClaim:
    known, stated = stating.known, stating.stated
    return SaidClaim(
        claim=str(known.claim),
        over=stating.over,
        predicate=stated.predicate,
        roles=[each.id for each in stated.roles if isinstance(each, Thing)],
        circumstances=[each.id for each in stated.circumstances],
        evidence=Evidence(
            how=known.how,
            event=known.event or None,
            root=known.root or None,
            confidence=known.confidence,
            hands=known.hands,
            teller=known.teller,
            of_ms=known.of_ms,
        ),
        cites=[_citation(each) for each in known.cites],
    )


def _citation(cite: Cite) -> Citation:
    return Citation(document=cite.document, number=cite.number, section=cite.section, sentence=cite.sentence)


def _said_thing(thing: Thing) -> SaidThing:
    filling = thing.filling
    forms: Mapping[str, str] = filling.forms or {}
    return SaidThing(
        id=thing.id,
        kind=thing.kind,
        name=filling.name,
        gender=filling.gender,
        plural=filling.plural,
        forms=dict(forms),
    )


def _shown(stated: Stated) -> tuple[str, tuple[str, ...]]:
    return stated.predicate, tuple(each.id for each in stated.roles if isinstance(each, Thing))


def _thing(said: SaidThing) -> Thing:
    filling = Filling(said.name, Gender(said.gender), said.plural, said.forms or None)
    return Thing(said.id, Kind(said.kind), filling)


def _candidate(made: Made) -> Candidate:
    return Candidate(
        rung=made.rung,
        digest=made.digest,
        stopped=made.stopped,
        why=made.why[:WHY_MAX],
        score=made.score,
        maker=made.maker,
    )


WHY_MAX = 400
