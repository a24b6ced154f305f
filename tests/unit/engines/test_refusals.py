"""What a server's refusal means, status by status and body by body, from a real HTTP server to the client."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from handlers.engines.openai_faults import broken_off, refusal
from handlers.engines.port import EngineAsk, EngineError, EngineFault, collect
from tests.unit.engines.server_kit import engine_at, served_by

ASK = EngineAsk(prompt="Who goes there?", max_tokens=8)
KEY = "sk-very-secret-0123456789"


def openai(message: str, **more: Any) -> dict[str, Any]:
    return {
        "error": {"message": message, "type": "invalid_request_error", "param": None, "code": None, **more}
    }


def detail(*place: str, kind: str, message: str) -> dict[str, Any]:
    return {"detail": [{"type": kind, "loc": ["body", *place], "msg": message}]}


MAX_TOKENS = openai(
    "Unsupported parameter: 'max_tokens' is not supported with this model. "
    "Use 'max_completion_tokens' instead.",
    code="unsupported_parameter", param="max_tokens",
)  # fmt: skip
TEMPERATURE = openai("Unsupported value: 'temperature' does not support 0.7", code="unsupported_value")
POLICY = openai(
    "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
    code="content_filter", status=400,
)  # fmt: skip
VLLM_LONG = openai(
    "This model's maximum context length is 256 tokens. However, you requested 300 tokens", code=400
)
LLAMACPP_LONG = {"error": {"code": 400, "message": "the request exceeds the available context size",
                           "type": "exceed_context_size_error"}}  # fmt: skip
TGI_LONG = {
    "error": "Input validation error: `inputs` must have less than 1024 tokens",
    "error_type": "validation",
}
GEMINI_LONG = [
    {"error": {"code": 400, "message": "The input token count (9) exceeds the maximum", "status": "X"}}
]
GEMINI_KEY = [{"error": {"code": 400, "message": "API key not valid. Please pass a valid API key."}}]
DEEPSEEK_RISK = openai("Content Exists Risk")
MISTRAL_EXTRA = {
    "object": "error",
    **detail("seed", kind="extra_forbidden", message="Extra inputs are not permitted"),
}
NO_MODEL = openai("The model `m` does not exist or you do not have access to it.", code="model_not_found")
PATTERN = openai("Unrecognized request argument supplied: structured_outputs")
FLAGGED = {"error": {"code": 403, "message": "Your input was flagged", "metadata": {"reasons": ["violence"]}}}
QUOTA = openai(
    "You exceeded your current quota, please check your plan and billing", code="insufficient_quota"
)
BALANCE = openai("Insufficient Balance")
HTML = "<html><head><title>502 Bad Gateway</title></head><body><h1>nginx</h1></body></html>"

CASES: list[tuple[int, Any, EngineFault]] = [
    # the settings' fault: an operator's to mend
    (401, openai("Incorrect API key provided: " + KEY, code="invalid_api_key"), "engine_denied"),
    (401, "", "engine_denied"),
    (402, BALANCE, "engine_denied"),
    (403, openai("Country, region, or territory not supported"), "engine_denied"),
    (400, GEMINI_KEY, "engine_denied"),
    (429, QUOTA, "engine_denied"),
    (400, MAX_TOKENS, "engine_misconfigured"),
    (400, TEMPERATURE, "engine_misconfigured"),
    (422, MISTRAL_EXTRA, "engine_misconfigured"),
    (404, NO_MODEL, "engine_misconfigured"),
    (400, openai("m is not a valid model ID"), "engine_misconfigured"),
    (404, HTML.replace("502 Bad Gateway", "404 Not Found"), "engine_misconfigured"),
    (405, "Method Not Allowed", "engine_misconfigured"),
    (301, "", "engine_misconfigured"),
    (308, "", "engine_misconfigured"),
    (501, "", "engine_misconfigured"),
    # the engine's
    (408, "", "engine_timeout"),
    (504, HTML, "engine_timeout"),
    (524, HTML, "engine_timeout"),
    (429, openai("Rate limit reached for requests", code="rate_limit_exceeded"), "engine_overloaded"),
    (503, openai("queue is full"), "engine_overloaded"),
    (529, {"error": {"type": "overloaded_error", "message": "Overloaded"}}, "engine_overloaded"),
    (500, "Internal Server Error", "engine_failed"),
    (502, HTML, "engine_failed"),
    (520, HTML, "engine_failed"),
    (409, "", "engine_failed"),
    # the request's, as far as this engine goes
    (400, VLLM_LONG, "prompt_too_long"),
    (400, LLAMACPP_LONG, "prompt_too_long"),
    (422, TGI_LONG, "prompt_too_long"),
    (400, GEMINI_LONG, "prompt_too_long"),
    (413, HTML, "prompt_too_long"),
    (400, PATTERN, "unsupported"),
    # the request's own
    (400, openai("messages must not be empty"), "invalid_request"),
    (422, {"detail": "bad"}, "invalid_request"),
    (400, "", "invalid_request"),
    (418, "", "invalid_request"),
    # the content's
    (400, POLICY, "content_filtered"),
    (400, DEEPSEEK_RISK, "content_filtered"),
    (403, FLAGGED, "content_filtered"),
    (400, {"code": "data_inspection_failed", "message": "Input data may contain inappropriate content."},
     "content_filtered"),
]  # fmt: skip


async def fault_of(
    status: int, body: Any, *, headers: Mapping[str, str] | None = None, ask: EngineAsk = ASK
) -> EngineError:
    """Return what the client makes of an answer."""

    async def answer(_: web.Request) -> web.Response:
        html = isinstance(body, str) and body.startswith("<")
        return web.Response(
            status=status,
            text=body if isinstance(body, str) else json.dumps(body),
            content_type="text/html"
            if html
            else "text/plain"
            if isinstance(body, str)
            else "application/json",
            headers=headers,
        )

    async with served_by(answer) as url, engine_at(url, chat=True, api_key=SecretStr(KEY)) as far:
        with pytest.raises(EngineError) as fault:
            await collect(far, ask, asyncio.get_running_loop().time)
    return fault.value


@pytest.mark.parametrize(("status", "body", "code"), CASES)
async def test_a_refusal_is_the_fault_of_whose_it_is(status: int, body: Any, code: EngineFault) -> None:
    fault = await fault_of(status, body)
    assert fault.code == code, str(fault)
    assert KEY not in str(fault), "some servers repeat the key"
    assert "<" not in str(fault)
    assert f"HTTP {status}" in str(fault)


async def test_a_fault_of_the_settings_says_which() -> None:
    assert "api_key_env" in str(await fault_of(401, ""))
    assert "leave_out" in str(await fault_of(400, MAX_TOKENS))
    moved = await fault_of(301, "", headers={"Location": "https://api.example/v1/chat/completions"})
    assert "https://api.example/v1/chat/completions" in str(moved), "nobody follows with the key"


async def test_an_adapter_that_is_not_there_is_no_fault_of_the_settings() -> None:
    ask = EngineAsk(prompt="x", max_tokens=4, adapter="tavern")
    assert (await fault_of(404, NO_MODEL, ask=ask)).code == "unknown_adapter"


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "Retry-After": "1"}, 0.25),
        ({"Retry-After": "86400"}, 300.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:09 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 9.0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, None),
        ({}, None),
    ],
)
async def test_how_long_to_wait_is_read_from_the_headers(
    headers: Mapping[str, str], wait_s: float | None
) -> None:
    fault = await fault_of(429, openai("Rate limit reached"), headers=headers)
    assert fault.retry_after_s == wait_s


async def test_a_server_that_is_there_is_well_although_it_has_no_list_of_models() -> None:
    for status, well in ((200, True), (404, True), (429, True), (401, False), (500, False)):

        async def answer(_: web.Request, status: int = status) -> web.Response:
            return web.Response(status=status)

        async with served_by(answer) as url, engine_at(url) as far:
            assert (await far.health()).ok == well


async def test_an_address_that_speaks_no_tls_is_a_fault_of_the_settings() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response()

    async with served_by(answer) as url, engine_at(url.replace("http:", "https:"), chat=True) as far:
        with pytest.raises(EngineError, match="no secure connection") as fault:
            await collect(far, ASK, asyncio.get_running_loop().time)
        assert fault.value.code == "engine_misconfigured"
        assert not (await far.health()).ok


@pytest.mark.parametrize(
    "said",
    [
        "cannot parse 'My name is Ann Lee, and I live at the quay' of the request",
        'bad input: {"content": "my name is  ann lee,\\nand I live at the quay"}',
        "after 'and I live at the quay' came nothing",
    ],
)
def test_what_a_server_quotes_of_the_question_is_not_kept(said: str) -> None:
    """Servers repeat what they could not take; the error goes into our log and the record of the turn."""
    ask = EngineAsk(prompt="My name is Ann Lee, and I live at the quay", max_tokens=8)
    body = json.dumps(openai(said))

    errors = [
        refusal("far", 400, body, headers={}, ask=ask),
        broken_off("far", openai(said), ask=ask),
    ]
    for error in errors:
        assert "Lee" not in str(error)
        assert "quay" not in str(error)
        assert str(error).startswith("far: ")
        assert "…" in str(error)


def test_what_a_server_says_itself_is_kept_whole() -> None:
    error = refusal("far", 400, json.dumps(VLLM_LONG), headers={}, ask=ASK)

    assert "maximum context length is 256 tokens. However, you requested 300 tokens" in str(error)
