"""The engines' file: a table per engine and one per tier (docs/operations.md, "Engines and tiers").

Keys to other people's servers come from environment variables that the file names, so that it holds no
secret. What is wrong in it is told with its line.
"""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from aicore.settings import SettingsError
from domain.prompts.messages import Role
from handlers.engines.openai_dialect import (
    FIXED,
    NAMEABLE,
    OMISSIBLE,
    Continuation,
    Dialect,
    Nameable,
    Omissible,
)

HEADER = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]*$"
PATH = r"^(/[^\s?#]*)?$"

Tag = Annotated[str, Field(max_length=64)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EmbeddedConfig(_Strict):
    """A model folder that this process serves itself."""

    kind: Literal["embedded"]
    model_dir: Path | None = None
    capacity: int = Field(4, ge=1, le=1_024)
    provider: str = "embedded"
    models: tuple[str, ...] = ()


class OpenAIConfig(_Strict):
    """A server that speaks the OpenAI API: vLLM, or anything like it."""

    kind: Literal["vllm", "openai"]
    url: str = Field(pattern=r"^https?://[^/\s]")
    model: str = Field(min_length=1)
    capacity: int = Field(16, ge=1, le=100_000)
    provider: str = "vllm"
    models: tuple[str, ...] = ()
    api_key_env: str = ""
    api_key_header: str = Field("", pattern=HEADER)
    chat: bool = False
    continues: Continuation | None = None
    thoughts: tuple[Tag, Annotated[Tag, Field(min_length=1)]] | None = None
    roles: Mapping[Role, Annotated[str, Field(pattern=r"^[a-z_]{1,32}$")]] = Field(default_factory=dict)
    names: Mapping[Nameable, Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]] = Field(
        default_factory=dict
    )
    leave_out: tuple[Omissible, ...] = ()
    body: Mapping[str, Any] = Field(default_factory=dict)
    headers: Mapping[
        Annotated[str, Field(pattern=HEADER)], Annotated[str, Field(pattern=r"^[\x20-\x7e]*$")]
    ] = Field(default_factory=dict)
    query: Mapping[str, str] = Field(default_factory=dict)
    path: str = Field("", pattern=PATH)
    probe_path: str | None = Field(None, pattern=PATH)

    @field_validator("headers")
    @classmethod
    def _no_secret(cls, headers: Mapping[str, str]) -> Mapping[str, str]:
        if secret := [name for name in headers if name.lower() in ("authorization", "api-key", "x-api-key")]:
            raise ValueError(f"{secret[0]} is a secret: use api_key_env, and api_key_header for its name")
        return headers

    @field_validator("body")
    @classmethod
    def _nothing_of_ours(cls, body: Mapping[str, Any], info: ValidationInfo) -> Mapping[str, Any]:
        left_out, names = info.data.get("leave_out", ()), info.data.get("names", {})
        sent = {names.get(name, name) for name in OMISSIBLE if name not in left_out}
        if ours := [name for name in body if name in sent or name in FIXED]:
            hint = f"; to send another one, put {ours[0]} into leave_out" if ours[0] in OMISSIBLE else ""
            raise ValueError(f"{ours[0]} is sent by AI Core{hint}")
        return body

    @field_validator("names")
    @classmethod
    def _different_names(cls, names: Mapping[str, str]) -> Mapping[str, str]:
        used = [names.get(name, name) for name in NAMEABLE]
        if double := [name for name in used if used.count(name) > 1 or name in FIXED]:
            raise ValueError(f"{double[0]} would be sent twice")
        return names

    @model_validator(mode="after")
    def _chat_settings(self) -> "OpenAIConfig":
        if not self.chat and (self.roles or self.continues):
            raise ValueError(f"{'roles' if self.roles else 'continues'} is of chats: set chat = true")
        return self

    def dialect(self) -> Dialect:
        """Return how the server differs from OpenAI's own."""
        same = (
            "names",
            "leave_out",
            "body",
            "headers",
            "query",
            "path",
            "probe_path",
            "roles",
            "continues",
            "thoughts",
        )
        return Dialect(key_header=self.api_key_header, **{name: getattr(self, name) for name in same})


class TierConfig(_Strict):
    """A tier's promise and its engines, by name."""

    engines: tuple[str, ...] = Field(min_length=1)
    ttft_ms: float | None = Field(None, gt=0)
    token_ms: float | None = Field(None, gt=0)
    waiting_max: int = Field(64, ge=0, le=100_000)
    below: Literal["", "gold", "silver", "bronze"] = ""
    first_token_s: float = Field(10.0, gt=0)
    between_tokens_s: float = Field(5.0, gt=0)
    patience_s: float = Field(3.0, ge=0)
    hedge_after_ms: float | None = Field(None, gt=0)


class EnginesFile(_Strict):
    """The whole file."""

    engines: Mapping[Name, Annotated[EmbeddedConfig | OpenAIConfig, Field(discriminator="kind")]]
    tiers: Mapping[Literal["gold", "silver", "bronze"], TierConfig]


KINDS: Mapping[str, type[BaseModel]] = {
    "embedded": EmbeddedConfig,
    "vllm": OpenAIConfig,
    "openai": OpenAIConfig,
}


def read_file(path: Path) -> EnginesFile:
    """Return a file's contents.

    Raises:
        SettingsError: naming each table and key at fault, with its line.
    """
    try:
        text = path.read_text(encoding="utf-8")
        found = EnginesFile.model_validate(tomllib.loads(text))
    except OSError as error:
        raise SettingsError(f"AICORE_ENGINES_FILE: {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"AICORE_ENGINES_FILE: {path} is no TOML: {error}") from None
    except ValidationError as error:
        faults = [_said(fault) for fault in error.errors(include_url=False, include_input=False)]
        raise _wrong(path, text, *faults) from None
    for name, tier in found.tiers.items():
        if unknown := [engine for engine in tier.engines if engine not in found.engines]:
            why = f"names {unknown[0]!r}; there are {', '.join(found.engines)}"
            raise _wrong(path, text, (("tiers", name, "engines"), why))
        if why := _way_down(name, found):
            raise _wrong(path, text, (("tiers", name, "below"), why))
    return found


def _way_down(name: str, found: EnginesFile) -> str:
    """Return what is wrong with the tiers below a tier, "" if nothing is."""
    seen, tier = {name}, found.tiers[name].below if name in found.tiers else ""  # type: ignore[index]  # str of the literal
    while tier:
        if tier in seen or tier not in found.tiers:
            return "leads back to itself" if tier in seen else f"names {tier!r}, which is no tier of the file"
        seen.add(tier)
        tier = found.tiers[tier].below
    return ""


Fault = tuple[tuple[int | str, ...], str]
"""The place in the file, and what is wrong there."""


def _wrong(path: Path, text: str, *faults: Fault) -> SettingsError:
    """Return the error that names every fault with its line."""
    told = []
    for place, why in faults:
        line = line_of(text, place)
        told.append(f"{f'line {line}, ' if line else ''}{'.'.join(map(str, place)) or 'the file'}: {why}")
    return SettingsError(f"AICORE_ENGINES_FILE: {path}: {'; '.join(told)}")


def _said(fault: ErrorDetails) -> Fault:
    """Return where a fault is, without pydantic's own marks, and what to do about it."""
    place, why = fault["loc"], fault["msg"].removeprefix("Value error, ")
    table: type[BaseModel] | None = TierConfig if place[:1] == ("tiers",) else None
    if place[:1] == ("engines",) and len(place) > 2 and place[2] in KINDS:  # the mark of the kind
        table = KINDS[str(place[2])]
        place = (*place[:2], *place[3:])
    if fault["type"] == "extra_forbidden" and table is not None and len(place) == 3:
        near = difflib.get_close_matches(str(place[2]), table.model_fields, n=1)
        why = "there is no such key" + (f"; did you mean {near[0]}?" if near else "")
    return tuple(each for each in place if each != "[key]"), why


def line_of(text: str, place: Sequence[int | str]) -> int | None:
    """Return the line where a place of a TOML text is said, or the table that it is missing from; from 1.

    The text up to each line is read again until it has the place: slow, exact, and only done for an error.
    """
    lines = text.splitlines()
    for depth in range(len(place), 0, -1):
        begin = 1
        for number in range(1, len(lines) + 1):
            try:
                found = tomllib.loads("\n".join(lines[:number]))
            except tomllib.TOMLDecodeError:
                continue
            if _has(found, place[:depth]):
                return begin
            begin = number + 1
    return None


def _has(found: Any, place: Sequence[int | str]) -> bool:
    for key in place:
        try:
            found = found[key]
        except (KeyError, IndexError, TypeError):
            return False
    return True
