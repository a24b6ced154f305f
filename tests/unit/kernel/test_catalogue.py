"""What every declaration owes its reader: an example, and a description of each field; and strict parsing."""

import ast
import math
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import domain
import handlers
from bus.catalogue import domain_catalogue
from bus.documents import fields_of
from domain.contexts import CONTEXTS
from domain.inference.inference import Inference
from domain.inference.messages import Generate, InferenceCancelled, InferenceCompleted, InferenceRequested
from domain.kernel.decider import Rejected
from domain.kernel.event import Command, Event, LiveMessage, Query
from domain.kernel.parse import parse
from domain.registry.messages import RegisterModel
from handlers.inference.replies import reply_of
from protocol.messages import CommandMessage
from protocol.meta import Meta
from tests.unit.cases import each_of

NAME = re.compile(r"^[a-z][a-z0-9_]{0,63}\.[a-z][a-z0-9_]{0,63}$")
EVENTS = list(domain_catalogue().events.values())
COMMANDS = list(domain_catalogue().commands.values())
QUERIES = list(domain_catalogue().queries.values())
ALL: list[Any] = [*EVENTS, *COMMANDS, *(kind for context in CONTEXTS for kind in context.internal)]


@each_of("message", ALL, ids=lambda m: m.__name__)
def test_every_field_says_what_it_means(message: type[Event] | type[Command]) -> None:
    assert message.__doc__
    assert [field["name"] for field in fields_of(message) if not field["meaning"]] == []


@each_of("message", ALL, ids=lambda m: m.__name__)
def test_every_example_is_valid(message: type[Event] | type[Command]) -> None:
    parse(message, message.example)


@each_of("query", QUERIES, ids=lambda m: m.__name__)
def test_a_query_that_cannot_be_asked_without_a_field_has_an_example(query: type[Query]) -> None:
    """Whoever tries every query (`tests/acceptance/test_extremes.py`) begins with one that is taken."""
    parse(query, dict(getattr(query, "example", {})))


def _declared(kind: type[Any]) -> Iterator[type[Any]]:
    """Yield the product's subclasses of ``kind``, at any depth."""
    for each in kind.__subclasses__():
        if each.__module__.startswith("domain."):
            yield each
        yield from _declared(each)


@pytest.mark.parametrize(
    ("base", "listed"),
    [
        (Event, [kind for context in CONTEXTS for kind in context.events]),
        (Command, [kind for context in CONTEXTS for kind in (*context.commands, *context.internal)]),
        (Query, [kind for context in CONTEXTS for kind in context.queries]),
        (LiveMessage, [kind for context in CONTEXTS for kind in context.live]),
    ],
)
def test_whatever_is_declared_is_in_a_context_and_in_one_only(base: type[Any], listed: list[Any]) -> None:
    declared = [kind for kind in _declared(base) if hasattr(kind, "example") or base in (Query, LiveMessage)]

    assert sorted(kind.__name__ for kind in listed) == sorted({kind.__name__ for kind in declared})


def test_every_folder_of_the_domain_is_a_context_named_as_it_is_or_says_that_it_is_none() -> None:
    folders = {path.parent.name for path in Path(str(domain.__file__)).parent.glob("*/__init__.py")}

    assert folders - {context.name for context in CONTEXTS} == {"kernel", "outcomes", "patterns"}
    for context in CONTEXTS:
        assert import_module(f"domain.{context.name}").CONTEXT is context


@each_of("event", EVENTS, ids=lambda m: m.__name__)
def test_every_event_example_is_complete(event: type[Event]) -> None:
    """An example shows every field, so that the golden bytes made from it pin every field."""
    assert set(event.example) == set(event.model_fields)


CODE = re.compile(r"[a-z]+(_[a-z]+)+")
TOLD_TO_OURSELVES = {
    "cooling_down": "optimisation.propose",
    "deployment_held": "deployment.pass_step",
    "evaluated_against_itself": "registry.record_evaluation",
    "no_words": "a scene's line (domain/director/speaking.py)",
    "not_known": "a scene's line",
    "not_yet": "places.arrive",
    "scene_over": "a scene's line",
}
"""Codes that only our own parts can get, and the command that no message may bring."""


def _raised() -> Iterator[tuple[str, Path]]:
    """Yield every code of a refusal that the rules and handlers name, and where."""
    for package in (domain, handlers):
        for file in Path(str(package.__file__)).parent.rglob("*.py"):
            for call in ast.walk(ast.parse(file.read_text())):
                if isinstance(call, ast.Call) and call.args:
                    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
                    if name in {"Rejected", "Waits", "_refused", "__init__"}:
                        for part in ast.walk(call.args[0]):
                            if isinstance(part, ast.Constant) and CODE.fullmatch(str(part.value)):
                                yield str(part.value), file


def test_every_refusal_is_named_where_a_caller_looks_for_it() -> None:
    """In the description of a command or query, or among the codes of SPEC.md that any of them may give."""
    spec = (Path(str(domain.__file__)).parents[1] / "protocol/SPEC.md").read_text()
    told = spec + "".join(str(message.__doc__) for message in (*COMMANDS, *QUERIES))
    raised = dict(_raised())
    assert "over_allowance" in raised, "the search finds what it should"

    assert {code: file for code, file in raised.items() if f"`{code}`" not in told} == {
        code: raised[code] for code in TOLD_TO_OURSELVES
    }


def test_the_result_of_a_turn_is_described() -> None:
    request, answer = InferenceRequested.from_example(), InferenceCompleted.from_example()
    ended = InferenceCancelled.from_example()
    message = CommandMessage(UUID(int=1), "inference.generate", {}, "any", Meta())
    for outcome in (answer, ended):
        result = reply_of(Inference(request, outcome), message, recorded=True).result
        names = {*result, *result.get("served", ()), *result.get("usage", ()), *result.get("model", ())}
        missing = {name for name in names if not re.search(rf"\b{name}\b", str(Generate.__doc__))}
        assert not missing


def test_names_are_unique_and_well_formed() -> None:
    names = [m.event_name if issubclass(m, Event) else m.command_name for m in ALL]
    assert len(set(names)) == len(names)
    assert all(NAME.match(name) for name in names)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"use_case": "NPC"}, "use_case"),
        ({"use_case": "npc\n"}, "use_case"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "x" * 16_385}, "prompt"),
        ({"max_tokens": "48"}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"temperature": math.nan}, "temperature"),
        ({"temperature": 2.1}, "temperature"),
        ({"seed": -1}, "seed"),
        ({"tier": "platinum"}, "tier"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_bad_request_is_refused_by_field(change: dict[str, object], field: str) -> None:
    with pytest.raises(Rejected) as refusal:
        parse(Generate, {**Generate.example, **change})

    assert (refusal.value.code, refusal.value.field) == ("invalid_field", field)
    assert refusal.value.remedy


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tier": "platinum"}, "tier: Input should be 'gold', 'silver' or 'bronze'; it is 'platinum'"),
        ({"temperature": 2.1}, "it is 2.1"),
        ({"max_tokens": True}, "it is True"),
    ],
)
def test_a_refusal_tells_the_value_and_where_the_form_is_to_be_found(
    change: dict[str, object], said: str
) -> None:
    with pytest.raises(Rejected) as refusal:
        parse(Generate, {**Generate.example, **change})

    assert said in refusal.value.message
    assert refusal.value.remedy == "`aicore events show inference.generate` tells what each field takes"


@pytest.mark.parametrize(
    "change", [{"tier": "my mother's name"}, {"player": "ann@example.org"}, {"prompt": 5550123}]
)
def test_a_refusal_never_tells_words_that_may_be_private(change: dict[str, object]) -> None:
    with pytest.raises(Rejected) as refusal:
        parse(Generate, {**Generate.example, **change})

    assert not re.search("ann|mother|555", refusal.value.message)


def test_missing_field_is_named() -> None:
    with pytest.raises(Rejected) as refusal:
        parse(Generate, {"use_case": "npc_dialogue"})

    assert refusal.value.field == "prompt"
    assert refusal.value.remedy == "add the field"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (math.inf, "finite"),
        (2**64, "64 bits"),
        ("a\x00b", r"U\+0000"),
        ({"k\x00": 1}, r"U\+0000"),
        ([[[[[[[[[1]]]]]]]]], "nested"),
    ],
)
def test_configuration_takes_only_what_every_store_can_hold(value: object, says: str) -> None:
    with pytest.raises(Rejected, match=says) as refusal:
        parse(RegisterModel, {**RegisterModel.example, "configuration": {"k": value}})

    assert refusal.value.field == "configuration.k"


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../b", "a//b", "a\\b", ".hidden"])
def test_artefact_path_stays_inside_the_model(path: str) -> None:
    with pytest.raises(Rejected):
        parse(RegisterModel, {**RegisterModel.example, "artefacts": {path: "sha256:" + "0" * 64}})


def test_unknown_fields_of_an_event_are_ignored_because_newer_writers_may_add_some() -> None:
    for event in EVENTS:
        assert event.model_validate({**event.example, "added_later": 1}) == event.from_example()
