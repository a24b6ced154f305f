"""`aicore up` and `aicore run`: the whole system in one process, or some of its components."""

import asyncio
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.markup import escape

from aicore.addresses import masked
from aicore.cli.relay import compared
from aicore.cli.terminal import Exit, Failure, err, loop_factory, out
from aicore.client import Refused, Unanswered, connect
from aicore.collector import relax_collector, spare_the_end
from aicore.content.loading import load_sample, load_sample_lore
from aicore.content.weights import SHIPPED, shipped_model
from aicore.embedded.ports import is_loopback, shown_host
from aicore.embedded.process import dying_with_parent
from aicore.embedded.vllm import EmbeddedVllm, vllm_python
from aicore.keys import named_keys, own_key
from aicore.logfiles import LogFile
from aicore.logs import set_up
from aicore.running import LOG_FILE, System, find, serving
from aicore.settings import DSNS, Settings, load_settings
from aicore.supervisor import Start
from aicore.wiring.components import run
from aicore.wiring.parts import COMPONENTS
from bus.relay.relay import FAILURES as RELAY_FAILURES
from bus.relay.relay import HELD_MEND

FILES_WANTED = 65_536
FILES_MIN = 256
"""Servers, pools, streams and engines of one process, with as many again for callers."""

DEMO_STOP_TIMEOUT_S = 2.0
TOUR = ("aicore.demos.tour",)
PLAYERS = ("aicore", "demo", "walk", "--name", "player", "--seconds", "900", "--json")
"""A quarter of an hour: who leaves the program running overnight does not find a log full of walks."""

Components = Annotated[
    list[str], typer.Argument(help=f"Components: {', '.join(COMPONENTS)}.", metavar="COMPONENT...")
]


def up(  # noqa: PLR0913 - one parameter per option of the command line
    *,
    demo: Annotated[bool, typer.Option(help="Play the demo when everything is ready.")] = False,
    world: Annotated[
        bool, typer.Option(help="Load the sample world when everything is ready, if none was loaded.")
    ] = False,
    players: Annotated[
        int, typer.Option(min=0, max=500, help="So many players live in the world for a quarter of an hour.")
    ] = 0,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log to the terminal.")] = False,
    servers_only: Annotated[
        bool, typer.Option(help="Start the embedded servers only; run the components with `aicore run`.")
    ] = False,
    vllm: Annotated[
        bool, typer.Option(help="Serve gold and silver from a vLLM of our own (`make venv-vllm` first).")
    ] = False,
) -> None:
    """Start everything and stay up; Ctrl-C or SIGTERM stops all in order.

    Servers that the settings do not name are started here, with their data in AICORE_STATE_DIR.
    """
    settings = load_settings()
    open_files()
    with Stopper() as stopper:
        err.print(f"[dim]starting in {settings.state_dir.resolve()}[/dim]")
        try:
            with serving(settings, _vllms(settings) if vllm else {}) as system:
                with _logging(settings, None if verbose else system.state_dir / LOG_FILE):
                    components = () if servers_only else COMPONENTS
                    first = First(world and not servers_only, demo, players)
                    stopper.run(lambda: _up(settings, system, components, stopper.stop, first))
                err.print("[dim]stopping the servers[/dim]")
        except KeyboardInterrupt:
            raise typer.Exit(128 + signal.SIGINT) from None
    err.print("stopped in order; `aicore up` goes on from here")


def _vllms(settings: Settings) -> Mapping[str, EmbeddedVllm]:
    """Return our own vLLM servers by tier, not started."""
    python = vllm_python(Path(__file__).parents[2])
    if python is None:
        raise Failure(
            "vLLM is not installed", remedy="`make venv-vllm` installs it (3.5 GB)", code=Exit.USAGE
        )
    return {
        tier: EmbeddedVllm(
            settings.state_dir,
            python,
            (settings.model_dir or shipped_model(model)) / "hf",
            name=f"vllm-{tier}",
        )
        for tier, model in SHIPPED.items()
    }


def run_components(components: Components) -> None:
    """Run only these components, against a running system or your own servers.

    Start as many processes of each as you like: commands and queries share the load, one relay leads.
    """
    unknown = sorted(set(components) - set(COMPONENTS))
    if unknown:
        raise Failure(
            f"no component {unknown[0]!r}", remedy=f"there are {', '.join(COMPONENTS)}", code=Exit.USAGE
        )
    settings = load_settings()
    open_files()
    # The door of a running `aicore up` is its own; ours has the port of the settings, or none.
    system = find(settings).model_copy(update={"pid": os.getpid(), "http_port": 0})
    set_up(settings.log_level, settings.log_format)
    with Stopper() as stopper:
        ready = lambda: err.print(f"{' '.join(components)} ready")  # noqa: E731 - one line, used once
        stopper.run(lambda: run(settings, system, components, stop=stopper.stop, start=Start(ready)))


def open_files() -> None:
    """Let this process and its servers open as many files as the machine allows.

    Raises:
        Failure: that is too few to serve, or the working directory is gone, which libraries do not survive.
    """
    try:
        Path.cwd()
    except FileNotFoundError:
        raise Failure(
            "the working directory is gone", remedy="change to another directory", code=Exit.USAGE
        ) from None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES_WANTED if hard == resource.RLIM_INFINITY else min(hard, FILES_WANTED)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most < FILES_MIN:
        raise Failure(
            f"only {most} files may be open at a time; {FILES_MIN} are needed",
            remedy=f"raise the limit of this shell: `ulimit -n {FILES_MIN}`, better 4096",
            code=Exit.USAGE,
        )


class Stopper:
    """Turns SIGINT and SIGTERM into an orderly stop, whatever runs when they come.

    Before the event loop: `KeyboardInterrupt`, which unwinds what was started; should something swallow it,
    the loop does not begin. In it: ``stop`` is set. After it: nothing, because the stop is under way and
    bounded.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending = False
        self._before: list[Any] = []

    def __enter__(self) -> "Stopper":
        self._before = [signal.signal(number, self._on_signal) for number in self.SIGNALS]
        return self

    def __exit__(self, *exc_info: object) -> None:
        for number, handler in zip(self.SIGNALS, self._before, strict=True):
            signal.signal(number, handler)

    def run(self, work: Callable[[], Any]) -> None:
        """Run a coroutine function in an event loop; signals set ``stop`` meanwhile."""
        if self.stop.is_set():
            raise KeyboardInterrupt
        try:
            relax_collector()
            with asyncio.Runner(loop_factory=loop_factory()) as runner:
                self._loop = runner.get_loop()
                runner.run(work())
        finally:
            self._ending = True
            self._loop = None
            spare_the_end()

    def _on_signal(self, _number: int, _frame: object) -> None:
        if self._ending:
            return
        if self._loop is None:
            self._ending = True
            self.stop.set()
            raise KeyboardInterrupt
        self._loop.call_soon_threadsafe(self.stop.set)


class First(NamedTuple):
    """What is done as soon as everything is ready."""

    world: bool
    demo: bool
    players: int


async def _up(
    settings: Settings, system: System, components: Sequence[str], stop: asyncio.Event, first: First
) -> None:
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        if components:
            start = Start(ready.set, _tell_trouble)
            group.create_task(run(settings, system, components, stop=stop, start=start))
        else:
            ready.set()
        if not await _first(group, ready, stop):
            return
        _tell(settings, system)
        await tell_held(system)
        if first.world:
            await _load_world(system)
        if first.demo:
            await _play(group, settings, system, stop, TOUR)
        if first.world and first.demo:
            await _begin_people(system)
        if first.players and not stop.is_set():
            play = (*PLAYERS, "--players", str(first.players))
            group.create_task(_play(group, settings, system, stop, play))
            out.print(f"{first.players} players walk, trade, talk and take quests: `aicore world watch`")
        if not stop.is_set():
            _tell_next()
        await stop.wait()
        err.print("[dim]stopping[/dim]")


async def _load_world(system: System) -> None:
    """Load the sample world over the wire, if the realm has none; what holds already stays."""
    try:
        async with connect(system.nats_url, system.realm) as client:
            loaded = await load_sample(client)
            documents = await load_sample_lore(client)
    except (Refused, Unanswered) as error:
        err.print(f"[red]the sample world was not loaded:[/red] {escape(str(error))}", soft_wrap=True)
        return
    if loaded:
        said = f"version {loaded['version']}, {loaded['entries']} entries"
        out.print(f"the world of Cindermouth is loaded: {said}")
    if documents:
        out.print(
            f"{documents} documents of its lore are added: `aicore lore search 'what is the tide key?'`"
        )


async def _begin_people(system: System) -> None:
    """Have the world's people live, if they do not yet; the demo has started the clock."""
    try:
        async with connect(system.nats_url, system.realm) as client:
            reply = await client.command("people.begin", {"operator": "demo", "reason": "show"})
    except (Refused, Unanswered) as error:
        err.print(f"[red]people do not live yet:[/red] {escape(str(error))}", soft_wrap=True)
        return
    if reply.events:
        out.print("its people live: `aicore people list`, `aicore world watch`")


async def _first(group: asyncio.TaskGroup, wanted: asyncio.Event, stop: asyncio.Event) -> bool:
    """Wait for either event; return whether it was ``wanted``."""
    tasks = {group.create_task(wanted.wait()), group.create_task(stop.wait())}
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    return wanted.is_set() and not stop.is_set()


async def _play(
    group: asyncio.TaskGroup, settings: Settings, system: System, stop: asyncio.Event, play: Sequence[str]
) -> None:
    """Run a client, a process of its own that knows only the wire, to its end or until ``stop``."""
    environment = {
        **os.environ,
        **settings.environment(),
        "AICORE_REALM": system.realm,
        "AICORE_NATS_URL": system.nats_url,
    }
    for secret in (*(f"AICORE_{name.upper()}" for name in DSNS), "AICORE_PERSONAL_KEY"):
        environment.pop(secret, None)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *play,
        env=environment,
        stdout=asyncio.subprocess.DEVNULL if "--json" in play else None,
        preexec_fn=dying_with_parent(signal.SIGTERM),  # one system call
        start_new_session=True,  # Ctrl-C is for us; we pass it on
    )
    ended = asyncio.Event()

    async def watch() -> None:
        await process.wait()
        ended.set()

    watching = group.create_task(watch())
    await _first(group, ended, stop)
    if not ended.is_set():
        process.terminate()
        await asyncio.wait({watching}, timeout=DEMO_STOP_TIMEOUT_S)
        if not ended.is_set():
            process.kill()
    await watching
    if process.returncode and not stop.is_set():
        err.print(f"[red]{play[0]} ended with code {process.returncode}[/red]; the system stays up")


def _tell_trouble(component: str, reason: str) -> None:
    """Say why the start waits: it goes on by itself, or ends with this reason."""
    err.print(f"[yellow]{component} cannot serve yet[/yellow]: {escape(reason)}", soft_wrap=True)


def _tell(settings: Settings, system: System) -> None:
    away = "" if is_loopback(settings.http_host) else f" but the HTTP door, on {settings.http_host}"
    said = f"realm [bold]{system.realm}[/bold], all on loopback{escape(away)}"
    out.print(f"[bold green]AI Core is up[/bold green]: {said}")
    out.print(f"  log (Postgres)    {masked(system.postgres_dsn)}", soft_wrap=True)
    out.print(f"  wire (NATS)       {masked(system.nats_url)}", soft_wrap=True)
    if system.http_port:
        host = shown_host(settings.http_host)
        out.print(f"  OpenAI API (HTTP) http://{host}:{system.http_port}/v1", soft_wrap=True)
        out.print(f"  its key           {_key_shown(settings, system)}", soft_wrap=True, highlight=False)
    out.print(f"  state and logs    {system.state_dir}", soft_wrap=True)


def _key_shown(settings: Settings, system: System) -> str:
    """Return the key that was made here; of those that somebody gave, the names alone."""
    if system.http_key_kept:
        return escape(own_key(system.state_dir))
    names = ", ".join(named_keys(settings.http_key.get_secret_value()))
    return f"of {escape(names)}, as AICORE_HTTP_KEY gives them"


async def tell_held(system: System) -> None:
    """Say so if the relay waits for an operator; nothing else stops when that cannot be found out."""
    try:
        found = await compared(system)
    except RELAY_FAILURES as error:
        err.print(
            f"[yellow]JetStream was not compared with the log[/yellow]: {type(error).__name__}: {error}"
        )
        return
    if found.lost:
        told = f"{found.reason}; nothing is published: {HELD_MEND}"
        out.print(f"  [red]the relay is held[/red] {told}", soft_wrap=True)


def _tell_next() -> None:
    command = Path(sys.argv[0])
    shown = "python -m aicore" if command.name == "__main__.py" else _relative(command)
    out.print("\n[bold]Where to look[/bold] (in another terminal, in this directory):")
    for arguments, why in (
        ("log tail", "the events as they happen"),
        ("ask 'Tell me about the Tallymen.'", "a line from the current model"),
        ("ask 'Who are you?' --stream", "the same, word by word"),
        ("tiers --watch", "engines and their latencies, live"),
        ("clock show", "what time it is in the game"),
        ("world watch", "who is where, live"),
        ("talk ferris_oake 'Who are you?'", "go to somebody of the world and speak"),
        ("explain npc una_pell", "why she does what she does"),
        ("market board lamp_yard", "what things cost today"),
        ("models list", "the registry"),
        ("content list", "who speaks, where, and what is true"),
        ("events list", "every message there is"),
        ("log verify", "prove that nobody changed the log"),
        ("doctor", "is everything as it should be?"),
    ):
        out.print(f"  {shown} {arguments:<42} [dim]{why}[/dim]", soft_wrap=True)
    out.print("Ctrl-C stops everything in order.")


def _relative(command: Path) -> str:
    """Return how to call a command from the working directory."""
    try:
        return str(command.relative_to(Path.cwd()))
    except ValueError:
        return str(command)


@contextmanager
def _logging(settings: Settings, path: Path | None) -> Iterator[None]:
    """Write the log to ``path``, or to stderr."""
    if path is None:
        set_up(settings.log_level, settings.log_format)
        yield
        return
    with closing(LogFile(path)) as file:
        set_up(settings.log_level, settings.log_format, file)
        try:
            yield
        finally:
            logging.shutdown()
            set_up(settings.log_level, settings.log_format)
