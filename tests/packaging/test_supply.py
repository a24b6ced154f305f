"""Notices and bill of materials name everything that a run needs, as it is installed and pinned."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from supply.bill import complete
from supply.installed import WEIGHTS_PACKAGE, packages, run_time
from supply.notices import PAGE, page
from supply.weights import bundled

ROOT = Path(__file__).parents[2]
MADE_WITH = (3, 11)
"""Python for which the notices were made."""

PINS: dict[str, str] = {
    canonicalize_name(name): version
    for name, _, version in (line.partition("==") for line in (ROOT / "constraints.txt").read_text().split())
}


def declared() -> set[str]:
    """Return the names of the run-time set in pyproject.toml that are for this platform."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needs = [Requirement(line) for line in project["dependencies"]]
    return {canonicalize_name(need.name) for need in needs if need.marker is None or need.marker.evaluate()}


def environment() -> dict[str, Any]:
    """Return a bill of everything that is installed here, in the form of `cyclonedx-py environment`."""
    found = {canonicalize_name(each.name): each.version for each in distributions()}
    refs = {name: f"{name}=={version}" for name, version in found.items()}
    components = [
        {"type": "library", "bom-ref": refs[name], "name": name, "version": found[name]}
        for name in sorted(found)
    ]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {"component": {"bom-ref": "root-component", "name": "aicore", "type": "application"}},
        "components": components,
        "dependencies": [{"ref": "root-component", "dependsOn": sorted(refs.values())}]
        + [{"ref": ref} for ref in refs.values()],
    }


def test_what_a_run_needs_is_installed_as_it_is_pinned() -> None:
    needed = run_time()

    assert declared() <= needed.keys()
    assert needed == {name: PINS[name] for name in needed}


def test_the_notices_are_those_of_what_is_installed() -> None:
    """`make notices` writes them anew after a dependency has changed."""
    made, kept = page(packages(), bundled()), PAGE.read_text(encoding="utf-8")
    assert set(made.splitlines()) <= set(kept.splitlines())
    if sys.version_info[:2] == MADE_WITH:  # another one may need less
        assert made == kept

    rows = re.findall(r"^\| \[?([a-z0-9-]+)\]?\S* \| ([0-9.]+) \| (\S.*?) \|", PAGE.read_text(), re.MULTILINE)
    noted = {name: (version, licence) for name, version, licence in rows}
    assert declared() <= noted.keys()
    assert all(licence.strip() for _, licence in noted.values())
    assert {"ember-gold", "ember-silver", "guard-head", WEIGHTS_PACKAGE} <= noted.keys()


def test_the_bill_has_what_a_run_needs_and_no_tool_of_ours() -> None:
    needed = run_time()

    made = json.loads(json.dumps(complete(environment(), needed, bundled())))

    listed = {each["name"]: each["version"] for each in made["components"] if each["type"] == "library"}
    assert listed == {name: PINS[name] for name in needed}
    assert "pytest" not in listed
    refs = [each["bom-ref"] for each in made["components"]]
    assert len(set(refs)) == len(refs)
    assert {line["ref"] for line in made["dependencies"]} == {"root-component", *refs}
    root = next(line for line in made["dependencies"] if line["ref"] == "root-component")
    assert set(root["dependsOn"]) <= set(refs)
    assert {ref for ref in refs if ref.startswith("weights:")} <= set(root["dependsOn"])


def test_the_bill_has_every_file_of_the_weights_with_its_digest() -> None:
    made = complete(environment(), run_time(), bundled())

    models = {each["name"]: each for each in made["components"] if each["type"] == "machine-learning-model"}
    digests = {
        file["name"]: file["hashes"][0]["content"]
        for model in models.values()
        for file in model["components"]
    }
    tracked = subprocess.run(
        ["git", "ls-files", "aicore/models", "aicore/content/guard_head.json"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert sorted(digests) == sorted(tracked)
    manifest = json.loads((ROOT / "aicore/models/ember-gold/manifest.json").read_text())
    for name, digest in manifest["files"].items():
        assert f"sha256:{digests[f'aicore/models/ember-gold/{name}']}" == digest


def test_a_bill_that_lacks_something_is_none() -> None:
    lacking = environment()
    lacking["components"] = [each for each in lacking["components"] if each["name"] != "aiohttp"]

    with pytest.raises(LookupError, match=r"lacks aiohttp \d"):
        complete(lacking, run_time(), bundled())


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_make_sbom_writes_a_valid_bill() -> None:
    """With the tool itself, in an environment of its own, from the environment that runs this."""
    done = subprocess.run(["make", "sbom"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    made = json.loads((ROOT / "out" / "sbom.cdx.json").read_text())
    listed = {canonicalize_name(each["name"]): each["version"] for each in made["components"]}
    assert {name: PINS[name] for name in run_time()}.items() <= listed.items()
