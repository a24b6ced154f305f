"""Every field of OpenAI's requests, and what becomes of it here: the one table that door and manual read.

A field is *served*; or *refused*, because it would give another answer than ours; or *told*: it changes no
answer, so it is left out, and the response's header `X-Aicore-Ignored` names it. Null asks for nothing,
whatever the field. The published types are those of the Python package `openai`
(`openai.types.chat.completion_create_params`, `openai.types.completion_create_params`); a test holds this
table against the installed ones. `docs/openai.md` is `page()`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import orjson

from domain.inference.facts import TOKENS_MAX

Check = Callable[[object], str | None]
"""Returns what is wrong with a value, or None."""

Fate = Literal["served", "refused", "told"]

SEED_MIN, SEED_MAX = -(2**63), 2**63 - 1
USER_CHARACTERS_MAX = 512


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a request."""

    name: str
    fate: Fate
    says: str
    """How it is served; why it is refused and what to do instead; why it is left out."""
    check: Check | None = None
    """Of the value of a field that is served."""
    nothing: tuple[object, ...] = ()
    """Values besides null with which a refused field asks for nothing."""

    def asks_for_nothing(self, value: object) -> bool:
        """Say whether a value may be passed over: 0 is not False here, though Python takes them as equal."""
        return value is None or any(type(value) is type(plain) and value == plain for plain in self.nothing)


def whole(low: int, high: int) -> Check:
    """Return a check for an integer within bounds."""

    def check(value: object) -> str | None:
        fits = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return None if fits else f"must be an integer from {low} to {high}"

    return check


def number(low: float, high: float) -> Check:
    """Return a check for a number within bounds."""

    def check(value: object) -> str | None:
        fits = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
        return None if fits else f"must be a number from {low:g} to {high:g}"

    return check


def flag(value: object) -> str | None:
    """Check for true or false."""
    return None if isinstance(value, bool) else "must be true or false"


def table(value: object) -> str | None:
    """Check for a JSON object."""
    return None if isinstance(value, Mapping) else "must be an object"


def text(most: int | None = None) -> Check:
    """Return a check for a string of at least one and at most so many characters."""
    length = "" if most is None else f" of at most {most} characters"

    def check(value: object) -> str | None:
        fits = isinstance(value, str) and value != "" and (most is None or len(value) <= most)
        return None if fits else f"must be a text{length} that is not empty"

    return check


ENGINES = "the engines are asked with temperature and seed alone, so that any of them can go on for another"
TOOLS = "models here answer with text; no tool is called"
CACHE = "only about how fast it comes; prompts are cached by character"

BOTH: tuple[Field, ...] = (
    Field("model", "served", "a use case, or `use_case@tier`", text()),
    Field("temperature", "served", "0 to 2; 0.7 if not given", number(0, 2)),
    Field("seed", "served", "its lowest 32 bits; drawn if not given", whole(SEED_MIN, SEED_MAX)),
    Field("stream", "served", "server-sent events, at the end `[DONE]`", flag),
    Field("stream_options", "served", "with `stream`; fields below", table),
    Field(
        "user",
        "served",
        "a label in the record's metadata; the record's actor is the key's name, `http:{name}`",
        text(USER_CHARACTERS_MAX),
    ),
    Field("n", "refused", "one answer per request; send the request again", nothing=(1,)),
    Field("top_p", "refused", ENGINES, nothing=(1, 1.0)),
    Field("frequency_penalty", "refused", ENGINES, nothing=(0, 0.0)),
    Field("presence_penalty", "refused", ENGINES, nothing=(0, 0.0)),
    Field("logit_bias", "refused", ENGINES, nothing=({},)),
    Field("stop", "refused", "end the answer by `pattern`, a regular expression", nothing=("", [])),
)  # fmt: skip

CHAT: tuple[Field, ...] = (
    *BOTH,
    Field("messages", "served", "their texts become one prompt, the last one's at the end; fields below"),
    Field("max_completion_tokens", "served", "1 to 4,096; 64 if not given", whole(1, TOKENS_MAX)),
    Field("max_tokens", "served", "its older name; only one of them", whole(1, TOKENS_MAX)),
    Field("safety_identifier", "served", "as `user`, which goes before it", text(USER_CHARACTERS_MAX)),
    Field("logprobs", "refused", "chances of tokens are not told", nothing=(False,)),
    Field("top_logprobs", "refused", "chances of tokens are not told", nothing=(0,)),
    Field("modalities", "refused", "answers are text", nothing=(["text"],)),
    Field("audio", "refused", "answers are text"),
    Field("tools", "refused", TOOLS, nothing=([],)),
    Field("tool_choice", "refused", TOOLS, nothing=("none", "auto")),
    Field("functions", "refused", TOOLS, nothing=([],)),
    Field("function_call", "refused", TOOLS, nothing=("none", "auto")),
    Field("web_search_options", "refused", TOOLS),
    Field(
        "response_format",
        "refused",
        "give `pattern`, a regular expression that the whole answer must match",
        nothing=({"type": "text"},),
    ),
    Field("reasoning_effort", "refused", "no model here reasons before it answers", nothing=("none",)),
    Field("verbosity", "refused", "say in the prompt how long it shall be", nothing=("medium",)),
    Field("moderation", "refused", "the guardrails' policy is the server's; see `aicore guardrails`"),
    Field(
        "service_tier", "refused", "name the tier with the model, `use_case@tier`, or give `priority`",
        nothing=("auto", "default"),
    ),
    Field("store", "told", "every turn is recorded; for training only with `consent`"),
    Field("metadata", "told", "nothing is kept with the record but what its fields say"),
    Field("parallel_tool_calls", "told", TOOLS),
    Field("prediction", "told", CACHE),
    Field("prompt_cache_key", "told", CACHE),
    Field("prompt_cache_options", "told", CACHE),
    Field("prompt_cache_retention", "told", CACHE),
)  # fmt: skip

COMPLETION: tuple[Field, ...] = (
    *BOTH,
    Field("prompt", "served", "one text, or a list of one; no tokens"),
    Field("max_tokens", "served", "1 to 4,096; 64 if not given", whole(1, TOKENS_MAX)),
    Field("best_of", "refused", "one answer per request", nothing=(1,)),
    Field("echo", "refused", "the answer comes without the prompt", nothing=(False,)),
    Field("logprobs", "refused", "chances of tokens are not told"),
    Field("suffix", "refused", "text is only continued", nothing=("",)),
)

STREAM_OPTIONS: tuple[Field, ...] = (
    Field("include_usage", "served", "a last chunk without choices has the usage", flag),
    Field("include_obfuscation", "told", "chunks are never padded", flag),
)

_CONTENT = Field("content", "served", "a text, or parts of which each is one; not empty in the last message")
_NAME = Field("name", "told", "speakers are told apart by `npc` and `player`")
_ROLE = Field("role", "served", "developer, system, user or assistant; all are read alike, in their order")

MESSAGE: tuple[Field, ...] = (_ROLE, _CONTENT, _NAME)
ASSISTANT: tuple[Field, ...] = (
    *MESSAGE,
    Field("refusal", "refused", "give it as `content`"),
    Field("audio", "refused", "only text is read"),
    Field("tool_calls", "refused", TOOLS, nothing=([],)),
    Field("function_call", "refused", TOOLS),
)
ROLES: Mapping[str, tuple[Field, ...]] = {
    "developer": MESSAGE,
    "system": MESSAGE,
    "user": MESSAGE,
    "assistant": ASSISTANT,
}
ROLES_REFUSED: Mapping[str, str] = {"tool": TOOLS, "function": TOOLS}

TEXT_PART: tuple[Field, ...] = (
    Field("type", "served", "text"),
    Field("text", "served", "as it is"),
    Field("prompt_cache_breakpoint", "told", CACHE),
)
PARTS_REFUSED: Mapping[str, str] = {
    "image_url": "only text is read",
    "input_audio": "only text is read",
    "file": "only text is read",
    "refusal": "give it as a part of type text",
}

OURS: tuple[str, ...] = (
    "npc",
    "player",
    "conversation",
    "context",
    "max_age_s",
    "authored_line",
    "deadline_ms",
    "adapter",
    "alias",
    "pattern",
    "priority",
    "consent",
)
"""Fields of inference.generate that OpenAI's API does not know; they may stand beside its own."""


def by_name(fields: Iterable[Field]) -> Mapping[str, Field]:
    """Return fields by name."""
    return {field.name: field for field in fields}


# --- the manual ---------------------------------------------------------------------------------------------


def manual() -> str:
    """Return the tables of docs/openai.md."""
    parts = []
    for title, fields in (
        ("`POST /v1/chat/completions`", CHAT),
        ("`POST /v1/completions`", COMPLETION),
        ("`stream_options`", STREAM_OPTIONS),
        ("A message", ASSISTANT),
        ("A part of type `text`", TEXT_PART),
    ):
        parts += [f"## {title}\n", "| field | fate | how, or why not | asks for nothing |"]
        parts += ["| --- | --- | --- | --- |", *map(_row, fields), ""]
    refused = [f"- role `{role}`: {why}" for role, why in ROLES_REFUSED.items()]
    refused += [f"- part `{kind}`: {why}" for kind, why in PARTS_REFUSED.items()]
    return "\n".join([*parts, "Refused altogether:\n", *refused, ""])


def _row(field: Field) -> str:
    plain = ", ".join(f"`{orjson.dumps(value).decode()}`" for value in field.nothing)
    return f"| `{field.name}` | {field.fate} | {field.says} | {plain} |"
