"""The engine for OpenAI's API on a real vLLM, with the weights that ship: what only a server can show."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from aicore.content.weights import shipped_model
from aicore.embedded.vllm import MODEL, EmbeddedVllm
from handlers.engines.openai_compatible import OpenAICompatibleEngine
from handlers.engines.port import EngineAsk, EngineError, Piece
from handlers.routing.router import Router
from handlers.routing.turns import Routed, RoutedTurn, Tier
from tests.conformance.engine_kit import PROMPT, PYTHON, TOKENS, VLLM_MARKS, answer
from tests.unit.kit import EchoEngine

pytestmark = [pytest.mark.timeout(400), *VLLM_MARKS]

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


@pytest.fixture
async def engine(vllm: EmbeddedVllm) -> AsyncIterator[OpenAICompatibleEngine]:
    engine = OpenAICompatibleEngine("vllm", url=vllm.url, model=MODEL, provider="echo")
    await engine.start()
    yield engine
    await engine.stop()


async def test_a_prompt_that_begins_as_another_one_is_found_in_the_prefix_cache(
    engine: OpenAICompatibleEngine, vllm: EmbeddedVllm
) -> None:
    """The scar: its blocks were as long as half of the context, so no character's prompt was ever found."""

    async def hits() -> float:
        async with aiohttp.ClientSession() as http, http.get(f"{vllm.url}/metrics") as told:
            lines = (await told.text()).splitlines()
        found = [line for line in lines if line.startswith("vllm:prefix_cache_hits_total{")]
        return sum(float(line.rpartition(" ")[2]) for line in found)

    persona = "<npc> Old Wen keeps the ferry at the grey quay and counts every coin twice. " * 2
    before = await hits()
    for said in ("Who goes there?", "What does it cost?"):
        await answer(engine, prompt=f"{persona}<said> {said} <line>", max_tokens=4)
    assert await hits() > before


async def test_a_crowd_with_prompts_that_nobody_had_before_is_answered(
    engine: OpenAICompatibleEngine,
) -> None:
    """The scar: read in parts, a prompt with a seed ended the server. One batch takes fewer than 48."""
    prompts = [f"<npc> Keeper {n} of the quay. " + f"Ships {n} to {n + 9} are late. " * 8 for n in range(48)]
    async with asyncio.TaskGroup() as group:
        for seed, prompt in enumerate(prompts):
            group.create_task(answer(engine, prompt=prompt, max_tokens=2, temperature=1.0, seed=seed))
    assert (await engine.health()).ok


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
