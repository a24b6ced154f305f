"""No value of any field makes a running system answer `internal`, keep silent, or stop a read model.

Every query and every command is sent with values at and beyond the edges of what the wire can hold, one field
at a time and several at once.
"""

import asyncio
import copy
import json
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.catalogue import domain_catalogue
from protocol.messages import decode_reply
from tests.acceptance.kit import Up
from tests.harness.examples import examples
from tests.harness.folders import open_folder
from tests.harness.wire import dial

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300), pytest.mark.xdist_group("extremes")]

CATALOGUE = domain_catalogue()
ANSWER_TIMEOUT_S = 60
AT_ONCE = 16
REALM = "demo"


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


EXTREMES: Sequence[Any] = (
    None, True, False, 0, 1, -1, 4.0, 0.5, -0.0, 1e308, float("nan"), float("inf"), float("-inf"),
    2**31 - 1, 2**31, -(2**31), 2**53 - 1, 2**53, 2**63 - 1, 2**63, -(2**63), 2**64 - 1,
    "", " ", "a", "a\0b", "\0", "%s", "' OR 1=1 --", "../../etc/passwd", "*", ">", "npc_dialogue",
    "\u202e\u2800", "\U0010ffff", "\u00e9" * 128, "x" * 129, "x" * 100_000, "9" * 400, "sha256:" + "0" * 64,
    "0" * 32,
    b"", b"\xff\xfe", [], [None], ["a\0b"], ["x"] * 5_000, nested(25), {}, {"": ""}, {"a\0b": 1},
    {"a": 2**64 - 1}, {"a": float("nan")}, {f"k{n}": n for n in range(5_000)},
)  # fmt: skip
"""What the wire can hold, and a declaration may have forgotten."""

META = {"actor": "player:\0\u202e", "elsewhere": [2**64 - 1, float("nan"), b"\xff"]}
"""Comes with each command: who sends it, and what nobody here knows, kept with its events."""

ASKED = {**CATALOGUE.commands, **CATALOGUE.queries}
VALUES = st.sampled_from(EXTREMES) | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=40)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value in an example, the first entry of each list standing for all."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    if isinstance(value, list) and value:
        yield from places(value[0], (*path, 0))


def example(name: str, known: dict[str, Any]) -> dict[str, Any]:
    """Return a payload that is taken; ids are those of models that are there, so that rules are reached."""
    fields = copy.deepcopy(dict(getattr(ASKED[name], "example", {})))
    return {key: known.get(key, value) for key, value in fields.items()}


def fields_of(name: str, payload: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return the paths of a payload's values, and of the fields that it leaves out."""
    return [*places(payload), *((field,) for field in ASKED[name].model_fields if field not in payload)]


def changed(payload: dict[str, Any], path: Sequence[Any], value: Any) -> dict[str, Any]:
    """Return a copy of ``payload`` with another value at a place; a place that is gone changes nothing."""
    made = copy.deepcopy(payload)
    at: Any = made
    for step in path[:-1]:
        if not isinstance(at, dict | list) or (isinstance(at, list) and not at) or at is None:
            return made
        at = at.get(step) if isinstance(at, dict) else at[0]
    if isinstance(at, dict) or (isinstance(at, list) and at):
        at[path[-1]] = value
    return made


class Running:
    """A system, a connection to it, and what was asked of it."""

    def __init__(self, up: Up) -> None:
        self.up = up
        self.runner = asyncio.Runner()
        self.nc = self.runner.run(dial(up.wire))
        self.known = self.runner.run(self._known())

    def send(self, requests: Sequence[tuple[str, dict[str, Any]]]) -> None:
        """Ask, many at once, and see that each gets an answer that is no fault of ours."""
        self.runner.run(self._send(requests))

    async def _send(self, requests: Sequence[tuple[str, dict[str, Any]]]) -> None:
        room = asyncio.Semaphore(AT_ONCE)

        async def one(name: str, payload: dict[str, Any]) -> None:
            async with room:
                reply = await self.ask(name, payload)
            code = getattr(reply, "code", "")
            assert code not in ("internal", "unavailable", "deadline_exceeded"), (name, payload, reply)

        async with asyncio.TaskGroup() as group:
            for name, payload in requests:
                group.create_task(one(name, payload))

    async def ask(self, name: str, payload: dict[str, Any]) -> Any:
        if name in CATALOGUE.queries:
            subject, message = f"{REALM}.qry.{name}.{self.up.operator}", {"v": 1, "query": payload}
        else:
            subject = f"{REALM}.cmd.{name}.{self.up.operator}"
            message = {"v": 1, "id": uuid4().bytes, "command": name, "payload": payload, "meta": META}
        answer = await self.nc.request(subject, msgpack.packb(message), timeout=ANSWER_TIMEOUT_S)
        return decode_reply(answer.data)

    async def _known(self) -> dict[str, Any]:
        model = (await self.ask("registry.models", {})).result[0]
        return {"model_id": model["model_id"], "candidate": model["model_id"], "use_case": model["use_case"]}

    def close(self) -> None:
        self.runner.run(self.nc.close())
        self.runner.close()
        self.up.stop()


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with open_folder() as folder:
        system = Running(Up(folder).wait_up())
        yield system
        system.close()


@pytest.mark.parametrize("name", ASKED)
def test_each_field_takes_any_value_without_a_fault_of_ours(running: Running, name: str) -> None:
    """By day every sixth value, begun at each in turn: neighbours are of one kind.

    All of them, with whatever is new in the world, are more than 27,000 requests.
    """
    good = example(name, running.known)

    taken = running.runner.run(running.ask(name, good))
    assert getattr(taken, "code", "") != "invalid_field", "the others would tell nothing of their field"

    running.send([(name, changed(good, path, value)) for path, value in strained(name, good, step=6)])


@pytest.mark.slow
def test_each_field_takes_every_value_without_a_fault_of_ours(running: Running) -> None:
    for name in ASKED:
        good = example(name, running.known)

        running.send([(name, changed(good, path, value)) for path, value in strained(name, good, step=1)])


def strained(name: str, good: dict[str, Any], *, step: int) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield each place of a payload with each value that it is to hold."""
    for number, path in enumerate(fields_of(name, good)):
        yield from ((path, value) for value in EXTREMES[number % step :: step])


@given(st.data())
@settings(max_examples=examples(20), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_values_in_several_fields_end_in_no_fault_of_ours(running: Running, data: st.DataObject) -> None:
    requests = []
    for name in data.draw(st.lists(st.sampled_from(sorted(ASKED)), min_size=20, max_size=20)):
        payload = example(name, running.known)
        if paths := fields_of(name, payload):
            for path in data.draw(st.lists(st.sampled_from(paths), min_size=1, max_size=3)):
                payload = changed(payload, path, data.draw(VALUES))
        requests.append((name, payload))

    running.send(requests)


def test_the_log_and_all_that_follows_it_are_sound_after_that(running: Running) -> None:
    rows = running.runner.run(running.ask("projections.status", {})).result

    assert [row["error"] for row in rows] == [""] * len(rows)
    assert running.up.json("log", "verify")["ok"]
    told = running.up.run("log", "tail", "--no-follow", "--after", "0", "--json")
    tail = told.removesuffix("\n").split("\n")  # other characters that end a line for Python stand in values
    assert [json.loads(line)["position"] for line in tail] == [*range(1, len(tail) + 1)]
    assert running.up.json("dlq", "list") == []
    assert running.up.json("spool", "letters") == []
