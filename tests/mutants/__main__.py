"""`python -m tests.mutants [MODULE…]`: which small faults in the core's code no test notices.

Ends with 1 where a mutant survives that `explained.txt` does not explain, or where an explanation there is of
one that does not survive.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.mutants.judge import ROOT, judge

EXPLAINED = Path(__file__).with_name("explained.txt")
BETWEEN = " | "
UNIT = "tests/unit"
TESTS: dict[str, Sequence[str]] = {
    "domain/kernel/context.py": (f"{UNIT}/kernel/test_declarations.py",),
    "domain/kernel/decider.py": (f"{UNIT}/kernel/test_decider.py",),
    "domain/kernel/event.py": (f"{UNIT}/kernel/test_declarations.py",),
    "domain/kernel/growing.py": (f"{UNIT}/kernel/test_growing.py",),
    "domain/kernel/parse.py": (f"{UNIT}/kernel/test_parse.py",),
    "domain/kernel/visibility.py": (
        f"{UNIT}/kernel/test_visibility_paths.py",
        f"{UNIT}/kernel/test_visibility.py",
    ),
    "domain/kernel/sender.py": (f"{UNIT}/kernel/test_senders.py",),
    "domain/kernel/vocabulary.py": (f"{UNIT}/kernel/test_vocabulary.py",),
    "domain/outcomes/turn.py": (f"{UNIT}/outcomes/test_outcomes.py",),
    "domain/registry/watch.py": (f"{UNIT}/registry/test_gate_turns.py", f"{UNIT}/registry/test_watch.py"),
    "domain/registry/evidence.py": (f"{UNIT}/registry/test_evidence.py",),
    "domain/registry/gates.py": (f"{UNIT}/registry/test_gates.py",),
    "bus/postgres/planning.py": (f"{UNIT}/log/test_planning.py", f"{UNIT}/log/test_belief.py"),
    "bus/expectations.py": (f"{UNIT}/log/test_expectations.py",),
    "protocol/chain.py": (f"{UNIT}/log/test_chain.py",),
    "bus/codec.py": (f"{UNIT}/log/test_codec.py", f"{UNIT}/kernel/test_evolution.py"),
    "bus/reading.py": (f"{UNIT}/log/test_reading.py",),
}
"""The modules, and the tests that concern each: those that a person would run who changes it."""


class Row(NamedTuple):
    """What came of a module's mutants."""

    module: str
    mutants: int
    killed: int
    explained: list[str]
    survived: list[str]
    stale: list[str]
    """Explanations of what does not survive, or is not there."""

    @property
    def share(self) -> float:
        """Of all mutants, explained or not, the part that was killed."""
        return self.killed / self.mutants if self.mutants else 1.0


def explanations() -> dict[str, dict[str, str]]:
    """Return why a mutant cannot be killed, by module and by the mutant's place and change."""
    found: dict[str, dict[str, str]] = {}
    for line in EXPLAINED.read_text().splitlines():
        module, rest = line.split(BETWEEN, 1)
        name, reason = rest.rsplit(BETWEEN, 1)
        found.setdefault(module, {})[name] = reason
    return found


def judged(module: str, tests: Sequence[str], jobs: int) -> Row:
    """Judge a module, showing how far it is."""
    known, lived, count = explanations().get(module, {}), [], 0
    for mutant, killed in judge(module, tests, jobs):
        count += 1
        if not killed:
            lived.append(name := f"{mutant.label}{BETWEEN}{mutant.change}")
            print(f"  {module}{BETWEEN}{name}{'' if name in known else ': survived'}", file=sys.stderr)
        elif count % 50 == 0:
            print(f"{module}: {count} mutants, {len(lived)} lived", file=sys.stderr)
    explained = [name for name in lived if name in known]
    survived = [name for name in lived if name not in known]
    return Row(module, count, count - len(lived), explained, survived, sorted(set(known) - set(lived)))


def table(rows: Sequence[Row]) -> str:
    """Return the table that a person reads, and below it every surviving mutant."""
    lines = [f"{'module':32} {'mutants':>8} {'killed':>8} {'explained':>10} {'survived':>9} {'share':>7}"]
    lines += [
        f"{row.module:32} {row.mutants:8} {row.killed:8} {len(row.explained):10} {len(row.survived):9} "
        f"{row.share:7.1%}"
        for row in rows
    ]
    for row in rows:
        lines += [f"survived: {row.module}{BETWEEN}{name}" for name in row.survived]
        lines += [f"explained without need: {row.module}{BETWEEN}{name}" for name in row.stale]
    return "\n".join(lines)


def main() -> int:
    """Judge the modules that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="part of a path; all without one")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="mutants at the same time")
    parser.add_argument("--json", action="store_true", help="the figures and the survivors for programs")
    asked = parser.parse_args()
    chosen = {
        m: tests for m, tests in TESTS.items() if not asked.modules or any(a in m for a in asked.modules)
    }
    os.chdir(ROOT)
    os.environ["HYPOTHESIS_PROFILE"] = "mutants"
    with tempfile.TemporaryDirectory(prefix="aicore-mutants-", ignore_cleanup_errors=True) as folder:
        os.environ["TMPDIR"] = folder  # what tests leave behind that were ended in the middle
        rows = [judged(module, tests, asked.jobs) for module, tests in chosen.items()]
    if asked.json:
        print(json.dumps([{**row._asdict(), "share": round(row.share, 4)} for row in rows], indent=1))
    else:
        print(table(rows))
    return int(any(row.survived or row.stale for row in rows))


if __name__ == "__main__":
    sys.exit(main())
