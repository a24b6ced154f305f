"""Progress bars are for a terminal; a file or a pipe keeps only what a command says."""

import pytest

from aicore.cli.terminal import err, progress


def test_a_progress_bar_leaves_nothing_in_a_file_or_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """The scar: `aicore turns list 2>&1 | less` began with empty lines, one for each bar that had gone."""
    with progress() as bar:
        for _ in bar.track(range(3), description="verifying the log"):
            pass

    assert not err.is_terminal
    assert capsys.readouterr().err == ""
