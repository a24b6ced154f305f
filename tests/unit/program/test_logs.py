"""What the program's log shows of an error: where it happened, and nothing that a player wrote."""

import logging
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Literal

import pytest
import structlog

from aicore.logs import set_up


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_traceback_shows_no_local_variable(form: Literal["console", "json"]) -> None:
    file = StringIO()
    set_up("warning", form, file)

    try:
        fails({"prompt": "my own " + "words"})
    except RuntimeError:
        structlog.get_logger("test").exception("turn_failed")

    written = file.getvalue()
    assert "turn_failed" in written
    assert "in fails" in written
    assert "RuntimeError: no more" in written
    assert "my own words" not in written


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_full_disk_loses_lines_and_ends_nothing(form: Literal["console", "json"]) -> None:
    """The scar: the spool's own words about a full disk ended the process, as its log lies there, too."""
    with Path("/dev/full").open("w", buffering=1) as file:
        set_up("warning", form, file)
        structlog.get_logger("test").warning("spool_disk_failing")
        logging.getLogger("test").warning("by a library")
        set_up("warning", form, StringIO())
        with suppress(OSError):
            file.close()


def fails(payload: dict[str, str]) -> None:
    if payload:
        raise RuntimeError("no more")
