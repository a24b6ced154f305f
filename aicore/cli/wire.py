"""Shared parts of the commands that use the public wire."""

import difflib
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, TypeVar

import typer

from aicore.cli.terminal import Exit, Failure, out, print_json, run_async, running
from aicore.cli.views import compared, refuse_differing
from aicore.cli.vouching import vouched
from aicore.client import Client, Refused, connect
from aicore.embedded.keyring import login
from bus.retry import until_seen
from protocol.identity import Identity
from protocol.messages import ErrorReply, Reply

AT_THE_CLI = Identity("operator", "cli")
"""Identity on a server of one's own, if its address names none."""

LOOK_S, SHOWN_S = 0.1, 1.0
"""Between two looks at a view, and at most: it is behind the log for a moment."""

MODELS_VIEW = "current_models"
"""The read model that tells of models."""

T = TypeVar("T")
Row = TypeVar("Row", bound=Mapping[str, Any])

UseCase = Annotated[str, typer.Argument(help="Use case, e.g. npc_dialogue.")]
ModelId = Annotated[str, typer.Argument(help="The model: its id or the beginning of it, or NAME@VERSION.")]
Operator = Annotated[
    str,
    typer.Option(
        default_factory=login,
        show_default="your login",
        help="Person responsible, kept as a label: the log records the name of your key.",
    ),
]
Reason = Annotated[str, typer.Option(help="Reason, in words for an auditor.")]

COMMANDS = {
    "registry.register_model": "models register",
    "registry.describe_model": "models describe",
    "registry.promote_model": "models promote",
    "registry.retire_model": "models retire",
    "registry.set_alias": "models alias",
    "registry.shift_traffic": "models traffic",
    "registry.models": "models list",
    "deployment.start": "deployments start",
    "deployment.hold": "deployments hold",
    "deployment.resume": "deployments resume",
    "deployment.abort": "deployments abort",
    "deployment.roll_back": "deployments roll-back",
    "deployment.list": "deployments list",
    "evaluation.start": "evaluate",
    "prompts.register_template": "templates register",
    "optimisation.proposals": "proposals list",
    "batch.open": "batch submit",
    "batch.list": "batch list",
    "clock.start": "clock start",
    "clock.scale": "clock scale",
    "clock.jump": "clock jump",
    "clock.set_calendar": "clock calendar",
    "clock.cancel_alarm": "clock cancel-alarm",
    "ledger.open_unit": "ledger open-unit",
    "ledger.open_account": "ledger open",
    "ledger.declare_flow": "ledger open",
    "ledger.transfer": "ledger transfer",
    "ledger.reverse": "ledger reverse",
    "ledger.balance": "ledger balance",
    "ledger.history": "ledger history",
    "ledger.supply": "ledger supply",
    "quests.offers": "quests offers",
    "quests.journal": "quests journal",
    "quests.tell_gone": "quests gone",
    "people.begin": "people begin",
    "people.rest": "people rest",
    "people.here": "people list",
    "people.person": "people show",
    "people.known": "people knows",
    "people.afflict": "people harm",
    "people.health": "people health",
    "beliefs.facts": "story facts",
    "beliefs.known": "story knows",
    "beliefs.why": "story why",
    "story.pin": "story pins pin",
    "story.unpin": "story pins unpin",
    "story.pins": "story pins list",
    "story.approve": "story approve",
    "story.reject": "story reject",
    "story.verdicts": "story verdicts",
    "story.propose_bark": "story barks propose",
    "story.take_bark": "story barks take",
    "story.decline_bark": "story barks decline",
    "story.barks": "story barks list",
    "guardrails.publish_policy": "guardrails publish",
    "guardrails.violations": "guardrails violations",
    "lore.search": "lore search",
    "lore.document": "lore show",
    "lore.documents": "lore list",
    "lore.add_document": "lore add",
    "lore.remove_document": "lore remove",
    "four_eyes.confirm": "four-eyes confirm",
    "four_eyes.orders": "four-eyes list",
}
"""The command of ours behind a message that a remedy of the services may name."""

CANDIDATES_MAX = 8
"""Ids that are named to somebody who meant one of several."""

PLURALS = {"batch": "batches", "inference": "turns"}

ID_PREFIX = re.compile(r"[0-9a-f-]{1,36}")

AWAY = frozenset({"unavailable", "deadline_exceeded"})
"""Codes of services that could not be reached, or did not answer in time."""

NOT_THERE = frozenset({"unknown_use_case", "no_current_model", "suite_not_registered", "unknown_context"})
"""Codes that say, beside those that end in ``_not_found``, that the command names what is not there."""

_MESSAGE = re.compile(r"(?<!events show )(?:the query )?\b([a-z]+\.[a-z_]+)\b")


def over_wire(work: Callable[[Client], Awaitable[T]]) -> T:
    """Connect to the running system and return what ``work`` returns.

    Raises:
        Failure: the system refused; told with its remedy.
    """
    _, system = running()

    async def connected() -> T:
        async with connect(system.nats_url, system.realm, identity=AT_THE_CLI) as client:
            return await work(client)

    try:
        return run_async(connected())
    except Refused as refused:
        told = refused.error
        raise Failure(str(refused), remedy=advice(told), code=exit_of(told.code)) from None


def vouched_over_wire(work: Callable[[Client], Awaitable[T]], *, view: str = "") -> T:
    """Return what ``work`` returns, for a page that says what was said or decided: the log is verified first.

    ``view``: the read model that the answer comes from, which must be what the log makes of it.

    Raises:
        Failure: either is not as it was recorded, or as of `over_wire`.
    """
    vouched(running()[1])
    for found in compared([view]) if view else ():
        refuse_differing(found)
    return over_wire(work)


def exit_of(code: str) -> Exit:
    """Return the exit code for a refusal's code: the same mistake ends alike, wherever it is found."""
    if code in AWAY:
        return Exit.UNREACHABLE
    return Exit.USAGE if code in NOT_THERE or code.endswith("_not_found") else Exit.REFUSED


def one_of(rows: Iterable[Row], wanted: str, *, what: str, see: str, named: bool = False) -> Row:
    """Return the one row whose ``{what}_id`` is or begins with ``wanted``.

    A whole id goes before ids that it begins. ``see``: the command that lists them. ``named``: the rows have
    a name and a version, too, and may be called NAME@VERSION, or NAME where no other row has it.

    Raises:
        Failure: there is none, or more than one, naming those.
    """
    known = list(rows)
    found = [row for row in known if row[f"{what}_id"] == wanted]
    if not found and named:
        found = [row for row in known if label_of(row) == wanted]
    if not found:
        found = [
            row
            for row in known
            if (wanted and str(row[f"{what}_id"]).startswith(wanted)) or (named and row["name"] == wanted)
        ]
    if len(found) == 1:
        return found[0]
    if not found:
        said = f"no {what} is called {wanted!r}" if named else f"no {what} id begins with {wanted!r}"
        raise Failure(said, remedy=f"`aicore {see}` shows those there are", code=Exit.USAGE)
    raise Failure(
        f"{wanted!r} means {len(found)} {PLURALS.get(what, what + 's')}",
        remedy=f"say which: {_candidates(found, what, named=named)}",
        code=Exit.USAGE,
    )


def label_of(row: Mapping[str, Any]) -> str:
    """Return how people call a model or a template."""
    return f"{row['name']}@{row['version']}"


def _candidates(found: Sequence[Mapping[str, Any]], what: str, *, named: bool) -> str:
    """Return the ids that somebody may have meant, with their names if they have some."""
    told = [f"{row[f'{what}_id']}{f' ({_where(row)})' if named else ''}" for row in found[:CANDIDATES_MAX]]
    more = len(found) - len(told)
    return ", ".join(told) + (f" and {more} more" if more else "")


def _where(row: Mapping[str, Any]) -> str:
    return f"{label_of(row)}, {row['use_case']}" if "use_case" in row else label_of(row)


async def decided(client: Client, command: str, payload: Mapping[str, Any]) -> Reply:
    """Send a command of the registry and return its reply once the view of models shows it.

    The next look then sees what was done. A view that stands still is waited for no longer than `SHOWN_S`.
    """
    reply = await client.command(command, payload)
    written = max((event.position for event in reply.events), default=0)

    async def look() -> bool | None:
        shown = await client.query("registry.models", {"model_id": payload["model_id"]})
        return shown.position >= written or None

    await until_seen(look, every_s=LOOK_S, within_s=SHOWN_S)
    return reply


async def find_model(client: Client, wanted: str) -> dict[str, Any]:
    """Return the one model that an id, its beginning, NAME@VERSION or NAME means.

    Raises:
        Failure: there is none, or more than one.
    """
    models: dict[str, dict[str, Any]] = {}
    # The newest of all for their names, and, however old they are, those of the id.
    for asked in ({}, {"model_id": wanted}) if ID_PREFIX.fullmatch(wanted) else ({},):
        models |= {row["model_id"]: row for row in (await client.query("registry.models", asked)).result}
    return one_of(models.values(), wanted, what="model", see="models list", named=True)


def tell(reply: Reply, said: str = "", *, json: bool) -> None:
    """Print what a command came to: ``said`` and its events, or its result with them as JSON."""
    events = [{"type": event.type, "position": event.position} for event in reply.events]
    if json:
        print_json({**reply.result, "events": events})
        return
    if said:
        out.print(said, markup=False, soft_wrap=True)
    for event in events:
        out.print(f"  event {event['position']}: {event['type']}")
    if not events:
        out.print("  No change: already in that state.")


async def check_use_case(client: Client, use_case: str | None) -> None:
    """Refuse a use case that no model serves, naming those that there are; None stands for all of them.

    Raises:
        Failure: there is no such use case.
    """
    if use_case is None:
        return
    try:
        known = (await client.query("registry.models", {"use_case": use_case})).result
    except Refused:  # it is no name of a use case at all
        known = []
    if not known:
        there = sorted({model["use_case"] for model in (await client.query("registry.models")).result})
        near = difflib.get_close_matches(use_case, there, n=1)
        did_you_mean = f"did you mean {near[0]}? " if near else ""
        raise Failure(
            f"no model is registered for the use case {use_case!r}",
            remedy=f"{did_you_mean}there are {', '.join(there) or 'none'}",
            code=Exit.USAGE,
        )


def advice(error: ErrorReply) -> str:
    """Return the remedy of a refusal in terms of the command line."""
    when = f" after {error.retry_after_ms} ms" if error.retry_after_ms else ""
    again = "" if "again" in error.remedy else f"send it again{when}"
    retry = {"later": again, "reload": "reload the state and decide again", "never": ""}
    remedy = _MESSAGE.sub(lambda found: _command(found[1]) or found[0], error.remedy)
    return "; ".join(part for part in (remedy, retry[error.retry]) if part)


def _command(message: str) -> str:
    return f"`aicore {COMMANDS[message]}`" if message in COMMANDS else ""
