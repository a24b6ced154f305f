"""The encoder on pairs of sentences with graded likeness, beside the same weights in 32-bit floats.

The reference is `sentence-transformers` where LORE_REFERENCE_PYTHON names a Python that has it, over the very
weights of the package; and always a forward pass of our own in numpy, which shares no code with CTranslate2.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from benchmarks.harness import Report
from handlers.guardrails import sentence_encoder
from handlers.guardrails.sentence_encoder import EPSILON, HEADS, LAYERS, TOKENS_MAX, SentenceEncoder

PAIRS = Path(__file__).parent / "lore_worlds" / "pairs.txt"
REFERENCE = "LORE_REFERENCE_PYTHON"
QUICK = 60

CHILD = """
import json, sys
from sentence_transformers import SentenceTransformer
texts = json.load(open(sys.argv[2]))
model = SentenceTransformer(sys.argv[1], device="cpu")
print(json.dumps(model.encode(texts, normalize_embeddings=True).tolist()))
"""

Array = NDArray[np.float32]
Encode = Callable[[Sequence[str]], Array]


def pairs() -> list[tuple[float, str, str]]:
    """Return the pairs, each with its likeness from 0 to 5."""
    lines = [line for line in PAIRS.read_text().splitlines() if "|" in line and not line.startswith("#")]
    split = [[part.strip() for part in line.split("|")] for line in lines]
    return [(float(score), one, other) for score, one, other in split]


def compare_encoder(report: Report, encoder: SentenceEncoder, *, quick: bool) -> None:
    """Compare the ranks of the pairs' cosines with the grades, ours and the references'."""
    graded = pairs()
    ours = _spearman(encoder.vectors, graded)
    report.add("pairs", len(graded), "pairs")
    report.add("pairs, ours in int8: Spearman", ours, "of 1")
    some = graded[:: len(graded) // QUICK] if quick else graded
    floats = _spearman(NumpyEncoder().vectors, some)
    report.add("pairs, numpy in 32-bit floats: Spearman", floats, "of 1")
    report.add("pairs, ours less the floats'", _spearman(encoder.vectors, some) - floats, "of 1")
    if python := os.environ.get(REFERENCE):
        theirs = _spearman(lambda texts: _sentence_transformers(python, texts), graded)
        report.add("pairs, sentence-transformers: Spearman", theirs, "of 1")
        report.add("pairs, ours less sentence-transformers'", ours - theirs, "of 1")
    else:
        report.facts["sentence-transformers"] = f"not asked: {REFERENCE} names no Python"


def _spearman(encode: Encode, graded: Sequence[tuple[float, str, str]]) -> float:
    ones, others = encode([one for _, one, _ in graded]), encode([other for _, _, other in graded])
    cosines = (ones * others).sum(axis=1)
    return float(np.corrcoef(_ranks(cosines), _ranks(np.array([score for score, *_ in graded])))[0, 1])


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return ranks, of equal values their mean."""
    order = np.argsort(values, kind="stable")
    ranks = np.empty(len(values))
    ranks[order] = np.arange(len(values))
    for value in np.unique(values):
        ranks[values == value] = ranks[values == value].mean()
    return ranks


def _sentence_transformers(python: str, texts: Sequence[str]) -> Array:
    folder = sentence_encoder.package_files()
    assert folder is not None, sentence_encoder.INSTALL
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(list(texts), file)
        file.flush()
        done = subprocess.run(
            [python, "-c", CHILD, str(folder), file.name], capture_output=True, text=True, check=True
        )
    return np.array(json.loads(done.stdout.splitlines()[-1]), np.float32)


class NumpyEncoder:
    """The same weights in 32-bit floats, by the formulas of BERT (Devlin et al. 2019)."""

    def __init__(self) -> None:
        folder = sentence_encoder.package_files()
        assert folder is not None, sentence_encoder.INSTALL
        self._weights: Mapping[str, Array] = sentence_encoder._tensors(
            (folder / "model.safetensors").read_bytes()
        )
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(TOKENS_MAX)
        self._tokenizer.no_padding()

    def vectors(self, texts: Sequence[str]) -> Array:
        """Return a vector of length 1 for each text."""
        return np.stack([self._vector(each.ids) for each in self._tokenizer.encode_batch(list(texts))])

    def _vector(self, ids: Sequence[int]) -> Array:
        weights = self._weights
        state = (
            weights["embeddings.word_embeddings.weight"][list(ids)]
            + weights["embeddings.position_embeddings.weight"][: len(ids)]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        state = self._normed(state, "embeddings.LayerNorm")
        for layer in range(LAYERS):
            state = self._layer(state, f"encoder.layer.{layer}")
        mean = state.mean(axis=0)
        found: Array = mean / np.linalg.norm(mean)
        return found

    def _layer(self, state: Array, at: str) -> Array:
        query, key, value = (
            self._linear(state, f"{at}.attention.self.{part}").reshape(len(state), HEADS, -1)
            for part in ("query", "key", "value")
        )
        scores = np.einsum("qhd,khd->hqk", query, key) / np.sqrt(query.shape[-1])
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        mixed = np.einsum("hqk,khd->qhd", shares, value).reshape(len(state), -1).astype(np.float32)
        state = self._normed(
            state + self._linear(mixed, f"{at}.attention.output.dense"), f"{at}.attention.output.LayerNorm"
        )
        inner = _gelu(self._linear(state, f"{at}.intermediate.dense"))
        return self._normed(state + self._linear(inner, f"{at}.output.dense"), f"{at}.output.LayerNorm")

    def _linear(self, state: Array, name: str) -> Array:
        found: Array = state @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return found

    def _normed(self, state: Array, name: str) -> Array:
        mean, variance = state.mean(axis=-1, keepdims=True), state.var(axis=-1, keepdims=True)
        even = (state - mean) / np.sqrt(variance + EPSILON)
        found: Array = even * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return found


def _gelu(values: Array) -> Array:
    """Return x Φ(x), with the error function by Abramowitz and Stegun 7.1.26 (error below 1.5e-7)."""
    x = np.abs(values) / np.sqrt(2)
    t = 1 / (1 + 0.3275911 * x)
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    erf = np.sign(values) * (1 - series * np.exp(-x * x))
    found: Array = (0.5 * values * (1 + erf)).astype(np.float32)
    return found
