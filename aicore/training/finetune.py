"""Goes on training a shipped model with recorded turns: `python -m aicore.training.finetune`.

Half of every batch are examples of the export (`aicore export`), half are drawn from the corpus, so that what
the model could is not forgotten. It needs torch, transformers and ctranslate2 (`make venv-train`, or the
environment of vLLM). Progress goes to stderr, the finished model's facts as JSON to stdout.
"""

import argparse
import hashlib
import json
import random
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM

from aicore.content.corpus import Example, Source
from aicore.content.speech import load_speech
from aicore.content.world import load_world
from aicore.training.train import HELD_OUT, HF, Batches, export, perplexity

LEARNING_RATE = 1e-4
"""A thirtieth of what the model was trained with: it is to go on, not to start anew."""

EXAMPLES_MIN = 32
LINES_MIN = 8
"""Characters of a line that is worth learning."""


def recorded(path: Path) -> list[Example]:
    """Return the export's examples: whole answers that ended by themselves.

    Raises:
        ValueError: too few are left.
    """
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["finish_reason"] == "stop" and len(row["completion"]) >= LINES_MIN:
            found.append(Example(prompt=row["rendered_prompt"], line=row["completion"]))
    if len(found) < EXAMPLES_MIN:
        raise ValueError(
            f"{path} has {len(found)} usable turns, at least {EXAMPLES_MIN} are needed: play more"
        )
    return found


def mixed(turns: list[Example], seed: int) -> Iterator[Example]:
    """Yield recorded turns and corpus examples in turn, for ever."""
    draw = random.Random(seed)
    corpus = Source(load_world(), load_speech(), random.Random(seed + 1)).examples()
    while True:
        yield draw.choice(turns)
        yield next(corpus)


def finetune(base: Path, turns: list[Example], *, steps: int, seed: int) -> tuple[LlamaForCausalLM, float]:
    """Return the model after ``steps`` more, and its perplexity on corpus lines that these did not have.

    What the base was trained with may be among them: compare it with no base's own figure.
    """
    torch.manual_seed(seed)
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    model = LlamaForCausalLM.from_pretrained(base / HF, dtype=torch.float32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.98))
    batches = Batches(tokenizer, seed, examples=mixed(turns, seed))
    model.train()
    for step, (ids, labels) in enumerate(islice(batches, steps)):
        loss = model(input_ids=ids, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        sys.stderr.write(f"\rstep {step + 1} of {steps}  loss {loss.item():.3f} ")
    sys.stderr.write("\n")
    model.eval()
    return model, perplexity(model, Batches(tokenizer, seed + 2, without=batches.lines))


def main() -> None:
    """Train as the command line says."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--base", type=Path, required=True, help="folder of the model to go on from")
    options.add_argument("--data", type=Path, required=True, help="what `aicore export` wrote, .jsonl")
    options.add_argument("--out", type=Path, required=True, help="folder of the new model")
    options.add_argument("--steps", type=int, default=60)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    try:
        turns = recorded(given.data)
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"finetune: {error}")
    model, found = finetune(given.base, turns, steps=given.steps, seed=given.seed)
    facts = {
        "base": given.base.name,
        "turns": len(turns),
        "training_export": "sha256:" + hashlib.sha256(given.data.read_bytes()).hexdigest(),
        "steps": given.steps,
        "seed": given.seed,
        "parameters": model.num_parameters(),
        "held_out_lines": HELD_OUT,
        "held_out_perplexity": found,
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    export(model, Tokenizer.from_file(str(given.base / "tokenizer.json")), given.out, facts)
    sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main()
