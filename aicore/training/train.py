"""Trains the demo models from the generated corpus and exports them for the embedded engine and for vLLM.

``python -m aicore.training.train --out FOLDER``. Needs the extra `train` (torch, transformers). A byte-level
BPE tokenizer that all share, Llamas in two sizes, AdamW with a cosine schedule over a fixed number of steps;
the loss counts the tokens of the answer only. ``ember-gold-early`` is gold after a few of its steps: worse on
purpose, for evaluations to catch. Each is written twice: in int8 for CTranslate2, and in bfloat16 below
``hf/``; the manifest has every file's digest. ``--seed`` and the steps fix the draws and the schedule; the
last bits of a sum depend on the machine's threads and instructions.
"""

import argparse
import copy
import hashlib
import json
import math
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from aicore.content.corpus import Example, Source
from aicore.content.prompt import TAGS
from aicore.content.speech import load_speech
from aicore.content.world import load_world

VOCABULARY = 1_536
CONTEXT = 256
BATCH = 32
POOL = 8
"""Batches that are drawn together and sorted by length, so that little is padded."""

WARM_UP_STEPS = 100
HELD_OUT = 400
HF = "hf"
"""Folder of the weights for vLLM."""

TOKENIZER_EXAMPLES = 20_000


@dataclass(frozen=True, slots=True)
class Size:
    """A model's shape and training."""

    hidden: int
    """Width; a head has 32 of it."""
    layers: int
    inner: int
    """Width of the feed-forward part."""
    steps: int
    learning_rate: float
    early: int = 0
    """Steps after which the weights are kept as the early checkpoint, too; 0: none is."""


SIZES = {
    "ember-gold": Size(hidden=192, layers=4, inner=512, steps=3_600, learning_rate=3e-3, early=300),
    "ember-silver": Size(hidden=288, layers=5, inner=768, steps=3_600, learning_rate=2e-3),
}


def train_tokenizer(seed: int) -> Tokenizer:
    """Return a byte-level BPE tokenizer of the corpus; the prompt's tags are single tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(TAGS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    drawn = islice(_examples(seed), TOKENIZER_EXAMPLES)
    tokenizer.train_from_iterator((f"{e.prompt} {e.line}" for e in drawn), trainer)
    return tokenizer


def _examples(seed: int) -> Iterator[Example]:
    return Source(load_world(), load_speech(), random.Random(seed)).examples()


class Batches:
    """Endless batches of token ids with labels; prompts are masked out of the loss."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        seed: int,
        without: Set[str] = frozenset(),
        examples: Iterator[Example] | None = None,
    ) -> None:
        """Draw with ``seed``, from the corpus or from ``examples``; lines in ``without`` are left out."""
        self._tokenizer = tokenizer
        self._order = random.Random(seed)
        drawn = _examples(seed) if examples is None else examples
        self._examples = (example for example in drawn if example.line not in without)
        self.lines: set[str] = set()
        """Every line drawn so far."""
        self._end: Any = tokenizer.token_to_id("<end>")
        self._pad: Any = tokenizer.token_to_id("<pad>")

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        while True:
            rows = sorted(map(self._row, islice(self._examples, BATCH * POOL)), key=lambda row: len(row[0]))
            batches = [rows[n : n + BATCH] for n in range(0, len(rows), BATCH)]
            self._order.shuffle(batches)
            yield from map(self._batch, batches)

    def _row(self, example: Example) -> tuple[list[int], int]:
        self.lines.add(example.line)
        prompt = self._tokenizer.encode(example.prompt).ids
        line = [*self._tokenizer.encode(f" {example.line}").ids, self._end]
        return (prompt + line)[:CONTEXT], len(prompt)

    def _batch(self, rows: list[tuple[list[int], int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return ids and labels, each ``len(rows)`` rows of the longest's length."""
        longest = max(len(ids) for ids, _ in rows)
        ids = torch.full((len(rows), longest), self._pad)
        labels = torch.full((len(rows), longest), -100)
        for n, (found, prompt_length) in enumerate(rows):
            ids[n, : len(found)] = torch.tensor(found)
            labels[n, prompt_length : len(found)] = torch.tensor(found[prompt_length:])
        return ids, labels


@dataclass(frozen=True, slots=True)
class Trained:
    """A model and what is worth telling of its training."""

    model: LlamaForCausalLM
    facts: dict[str, float]


def train(name: str, tokenizer: Tokenizer, seed: int, steps: int | None = None) -> dict[str, Trained]:
    """Return the trained model of a size, by name, and its early checkpoint if it has one."""
    size = SIZES[name]
    steps = steps or size.steps
    early = size.early * steps // size.steps
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(seed)
    model = _new(size, tokenizer).to(device)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=size.learning_rate, weight_decay=0.05, betas=(0.9, 0.98)
    )
    began, loss_shown, made = time.monotonic(), 0.0, dict[str, LlamaForCausalLM]()
    batches = Batches(tokenizer, seed + 1)
    for step, (ids, labels) in enumerate(islice(batches, steps)):
        if early and step == early:
            made[f"{name}-early"] = copy.deepcopy(model)
        share = step / steps
        rate = min(step / WARM_UP_STEPS, 1.0) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * share)))
        for group in optimizer.param_groups:
            group["lr"] = size.learning_rate * rate
        loss = model(input_ids=ids.to(device), labels=labels.to(device)).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss_shown += 0.05 * (loss.item() - loss_shown) if step else loss.item()
        if step % 20 == 0:
            left_s = (time.monotonic() - began) / (step + 1) * (steps - step)
            sys.stderr.write(
                f"\r{name} {share:6.1%}  step {step}  loss {loss_shown:.3f}  {left_s:4.0f} s left "
            )
    sys.stderr.write("\n")
    minutes = round((time.monotonic() - began) / 60, 1)
    made[name] = model
    trained = {}
    for made_name, one in made.items():
        one.cpu().eval()
        done = steps if made_name == name else early
        facts = {"steps": done, "seed": seed, "minutes": round(minutes * done / steps, 1)}
        facts["parameters"] = one.num_parameters()
        held_out = Batches(tokenizer, seed + 2, without=batches.lines)
        trained[made_name] = Trained(one, {**facts, "held_out_perplexity": perplexity(one, held_out)})
    return trained


def _new(size: Size, tokenizer: Tokenizer) -> LlamaForCausalLM:
    end = tokenizer.token_to_id("<end>")
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=tokenizer.get_vocab_size(),
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=True,
            bos_token_id=end,
            eos_token_id=end,
            pad_token_id=tokenizer.token_to_id("<pad>"),
            hidden_size=size.hidden,
            num_hidden_layers=size.layers,
            num_attention_heads=size.hidden // 32,
            num_key_value_heads=size.hidden // 32,
            intermediate_size=size.inner,
        )
    )


def perplexity(model: LlamaForCausalLM, held_out: Batches) -> float:
    """Return the perplexity per token of lines that training has not drawn."""
    batches = islice(held_out, HELD_OUT // BATCH)
    with torch.no_grad():
        losses = [model(input_ids=ids, labels=labels).loss.item() for ids, labels in batches]
    return math.exp(sum(losses) / len(losses))


def export(
    model: LlamaForCausalLM,
    tokenizer: Tokenizer,
    out: Path,
    facts: Mapping[str, object],
    *,
    for_vllm: bool = True,
) -> None:
    """Write the model in int8 for CTranslate2 and in bfloat16 for vLLM, and the manifest with all digests."""
    from ctranslate2.converters import TransformersConverter  # noqa: PLC0415 - imports torch's world again

    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        fast = PreTrainedTokenizerFast(
            tokenizer_object=tokenizer,
            eos_token="<end>",
            bos_token="<end>",
            pad_token="<pad>",
            unk_token="<pad>",
        )
        fast.save_pretrained(folder)
        shutil.rmtree(out, ignore_errors=True)
        TransformersConverter(folder).convert(str(out), quantization="int8", force=True)
        tokenizer.save(str(out / "tokenizer.json"))
        files = _digests(out)
        if for_vllm:
            model.to(torch.bfloat16).save_pretrained(out / HF)
            fast.save_pretrained(out / HF)
    manifest = {
        "format": "ctranslate2",
        "context": model.config.max_position_embeddings,
        "files": files,
        **({"hf_files": _digests(out / HF)} if for_vllm else {}),
        "training": facts,
    }
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.name: "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if path.is_file()
    }


def main() -> None:
    """Train and export as the command line says."""
    options = argparse.ArgumentParser(description="Train the demo models.")
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--only", choices=sorted(SIZES), help="train one size")
    options.add_argument("--steps", type=int, help="instead of the size's own")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--threads", type=int, default=2)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    tokenizer = train_tokenizer(given.seed)
    for name in [given.only] if given.only else SIZES:
        for made_name, trained in train(name, tokenizer, given.seed, given.steps).items():
            out = given.out / made_name
            if out.exists() and not (out / "manifest.json").exists():
                options.error(f"{out} is no model and would be replaced: name another folder")
            export(trained.model, tokenizer, out, trained.facts)
            sys.stdout.write(json.dumps({"model": made_name, **trained.facts}) + "\n")


if __name__ == "__main__":
    main()
