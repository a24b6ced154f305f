"""Writes a golden day's log, once: `python -m tests.golden.make tests/golden/day`. What is there stays.

When rules change on purpose, a new folder (day_2, …) gets a script and a log of its own; the older logs stay,
to be read and folded for ever.
"""

import asyncio
import sys
from pathlib import Path

from tests.unit.headless.kit import golden_rows, written


def main() -> None:
    """Write the log of the folder that is named."""
    folder = Path(sys.argv[1])
    with (folder / "log.jsonl").open("xb") as file:  # what was released is never made again
        file.write(written(asyncio.run(golden_rows(folder))))


if __name__ == "__main__":
    main()
