"""The engine for OpenAI's API on a real vLLM (`make venv-vllm`), with the weights that ship.

Skipped where vLLM is not installed, and said so: it takes 3.5 GB.
"""

import asyncio
import json
import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from aicore.content.prompt import Scene, render
from aicore.embedded.vllm import MODEL, EmbeddedVllm, vllm_python
from aicore.tiers import shipped_model
from handlers.engines.openai_compatible import OpenAICompatibleEngine
from handlers.engines.port import EngineAsk, EngineError, Generation, Piece, collect
from handlers.routing import Router
from handlers.turns import Routed, RoutedTurn, Tier
from tests.unit.kit import EchoEngine, until

ROOT = Path(__file__).parents[2]
PYTHON = vllm_python(ROOT)

pytestmark = [
    pytest.mark.integration,
    pytest.mark.vllm,
    pytest.mark.timeout(400),
    # In CI a missing vLLM fails at the fixture instead.
    pytest.mark.skipif(
        PYTHON is None and os.environ.get("CI") != "true",
        reason="vLLM is not installed here: `make venv-vllm`",
    ),
]

PROMPT = render(
    Scene(npc="Bram Sallow, collector; blunt", place="Low Lanterns", said="Do you have work for me?")
)
TOKENS = 40
ADAPTER = """
import json, sys
from pathlib import Path
import torch
from safetensors.torch import save_file
out, config = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
torch.manual_seed(0)
hidden, tensors = config["hidden_size"], {}
for layer in range(config["num_hidden_layers"]):
    for name in ("q_proj", "v_proj"):
        key = f"base_model.model.model.layers.{layer}.self_attn.{name}"
        tensors[key + ".lora_A.weight"] = torch.randn(8, hidden)
        tensors[key + ".lora_B.weight"] = torch.randn(hidden, 8)
save_file(tensors, str(out / "adapter_model.safetensors"))
facts = {"peft_type": "LORA", "base_model_name_or_path": "ember", "r": 8, "lora_alpha": 16, "bias": "none",
         "target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM", "lora_dropout": 0.0}
(out / "adapter_config.json").write_text(json.dumps(facts))
"""
"""Makes a LoRA adapter of random numbers: it must change what is said, not improve it."""


@pytest.fixture(scope="module")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedVllm]:
    assert PYTHON is not None
    server = EmbeddedVllm(tmp_path_factory.mktemp("vllm"), PYTHON, shipped_model() / "hf")
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def engine(vllm: EmbeddedVllm) -> AsyncIterator[OpenAICompatibleEngine]:
    engine = OpenAICompatibleEngine("vllm", url=vllm.url, model=MODEL, provider="echo")
    await engine.start()
    yield engine
    await engine.stop()


async def answer(engine: OpenAICompatibleEngine, **changes: object) -> Generation:
    fields = {"prompt": PROMPT, "max_tokens": TOKENS, "temperature": 0.0, **changes}
    ask = EngineAsk(**fields)  # type: ignore[arg-type]  # fields of the test
    return await collect(engine, ask, asyncio.get_running_loop().time)


async def test_an_answer_is_streamed_and_greedy_ones_are_the_same(engine: OpenAICompatibleEngine) -> None:
    first, second = await answer(engine), await answer(engine)
    assert first.text == second.text
    assert first.text == first.text.strip()
    assert 0 < first.completion_tokens <= TOKENS
    assert first.prompt_tokens > 0
    assert 0 < first.ttft_ms < first.latency_ms


async def test_another_engine_goes_on_without_a_seam(engine: OpenAICompatibleEngine) -> None:
    ask = EngineAsk(prompt=PROMPT, max_tokens=TOKENS, temperature=0.0)
    texts = [item.text async for item in engine.stream(ask) if isinstance(item, Piece)]
    assert len(texts) > 3
    for cut in range(1, len(texts), 3):
        sent = "".join(texts[:cut])
        rest = await answer(engine, max_tokens=TOKENS - cut, sent=sent)
        assert sent + rest.text == "".join(texts), cut


async def test_an_answer_keeps_to_its_pattern(engine: OpenAICompatibleEngine) -> None:
    found = await answer(engine, pattern="(yes|no), (sir|madam)", temperature=1.0)
    assert found.text in {f"{a}, {b}" for a in ("yes", "no") for b in ("sir", "madam")}
    number = await answer(engine, pattern=r'\{"price": [0-9]{1,3}\}', temperature=1.0)
    assert 0 <= json.loads(number.text)["price"] < 1_000


async def test_an_answer_goes_on_in_the_middle_of_its_pattern(engine: OpenAICompatibleEngine) -> None:
    pattern = r'\{"mood": "(calm|angry)", "price": [0-9]{1,3}, "line": "[A-Za-z ,.]{5,40}"\}'
    whole = (await answer(engine, pattern=pattern, max_tokens=80, temperature=1.0)).text
    assert re.fullmatch(pattern, whole), whole
    for cut in range(1, len(whole) + 1, 7):
        sent = whole[:cut]
        rest = await answer(engine, pattern=pattern, max_tokens=80, temperature=1.0, sent=sent)
        assert re.fullmatch(pattern, sent + rest.text), (sent, rest.text)
    assert (await answer(engine, pattern=pattern, sent=whole)).text == ""


async def test_priorities_are_taken(engine: OpenAICompatibleEngine) -> None:
    assert (await answer(engine, priority=3)).text


async def test_an_adapter_is_loaded_and_used(
    engine: OpenAICompatibleEngine, vllm: EmbeddedVllm, tmp_path: Path
) -> None:
    with pytest.raises(EngineError) as unknown:
        await answer(engine, adapter="bram")
    assert unknown.value.code == "unknown_adapter"
    config = shipped_model() / "hf" / "config.json"
    await asyncio.to_thread(
        subprocess.run, [str(PYTHON), "-c", ADAPTER, str(tmp_path), str(config)], check=True
    )
    async with aiohttp.ClientSession() as session:
        body = {"lora_name": "bram", "lora_path": str(tmp_path)}
        async with session.post(f"{vllm.url}/v1/load_lora_adapter", json=body) as loaded:
            assert loaded.status == 200
    assert (await answer(engine, adapter="bram")).text != (await answer(engine)).text


async def test_closing_the_stream_frees_the_engine(engine: OpenAICompatibleEngine) -> None:
    stream = engine.stream(EngineAsk(prompt=PROMPT, max_tokens=120, temperature=1.5))
    await anext(stream)
    await stream.aclose()

    async def idle() -> bool:
        health = await engine.health()
        return health.ok and not health.active

    await until(idle)


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"prompt": "fog " * 400}, "prompt_too_long"), ({"max_tokens": 0}, "invalid_request")],
)
async def test_bad_requests_are_typed(
    engine: OpenAICompatibleEngine, changes: dict[str, object], code: str
) -> None:
    with pytest.raises(EngineError) as fault:
        await answer(engine, **changes)
    assert (fault.value.code, fault.value.retriable) == (code, False)


async def test_a_crowd_is_served(engine: OpenAICompatibleEngine) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(answer(engine, temperature=1.0, seed=n)) for n in range(24)]
    assert all(task.result().completion_tokens for task in tasks)


async def test_an_engine_that_stands_still_is_left_and_another_goes_on(
    engine: OpenAICompatibleEngine, vllm: EmbeddedVllm
) -> None:
    """SIGSTOP: the connection stays open and nothing comes."""
    echo = EchoEngine()
    tier = Tier(engines=[engine, echo], first_token_s=0.5, between_tokens_s=0.5)
    routes = Router({"gold": tier}, clock=asyncio.get_running_loop().time, draw=lambda: 0.0)
    turn = RoutedTurn(tier="gold", provider="echo", ask=EngineAsk(prompt=PROMPT, max_tokens=TOKENS))
    stream = routes.stream(turn)
    first = await anext(stream)
    vllm.signal(signal.SIGSTOP)
    try:
        *_, last = [first, *[item async for item in stream]]
    finally:
        vllm.signal(signal.SIGCONT)
    assert isinstance(last, Routed)
    faults = {attempt.engine: attempt.fault for attempt in last.attempts}
    assert faults == {"vllm": "engine_timeout", "echo": ""}
    assert isinstance(first, Piece)
    assert last.text.startswith(first.text)


async def test_a_killed_server_is_a_fault_before_and_in_the_middle(tmp_path: Path) -> None:
    assert PYTHON is not None
    server = EmbeddedVllm(tmp_path, PYTHON, shipped_model() / "hf")
    await asyncio.to_thread(server.start)
    engine = OpenAICompatibleEngine("vllm", url=server.url, model=MODEL)
    await engine.start()
    try:
        stream = engine.stream(EngineAsk(prompt=PROMPT, max_tokens=120, temperature=1.8))
        await anext(stream)
        server.kill()
        with pytest.raises(EngineError) as middle:
            async for _ in stream:
                pass
        with pytest.raises(EngineError) as before:
            await answer(engine)
        assert not (await engine.health()).ok
    finally:
        server.stop()
        await engine.stop()
    assert middle.value.retriable
    assert before.value.code == "engine_unreachable"
