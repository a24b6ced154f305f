"""Trains ember-voice, which says plans in a voice: ``python -m aicore.training.realiser --out FOLDER``.

It learns from the corpus of written lines alone (`aicore/content/lines`): the plan's tags and letters go in,
the line with its placeholders comes out (`domain.story.model_form`). One plan shape in twenty is held out
with all its lines; the weights that are kept are those which say the held-out lines best, looked at once in a
pass; after four passes without better ones it ends. What it is asked for is a line's head, up to where the
claim is said (`domain.story.tails`); whole lines teach it the language beside. Dropout, weight decay, and
prompts that leave something open (voice, length, the order of two claims) keep it from learning so small a
corpus by heart. The schedule is that of all ``--passes``; bfloat16 takes 0.25 s of CPU a step where float32
takes 0.44 (measured).
"""

import argparse
import copy
import json
import math
import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

from aicore.content.corpus import Example
from aicore.content.line_files import read_corpus, read_language, shipped_signatures, shipped_ways
from aicore.training.coverage import kinds_missing, plain_pairs, relettered
from aicore.training.train import BATCH, Batches, export
from domain.story.corpus import Pair
from domain.story.model_form import ask_for, placeholders, tags
from domain.story.plan import Act, Length
from domain.story.saying import AS_TOLD
from domain.story.slots import SLOT
from domain.story.tails import head_of

WORDS = 2_048
"""Tokens of text; tags and placeholders come beside them."""

CONTEXT = 1_024
HIDDEN, LAYERS, HEADS, INNER = 288, 5, 9, 768
"""As ember-silver; to begin with its layers made no difference after a pass (held out 4.107 both)."""

LEARNING_RATE, WEIGHT_DECAY, DROPOUT = 1.5e-3, 0.1, 0.15
WARM_UP_STEPS = 200
OPEN_VOICE, OPEN_LENGTH = 0.12, 0.2
"""Share of the prompts that leave voice or length open."""

HEADS_ALONE, CLAIMLESS, PLAIN = 0.75, 0.4, 0.06
"""Shares: of the claims, those of which only the head is learnt; of lines that claim nothing, those in a
pass; of a pass, plain ways of saying what no line says (`aicore.training.coverage`)."""

AS_ANOTHER = 0.25
"""Share of the tellings that are learnt as another act which states its claims, as R1 uses them, too."""

PATIENCE = 4
"""Passes without a better loss on the held-out lines after which training ends."""

HELD_OUT = 0.05
"""Share of the plan shapes whose lines are held out."""


def shape_of(pair: Pair) -> str:
    """Return the shape of a pair's plan: act, predicates and roles, with the letters in order."""
    return ask_for(replace(pair.plan, hidden=()), "").prompt


def split(pairs: Sequence[Pair], seed: int) -> tuple[list[Pair], list[Pair]]:
    """Return the pairs to learn from and those held out: whole shapes that claim something."""
    shapes = sorted({shape_of(pair) for pair in pairs if pair.plan.claims})
    random.Random(seed).shuffle(shapes)
    out = set(shapes[: round(HELD_OUT * len(shapes))])
    learnt = [pair for pair in pairs if shape_of(pair) not in out]
    return learnt, [pair for pair in pairs if shape_of(pair) in out]


def example(pair: Pair, draws: random.Random | None) -> Example:
    """Return one pair as text; with ``draws`` some of it is left open, or two claims change places."""
    plan, voice = pair.plan, f"{pair.voice.genre}/{pair.voice.name}"
    head = head_of(pair.text, plan.letters - pair.left_out) if plan.claims else pair.text
    whole = head != pair.text and draws is not None and draws.random() >= HEADS_ALONE
    length: Length | None = Length.SHORT if plan.claims and not whole else pair.length
    if draws:
        if whole or not plan.claims:
            longer = max(pair.length, Length.MIDDLE, key=list(Length).index)
            length = None if draws.random() < OPEN_LENGTH else longer
        if len(plan.claims) > 1 and draws.random() < 0.5:
            plan = replace(plan, claims=plan.claims[::-1])
        if draws.random() < OPEN_VOICE:
            voice = pair.voice.genre if draws.random() < 0.5 else ""
        if plan.claims and plan.act == Act.TELL and draws.random() < AS_ANOTHER:
            plan = replace(plan, act=draws.choice(sorted(AS_TOLD)))
    asked = ask_for(plan, voice, length, pair.left_out)
    return Example(prompt=asked.prompt, line=asked.written(pair.text if whole else head))


def denials(pairs: Sequence[Pair]) -> list[Pair]:
    """Return what tells that something is not so as a denial that it is: the same words."""
    return [
        replace(pair, plan=replace(pair.plan, act=Act.DENY, claims=(replace(claim, negated=False),)))
        for pair in pairs
        for claim in pair.plan.claims
        if len(pair.plan.claims) == 1 and claim.negated and pair.plan.act == Act.TELL
    ]


@dataclass(frozen=True)
class Material:
    """What is learnt in a pass.

    Attributes:
        claiming: lines that claim something. claimless: others. plain: of what no line says, for ever.
    """

    claiming: Sequence[Pair]
    claimless: Sequence[Pair]
    plain: Iterator[Pair]

    @property
    def size(self) -> int:
        """How many examples a pass has."""
        written = len(self.claiming) + round(CLAIMLESS * len(self.claimless))
        return round(written / (1 - PLAIN))

    def one_pass(self, draws: random.Random) -> list[Pair]:
        """Return the pairs of one pass, in some order."""
        some = draws.sample(self.claimless, round(CLAIMLESS * len(self.claimless)))
        found = [*self.claiming, *some]
        found += islice(self.plain, self.size - len(found))
        draws.shuffle(found)
        return found


def material_of(learnt: Sequence[Pair], seed: int) -> Material:
    """Return what is learnt from pairs: themselves, and what covers kinds that they do not speak of."""
    claiming = [pair for pair in learnt if pair.plan.claims]
    missing = kinds_missing(claiming, shipped_signatures())
    genres = {pair.voice.genre for pair in learnt}
    draws, added = random.Random(seed), list[Pair]()
    for genre in sorted(genres):
        own = [pair for pair in claiming if pair.voice.genre == genre]
        added += relettered(own, missing, read_language(genre), draws)
    plain = plain_pairs(claiming, missing, shipped_ways(), draws)
    claimless = [pair for pair in learnt if not pair.plan.claims]
    return Material([*claiming, *added, *denials(claiming)], claimless, plain)


def examples(material: Material, seed: int) -> Iterator[Example]:
    """Yield pairs as text for ever, each pass in another order."""
    draws = random.Random(seed)
    while True:
        for pair in material.one_pass(draws):
            yield example(pair, draws)


def train_tokenizer(pairs: Sequence[Pair]) -> Tokenizer:
    """Return a byte-level BPE tokenizer of the lines; tags and placeholders are single tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    voices = {f"{pair.voice.genre}/{pair.voice.name}" for pair in pairs}
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS,
        special_tokens=tags(voices, shipped_signatures()),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = (part for pair in pairs for part in SLOT.split(f" {pair.text}")[::3])
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens([AddedToken(each, normalized=False) for each in placeholders()])
    return tokenizer


def new_model(tokenizer: Tokenizer) -> LlamaForCausalLM:
    """Return a model with random weights."""
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=tokenizer.get_vocab_size(),
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=True,
            bos_token_id=tokenizer.token_to_id("<end>"),
            eos_token_id=tokenizer.token_to_id("<end>"),
            pad_token_id=tokenizer.token_to_id("<pad>"),
            hidden_size=HIDDEN,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            num_key_value_heads=HEADS,
            intermediate_size=INNER,
        )
    )
    for name, module in model.named_modules():
        if name.endswith(("o_proj", "down_proj", "embed_tokens")):
            module.register_forward_hook(_dropped)
    return model


def _dropped(module: torch.nn.Module, _: object, out: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.dropout(out, DROPOUT, module.training)


@dataclass(slots=True)
class Best:
    """The weights that said the held-out lines best."""

    loss: float = math.inf
    step: int = 0
    weights: dict[str, torch.Tensor] | None = None


def loss_of(model: LlamaForCausalLM, tokenizer: Tokenizer, pairs: Sequence[Pair]) -> float:
    """Return the mean loss per token of lines, nats."""
    found = [example(pair, None) for pair in pairs]
    batches = islice(Batches(tokenizer, 1, examples=iter(found * 2)), len(found) // BATCH)
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for ids, labels in batches:
            said = int((labels[:, 1:] != -100).sum())
            total += model(input_ids=ids, labels=labels).loss.item() * said
            count += said
    model.train()
    return total / count


def train(
    tokenizer: Tokenizer, learnt: Sequence[Pair], held_out: Sequence[Pair], given: argparse.Namespace
) -> tuple[LlamaForCausalLM, dict[str, object]]:
    """Return the model with its best weights, and what is worth telling of its training."""
    torch.manual_seed(given.seed)
    model = new_model(tokenizer)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, betas=(0.9, 0.98)
    )
    material = material_of(learnt, given.seed)
    per_pass = material.size // BATCH
    steps, best, began, shown = given.passes * per_pass, Best(), time.monotonic(), 0.0
    batches = Batches(tokenizer, given.seed, examples=examples(material, given.seed))
    model.train()
    for step, (ids, labels) in enumerate(islice(batches, steps), 1):
        loss = _updated(model, optimizer, ids, labels, _rate(step, steps))
        shown += 0.02 * (loss - shown) if step > 1 else loss
        if step % per_pass == 0:
            found, minutes = loss_of(model, tokenizer, held_out), (time.monotonic() - began) / 60
            told = f"step {step}/{steps}  loss {shown:.3f}  held out {found:.3f}  {minutes:.1f} min"
            sys.stderr.write(f"{told}\n")
            if found < best.loss:
                best = Best(found, step, copy.deepcopy(model.state_dict()))
            if step - best.step >= PATIENCE * per_pass:
                break
    if best.weights:
        model.load_state_dict(best.weights)
    facts: dict[str, object] = {
        "steps": steps, "seed": given.seed, "kept_step": best.step, "held_out_loss": round(best.loss, 4),
        "held_out_lines": len(held_out), "lines": len(learnt), "in_a_pass": material.size,
        "parameters": model.num_parameters(), "stopped_at": step, "threads": given.threads,
        "minutes": round((time.monotonic() - began) / 60, 1), "load_average": round(os.getloadavg()[2], 1),
    }  # fmt: skip
    return model.eval(), facts


def _rate(step: int, steps: int) -> float:
    """Return the share of the learning rate: up, then down a cosine to a fiftieth."""
    return min(step / WARM_UP_STEPS, 1.0) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def _updated(
    model: LlamaForCausalLM,
    optimizer: torch.optim.Optimizer,
    ids: torch.Tensor,
    labels: torch.Tensor,
    rate: float,
) -> float:
    """Learn from one batch and return its loss, nats a token."""
    for group in optimizer.param_groups:
        group["lr"] = LEARNING_RATE * rate
    with torch.autocast("cpu", torch.bfloat16):
        loss = model(input_ids=ids, labels=labels).loss
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return float(loss.item())


def main() -> None:
    """Train and export as the command line says."""
    options = argparse.ArgumentParser(description="Train the model that says plans.")
    options.add_argument("--out", type=Path, required=True, help="folder of the new model")
    options.add_argument("--passes", type=int, default=14)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--threads", type=int, default=2)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    learnt, held_out = split(read_corpus().pairs, given.seed)
    tokenizer = train_tokenizer(learnt)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    model, facts = train(tokenizer, learnt, held_out, given)
    export(model, tokenizer, given.out, facts, for_vllm=False)
    sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main()
