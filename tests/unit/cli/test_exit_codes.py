"""The exit code that an error comes to, as README and operations.md say it."""

import asyncio
import sys
from pathlib import Path

import asyncpg
import pytest

from aicore.cli.events import event_types
from aicore.cli.main import _explained, _flat, main
from aicore.cli.terminal import Exit, Failure
from aicore.cli.wire import exit_of
from aicore.running import AlreadyRunning


def test_the_doctor_where_nothing_runs_ends_as_every_command_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AICORE_STATE_DIR", str(tmp_path))
    for variable in ("AICORE_POSTGRES_DSN", "AICORE_NATS_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(sys, "argv", ["aicore", "doctor"])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == Exit.UNREACHABLE


def test_a_second_up_is_refused() -> None:
    told = _explained(AlreadyRunning("in use"))

    assert told is not None
    assert told.code == Exit.REFUSED


@pytest.mark.parametrize(
    ("code", "ends"),
    [
        ("unavailable", Exit.UNREACHABLE),
        ("deadline_exceeded", Exit.UNREACHABLE),
        ("unknown_use_case", Exit.USAGE),
        ("no_current_model", Exit.USAGE),
        ("policy_not_found", Exit.USAGE),
        ("rolled_back", Exit.REFUSED),
        ("invalid_field", Exit.REFUSED),
    ],
)
def test_a_refusal_ends_as_the_same_mistake_does_elsewhere(code: str, ends: Exit) -> None:
    assert exit_of(code) == ends


def test_a_postgres_that_is_away_or_refuses_is_not_reached() -> None:
    for error in (asyncpg.InvalidPasswordError("who?"), asyncpg.InterfaceError("connection is closed")):
        told = _explained(error)
        assert told is not None
        assert told.code == Exit.UNREACHABLE
        assert str(told).startswith("Postgres: ")


def test_an_unknown_event_type_is_a_mistake_of_the_command_line() -> None:
    assert event_types(["registry.model_promoted"]) == ["registry.model_promoted"]
    with pytest.raises(Failure, match=r"no event 'registry\.promote_model'") as told:
        event_types(["registry.promote_model"])
    assert told.value.code == Exit.USAGE


def test_what_nobody_expected_is_shown_however_deep_it_lies() -> None:
    """*Scar:* under twelve groups, as a whole start has them, Python showed none of it."""
    deep: BaseException = KeyError("a version that is not known yet")
    for level in range(12):
        deep = BaseExceptionGroup(str(level), [deep, asyncio.CancelledError()])
    assert str(_flat(deep)) == "'a version that is not known yet'"
    assert str(_flat(ValueError("alone"))) == "alone"
    two = _flat(BaseExceptionGroup("outer", [deep, ValueError("another")]))
    assert isinstance(two, BaseExceptionGroup)
    assert [type(each) for each in two.exceptions] == [KeyError, ValueError]
