"""Memory: recall from a million memories, and promises by a script; beside gdm-concordia's memory.

Of the million one holder has 50,000, two hundred have 2,000 each, the others a hundred. Times are of the
whole answer to the query in this process, scoring, filters and clauses with it. The peer's are of
`retrieve_associative` alone, with sentences of the same shape and an encoder that costs nothing
(`make venv-concordia`; without it only ours are measured). The script is the test's
(`tests/unit/promises/script.py`): each promise has its fate beforehand.
"""

import asyncio
import json
import resource
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from aicore.content.sample_world import sample_definition
from benchmarks.harness import Progress, Report, percentile
from domain.beliefs.beliefs import Beliefs
from domain.beliefs.claims import Claim
from domain.beliefs.ground import ground_of
from domain.beliefs.mind import Perceived, Step
from domain.memories import showing
from domain.memories.memories import HOUR_MS, Memories
from domain.memories.pledges import Pledges
from domain.memories.queries import RecallQuery, SummaryQuery
from tests.unit.promises.script import Script

ALL, ALL_QUICK = 1_000_000, 200_000
MANY, SOME, FEW = 50_000, 2_000, 100
SOME_HOLDERS, SOME_HOLDERS_QUICK = 200, 50
ASKED, ASKED_QUICK = 2_000, 500
PEER_ASKED, PEER_ASKED_QUICK = 200, 40
PLAYERS = 500
EACH = 4
"""Holders who come to know one thing."""
DAYS = 200
PROMISES, TURNS = 200, 100
SEED = 11
PEER, CHILD = Path(".venv-concordia/bin/python"), "benchmarks/memory_child.py"
HAS_PEER = PEER.exists()


async def run(quick: bool, progress: Progress) -> Report:
    """Measure."""
    report = Report("memory", 1)
    progress("promises by a script")
    await _promises(report, 1 if quick else 3)
    progress("a million memories" if not quick else "memories")
    kept = _filled(report, quick)
    progress("recall")
    for name, holder in (("of 2,000", "person.some_0"), ("of 50,000", "person.many")):
        _asked(report, kept, (name, holder), ASKED_QUICK if quick else ASKED)
    if HAS_PEER:
        progress("gdm-concordia")
        for size, name in ((SOME, "of 2,000"), (MANY, "of 50,000")):
            await _peer(report, size, name, PEER_ASKED_QUICK if quick else PEER_ASKED)
    return report


async def _promises(report: Report, rounds: int) -> None:
    lost, unsaid, told, ends = 0, 0, 0, ""
    for seed in range(rounds):
        result = await Script(PROMISES, TURNS, seed).act()
        lost, unsaid, told = lost + len(result.lost), unsaid + result.unsaid, told + result.summaries
        ends = ", ".join(f"{state} {count}" for state, count in sorted(result.found.items()))
    report.add("promises lost", lost, "promises")
    report.add("promises left out of summaries", unsaid, "promises")
    report.facts |= {"promises": rounds * PROMISES, "turns": TURNS, "last script": ends, "summaries": told}


def _filled(report: Report, quick: bool) -> showing.Kept:
    """Return what answers are made of, with so many memories."""
    ground = ground_of(sample_definition())
    beliefs, memories, dice = Beliefs.of(ground), Memories(ground.vocabulary), Random(SEED)
    count, some = (ALL_QUICK, SOME_HOLDERS_QUICK) if quick else (ALL, SOME_HOLDERS)
    left = {"person.many": MANY, **{f"person.some_{n}": SOME for n in range(some)}}
    few = (count - sum(left.values())) // FEW
    left |= {f"person.few_{n}": FEW for n in range(few)}
    slots = [holder for holder, most in left.items() for _ in range(most)]
    dice.shuffle(slots)
    before, begin = _resident(), time.process_time()
    seen, know = _thing(0, dice), set[str]()
    for number, holder in enumerate(slots):
        if len(know) == EACH or holder in know:
            seen, know = _thing(number, dice), set()
        know.add(holder)
        memories.take(holder, seen)
    took = time.process_time() - begin
    beliefs.told.now_ms = DAYS * 24 * HOUR_MS
    report.add("taken in", took / len(slots) * 1e6, "CPU us each")
    report.facts |= {
        "memories": memories.count,
        "holders": len(memories.shelves),
        "most of one": len(memories.shelves["person.many"].rows),
        "resident MB": round((_resident() - before) / 1e3),
        "seed": SEED,
    }
    return showing.Kept(beliefs, memories, Pledges())


def _thing(number: int, dice: Random) -> Perceived:
    """Return something that happened: in order, a player's deed, seen or told of, sometimes a killing."""
    player, other = f"player.p{dice.randrange(PLAYERS)}", f"person.few_{dice.randrange(60)}"
    kind = dice.choices(("hurt", "gave", "arrived", "took", "killed"), (30, 30, 30, 9, 1))[0]
    claim = {
        "hurt": Claim("hurt", player, other),
        "gave": Claim("gave", player, other, "good.lamp_oil"),
        "arrived": Claim("arrived", player, "place.ropewalk_quay"),
        "took": Claim("took", player, other, "good.tin_saint"),
        "killed": Claim("killed", player, other),
    }[kind]
    id_, at_ms = f"{number:032x}", number * DAYS * 24 * HOUR_MS // ALL
    told = dice.random() < 0.3
    steps = (Step(other, id_, number),) if told else ()
    return Perceived(
        claim, False, at_ms, number, number, id_, frozenset((player,)), "ropewalk_quay", steps, root=id_
    )


def _resident() -> float:
    """Return the most KB that this process has held."""
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _asked(report: Report, kept: showing.Kept, whom: tuple[str, str], count: int) -> None:
    """Ask for what one remembers: of a player, of two things, of everything, as of before, in sentences."""
    (name, holder), dice = whom, Random(SEED)
    rows = kept.memories.shelves[holder].rows
    taken: dict[str, list[tuple[float, float]]] = {}
    for _ in range(count):
        one, position = f"player.p{dice.randrange(PLAYERS)}", rows[dice.randrange(len(rows))].position
        asked: Mapping[str, Callable[[], Any]] = {
            "of somebody": partial(_recall, kept, holder, about=[one]),
            "of two": partial(_recall, kept, holder, about=[one, "good.lamp_oil"]),
            "of everything": partial(_recall, kept, holder),
            "as of before": partial(_recall, kept, holder, as_of=position, newest=True),
            "in sentences": partial(showing.summed_up, kept, SummaryQuery(holder=holder, of=one)),
        }
        for kind, ask in asked.items():
            begin, cpu = time.perf_counter(), time.thread_time()
            ask()
            cpu, took = time.thread_time() - cpu, time.perf_counter() - begin
            taken.setdefault(kind, []).append((took * 1e3, cpu * 1e3))
    for kind, values in taken.items():
        took_ms, cpu_ms = (list(each) for each in zip(*values, strict=True))
        report.add(f"{name}, {kind}, p50", percentile(took_ms, 0.5), "ms")
        report.add(f"{name}, {kind}, p99", percentile(took_ms, 0.99), "ms")
        report.add(f"{name}, {kind}, p99 CPU", percentile(cpu_ms, 0.99), "CPU ms")
    report.facts["asked of each"] = count


def _recall(kept: showing.Kept, holder: str, **asked: Any) -> Any:
    return showing.recalled(kept, RecallQuery(holder=holder, **asked))


async def _peer(report: Report, size: int, name: str, count: int) -> None:
    """Measure the peer, with as many memories."""
    child = await asyncio.create_subprocess_exec(
        *(str(PEER), CHILD, str(size), str(count)), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await child.communicate()
    found = json.loads(out)
    asked = [each * 1e3 for each in found["asked"]]
    report.add(f"gdm-concordia {name}, p50", percentile(asked, 0.5), "ms")
    report.add(f"gdm-concordia {name}, p99", percentile(asked, 0.99), "ms")
    report.add(f"gdm-concordia {name}, add", percentile([each * 1e3 for each in found["added"]], 0.5), "ms")
    ours = report.figures[f"{name}, of somebody, p50"].median
    report.facts[f"gdm-concordia {name} over ours, p50"] = round(percentile(asked, 0.5) / ours, 1)
