"""What puts faults into the core tells noticed from unnoticed, and its lists are of what is there."""

import json
import subprocess
import sys
from pathlib import Path

from tests.mutants.__main__ import BETWEEN, TESTS, explanations
from tests.mutants.mutate import mutants

ROOT = Path(__file__).parents[2]

MODULE = """\
'''A small module.'''
from functools import cache
LIMIT = 3
UNSEEN = 5

@cache
def halved(a):
    return a // 2

class Box:
    @property
    def over(self):
        return LIMIT > 2

def bigger(a, b):
    return a > b

def ends():
    while True:
        break
    return 'done'
"""
TEST = """\
from small import LIMIT, Box, bigger, ends, halved

def test_limit():
    assert LIMIT == 3

def test_box():
    assert Box().over is True

def test_halved_is_called():
    halved(9)

def test_halved():
    assert halved(9) == 4

def test_bigger():
    assert bigger(2, 1)
    assert not bigger(1, 2)

def test_ends():
    assert ends() == 'done'
"""
JUDGE = """\
import json, sys
from tests.mutants import judge
judge.CPU_MIN_S = 1
outcomes = judge.judge(sys.argv[1], [sys.argv[2]], 2)
print(json.dumps({f"{mutant.label} | {mutant.change}": killed for mutant, killed in outcomes}))
"""


def test_what_a_test_notices_is_told_from_what_none_does(tmp_path: Path) -> None:
    """In a function, a property, what is cached, what was imported long ago, and a loop without an end."""
    (tmp_path / "small.py").write_text(MODULE)
    (tmp_path / "test_small.py").write_text(TEST)
    command = [sys.executable, "-c", JUDGE, str(tmp_path / "small.py"), str(tmp_path / "test_small.py")]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found == {
        "LIMIT | 3 -> 4": True,
        "LIMIT | 3 -> 2": True,
        "UNSEEN | 5 -> 6": False,
        "UNSEEN | 5 -> 4": False,
        "halved | return a // 2 -> return None": True,
        "halved | a // 2 -> a * 2": True,
        "halved | a // 2 -> a // 3": True,
        "halved | a // 2 -> a // 1": True,
        "Box.over | return LIMIT > 2 -> return None": True,
        "Box.over | LIMIT > 2 -> LIMIT >= 2": False,
        "Box.over | LIMIT > 2 -> LIMIT > 3": True,
        "Box.over | LIMIT > 2 -> LIMIT > 1": False,
        "bigger | return a > b -> return None": True,
        "bigger | a > b -> a >= b": False,
        "ends | True -> False": False,
        "ends | break -> nothing": True,
        "ends | return 'done' -> return None": True,
        "ends | 'done' -> ''": True,
    }


def test_a_fault_is_named_by_its_place_and_what_it_changes_not_by_a_number() -> None:
    names = {(each.label, each.change) for each in mutants(MODULE, "small.py")}
    later = {(each.label, each.change) for each in mutants("FIRST = [1, 2]\n" + MODULE, "small.py")}

    assert len(names) == len(mutants(MODULE, "small.py"))
    assert names < later


def test_every_module_and_test_of_the_mapping_is_there() -> None:
    paths = [path for module, tests in TESTS.items() for path in (module, *tests)]

    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_explanation_is_of_a_fault_that_can_be_made_and_says_why() -> None:
    for module, reasons in explanations().items():
        made = mutants((ROOT / module).read_text(), module)
        assert module in TESTS
        assert reasons.keys() <= {f"{each.label}{BETWEEN}{each.change}" for each in made}
        assert all(len(reason) > 20 for reason in reasons.values())
