"""The command line `aicore`: one file per group of commands."""

import gc

gc.disable()  # nothing that is imported is garbage, and looking for some is a tenth of a command's time
from aicore.cli.main import main  # noqa: E402

gc.enable()

__all__ = ["main"]
