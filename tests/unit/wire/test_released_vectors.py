"""Released vectors stay: each byte string that was ever a vector is there, unchanged, and still read.

The first test looks into the history of the repository: nobody can rewrite vectors and manifest together.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bus.catalogue import domain_catalogue
from bus.codec import EventCodec, UnknownEvent
from bus.ports import RecordedEvent
from domain.kernel.decider import Rejected
from domain.kernel.parse import parse
from protocol.envelope import decode_envelope, encode_envelope
from protocol.messages import decode_command
from tests.unit.kit import in_case
from tests.vectors_make import (
    FILES,
    FOLDER,
    MANIFEST,
    Rewritten,
    grown,
    manifest,
    released,
    vectors,
    write,
)

ROOT = FOLDER.parents[1]
CODEC = EventCodec(domain_catalogue())
REFUSED_SINCE = {
    "registry.describe_model, form 2": "operator",  # since 2026-11-21 an auditor is told who, and why
    "registry.record_evaluation": None,  # an evaluation has been recorded by its end alone since then
    "evaluation.start, form 2": "scorers",  # a ticket has been of what was measured since then
    "evaluation.start, form 3": "candidate_configuration",
    "evaluation.start, form 4": "candidate_configuration",
    "evaluation.start, form 5": "current_configuration",
}
"""Commands that were once accepted: the field that is missing, or None where nobody does them any more."""


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def kept(*names: str) -> list[Any]:
    files = released()
    return [case for name in names for case in files[name]]


def test_no_line_of_the_manifest_was_ever_changed_or_removed() -> None:
    path = (FOLDER / MANIFEST).relative_to(ROOT)
    if not git("rev-parse", "--git-dir"):
        pytest.skip("this is no checkout: there is no history to compare with")
    now = (FOLDER / MANIFEST).read_text(encoding="utf-8").splitlines()

    for commit in git("log", "--format=%H", "--", str(path)).split():
        before = git("show", f"{commit}:{path}").splitlines()
        assert [line for line in before if line not in now] == [], commit


def test_the_vectors_are_those_of_the_manifest_one_by_one() -> None:
    listed = (FOLDER / MANIFEST).read_text(encoding="utf-8").splitlines()

    assert sorted(manifest(released())) == sorted(listed)
    assert len(listed) == len(set(listed))


def test_whatever_is_declared_today_has_its_vector() -> None:
    """Otherwise `python -m tests.vectors_make` appends it."""
    assert grown(released(), vectors()) == released()


def test_every_version_of_every_event_has_a_vector() -> None:
    there = {(case["envelope"]["type"], case["envelope"]["schema"]) for case in released()["events"]}

    for name, kind in domain_catalogue().events.items():
        for version in range(1, kind.event_version + 1):
            assert (name, version) in there


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The files in a folder that may be written."""
    for name in (*(f"{file}.json" for file in FILES), MANIFEST):
        (tmp_path / name).write_text((FOLDER / name).read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def changed(folder: Path, file: str, change: Any) -> None:
    path = folder / f"{file}.json"
    cases = json.loads(path.read_text(encoding="utf-8"))
    change(cases)
    path.write_text(json.dumps(cases), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("events", lambda cases: cases.pop(-1)),
        ("events", lambda cases: cases[0].update(hex="80")),
        ("malformed", lambda cases: cases[0].update(error="too_large")),
    ],
)
def test_the_maker_refuses_to_go_on_from_rewritten_files(copy: Path, file: str, change: Any) -> None:
    changed(copy, file, change)

    with pytest.raises(Rewritten):
        write(copy)


def test_another_example_becomes_another_form_and_no_line_changes(copy: Path) -> None:
    made = vectors()
    newest = made["events"][0] | {"hex": "80"}
    name = newest["name"]
    before = released()
    forms = sum(case["name"].startswith(f"{name}, form ") for case in before["events"])

    after = grown(before, {**made, "events": [newest]})

    assert after["events"][: len(before["events"])] == before["events"]
    assert after["events"][len(before["events"]) :] == [newest | {"name": f"{name}, form {forms + 2}"}]


def test_a_case_made_by_hand_cannot_take_another_ones_name() -> None:
    made = vectors()
    made["malformed"][0] = made["malformed"][0] | {"hex": "81"}

    with pytest.raises(Rewritten, match="no bytes"):
        grown(released(), made)


def test_what_was_once_written_is_written_the_same_way_today() -> None:
    for case in kept("events", "boundary"):
        with in_case(case["name"]):
            data = bytes.fromhex(case["hex"])

            assert encode_envelope(decode_envelope(data)) == data


def test_every_event_that_was_ever_recorded_is_read_as_its_newest_version() -> None:
    for case in kept("events"):
        with in_case(case["name"]):
            found = decode_envelope(bytes.fromhex(case["hex"]))
            recorded = RecordedEvent(
                found.position, found.stream, found.version, found.id, found.type, found.schema, found.time,
                found.meta, found.payload, found.hash,
            )  # fmt: skip

            event = CODEC.decode(recorded)

            assert not isinstance(event, UnknownEvent)
            assert event.event_name == found.type


def test_every_command_that_was_ever_sent_is_understood_or_told_what_is_missing() -> None:
    for case in (case for case in kept("messages") if case["kind"] == "command"):
        with in_case(case["name"]):
            message = decode_command(bytes.fromhex(case["hex"]))
            kind = domain_catalogue().commands.get(message.command)
            assert message.payload == case["payload"]
            if case["name"] not in REFUSED_SINCE:
                assert kind is not None
                parse(kind, message.payload)
            elif kind is None:
                assert REFUSED_SINCE[case["name"]] is None
            else:
                with pytest.raises(Rejected) as refusal:
                    parse(kind, message.payload)
                told = refusal.value.code, refusal.value.field
                assert told == ("invalid_field", REFUSED_SINCE[case["name"]])
