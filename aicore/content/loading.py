"""Brings a running world to what a definition says, over the public wire: what would happen, and doing it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import JsonValue

from aicore.client import Client
from aicore.content.lore import check_lore
from aicore.content.sample_world import sample_definition, sample_entries
from bus.retry import until_seen
from domain.clock.calendar import Calendar
from domain.definition.entries import Key
from domain.definition.loading import Plan, plan_of

PART_BYTES_MAX = 256 * 1024
"""Of the entries in one command; a message may have 512 KiB."""

FIELDS_SHOWN_MAX = 50
"""Changed entries of which is said what is other: each is asked for."""

LOOK_S, SHOWN_S = 0.1, 10.0
"""Between two looks at what holds, and at most: it is behind the log for a moment."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a definition would change in a running world.

    Attributes:
        plan: the entries that are other.
        calendar: the calendar that the clock would go by; None: as it does, or no clock goes.
    """

    plan: Plan
    calendar: Mapping[str, Any] | None

    @property
    def empty(self) -> bool:
        """Say whether nothing would happen."""
        return self.plan.empty and self.calendar is None


async def change_to(client: Client, wanted: Mapping[Key, JsonValue], calendar: Calendar) -> Change:
    """Return what turns the world that runs into one of ``wanted`` entries, with their calendar."""
    answer = await client.query("world.definition")
    there = {Key(section, id_): digest for section, id_, digest in answer.result["entries"]}
    clock = (await client.query("clock.now")).result
    by = calendar.model_dump()
    other = by if clock is not None and Calendar.model_validate(clock["calendar"]) != calendar else None
    return Change(plan_of(answer.result["version"], there, wanted), other)


async def load_sample(client: Client) -> Mapping[str, Any] | None:
    """Load the sample world into a realm that has none; return its version and size, or None if it has."""
    if (await client.query("world.definition")).result["version"]:
        return None
    change = Change(plan_of(0, {}, sample_entries()), None)
    result = await carry_out(client, change, "aicore", "the sample world, at the first start")
    return {**result, "entries": len(change.plan.added)}


async def load_sample_lore(client: Client) -> int:
    """Add the sample world's documents where it holds and none do; return how many were added."""
    there = (await client.query("world.definition")).result["entries"]
    if not {Key(section, id_) for section, id_, _ in there} >= sample_entries().keys():
        return 0
    if (await client.query("lore.documents")).result["documents"]:
        return 0
    contents = check_lore(None, sample_definition()).contents
    for content in contents:
        by = {"operator": "aicore", "reason": "the sample world's lore, at the first start"}
        await client.command("lore.add_document", {**content.model_dump(mode="json"), **by})
    return len(contents)


async def events_of(client: Client, change: Change) -> list[dict[str, Any]]:
    """Return the events that a change would cause, a row each; changed entries with what is other."""
    plan = change.plan
    rows: list[dict[str, Any]] = [_row("world.entry_defined", key, "new") for key in plan.added]
    for at, (key, content) in enumerate(plan.changed.items()):
        fields = await _other_fields(client, key, content) if at < FIELDS_SHOWN_MAX else []
        rows.append({**_row("world.entry_defined", key, "changed"), "fields": fields})
    rows += [_row("world.entry_retired", key, "retired") for key in plan.retired]
    if rows:
        rows.append({"event": "world.version_published", "number": plan.base + 1})
    if change.calendar is not None:
        rows.append({"event": "clock.calendar_set", "calendar": change.calendar["name"]})
    return rows


def _row(event: str, key: Key, how: str) -> dict[str, Any]:
    return {"event": event, "section": key.section, "id": key.id, "how": how}


async def _other_fields(client: Client, key: Key, content: JsonValue) -> list[str]:
    answer = await client.query("world.entry", {"section": key.section, "entry_id": key.id})
    before = answer.result["written"]
    if not isinstance(before, dict) or not isinstance(content, dict):
        return []
    return sorted(name for name in before.keys() | content.keys() if before.get(name) != content.get(name))


async def carry_out(client: Client, change: Change, operator: str, reason: str) -> Mapping[str, Any]:
    """Carry a change out, and return the version that holds then, with its digest."""
    by = {"operator": operator, "reason": reason}
    said = {"base": change.plan.base, **by}
    *parts, last = parts_of(change.plan)
    for part in parts:
        await client.command("world.change", {**said, **part})
    reply = await client.command("world.change", {**said, **last, "publish": change.plan.digest})
    if change.calendar is not None:
        await client.command("clock.set_calendar", {"calendar": change.calendar, **by})
    written = max((event.position for event in reply.events), default=0)

    async def look() -> bool | None:
        return (await client.query("world.definition")).position >= written or None

    await until_seen(look, every_s=LOOK_S, within_s=SHOWN_S)
    return reply.result


def parts_of(plan: Plan) -> Iterator[dict[str, Any]]:
    """Yield the payloads of the commands that carry a plan out, each small enough for a message."""
    part: list[dict[str, Any]] = []
    size = 0
    for key, content in [*plan.added.items(), *plan.changed.items()]:
        bytes_ = len(orjson.dumps(content))
        if part and size + bytes_ > PART_BYTES_MAX:
            yield {"define": part}
            part, size = [], 0
        part.append({"section": key.section, "entry_id": key.id, "written": content})
        size += bytes_
    yield {"define": part, "retire": _names(plan.retired)}


def _names(keys: Sequence[Key]) -> list[dict[str, str]]:
    return [{"section": key.section, "entry_id": key.id} for key in keys]
