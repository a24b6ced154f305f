"""How the servers that speak the OpenAI API differ, and the request that each of them takes. Pure.

Which parameters a server takes under which names, where its doors are, which roles its chats know, and how it
goes on after words that another engine has given are settings of an engine (docs/operations.md, "Engines and
tiers").
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from domain.prompts.messages import Role
from handlers.engines.port import EngineAsk, EngineError, Message, upper_count

Continuation = Literal["continue_final_message", "prefix", "assistant", "repeat", "never"]
"""How a chat goes on after words that were given: by vLLM's parameter of this name; by ``prefix`` on the last
message (DeepSeek, Mistral); because its last message is the assistant's (llama.cpp, Ollama, Anthropic's
models through gateways); by being asked for the whole answer again, whose beginning is compared and left out
(any server whose model does as it is told); or not at all."""

Nameable = Literal["model", "max_tokens", "temperature", "seed", "priority"]
"""Parameters that a server may know by another name."""

Omissible = Literal["model", "max_tokens", "temperature", "seed", "priority", "stream_options"]
"""Parameters that a server may not take."""

NAMEABLE: tuple[Nameable, ...] = get_args(Nameable)
OMISSIBLE: tuple[Omissible, ...] = get_args(Omissible)

FIXED = (
    "prompt",
    "messages",
    "stream",
    "structured_outputs",
    "continue_final_message",
    "add_generation_prompt",
)
"""Fields of a request that are always ours."""

AGAIN = (
    "You were interrupted. Give your whole answer again from its first word: begin with exactly the words "
    "that you have said, change nothing in them, and go on from there to the end. Write nothing else."
)
"""Message to a chat that must begin anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Dialect of one server; the defaults are OpenAI's."""

    names: Mapping[Nameable, str] = field(default_factory=dict)
    """Its names of our parameters."""
    leave_out: Collection[Omissible] = ()
    """Our parameters that it does not take."""
    body: Mapping[str, Any] = field(default_factory=dict)
    """Fields that are added to each request as they are."""
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    """Added to the address, such as Azure's ``api-version``."""
    path: str = ""
    """Of the completions, instead of /v1/completions or /v1/chat/completions."""
    probe_path: str | None = None
    """Of what is asked for its health; "" asks nothing; None: /health of vLLM, else /v1/models."""
    key_header: str = ""
    """Header that carries the key alone; "": Authorization, as a bearer token."""
    roles: Mapping[Role, str] = field(default_factory=dict)
    """Its words for roles: ``developer`` for system, or ``user`` for a model that has no system role."""
    continues: Continuation | None = None
    """None: ``continue_final_message`` of vLLM, else ``repeat``."""
    thoughts: tuple[str, str] | None = None
    """What its model puts around thoughts at the beginning of an answer, which nobody is to read; the first
    one is "" where the prompt's template says it already."""


PLAIN = Dialect()


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Surroundings of a request besides the question."""

    name: str
    """The engine's, for messages."""
    model: str
    """The model's name there."""
    chat: Continuation | None
    """How its chat goes on after given words; None: it takes plain completions."""
    vllm: bool
    """It takes vLLM's own fields."""
    dialect: Dialect


def request_of(ask: EngineAsk, rest: str | None, server: Server) -> dict[str, Any]:
    """Return the body of a request; ``rest`` is the pattern of what is still to be said, None without one.

    Raises:
        EngineError: ``unsupported``, the server cannot do that.
    """
    if rest is not None and not server.vllm:
        raise EngineError(f"{server.name} cannot hold an answer to a pattern; use vLLM", "unsupported")
    dialect = server.dialect
    parameters: dict[str, Any] = {
        "model": ask.adapter or server.model,
        "max_tokens": ask.max_tokens,
        "temperature": ask.temperature,
        "seed": ask.seed,
        "stream": True,
        "stream_options": {"include_usage": True},
        **({"priority": ask.priority} if server.vllm and ask.priority else {}),
        **({"structured_outputs": {"regex": rest}} if rest is not None else {}),
    }
    if server.chat is None:
        parameters["prompt"] = f"{ask.prompt} {ask.sent}" if ask.sent else ask.prompt
    else:
        parameters |= _chat(ask, server.chat, server)
    names: dict[str, str] = {str(ours): theirs for ours, theirs in dialect.names.items()}
    taken = {names.get(key, key): value for key, value in parameters.items() if key not in dialect.leave_out}
    return {**taken, **dialect.body}


def _chat(ask: EngineAsk, chat: Continuation, server: Server) -> dict[str, Any]:
    """Return the messages, and what makes the server go on after given words."""
    messages, dialect = list(ask.messages) or [Message("user", ask.prompt)], server.dialect
    if not ask.sent:
        return {"messages": _written(messages, dialect)}
    if chat == "never" or (chat == "repeat" and ask.pattern is not None):
        raise EngineError(f"{server.name} cannot go on after another engine's words", "unsupported")
    # The begin of an answer may not end in a blank: Anthropic's models refuse it. `Seam` minds it.
    begin = Message("assistant", ask.sent.rstrip())
    if chat == "repeat":
        more = {"max_tokens": ask.max_tokens + upper_count(ask.sent)}
        return {"messages": _written([*messages, begin, Message("user", AGAIN)], dialect), **more}
    written = _written([*messages, begin], dialect)
    if chat == "prefix":
        written[-1]["prefix"] = True
    if chat == "continue_final_message":
        return {"messages": written, "continue_final_message": True, "add_generation_prompt": False}
    return {"messages": written}


def _written(messages: Collection[Message], dialect: Dialect) -> list[dict[str, Any]]:
    """Return messages in the server's words; two of one role that follow each other become one."""
    written: list[dict[str, Any]] = []
    for message in messages:
        role = dialect.roles.get(message.role, message.role)
        if written and written[-1]["role"] == role:
            written[-1]["content"] += f"\n\n{message.text}"
        else:
            written.append({"role": role, "content": message.text})
    return written


class Thoughts:
    """Leaves out what a model thinks aloud before its answer."""

    def __init__(self, tags: tuple[str, str]) -> None:
        """Prepare; ``tags`` are those around the thoughts, see `Dialect.thoughts`."""
        self._begin, self._end = tags
        self._held = ""
        self._inside = not self._begin
        self.over = False
        """True once what comes is the answer."""

    def feed(self, text: str) -> str:
        """Return what of some text is the answer's."""
        if self.over:
            return text
        self._held += text
        if not self._inside:
            found = self._held.lstrip()
            if self._begin.startswith(found[: len(self._begin)]) and len(found) < len(self._begin):
                return ""
            if not found.startswith(self._begin):
                return self.finish()
            self._inside, self._held = True, found[len(self._begin) :]
        before, tag, after = self._held.partition(self._end)
        if not tag:
            self._held = before[-len(self._end) :]
            return ""
        self.over, self._held = True, ""
        return after

    def finish(self) -> str:
        """Return what was held back and is no thought."""
        self.over = True
        held, self._held = self._held, ""
        return "" if self._inside else held


class Seam:
    """The place where an engine goes on after words that another one has given.

    It leaves out what is said again of them. Where a chat was asked to repeat them all, it sees that it does:
    else its words would not belong behind those that the player has.
    """

    def __init__(self, sent: str, chat: Continuation | None, name: str) -> None:
        """Prepare for what comes after ``sent``; "" is a beginning, and everything passes."""
        repeats = chat in ("repeat", "prefix") and bool(sent)
        self._said = sent.strip() if repeats else ""
        self._must = chat == "repeat"
        # A chat got the words without the blank at their end: then none may begin what follows.
        self._blank = chat is not None and sent[-1:].isspace()
        self._held = ""
        self._name = name

    @property
    def repeating(self) -> bool:
        """Whether what comes is still a repetition, or may be."""
        return bool(self._said)

    def feed(self, text: str) -> str:
        """Return what is new of some text; raises `EngineError` as `finish`."""
        if self._said:
            self._held += text
            found = self._held.lstrip()
            if found.startswith(self._said):
                text, self._said = found[len(self._said) :], ""
            elif self._said.startswith(found):
                return ""
            else:
                text = self.finish()
        if self._blank and text:
            text = text.lstrip()
            self._blank = not text
        return text

    def finish(self) -> str:
        """Return what was held back.

        Raises:
            EngineError: ``unsupported``, it did not begin with the words that were given.
        """
        if self._said and self._must:
            raise EngineError(f"{self._name} did not go on after another engine's words", "unsupported")
        self._said = ""
        return self._held
