"""The command line in this process."""

import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

import pytest

from aicore.cli.main import main


class Cli:
    """Runs commands in this process, where no system runs."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch

    def __call__(self, *arguments: str, code: int) -> str:
        """Return what a command printed; it must end with ``code``."""
        out, err = StringIO(), StringIO()
        self._patch.setattr(sys, "argv", ["aicore", *arguments])
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main()
        assert int(ended.value.code or 0) == code, (out.getvalue(), err.getvalue())
        return out.getvalue() + err.getvalue()
