"""From a player's words to a line plan: what a person has to say to that, by what they know. Pure, no chance.

The plan is the truth: it states what the speaker believes, as surely as they do, or that they do not know.
What must not be mentioned stands in it, too, and is stated by nothing.
"""

from collections.abc import Mapping
from dataclasses import replace

from domain.beliefs.claims import Claim
from domain.beliefs.mind import SURE
from domain.story.answering import answer, lacking, opinion, ranked, telling
from domain.story.clauses import Stated, Thing
from domain.story.forms import Does
from domain.story.knowing import Known
from domain.story.naming import clock_words
from domain.story.plan import Act, Attitude, Kind
from domain.story.recollecting import recollect, reminded
from domain.story.scene import HIGH, Plan, Scene, Stating, Temper, denial, first, plan_of, states_of
from domain.story.slots import Filling
from domain.story.understanding import Understanding

REPLIES: Mapping[Does, Act] = {
    Does.GREET: Act.GREET,
    Does.FAREWELL: Act.FAREWELL,
    Does.DISMISS: Act.FAREWELL,
    Does.THANK: Act.WELCOME,
    Does.CHAT: Act.SMALL_TALK,
    Does.APOLOGISE: Act.CONSOLE,
    Does.PRAISE: Act.THANK,
    Does.BARGAIN: Act.BARGAIN,
    Does.ORDER: Act.REFUSE,
    Does.ASK_JOKE: Act.JOKE,
    Does.UNFORESEEN: Act.UNFORESEEN,
}
"""What is answered where nothing has to be stated."""


def plan(heard: Understanding, scene: Scene) -> Plan:
    """Return what a person has to say to a player's words."""
    match heard.does:
        case Does.ASK:
            return answer(heard, scene)
        case Does.ASK_OPINION:
            return opinion(heard, scene)
        case Does.ASK_WHO:
            return _introduce(scene)
        case Does.ASK_NEWS:
            return _news(heard, scene)
        case Does.ASK_WHY:
            return _why(scene)
        case Does.ASK_WHEN:
            return _again(scene)
        case Does.ASK_TIME:
            return _time(scene)
        case Does.ASK_MEMORY:
            return recollect(heard, scene)
        case Does.TELL:
            return _to_claims(heard, scene)
        case _:
            return _reply(heard, scene)


def _reply(heard: Understanding, scene: Scene) -> Plan:
    """Answer what asks for no claim."""
    match heard.does:
        case Does.THREATEN:
            return plan_of(scene, _to_threat(scene.temper))
        case Does.INSULT:
            return plan_of(scene, Act.INSULT if scene.temper.aggression >= HIGH else Act.RETORT)
        case Does.ASK_SECRET:
            warm = scene.temper.attitude == Attitude.WARM
            return plan_of(scene, Act.CHANGE_SUBJECT if warm else Act.REFUSE)
        case Does.PROMISE:
            return _to_claims(heard, scene) if heard.claims else plan_of(scene, Act.AGREE)
        case Does.REMIND:
            return reminded(scene)
        case _:
            return plan_of(scene, REPLIES[heard.does])


def _to_threat(temper: Temper) -> Act:
    if temper.aggression >= HIGH:
        return Act.THREATEN
    return Act.PLEAD if temper.fear >= HIGH else Act.REFUSE


def _news(heard: Understanding, scene: Scene) -> Plan:
    """Tell what happened last that is worth telling and that this player was not told."""
    fits = [
        each
        for each in scene.speaker.news()
        if str(each.claim) not in scene.told
        and scene.player not in each.claim.arguments
        and set(heard.about) <= set(each.claim.arguments)
    ]
    return telling(scene, Act.GOSSIP, ranked(fits, (), scene))


def _introduce(scene: Scene) -> Plan:
    """Say who one is, by what everybody knows of one."""
    stated = {each.claim.predicate: each for each in scene.speaker.stated}
    found = [
        replace(stated[name], how="common") for name in ("keeps", "works_at", "member") if name in stated
    ]
    return plan_of(scene, Act.INTRODUCE, first(states_of(scene, found)))


def _why(scene: Scene) -> Plan:
    """Say by what one knows what one said: who told one, or that one saw it; what all know is so."""
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
                return telling(scene, Act.TELL, [by])
    return plan_of(scene, Act.AGREE) if scene.last else lacking(scene, [])


def _again(scene: Scene) -> Plan:
    """Say what one said last once more, with when it was."""
    predicates = scene.speaker.words.predicates
    dated = [each for each in scene.last if each.of_ms is not None and each.claim.predicate in predicates]
    return telling(scene, Act.ANSWER, dated)


def _time(scene: Scene) -> Plan:
    """Say how late it is; everybody can see that."""
    clock = clock_words(scene.now_ms, scene.day_ms)
    claim = Claim(HOUR, scene.speaker.here or "place.here", f"text.{clock}")
    stated = Stated(HOUR, (Thing(f"time.{clock}", Kind.TIME, Filling(clock)),))
    return plan_of(scene, Act.ANSWER, [Stating(Known(claim, "witnessed", of_ms=scene.now_ms), stated)])


HOUR = "hour_is"
"""Lines' own predicate: how late it is. No world claims it, so nobody keeps it as a belief."""


def _to_claims(heard: Understanding, scene: Scene) -> Plan:
    """Answer what a player claims: agree, deny what one knows not to be so, or adopt nothing of it."""
    for said in heard.claims:
        if said.over:
            continue
        against = scene.speaker.against(said.claim)
        if against is not None and (denied := denial(scene, said.claim, against)):
            return denied
        held = scene.speaker.believes(said.claim)
        if held is not None:
            ours = {scene.speaker.who, scene.player} <= set(said.claim.arguments)
            return telling(scene, Act.ANSWER, [held]) if ours else plan_of(scene, Act.AGREE)
        if _own_doing(said.claim, scene) and (
            denied := denial(scene, said.claim, Known(said.claim, "witnessed"))
        ):
            return denied
    return plan_of(scene, Act.UNFORESEEN)


OWN_DOING = frozenset({"promised", "owes", "kept_promise"})
"""What nobody forgets of themselves: who does not know of it did not do it."""


def _own_doing(claim: Claim, scene: Scene) -> bool:
    return claim.predicate in OWN_DOING and claim.subject == scene.speaker.who
