"""What is declared personal or private stands in no log, refusal or reason of a running system.

A canary is put into every such field of every command and query, in values that are taken and in those that
are not, over the requests and through the inbox. Then all that the system wrote about it is searched.
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import msgpack
import pytest

from domain.kernel.visibility import personal_of, private_of
from tests.acceptance.kit import Up
from tests.acceptance.test_extremes import ASKED, META, REALM, Running, example
from tests.harness.folders import open_folder
from tests.harness.wire import dial
from tests.unit.kit import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300), pytest.mark.xdist_group("up")]

CANARY = "xyzzycanary"
SPOKEN = f"my name is {CANARY}, {CANARY}@example.com, who keeps the lamp"
WORDS: list[Any] = [
    SPOKEN, CANARY, [CANARY], [[CANARY]], {CANARY: CANARY}, {CANARY: 1}, {"a": {CANARY: CANARY}},
    {"place": SPOKEN}, {"place": [SPOKEN, 1]}, CANARY + "\0", {CANARY + "\0": 1}, CANARY * 2_000,
    [CANARY] * 1_000, [{CANARY: CANARY}], {"id": CANARY, "prompt": CANARY, CANARY: CANARY}, CANARY.encode(),
    b"\xff" + CANARY.encode(),
]  # fmt: skip
"""Taken by some fields, and refused by others at every depth."""

FOLLOW_S = 20.0
QUIET_S = 0.5


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with open_folder() as folder:
        system = Running(Up(folder, "--demo", "--world", log_level="debug", log_format="json").wait_up())
        yield system
        system.close()


def spoken(value: Any) -> Any:
    """Return a value with the canary for each text in it that may be any text."""
    match value:
        case dict():
            return {key: spoken(each) for key, each in value.items()}
        case list():
            return [spoken(each) for each in value]
        case str() if " " in value:
            return f"{value} {CANARY}"
        case _:
            return value


def requests_of(name: str, payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a payload with the canary in each marked field, as a whole and in its parts."""
    kind: Any = ASKED[name]
    for path in sorted({*personal_of(kind), *private_of(kind)}):
        first, _, last = path.partition(".")
        if last:
            for words in WORDS:
                yield {**payload, first: [{**each, last: words} for each in payload[first]]}
        else:
            yield {**payload, first: spoken(payload.get(first))}
            for words in WORDS:
                yield {**payload, first: words}


REQUESTS = [name for name, kind in ASKED.items() if personal_of(kind) or private_of(kind)]


def test_what_is_declared_personal_or_private_is_in_no_log_refusal_or_reason(running: Running) -> None:
    taken, refused = running.runner.run(_planted(running))

    assert taken == set(REQUESTS), "values that are taken"
    assert refused > 10 * len(REQUESTS), "and values that are not"
    letters = running.up.json("dlq", "list", "--limit", "1000")
    written = {
        "the log file": (running.up.folder / "aicore.log").read_text(),
        "what it printed": running.up.output,
        "dead letters": json.dumps([_reason(letter) for letter in letters]),
        "dead letters of the spool": running.up.run("spool", "letters", "--json"),
        "recorded refusals": running.up.run(
            "log", "tail", "--no-follow", "--after", "0", "--type", "inference.refused", "--json"
        ),
        **{str(path): path.read_text(errors="replace") for path in _other_logs(running.up.folder)},
    }
    assert [where for where, text in written.items() if CANARY in text] == []
    assert json.loads(written["dead letters"]), "otherwise their reasons were not looked at"
    assert written["recorded refusals"], "the same"
    shown = running.up.run("log", "tail", "--no-follow", "--after", "0", "--json")
    assert CANARY in shown, "where it is meant to be shown it is"


def _reason(letter: dict[str, Any]) -> dict[str, Any]:
    """Return what a letter says beside the command itself, which is kept whole to be given back."""
    return {key: value for key, value in letter.items() if key not in ("payload", "bytes")}


def places_of(value: Any, path: str = "") -> Iterator[str]:
    """Yield the dotted path of each text with the canary in it; lists stand for each of their items."""
    match value:
        case dict():
            for key, each in value.items():
                yield from [path] if CANARY in str(key) else places_of(each, f"{path}.{key}" if path else key)
        case list():
            for each in value:
                yield from places_of(each, path)
        case str() if CANARY in value:
            yield path


def test_what_results_show_is_declared(running: Running) -> None:
    undeclared = running.runner.run(_undeclared(running))

    assert undeclared == set()


async def _undeclared(running: Running) -> set[tuple[str, str]]:
    """Return where results show the word though they do not say so."""
    template = example("prompts.register_template", {})
    spoken_to = {"name": "canary-line", "sections": spoken(template["sections"])}
    await running.ask("prompts.register_template", {**template, **spoken_to})

    async def known() -> bool:
        return CANARY in str(getattr(await running.ask("prompts.templates", {}), "result", ""))

    await until(known)
    words: dict[str, dict[str, Any]] = {
        "inference.generate": {
            "use_case": "npc_bark",
            "prompt": "Hi",
            "authored_line": CANARY,
            "deadline_ms": 1,
        },
        "guardrails.policy": {"whole": True},
        "batch.results": {"batch_id": example("batch.open", {})["batch_id"]},
    }
    told, shown = set[tuple[str, str]](), set[str]()
    for name in ASKED:
        kind: Any = ASKED[name]
        if name in words or name.startswith(("guardrails.violations", "prompts.templates")) or "list" in name:
            reply = await running.ask(name, words.get(name, {}))
            for path in places_of(getattr(reply, "result", {})):
                shown.add(name)
                marked = any(path == each or path.startswith(f"{each}.") for each in kind.shows)
                told |= set() if marked else {(name, path)}
    assert {"prompts.templates", "inference.generate"} <= shown, "otherwise it is no test"
    return told


async def _planted(running: Running) -> tuple[set[str], int]:
    """Send all; return what was taken, and how many were refused. No refusal says the word."""
    taken, refused, said = set[str](), 0, list[tuple[str, str]]()
    await running.ask("batch.open", example("batch.open", running.known))
    turn = await running.ask("inference.generate", {"use_case": "npc_bark", "prompt": SPOKEN})
    running.known["inference_id"] = turn.result["inference_id"]
    there = await _in_the_world(running)
    for name in REQUESTS:
        for payload in requests_of(name, {**example(name, running.known), **there.get(name, {})}):
            reply = await running.ask(name, payload)
            code = getattr(reply, "code", "")
            assert code not in ("internal", "unavailable"), (name, reply)
            if code:
                refused += 1
                told = f"{reply.code} {reply.message} {reply.field} {reply.remedy} {reply.details}"
                if CANARY in told:
                    said.append((name, told))
            else:
                taken.add(name)
            await _into_the_inbox(running, name, payload)
    said += await _at_the_door(running)
    assert said == []
    async with asyncio.timeout(FOLLOW_S):  # until the inbox has nothing left to refuse
        owner, before = await dial(running.up.owned_wire), -1
        js = owner.jetstream()
        while (left := (await js.stream_info(f"IN_{REALM}")).state.messages) or left != before:
            before = left
            await asyncio.sleep(QUIET_S)
        await owner.close()
    return taken, refused


async def _in_the_world(running: Running) -> dict[str, dict[str, Any]]:
    """Have a player stand in the sample world; return what makes its commands' examples be taken there."""

    async def version() -> Any:
        return (await running.ask("world.definition", {})).result["version"]

    await until(version)

    async def enters(player: str) -> dict[str, Any]:
        opened = (await running.ask("session.open", {"player": player})).result
        who = {"player": player, "session": opened["session"]}
        entered = await running.ask("places.enter", {**who, "place": "ropewalk_quay"})
        assert getattr(entered, "result", None), entered
        return who

    async def speaks() -> dict[str, Any]:
        """Have a player stand beside somebody who is at work, and so awake, as soon as people live."""
        opened = (await running.ask("session.open", {"player": "cat"})).result
        who, beside = {"player": "cat", "session": opened["session"]}, list[str]()

        async def enters_beside() -> bool:
            for each in (await running.ask("people.here", {})).result:
                if each["place"] and each["action"] in ("work", "guard", "trade") and not beside:
                    entered = await running.ask("places.enter", {**who, "place": each["place"]})
                    beside.extend([each["who"]] if getattr(entered, "result", None) else [])
            return bool(beside)

        await until(enters_beside)
        return {**who, "to": beside[0]}

    who = await enters("ann")
    return {
        "story.say": await speaks(),
        "beliefs.tell": {
            **await enters("ben"),
            "to": [],
        },  # of another player: so many commands are let in of one
        "places.depart": {**who, "to": "counting_square"},  # streets are open at any hour
        "places.close_way": {"way": "kiln_crossing"},
        "world.change": {"base": await version(), "publish": None},
    }


async def _at_the_door(running: Running) -> list[tuple[str, str]]:
    """Ask the HTTP door the same, and wrongly; return each refusal that says the word."""
    told = running.up.json("env")
    url, key = (
        told["OPENAI_BASE_URL"].removesuffix("/v1"),
        {"Authorization": f"Bearer {told['OPENAI_API_KEY']}"},
    )
    said, statuses = [], set[int]()
    async with aiohttp.ClientSession(url, headers=key) as door:
        for body in _bodies():
            async with door.post("/v1/chat/completions", json=body) as reply:
                text = await reply.text()
            assert reply.status < 500, (body, text)
            statuses.add(reply.status)
            if reply.status != 200 and CANARY in text:
                said.append((str(body)[:200], text))
    assert {200, 400} <= statuses
    return said


def _bodies() -> Iterator[dict[str, Any]]:
    plain = {"model": "npc_bark", "messages": [{"role": "user", "content": SPOKEN}]}
    yield plain
    for words in WORDS:
        if not isinstance(words, bytes):
            yield {**plain, "messages": words}
            yield {**plain, "messages": [{"role": "user", "content": words}]}
            yield {**plain, "messages": [{"role": "user", "content": [{"type": "text", "text": words}]}]}
            yield {**plain, "context": words}
            yield {**plain, "context": {"place": words}}
            yield {
                **plain,
                "max_tokens": -1,
                "messages": [{"role": "user", "content": SPOKEN, CANARY: words}],
            }


async def _into_the_inbox(running: Running, name: str, payload: dict[str, Any]) -> None:
    id_ = uuid4()
    message = {"v": 1, "id": id_.bytes, "command": name, "payload": payload, "meta": META}
    headers = {"Nats-Msg-Id": str(id_)}
    await running.nc.request(
        f"{REALM}.in.{name}.{running.up.operator}", msgpack.packb(message), timeout=FOLLOW_S, headers=headers
    )


def _other_logs(folder: Path) -> Iterator[Path]:
    yield from (path for path in folder.rglob("*.log") if path.is_file())
