"""Recall by a peer's associative memory, in an environment of its own that has nothing of ours.

Usage: ``python benchmarks/memory_child.py SIZE ASKED``. Memories and questions are sentences of the same
shape as ours; the encoder is a bag of hashed words in 384 dimensions, looked up and not counted. The memory
is filled at once, since ``add`` copies all there is each time; what one ``add`` takes is measured beside.
Prints one JSON object: seconds of each question, and of each of some additions.
"""

import json
import sys
import time
from functools import lru_cache
from random import Random
from zlib import crc32

DIMENSIONS = 384
ADDED = 20
DEEDS = ("hurt", "gave bread to", "took a lamp from", "came to", "told a tale to")


def main(size: int, asked: int) -> None:
    """Measure, and print."""
    import numpy as np  # noqa: PLC0415 - of its own environment
    import pandas as pd  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: PLC0415
    from concordia.associative_memory.basic_associative_memory import (  # type: ignore[import-not-found]  # noqa: PLC0415
        AssociativeMemoryBank,
    )

    @lru_cache(200_000)
    def embed(text: str) -> "np.ndarray":
        vector = np.zeros(DIMENSIONS)
        for word in text.split():
            vector[crc32(word.encode()) % DIMENSIONS] += 1.0
        return vector / (np.linalg.norm(vector) or 1.0)

    dice = Random(5)
    texts = [
        f"player{dice.randrange(500)} {dice.choice(DEEDS)} person{n % 60} on day {n}" for n in range(size)
    ]
    bank = AssociativeMemoryBank(embed)
    bank._memory_bank = pd.DataFrame({"text": texts, "embedding": [embed(text) for text in texts]})
    questions = [f"player{dice.randrange(500)}" for _ in range(asked)]
    for question in questions:
        embed(question)
    took = []
    for question in questions:
        begin = time.perf_counter()
        assert len(bank.retrieve_associative(question, 10)) == 10
        took.append(time.perf_counter() - begin)
    added = []
    for number in range(ADDED):
        text = f"player1 came to person{number} again"
        embed(text)
        begin = time.perf_counter()
        bank.add(text)
        added.append(time.perf_counter() - begin)
    sys.stdout.write(json.dumps({"asked": took, "added": added}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
