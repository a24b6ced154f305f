"""The OpenAI-compatible door with the `openai` client and a plain HTTP client, on the embedded engine."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp.web
import openai
import pytest
from pydantic import SecretStr

from aicore.clock import new_id
from aicore.content.weights import shipped_model
from aicore.embedded.ports import free_port
from aicore.http.openai.door import OpenAIDoor
from aicore.http.server import serving_http
from aicore.keys import Keys
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLog
from handlers.engines.embedded import EmbeddedEngine
from handlers.engines.openai_compatible import OpenAICompatibleEngine
from handlers.engines.port import End, EngineAsk, EngineError, Piece, collect
from handlers.inference.service import InferenceService
from handlers.registry.models import RegistryView
from handlers.routing.router import Router
from handlers.routing.turns import Tier
from tests.unit.kit import memory_log, message, model, runner_on, spooled, until

pytestmark = pytest.mark.integration

USE_CASE = "npc_dialogue"
KEY = "a-key-of-the-tests"
logs: list[MemoryLog] = []
"""The log behind the newest door."""

SAID = "Where is the Ferryman?"


@asynccontextmanager
async def door() -> AsyncIterator[tuple[str, Router]]:
    """Serve the door and yield its URL and the router behind it."""
    log, codec = memory_log(), EventCodec(domain_catalogue())
    logs[:] = [log]
    runner, view = runner_on(log, codec), RegistryView(log, decode=codec.decode)
    await runner(message("registry.register_model", model(provider="embedded")))
    engine = EmbeddedEngine(shipped_model())
    async with AsyncExitStack() as stack:
        group = await stack.enter_async_context(asyncio.TaskGroup())
        following = group.create_task(view.run())
        stack.callback(following.cancel)
        async with asyncio.timeout(10):
            await view.reached(2)
        await engine.start()
        stack.push_async_callback(engine.stop)
        router = Router(
            {"gold": Tier(engines=[engine]), "silver": Tier(engines=[engine])},
            clock=asyncio.get_running_loop().time,
            draw=lambda: 0.0,
        )
        folder = Path(stack.enter_context(TemporaryDirectory()))
        _, records = await stack.enter_async_context(spooled(log, codec, folder))
        service = InferenceService(records, view, router)
        port = free_port("127.0.0.1")
        app = OpenAIDoor(service, view, tiers=router.tiers, new_id=new_id, keys=Keys({"tests": KEY})).app()
        await stack.enter_async_context(serving_http(app, "127.0.0.1", port))
        yield f"http://127.0.0.1:{port}", router


@asynccontextmanager
async def client(url: str, key: str = KEY) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as opened:
        yield opened


async def test_the_openai_client_works_unchanged() -> None:
    async with door() as (url, _), client(url) as ai:
        assert [m.id for m in (await ai.models.list()).data] == [USE_CASE]
        assert (await ai.models.retrieve(f"{USE_CASE}@gold")).id == f"{USE_CASE}@gold"
        with pytest.raises(openai.NotFoundError, match="`nobody` does not exist"):
            await ai.models.retrieve("nobody")
        whole = await ai.completions.create(model=USE_CASE, prompt=SAID, max_tokens=32, seed=3)
        assert whole.choices[0].text
        assert whole.usage
        assert whole.usage.completion_tokens > 0
        chat = await ai.chat.completions.create(
            model=f"{USE_CASE}@silver", messages=[{"role": "user", "content": SAID}], max_tokens=32, seed=3
        )
        assert chat.choices[0].message.content == whole.choices[0].text


async def test_what_asks_for_nothing_special_is_left_alone() -> None:
    async with door() as (url, _), client(url) as ai:
        plain: dict[str, Any] = {"stop": None, "echo": False, "logprobs": None, "best_of": 1, "top_p": 1}
        said = await ai.completions.create(model=USE_CASE, prompt=SAID, max_tokens=8, extra_body=plain)
        form: Any = {"type": "text"}
        told = await ai.chat.completions.create(
            model=USE_CASE, messages=[{"role": "user", "content": SAID}], max_tokens=8, response_format=form
        )
    assert said.choices[0].text
    assert told.choices[0].message.content


async def test_streams_give_the_same_text_in_pieces_and_the_usage() -> None:
    async with door() as (url, _), client(url) as ai:
        whole = await ai.completions.create(model=USE_CASE, prompt=SAID, max_tokens=32, seed=3)
        stream = await ai.completions.create(
            model=USE_CASE, prompt=SAID, max_tokens=32, seed=3, stream=True,
            stream_options={"include_usage": True},
        )  # fmt: skip
        chunks = [chunk async for chunk in stream]
        chat = await ai.chat.completions.create(
            model=USE_CASE, messages=[{"role": "user", "content": SAID}], max_tokens=32, seed=3, stream=True
        )
        said = [chunk.choices[0].delta.content or "" async for chunk in chat]
    texts = [chunk.choices[0].text for chunk in chunks if chunk.choices]
    assert len(texts) > 2
    assert "".join(texts) == "".join(said) == whole.choices[0].text
    assert chunks[-1].usage == whole.usage


async def test_a_caller_that_goes_away_frees_the_engine() -> None:
    async with door() as (url, router), client(url) as ai:
        stream = await ai.completions.create(model=USE_CASE, prompt=SAID, max_tokens=4_000, stream=True)
        async for _ in stream:
            break
        await stream.close()
        await until(lambda: router.views()["embedded"].active == 0)


async def test_the_record_of_a_caller_that_went_away_comes_to_its_end() -> None:
    async with door() as (url, _), client(url) as ai:
        stream = await ai.completions.create(model=USE_CASE, prompt=SAID, max_tokens=4_000, stream=True)
        async for _chunk in stream:
            break
        await stream.close()
        ends = {"inference.cancelled", "inference.completed"}
        await until(lambda: {event.type for event in logs[-1]._events} & ends)


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"model": "nobody"}, 404, "model_not_found"),
        ({"model": f"{USE_CASE}@bronze"}, 404, "model_not_found"),
        ({"prompt": "fog " * 400}, 400, "context_length_exceeded"),
        ({"adapter": "a"}, 400, "unknown_adapter"),
    ],
)
async def test_what_the_engine_refuses_is_the_requests_own_fault(
    fields: dict[str, Any], status: int, code: str
) -> None:
    """A client that tries again on 5xx did so with prompts that are too long."""
    async with door() as (url, _), client(url) as ai:
        body = {"model": USE_CASE, "prompt": "x", **fields}
        with pytest.raises(openai.APIStatusError) as refused:
            await ai.completions.create(extra_body=body, model="", prompt="")
        await until(lambda: logs[-1]._events[-1].type in {"inference.refused", "inference.failed"})
    assert (refused.value.status_code, refused.value.code) == (status, code)


async def test_a_key_is_asked_for() -> None:
    async with door() as (url, _):
        async with client(url, "wrong") as ai:
            with pytest.raises(openai.AuthenticationError):
                await ai.models.list()
        async with client(url) as ai:
            assert (await ai.models.list()).data


# --- our engine for such servers, against our own door ------------------------------------------------------


@asynccontextmanager
async def engine_on(url: str, **options: Any) -> AsyncIterator[OpenAICompatibleEngine]:
    key = SecretStr(KEY)
    engine = OpenAICompatibleEngine("far", url=url, model=USE_CASE, vllm=False, api_key=key, **options)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()


async def test_the_engine_for_openais_api_streams_and_tells_its_end() -> None:
    ask = EngineAsk(prompt=SAID, max_tokens=32, seed=3)
    async with door() as (url, _), engine_on(url) as far, engine_on(url, chat=True) as chats:
        assert (await far.health()).ok
        *pieces, end = [item async for item in far.stream(ask)]
        said = await collect(chats, ask, asyncio.get_running_loop().time)
    assert isinstance(end, End)
    assert end.completion_tokens > 0
    assert "".join(piece.text for piece in pieces if isinstance(piece, Piece)) == said.text


async def test_closing_the_engines_stream_cancels_at_the_server() -> None:
    async with door() as (url, router), engine_on(url) as far:
        stream = far.stream(EngineAsk(prompt=SAID, max_tokens=4_000, seed=3))
        await anext(stream)
        await stream.aclose()
        await until(lambda: router.views()["embedded"].active == 0)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, b"<html>", "engine_nonsense"),
        (200, b"data: {\n\n", "engine_nonsense"),
        (200, b"data: []\n\n", "engine_nonsense"),
        (200, b'data: {"choices": [{"text": 7}]}\n\n', "engine_nonsense"),
        (200, b'data: {"choices": [{"text": "a", "finish_reason": 7}]}\n\n', "engine_nonsense"),
        (200, b"", "engine_failed"),
        (200, b'data: {"error": {"message": "boom"}}\n\n', "engine_failed"),
        (200, b"data: [DONE]\n\n", "engine_failed"),
        (500, b"Internal Server Error", "engine_failed"),
        (503, b'{"error": {"message": "queue is full"}}', "engine_overloaded"),
        (400, b'{"error": {"message": "maximum context length is 256 tokens"}}', "prompt_too_long"),
        (422, b'{"detail": "bad"}', "invalid_request"),
    ],
)
async def test_a_server_that_talks_nonsense_is_a_typed_fault(status: int, body: bytes, code: str) -> None:
    async def answer(_: aiohttp.web.Request) -> aiohttp.web.Response:
        return aiohttp.web.Response(status=status, body=body)

    app = aiohttp.web.Application()
    app.router.add_post("/v1/completions", answer)
    port = free_port("127.0.0.1")
    async with serving_http(app, "127.0.0.1", port), engine_on(f"http://127.0.0.1:{port}") as far:
        with pytest.raises(EngineError) as fault:
            await collect(far, EngineAsk(prompt="x", max_tokens=4), asyncio.get_running_loop().time)
    assert fault.value.code == code


STOP = b'data: {"choices": [{"text": "Aye.", "finish_reason": "stop"}]}\n\n'


@asynccontextmanager
async def server_of(*parts: bytes, how: str = "ends") -> AsyncIterator[str]:
    """Serve completions that are always these parts; then the server ends, breaks off or stands still."""
    over = asyncio.Event()

    async def answer(request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        response = aiohttp.web.StreamResponse()
        await response.prepare(request)
        for part in parts:
            await response.write(part)
        if how == "breaks off" and request.transport:
            request.transport.abort()
        if how == "stands still":
            await over.wait()
        return response

    app = aiohttp.web.Application()
    app.router.add_post("/v1/{kind:.*}", answer)
    port = free_port("127.0.0.1")
    async with serving_http(app, "127.0.0.1", port):
        yield f"http://127.0.0.1:{port}"
        over.set()


@pytest.mark.parametrize(
    "usage",
    [
        '"x"',
        "[1]",
        '{"prompt_tokens": null, "completion_tokens": "many"}',
        '{"prompt_tokens": -5, "completion_tokens": -1}',
        '{"prompt_tokens": 1000000000000000, "completion_tokens": 1e99}',
    ],
)
async def test_counts_that_are_none_are_made_up_for(usage: str) -> None:
    told = f'data: {{"choices": [{{"text": "Aye.", "finish_reason": "stop"}}], "usage": {usage}}}\n\n'
    async with server_of(told.encode()) as url, engine_on(url) as far:
        items = [item async for item in far.stream(EngineAsk(prompt="x", max_tokens=4))]
    assert items == [Piece("Aye."), End("stop", 1, 1, estimated=True)]


async def test_a_vllm_is_told_all_that_was_asked_for_and_another_server_only_what_it_knows() -> None:
    bodies = list[dict[str, Any]]()

    async def answer(request: aiohttp.web.Request) -> aiohttp.web.Response:
        bodies.append(json.loads(await request.read()))
        return aiohttp.web.Response(body=STOP)

    app = aiohttp.web.Application()
    app.router.add_post("/v1/completions", answer)
    port = free_port("127.0.0.1")
    ask = EngineAsk(prompt="x", max_tokens=4, temperature=0.3, seed=5, priority=9, sent="Aye")
    async with serving_http(app, "127.0.0.1", port):
        for vllm in (True, False):
            far = OpenAICompatibleEngine("far", url=f"http://127.0.0.1:{port}", model="m", vllm=vllm)
            await far.start()
            asks = [ask, replace(ask, adapter="tavern", pattern="Aye(, sir)?")] if vllm else [ask]
            for each in asks:
                await collect(far, each, asyncio.get_running_loop().time)
            await far.stop()
    known = {"model": "m", "prompt": "x Aye", "max_tokens": 4, "temperature": 0.3, "seed": 5}
    known |= {"stream": True, "stream_options": {"include_usage": True}}
    form = {"model": "tavern", "priority": 9, "structured_outputs": {"regex": "(, sir)?"}}
    assert bodies == [{**known, "priority": 9}, {**known, **form}, known]


@pytest.mark.parametrize("how", ["ends", "breaks off", "stands still"])
async def test_after_its_end_an_answer_is_whole_whatever_the_server_does(how: str) -> None:
    more = b'data: {"choices": [{"text": " And more."}], "usage": {"prompt_tokens": 7}}\n\n'
    async with server_of(STOP, more, how=how) as url, engine_on(url) as far:
        *pieces, end = [item async for item in far.stream(EngineAsk(prompt="x", max_tokens=4))]
    assert pieces == [Piece("Aye.")]
    assert isinstance(end, End)
    assert (end.finish_reason, end.completion_tokens) == ("stop", 1)


async def test_what_comes_before_the_first_token_of_a_chat_is_none() -> None:
    head = (
        b'data: {"choices": []}\n\ndata: {"choices": [{"delta": {"role": "assistant", "content": ""}}]}\n\n'
    )
    end = b'data: {"choices": [{"delta": {"content": "Aye."}, "finish_reason": "stop"}]}\n\n'
    async with server_of(head, end) as url, engine_on(url, chat=True) as far:
        items = [item async for item in far.stream(EngineAsk(prompt="x", max_tokens=4))]
    assert items == [Piece("Aye."), End("stop", 1, 1, estimated=True)]


async def test_nobody_there_is_told_at_once() -> None:
    async with engine_on(f"http://127.0.0.1:{free_port('127.0.0.1')}") as far:
        health = await far.health()
        assert (health.ok, health.reason) == (False, f"{far._at}: not reachable")
        with pytest.raises(EngineError, match=far._at) as fault:
            await collect(far, EngineAsk(prompt="x", max_tokens=4), asyncio.get_running_loop().time)
    assert fault.value.code == "engine_unreachable"
