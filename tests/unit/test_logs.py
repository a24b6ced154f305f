"""What the program's log shows of an error: where it happened, and nothing that a player wrote."""

from collections.abc import Iterator
from io import StringIO
from typing import Literal

import pytest
import structlog

from aicore.logs import set_up


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


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


def fails(payload: dict[str, str]) -> None:
    if payload:
        raise RuntimeError("no more")
