"""Measures a demo model on new scenes: what its card says comes from here.

``python -m aicore.training.judge FOLDER [--scenes 300] [--show 50]`` prints JSON, and samples to stderr.
"""

import argparse
import asyncio
import json
import random
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from aicore.content.corpus import Example, Source
from aicore.content.speech import load_speech
from aicore.content.world import load_world
from handlers.engines.embedded import EmbeddedEngine
from handlers.engines.port import EngineAsk, Generation, collect

SEED = 990
"""Training draws with the small seeds."""

MAX_TOKENS = 96


def told(example: Example, text: str, counts: Counter[str]) -> None:
    """Count what a text makes of its scene: ``name`` and, where it is right, ``name ok``."""
    speech = load_speech()
    scene = {tag: value.strip() for tag, value in re.findall(r"<(\w+)> ([^<]*)", example.prompt)}
    said = text.lower()

    def count(name: str, right: bool) -> None:
        counts[name] += 1
        counts[f"{name} ok"] += right

    for tag in ("lore", "memory"):
        if tag in scene:
            count(f"{tag} said", scene[tag].lower() in said)
    if scene.get("kind") == "summary":
        events = [event.lower() for event in scene["history"].rstrip(".").split(". ")]
        count("events summed up", all(event in said for event in events))
    voice = scene.get("npc", "").rpartition(", ")[2]
    for other, forms in speech.open.items():
        if voice and any(text.startswith(f"{form} ") for form in forms):
            count("opening of the own voice", other == voice)
    for tag, clauses in (("weather", speech.weather), ("time", speech.time), ("mood", speech.mood)):
        for value, forms in clauses.items():
            if any(form in text for form in forms):
                count("clause true of the scene", scene.get(tag) == value)
    sentences = re.findall(r"[^.!?]+[.!?]", text)
    count("without a repeated sentence", len(set(sentences)) == len(sentences))
    count("of the training, word for word", text == example.line)


async def judge(folder: Path, scenes: int, show: int) -> Mapping[str, Any]:
    """Return the figures of a model."""
    engine = EmbeddedEngine(folder)
    await engine.start()
    counts: Counter[str] = Counter()
    answers: list[Generation] = []
    source = Source(load_world(), load_speech(), random.Random(SEED))
    for number, example in enumerate(islice(source.examples(), scenes)):
        ask = EngineAsk(prompt=example.prompt, max_tokens=MAX_TOKENS, temperature=0.7, seed=number)
        answer = await collect(engine, ask, time.perf_counter)
        answers.append(answer)
        told(example, answer.text, counts)
        if number < show:
            sys.stderr.write(f"{example.prompt}\n    {answer.text}\n")
    await engine.stop()
    first = sorted(answer.ttft_ms for answer in answers)
    pace = [(a.latency_ms - a.ttft_ms) / max(1, a.completion_tokens - 1) for a in answers]
    names = sorted(name for name in counts if not name.endswith(" ok"))
    return {
        **{name: f"{counts[f'{name} ok']} of {counts[name]}" for name in names},
        "ttft_ms_p50": round(statistics.median(first), 2),
        "ttft_ms_p95": round(first[int(0.95 * len(first))], 2),
        "token_ms_p50": round(statistics.median(pace), 3),
    }


def main() -> None:
    """Judge as the command line says."""
    options = argparse.ArgumentParser(description="Measure a demo model on new scenes.")
    options.add_argument("folder", type=Path)
    options.add_argument("--scenes", type=int, default=300)
    options.add_argument("--show", type=int, default=0)
    given = options.parse_args()
    figures = asyncio.run(judge(given.folder, given.scenes, given.show))
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
