"""`aicore models`: the registry, over the public wire."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import orjson
import typer
from rich.table import Table

from aicore.cli.common import Exit, Failure, Json, out, print_json, run_async, running
from aicore.cli.wire import advice, check_use_case
from aicore.client import Client, Refused, connect
from protocol.messages import Reply

app = typer.Typer(no_args_is_help=True, help="Models: what serves which use case.")

T = TypeVar("T")

STYLES = {
    "testing": "yellow",
    "current": "bold green",
    "silenced": "bold red",
    "candidate": "cyan",
    "deprecated": "dim",
    "retired": "dim strike",
}

SILENCED = "silenced"
"""Status of a current model that may not speak, where no other one is left."""

UseCase = Annotated[str, typer.Argument(help="What models are asked to do, e.g. npc_dialogue.")]
ModelId = Annotated[str, typer.Argument(help="The model's id, or its beginning.")]
Operator = Annotated[str, typer.Option(help="Who answers for it.")]
Reason = Annotated[str, typer.Option(help="Why, in words for an auditor.")]


@app.command("list")
def list_models(
    use_case: Annotated[str | None, typer.Option(help="Only those of one use case.")] = None,
    *,
    json: Json = False,
) -> None:
    """List the models of every use case, oldest first."""

    async def work(client: Client) -> list[dict[str, Any]]:
        await check_use_case(client, use_case)
        return await _models(client, use_case)

    models = over_wire(work)
    if json:
        print_json(models)
        return
    table = Table(
        "use case", "model", "version", "provider", "tier", "status", "evaluation", "id",
        box=None, pad_edge=False,
    )  # fmt: skip
    for model in models:
        status = model["status"]
        shown = f"[{STYLES.get(status, '')}]{'SILENT' if status == SILENCED else status}[/]"
        words = (model["use_case"], model["name"], model["version"], model["provider"], model["tier"])
        told = (model["evaluation"], "rolled back" if model["barred"] else None)
        table.add_row(*words, shown, ", ".join(filter(None, told)), model["model_id"])
    out.print(table if models else "no models yet; see `aicore models register --help`")


@app.command()
def show(model_id: ModelId, *, json: Json = False) -> None:
    """Show everything that is known of a model."""
    model = over_wire(lambda client: find_model(client, model_id))
    if json:
        print_json(model)
    else:
        out.print_json(orjson.dumps(model).decode())


@app.command()
def register(
    file: Annotated[
        Path, typer.Argument(help="JSON file with the payload of registry.register_model.", exists=True)
    ],
    *,
    json: Json = False,
) -> None:
    """Make a model known; registering the same again changes nothing."""
    try:
        payload = orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as error:
        raise Failure(f"{file} is not JSON: {error}", code=Exit.USAGE) from None
    if not isinstance(payload, dict):
        raise Failure(f"{file} must hold one JSON object", code=Exit.USAGE)
    reply = over_wire(lambda client: client.command("registry.register_model", payload))
    tell(reply, json=json)


@app.command()
def promote(
    model_id: ModelId,
    operator: Operator,
    reason: Reason,
    *,
    override: Annotated[
        str, typer.Option(help="Why one that was rolled back may speak again, where no model speaks.")
    ] = "",
    json: Json = False,
) -> None:
    """Make a model the current one of its use case."""
    tell(_decide("registry.promote_model", model_id, operator, reason, override=override), json=json)


@app.command()
def retire(model_id: ModelId, operator: Operator, reason: Reason, *, json: Json = False) -> None:
    """Take a model out for good; not while it is the current one."""
    tell(_decide("registry.retire_model", model_id, operator, reason), json=json)


@app.command()
def alias(  # noqa: PLR0913 - the options of one command
    name: Annotated[str, typer.Argument(help="The alias, e.g. next.")],
    model_id: ModelId,
    operator: Operator,
    reason: Reason,
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Take the alias away instead.")] = False,
    json: Json = False,
) -> None:
    """Let a name point to a version; who asks for it (`alias` of inference.generate) gets that version."""

    async def work(client: Client) -> Reply:
        model = await find_model(client, model_id)
        target = None if remove else model["model_id"]
        payload = {"use_case": model["use_case"], "alias": name, "model_id": target}
        return await client.command("registry.set_alias", {**payload, "operator": operator, "reason": reason})

    tell(over_wire(work), json=json)


@app.command()
def traffic(
    shares: Annotated[list[str], typer.Argument(help="MODEL_ID=PERCENT for each, together 100.")],
    operator: Operator,
    reason: Reason,
    *,
    json: Json = False,
) -> None:
    """Split a use case's traffic; a player goes on meeting the same version."""
    wanted: dict[str, int] = {}
    for pair in shares:
        start, _, percent = pair.partition("=")
        if not start or not percent.isdecimal():
            raise Failure(f"{pair!r} is no share", remedy="write MODEL_ID=PERCENT", code=Exit.USAGE)
        wanted[start] = int(percent)

    async def work(client: Client) -> Reply:
        models = {start: await find_model(client, start) for start in wanted}
        if len({model["use_case"] for model in models.values()}) != 1:
            raise Failure("the models serve different use cases", code=Exit.USAGE)
        payload = {
            "use_case": next(iter(models.values()))["use_case"],
            "shares": {models[start]["model_id"]: percent for start, percent in wanted.items()},
            "operator": operator,
            "reason": reason,
        }
        return await client.command("registry.shift_traffic", payload)

    reply = over_wire(work)
    if json:
        print_json(reply.result)
        return
    whole = reply.result["shares"] or {reply.result["current_model_id"]: 100}
    for model_id, percent in whole.items():
        out.print(f"{percent:3d} %  {model_id}")


def over_wire(work: Callable[[Client], Awaitable[T]]) -> T:
    """Connect to the running system and return what ``work`` returns.

    Raises:
        Failure: the system refused; told with its remedy.
    """
    _, system = running()

    async def connected() -> T:
        async with connect(system.nats_url, system.realm, actor="operator:cli") as client:
            return await work(client)

    try:
        return run_async(connected())
    except Refused as refused:
        raise Failure(str(refused), remedy=advice(refused.error), code=Exit.REFUSED) from None


async def _models(client: Client, use_case: str | None = None) -> list[dict[str, Any]]:
    answer = await client.query("registry.models", {"use_case": use_case} if use_case else {})
    models: list[dict[str, Any]] = answer.result
    return models


async def find_model(client: Client, start: str) -> dict[str, Any]:
    """Return the one model whose id begins so."""
    found = [model for model in await _models(client) if model["model_id"].startswith(start)]
    if len(found) != 1:
        many = "no model" if not found else f"{len(found)} models"
        remedy = "see `aicore models list`"
        raise Failure(f"{many} whose id begins with {start!r}", remedy=remedy, code=Exit.USAGE)
    return found[0]


def _decide(command: str, model_id: str, operator: str, reason: str, **more: str) -> Reply:
    async def work(client: Client) -> Reply:
        model = await find_model(client, model_id)
        words = {"operator": operator, "reason": reason, **more}
        return await client.command(
            command, {"use_case": model["use_case"], "model_id": model["model_id"], **words}
        )

    return over_wire(work)


def tell(reply: Reply, *, json: bool) -> None:
    """Print what a command came to."""
    events = [{"type": event.type, "position": event.position} for event in reply.events]
    if json:
        print_json({**reply.result, "events": events})
        return
    if "model_id" in reply.result:
        out.print(f"model {reply.result['model_id']} is {reply.result['status']}")
    if reply.result.get("status") == SILENCED:
        use_case = f"[bold red]{reply.result['use_case']} is SILENT[/]"
        out.print(f"{use_case}: no model may speak, callers get authored lines")
        out.print("  aicore models promote ANOTHER, or this one with --override WHY")
    if "deployment" in reply.result:
        id_ = reply.result.get("deployment_id")
        out.print(f"deployment{f' {id_}' if id_ else ''}: {reply.result['deployment']}")
    for event in events:
        out.print(f"  event {event['position']}: {event['type']}")
    if not events:
        out.print("  it was so already; nothing was recorded")
