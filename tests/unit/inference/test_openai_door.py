"""The OpenAI door with the official client, sync and async, and with clients that do not behave."""

import asyncio
import gzip
import json
import logging
import re
import typing
import zlib
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from typing import Any

import aiohttp
import openai
import pytest
import structlog
from openai.types.chat import ChatCompletionMessageParam
from openai.types.chat.chat_completion import Choice

from aicore.http.openai.bodies import BODY_BYTES_MAX
from aicore.http.openai.shapes import REASONS
from domain.inference.messages import InferenceCompleted, InferenceRefused
from handlers.engines.port import EngineFault
from tests.unit.inference.door_kit import KEY, USE_CASE, Door, client, door
from tests.unit.kit import until

ASKED: list[ChatCompletionMessageParam] = [{"role": "user", "content": "who goes there"}]
CHAT: dict[str, Any] = {"model": USE_CASE, "messages": ASKED}
COMPLETION: dict[str, Any] = {"model": USE_CASE, "prompt": "who goes there"}
HEADS = f"Host: localhost\r\nAuthorization: Bearer {KEY}\r\n".encode()
USAGE = {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}


# --- the official client ------------------------------------------------------------------------------------


async def test_the_stream_helper_knows_who_speaks_and_what_it_took() -> None:
    """Without a first delta of its own, the helper's message had no role."""
    async with door() as opened, client(opened.url) as ai:
        options: Any = {"include_usage": True}
        async with ai.chat.completions.stream(
            model=USE_CASE, messages=ASKED, stream_options=options
        ) as stream:
            deltas = [event.delta async for event in stream if event.type == "content.delta"]
            whole = await stream.get_final_completion()
    message = whole.choices[0].message
    assert (message.role, message.content) == ("assistant", "WHO GOES THERE")
    assert whole.choices[0].finish_reason == "stop"
    assert whole.usage is not None
    assert whole.usage.total_tokens == 6
    assert "".join(deltas) == "WHO GOES THERE"


async def test_the_sync_client_streams_helps_lists_and_retrieves() -> None:
    def use(url: str) -> None:
        with openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as ai:
            with ai.chat.completions.stream(model=USE_CASE, messages=ASKED) as stream:
                for _ in stream:
                    pass
                message = stream.get_final_completion().choices[0].message
            assert (message.role, message.content) == ("assistant", "WHO GOES THERE")
            told = ai.completions.create(model=USE_CASE, prompt="who goes there", stream=True)
            assert "".join(chunk.choices[0].text for chunk in told) == "WHO GOES THERE"
            assert [model.id for model in ai.models.list()] == [USE_CASE]
            assert ai.models.retrieve(f"{USE_CASE}@silver").object == "model"
            with pytest.raises(openai.BadRequestError) as refused:
                ai.chat.completions.create(
                    model=USE_CASE, messages=ASKED, tools=[{"type": "function", "function": {"name": "f"}}]
                )
            assert (refused.value.param, refused.value.code) == ("tools", "unsupported_value")

    async with door() as opened:
        await asyncio.to_thread(use, opened.url)


async def test_tools_are_refused_by_the_stream_helper_and_by_parse() -> None:
    from pydantic import BaseModel  # noqa: PLC0415 - a form for the client alone

    class Answer(BaseModel):
        text: str

    tool: Any = {"type": "function", "function": {"name": "f", "strict": True, "parameters": {}}}
    async with door() as opened, client(opened.url) as ai:
        with pytest.raises(openai.BadRequestError, match="no tool is called"):
            async with ai.chat.completions.stream(model=USE_CASE, messages=ASKED, tools=[tool]):
                pass
        with pytest.raises(openai.BadRequestError, match="pattern") as refused:
            await ai.chat.completions.parse(model=USE_CASE, messages=ASKED, response_format=Answer)
    assert refused.value.param == "response_format"


async def test_an_answer_can_be_written_back_as_the_client_dumps_it() -> None:
    async with door() as opened, client(opened.url) as ai:
        first = await ai.chat.completions.create(model=USE_CASE, messages=ASKED)
        said: Any = first.choices[0].message.model_dump()
        again: Any = [*ASKED, said, {"role": "user", "content": "and you"}]
        second = await ai.chat.completions.create(model=USE_CASE, messages=again)
    assert second.choices[0].message.content == "WHO GOES THERE WHO GOES THERE AND YOU"
    assert first.usage is not None
    assert first.usage.model_dump(include=set(USAGE)) == USAGE
    assert first._request_id == first.id.removeprefix("chatcmpl-")


@pytest.mark.parametrize(
    ("model", "found"),
    [(USE_CASE, True), (f"{USE_CASE}@gold", True), (f"{USE_CASE}@tin", False), (f"{USE_CASE}@", False),
     ("gpt-4o", False)],
)  # fmt: skip
async def test_a_model_that_cannot_be_asked_is_not_found(model: str, found: bool) -> None:
    """`npc_dialogue@tin` was listed; a name like gpt-4o was an invalid field of ours."""
    async with door() as opened, client(opened.url) as ai:
        if found:
            assert (await ai.models.retrieve(model)).id == model
            return
        with pytest.raises(openai.NotFoundError) as one:
            await ai.models.retrieve(model)
        assert one.value.code == "model_not_found"
        if model.endswith("@"):
            return
        with pytest.raises(openai.NotFoundError) as two:
            await ai.chat.completions.create(model=model, messages=ASKED)
    assert (two.value.code, two.value.param) == ("model_not_found", "model")


# --- streams ------------------------------------------------------------------------------------------------


async def test_a_chats_chunks_are_as_openais() -> None:
    async with door() as opened:
        lines = await opened.lines("chat/completions", {**CHAT, "stream_options": {"include_usage": True}})
    assert lines[-1] == "[DONE]"
    chunks = [json.loads(line) for line in lines[:-1]]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:-1]]
    assert deltas[0] == {"role": "assistant", "content": "", "refusal": None}
    assert deltas[1:] == [{"content": "WHO"}, {"content": " GOES"}, {"content": " THERE"}, {}]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]] == [None] * 4 + ["stop"]
    assert (chunks[-1]["choices"], chunks[-1]["usage"]) == ([], USAGE)
    assert all(chunk["usage"] is None for chunk in chunks[:-1])
    assert len({(chunk["id"], chunk["created"], chunk["model"], chunk["object"]) for chunk in chunks}) == 1


async def test_a_character_that_the_content_does_not_know_is_told_beside_the_choices() -> None:
    async with door(characters=["gault"]) as opened:
        for path, body in (("chat/completions", CHAT), ("completions", COMPLETION)):
            _, whole, _ = await opened.post(path, {**body, "npc": "gualt"})
            chunks = [json.loads(line) for line in (await opened.lines(path, {**body, "npc": "gualt"}))[:-1]]
            _, known, _ = await opened.post(path, {**body, "npc": "gault"})
            assert [each["code"] for each in whole["warnings"]] == ["unknown_npc"]
            assert [chunk.get("warnings") for chunk in chunks] == [None] * (len(chunks) - 1) + [
                whole["warnings"]
            ]
            assert "warnings" not in known
        async with client(opened.url) as ai:
            answer = await ai.chat.completions.create(
                model=USE_CASE, messages=ASKED, extra_body={"npc": "gualt"}
            )
        assert (answer.model_extra or {})["warnings"] == whole["warnings"]


def test_every_reason_for_an_end_has_openais_word() -> None:
    said = InferenceCompleted.model_fields["finish_reason"].description or ""
    assert set(re.findall(r"\b([a-z]+) \(", said)) == set(REASONS)
    assert set(REASONS.values()) <= set(typing.get_args(Choice.model_fields["finish_reason"].annotation))


async def test_without_the_option_no_chunk_speaks_of_usage() -> None:
    async with door() as opened:
        for path, body in (("chat/completions", CHAT), ("completions", COMPLETION)):
            lines = await opened.lines(path, body)
            assert lines[-1] == "[DONE]"
            assert all("usage" not in json.loads(line) for line in lines[:-1])


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("engine_failed", 502, "inference_failed"),
        ("prompt_too_long", 400, "context_length_exceeded"),
        ("unsupported", 400, "unsupported"),
    ],
)
async def test_a_failure_before_the_first_word_is_a_plain_error(
    fault: EngineFault, status: int, code: str
) -> None:
    for stream in (False, True):
        async with door() as opened:
            opened.engine.words_max, opened.engine.fault = 0, fault
            found_status, found, headers = await opened.chat(stream=stream)
            assert (found_status, found["error"]["code"]) == (status, code)
            assert headers["Content-Type"].startswith("application/json")
            assert len(headers["X-Request-Id"]) == 32


async def test_what_fails_in_mid_stream_is_an_event_and_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of ours after the head was sent began a second response in the middle of the first."""
    async with door() as opened, client(opened.url) as ai:
        answer = opened.service.__class__.__call__

        async def breaks(self: Any, message: Any, *, give: Any = None) -> Any:
            await answer(self, message, give=give)
            raise RuntimeError("a bug")

        monkeypatch.setattr(opened.service.__class__, "__call__", breaks)
        with structlog.testing.capture_logs() as logged:
            lines = await opened.lines("chat/completions", CHAT)
        error = json.loads(lines[-1])["error"]
        assert (error["type"], error["code"]) == ("server_error", "internal")
        assert [entry["event"] for entry in logged] == ["http_request_failed"]
        assert logged[0]["error_id"] in error["message"]
        stream = await ai.chat.completions.create(model=USE_CASE, messages=ASKED, stream=True)
        with pytest.raises(openai.APIError, match="an error of ours"):
            async for _ in stream:
                pass


async def test_an_answer_that_somebody_cancels_is_no_whole_one() -> None:
    """It had finish_reason stop, as if the model had said all."""
    async with door() as opened:
        opened.engine.go.clear()
        async with asyncio.TaskGroup() as group:
            plain = group.create_task(opened.chat())
            await until(lambda: opened.service.under_way)
            opened.service.cancel(next(iter(opened.service.under_way)), "http:tests")
        status, found, _ = plain.result()
    assert (status, found["error"]["code"]) == (499, "cancelled")


async def test_a_caller_that_takes_nothing_frees_its_engine() -> None:
    """Three, with answers of other lengths: one that is stuck behind an answer's end has no turn to end."""
    async with door(send_timeout_s=0.2) as opened, AsyncExitStack() as stack:
        for words in (4_000, 3_300, 2_700):
            stack.push_async_callback(_gone, await _asking(opened, words))
        with structlog.testing.capture_logs() as logged:
            await until(lambda: bool(_ended(opened)))
        assert not _ended(opened) & {*opened.service.under_way}
        assert "http_request_failed" not in [entry["event"] for entry in logged]


async def _asking(opened: Door, words: int) -> asyncio.StreamWriter:
    """Ask for more than fits on the way, and read none of it."""
    _, writer = await asyncio.open_connection("127.0.0.1", int(opened.url.rpartition(":")[2]))
    asked = {**CHAT, "stream": True, "max_tokens": words}
    body = json.dumps({**asked, "messages": [{"role": "user", "content": "w " * 8_000}]})
    head = f"POST /v1/chat/completions HTTP/1.1\r\n{HEADS.decode()}Content-Type: application/json\r\n"
    for _ in range(40):
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
    return writer


async def _gone(writer: asyncio.StreamWriter) -> None:
    """Leave at once: to close would be to send the rest first."""
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()


def _ended(opened: Door) -> set[str]:
    """Return the inferences that were cancelled."""
    ended = [event for event in opened.log._events if event.type == "inference.cancelled"]
    return {opened.codec.decode(event).inference_id for event in ended}  # type: ignore[attr-defined]


# --- keys, addresses, methods -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        "", "Basic YS1rZXk6", f"Basic {KEY}", KEY, "Bearer wrong", "Bearer", f"Bearer {KEY}\u00e9",
        f"Bearer {KEY[:-1]}", f"Bearer {KEY} {KEY}", "Bearer \udcff",
    ],
)  # fmt: skip
async def test_without_the_key_nobody_is_served(given: str) -> None:
    async with door() as opened:
        raw = given.encode("utf-8", "surrogateescape")
        status, head, found = await bare(
            opened, b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization: " + raw
        )
    assert (status, found["error"]["type"], found["error"]["code"]) == (
        401, "authentication_error", "invalid_api_key",
    )  # fmt: skip
    assert b'WWW-Authenticate: Bearer realm="aicore"' in head


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_with_the_key_everybody_is(scheme: str) -> None:
    async with door(keys={"smith": "ein-Schlüssel-aus-Köln"}) as opened:
        key = f"Authorization: {scheme} ein-Schlüssel-aus-Köln"
        raw = f"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n{key}".encode()
        status, _, found = await bare(opened, raw)
    assert (status, found["object"]) == (200, "list")


async def bare(opened: Door, request: bytes) -> tuple[int, bytes, Any]:
    """Send a request's head as it is; return status, head and JSON of what comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(opened.url.rpartition(":")[2]))
    writer.write(request + b"\r\nConnection: close\r\n\r\n")
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1]), head, json.loads(body)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "not_found"),
        ("POST", "/v1/embeddings", 404, "not_found"),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("DELETE", "/v1/models", 405, "method_not_allowed"),
    ],
)
async def test_an_address_or_method_that_is_not_there(method: str, path: str, status: int, code: str) -> None:
    async with door() as opened, opened.session.request(method, opened.url + path) as answer:
        error = (await answer.json())["error"]
        assert (answer.status, error["type"], error["code"]) == (status, "invalid_request_error", code)
        assert ("Allow" in answer.headers) == (status == 405)


# --- bodies -------------------------------------------------------------------------------------------------

PLAIN = json.dumps(CHAT).encode()


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"", {}, 400, "invalid_json"),
        (b"{", {}, 400, "invalid_json"),
        (b"[]", {}, 400, "invalid_json"),
        (b'"x"', {}, 400, "invalid_json"),
        (b"\xff", {}, 400, "invalid_json"),
        (b'{"model": "\xc3"}', {}, 400, "invalid_json"),
        (b'{"model": "\\ud800"}', {}, 400, "invalid_json"),
        (b'{"temperature": NaN}', {}, 400, "invalid_json"),
        (b'{"temperature": 1e999}', {}, 400, "invalid_json"),
        (b'{"a": ' * 1_000 + b"1" + b"}" * 1_000, {}, 400, "invalid_json"),
        (b'{"a": ' * 50_000, {}, 400, "invalid_json"),
        (b'{"model": "npc_dialogue", "seed": 1' + b"0" * 5_000 + b"}", {}, 400, "invalid_json"),
        (b'{"model": "npc_dialogue", "seed": 1' + b"0" * 50 + b"}", {}, 400, "invalid_value"),
        (PLAIN[:-1] + b', "model": "other"}', {}, 400, "duplicate_key"),
        (PLAIN.replace(b'"role"', b'"content": "x", "role"'), {}, 400, "duplicate_key"),
        (b"no gzip", {"Content-Encoding": "gzip"}, 400, "invalid_encoding"),
        (gzip.compress(PLAIN, mtime=0)[:-9], {"Content-Encoding": "gzip"}, 400, "invalid_encoding"),
        (gzip.compress(PLAIN, mtime=0) + b"more", {"Content-Encoding": "gzip"}, 400, "invalid_encoding"),
        (PLAIN, {"Content-Encoding": "deflate"}, 400, "invalid_encoding"),
        (b"", {"Content-Encoding": "deflate"}, 400, "invalid_encoding"),
        (PLAIN, {"Content-Encoding": "br"}, 415, "unsupported_encoding"),
        (PLAIN, {"Content-Encoding": "gzip, gzip"}, 415, "unsupported_encoding"),
        (PLAIN, {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        (PLAIN, {"Content-Type": ""}, 415, "unsupported_media_type"),
        (b" " * (BODY_BYTES_MAX + 1), {}, 413, "too_large"),
        (gzip.compress(b" " * 50_000_000, mtime=0), {"Content-Encoding": "gzip"}, 413, "too_large"),
    ],
)
async def test_a_body_that_is_none_is_told_and_recorded_and_leaves_no_trace(
    body: bytes, headers: Mapping[str, str], status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with door() as opened:
        with structlog.testing.capture_logs() as logged:
            heads = {"Content-Type": "application/json", **headers}
            url = f"{opened.url}/v1/chat/completions"
            async with opened.session.post(url, data=body, headers=heads) as answer:
                found = await answer.json()
        assert (answer.status, found["error"]["code"]) == (status, code), found
        assert found["error"]["type"] == "invalid_request_error"
        await until(lambda: opened.log._events[-1].type == "inference.refused")
        refusal = (await opened.events())[-1]
    assert isinstance(refusal, InferenceRefused)
    assert (logged, caplog.records) == ([], [])


@pytest.mark.parametrize(
    ("packed", "name"),
    [
        (gzip.compress(PLAIN, mtime=0), "gzip"),
        (gzip.compress(PLAIN, mtime=0), "X-GZIP"),
        (zlib.compress(PLAIN), "deflate"),
        (zlib.compress(PLAIN, wbits=-15), "deflate"),
        (PLAIN, "identity"),
    ],
)
async def test_packed_bodies_are_read(packed: bytes, name: str) -> None:
    async with door() as opened:
        status, found, _ = await opened.post("chat/completions", packed, Content_Encoding=name)
    assert status == 200, found


async def test_a_body_that_does_not_come_is_waited_for_only_so_long() -> None:
    async with door(body_timeout_s=0.1) as opened:
        kind = b"\r\nContent-Type: application/json"
        head = b"POST /v1/completions HTTP/1.1\r\n" + HEADS + b"Content-Length: 99" + kind
        status, _, found = await bare(opened, head)
    assert (status, found["error"]["code"]) == (408, "request_timeout")


async def test_a_client_that_breaks_off_leaves_no_trace_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with door() as opened:
        port = int(opened.url.rpartition(":")[2])
        with structlog.testing.capture_logs() as logged:
            for sent in (
                b"POST /v1/completions HTTP/1.1\r\n" + HEADS + b"Content-Type: application/json\r\n"
                b"Content-Length: 99\r\n\r\n{",
                b"POST /v1/completions HTTP/1.1\r\n" + HEADS + b"Content-Type: application/json\r\n"
                b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
                b"GET /v1/models HTTP/9.9\r\n\r\n",
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 20_000 + b"\r\n\r\n",
                b"GET /v1/models HTTP/1.1\r\n" + HEADS + b"Content-Length: -1\r\n\r\n",
            ):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(sent)
                await writer.drain()
                writer.close()
            async with opened.session.get(f"{opened.url}/v1/models") as answer:
                assert answer.status == 200
            await until(lambda: any(event.type == "inference.refused" for event in opened.log._events))
    assert logged == []
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_streams_caller_that_leaves_is_no_error_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    async with door() as opened:
        with structlog.testing.capture_logs() as logged:
            for words in (2, 200):
                body = {**CHAT, "stream": True, "messages": [{"role": "user", "content": "w " * words}]}
                async with aiohttp.ClientSession(headers=opened.session.headers) as session:
                    answer = await session.post(f"{opened.url}/v1/chat/completions", json=body)
                    await answer.content.readany()
                    answer.close()
            await until(lambda: not opened.service.under_way)
    assert "http_request_failed" not in [entry["event"] for entry in logged]
    assert caplog.records == []
