"""From a player's words to a line plan: what a person has to say to that, by what they know. Pure, no chance.

The plan is the truth: it states what the speaker believes, as surely as they do, or that they do not know.
What must not be mentioned stands in it, too, and is stated by nothing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from domain.beliefs.claims import Claim, kind_of
from domain.beliefs.mind import SURE
from domain.story.clauses import Between, Stated, Thing
from domain.story.knowing import Known, Speaker
from domain.story.naming import Naming, when
from domain.story.plan import Act, Attitude, Certainty, Kind, Mood, Register
from domain.story.saying import Saying
from domain.story.slots import Filling
from domain.story.understanding import Does, Understanding

HOUR_MS = 3_600_000
FLEETING = frozenset({"at"})
"""States that change from hour to hour; what one knows of them is soon no more than likely."""

REPLIES: Mapping[Does, Act] = {
    Does.GREET: Act.GREET,
    Does.FAREWELL: Act.FAREWELL,
    Does.THANK: Act.SMALL_TALK,
    Does.APOLOGISE: Act.CONSOLE,
    Does.PRAISE: Act.THANK,
    Does.PROMISE: Act.AGREE,
    Does.BARGAIN: Act.BARGAIN,
    Does.ORDER: Act.REFUSE,
    Does.UNFORESEEN: Act.UNFORESEEN,
}
"""What is answered where nothing has to be stated."""


@dataclass(frozen=True, slots=True)
class Temper:
    """How a person is when they are spoken to.

    Attributes:
        aggression, fear: traits, in thousandths.
    """

    mood: Mood = Mood.CALM
    attitude: Attitude = Attitude.NEUTRAL
    register: Register = Register.PLAIN
    aggression: int = 300
    fear: int = 300


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that a plan is made of, beside the words.

    Attributes:
        told: claims that this person has told this player, as they are written.
        last: what they stated last, for who asks why.
    """

    speaker: Speaker
    player: str
    naming: Naming
    temper: Temper
    now_ms: int
    day_ms: int
    told: Collection[str] = frozenset()
    last: Sequence[Known] = ()

    @property
    def between(self) -> Between:
        """Who speaks to whom."""
        person = self.naming.thing(self.speaker.who) or _thing(self.speaker.who, "nobody")
        friend = self.temper.attitude == Attitude.WARM
        return Between(person, _thing(self.player, "friend" if friend else "stranger"))


@dataclass(frozen=True, slots=True)
class Stating:
    """A claim that a plan states, in the world's words and in those of lines.

    Attributes:
        over: whether it is denied.
    """

    known: Known
    stated: Stated
    over: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What a line has to do, with what makes it true."""

    saying: Saying
    states: tuple[Stating, ...] = ()
    hides: tuple[Claim, ...] = field(default=())


def plan(heard: Understanding, scene: Scene) -> Plan:
    """Return what a person has to say to a player's words."""
    match heard.does:
        case Does.ASK:
            return _answer(heard, scene)
        case Does.ASK_WHO:
            return _introduce(scene)
        case Does.ASK_NEWS:
            return _news(heard, scene)
        case Does.ASK_WHY:
            return _why(scene)
        case Does.TELL:
            return _to_claims(heard, scene)
        case Does.THREATEN:
            return _plan(scene, _to_threat(scene.temper))
        case Does.INSULT:
            return _plan(scene, Act.INSULT if scene.temper.aggression >= HIGH else Act.COMPLAIN)
        case _:
            return _plan(scene, REPLIES[heard.does])


HIGH = 550
"""Of a trait, in thousandths."""


def _to_threat(temper: Temper) -> Act:
    if temper.aggression >= HIGH:
        return Act.THREATEN
    return Act.PLEAD if temper.fear >= HIGH else Act.REFUSE


def _answer(heard: Understanding, scene: Scene) -> Plan:
    """Answer a question by what fits it best; otherwise say honestly that one does not know."""
    for claim in heard.asked:
        held, against = scene.speaker.believes(claim), scene.speaker.against(claim)
        if held is not None:
            return _telling(scene, Act.ANSWER, [held])
        if against is not None and (denial := _denial(scene, claim, against)):
            return denial
    about = heard.about or ((scene.speaker.who,) if heard.yours else (scene.player,) if heard.mine else ())
    known = {each.claim: each for one in about for each in scene.speaker.of(one)}
    fits = [each for each in known.values() if set(about) <= set(each.claim.arguments)]
    if heard.asks:
        fits = [each for each in fits if each.claim.predicate in heard.asks]
    elif kind_of(about[0]) in PEOPLE if about else False:
        fits = [each for each in fits if each.claim.predicate not in BANAL]
    return _telling(scene, Act.ANSWER, _ranked(fits, heard.asks, scene), two=not heard.asks)


PEOPLE = ("person", "player")
BANAL = frozenset({"arrived", "left"})
"""Not worth telling of somebody, unless it is asked for."""


def _ranked(fits: Iterable[Known], asks: Sequence[str], scene: Scene) -> list[Known]:
    """Return what fits, the best first: as asked, not told yet, what counts most, the surest, the newest."""
    rank = {name: at for at, name in enumerate(asks)}
    predicates = scene.speaker.words.predicates

    def key(known: Known) -> tuple[object, ...]:
        name = known.claim.predicate
        return (
            str(known.claim) in scene.told,
            rank.get(name, 0),
            -predicates[name].spreads,
            -known.confidence,
            -known.position,
            known.claim,
        )

    return sorted(fits, key=key)


def _telling(scene: Scene, act: Act, found: Sequence[Known], *, two: bool = False) -> Plan:
    """State the first that may be said; refuse if there are only such as may not, and say so if none."""
    hidden = tuple(each.claim for each in found if scene.speaker.hides(each, scene.player))
    states = _states(scene, [each for each in found if each.claim not in hidden])
    if states:
        first = states[0]
        chosen = [first]
        if two:
            second = (each for each in states[1:] if _goes_with(each, first, scene))
            chosen += [each for each in [next(second, None)] if each]
        return _plan(scene, act, chosen, hidden)
    if hidden:
        warm = scene.temper.attitude == Attitude.WARM
        return _plan(scene, Act.CHANGE_SUBJECT if warm else Act.REFUSE, (), hidden)
    return _plan(scene, Act.NOT_KNOW)


def _goes_with(other: Stating, first: Stating, scene: Scene) -> bool:
    same = _certainty(other.known, scene) == _certainty(first.known, scene)
    return same and other.stated.predicate != first.stated.predicate


def _news(heard: Understanding, scene: Scene) -> Plan:
    """Tell what happened last that is worth telling and that this player was not told."""
    fits = [
        each
        for each in scene.speaker.news()
        if str(each.claim) not in scene.told
        and scene.player not in each.claim.arguments
        and set(heard.about) <= set(each.claim.arguments)
    ]
    return _telling(scene, Act.GOSSIP, _ranked(fits, (), scene))


def _introduce(scene: Scene) -> Plan:
    """Say who one is, by what everybody knows of one."""
    own = {each.claim.predicate: each for each in scene.speaker.of(scene.speaker.who) if each.how == "common"}
    found = [own[name] for name in ("keeps", "works_at", "member") if name in own]
    mine = [each for each in found if each.claim.subject == scene.speaker.who]
    return _plan(scene, Act.INTRODUCE, _states(scene, mine)[:1])


def _why(scene: Scene) -> Plan:
    """Say by what one knows what one said: who told one, or that one saw it."""
    for last in scene.last:
        speaker, words = scene.speaker.who, scene.speaker.words
        claims = []
        if last.teller:
            claims = [Claim("told", last.teller, speaker, f"claim.{last.claim}")]
        elif last.how == "witnessed" and last.claim.subject != speaker:
            claims = [Claim("saw", speaker, last.claim.subject)]
        for claim in claims:
            if (normal := words.normal(claim)) is not None:
                by = replace(last, claim=normal, how="witnessed", confidence=SURE, hands=0, teller="")
                return _telling(scene, Act.TELL, [by])
    return _plan(scene, Act.NOT_KNOW)


def _to_claims(heard: Understanding, scene: Scene) -> Plan:
    """Answer what a player claims: agree, deny what one knows not to be so, or adopt nothing of it."""
    for said in heard.claims:
        if said.over:
            continue
        against = scene.speaker.against(said.claim)
        if against is not None and (denial := _denial(scene, said.claim, against)):
            return denial
        if scene.speaker.believes(said.claim) is not None:
            return _plan(scene, Act.AGREE)
    return _plan(scene, Act.UNFORESEEN)


def _denial(scene: Scene, claim: Claim, against: Known) -> Plan | None:
    known = replace(against, claim=claim)
    if scene.speaker.hides(known, scene.player):
        return None
    stated = scene.naming.stated(claim, scene.speaker.who)
    return None if stated is None else _plan(scene, Act.DENY, [Stating(known, stated, over=True)])


def _states(scene: Scene, found: Sequence[Known]) -> list[Stating]:
    """Return those that lines can state, as they state them."""
    made = []
    for known in found:
        stated = scene.naming.stated(known.claim, scene.speaker.who, also=_also(known, scene))
        if stated is not None:
            made.append(Stating(known, stated))
    return made


def _also(known: Known, scene: Scene) -> list[Thing]:
    """Return when it was, and from whom the speaker has it."""
    found = []
    predicate = scene.speaker.words.predicates[known.claim.predicate]
    if predicate.holds == "deed" and known.of_ms is not None:
        said = when(known.of_ms, scene.now_ms, scene.day_ms)
        found += [Thing(f"time.{said}", Kind.TIME, Filling(said))] if said else []
    if known.teller and known.teller not in (scene.player, *known.claim.arguments):
        teller = scene.naming.thing(known.teller)
        found += [teller] if teller is not None else []
    return found


def _plan(scene: Scene, act: Act, states: Sequence[Stating] = (), hides: tuple[Claim, ...] = ()) -> Plan:
    temper = scene.temper
    stated = tuple(each.stated for each in states)
    hidden = (scene.naming.stated(each, scene.speaker.who) for each in hides)
    saying = Saying(
        act,
        scene.between,
        stated,
        _certainty(states[0].known, scene) if states else Certainty.SURE,
        temper.mood,
        temper.attitude,
        temper.register,
        tuple(each for each in hidden if each is not None and each not in stated),
    )
    return Plan(saying, tuple(states), hides)


def _certainty(known: Known, scene: Scene) -> Certainty:
    """Return how sure a person is, as it is heard in a line."""
    match known.how:
        case "told" | "hearsay" | "claimed":
            return Certainty.HEARSAY
        case "inferred":
            return Certainty.LIKELY
        case _:
            old = known.of_ms is not None and scene.now_ms - known.of_ms >= HOUR_MS
            return Certainty.LIKELY if old and known.claim.predicate in FLEETING else Certainty.SURE


def _thing(who: str, name: str) -> Thing:
    return Thing(who, Kind.PERSON, Filling(name))
