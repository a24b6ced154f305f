"""THIRD_PARTY_NOTICES.md, made from the metadata of the installed packages: `make notices`."""

from pathlib import Path

from supply.installed import Package, packages
from supply.weights import Weights, bundled

PAGE = Path(__file__).parents[1] / "THIRD_PARTY_NOTICES.md"
HEAD = """\
# Third-party notices

Made by `make notices` from the metadata of the installed packages; a test holds this page to them. AI Core's
own wheel carries none of these packages: each is installed from its own, which holds the full text of its
licence (`*.dist-info/licenses/`).

## Packages that a run needs

| package | version | licence | copyright, as its licence file says |
| --- | --- | --- | --- |
"""
INSIDE = """
## Inside those wheels

Programs, linked libraries and weights that a wheel carries beside its own code. `libreadline` is used by
`psql` alone, which AI Core starts as a program of its own.

| in | what | licence |
| --- | --- | --- |
"""
WEIGHTS = """
## Weights in this repository

No weights or text of others are in them; their data is described beside them (README.md of each model,
`guard_head.md`).

| weights | version | what they are |
| --- | --- | --- |
"""


def page(needed: list[Package], weights: list[Weights]) -> str:
    """Return the page."""
    rows = [
        f"| {_linked(each)} | {each.version} | {each.licence} | {'; '.join(each.copyrights)} |"
        for each in needed
    ]
    inside = [f"| {each.name} | {what} | {licence} |" for each in needed for what, licence in each.inside]
    models = [f"| {each.name} | {each.version} | {each.says} |" for each in weights]
    parts = [HEAD, "\n".join(rows), "\n", INSIDE, "\n".join(inside), "\n", WEIGHTS, "\n".join(models), "\n"]
    return "".join(parts)


def _linked(package: Package) -> str:
    return f"[{package.name}]({package.home})" if package.home else package.name


if __name__ == "__main__":
    PAGE.write_text(page(packages(), bundled()), encoding="utf-8")
