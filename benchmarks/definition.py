"""Check a world of 6,000 lines: read, look up, compare all of it, beside loading it with the library alone.

The world is the sample one with as many people, goods and facts again under other names as make 6,000 lines.
Times are CPU time of one process, so that others on the machine do not count.
"""

import re
import time
from collections.abc import Iterator, Mapping

from ruamel.yaml import YAML

from aicore.content.definition import check_sources
from aicore.content.sample_files import sample_files
from aicore.content.yaml_source import read_yaml
from benchmarks.harness import Progress, Report, in_turn, rounds_of

LINES = 6_000
DOUBLED = ("goods.yaml", "facts.yaml", "people.yaml", "people_light.yaml", "people_dark.yaml")
ALONE = {"the_tenant"}
"""People of whom a second one would find no room."""


def texts() -> Mapping[str, str]:
    """Return the files of a world of `LINES` lines without a fault."""
    found = {name: content.decode() for name, content in sample_files()}
    for copy, (name, text) in enumerate(_copies(found)):
        missing = LINES - sum(each.count("\n") for each in found.values())
        if missing <= 0:
            break
        found[f"copy_{copy}_{name}"] = text
    lines = sum(each.count("\n") for each in found.values())
    return {**found, "remarks.yaml": "facts: {}\n" + "#\n" * (LINES - lines - 1)}


def _copies(found: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield files with the same entries under other ids and names."""
    for name in DOUBLED:
        entries = re.split(r"^(?=  [a-z_]+:)", found[name], flags=re.MULTILINE)
        kept = [entry for entry in entries if entry.split(":")[0].strip() not in ALONE]
        text = re.sub(r"^  ([a-z_]+):", r"  \1_two:", "".join(kept), flags=re.MULTILINE)
        yield name, re.sub(r"\b(name: )([^\"\n,}]+)", r"\1\2 II", text)


async def run(quick: bool, progress: Progress) -> Report:
    """Measure both sides in turn."""
    report, files = Report("definition", rounds_of(quick)), texts()
    report.facts |= {"lines": sum(text.count("\n") for text in files.values()), "files": len(files)}

    async def checked() -> float:
        begun = time.process_time()
        found = check_sources([read_yaml(name, text.encode()) for name, text in files.items()])
        taken = time.process_time() - begun
        assert found.faults == (), found.faults[0]
        return taken

    async def parsed() -> float:
        begun = time.process_time()
        for text in files.values():
            YAML(typ="safe", pure=True).load(text)
        return time.process_time() - begun

    for round_ in range(report.rounds):
        found = await in_turn({"check": checked, "load": parsed}, progress, f"round {round_ + 1}")
        report.add("check", found["check"], "s CPU")
        report.add("ruamel_load", found["load"], "s CPU")
        report.compare("vs_ruamel_load", found["load"], found["check"])
    return report
