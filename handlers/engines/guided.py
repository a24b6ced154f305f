"""Holds the embedded model's answers to a pattern: which tokens may come next, and the choice among them.

The vocabulary is walked along the pattern from where the answer is (`domain.patterns.Walk`), so nothing is
made beforehand: 1 to 3 ms for a place that was not visited before (measured 2026-11-21, 1,536 tokens), and
no pattern takes longer than the answer that it is for. outlines-core 0.2 makes its automaton as a whole:
10 s for "(a|b)*a(a|b){18}", and of "no|no, sir" it gives only the first.
A position where only one token may stand is not asked of the model at all.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from domain.patterns import PatternError, TooInvolved, Walk
from domain.patterns.walk import State
from handlers.engines.port import EngineAsk, EngineError

WALKS_MAX = 256
STATES_MAX = 50_000
"""Places kept of one pattern, 0.5 KB each; then it is walked anew."""
PLACES_MAX = 4_096
"""Places of which the allowed tokens are kept, at most 4 bytes for each token of the vocabulary."""

Logits = Callable[[list[int]], NDArray[np.float32]]
"""Asks the model what may follow the tokens given so far; one number per token of the vocabulary."""


@dataclass(slots=True)
class _Branch:
    """The tokens that begin with the same bytes."""

    ids: list[int] = field(default_factory=list)
    """Those that have no more bytes."""
    longer: dict[int, "_Branch"] = field(default_factory=dict)
    """The others by their next byte."""


class Guides:
    """Tokens that one model may say next under a pattern. Used from several threads."""

    def __init__(self, tokenizer: Tokenizer, end_id: int, special: frozenset[int]) -> None:
        """Prepare for a byte-level tokenizer; ``special`` tokens stand for no text."""
        self._bytes: dict[int, bytes] = {}
        self._root = _Branch()
        for token, id_ in tokenizer.get_vocab().items():
            if id_ not in special:
                self._bytes[id_] = bytes(BYTES[char] for char in token)
                branch = self._root
                for byte in self._bytes[id_]:
                    branch = branch.longer.setdefault(byte, _Branch())
                branch.ids.append(id_)
        self._end_id = end_id
        self._walk = lru_cache(WALKS_MAX)(Walk)
        self._allowed = lru_cache(PLACES_MAX)(self._found)

    def tokens(self, ask: EngineAsk, pattern: str, logits: Logits, limit: int, top_p: float) -> Iterator[int]:
        """Yield the ids of an answer that keeps to ``pattern``, the end among them, at most ``limit``.

        The draws are seeded by the request, so it gives the same answer again.

        Raises:
            EngineError: the pattern is too involved, or has a character that no token gives.
        """
        draws = np.random.default_rng(ask.seed)
        given: list[int] = []
        try:
            walk = self._walk(pattern)
            if len(walk) > STATES_MAX:
                self._walk.cache_clear()
                walk = self._walk(pattern)
            state = walk.start
            while len(given) < limit:
                allowed = self._allowed(state)
                if not allowed.size:
                    raise PatternError(f"after {len(given)} tokens the model has none that goes on with it")
                chosen = int(allowed[0])
                if allowed.size > 1:
                    chosen = _choose(logits(given), allowed, ask.temperature, top_p, draws)
                given.append(chosen)
                yield chosen
                if chosen == self._end_id:
                    return
                state = self._after(state, chosen)
        except TooInvolved as error:  # another engine may go on, also after some words
            raise EngineError(str(error), "unsupported") from error
        except PatternError as error:
            raise EngineError(f"the pattern cannot be kept to: {error}", "invalid_request") from error

    def _after(self, state: State, id_: int) -> State:
        for byte in self._bytes[id_]:
            after = state.after(byte)
            assert after is not None, "only what is allowed is chosen"
            state = after
        return state

    def _found(self, state: State) -> NDArray[np.int32]:
        """Return the tokens that may come next, the end among them where the pattern may end."""
        ids = [self._end_id] if state.ends else []
        open_ = [(self._root, state)]
        while open_:
            branch, at = open_.pop()
            for byte, longer in branch.longer.items():
                after = at.after(byte)
                if after is not None:
                    ids += longer.ids
                    if longer.longer:
                        open_.append((longer, after))
        return np.array(sorted(ids), np.int32)


def _choose(
    logits: NDArray[np.float32],
    allowed: NDArray[np.int32],
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
