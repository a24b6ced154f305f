"""What the tests of engines share."""

import asyncio
import os
from pathlib import Path

import pytest

from aicore.content.prompt import Scene, render
from aicore.embedded.vllm import vllm_python
from handlers.engines.port import Engine, EngineAsk, Generation, collect

PYTHON = vllm_python(Path(__file__).parents[2])
"""The interpreter that has vLLM; None where it is not installed: it takes 3.5 GB."""

VLLM_MARKS = [
    pytest.mark.integration,
    pytest.mark.vllm,
    # In CI a missing vLLM fails at the fixture instead.
    pytest.mark.skipif(
        PYTHON is None and os.environ.get("CI") != "true",
        reason="vLLM is not installed here: `make venv-vllm`",
    ),
]

BRAM = "Bram Sallow, collector; enforcer, blunt"
PROMPT = render(Scene(npc=BRAM, place="Low Lanterns", said="Do you have work for me?"))
TOKENS = 40


async def answer(engine: Engine, **changes: object) -> Generation:
    fields = {"prompt": PROMPT, "max_tokens": TOKENS, "temperature": 0.0, **changes}
    ask = EngineAsk(**fields)  # type: ignore[arg-type]  # fields of the test
    return await collect(engine, ask, asyncio.get_running_loop().time)
