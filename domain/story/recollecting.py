"""What a person remembers of the player they speak to, as lines say it. Pure, no chance.

Of what a player said it is stated that they said it, never that it is so; of promises only what events say.
"""

from collections.abc import Iterator

from domain.beliefs.claims import Claim
from domain.beliefs.mind import Perceived
from domain.memories.memories import TALKED
from domain.memories.recalling import Wanted, recall
from domain.story.answering import known_of, lacking, ranked, telling
from domain.story.clauses import Stated, Thing
from domain.story.knowing import Known
from domain.story.naming import when
from domain.story.plan import Act, Kind
from domain.story.scene import Plan, Scene, Stating, plan_of
from domain.story.slots import Filling
from domain.story.understanding import Understanding

PROMISES = ("promised", "kept_promise", "broke_promise")
DONE = ("gave", "hurt", "killed", "took", "quest_done", "lied", "owes", *PROMISES)
"""What somebody did to one that one remembers them by, the first first."""

RECALLED = 64
SAID = "told_that"
"""Lines' own predicate: who told whom what, with what was told as a clause."""


def recollect(heard: Understanding, scene: Scene) -> Plan:
    """Say what one remembers of the player: what they said, promised, did, or that they talked."""
    match heard.asks:
        case ("told",):
            found = _told(heard, scene)
        case ("promised",):
            return _promises(scene)
        case _:
            found = iter(())
            done = [each for each in known_of([scene.player], scene.speaker) if _deed(each, scene)]
            if done:
                return telling(scene, Act.ANSWER, ranked(done, DONE, scene))
    states = [each for each in [next(found, None) or _talked(scene)] if each]
    if states:
        return plan_of(scene, Act.ANSWER, states)
    return lacking(scene, [])


def reminded(scene: Scene) -> Plan:
    """Answer who says that one promised them something: by what one remembers, and by nothing else."""
    own = [each for each in known_of([scene.player], scene.speaker) if _own_promise(each, scene)]
    if own:
        return telling(scene, Act.ANSWER, ranked(own, PROMISES, scene))
    return _nothing_promised(scene, (scene.speaker.who, scene.player))


def _promises(scene: Scene) -> Plan:
    known = known_of([scene.player], scene.speaker)
    made = [each for each in known if each.claim.predicate in PROMISES and each.claim.subject == scene.player]
    if made:
        return telling(scene, Act.ANSWER, ranked(made, PROMISES, scene))
    return _nothing_promised(scene, (scene.player, scene.speaker.who))


def _nothing_promised(scene: Scene, who: tuple[str, str]) -> Plan:
    """Deny that one of the two promised the other anything: nobody forgets a promise."""
    things = {each.id: each for each in (scene.between.speaker, scene.between.hearer)}
    by, to = (things[each] for each in who)
    known = Known(Claim("promised", *who), "witnessed")
    return plan_of(scene, Act.DENY, [Stating(known, Stated("promised_any", (by, to)), over=True)])


def _own_promise(known: Known, scene: Scene) -> bool:
    claim = known.claim
    return claim.predicate in PROMISES and (claim.subject, claim.object) == (scene.speaker.who, scene.player)


def _deed(known: Known, scene: Scene) -> bool:
    claim = known.claim
    return claim.predicate in DONE and claim.subject == scene.player and scene.speaker.who in claim.arguments


def _remembered(scene: Scene, about: tuple[str, ...]) -> list[Perceived]:
    if scene.memories is None:
        return []
    wanted = Wanted(scene.now_ms, about, stage=scene.speaker.stage, newest=True)
    return [each.seen for each in recall(scene.memories, scene.speaker.who, wanted, RECALLED).found]


def _told(heard: Understanding, scene: Scene) -> Iterator[Stating]:
    """Yield what the player told one, the newest first; of what they ask about, if they name something."""
    for seen in _remembered(scene, (scene.player,)):
        claim = seen.claim
        if seen.teller != scene.player or len(seen.steps) != 1 or seen.over:
            continue
        if heard.about and not set(heard.about) & set(claim.arguments):
            continue
        if (saying := scene.naming.saying(claim, scene.between)) is not None:
            said = Claim("told", scene.player, scene.speaker.who, f"claim.{claim}")
            roles = (scene.between.hearer, scene.between.speaker, saying)
            yield Stating(_known(said, seen), Stated(SAID, roles))


def _talked(scene: Scene) -> Stating | None:
    """Return that one talked with the player, and when."""
    for seen in _remembered(scene, (scene.player,)):
        if seen.claim.predicate == TALKED:
            known = _known(seen.claim._replace(value=""), seen)
            roles = (scene.between.hearer, scene.between.speaker)
            return Stating(known, Stated(TALKED, roles, _when(seen.at_ms, scene)))
    return None


def _known(claim: Claim, seen: Perceived) -> Known:
    """Return a claim about what one perceived, which is known by the same event."""
    return Known(claim, "witnessed", seen.event, seen.event, of_ms=seen.at_ms, position=seen.position)


def _when(at_ms: int, scene: Scene) -> tuple[Thing, ...]:
    said = when(at_ms, scene.now_ms, scene.day_ms)
    return (Thing(f"time.{said}", Kind.TIME, Filling(said)),) if said else ()
