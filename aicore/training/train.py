"""Trains the demo model from the generated corpus and exports it for the embedded engine.

``python -m aicore.training.train --out FOLDER``. Needs the extra `train` (torch, transformers). A byte-level
BPE tokenizer, a Llama of about 1.5 M parameters, AdamW with a cosine schedule over a fixed number of steps;
the loss counts the tokens of the line only. Written twice: in int8 for CTranslate2, and in bfloat16 below
``hf/`` for vLLM; the manifest has every file's digest. ``--seed`` and ``--steps`` fix the draws and the
schedule; the last bits of a sum depend on the machine's threads and instructions.
"""

import argparse
import hashlib
import json
import math
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Set
from itertools import islice
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from aicore.content.prompt import TAGS
from aicore.content.world import load_world
from aicore.training.corpus import Example, examples

VOCABULARY = 1_024
CONTEXT = 192
BATCH = 32
LEARNING_RATE = 3e-3
WARM_UP_STEPS = 100
STEPS = 1_600
"""About ten minutes on two cores."""

HELD_OUT = 400
HF = "hf"
"""Folder of the weights for vLLM."""

TOKENIZER_EXAMPLES = 20_000
SHAPE = {
    "hidden_size": 160,
    "num_hidden_layers": 4,
    "num_attention_heads": 5,
    "num_key_value_heads": 5,
    "intermediate_size": 448,
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
    drawn = islice(examples(load_world(), random.Random(seed)), TOKENIZER_EXAMPLES)
    tokenizer.train_from_iterator((f"{e.prompt} {e.line}" for e in drawn), trainer)
    return tokenizer


class Batches:
    """Endless batches of token ids with labels; prompts are masked out of the loss."""

    def __init__(self, tokenizer: Tokenizer, seed: int, without: Set[str] = frozenset()) -> None:
        """Draw with ``seed``; lines in ``without`` are left out."""
        self._tokenizer = tokenizer
        drawn = examples(load_world(), random.Random(seed))
        self._examples = (example for example in drawn if example.line not in without)
        self.lines: set[str] = set()
        """Every line drawn so far."""
        self._end = tokenizer.token_to_id("<end>")
        self._pad = tokenizer.token_to_id("<pad>")

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        while True:
            yield self.batch(list(islice(self._examples, BATCH)))

    def batch(self, drawn: list[Example]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return ids and labels, each ``len(drawn)`` rows of the longest's length."""
        rows = []
        for e in drawn:
            self.lines.add(e.line)
            prompt = self._tokenizer.encode(e.prompt).ids
            line = [*self._tokenizer.encode(f" {e.line}").ids, self._end]
            rows.append(((prompt + line)[:CONTEXT], len(prompt)))
        longest = max(len(ids) for ids, _ in rows)
        ids = torch.full((len(rows), longest), self._pad)
        labels = torch.full((len(rows), longest), -100)
        for n, (found, prompt_length) in enumerate(rows):
            ids[n, : len(found)] = torch.tensor(found)
            labels[n, prompt_length : len(found)] = torch.tensor(found[prompt_length:])
        return ids, labels


def train(tokenizer: Tokenizer, seed: int, steps: int) -> tuple[LlamaForCausalLM, dict[str, float]]:
    """Return the trained model and what is worth telling of the training."""
    torch.manual_seed(seed)
    pad, end = tokenizer.token_to_id("<pad>"), tokenizer.token_to_id("<end>")
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=CONTEXT, tie_word_embeddings=True,
        bos_token_id=end, eos_token_id=end, pad_token_id=pad, **SHAPE,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.05, betas=(0.9, 0.98))
    began, loss_shown = time.monotonic(), 0.0
    batches = Batches(tokenizer, seed + 1)
    for step, (ids, labels) in enumerate(islice(batches, steps)):
        share = step / steps
        rate = min(step / WARM_UP_STEPS, 1.0) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * share)))
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * rate
        loss = model(input_ids=ids, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss_shown += 0.05 * (loss.item() - loss_shown) if step else loss.item()
        if step % 20 == 0:
            left_s = (time.monotonic() - began) / (step + 1) * (steps - step)
            sys.stderr.write(f"\r{share:6.1%}  step {step}  loss {loss_shown:.3f}  {left_s:4.0f} s left ")
    sys.stderr.write("\n")
    minutes = round((time.monotonic() - began) / 60, 1)
    facts = {"steps": steps, "seed": seed, "minutes": minutes, "parameters": model.num_parameters()}
    held_out = Batches(tokenizer, seed + 2, without=batches.lines)
    return model, {**facts, "held_out_perplexity": perplexity(model, held_out)}


def perplexity(model: LlamaForCausalLM, held_out: Batches) -> float:
    """Return the perplexity per token of lines that training has not drawn."""
    batches = islice(held_out, HELD_OUT // BATCH)
    with torch.no_grad():
        losses = [model(input_ids=ids, labels=labels).loss.item() for ids, labels in batches]
    return math.exp(sum(losses) / len(losses))


def export(model: LlamaForCausalLM, tokenizer: Tokenizer, out: Path, facts: dict[str, float]) -> None:
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
        model.to(torch.bfloat16).save_pretrained(out / HF)
        fast.save_pretrained(out / HF)
    manifest = {
        "format": "ctranslate2",
        "context": CONTEXT,
        "files": files,
        "hf_files": _digests(out / HF),
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
    options = argparse.ArgumentParser(description="Train the demo model.")
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--steps", type=int, default=STEPS)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--threads", type=int, default=2)
    given = options.parse_args()
    if given.out.exists() and not (given.out / "manifest.json").exists():
        options.error(f"{given.out} is no model and would be replaced: name a new folder")
    torch.set_num_threads(given.threads)
    tokenizer = train_tokenizer(given.seed)
    model, facts = train(tokenizer, given.seed, given.steps)
    export(model, tokenizer, given.out, facts)
    sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main()
