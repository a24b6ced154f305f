"""Faults in quests: which of them the model checker finds, and random walks in the same CPU time.

Every mutant is checked; each finding's trace is played on the rules and then everything is tried at random,
so that what does not really stick counts as not found. The walks are Ink-Tester's method, with the checker's
own moves. What walks "never come to" counts for them only where the quest without the fault shows it to them.
"""

import time
from collections import Counter
from random import Random

from benchmarks.harness import Progress, Report
from benchmarks.quest_mutants import Mutant, mutants, originals, sample_world, sticks, walked
from domain.quests.checker.rehearsal import Rehearsal
from domain.quests.checker.search import checked

SEED = 11
QUICK_EVERY, EVERY = 12, 2
WALKS_S_MIN = 0.002


async def run(quick: bool, progress: Progress) -> Report:
    report, world = Report("quests", 1), sample_world()
    begin = time.process_time()
    alarms = sum(bool(checked(offer, world)) for offer in originals())
    report.add("originals, found faulty", alarms, "quests")
    report.add("originals, checked in", time.process_time() - begin, "CPU s")
    found, walks, kinds = 0, 0, Counter[str]()
    all_ = list(mutants(QUICK_EVERY if quick else EVERY))
    draw = Random(SEED)
    for number, mutant in enumerate(all_):
        if number % 50 == 0:
            progress(f"mutant {number} of {len(all_)}: {mutant.kind}")
        begin = time.process_time()
        findings = checked(mutant.offer, mutant.world)
        cpu_s = time.process_time() - begin
        kinds[mutant.kind] += 1
        report.add("checked in", cpu_s * 1e3, "CPU ms")
        found += bool(findings) and sticks(mutant, findings[0], draw)
        walks += _walks_find(mutant, max(cpu_s, WALKS_S_MIN), draw)
    report.add("mutants", len(all_), "quests")
    report.add("kinds of fault", len(kinds), "kinds")
    report.add("found, and sticks when run", found / len(all_), "of 1")
    report.add("found by random walks", walks / len(all_), "of 1")
    report.compare("vs_random_walk", found, max(1, walks))
    report.facts |= {"seed": SEED, "mutants by kind": dict(sorted(kinds.items()))}
    return report


def _walks_find(mutant: Mutant, cpu_s: float, draw: Random) -> bool:
    """Say whether walks find what is wrong, and find it of the faulty quest alone, in so much time each."""
    faulty = walked(Rehearsal(mutant.offer, mutant.world), cpu_s, draw)
    if not faulty:
        return False
    original = next(offer for offer in originals() if offer.quest.id == mutant.offer.quest.id)
    return not walked(Rehearsal(original, sample_world()), cpu_s, draw) & faulty
