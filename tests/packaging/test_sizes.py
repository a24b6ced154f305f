"""Nothing grows out of sight: functions of at most 70 lines, files of at most 600, each saying what it is."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("domain", "protocol", "bus", "projections", "handlers", "aicore", "supply", "benchmarks", "tests")
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 600

FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_function_and_no_file_is_too_long(folder: str) -> None:
    found = []
    for path in FILES:
        if path.relative_to(ROOT).parts[0] != folder:
            continue
        text = path.read_text()
        if (lines := text.count("\n")) > FILE_LINES_MAX:
            found.append(f"{path.relative_to(ROOT)}: {lines} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {lines} lines")

    assert found == []


def test_every_module_says_what_it_is() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in FILES
        if path.relative_to(ROOT).parts[0] != "tests" and not ast.get_docstring(ast.parse(path.read_text()))
    ]

    assert silent == []
