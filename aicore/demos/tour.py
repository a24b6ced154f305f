"""The demo: a client process that knows the public wire and nothing else (`python -m aicore.demos.tour`).

It registers templates and models, talks to people on gold and silver, repeats itself, sends nonsense of
several kinds, and shows every event as it arrives from JetStream. Run it as often as you like: what is
registered already stays as it is.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any, NamedTuple
from uuid import UUID

from rich.console import Console
from rich.text import Text

from aicore.client import Client, Refused, Unanswered, connect
from aicore.clock import new_id, now_us
from aicore.content.calendar import shipped_calendar
from aicore.content.models import DEMO_MODELS, DIALOGUE, QUEST
from aicore.content.templates import TEMPLATES
from aicore.settings import load_settings
from bus.retry import until_seen
from domain.clock.almanac import Almanac, Date
from domain.clock.calendar import Calendar
from domain.clock.units import GameTime
from protocol.envelope import Envelope
from protocol.messages import CommandMessage, ErrorReply, Reply, encode_command
from protocol.packing import unpack
from protocol.subjects import command_subject

EVENT_TIMEOUT_S = 10.0
"""From a command's reply to its event's arrival; usually a few milliseconds."""

OVERSIZED_BYTES = 600 * 1024
"""Above the limit of one payload (512 KiB) and below NATS's own of one message (1 MiB)."""

MESSAGE_CHARACTERS_MAX = 100
CLOCK_LOOK_S = 0.05
USE_CASE = DIALOGUE

SHOWN = frozenset({"prompts", "registry", "inference", "clock"})
"""Contexts whose events are shown one by one: those that the demo moves."""


class Question(NamedTuple):
    """A player's line, and the character it is said to."""

    use_case: str
    npc: str
    said: str
    context: Mapping[str, Any]


BRAM: Mapping[str, Any] = {
    "weather": "fog",
    "time": "dusk",
    "quest": "bring me three bells from the wrecks",
}
QUESTIONS = (
    Question(DIALOGUE, "bram_sallow", "Do you have work for me?", BRAM),
    Question(DIALOGUE, "bram_sallow", "Tell me about the Tallymen.", BRAM),
    Question(QUEST, "lady_mere", "It is done.", {"weather": "storm", "memory": "you found the bells"}),
    Question(QUEST, "thimble", "What is the tide key?", {"mood": "amused", "time": "night"}),
)

console = Console(highlight=False, soft_wrap=True)


class Nonsense(NamedTuple):
    """Something wrong to send."""

    what: str
    subject: str
    data: bytes


class Beside:
    """Counts what the world does of itself meanwhile: hundreds of events when it opens its shops."""

    def __init__(self) -> None:
        self._of = Counter[str]()
        self._last = 0

    def count(self, event: Envelope) -> None:
        """Count one event more."""
        self._of[event.type.partition(".")[0]] += 1
        self._last = event.position

    def told(self) -> str:
        """Return the sum as a line, and begin anew; empty if there was none."""
        counts = ", ".join(f"{number} of {context}" for context, number in self._of.most_common())
        self._of.clear()
        return f"  meanwhile, up to event {self._last}: {counts}" if counts else ""


class Watcher:
    """Prints events as they arrive, the world's in sums, and lets one wait for a position."""

    def __init__(self) -> None:
        self.last = 0
        self._beside = Beside()
        self.paused = asyncio.Lock()
        """Hold it to keep events out of a line that is being printed."""
        self._moved = asyncio.Condition()
        self._positions: dict[str, int] = {}

    async def run(self, client: Client, listening: asyncio.Event) -> None:
        """Follow the realm's events for ever."""
        async with aclosing(client.events()) as events:
            listening.set()
            async for event in events:
                async with self.paused:
                    self._show(event)
                async with self._moved:
                    self._positions[str(event.id)] = event.position
                    self.last = max(self.last, event.position)
                    self._moved.notify_all()

    def _show(self, event: Envelope) -> None:
        if event.type.partition(".")[0] not in SHOWN:
            self._beside.count(event)
            return
        if told := self._beside.told():
            console.print(Text(told, style="cyan"))
        _show(event)

    async def seen(self, event_id: str) -> int:
        """Wait until an event has come, and return its position; 0 if it came before we listened."""
        with suppress(TimeoutError):
            async with asyncio.timeout(EVENT_TIMEOUT_S), self._moved:
                await self._moved.wait_for(lambda: event_id in self._positions)
        return self._positions.get(event_id, 0)

    async def reach(self, reply: Reply) -> None:
        """Wait until the events of a reply have come."""
        wanted = max((event.position for event in reply.events), default=0)
        async with asyncio.timeout(EVENT_TIMEOUT_S), self._moved:
            await self._moved.wait_for(lambda: self.last >= wanted)


async def play(url: str, realm: str) -> None:
    """Play the demo against a running system.

    Raises:
        Unanswered: nothing serves there. TimeoutError: an event did not arrive.
    """
    async with connect(url, realm) as client, _watched(client) as watcher:
        console.rule("[bold]1.[/bold] prompt templates and models are registered; a clock goes", align="left")
        for template in TEMPLATES:
            reply = await client.command("prompts.register_template", template)
            await watcher.reach(reply)
            console.print(f"  template [bold]{reply.result['template']}[/bold]")
        for facts in DEMO_MODELS:
            await _register(client, watcher, facts)
        await _start_clock(client, watcher)
        console.rule("[bold]2.[/bold] players talk; the words come as they are made", align="left")
        for question in QUESTIONS:
            await _ask(client, watcher, question, new_id())
        console.rule("[bold]3.[/bold] the same command twice takes effect once", align="left")
        again = new_id()
        first = await _ask(client, watcher, QUESTIONS[0], again)
        second = await _ask(client, watcher, QUESTIONS[0], again)
        same = first.result["event_id"] == second.result["event_id"]
        console.print(
            f"  same answer, same event, duplicate={second.duplicate}" if same else "  [red]differs[/]"
        )
        console.rule("[bold]4.[/bold] nonsense gets a typed answer", align="left")
        await _send_nonsense(client)
        console.rule("[bold]5.[/bold] what the read models made of it", align="left")
        await _show_views(client, at_least=watcher.last)


async def _register(client: Client, watcher: Watcher, facts: Mapping[str, Any]) -> None:
    reply = await client.command("registry.register_model", facts)
    how = "registered" if reply.events else "was registered before, nothing recorded:"
    what = f"[bold]{facts['name']} {facts['version']}[/bold] for {facts['use_case']}"
    console.print(f"  {how} {what}, {reply.result['status']}")
    await watcher.reach(reply)


def a_morning(calendar: Calendar) -> GameTime:
    """Return 7 o'clock of the first year's day with the most light.

    It is day then, and for long, so that nothing happens by itself while somebody still looks around.
    """
    season = max(calendar.seasons, key=lambda each: each.sunset_s - each.sunrise_s)
    return Almanac(calendar).time(Date(calendar.first_year, season.month, season.day), hour=7)


async def _start_clock(client: Client, watcher: Watcher) -> None:
    """Start the world's clock, if it does not go yet, and show what it shows."""
    if (await client.query("clock.now")).result is None:
        calendar = shipped_calendar()
        start = {"calendar": calendar.model_dump(), "at_game_ms": a_morning(calendar).ms}
        await watcher.reach(
            await client.command("clock.start", {**start, "operator": "demo", "reason": "show"})
        )

    async def led() -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = (await client.query("clock.now")).result
        return found if found and found["term"] else None

    found = await until_seen(led, every_s=CLOCK_LOOK_S, within_s=EVENT_TIMEOUT_S)
    if found is None:
        raise Unanswered("nobody leads the clock")
    seen = found["reading"]
    date = f"{seen['day']} {seen['month']} {seen['year']}"
    time = f"{seen['hour']:02}:{seen['minute']:02} of {date}"
    console.print(f"  the clock shows [bold]{time}[/bold]: {seen['phase']}, {seen['season']}")


async def _ask(client: Client, watcher: Watcher, question: Question, id_: UUID) -> Reply:
    """Show a line word by word, as it comes."""
    use_case, npc, said, context = question
    payload = {"use_case": use_case, "npc": npc, "prompt": said, "context": context, "max_tokens": 64}
    console.print(Text(f"  to {npc}: ", style="dim").append(said, style="default"))
    console.print("    ", end="")
    pieces = 0
    async with watcher.paused, aclosing(client.stream(payload, id=id_)) as answer:
        async for item in answer:
            if isinstance(item, Reply):
                reply = item
            else:
                pieces += 1
                console.print(item, end="", style="bold yellow", markup=False)
    result = reply.result
    console.print("" if pieces else Text(str(result["text"]), style="bold yellow"))
    served = result["served"]
    model = (
        f"{result['model']['name']} {result['model']['version']} on {served['tier']} by {served['engine']}"
    )
    times = f"{result['latency_ms']:.1f} ms, first token after {result['ttft_ms']:.1f} ms, in {pieces} pieces"
    position = await watcher.seen(result["event_id"])
    console.print(f"    [dim]{model} · {times} · event {position}[/dim]")
    return reply


def _nonsense(client: Client, model_id: str) -> Sequence[Nonsense]:
    def command(name: str, payload: Mapping[str, Any], expected: int | None = None) -> bytes:
        message = CommandMessage(new_id(), name, payload)
        if expected is not None:
            message = CommandMessage(new_id(), name, payload, expected)
        return encode_command(message)

    def to(name: str) -> str:
        return command_subject(client.realm, name, client.identity)

    generate, register = "inference.generate", "registry.register_model"
    promote = "registry.promote_model"
    ask = {"use_case": USE_CASE, "prompt": "hello"}
    promotion = {"use_case": USE_CASE, "model_id": model_id, "operator": "demo", "reason": "to be refused"}
    return [
        Nonsense("not ours to send", to("registry.explode_model"), command("registry.explode_model", {})),
        Nonsense(
            "wrong types",
            to(generate),
            command(generate, {"use_case": USE_CASE, "prompt": 7, "max_tokens": "many"}),
        ),
        Nonsense("unknown field", to(generate), command(generate, {**ask, "colour": "blue"})),
        Nonsense("oversized", to(generate), command(generate, {**ask, "npc": "x" * OVERSIZED_BYTES})),
        Nonsense("garbage bytes", to(register), b"\xc1\xffnot msgpack\x00"),
        Nonsense("empty message", to(register), b""),
        Nonsense("stale expected version", to(promote), command(promote, promotion, expected=0)),
    ]


async def _send_nonsense(client: Client) -> None:
    current = await client.query("registry.current", {"use_case": USE_CASE})
    for nonsense in _nonsense(client, current.result["model_id"]):
        answer = await client.request(nonsense.subject, nonsense.data)
        if not isinstance(answer, ErrorReply):
            raise Unanswered(f"{nonsense.what} was not refused")
        line = Text(f"  {nonsense.what:<24}").append(f"{answer.code:<20}", style="red")
        line.append(f"retry={answer.retry:<8}").append(answer.message[:MESSAGE_CHARACTERS_MAX], style="dim")
        console.print(line)


async def _show_views(client: Client, *, at_least: int) -> None:
    """Show the statistics once they are true as of the last event seen."""
    async with asyncio.timeout(EVENT_TIMEOUT_S):
        stats = await client.query("inference.stats", {"use_case": USE_CASE})
        while stats.position < at_least:
            stats = await client.query("inference.stats", {"use_case": USE_CASE})
    models = await client.query("registry.models")
    console.print(f"  {len(models.result)} models in the registry, as of position {models.position}")
    for row in stats.result:
        latency = row["latency_ms"]
        counts = f"{row['completed']} answers, {row['failed']} failures"
        times = f"p50 {latency['p50']} ms, p99 {latency['p99']} ms"
        console.print(f"  tier {row['tier']}: {counts}, {times}, as of position {stats.position}")


@asynccontextmanager
async def _watched(client: Client) -> AsyncIterator[Watcher]:
    watcher, listening = Watcher(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(watcher.run(client, listening))
        await listening.wait()
        yield watcher
        task.cancel()


def _show(event: Envelope) -> None:
    age_ms = (now_us() - event.time) / 1_000
    payload = unpack(event.payload, "payload")
    named = (
        payload.get("name") or payload.get("text") or payload.get("prompt") or payload.get("model_id") or ""
    )
    line = Text(f"  event {event.position:<5}", style="cyan")
    line.append(f"{event.type:<25} {event.stream[:40]:<40} v{event.version:<3}", style="cyan")
    line.append(f" {age_ms:5.1f} ms after its commit  {str(named)[:32]}", style="dim")
    console.print(line)


def main() -> None:
    """Play against the system that the settings name; exit code 1 with one sentence if that fails."""
    settings = load_settings()
    try:
        asyncio.run(play(settings.nats_url or "nats://127.0.0.1:4222", settings.realm))
    except* (Refused, Unanswered, TimeoutError) as errors:
        console.print(f"[red]the demo stopped:[/red] {errors.exceptions[0]!r}")
        sys.exit(1)


if __name__ == "__main__":
    main()
