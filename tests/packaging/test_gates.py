"""The gate holds what the documents say it holds."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from aicore.settings import Settings

ROOT = Path(__file__).parents[2]


def test_the_layering_is_a_contract_and_the_gate_checks_it() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]

    assert [contract for contract in contracts if contract["type"] == "layers"]
    assert "lint-imports" in (ROOT / "Makefile").read_text()


def test_make_test_runs_the_gates_and_ci_runs_make_test() -> None:
    makefile = (ROOT / "Makefile").read_text()

    assert "\ntest: gates" in makefile
    assert "make test" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.xdist_group("a group")
def test_a_group_of_tests_goes_to_one_worker(request: pytest.FixtureRequest) -> None:
    """The scar: pytest 9.2 and pytest-xdist 3.8 form no groups and say nothing: each worker had all servers.

    Source: pytest-xdist issue 1386.
    """
    grouping = getattr(request.config.option, "loadgroup", False)

    assert request.node.nodeid.endswith("@a group" if grouping else request.node.name)


def test_constraints_name_no_index_and_no_path() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()

    assert [line for line in lines if "://" in line or line.startswith("-")] == []
    assert [line for line in lines if "==" not in line] == []


PAGES = [
    "README.md",
    "CHANGELOG.md",
    "SECURITY.md",
    *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))),
]


@pytest.mark.parametrize("name", PAGES)
def test_links_between_our_documents_lead_somewhere(name: str) -> None:

    page = ROOT / name
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_layers_hold() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_every_setting_is_in_the_operations_table_as_it_is() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()

    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`"
        assert f"| `AICORE_{name.upper()}` | {default} | {field.description} |" in page
