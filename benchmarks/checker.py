"""The checker of lines by mutation: what it catches of twelve kinds of falsehood, what it refuses wrongly.

Lines that the written voices say for random plans in two worlds are made false by operators that know of no
gate; wordings were tuned on the half of the plans whose digest is even, and the other half is only counted.
Harmless: lines as released; wordings written by hand (checker_paraphrases.txt); written lines, read by a
checker that does not know the corpus. Beside it a naive checker that compares names and numbers alone.
"""

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from aicore.content.line_files import read_corpus, shipped_signatures
from benchmarks.checker_mutants import OPERATORS, Mutant, mutants
from benchmarks.checker_worlds import World, released, worlds
from benchmarks.harness import Progress, Report, percentile
from domain.story.bank import Bank
from domain.story.clauses import Between, Stated, Thing
from domain.story.numbers import numbers_in
from domain.story.plan import ASKED, HEARER, LETTERS, SPEAKER, Claim, LinePlan, read_plan
from domain.story.reading import Reading, read_back
from domain.story.saying import Saying
from domain.story.slots import fill

MUTANTS, MUTANTS_QUICK = 240, 60
RELEASED, RELEASED_QUICK = 2_000, 300
WRITTEN, WRITTEN_QUICK = 600, 100
SEED = "2026-11-30"
PARAPHRASES = Path(__file__).with_name("checker_paraphrases.txt")
HALVES = ((True, "tuning"), (False, "kept"))


@dataclass(frozen=True, slots=True)
class Harmless:
    """A text that says its plan and claims nothing else."""

    text: str
    reading: Reading
    tuning: bool


async def run(quick: bool, progress: Progress) -> Report:
    report = Report("checker", 1)
    count = MUTANTS_QUICK if quick else MUTANTS
    total = [0, 0]
    for operator in OPERATORS:
        progress(f"{operator}: {count} mutants")
        made = list(mutants(operator, count, SEED))
        caught, naive = _caught(report, operator, made)
        total[0] += caught
        total[1] += naive
    report.compare("caught_vs_naive", total[0], max(1, total[1]))
    progress("harmless lines")
    _released(report, RELEASED_QUICK if quick else RELEASED)
    by_hand = list(_by_hand())
    _refused(report, "wordings by hand", by_hand)
    written = list(_written(WRITTEN_QUICK if quick else WRITTEN))
    _refused(report, "written lines, corpus unknown", written)
    report.facts |= {
        "mutants of each": count,
        "wordings by hand": len(by_hand),
        "written lines": len(written),
    }
    return report


def _caught(report: Report, operator: str, made: Sequence[Mutant]) -> tuple[int, int]:
    """Add the shares that are caught; return how many are, by us and by the naive one."""
    found = [(bool(read_back(one.text, one.reading)), naive_stops(one.text, one.reading)) for one in made]
    for tuning, name in HALVES:
        own = [each for each, one in zip(found, made, strict=True) if one.tuning == tuning]
        report.add(f"caught: {operator}, {name}", 100 * sum(ours for ours, _ in own) / len(own), "%")
    report.add(f"caught: {operator}, naive", 100 * sum(naive for _, naive in found) / len(found), "%")
    return sum(ours for ours, _ in found), sum(naive for _, naive in found)


def _released(report: Report, count: int) -> None:
    times: list[float] = []
    refused = 0
    for line in released(count, SEED, claimless=0.2):
        begun = time.process_time()
        refused += bool(read_back(line.text, line.reading))
        times.append(time.process_time() - begun)
    report.add("refused: lines as released", 100 * refused / count, "%")
    report.add("time_p50", percentile(times, 0.5) * 1e3, "ms CPU")
    report.add("time_p99", percentile(times, 0.99) * 1e3, "ms CPU")


def _refused(report: Report, name: str, harmless: Sequence[Harmless]) -> None:
    for tuning, half in HALVES:
        own = [one for one in harmless if one.tuning == tuning]
        refused = sum(bool(read_back(one.text, one.reading)) for one in own)
        report.add(f"refused: {name}, {half}", 100 * refused / len(own), "%")
    naive = sum(naive_stops(one.text, one.reading) for one in harmless)
    report.add(f"refused: {name}, naive", 100 * naive / len(harmless), "%")


def _by_hand() -> Iterator[Harmless]:
    """Yield the wordings by hand, each with names of one of the two worlds."""
    plan: LinePlan | None = None
    for number, line in enumerate(PARAPHRASES.read_text().splitlines()):
        if line.startswith(">"):
            plan, faults = read_plan(line[1:].strip(), shipped_signatures())
            assert not faults, line
        elif plan is not None and line.strip() and not line.startswith("#"):
            yield harmless(worlds()[number % 2], plan, line.strip(), unread=False)


def _written(count: int) -> Iterator[Harmless]:
    """Yield written lines, read by who does not know the corpus."""
    by_genre = {"harbour": worlds()[0], "freighter": worlds()[1]}
    pairs = [pair for pair in read_corpus().pairs if pair.voice.genre in by_genre and not pair.is_frame]
    for pair in random.Random(SEED).sample(pairs, count):
        yield harmless(by_genre[pair.voice.genre], pair.plan, pair.text, unread=True, given=pair.voice.given)


def harmless(world: World, plan: LinePlan, text: str, *, unread: bool, given: str = "") -> Harmless:
    """Return a line with names of a world for its letters, and what it is read against."""
    draws = random.Random(text)
    taken: dict[str, Thing] = {}
    for letter, kind in LETTERS.items():
        taken[letter] = draws.choice([one for one in world.things[kind] if one not in taken.values()])
    claims, hidden = (tuple(_stated(each, taken) for each in some) for some in (plan.claims, plan.hidden))
    between = Between(taken[SPEAKER], taken[HEARER])
    saying = Saying(
        plan.act, between, claims, plan.certainty, plan.mood, plan.attitude, plan.register, hidden
    )
    language = replace(world.language, bank=Bank(())) if unread else world.language
    filled = fill(text, {letter: thing.filling for letter, thing in taken.items()})
    return Harmless(
        filled, Reading(saying, language, given=given), sha256(text.encode()).digest()[0] % 2 == 0
    )


def _stated(claim: Claim, taken: Mapping[str, Thing]) -> Stated:
    signature = shipped_signatures()[claim.predicate]
    roles = tuple(
        min(role.kinds) if letter == ASKED else taken[letter]
        for letter, role in zip(claim.roles, signature, strict=True)
    )
    return Stated(
        claim.predicate, roles, tuple(taken[letter] for letter in claim.circumstances), claim.negated
    )


def naive_stops(text: str, reading: Reading) -> bool:
    """Tell whether a checker of names and numbers alone stops a text.

    It wants the full name of everybody in the plan, no full name of anybody else, and the same numbers.
    """
    saying = reading.saying
    things = [one for claim in saying.claims for one in claim.roles if isinstance(one, Thing)]
    own = {one.id for one in (*things, *reading.scene, saying.between.speaker, saying.between.hearer)}
    low = text.lower()
    people = [one for one in things if one not in (saying.between.speaker, saying.between.hearer)]
    if not all(
        one.filling.name.lower() in low for one in people if one.kind in ("person", "place", "faction")
    ):
        return True
    world = next(each for each in worlds() if each.language.names is reading.language.names)
    if any(one.filling.name.lower() in low for one in world.named if one.id not in own):
        return True
    allowed = {
        each.value
        for claim in saying.claims
        for one in (*claim.roles, *claim.circumstances)
        if isinstance(one, Thing)
        for each in numbers_in(one.filling.name)
    }
    return {each.value for each in numbers_in(text) if each.value > 12} - allowed != set()
