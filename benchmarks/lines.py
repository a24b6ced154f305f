"""Say random plans with the written lines: time, what one hearer hears again, whether a voice is known by it.

In a world of random names one player hears plan after plan: from a cast of the sample world's eight voices in
turn (``cast_``), and, harder, all of them from one voice (``alone_``, over every voice; ``alone_cast_``, over
the eight). A line counts as heard again if it, or one that shares most of its words, was among the last
`MEMORY` that this player heard; an opening, if an earlier line of the same speaker began with the same three
words. Beside it the same plans by a choice that knows of nothing heard. Times are CPU time of one process.

``voice_known``: the share of the lines so said that a plain classifier (log-linear over words, pairs of words
and runs of letters; see `voice_reader`) gives to the right one of the eight. It learnt from written lines of
which none stands in what it judges, with every name masked.
"""

import random
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from aicore.content.line_files import read_tongues, shipped_signatures
from benchmarks.harness import Progress, Report, percentile, rounds_of
from benchmarks.voice_reader import voice_known
from domain.story.clauses import Between, Stated, Thing
from domain.story.plan import Act, Attitude, Certainty, Kind, Mood, Signature
from domain.story.saying import Heard, Said, Saying, Tongue
from domain.story.slots import Filling, Gender
from domain.story.variety import ALIKE, OPENING_WORDS, words_of

SEED = 20_261_130
TURNS, TURNS_QUICK = 500, 100
MEMORY = 500
CAST = tuple(
    f"harbour/{name}"
    for name in ("clerk", "collector", "pawnbroker", "lady", "constable", "informer", "glutton", "riddler")
)
"""The voices of the sample world's people: exact, blunt, wry, courtly, nervous, whisper, hungry, riddling."""

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


@dataclass(slots=True)
class Ears:
    """What one player has heard."""

    lines: deque[str] = field(default_factory=lambda: deque(maxlen=4 * MEMORY))
    openings: deque[str] = field(default_factory=lambda: deque(maxlen=4 * MEMORY))
    texts: deque[frozenset[str]] = field(default_factory=lambda: deque(maxlen=MEMORY))

    def heard(self) -> Heard:
        """Return it as who speaks is told."""
        lines = {line: when for when, line in enumerate(self.lines, 1)}
        return Heard(lines, frozenset(self.openings), tuple(self.texts))

    def hear(self, said: Said) -> None:
        """Remember one line."""
        self.lines.extend(said.lines)
        self.openings.extend(said.openings)
        self.texts.append(frozenset(words_of(said.text)))


async def run(quick: bool, progress: Progress) -> Report:
    """Measure every voice with a player of its own, and a cast with one player."""
    report, tongues = Report("lines", rounds_of(quick)), read_tongues()
    turns = TURNS_QUICK if quick else TURNS
    report.facts |= {"voices": len(tongues), "turns": turns, "cast": ", ".join(CAST)}
    for round_ in range(report.rounds):
        progress(f"round {round_ + 1}: {len(tongues)} voices")
        times: list[float] = []
        alone = {
            name: spoken([tongue], f"{SEED} {round_} {name}", turns, times)
            for name, tongue in tongues.items()
        }
        cast = spoken([tongues[name] for name in CAST], f"{SEED} {round_}", turns, times)
        report.add("time_p50", percentile(times, 0.5) * 1e3, "ms CPU")
        report.add("time_p99", percentile(times, 0.99) * 1e3, "ms CPU")
        _add_variety(report, "alone", list(alone.values()))
        _add_variety(report, "alone_cast", [alone[name] for name in CAST])
        _add_variety(report, "cast", [cast])
        deaf = [spoken([tongues[name]], f"{SEED} {round_} {name}", turns, [], deaf=True) for name in CAST]
        report.add("without_memory_again", _again(deaf), "%")
        known = voice_known({name: [said for _, said in alone[name]] for name in CAST})
        report.add("voice_known", 100 * known.share, "%")
        report.facts["voice_known_lines"] = known.lines
        report.facts["voice_known_each"] = {name: round(share, 3) for name, share in known.each.items()}
    return report


def spoken(
    tongues: Sequence[Tongue], seed: str, turns: int, times: list[float], *, deaf: bool = False
) -> list[tuple[str, Said]]:
    """Return what voices in turn say to one player, and who said it; add how long each took.

    Args:
        tongues: who speak in turn.
        seed: what the plans are drawn by.
        turns: how many lines.
        times: seconds of CPU time for each are added there.
        deaf: who speaks is not told what was heard.
    """
    world, ears, found = World(shipped_signatures(), random.Random(seed)), Ears(), []
    between = Between(world.thing(Kind.PERSON, -1), world.thing(Kind.PERSON, -2))
    for at in range(turns):
        tongue, plan = tongues[at % len(tongues)], world.saying(between)
        heard = Heard() if deaf else ears.heard()
        begun = time.process_time()
        said = tongue.say(plan, heard, str(at))
        times.append(time.process_time() - begun)
        ears.hear(said)
        found.append((tongue.voice.name, said))
    return found


def _add_variety(report: Report, heading: str, told: Sequence[Sequence[tuple[str, Said]]]) -> None:
    rungs = Counter(said.rung for lines in told for _, said in lines)
    for rung, number in rungs.items():
        report.add(f"{heading}_rung_{rung}", 100 * number / rungs.total(), "%")
    report.add(f"{heading}_again", _again(told), "%")
    report.add(f"{heading}_openings", _openings(told), "%")


def _again(told: Sequence[Sequence[tuple[str, Said]]]) -> float:
    """Return how many lines are nearly one of those before, in percent."""
    again = 0
    for lines in told:
        before: deque[frozenset[str]] = deque(maxlen=MEMORY)
        for _, said in lines:
            words = frozenset(words_of(said.text))
            again += any(len(words & other) > ALIKE * len(words | other) for other in before)
            before.append(words)
    return 100 * again / sum(map(len, told))


def _openings(told: Sequence[Sequence[tuple[str, Said]]]) -> float:
    """Return how many lines begin as an earlier one of their speaker, in percent."""
    again = 0
    for lines in told:
        before: set[tuple[str, ...]] = set()
        for speaker, said in lines:
            opening = (speaker, *words_of(said.text)[:OPENING_WORDS])
            again += opening in before
            before.add(opening)
    return 100 * again / sum(map(len, told))
