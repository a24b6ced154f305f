"""What every engine must do: the same tests on the embedded one and on a real vLLM (`make venv-vllm`)."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from aicore.content.weights import shipped_model
from aicore.embedded.vllm import MODEL, EmbeddedVllm
from handlers.engines.embedded import EmbeddedEngine
from handlers.engines.openai_compatible import OpenAICompatibleEngine
from handlers.engines.port import Engine, EngineAsk, EngineError, Piece, Scoring
from tests.conformance.engine_kit import PROMPT, TOKENS, VLLM_MARKS, answer
from tests.unit.kit import until

pytestmark = [pytest.mark.timeout(400)]

CROWDS = {"embedded": 48, "vllm": 300}
"""More than twice what an engine works on at a time: vLLM takes 128 on CPUs."""

URGENT = 4


@pytest.fixture(params=["embedded", pytest.param("vllm", marks=VLLM_MARKS)])
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    engine: Engine = EmbeddedEngine(shipped_model())
    if request.param == "vllm":
        server: EmbeddedVllm = request.getfixturevalue("vllm")
        engine = OpenAICompatibleEngine("vllm", url=server.url, model=MODEL, provider="echo")
    await engine.start()
    yield engine
    await engine.stop()


async def test_an_answer_is_streamed_and_greedy_ones_are_the_same(engine: Engine) -> None:
    first, second = await answer(engine), await answer(engine)
    assert first.text == second.text
    assert first.text == first.text.strip()
    assert 0 < first.completion_tokens <= TOKENS
    assert first.prompt_tokens > 0
    assert 0 < first.ttft_ms < first.latency_ms


async def test_how_likely_a_text_is_can_be_told(engine: Engine) -> None:
    assert isinstance(engine, Scoring)
    own = (await answer(engine, max_tokens=TOKENS)).text
    shuffled = " ".join(reversed(own.split()))
    likely, unlikely = await engine.likelihood(PROMPT, own), await engine.likelihood(PROMPT, shuffled)
    assert unlikely < likely <= 0
    assert likely > -1.0  # its own choice: a token of it has a chance of more than a third
    with pytest.raises(EngineError):
        await engine.likelihood(PROMPT, "fog " * 2_000)


async def test_another_engine_goes_on_without_a_seam(engine: Engine) -> None:
    ask = EngineAsk(prompt=PROMPT, max_tokens=TOKENS, temperature=0.0)
    texts = [item.text async for item in engine.stream(ask) if isinstance(item, Piece)]
    assert len(texts) > 3
    for cut in range(1, len(texts), 3):
        sent = "".join(texts[:cut])
        rest = await answer(engine, max_tokens=TOKENS - cut, sent=sent)
        assert sent + rest.text == "".join(texts), cut


async def test_an_answer_keeps_to_its_pattern(engine: Engine) -> None:
    found = await answer(engine, pattern="(yes|no), (sir|madam)", temperature=1.0)
    assert found.text in {f"{a}, {b}" for a in ("yes", "no") for b in ("sir", "madam")}
    number = await answer(engine, pattern=r'\{"price": [0-9]{1,3}\}', temperature=1.0)
    assert 0 <= json.loads(number.text)["price"] < 1_000


async def test_an_answer_goes_on_in_the_middle_of_its_pattern(engine: Engine) -> None:
    pattern = r'\{"mood": "(calm|angry)", "price": [0-9]{1,3}, "line": "[A-Za-z ,.]{5,40}"\}'
    whole = (await answer(engine, pattern=pattern, max_tokens=80, temperature=1.0)).text
    assert re.fullmatch(pattern, whole), whole
    for cut in range(1, len(whole) + 1, 7):
        sent = whole[:cut]
        rest = await answer(engine, pattern=pattern, max_tokens=80, temperature=1.0, sent=sent)
        assert re.fullmatch(pattern, sent + rest.text), (sent, rest.text)
    assert (await answer(engine, pattern=pattern, sent=whole)).text == ""


async def test_the_urgent_who_come_last_are_served_before_the_others_who_wait(engine: Engine) -> None:
    begun: list[int] = []
    crowd = CROWDS["embedded" if isinstance(engine, EmbeddedEngine) else "vllm"]

    async def one(number: int, priority: int) -> None:
        ask = EngineAsk(prompt=PROMPT, max_tokens=8, temperature=1.0, seed=number, priority=priority)
        async with aclosing(engine.stream(ask)) as items:
            await anext(items)
            begun.append(priority)
            async for _ in items:
                pass

    async with asyncio.TaskGroup() as group:
        for number in range(crowd):
            group.create_task(one(number, 9))
        await until(lambda: begun)
        assert len(begun) < crowd / 2, "most of them wait"
        for number in range(URGENT):
            group.create_task(one(crowd + number, 0))
    last_urgent = max(place for place, priority in enumerate(begun) if priority == 0)
    assert sum(priority == 9 for priority in begun[last_urgent:]) >= crowd / 4


async def test_closing_the_stream_frees_the_engine(engine: Engine) -> None:
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
async def test_bad_requests_are_typed(engine: Engine, changes: dict[str, object], code: str) -> None:
    with pytest.raises(EngineError) as fault:
        await answer(engine, **changes)
    assert (fault.value.code, fault.value.retriable) == (code, False)


async def test_a_crowd_is_served(engine: Engine) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(answer(engine, temperature=1.0, seed=n)) for n in range(24)]
    assert all(task.result().completion_tokens for task in tasks)


async def test_an_adapter_that_is_not_there_is_a_typed_fault(engine: Engine) -> None:
    with pytest.raises(EngineError) as unknown:
        await answer(engine, adapter="nobody")
    assert (unknown.value.code, unknown.value.retriable) == ("unknown_adapter", False)
