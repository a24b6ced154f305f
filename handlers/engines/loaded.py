"""A model that is loaded once and answers all requests; its methods block and are called in threads.

One generator holds the weights; each of its workers decodes one request, so nobody waits for another's
decoding. A request that samples must draw what its seed says, whatever ran before: it is decoded in a batch
with a row that ends one token earlier, and when that row draws, its callback seeds the worker
(`handlers.engines.draws`); from the next token on only the request draws. Where a build of CTranslate2 cannot
be seeded so, such a request gets a generator of its own, and a lock is held from setting the process's seed
to the first token: the texts are the same.
"""

import asyncio
import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from tokenizers import Tokenizer

from domain.patterns import TooInvolved, rest_of
from handlers.engines.artefact import TOKENIZER, Artefact, Manifest, read_artefact
from handlers.engines.draws import find_draws, seeding
from handlers.engines.guided import Guides
from handlers.engines.port import EngineAsk, EngineError, FinishReason, Sample, SamplesAsk

TOP_P = 0.95
"""Share of the likeliest words that sampling draws from; the tail of a small model is noise."""

SEEDS = 2**32 - 2
"""CTranslate2 takes 32 bits; 2**32 - 1 is its "no seed" (found by a test), and 0 is kept out, too."""

STATIC_TOKENS_MAX = 4_096
"""Tokens of static prompts that are kept: CTranslate2 lets go of none (measured: 13 kB a token)."""

TEXTS_COUNTED_MAX = 4_096
BEGIN_MIN = 2
"""Tokens of a prompt from which on a row may end one earlier."""


@dataclass(frozen=True, slots=True, eq=False)
class Running:
    """One request and where its tokens go; ``cancelled`` ends it at the next token."""

    ask: EngineAsk
    tokens: asyncio.Queue[int | None]
    """Holds at most ``max_tokens`` and the end (None)."""
    emit: Callable[[int], None]
    """Puts a token there; called in the decoding thread."""
    cancelled: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class Done:
    """End of decoding."""

    prompt_tokens: int
    completion_tokens: int
    finish_reason: FinishReason


Step = Callable[[Any], bool]
"""What CTranslate2 calls with each token; true ends the decoding.

It must hold no generator: CTranslate2 lets go of it in the generator's own thread, and a generator that is
freed there joins itself and aborts the process (``Resource deadlock avoided``, found 2026-11-21).
"""


class Model:
    """The loaded model."""

    def __init__(self, artefact: Artefact, workers: int) -> None:
        """Load it.

        Raises:
            EngineError: the files are no model.
        """
        self.manifest: Manifest = artefact.manifest
        self._files = {name: data for name, data in artefact.files.items() if name != TOKENIZER}
        try:
            self.tokenizer = Tokenizer.from_str(artefact.files[TOKENIZER].decode())
            self._shared = self._generator(workers)
            self._draws = find_draws(self._shared, self.manifest.end_token)
        except Exception as error:  # both libraries raise bare Exception or RuntimeError
            raise EngineError(f"model {self.manifest.name} cannot be loaded: {error}") from error
        self._end_id = self.tokenizer.token_to_id(self.manifest.end_token)
        self._guides: Guides | None = None
        self._kept = dict[str, list[str]]()
        self._keeping = threading.Lock()
        # What stands in many prompts, a persona or a place, is counted once.
        self.count: Callable[[str], int] = functools.lru_cache(TEXTS_COUNTED_MAX)(self._count)

    def _generator(self, workers: int) -> Any:
        return ctranslate2.Generator(
            self.manifest.name, device="cpu", compute_type="int8", inter_threads=workers, intra_threads=1,
            files=self._files,
        )  # fmt: skip

    def _count(self, text: str) -> int:
        return len(self.tokenizer.encode(text).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of some of an answer's tokens."""
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True)
        return text

    def chances(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Return the mean log chance of each text's tokens after its prompt, nats.

        Raises:
            EngineError: together they do not fit into the context, or a text is empty.
        """
        rows, begins = list[list[str]](), list[int]()
        for prompt, text in pairs:
            before = self.manifest.complete(prompt)
            begins.append(len(self.tokenizer.encode(before).tokens))
            rows.append(self.tokenizer.encode(f"{before} {text}").tokens)
            if not begins[-1] < len(rows[-1]) <= self.manifest.context:
                raise EngineError(
                    f"{len(rows[-1])} tokens with the prompt's {begins[-1]}: more, and at most "
                    f"{self.manifest.context}",
                    "prompt_too_long",
                )
        if not rows:
            return []
        found = self._shared.score_batch(rows, max_input_length=0)  # it would cut at 1,024 tokens
        # The first token has none: nothing stands before it.
        said = [row.log_probs[begin - 1 :] for row, begin in zip(found, begins, strict=True)]
        return [float(sum(each) / len(each)) for each in said]

    def run(self, running: Running) -> Done:
        """Decode one answer, token by token.

        Raises:
            EngineError: the prompt leaves no room in the context, or CTranslate2 failed.
        """
        request = running.ask
        text = self.manifest.complete(request.prompt)
        # As the model was trained: a space stands between the tag and the answer.
        tokens = self.tokenizer.encode(f"{text} {request.sent}" if request.sent else text).tokens
        limit = min(request.max_tokens, self._room(tokens))
        try:
            if request.pattern is not None:
                ids = self._guided(tokens, running, limit)
            elif request.temperature:
                step = _step(running, self._end_id)
                ids, _ = self._sampled(tokens, request.seed, request.temperature, limit, step)[0]
            else:
                options = self._options(limit) | {"sampling_topk": 1}
                step = _step(running, self._end_id)
                found = self._shared.generate_batch([tokens], callback=step, **options)
                ids = found[0].sequences_ids[0]
        except RuntimeError as error:
            raise EngineError(f"CTranslate2: {error}") from error
        ended = bool(ids) and ids[-1] == self._end_id
        return Done(len(tokens), len(ids) - ended, "stop" if ended else "length")

    def _room(self, tokens: Sequence[str]) -> int:
        room = self.manifest.context - len(tokens)
        if room < 1:
            raise EngineError(
                f"the prompt has {len(tokens)} tokens; with at least one for the answer, "
                f"{self.manifest.name} takes {self.manifest.context - 1}: shorten it",
                "prompt_too_long",
            )
        return room

    def _options(self, limit: int) -> dict[str, Any]:
        return {
            "max_length": limit, "end_token": self.manifest.end_token, "return_end_token": True,
            "include_prompt_in_result": False,
        }  # fmt: skip

    def _guided(self, tokens: list[str], running: Running, limit: int) -> list[int]:
        """Return ids that keep to what is left of the pattern; see `handlers.engines.guided`."""
        request = running.ask
        rest = request.rest() or ""
        if led_by_a_space(request):
            rest = f" ({rest})"

        def logits(given: list[int]) -> Any:
            so_far = tokens + [self.tokenizer.id_to_token(id_) for id_ in given]
            found = self._shared.generate_batch(
                [so_far], max_length=1, sampling_topk=1, include_prompt_in_result=False,
                return_logits_vocab=True,
            )  # fmt: skip
            return np.array(found[0].logits[0])[0]

        if self._guides is None:
            special = frozenset(self.tokenizer.get_added_tokens_decoder())
            self._guides = Guides(self.tokenizer, int(self._end_id or 0), special)
        ids: list[int] = []
        for id_ in self._guides.tokens(request, rest, logits, limit, TOP_P):
            ids.append(id_)
            if id_ != self._end_id:
                running.emit(id_)
            if running.cancelled.is_set():
                break
        return ids

    def samples(self, ask: SamplesAsk, stopped: threading.Event) -> list[Sample]:
        """Return several answers, decoded in one batch.

        Raises:
            EngineError: the prompt leaves no room in the context, or CTranslate2 failed.
        """
        before = self.manifest.complete(ask.prompt)
        tokens = self.tokenizer.encode(before).tokens
        limit = min(ask.max_tokens, self._room(tokens))
        refused = [[each] for each in ask.without if self.tokenizer.token_to_id(each) is not None]
        more = {"num_hypotheses": ask.count, "suppress_sequences": refused or None}
        static = self._static(ask.static, before)
        try:
            found = self._sampled(
                tokens, ask.seed, ask.temperature, limit, lambda _: stopped.is_set(), more, static
            )
            if stopped.is_set():
                raise EngineError("the samples were stopped", "engine_unreachable")
            return [self._told(ids, chance) for ids, chance in found if ids]
        except RuntimeError as error:
            raise EngineError(f"CTranslate2: {error}") from error

    def _static(self, static: str, whole: str) -> list[str]:
        """Return the tokens of a prompt's beginning that is kept; [] if it is not.

        What the tokenizer would join with the first word after it is no beginning.
        """
        if not static or not whole.startswith(static):
            return []
        with self._keeping:
            if (known := self._kept.get(static)) is not None:
                return known
            tokens = self.tokenizer.encode(static).tokens
            room = STATIC_TOKENS_MAX - sum(map(len, self._kept.values()))
            if tokens != self.tokenizer.encode(whole).tokens[: len(tokens)] or len(tokens) > room:
                return []
            self._kept[static] = tokens
            return tokens

    def _told(self, ids: list[int], chance: float) -> Sample:
        whole = ids[-1] == self._end_id
        text = self.decode(ids[:-1] if whole else ids).lstrip()
        return Sample(text=text, tokens=len(ids), whole=whole, chance=chance)

    def _sampled(  # noqa: PLR0913 - what is decoded, and how
        self,
        tokens: list[str],
        seed: int,
        temperature: float,
        limit: int,
        step: Step,
        more: Mapping[str, Any] | None = None,
        static: Sequence[str] = (),
    ) -> list[tuple[list[int], float]]:
        """Return each hypothesis' sampled ids and their mean log chance; nothing but the arguments counts."""
        options = self._options(limit) | {
            "sampling_topk": 0, "sampling_topp": TOP_P, "sampling_temperature": temperature,
            "return_scores": True, **(more or {}),
        }  # fmt: skip
        number = 1 + seed % SEEDS
        if self._draws is None or len(tokens) < BEGIN_MIN or len(static) > len(tokens) - BEGIN_MIN:
            return self._by_its_own(tokens, number, options, step)
        begin = list(static) or tokens[:-BEGIN_MIN]
        rest = tokens[len(begin) :]
        _, found = self._shared.generate_batch(
            [rest[:-1], rest],
            static_prompt=begin or None,
            cache_static_prompt=bool(static),
            callback=_seeded(self._draws.seed, number, step),
            **(options | {"max_length": limit + 1}),
        )
        rows = zip(found.sequences_ids, found.scores, strict=True)
        # The prompt's last token counts among those that the score is the mean of, at no chance of its own.
        return [(list(ids[1:]), score * len(ids) / max(1, len(ids) - 1)) for ids, score in rows]

    def _by_its_own(
        self, tokens: list[str], number: int, options: dict[str, Any], step: Step
    ) -> list[tuple[list[int], float]]:
        """Return what a new generator samples whose first draw follows the process's seed."""
        seeding.acquire()
        held = [True]

        def first(result: Any) -> bool:
            if held:
                held.clear()
                seeding.release()
            return step(result)

        try:
            ctranslate2.set_random_seed(number)
            found = self._generator(1).generate_batch([tokens], callback=first, **options)
        finally:
            if held:
                seeding.release()
        return [
            (list(ids), score) for ids, score in zip(found[0].sequences_ids, found[0].scores, strict=True)
        ]


def _seeded(seed: Callable[[int], None], number: int, step: Step) -> Step:
    """Return a step that seeds when the first row draws, ends that row, and passes on the other's tokens.

    The other's first token is the last of its prompt.
    """

    def seeded(result: Any) -> bool:
        if result.batch_id == 0:
            seed(number)
            return True
        return result.step > 0 and step(result)

    return seeded


def _step(running: Running, end_id: int | None) -> Step:
    def step(result: Any) -> bool:
        if result.token_id != end_id:
            running.emit(result.token_id)
        return running.cancelled.is_set()

    return step


def led_by_a_space(ask: EngineAsk) -> bool:
    """Say whether a space stands before the answer, as in training, that is not the answer's own."""
    if ask.sent or ask.pattern is None:
        return not ask.sent
    try:
        return rest_of(ask.pattern, " ") is None
    except TooInvolved as error:
        raise EngineError(str(error), "unsupported") from error


def load(directory: Path, workers: int) -> Model:
    """Return the checked model of a directory.

    Raises:
        EngineError: the files are missing, changed or no model.
    """
    return Model(read_artefact(directory), workers)
