"""Holds the embedded model's answers to a pattern: which tokens may come next, and the choice among them.

`outlines-core` turns a pattern and the model's vocabulary into an automaton over tokens; the model itself is
asked for one position at a time. A position where only one token may stand is not asked for at all.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from outlines_core import Guide, Index, Vocabulary
from tokenizers import Tokenizer

from handlers.engines.port import EngineAsk, EngineError

INDEXES_MAX = 256
"""Automata kept; one takes 0.1 ms to make for a choice and 100 ms for 400 free characters."""

Logits = Callable[[list[int]], NDArray[np.float32]]
"""Asks the model what may follow the tokens given so far; one number per token of the vocabulary."""


class Guides:
    """The automata of one model. Used from several threads."""

    def __init__(self, tokenizer: Tokenizer, end_id: int, special: frozenset[int]) -> None:
        """Prepare for a byte-level tokenizer; ``special`` tokens stand for no text."""
        tokens: dict[str | bytes, list[int]] = {}
        for token, id_ in tokenizer.get_vocab().items():
            if id_ not in special:
                tokens.setdefault(bytes(BYTES[char] for char in token), []).append(id_)
        self._vocabulary = Vocabulary(end_id, tokens)
        self._end_id = end_id
        self._index = lru_cache(INDEXES_MAX)(self._made)

    def _made(self, pattern: str) -> Index:
        try:
            return Index(pattern, self._vocabulary)
        except ValueError as error:
            raise EngineError(f"the pattern cannot be kept to: {error}", "invalid_request") from error

    def tokens(self, ask: EngineAsk, pattern: str, logits: Logits, limit: int, top_p: float) -> Iterator[int]:
        """Yield the ids of an answer that keeps to ``pattern``, the end among them, at most ``limit``.

        The draws are seeded by the request, so it gives the same answer again.
        """
        guide = Guide(self._index(pattern))
        draws = np.random.default_rng(ask.seed)
        given: list[int] = []
        while len(given) < limit:
            allowed = guide.get_tokens()
            chosen = allowed[0]
            if len(allowed) > 1:
                chosen = _choose(logits(given), np.array(allowed), ask.temperature, top_p, draws)
            given.append(chosen)
            yield chosen
            if chosen == self._end_id:
                return
            guide.advance(chosen)


def _choose(
    logits: NDArray[np.float32],
    allowed: NDArray[np.int64],
    temperature: float,
    top_p: float,
    draws: np.random.Generator,
) -> int:
    scores = logits[allowed].astype(np.float64)
    if temperature == 0:
        return int(allowed[int(scores.argmax())])
    weights = np.exp((scores - scores.max()) / temperature)
    weights /= weights.sum()
    order = np.argsort(-weights)
    kept = order[: int(np.searchsorted(np.cumsum(weights[order]), top_p)) + 1]
    shares = weights[kept] / weights[kept].sum()
    return int(allowed[kept[int(draws.choice(len(kept), p=shares))]])


def _bytes_of_characters() -> Mapping[str, int]:
    """Return the byte that each character of a byte-level vocabulary stands for (GPT-2's table)."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    table = {chr(byte): byte for byte in shown}
    return table | {chr(256 + n): byte for n, byte in enumerate(hidden)}


BYTES = _bytes_of_characters()
