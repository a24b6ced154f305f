"""The command line `aicore`: one file per group of commands."""

from aicore.cli.main import main

__all__ = ["main"]
