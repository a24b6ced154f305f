"""What the program's log shows of an error: where it happened, and nothing that a player wrote."""

import logging
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any, Literal

import pytest
import structlog
from pydantic import BaseModel, ValidationError

from aicore.logs import set_up
from domain.inference.messages import Generate

CANARY = "Xyzzy canary"


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


class Stranger(BaseModel):
    """A model that is no declaration of ours, so that it hides nothing by itself."""

    age: int = 0
    nickname: str = ""


def logged(form: Literal["console", "json"], **values: Any) -> str:
    file = StringIO()
    set_up("info", form, file)
    structlog.get_logger("test").info("happened", **values)
    return file.getvalue()


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize(
    "values",
    [
        {"prompt": CANARY},
        {"command": {"use_case": "a", "context": {"place": CANARY}}},
        {"found": [{"excerpt": CANARY}]},
        {"message": Generate(use_case="a", prompt=CANARY)},
        {"model": Stranger(nickname=CANARY)},
        {"error": f"Input should be a number [type=int_type, input_value='{CANARY}', input_type=str]"},
    ],
    ids=str,
)
def test_what_is_declared_personal_is_in_no_line(
    form: Literal["console", "json"], values: dict[str, Any]
) -> None:
    written = logged(form, **values)

    assert "happened" in written
    assert CANARY not in written
    assert "plain words" in logged(form, detail="plain words")


@pytest.mark.parametrize("form", ["console", "json"])
def test_what_pydantic_quotes_of_its_input_is_in_no_traceback(form: Literal["console", "json"]) -> None:
    file = StringIO()
    set_up("warning", form, file)
    value = " ".join(["Xyzzy", "canary"])

    try:
        Stranger.model_validate({"age": value})
    except ValidationError:
        structlog.get_logger("test").exception("by_us")
        logging.getLogger("test").exception("by a library")

    assert file.getvalue().count("input_value=<hidden>") == 2
    assert CANARY not in file.getvalue()


def fails(payload: dict[str, str]) -> None:
    if payload:
        raise RuntimeError("no more")
