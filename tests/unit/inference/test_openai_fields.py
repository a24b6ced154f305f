"""OpenAI's published request, field by field: the table names all of it, and the door does what it says."""

import re
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from openai.types import completion_create_params
from openai.types.chat import (
    chat_completion_assistant_message_param,
    chat_completion_content_part_param,
    chat_completion_content_part_refusal_param,
    chat_completion_content_part_text_param,
    chat_completion_message_param,
    chat_completion_stream_options_param,
)
from openai.types.chat import (
    completion_create_params as chat_create_params,
)

from aicore.http.openai.fields import (
    CHAT,
    COMPLETION,
    OURS,
    PARTS_REFUSED,
    ROLES,
    ROLES_REFUSED,
    STREAM_OPTIONS,
    TEXT_PART,
    Field,
    by_name,
    manual,
)
from domain.inference.messages import Generate, InferenceRequested
from protocol.meta import Meta, decode_meta
from tests.unit.inference.door_kit import KEY, USE_CASE, Door, client, door
from tests.unit.kit import until

PAGE = Path(__file__).parents[3] / "docs" / "openai.md"
SAID: list[dict[str, Any]] = [{"role": "user", "content": "who goes there"}]


def published(*types: Any) -> set[str]:
    """Return the fields of OpenAI's types."""
    return {name for each in types for name in typing.get_type_hints(each)}


def literal(type_: Any, field: str) -> str:
    """Return the only value that a field may have."""
    (value,) = typing.get_args(typing.get_type_hints(type_)[field])
    return str(value)


def names(fields: Iterable[Field]) -> list[str]:
    return sorted(field.name for field in fields)


# --- the table is whole -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "types"),
    [
        (
            CHAT,
            (
                chat_create_params.CompletionCreateParamsNonStreaming,
                chat_create_params.CompletionCreateParamsStreaming,
            ),
        ),
        (
            COMPLETION,
            (
                completion_create_params.CompletionCreateParamsNonStreaming,
                completion_create_params.CompletionCreateParamsStreaming,
            ),
        ),
        (STREAM_OPTIONS, (chat_completion_stream_options_param.ChatCompletionStreamOptionsParam,)),
        (TEXT_PART, (chat_completion_content_part_text_param.ChatCompletionContentPartTextParam,)),
    ],
)
def test_the_table_names_every_published_field_and_no_other(
    fields: tuple[Field, ...], types: tuple[Any, ...]
) -> None:
    assert names(fields) == sorted(published(*types))


def test_every_published_role_is_read_with_all_its_fields_or_refused() -> None:
    kinds = typing.get_args(chat_completion_message_param.ChatCompletionMessageParam)
    roles = {literal(kind, "role"): kind for kind in kinds}

    assert sorted(roles) == sorted([*ROLES, *ROLES_REFUSED])
    for role, fields in ROLES.items():
        assert names(fields) == sorted(published(roles[role]))


def test_every_published_kind_of_part_is_read_or_refused() -> None:
    kinds = {
        *typing.get_args(chat_completion_content_part_param.ChatCompletionContentPartParam),
        chat_completion_content_part_refusal_param.ChatCompletionContentPartRefusalParam,
    }
    answered = typing.get_args(chat_completion_assistant_message_param.ContentArrayOfContentPart)

    assert kinds >= set(answered)
    assert sorted(literal(kind, "type") for kind in kinds) == sorted(["text", *PARTS_REFUSED])


def test_our_own_fields_are_all_that_a_command_has_besides_openais() -> None:
    by_openai = {"use_case", "tier", "prompt", "max_tokens", "temperature", "seed"}

    # Pieces come as the response's own stream.
    assert sorted(OURS) == sorted(set(Generate.model_fields) - by_openai - {"stream_to"})


def test_the_manual_has_the_table_as_it_is() -> None:
    assert manual() in PAGE.read_text()


# --- and true: each field proves its fate -------------------------------------------------------------------

REFUSED: Mapping[str, Any] = {
    "n": 2,
    "top_p": 0.9,
    "frequency_penalty": 0.5,
    "presence_penalty": -0.5,
    "logit_bias": {"50256": -100},
    "stop": ["\n"],
    "logprobs": True,
    "top_logprobs": 3,
    "modalities": ["text", "audio"],
    "audio": {"voice": "alloy", "format": "wav"},
    "tools": [{"type": "function", "function": {"name": "f"}}],
    "tool_choice": "required",
    "functions": [{"name": "f"}],
    "function_call": {"name": "f"},
    "web_search_options": {},
    "response_format": {"type": "json_object"},
    "reasoning_effort": "low",
    "verbosity": "low",
    "moderation": {"model": "omni-moderation-latest"},
    "service_tier": "flex",
    "best_of": 3,
    "echo": True,
    "suffix": "the end",
}
TOLD: Mapping[str, Any] = {
    "store": False,
    "metadata": {"a": "b"},
    "parallel_tool_calls": True,
    "prediction": {"type": "content", "content": "who"},
    "prompt_cache_key": "k",
    "prompt_cache_options": {"mode": "implicit"},
    "prompt_cache_retention": "24h",
}


async def test_a_refused_field_is_refused_by_name_and_null_or_nothing_passes() -> None:
    async with door() as opened:
        for ask, fields in ((opened.chat, CHAT), (opened.complete, COMPLETION)):
            for field in fields:
                if field.fate != "refused":
                    continue
                status, found, _ = await ask(**{field.name: REFUSED[field.name]})
                assert (status, found["error"]["param"]) == (400, field.name)
                assert found["error"]["type"] == "invalid_request_error"
                assert found["error"]["code"] in {"unsupported_value", "unsupported_parameter"}
                assert field.says in found["error"]["message"]
                for plain in (None, *field.nothing):
                    status, found, headers = await ask(**{field.name: plain})
                    assert (status, headers.get("X-Aicore-Ignored")) == (200, None), (field.name, plain)


async def test_a_field_that_changes_nothing_is_told() -> None:
    async with door() as opened:
        for field in CHAT:
            if field.fate == "told":
                status, _, headers = await opened.chat(**{field.name: TOLD[field.name]})
                assert (status, headers.get("X-Aicore-Ignored")) == (200, field.name)
        _, _, headers = await opened.chat(**dict.fromkeys(TOLD))
        assert "X-Aicore-Ignored" not in headers


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"model": f"{USE_CASE}@silver"}, {"tier": "silver"}),
        ({"temperature": 0}, {"temperature": 0.0}),
        ({"temperature": 2}, {"temperature": 2.0}),
        ({"seed": 7}, {"seed": 7}),
        ({"seed": -1}, {"seed": 2**32 - 1}),
        ({"seed": 2**62 + 5}, {"seed": 5}),
        ({"max_tokens": 9}, {"max_tokens": 9}),
        ({"max_completion_tokens": 9}, {"max_tokens": 9}),
        ({"npc": "lamp-keeper", "player": "p-1"}, {"npc": "lamp-keeper", "player": "p-1"}),
        ({"deadline_ms": 900, "priority": 3}, {"deadline_ms": 900, "priority": 3}),
    ],
)
async def test_a_served_field_reaches_the_record(given: dict[str, Any], wanted: dict[str, Any]) -> None:
    async with door() as opened:
        status, found, _ = await opened.chat(**given)
        assert status == 200, found
        request = await recorded(opened)
    assert {name: getattr(request, name) for name in wanted} == wanted


async def recorded(opened: Door) -> InferenceRequested:
    """Return the newest request's record."""
    found = list[InferenceRequested]()

    async def there() -> bool:
        found[:] = [event for event in await opened.events() if isinstance(event, InferenceRequested)]
        return bool(found)

    await until(there)
    return found[-1]


@pytest.mark.parametrize(
    ("fields", "label"),
    [
        ({}, None),
        ({"user": "lira"}, "lira"),
        ({"safety_identifier": "lira"}, "lira"),
        ({"user": "lira", "safety_identifier": "other"}, "lira"),
        ({"user": "Ærik"}, "Ærik"),
        ({"user": "http:tests"}, "http:tests"),
        ({"user": "x" * 500}, "x" * 500),
    ],
)
async def test_who_asked_is_the_key_and_the_user_is_a_label(
    fields: dict[str, str], label: str | None
) -> None:
    """A request's own word was the actor: any caller could be any other in the record."""
    async with door() as opened:
        await opened.chat(**fields)
        await recorded(opened)
        (found,) = await metas(opened)
    assert (found.actor, found.extra) == ("http:tests", {"label": label} if label else {})


async def metas(opened: Door) -> list[Meta]:
    """Return the metadata of each request's record."""
    found = [each for each in await opened.log.read_all() if each.type == "inference.requested"]
    return [decode_meta(each.meta) for each in found]


async def test_two_keys_are_two_actors() -> None:
    async with door(keys={"tests": KEY, "forge": "another-key-of-the-tests"}) as opened:
        for key in (KEY, "another-key-of-the-tests"):
            async with client(opened.url, key) as ai:
                await ai.completions.create(model=USE_CASE, prompt="who")

        async def both_there() -> bool:
            return [meta.actor for meta in await metas(opened)] == ["http:tests", "http:forge"]

        await until(both_there)


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"model": 7}, "model", "invalid_value"),
        ({"model": None}, "model", "missing_required_parameter"),
        ({"temperature": "hot"}, "temperature", "invalid_value"),
        ({"temperature": 3}, "temperature", "invalid_value"),
        ({"temperature": True}, "temperature", "invalid_value"),
        ({"seed": 2**63}, "seed", "invalid_value"),
        ({"seed": 1.5}, "seed", "invalid_value"),
        ({"max_tokens": 0}, "max_tokens", "invalid_value"),
        ({"max_completion_tokens": 0}, "max_completion_tokens", "invalid_value"),
        ({"max_completion_tokens": 10**30}, "max_completion_tokens", "invalid_value"),
        ({"max_completion_tokens": 5_000}, "max_completion_tokens", "invalid_value"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_tokens", "invalid_value"),
        ({"stream": "yes"}, "stream", "invalid_value"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "invalid_value"),
        ({"stream": True, "stream_options": []}, "stream_options", "invalid_value"),
        ({"stream": True, "stream_options": {"x": 1}}, "stream_options.x", "unknown_parameter"),
        ({"user": ["x"]}, "user", "invalid_value"),
        ({"n": True}, "n", "unsupported_value"),
        ({"logprobs": 0}, "logprobs", "unsupported_value"),
        ({"top_k": 5}, "top_k", "unknown_parameter"),
        ({"tier": "gold"}, "tier", "unknown_parameter"),
        ({"priority": 77}, "priority", "invalid_value"),
        ({"messages": None}, "messages", "missing_required_parameter"),
        ({"messages": []}, "messages", "invalid_type"),
        ({"messages": "hello"}, "messages", "invalid_type"),
        ({"messages": ["hello"]}, "messages[0]", "invalid_type"),
        ({"messages": [{}]}, "messages[0].role", "missing_required_parameter"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "missing_required_parameter"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content", "invalid_type"),
        ({"messages": [{"role": "user", "content": " "}]}, "messages[0].content", "invalid_value"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "messages[0].role", "invalid_value"),
        ({"messages": [{"role": "critic", "content": "x"}]}, "messages[0].role", "invalid_value"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role", "unsupported_value"),
        ({"messages": [{"role": "function", "content": "x"}]}, "messages[0].role", "unsupported_value"),
        ({"messages": [{"role": "user", "content": "x", "y": 1}]}, "messages[0].y", "unknown_parameter"),
        (
            {"messages": [*SAID, {"role": "assistant", "tool_calls": [{"id": "1"}]}]},
            "messages[1].tool_calls",
            "unsupported_value",
        ),
        (
            {"messages": [{"role": "assistant", "refusal": "no", "content": "x"}]},
            "messages[0].refusal",
            "unsupported_parameter",
        ),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]", "invalid_type"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages[0].content[0].text",
            "missing_required_parameter",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": 7}]}]},
            "messages[0].content[0].text",
            "invalid_type",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "hologram"}]}]},
            "messages[0].content[0].type",
            "invalid_value",
        ),
        *(
            (
                {"messages": [{"role": "user", "content": [{"type": kind}]}]},
                "messages[0].content[0].type",
                "unsupported_value",
            )
            for kind in PARTS_REFUSED
        ),
        (
            {"messages": [{"role": "user", "content": "x" * 16_385}]},
            "messages",
            "context_length_exceeded",
        ),
    ],
)
async def test_a_wrong_value_is_refused_at_its_place(fields: dict[str, Any], param: str, code: str) -> None:
    async with door() as opened:
        status, found, _ = await opened.chat(**fields)
    error = found["error"]
    assert (status, error["type"], error["param"], error["code"]) == (
        400, "invalid_request_error", param, code,
    ), error  # fmt: skip
    assert param in error["message"]
    assert not re.search(r"\b_[A-Z]|\[str", error["message"]), "it names what is inside"


async def test_all_roles_and_parts_are_read_in_their_order() -> None:
    messages = [
        {"role": "developer", "content": "one"},
        {"role": "system", "content": [{"type": "text", "text": "two"}, {"type": "text", "text": " three"}]},
        {"role": "user", "content": "four", "name": "lira"},
        # As the official client writes an earlier answer back.
        {"role": "assistant", "content": "five", "refusal": None, "annotations": None, "tool_calls": None},
        {"role": "user", "content": "six", "name": "lira"},
    ]
    async with door() as opened:
        status, found, headers = await opened.chat(messages=messages)
    assert status == 200
    assert found["choices"][0]["message"]["content"] == "ONE TWO THREE FOUR FIVE SIX"
    assert opened.engine.prompts == ["one\ntwo three\nfour\nfive\nsix"]
    assert headers["X-Aicore-Ignored"] == "messages[].name"


@pytest.mark.parametrize("prompt", [None, "", [], ["a", "b"], [1, 2], [[1, 2]], 7])
async def test_a_prompt_is_one_text(prompt: object) -> None:
    async with door() as opened:
        status, found, _ = await opened.complete(prompt=prompt)
    assert (status, found["error"]["param"]) == (400, "prompt")


def test_the_kinds_of_fate_are_all_proven() -> None:
    told = {field.name for field in CHAT + COMPLETION if field.fate == "told"}
    refused = {field.name for field in CHAT + COMPLETION if field.fate == "refused"}

    assert told == set(TOLD)
    assert refused == set(REFUSED)
    assert all(field.check or field.name in {"messages", "prompt"} for field in by_name(CHAT).values()
               if field.fate == "served")  # fmt: skip
