"""Say random plans with the written lines: time, how a plan came to its words, what one hearer hears again.

Each voice speaks to one hearer, plan after plan, in a world of random names. A line counts as heard again if
it, or one that shares most of its words, was among the last `MEMORY` that this hearer heard. Beside it the
same plans by a choice that knows of nothing heard. Times are CPU time of one process.
"""

import random
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aicore.content.line_files import read_tongues, shipped_signatures
from benchmarks.harness import Progress, Report, percentile, rounds_of
from domain.story.clauses import Between, Stated, Thing
from domain.story.plan import Act, Attitude, Certainty, Kind, Mood, Signature
from domain.story.saying import Heard, Said, Saying, Tongue
from domain.story.slots import Filling, Gender
from domain.story.variety import words_of

SEED = 20_261_130
TURNS, TURNS_QUICK = 500, 100
MEMORY = 500
ALIKE = 0.6
"""Share of the words that two lines have in common from which on they are nearly the same."""

THINGS = 200
"""Of each kind."""

SYLLABLES = (
    "ar",
    "bel",
    "cor",
    "dun",
    "ef",
    "gal",
    "hes",
    "in",
    "jor",
    "kem",
    "lo",
    "mur",
    "nev",
    "ost",
    "pell",
)
CLAIMLESS = (Act.GREET, Act.FAREWELL, Act.UNFORESEEN, Act.SMALL_TALK, Act.REFUSE, Act.NOT_KNOW)
CLAIMING = (Act.TELL, Act.TELL, Act.TELL, Act.ANSWER, Act.GOSSIP, Act.WARN, Act.ASK)


@dataclass(frozen=True, slots=True)
class World:
    """What random plans speak of."""

    signatures: Mapping[str, Signature]
    draws: random.Random

    def thing(self, kind: Kind, number: int) -> Thing:
        """Return one thing of a kind, with a name of its own."""
        own = random.Random(f"{kind} {number}")
        name = "".join(own.choice(SYLLABLES) for _ in range(3)).capitalize()
        return Thing(f"{kind}.{number}", kind, Filling(name, Gender.SHE, forms={"aim": f"find {name}"}))

    def saying(self, between: Between) -> Saying:
        """Return a random plan."""
        manner = self.draws.choice([*Mood, *[Mood.CALM] * 9]), self.draws.choice(list(Attitude))
        if self.draws.random() < 0.4:
            return Saying(self.draws.choice(CLAIMLESS), between, (), Certainty.SURE, *manner)
        act, predicate = self.draws.choice(CLAIMING), self.draws.choice(sorted(self.signatures))
        roles: list[Thing | Kind] = [
            self.thing(self.draws.choice(sorted(kinds)), self.draws.randrange(THINGS))
            for _, kinds in self.signatures[predicate]
        ]
        if act == Act.ASK:
            roles[-1] = min(self.signatures[predicate][-1].kinds)
        claim = Stated(predicate, tuple(roles), tuple(self._when()))
        return Saying(act, between, (claim,), Certainty.SURE, *manner)

    def _when(self) -> Iterator[Thing]:
        if self.draws.random() < 0.3:
            yield self.thing(Kind.TIME, self.draws.randrange(THINGS))


async def run(quick: bool, progress: Progress) -> Report:
    """Measure every voice with a hearer of its own."""
    report, tongues = Report("lines", rounds_of(quick)), read_tongues()
    turns = TURNS_QUICK if quick else TURNS
    report.facts |= {"voices": len(tongues), "turns": turns}
    for round_ in range(report.rounds):
        progress(f"round {round_ + 1}: {len(tongues)} voices")
        times: list[float] = []
        rungs, again, random_again = Counter[str](), 0, 0
        for name, tongue in tongues.items():
            world = World(shipped_signatures(), random.Random(f"{SEED} {round_} {name}"))
            between = Between(world.thing(Kind.PERSON, -1), world.thing(Kind.PERSON, -2))
            plans = [world.saying(between) for _ in range(turns)]
            said = list(_spoken(tongue, plans, times))
            rungs.update(each.rung for each in said)
            again += _heard_again(said)
            random_again += _heard_again(
                [tongue.say(plan, Heard(), str(at)) for at, plan in enumerate(plans)]
            )
        count = turns * len(tongues)
        report.add("time_p50", percentile(times, 0.5) * 1e3, "ms CPU")
        report.add("time_p99", percentile(times, 0.99) * 1e3, "ms CPU")
        for rung, number in rungs.items():
            report.add(f"rung_{rung}", 100 * number / count, "%")
        report.add("heard_again", 100 * again / count, "%")
        report.add("heard_again_without_memory", 100 * random_again / count, "%")
        report.compare("vs_without_memory", random_again, max(1, again))
    return report


def _spoken(tongue: Tongue, plans: list[Saying], times: list[float]) -> Iterator[Said]:
    """Yield what is said to one hearer, and note how long each took."""
    lines: deque[str] = deque(maxlen=MEMORY)
    openings: deque[str] = deque(maxlen=50)
    for at, plan in enumerate(plans):
        heard = Heard({line: when for when, line in enumerate(lines, 1)}, frozenset(openings))
        begun = time.process_time()
        said = tongue.say(plan, heard, str(at))
        times.append(time.process_time() - begun)
        lines.extend(said.lines)
        openings.extend(said.openings)
        yield said


def _heard_again(said: list[Said]) -> int:
    """Return how many lines are nearly one of those before."""
    before: deque[frozenset[str]] = deque(maxlen=MEMORY)
    again = 0
    for each in said:
        words = frozenset(words_of(each.text))
        again += any(len(words & other) > ALIKE * len(words | other) for other in before)
        before.append(words)
    return again
