"""Players who talk with people: attacks by words, honest reports, the time of a line, lines made again.

The pure path of ``story.say`` (`domain.story`), without servers: one player at the quay of the sample world
talks with two people; what is said goes into everybody's beliefs, as it does in a running program. Attacks
and reports are those of `benchmarks beliefs`. Lines are made again from events that went through the codec,
as they come from the log. Times are CPU times of this process. Rows over the wire, and of a long log, are
those of `benchmarks.story_servers`: wall times.
"""

import time
from collections import Counter
from collections.abc import Iterator
from random import Random
from uuid import UUID

from benchmarks import story_servers
from benchmarks.harness import Progress, Report, percentile
from benchmarks.talk_worlds import WORLDS, scored
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from domain.story.messages import LineSaid
from domain.story.talk import HEARD_MAX, made_again
from protocol.meta import Meta
from tests.unit.beliefs.test_words import ANN, UNA, attacks, facts_of, reports, sample
from tests.unit.story.talk_kit import Talking, mouth

ATTACKS, REPORTS = 500, 200
LINES, LINES_QUICK = 1_000, 300
SEED = 11
CODEC = EventCodec(domain_catalogue())
PLAIN = ("Hello!", "Who are you?", "Any news?", "Why?", "Thank you.", "You are a fool.", "Good bye.")


async def run(quick: bool, progress: Progress) -> Report:
    """Return the rows on what people answer."""
    report = Report("story", 1)
    mouth()  # read before anything is timed
    progress("talking the world into being")
    _attacks(report)
    _reports(report)
    progress("a stranger's evening in two worlds")
    _stranger(report)
    progress("an evening of talk")
    talking = _evening(report, LINES_QUICK if quick else LINES)
    progress("the same lines again")
    _again(report, talking.said)
    await story_servers.turns(report, quick, progress)
    await story_servers.long_log(report, quick, talking.said, progress)
    return report


def _attacks(report: Report) -> None:
    talking = Talking()
    facts, adopted = facts_of(talking.tale), 0
    for words in attacks(ATTACKS):
        line = talking.say(words)
        adopted += sum(each.evidence.teller == ANN and not each.over for each in line.plan.claims)
    report.add("attacks: facts adopted or ended", len({*facts} ^ {*facts_of(talking.tale)}), "facts")
    report.add("attacks: stated by who heard them", adopted, "claims")
    report.facts["attacks"] = ATTACKS


def _reports(report: Report) -> None:
    right, talking = 0, Talking()
    for text, claim in reports(REPORTS):
        talking.say(text)
        wanted = sample().vocabulary.normal(claim)
        found = [each for each in talking.tale.beliefs.known(UNA) if each.claim == wanted]
        right += bool(found) and found[0].evidence == "claimed" and found[0].seen.teller == ANN
    report.add("honest reports: hearsay with source", right / REPORTS, "of 1")


def _stranger(report: Report) -> None:
    """Add how many things that a stranger says are answered to the point, on the half that is kept."""
    for name in WORLDS:
        for score, half in zip(scored(name), ("tuned", "kept"), strict=True):
            report.add(f"{name}, {half}: answered to the point", score.answered / score.said, "of 1")
            report.add(f"{name}, {half}: not known though known", score.unsaid / score.known, "of 1")
            report.facts[f"{name}, {half}: said"] = score.said


def _asked(count: int) -> Iterator[str]:
    """Yield what a player says in an evening: questions to people, places and goods, and small talk."""
    dice, names = Random(SEED), sample().names
    of = {
        kind: sorted(each for each in names if each.startswith(kind)) for kind in ("person", "place", "good")
    }
    forms: tuple[str, ...] = (
        "Where is {person}?",
        "Tell me about {person}.",
        "Who keeps {place}?",
        "When does {place} open?",
    )
    forms = (
        *forms,
        "Where can I buy {good}?",
        "Is {person} dead?",
        "Who hurt {person}?",
        "{person} is dead.",
    )
    for _ in range(count):
        form = dice.choice((*forms, *PLAIN))
        yield form.format(**{kind: names[dice.choice(each)] for kind, each in of.items()})


def _evening(report: Report, count: int) -> Talking:
    talking, dice, taken = Talking(), Random(SEED), list[float]()
    for text in _asked(count):
        begin = time.thread_time()
        line = talking.answer(text, to=dice.choice(("una_pell", "nib")))
        taken.append((time.thread_time() - begin) * 1e3)
        talking.take_in(line)
    report.add("a line, words to event, p50", percentile(taken, 0.5), "CPU ms")
    report.add("a line, words to event, p99", percentile(taken, 0.99), "CPU ms")
    acts = Counter(line.plan.act for line in talking.said)
    makers = Counter(line.candidates[line.winner].maker for line in talking.said)
    report.facts |= {"lines": count, "acts": dict(acts.most_common()), "made by": dict(makers)}
    return talking


def _again(report: Report, said: list[LineSaid]) -> None:
    stored = [CODEC.encode(line, UUID(int=at), Meta()) for at, line in enumerate(said, 1)]
    same, taken = 0, list[float]()
    for at, each in enumerate(stored):
        begin = time.thread_time()
        page = stored[max(0, at - HEARD_MAX) : at + 1]
        *before, line = (CODEC.decode_payload(new.type, new.schema_version, new.payload) for new in page)
        assert isinstance(line, LineSaid)
        earlier = [each for each in before if isinstance(each, LineSaid)]
        again = made_again(line, earlier, mouth().tongues[line.made_of.voice], None)
        taken.append((time.thread_time() - begin) * 1e3)
        same += CODEC.encode(again, UUID(int=at + 1), Meta()).payload == each.payload
    report.add("lines made again byte for byte", same / len(said), "of 1")
    report.add("a line made again, p50", percentile(taken, 0.5), "CPU ms")
    report.add("a line made again, p99", percentile(taken, 0.99), "CPU ms")
