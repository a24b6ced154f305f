"""What a server gets by an engine's settings, and how its chat goes on after another engine's words."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from handlers.engines.openai_dialect import AGAIN, Continuation, Dialect, Seam
from handlers.engines.port import EngineAsk, EngineError, Generation, Message, collect
from tests.unit.engines.server_kit import engine_at, said, served_by

ASK = EngineAsk(prompt="Who goes there?", max_tokens=8, temperature=0.5, seed=3)
SCENE = (Message("system", "You are Wen."), Message("user", "Who goes there?"))


async def asked(
    ask: EngineAsk, *words: str, **options: Any
) -> tuple[web.Request, dict[str, Any], Generation]:
    """Return the request that a server gets, its body, and the answer that it gives with these words."""
    got: list[tuple[web.Request, dict[str, Any]]] = []

    async def answer(request: web.Request) -> web.Response:
        got.append((request, await request.json()))
        chat = options.get("chat", False)
        parts = [said(word, chat=chat) for word in words or ("Aye.",)]
        return web.Response(body=b"".join([*parts, said("", "stop", chat=chat)]))

    async with served_by(answer) as url, engine_at(url, **options) as far:
        found = await collect(far, ask, asyncio.get_running_loop().time)
    return *got[0], found


async def test_a_server_gets_what_it_takes_under_its_own_names() -> None:
    dialect = Dialect(
        names={"max_tokens": "max_completion_tokens"},
        leave_out=("seed", "stream_options", "temperature"),
        body={"reasoning_effort": "low", "provider": {"order": ["a"]}},
        headers={"X-Title": "harbour"},
        query={"api-version": "2024-10-21"},
        path="/openai/deployments/gpt/chat/completions",
        key_header="api-key",
    )
    request, body, _ = await asked(ASK, chat=True, dialect=dialect, api_key=SecretStr("k"))
    assert body == {
        "model": "m", "max_completion_tokens": 8, "stream": True,
        "messages": [{"role": "user", "content": "Who goes there?"}],
        "reasoning_effort": "low", "provider": {"order": ["a"]},
    }  # fmt: skip
    assert str(request.rel_url) == "/openai/deployments/gpt/chat/completions?api-version=2024-10-21"
    assert (request.headers["api-key"], request.headers["X-Title"]) == ("k", "harbour")
    assert "Authorization" not in request.headers


async def test_without_settings_it_is_openais_own_api() -> None:
    request, body, _ = await asked(ASK, api_key=SecretStr("k"))
    assert body == {
        "model": "m", "prompt": "Who goes there?", "max_tokens": 8, "temperature": 0.5, "seed": 3,
        "stream": True, "stream_options": {"include_usage": True},
    }  # fmt: skip
    assert request.headers["Authorization"] == "Bearer k"
    assert request.path == "/v1/completions"


async def test_a_chat_gets_the_templates_roles_in_its_own_words() -> None:
    ask = replace(ASK, messages=SCENE)
    _, body, _ = await asked(ask, chat=True)
    assert body["messages"] == [
        {"role": "system", "content": "You are Wen."},
        {"role": "user", "content": "Who goes there?"},
    ]
    _, body, _ = await asked(ask, chat=True, dialect=Dialect(roles={"system": "developer"}))
    assert [message["role"] for message in body["messages"]] == ["developer", "user"]
    _, body, _ = await asked(ask, chat=True, dialect=Dialect(roles={"system": "user"}))
    assert body["messages"] == [{"role": "user", "content": "You are Wen.\n\nWho goes there?"}]
    _, body, _ = await asked(ask)
    assert body["prompt"] == "Who goes there?", "plain completions get the rendered words"


@pytest.mark.parametrize(
    ("continues", "last", "more"),
    [
        ("continue_final_message", {}, {"continue_final_message": True, "add_generation_prompt": False}),
        ("prefix", {"prefix": True}, {}),
        ("assistant", {}, {}),
    ],
)
async def test_a_chat_that_takes_the_beginning_of_an_answer_goes_on_after_it(
    continues: Continuation, last: dict[str, Any], more: dict[str, Any]
) -> None:
    ask = replace(ASK, messages=SCENE, sent="Old Wen ")
    _, body, found = await asked(ask, " does.", chat=True, dialect=Dialect(continues=continues))
    assert body["messages"][-1] == {"role": "assistant", "content": "Old Wen", **last}
    assert more.items() <= body.items()
    assert ask.sent + found.text == "Old Wen does."


async def test_a_prefix_that_a_server_repeats_is_left_out() -> None:
    """Mistral's answers begin with it, DeepSeek's do not."""
    ask = replace(ASK, sent="Old Wen")
    dialect = Dialect(continues="prefix")
    for words in (["Old", " Wen does."], [" does."], ["Old Wen", " does."]):
        _, _, found = await asked(ask, *words, chat=True, dialect=dialect)
        assert ask.sent + found.text == "Old Wen does."


async def test_any_other_chat_is_asked_again_and_its_beginning_is_compared() -> None:
    ask = replace(ASK, sent="Old Wen do", max_tokens=5)
    _, body, found = await asked(ask, "\n", "Old We", "n does", " it.", chat=True)
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][-1]["content"] == AGAIN
    assert body["max_tokens"] > ask.max_tokens, "it has to say the beginning, too"
    assert ask.sent + found.text == "Old Wen does it."


@pytest.mark.parametrize("words", [["I do."], ["Old Ben", " does."], ["Old"], ["old wen does"]])
async def test_a_chat_that_begins_otherwise_is_no_continuation(words: list[str]) -> None:
    """Its words would not belong behind those that the player has heard."""
    with pytest.raises(EngineError) as fault:
        await asked(replace(ASK, sent="Old Wen do"), *words, chat=True)
    assert fault.value.code == "unsupported"


async def test_a_chat_may_be_told_never_to_go_on() -> None:
    with pytest.raises(EngineError, match="cannot go on"):
        await asked(replace(ASK, sent="Old"), chat=True, dialect=Dialect(continues="never"))


@given(st.text(max_size=20), st.text(max_size=20), st.lists(st.integers(1, 5), max_size=12))
def test_the_seam_is_where_the_words_ended_however_they_are_split(
    sent: str, rest: str, sizes: list[int]
) -> None:
    parts, left = list[str](), sent.rstrip() + rest
    for size in sizes:
        parts.append(left[:size])
        left = left[size:]
    seam = Seam(sent, "repeat", "far")
    found = "".join(seam.feed(part) for part in [*parts, left] if part)
    if sent.strip():
        assert not seam.repeating
        assert found == (rest.lstrip() if sent[-1].isspace() else rest), "never a second blank at the seam"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["<think>I must obey", " the rules</think>\n\nHello."], "Hello."),
        (["\n<thi", "nk>hm</th", "ink", "> Hello.", " <think>"], "Hello. <think>"),
        (["Hello <think>"], "Hello <think>"),
        (["<thin", " ice."], "<thin ice."),
        (["<th"], "<th"),
        (["<think>without an end"], ""),
        (["</think>Hello."], "</think>Hello."),
    ],
)
async def test_what_a_model_thinks_aloud_is_left_out(words: list[str], text: str) -> None:
    dialect = Dialect(thoughts=("<think>", "</think>"))
    _, _, found = await asked(ASK, *words, chat=True, dialect=dialect)
    assert found.text == text
    assert found.completion_tokens == len(words), "all of it was generated"


async def test_thoughts_that_the_template_began_end_with_their_last_tag() -> None:
    dialect = Dialect(thoughts=("", "</think>"))
    _, _, found = await asked(ASK, "I must", " obey</think>", "Hello.", chat=True, dialect=dialect)
    assert found.text == "Hello."
    again = replace(ASK, sent="Hel")
    _, _, found = await asked(again, "hm</think> Hel", "lo.", chat=True, dialect=dialect)
    assert found.text == "lo.", "who says it again thinks again"
    ahead = Dialect(thoughts=("", "</think>"), continues="assistant")
    _, _, found = await asked(again, "lo.", chat=True, dialect=ahead)
    assert found.text == "lo."
