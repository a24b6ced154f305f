"""A scene's line as a plan of what its speaker knows: the same that answers to players are made of. Pure.

A scene states what its conditions ask for, so it is so; whether who speaks knows it is asked here. What they
do not know, or must not say, is not said: a line less is better than one that nobody could answer for.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from domain.beliefs.claims import read_claim
from domain.director.messages import PlannedLine
from domain.kernel.decider import Rejected
from domain.story.clauses import Between
from domain.story.knowing import Known
from domain.story.plan import ASKED_FOR, Act, Attitude, Certainty, Mood, Register
from domain.story.scene import Plan, Scene, Stating, Temper, plan_of, states_of

MADE_UP = "none"


def temper_in(manner: Iterable[str]) -> Temper:
    """Return how somebody is in a line, as its plan says."""
    words = set(manner)
    return Temper(
        next((each for each in Mood if each in words), Mood.CALM),
        next((each for each in Attitude if each in words), Attitude.NEUTRAL),
        next((each for each in Register if each in words), Register.PLAIN),
    )


def planned(line: PlannedLine, scene: Scene) -> Plan:
    """Return what a line has to do, with what makes it true for who speaks.

    Args:
        line: as the scene has it.
        scene: who speaks, to which player, what they know; its temper is `temper_in` of the line.

    Raises:
        Rejected: ``unknown_claim``, ``not_known``, ``untold``, ``no_words``: why not.
    """
    try:
        act = Act(line.act)
    except ValueError:
        raise Rejected("no_words", f"lines cannot {line.act}") from None
    states = list(_states(act, line.claims, scene))
    found = plan_of(scene, act, states)
    saying = replace(found.saying, between=_between(line, scene))
    wanted = next((each for each in Certainty if each in line.manner), Certainty.SURE)
    if saying.certainty == Certainty.SURE:
        saying = replace(saying, certainty=wanted)
    return replace(found, saying=saying)


def _between(line: PlannedLine, scene: Scene) -> Between:
    """Return who speaks to whom; to somebody else of the scene by their name."""
    between = scene.between
    if line.to == scene.player:
        return between
    if (hearer := scene.naming.thing(line.to)) is None:
        raise Rejected("no_words", f"lines cannot name {line.to}")
    return replace(between, hearer=hearer)


def _states(act: Act, claims: Iterable[str], scene: Scene) -> Iterator[Stating]:
    for text in claims:
        known = _known(act, text, scene)
        stated = next(states_of(scene, [known]), None)
        if stated is None:
            raise Rejected("no_words", f"lines cannot say {text}")
        yield replace(stated, over=act == Act.DENY)


def _known(act: Act, text: str, scene: Scene) -> Known:
    """Return by what who speaks has a claim: to state it they hold it to be true, to deny it they do not."""
    speaker = scene.speaker
    claim = speaker.words.normal(read_claim(text))
    if claim is None:
        raise Rejected("unknown_claim", f"the world has no {text}")
    if act == Act.LIE or act in ASKED_FOR:
        return Known(claim, MADE_UP, confidence=0)
    found = speaker.against(claim) if act == Act.DENY else speaker.believes(claim)
    if found is None:
        raise Rejected("not_known", f"{speaker.who} does not know that {text}")
    found = replace(found, claim=claim)
    if speaker.hides(found, scene.player):
        raise Rejected("untold", f"{speaker.who} must not say that {text}")
    return found
