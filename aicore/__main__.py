"""`python -m aicore` is `aicore`."""

from aicore.cli import main

main()
