"""What a command imports is time that everybody waits, at each call."""

import subprocess
import sys

HEAVY = ("numpy", "ctranslate2", "jinja2", "pyarrow", "ruamel", "plotext", "aicore.content.sample_world")


def test_a_command_that_asks_the_running_system_imports_nothing_heavy() -> None:
    """Once the services' wiring brought numpy and the sample world: a third more for every command."""
    code = f"import sys, aicore.cli.main, aicore.cli.wire; print([m for m in {HEAVY} if m in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
