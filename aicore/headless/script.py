"""A script of commands for a world of its own: who says what at which game time, and what is refused.

A file of YAML that designers write: `begins` (day of the calendar and time), `seed`, and `steps`. Each step
has a time since the first day, who sends it, the command with its fields, and, where it is to be refused,
the code. ``as`` names a step; ``$name.field`` is then a field of what it came to.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from aicore.content.yaml_source import read_yaml
from aicore.headless.world import World
from domain.kernel.decider import Rejected

MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS
TIME = re.compile(r"(?:day (?P<day>\d{1,4}), )?(?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d)")
SERVICE = "service:game"
KNOWN = frozenset({"at", "by", "say", "with", "as", "refused", "why"})


class WrongScript(ValueError):
    """A script that cannot be read; each line says where and what."""


class Unlike(Exception):
    """A step came to something else than the script says."""


@dataclass(frozen=True, slots=True)
class Step:
    """A command of a script.

    Attributes:
        at_ms: game time since midnight of the day on which the world begins.
        by: the proven identity that sends it.
        say: the command's name.
        payload: its fields; texts that begin with ``$`` are taken from earlier steps.
        name: what later steps call it; "": none does.
        refused: code of the refusal that is expected; "": none.
    """

    at_ms: int
    by: str
    say: str
    payload: Mapping[str, Any]
    name: str = ""
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Script:
    """A whole script.

    Attributes:
        day: absolute day of the calendar on which the world begins.
        begins_ms: time of that day.
        ends_ms: when it is over, since midnight of that day.
        seed: the world's; None: as it is defined.
        steps: in the order of their times.
    """

    day: int
    begins_ms: int
    seed: int | None
    steps: Sequence[Step]
    ends_ms: int

    @property
    def at_ms(self) -> int:
        """Game time at which the world begins."""
        return self.day * DAY_MS + self.begins_ms


class Came(NamedTuple):
    """What a step came to."""

    step: Step
    result: Mapping[str, Any]
    code: str


@dataclass
class Played:
    """A script while it is played in a world, which began as it says."""

    world: World
    script: Script
    came: list[Came] = field(default_factory=list)
    _known: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    async def to_the_end(self) -> None:
        """Say all that is to be said, and let the world go on until the script is over; raises as `up_to`."""
        end_ms = self.script.day * DAY_MS + self.script.ends_ms
        await self.up_to(end_ms)
        if (end_us := self.world.when_us(end_ms)) is not None:
            await self.world.go_on(end_us)

    async def up_to(self, game_ms: int) -> None:
        """Say all that is to be said up to a game time, that time's included.

        Raises:
            Unlike: a step was refused that should not be, or not refused, or otherwise.
        """
        for step in self.script.steps[len(self.came) :]:
            at_ms = self.script.day * DAY_MS + step.at_ms
            if at_ms > game_ms:
                return
            if (when_us := self.world.when_us(at_ms)) is not None:
                await self.world.go_on(when_us)
            self.came.append(await self._say(step))

    async def _say(self, step: Step) -> Came:
        number = len(self.came)
        name = f"script/{number}/{step.name or step.say}"
        result: Mapping[str, Any] = {}
        code = why = ""
        try:
            payload = self._filled(step.payload)
            result = (await self.world.say(step.say, payload, by=step.by, name=name)).result
        except Rejected as refusal:
            code, why = refusal.code, f"{refusal.field}: {refusal.message}"
        if code != step.refused:
            wanted = f"refused with {step.refused}" if step.refused else "taken"
            came = f"refused with {code} ({why})" if code else "taken"
            raise Unlike(f"step {number}, {step.say} of {step.by}, was to be {wanted}; it was {came}")
        if step.name:
            self._known[step.name] = result
        return Came(step, result, code)

    def _filled(self, value: Any) -> Any:
        match value:
            case str() if value.startswith("$"):
                name, _, path = value[1:].partition(".")
                return self._known[name][path]
            case Mapping():
                return {key: self._filled(each) for key, each in value.items()}
            case list():
                return [self._filled(each) for each in value]
        return value


def read_script(file: Path) -> Script:
    """Return the script that a file holds.

    Raises:
        WrongScript: it holds none.
    """
    source = read_yaml(file.name, file.read_bytes())
    if source.faults:
        raise WrongScript("\n".join(f"{each.mark} {each.fault.found}" for each in source.faults))
    data = source.data
    begins = _time(data.get("begins"), "begins")
    steps = data.get("steps")
    if not isinstance(steps, list):
        raise WrongScript(f"{file.name}: steps: a list of steps is missing")
    found = [_step(each, f"{file.name}: steps[{number}]") for number, each in enumerate(steps)]
    for before, after in pairwise(found):
        if after.at_ms < before.at_ms:
            raise WrongScript(f"{file.name}: {after.say} at {after.at_ms} ms is earlier than the step before")
    seed = data.get("seed")
    ends_ms = (
        _time(data["ends"], "ends") if "ends" in data else max((each.at_ms for each in found), default=0)
    )
    return Script(*divmod(begins, DAY_MS), seed if isinstance(seed, int) else None, found, ends_ms)


def _step(written: object, where: str) -> Step:
    if not isinstance(written, dict):
        raise WrongScript(f"{where}: a step is a map with at, say and with")
    if other := sorted(written.keys() - KNOWN):
        raise WrongScript(f"{where}: there is no {other[0]}; a step has {', '.join(sorted(KNOWN))}")
    say = written.get("say")
    if not isinstance(say, str):
        raise WrongScript(f"{where}.say: the command's name is missing")
    payload = written.get("with") or {}
    if not isinstance(payload, dict):
        raise WrongScript(f"{where}.with: the command's fields are a map")
    texts = {name: str(written.get(name) or "") for name in ("by", "as", "refused")}
    at_ms = _time(written.get("at"), f"{where}.at")
    return Step(at_ms, texts["by"] or SERVICE, say, payload, texts["as"], texts["refused"])


def _time(written: object, where: str) -> int:
    """Return ``day 2, 18:30`` or ``18:30`` in game ms."""
    found = TIME.fullmatch(written) if isinstance(written, str) else None
    if found is None:
        raise WrongScript(f"{where}: found {written!r}; allowed: a time like 18:30, or day 2, 18:30")
    minutes = int(found["hour"]) * 60 + int(found["minute"])
    return int(found["day"] or 0) * DAY_MS + minutes * MINUTE_MS
