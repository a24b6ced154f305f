"""Declared visibility: documents show it, logs and refusals hide it, and what is gone stops nobody."""

import dataclasses
import json
from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages
from types import ModuleType
from typing import Annotated, Any, ClassVar, TypeVar
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, ValidationError

import bus
import domain
import handlers
import protocol
from aicore.audit.story import Turn
from aicore.cli.guardrails import listing as violations_listing
from aicore.cli.turns import listing as turns_listing
from aicore.content.sample_world import sample_definition
from aicore.settings import Settings
from aicore.wiring.contexts import views_of
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec, UnknownEvent
from bus.documents import asyncapi_of, fields_of, page_of, schema_of
from bus.ports import StreamWrite
from bus.quick_reading import quick_reader
from domain.batch.queries import ResultsQuery
from domain.contexts import CONTEXTS
from domain.guardrails.messages import RevealViolation, ViolationDetected
from domain.guardrails.queries import ViolationsQuery
from domain.guardrails.violations import VIOLATION
from domain.inference.inference import INFERENCE
from domain.inference.messages import InferenceCompleted, InferenceRated, InferenceRequested, RateInference
from domain.inference.recording import RecordCompletion, RecordRequest
from domain.kernel.decider import Rejected
from domain.kernel.event import Event
from domain.kernel.parse import parse
from domain.kernel.process import Heard, Moment, Process
from domain.kernel.visibility import (
    ERASED,
    Discreet,
    Erased,
    Personal,
    Private,
    erased,
    hidden_names,
    personal_of,
    private_of,
    shown,
)
from domain.story.messages import LineSaid
from handlers.beliefs.view import BeliefsView
from handlers.guardrails.board import ViolationBoard
from handlers.kernel.follow import MemoryView
from handlers.kernel.kept_view import KeptView
from projections.kernel.view import Fact
from protocol.errors import WireError
from protocol.packing import pack
from tests.unit.cases import each_of
from tests.unit.kit import memory_log
from tests.unit.spec import changed, given

V = TypeVar("V", bound=MemoryView)
CANARY = "Xyzzy canary"
EVENTS = list(domain_catalogue().events.values())
ASKED: list[Any] = [
    kind for each in CONTEXTS for kind in (*each.commands, *each.internal, *each.queries, *each.live)
]
ALL: list[Any] = [*EVENTS, *ASKED]
MARKED = [kind for kind in ALL if personal_of(kind) or private_of(kind)]
PERSONAL = [kind for kind in EVENTS if personal_of(kind)]
CODEC = EventCodec(domain_catalogue())


def named(kind: Any) -> str:
    return str(kind.__name__)


class Letter(Event, name="post.letter", version=1):
    """A letter, for what no context of today has: a part that is about a person of its own."""

    class Sender(Discreet):
        player: str
        words: Annotated[str | Erased, Personal(of="player")]

    senders: list[Sender]
    by: dict[str, Sender] = Field(default_factory=dict)
    stamp: Annotated[int, Private()] = 1

    example: ClassVar = {"senders": [{"player": "ann", "words": "hello"}, {"player": "ben", "words": "bye"}]}


LETTER = Letter.from_example()

# --- what is declared ---------------------------------------------------------------------------------------


def _annotation(kind: type[BaseModel], path: str) -> Any:
    """Return a field of a declaration by its dotted path."""
    *models, name = path.split(".")
    at: Any = kind
    for step in models:
        at = next(
            part
            for part in (at.model_fields[step].annotation, *_args(at.model_fields[step].annotation))
            if isinstance(part, type) and issubclass(part, BaseModel)
        )
    return at.model_fields[name]


def _args(annotation: Any) -> Iterator[Any]:
    for part in getattr(annotation, "__args__", ()):
        yield part
        yield from _args(part)


@each_of("kind", MARKED, ids=named)
def test_whose_words_they_are_is_a_field_of_the_same_declaration(kind: type[BaseModel]) -> None:
    for path, of in personal_of(kind).items():
        assert path.rpartition(".")[0] == of.rpartition(".")[0]
        _annotation(kind, of)
        if kind in EVENTS:
            assert of.rpartition(".")[2] == "player", "an event names the person, so that a key can be found"


@each_of("kind", MARKED, ids=named)
def test_what_is_personal_may_be_gone_in_an_event_and_is_there_in_what_is_asked(
    kind: type[BaseModel],
) -> None:
    for path in personal_of(kind):
        assert (Erased in _args(_annotation(kind, path).annotation)) == (kind in EVENTS)


def test_marks_of_parts_have_paths_and_the_paths_of_who_they_are_about() -> None:
    assert personal_of(Letter) == {"senders.words": "senders.player", "by.words": "by.player"}
    assert private_of(Letter) == {"stamp"}


def test_documents_show_it() -> None:
    row = {field["name"]: field for field in fields_of(InferenceCompleted)}["text"]
    assert (row["type"], row["visibility"]) == ("string or erased", "personal of player")
    assert {field["visibility"] for field in fields_of(Letter) if field["name"] == "senders"} == {
        "senders.words personal of senders.player"
    }
    assert "| personal of player, private |" in page_of(ViolationDetected)
    assert schema_of(InferenceCompleted)["properties"]["text"]["x-personal"] == "player"
    assert schema_of(ViolationDetected)["properties"]["sealed"]["x-private"] is True
    assert "Of the result: `violations.excerpt` (personal of violations.player)" in page_of(ViolationsQuery)
    assert schema_of(ResultsQuery)["x-result"] == {"prompt": "private", "text": "personal of inference_id"}
    document = json.dumps(asyncapi_of(domain_catalogue(), version="0"))
    assert '"x-personal": "player"' in document
    assert '"x-private": true' in document


# --- what representations and refusals say ------------------------------------------------------------------


def planted(value: Any, path: list[str], canary: Any = CANARY) -> Any:
    """Return a value with a canary at a path: instead of a text, or of each text in it."""
    if isinstance(value, list):
        return [planted(each, path, canary) for each in value]
    if path:
        return {**value, path[0]: planted(value[path[0]], path[1:], canary)} if path[0] in value else value
    if isinstance(value, dict):
        return {key: planted(each, [], canary) for key, each in value.items()}
    return canary if isinstance(value, str) else value


def marked(kind: Any) -> list[str]:
    return sorted({*personal_of(kind), *private_of(kind)})


@each_of("kind", MARKED, ids=named)
def test_no_representation_shows_it(kind: Any) -> None:
    payload = dict(getattr(kind, "example", {"v": 1, "id": b"0" * 16, "n": 0, "text": "a"}))
    for path in marked(kind):
        payload = planted(payload, path.split("."))
    message = (
        kind.model_construct(**kind.model_validate(payload, strict=False).__dict__)
        if _takes(kind, payload)
        else kind.model_construct(**payload)
    )

    for written in (repr(message), str(message), f"{message}", repr([message]), repr({"a": message})):
        assert CANARY not in written
    assert "personal>" in repr(message) or "private>" in repr(message)


def _takes(kind: Any, payload: Any) -> bool:
    try:
        kind.model_validate(payload)
    except ValidationError:
        return False
    return True


WRONG: list[Any] = [
    [CANARY], {CANARY: CANARY}, {CANARY: 1}, {"a\0" + CANARY: 1}, CANARY + "\0", CANARY * 20_000, [[CANARY]],
    [{CANARY: CANARY}], {"extra": CANARY, CANARY: "\0"}, float("nan"),
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG, ids=lambda value: repr(value)[:24])
@each_of("kind", [kind for kind in MARKED if kind in ASKED and hasattr(kind, "example")], ids=named)
def test_no_refusal_shows_it(kind: Any, wrong: Any) -> None:
    for path in marked(kind):
        *above, last = path.split(".")
        payload = dict(kind.example)
        if above:
            payload[above[0]] = [{**each, last: wrong} for each in payload[above[0]]]
        else:
            payload[last] = wrong
        try:
            parse(kind, payload)
        except Rejected as refusal:
            assert CANARY not in f"{refusal.message} {refusal.field} {refusal.remedy}"
        try:
            kind.model_validate(payload)
        except ValidationError as error:
            assert "input_value" not in str(error)


def test_a_number_where_a_text_belongs_is_told_only_where_it_is_no_ones_words() -> None:
    payload = dict(RecordRequest.example)
    with pytest.raises(Rejected, match=r"it is 2\.5"):
        parse(RecordRequest, {**payload, "max_age_s": 2.5})
    with pytest.raises(Rejected) as refusal:
        parse(RecordRequest, {**payload, "prompt": 5550123})
    assert "5550123" not in refusal.value.message


def test_a_payload_that_does_not_fit_is_named_without_what_it_holds() -> None:
    payload = {**InferenceCompleted.example, "text": [CANARY]}
    with pytest.raises(WireError) as fault:
        CODEC.decode_payload("inference.completed", 1, pack(payload))
    assert fault.value.field == "payload.text"
    assert CANARY not in f"{fault.value} {fault.value.__cause__}"


def test_bytes_of_an_unknown_event_are_in_no_representation() -> None:
    event = UnknownEvent(type="a.b", schema_version=2, payload=CANARY.encode())

    assert CANARY not in repr(event)


WORDS = hidden_names(ALL) - {"context", "policy", "cases", "claims"} | {
    "payload",
    "body",
    "texts",
    "given",
    "heard",
}
"""Names under which our own values carry words; a context, policy, case or claim may be something else."""

WRITTEN = {
    *((kind, "text") for kind in ("Fact", "Stage", "End", "ArcEnd", "Gone", "Pair", "Said", "Sentence")),
    *((kind, "paragraphs") for kind in ("Document", "Part")),
    ("Document", "sections"),
    ("Voice", "given"),
    ("Predicate", "heard"),
}
"""What designers wrote, in the definition of a world or as lines, of nobody who lives."""

READ_BACK = {
    ("Token", "text"),
    ("Number", "text"),
    ("Read", "text"),
    ("Reading", "given"),
    ("Reading", "heard"),
    ("Heard", "texts"),
    ("Terms", "given"),
}
"""What people of the world are about to say, made of a plan: no player's words are in it."""

PLAIN = {("Dialect", "body"), ("Usage", "prompt"), *WRITTEN, *READ_BACK}
"""An engine's settings; a count of tokens; what designers wrote, and what is said by that."""


def _classes(*roots: ModuleType) -> Iterator[type]:
    for root in roots:
        for module in walk_packages(root.__path__, f"{root.__name__}."):
            found = import_module(module.name)
            yield from (
                each
                for each in vars(found).values()
                if isinstance(each, type) and each.__module__ == found.__name__
            )


def test_no_value_that_carries_words_on_their_way_shows_them() -> None:
    shows = []
    for kind in _classes(protocol, bus, domain, handlers):
        if dataclasses.is_dataclass(kind):
            shown_too = [f.name for f in dataclasses.fields(kind) if f.repr and f.type not in (float, int)]
            shows += [(kind.__name__, name) for name in shown_too if name in WORDS]
        elif issubclass(kind, tuple) and (names := WORDS & {*getattr(kind, "_fields", ())}):
            fields: dict[str, Any] = {name: CANARY if name in names else None for name in kind._fields}  # type: ignore[attr-defined]
            shows += [(kind.__name__, name) for name in names if CANARY in repr(kind(**fields))]

    assert {*shows} - PLAIN == set()


# --- what is gone -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*PERSONAL, Letter], ids=named)
def test_an_erased_event_goes_to_the_wire_and_back(kind: type[Event]) -> None:
    codec = EventCodec(domain_catalogue()) if kind is not Letter else None
    gone = erased(kind.from_example())

    if codec:
        new = codec.encode(gone, UUID(int=1))
        assert codec.decode_payload(new.type, new.schema_version, new.payload) == gone
    assert gone == kind.model_validate(gone.model_dump(mode="json"))
    assert gone != kind.from_example()
    assert '{"erased":true}' in gone.model_dump_json()


@each_of("kind", EVENTS, ids=named)
def test_what_is_there_is_read_the_quick_way(kind: type[Event]) -> None:
    assert quick_reader(kind) is not None


def test_only_one_persons_values_are_erased() -> None:
    gone = erased(LETTER, "ann")

    assert [shown(each.words) for each in gone.senders] == ["(erased)", "bye"]
    assert erased(LETTER, "eve") == LETTER
    asked = changed(InferenceRequested.from_example(), player="ann")
    assert erased(asked, "ben") == asked
    assert (erased(asked, "ann").prompt, erased(asked, "ann").context) == (ERASED, ERASED)
    assert erased(asked, "ann").player == "ann", "an id stays: it says nothing by itself"


def gone(kind: Any) -> Any:
    return erased(kind.from_example())


def test_deciders_go_on_over_what_is_gone() -> None:
    request = RecordRequest.model_validate(dict(RecordRequest.example))
    completion = RecordCompletion.model_validate(dict(RecordCompletion.example))
    rate = RateInference.model_validate(dict(RateInference.example))
    history = [gone(InferenceRequested), gone(InferenceCompleted), gone(InferenceRated)]

    given(INFERENCE, *history).when(request).then_nothing()
    given(INFERENCE, *history).when(changed(request, max_tokens=1)).then_rejected(
        "id_conflict", says="new command id"
    )
    given(INFERENCE, *history[:1]).when(completion).then(InferenceCompleted.from_example())
    given(INFERENCE, *history).when(rate).then(InferenceRated.from_example())
    reveal = RevealViolation.model_validate(dict(RevealViolation.example))
    found = changed(gone(ViolationDetected), sealed=ERASED)
    given(VIOLATION, found).when(reveal).then_rejected(
        "nothing_sealed", field="violation_id", says="until the player's data are erased"
    )


@pytest.mark.parametrize("view", views_of(Settings()), ids=lambda view: view.name)
def test_read_models_in_postgres_take_it_in(view: Any) -> None:
    events = [gone(kind) for kind in EVENTS if kind.event_name in view.types]
    rows = view.fold({}, (Fact(event, at, at) for at, event in enumerate(events, 1)))

    assert "erased" not in json.dumps(list(rows.values()), default=str)


def _all_of(kind: type) -> Iterator[Any]:
    for module in walk_packages(domain.__path__, "domain."):
        yield from (each for each in vars(import_module(module.name)).values() if isinstance(each, kind))


PROCESSES = {
    process.name: process
    for process in _all_of(Process)
    if {*process.types, *process.recent} & {kind.event_name for kind in PERSONAL}
}


@pytest.mark.parametrize("name", PROCESSES)
def test_processes_take_it_in(name: str) -> None:
    process = PROCESSES[name]
    types = {*process.types, *process.recent}
    state = process.initial(0)
    for at, kind in enumerate([kind for kind in EVENTS if kind.event_name in types], 1):
        state = process.evolve(state, Heard(gone(kind), UUID(int=at), at, at, UUID(int=1), "test"))

    list(process.react(state, Moment(10**9, 10**9, tick=True)))


async def _taken(view: V, event: Event) -> V:
    """Return a view that an event was recorded for."""
    log = memory_log()
    await log.append(StreamWrite("one-1", [CODEC.encode(event, UUID(int=1))]))
    await view.take(list(await log.read_all(after=0)))
    return view


async def test_read_models_in_memory_take_it_in() -> None:
    personal = {kind.event_name for kind in PERSONAL}
    views = [*MemoryView.__subclasses__(), *KeptView.__subclasses__()]
    hear = {view.name for view in views if view is not KeptView and personal & {*view.types}}
    assert hear == {ViolationBoard.name, BeliefsView.name}, "test the new one here, too"
    said = await _taken(BeliefsView(memory_log(), sample_definition(), decode=CODEC.decode), gone(LineSaid))
    assert said.standing.error == ""
    assert [*said.beliefs.known("player.ann")], "what was said is known without the words"
    board = ViolationBoard(memory_log(), default=None, decode=CODEC.decode)  # type: ignore[arg-type]
    await _taken(board, gone(ViolationDetected))

    result, _ = await board.answer({})
    assert board.standing.error == ""
    assert result["violations"][0]["excerpt"] == {"erased": True}


def test_tables_of_turns_and_violations_show_what_is_gone() -> None:
    turn = Turn(gone(InferenceRequested), 1, 1, gone(InferenceCompleted))
    (row,) = turns_listing([turn]).rows
    assert [str(cell) for cell in row].count("(erased)") == 2
    found = {**gone(ViolationDetected).model_dump(), "at_us": 1, "position": 1, "review": None}
    (row,) = violations_listing([found]).rows
    assert [str(cell) for cell in row].count("(erased)") == 1
