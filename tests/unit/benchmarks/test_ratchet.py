"""The ratchet: what fell is named, noise is not, and nothing is recorded by itself."""

import json
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from benchmarks import ratchet
from benchmarks.__main__ import names
from benchmarks.ratchet import Fall, Recorded, check, judge, read, record, summary

REPLAY = {"vs_raw": Recorded(1.5, 0.1), "vs_bare": Recorded(0.4, 0.3)}


@pytest.mark.parametrize(
    ("found", "fallen"),
    [
        ({"vs_raw": 1.5, "vs_bare": 0.4}, []),
        ({"vs_raw": 1.36, "vs_bare": 0.29}, []),  # within the noise
        ({"vs_raw": 1.34, "vs_bare": 0.4}, ["vs_raw"]),
        ({"vs_raw": 9.0, "vs_bare": 0.27}, ["vs_bare"]),  # one that rose hides none that fell
        ({"vs_raw": 1.0, "vs_bare": 0.1}, ["vs_raw", "vs_bare"]),
        ({"vs_raw": 1.5}, ["vs_bare"]),  # what is not measured any more
        ({}, ["vs_raw", "vs_bare"]),
        ({"vs_raw": 1.5, "vs_bare": 0.4, "vs_new": 0.01}, []),
        ({"vs_raw": float("nan"), "vs_bare": 0.4}, ["vs_raw"]),
    ],
)
def test_only_what_fell_by_more_than_its_noise_is_named(found: dict[str, float], fallen: list[str]) -> None:
    assert [fall.ratio for fall in judge(REPLAY, found)] == fallen


def test_a_fall_says_how_far_and_from_where() -> None:
    assert str(Fall("vs_raw", Recorded(1.25, 0.1), 0.8)) == "vs_raw: 0.80, down by 36% (was 1.25, noise 10%)"
    assert str(Fall("vs_raw", Recorded(1.25, 0.1), None)) == (
        "vs_raw: not measured any more (was 1.25, noise 10%)"
    )


def test_noise_is_how_far_the_worst_run_fell_and_a_little_more() -> None:
    found = summary([{"a": 2.0, "b": 1.0}, {"a": 1.8, "b": 1.0}, {"a": 2.4, "b": 1.0}])

    assert found == {"a": Recorded(2.0, 0.15), "b": Recorded(1.0, ratchet.NOISE_MIN)}


def test_a_busy_machine_makes_no_ratchet_that_cannot_fall() -> None:
    assert summary([{"a": 2.0}, {"a": 0.1}, {"a": 2.1}]) == {"a": Recorded(2.0, ratchet.NOISE_MAX)}


def run_of(*values: float) -> tuple[list[str], ratchet.Run]:
    asked: list[str] = []

    def run(name: str) -> ratchet.Ratios:
        asked.append(name)
        return {"vs_raw": values[len(asked) - 1], "vs_bare": 0.4}

    return asked, run


def test_a_run_without_a_fall_is_enough() -> None:
    asked, run = run_of(1.5)

    assert check(REPLAY, "replay", run) == []
    assert asked == ["replay"]


def test_a_busy_moment_is_no_fall() -> None:
    asked, run = run_of(0.7, 1.5, 1.6)

    assert check(REPLAY, "replay", run) == []
    assert len(asked) == 3


def test_a_fall_that_stays_is_one_by_the_median() -> None:
    _, run = run_of(1.6 * 0.5, 1.1, 1.2)

    assert check(REPLAY, "replay", run) == [Fall("vs_raw", REPLAY["vs_raw"], 1.1)]


def test_recording_keeps_the_others_and_can_be_read_again(tmp_path: Path) -> None:
    file = tmp_path / "ratchet.json"
    assert read(file) == {}
    record(file, "replay", REPLAY, "2026-11-30")
    record(file, "codec", {"x": Recorded(1.0, 0.05)}, "2026-12-01")
    record(file, "codec", {"y": Recorded(2.0, 0.05)}, "2026-12-02")

    assert read(file) == {"codec": {"y": Recorded(2.0, 0.05)}, "replay": REPLAY}
    assert json.loads(file.read_text())["benchmarks"]["codec"]["recorded"] == "2026-12-02"


@pytest.mark.parametrize(
    ("found", "code", "said"), [(0.7, 1, "replay: vs_raw: 0.70"), (1.5, 0, "nothing fell")]
)
def test_the_command_ends_with_1_where_something_fell_and_records_only_when_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: float, code: int, said: str
) -> None:
    file = tmp_path / "ratchet.json"
    record(file, "replay", {"vs_raw": REPLAY["vs_raw"]}, "2026-11-30")
    before = file.read_text()
    monkeypatch.setattr(ratchet, "FILE", file)
    monkeypatch.setattr(ratchet, "run_quick", lambda _name: {"vs_raw": found})
    command = Typer()
    command.command()(ratchet.main)

    shown = CliRunner().invoke(command, ["replay"])
    assert (shown.exit_code, said in shown.output) == (code, True)
    assert file.read_text() == before

    assert CliRunner().invoke(command, ["replay", "--record", "--runs", "2"]).exit_code == 0
    assert read(file) == {"replay": {"vs_raw": Recorded(found, ratchet.NOISE_MIN)}}
    assert CliRunner().invoke(command, ["replay"]).exit_code == 0


def test_every_benchmark_of_the_ratchet_exists_and_has_been_recorded() -> None:
    assert set(ratchet.NAMES) <= set(names())
    assert set(read(ratchet.FILE)) == set(ratchet.NAMES)
