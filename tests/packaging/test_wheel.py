"""What an installed AI Core consists of, and that it shares its names with nobody."""

import re
import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"domain", "protocol", "bus", "projections", "handlers", "aicore", "migrations"}


pytestmark = pytest.mark.xdist_group("wheel")


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Paths inside the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    # Without isolation: the build back end is installed here, and a test must not fetch anything.
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_our_folders_and_nothing_else(names: set[str]) -> None:
    top = {name.split("/", 1)[0] for name in names}

    assert {name for name in top if not name.endswith(".dist-info")} == PACKAGES
    assert not [name for name in names if "__pycache__" in name or "/tests/" in name]


@pytest.mark.parametrize("folder", ["migrations", "protocol", "aicore"])
def test_every_tracked_file_of_a_package_is_in_the_wheel(names: set[str], folder: str) -> None:
    """Migrations, SPEC.md, the vectors and the models' weights are data, which a build forgets easily."""
    tracked = subprocess.run(
        ["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")

    assert sorted(name for name in tracked if name and name not in names) == []


@pytest.mark.parametrize(
    "wanted",
    [
        r"migrations/0001_.*\.sql",
        r"protocol/SPEC\.md",
        r"protocol/vectors/.+",
        r"aicore/models/.+/model\.bin",
    ],
)
def test_the_wheel_has_what_a_run_needs(names: set[str], wanted: str) -> None:
    assert [name for name in names if re.fullmatch(wanted, name)], wanted


def test_no_other_distribution_owns_one_of_our_import_names() -> None:
    """Two wheels that both ship ``bus/`` overwrite each other silently."""
    owners = packages_distributions()

    foreign = {name: set(owners.get(name, [])) - {"aicore"} for name in PACKAGES}
    assert {name: others for name, others in foreign.items() if others} == {}
