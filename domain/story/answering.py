"""What a person answers to a question, by what they know. Pure, no chance.

The best of what is known and asked for is stated. Where that is lacking, the person says so, and beside it
whatever true thing they know that may help: where somebody works, who keeps a place, where a thing is sold.
"""

from collections.abc import Iterable, Iterator, Sequence

from domain.beliefs.claims import kind_of
from domain.story.knowing import WEATHER, Known, Speaker
from domain.story.plan import Act, Attitude
from domain.story.scene import Plan, Scene, Stating, certainty_of, denial, first, plan_of, states_of
from domain.story.understanding import PEOPLE, PLACES, Understanding

BANAL = frozenset({"arrived", "left"})
"""Not worth telling of anybody or of a place, unless it is asked for."""

TRADE = frozenset({"sells", "price", "sold_out"})
HOURS = frozenset({"opens_at", "shut"})
WORK = frozenset({"quest_offered", "needs_help"})
OPINIONS = ("likes", "dislikes", "fears", "kin")
CLOSED = "way_closed"
NOT_OF_HERE = frozenset({"at", "works_at", "member", "made"})
"""What "Where am I?" does not ask of a place."""

LOOSELY = frozenset({"price", "sells", "sold_out", "killed", "hurt", "took", "keeps", "rules"})
"""Asked about several, an answer about one of them helps."""

HELPS: Sequence[tuple[str, str, tuple[str, ...]]] = (
    ("works_at", "subject", PEOPLE),
    ("keeps", "subject", PEOPLE),
    ("member", "subject", PEOPLE),
    ("sells", "object", ("good",)),
    ("made", "object", ("good",)),
    ("keeps", "object", PLACES),
    ("rules", "object", PLACES),
    ("opens_at", "subject", PLACES),
)
"""What helps who asks about somebody or something else of them: predicate, which argument, of which kinds."""


def answer(heard: Understanding, scene: Scene) -> Plan:
    """Answer a question by what fits it best, and the next one beside it, if both can be said at once."""
    own = answered(heard, scene)
    if heard.beside is None or len(own.states) > 1:
        return own
    second = answered(heard.beside, scene)
    if not own.states or own.saying.act != Act.ANSWER:
        return second if second.states and second.saying.act == Act.ANSWER else own
    one, other = own.states[0], second.states[:1]
    fits = second.saying.act == Act.ANSWER and other
    if not fits or other[0].stated == one.stated:
        return own
    if certainty_of(other[0].known, scene) != certainty_of(one.known, scene):
        return own
    return plan_of(scene, Act.ANSWER, [one, *other], own.hides + second.hides)


def answered(heard: Understanding, scene: Scene) -> Plan:
    """Answer one question; otherwise say honestly that one does not know."""
    for claim in heard.asked:
        held, against = scene.speaker.believes(claim), scene.speaker.against(claim)
        if held is not None:
            return telling(scene, Act.ANSWER, [held])
        if against is not None and (denied := denial(scene, claim, against)):
            return denied
    if CLOSED in heard.asks and (states := list(_closed(heard, scene))):
        return plan_of(scene, Act.ANSWER, states)
    subjects = [*_subjects(heard, scene)]
    for about in subjects:
        if found := _fitting(heard, about, scene):
            if _who_did(heard, found, scene):  # that somebody is dead does not say who killed them
                known = [each for each in found if not scene.speaker.hides(each, scene.player)]
                helps = first(states_of(scene, ranked(known, heard.asks, scene)))
                return plan_of(scene, Act.NOT_KNOW, helps)
            # who asks nothing in particular, or what is sold, hears of two things
            two = not heard.asks or heard.asks[0] == "sells"
            return telling(scene, Act.ANSWER, ranked(found, heard.asks, scene), two=two)
    if len(heard.about) > 1 and (found := [*_loosely(heard, scene)]):
        return telling(scene, Act.ANSWER, ranked(found, heard.asks, scene))
    return lacking(scene, [one for about in subjects for one in about])


def _subjects(heard: Understanding, scene: Scene) -> Iterator[tuple[str, ...]]:
    """Yield what a question is about, the likeliest first; each is to be in the answer whole."""
    speaker, asks = scene.speaker, set(heard.asks)
    sky = heard.asks[:1] == (WEATHER,) and CLOSED not in asks
    if sky and speaker.sky:
        yield (speaker.sky,)
    if heard.about:
        yield from [(*heard.about, speaker.around[0])] if heard.here and speaker.here else ()
        yield heard.about
        return
    if asks & WORK:
        yield (speaker.who,)
        yield ()
    elif heard.here:
        yield from ((each,) for each in speaker.around)
    elif asks & (TRADE | HOURS):
        yield from ((each,) for each in (*speaker.own, *speaker.around[:1]))
    if heard.yours:
        yield (speaker.who,)
    elif heard.mine and not heard.here:
        yield (scene.player,)
    if asks and not heard.yours and not heard.mine:
        yield ()


def _fitting(heard: Understanding, about: Sequence[str], scene: Scene) -> list[Known]:
    """Return what is known of all of ``about`` that a question asks for."""
    asks = set(heard.asks)
    if heard.here and not heard.about:
        asks = asks - NOT_OF_HERE or asks
    known = known_of(about, scene.speaker)
    fits = [each for each in known if set(about) <= set(each.claim.arguments)]
    if asks:
        return [each for each in fits if each.claim.predicate in asks]
    return [each for each in fits if each.claim.predicate not in BANAL]


def _who_did(heard: Understanding, found: Iterable[Known], scene: Scene) -> bool:
    """Return whether a question asks first who did a deed, and no such deed is known."""
    deed = heard.asks[0] if heard.asks and not heard.asked else ""
    of_deeds = bool(deed) and scene.speaker.words.predicates[deed].holds == "deed"
    return of_deeds and all(each.claim.predicate != deed for each in found)


def _loosely(heard: Understanding, scene: Scene) -> Iterator[Known]:
    for known in known_of(heard.about, scene.speaker):
        if known.claim.predicate in LOOSELY and known.claim.predicate in heard.asks:
            yield known


def known_of(about: Sequence[str], speaker: Speaker) -> list[Known]:
    """Return what somebody knows of any of some things, each once; of none of them: all that happened."""
    found = {each.claim: each for one in about or ("",) for each in speaker.of(one)}
    return list(found.values())


def _closed(heard: Understanding, scene: Scene) -> Iterator[Stating]:
    """Yield that a way is closed where one asks why a place is, and the weather over it."""
    speaker, ends = scene.speaker, scene.naming.ends
    asked = {each for each in heard.about if kind_of(each) in (*PLACES, "way")} or set(speaker.around[:1])
    for known in known_of((), speaker):
        way = known.claim.subject
        if known.claim.predicate != CLOSED or not asked & {way, *ends.get(way, ())}:
            continue
        if not speaker.hides(known, scene.player) and (states := first(states_of(scene, [known]))):
            yield states[0]
            sky = [each for each in speaker.of(speaker.sky) if each.claim.predicate == WEATHER]
            same = certainty_of(known, scene)
            yield from first(states_of(scene, (each for each in sky if certainty_of(each, scene) == same)))
            return


def ranked(fits: Iterable[Known], asks: Sequence[str], scene: Scene) -> list[Known]:
    """Return what fits, the best first: as asked, not told yet, what counts most, the surest, the newest."""
    rank = {name: at for at, name in enumerate(asks)}
    predicates = scene.speaker.words.predicates

    def key(known: Known) -> tuple[object, ...]:
        name = known.claim.predicate
        return (
            rank.get(name, 0),
            str(known.claim) in scene.told,
            -predicates[name].spreads,
            -known.confidence,
            -known.position,
            known.claim,
        )

    return sorted(fits, key=key)


def telling(scene: Scene, act: Act, found: Sequence[Known], *, two: bool = False) -> Plan:
    """State the first that may be said; refuse if there are only such as may not, and say so if none."""
    hidden = tuple(each.claim for each in found if scene.speaker.hides(each, scene.player))
    states = states_of(scene, (each for each in found if each.claim not in hidden))
    if chosen := first(states):
        if two:
            chosen += first(each for each in states if _goes_with(each, chosen[0], scene))
        return plan_of(scene, act, chosen, hidden)
    if hidden:
        warm = scene.temper.attitude == Attitude.WARM
        return plan_of(scene, Act.CHANGE_SUBJECT if warm else Act.REFUSE, (), hidden)
    return lacking(scene, [])


def _goes_with(other: Stating, one: Stating, scene: Scene) -> bool:
    same = certainty_of(other.known, scene) == certainty_of(one.known, scene)
    trade = one.stated.predicate in TRADE  # a list of what is sold; else something else of the same
    another = one.stated.predicate == "sells" if trade else True
    alike = other.stated.predicate == one.stated.predicate
    return same and another and alike == trade and other.stated != one.stated


def lacking(scene: Scene, about: Iterable[str]) -> Plan:
    """Say that one does not know, with the first true thing that helps further, if there is one."""
    asked = list(dict.fromkeys(about))
    for each in asked:
        if each not in (scene.speaker.who, scene.player):
            helps = [one for one in _helping(each, scene) if not set(one.claim.arguments) <= set(asked)]
            if states := first(states_of(scene, helps)):
                return plan_of(scene, Act.NOT_KNOW, states)
    return plan_of(scene, Act.NOT_KNOW)


def _helping(about: str, scene: Scene) -> Iterator[Known]:
    """Yield what helps who asks about somebody or something, and may be said, the best first."""
    known = ranked(known_of([about], scene.speaker), (), scene)
    for predicate, argument, kinds in HELPS:
        for each in known if kind_of(about) in kinds else ():
            claim = each.claim
            fits = claim.predicate == predicate and getattr(claim, argument) == about
            if fits and str(claim) not in scene.told and not scene.speaker.hides(each, scene.player):
                yield each


def opinion(heard: Understanding, scene: Scene) -> Plan:
    """Say what one thinks of somebody or something: whether one likes them, or what one knows of them."""
    speaker = scene.speaker
    about = heard.about or (speaker.around[:1] if heard.here else ())
    if not about:
        return plan_of(scene, _towards(scene) if heard.mine else Act.SMALL_TALK)
    own = [
        each
        for each in known_of(about, speaker)
        if each.claim.predicate in OPINIONS and {speaker.who, about[0]} <= set(each.claim.arguments)
    ]
    if own:
        return telling(scene, Act.ANSWER, ranked(own, OPINIONS, scene))
    found = _fitting(Understanding(heard.does), about[:1], scene)
    if found:
        return telling(scene, Act.ANSWER, ranked(found, (), scene), two=True)
    return lacking(scene, about)


def _towards(scene: Scene) -> Act:
    """Return what one says of who stands before one, by how one is towards them."""
    match scene.temper.attitude:
        case Attitude.WARM | Attitude.HUMBLE:
            return Act.PRAISE
        case Attitude.COLD | Attitude.SCORNFUL:
            return Act.INSULT
        case _:
            return Act.SMALL_TALK
