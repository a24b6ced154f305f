"""`aicore models`: the registry, over the public wire."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.text import Text

from aicore.cli.terminal import Exit, Failure, Json, Kind, Listing, err, out, print_json, print_rows
from aicore.cli.wire import (
    LOOK_S,
    MODELS_VIEW,
    SHOWN_S,
    ModelId,
    Operator,
    Reason,
    check_use_case,
    decided,
    find_model,
    over_wire,
    tell,
    vouched_over_wire,
)
from aicore.client import Client
from bus.retry import until_seen
from domain.registry.configuration import misspelt
from protocol.messages import Reply

app = typer.Typer(no_args_is_help=True, help="Models: register, promote and retire versions; split traffic.")

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

    models = vouched_over_wire(work, view=MODELS_VIEW)
    if json:
        print_json(models)
        return
    print_rows(listing(models), "no models yet; see `aicore models register --help`")


COLUMNS = {
    "use case": Kind.NAME, "model": Kind.NAME, "version": Kind.NAME, "provider": Kind.SPARE,
    "tier": Kind.SPARE, "status": Kind.NAME, "evaluation": Kind.SPARE, "id": Kind.ID,
}  # fmt: skip


def listing(models: Sequence[Mapping[str, Any]]) -> Listing:
    """Return the table of models."""
    rows = []
    for model in models:
        status = model["status"]
        shown = Text("SILENT" if status == SILENCED else status, STYLES.get(status, ""))
        words = (model["use_case"], model["name"], model["version"], model["provider"], model["tier"])
        told = (model["evaluation"], "rolled back" if model["barred"] else None)
        rows.append([*words, shown, ", ".join(filter(None, told)), model["model_id"]])
    return Listing(COLUMNS, rows)


@app.command()
def show(model_id: ModelId, *, json: Json = False) -> None:
    """Show all facts about a model."""
    model = vouched_over_wire(lambda client: find_model(client, model_id), view=MODELS_VIEW)
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
    """Register a model; registering the same again changes nothing."""
    try:
        payload = orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as error:
        raise Failure(f"{file} is not JSON: {error}", code=Exit.USAGE) from None
    if not isinstance(payload, dict):
        raise Failure(f"{file} must hold one JSON object", code=Exit.USAGE)
    reply = over_wire(lambda client: client.command("registry.register_model", payload))
    tell(reply, status_of(reply), json=json)
    configuration = payload.get("configuration")
    if isinstance(configuration, dict):
        warn_of(configuration)


@app.command()
def describe(  # noqa: PLR0913 - one parameter per option of the command line
    model_id: ModelId,
    operator: Operator,
    reason: Reason,
    *,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Configuration value, KEY=VALUE, e.g. template=lines@2; repeatable."),
    ] = None,
    unset: Annotated[list[str] | None, typer.Option(help="Configuration key to remove; repeatable.")] = None,
    description: Annotated[str | None, typer.Option(help="Description for people.")] = None,
    json: Json = False,
) -> None:
    """Change a model's configuration or description. If it is current, players' next turns use it."""
    configuration = {**_pairs(set_ or []), **dict.fromkeys(unset or [])}
    if not configuration and description is None:
        raise Failure("no change is given", remedy="add --set, --unset or --description", code=Exit.USAGE)

    async def work(client: Client) -> Reply:
        model = await find_model(client, model_id)
        await _check_template(client, configuration.get("template"))
        payload = {
            "use_case": model["use_case"],
            "model_id": model["model_id"],
            "configuration": configuration,
            "description": description,
        }
        by = {"operator": operator, "reason": reason}
        return await decided(client, "registry.describe_model", {**payload, **by})

    reply = over_wire(work)
    tell(reply, status_of(reply), json=json)
    warn_of(key for key, value in configuration.items() if value is not None)


def warn_of(keys: Iterable[str]) -> None:
    """Say on stderr which keys of a configuration nothing reads though they are nearly one that is read."""
    for key, near in misspelt(keys).items():
        said = f"warning: nothing reads the key {key!r}; did you mean {near!r}?"
        err.print(said, style="yellow", markup=False, soft_wrap=True)


@app.command()
def promote(
    model_id: ModelId,
    operator: Operator,
    reason: Reason,
    *,
    override: Annotated[
        str,
        typer.Option(
            help="Reason to promote without a passed evaluation; or, if the use case is silent, a model that "
            "was rolled back."
        ),
    ] = "",
    json: Json = False,
) -> None:
    """Make a model current: one that served its use case before, or passed its evaluation."""
    _decide("registry.promote_model", model_id, operator, reason, json=json, override=override)


@app.command()
def retire(model_id: ModelId, operator: Operator, reason: Reason, *, json: Json = False) -> None:
    """Retire a model for good; the current one cannot be retired."""
    _decide("registry.retire_model", model_id, operator, reason, json=json)


@app.command()
def alias(  # noqa: PLR0913 - the options of one command
    name: Annotated[str, typer.Argument(help="The alias, e.g. next.")],
    model_id: ModelId,
    operator: Operator,
    reason: Reason,
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the alias instead.")] = False,
    json: Json = False,
) -> None:
    """Point an alias to a version, which requests with that `alias` get."""

    async def work(client: Client) -> Reply:
        model = await find_model(client, model_id)
        target = None if remove else model["model_id"]
        payload = {"use_case": model["use_case"], "alias": name, "model_id": target}
        return await client.command("registry.set_alias", {**payload, "operator": operator, "reason": reason})

    tell(over_wire(work), json=json)


@app.command()
def traffic(
    shares: Annotated[
        list[str],
        typer.Argument(
            help="MODEL=PERCENT for each, together 100; MODEL is an id, its beginning, or NAME@VERSION."
        ),
    ],
    operator: Operator,
    reason: Reason,
    *,
    override: Annotated[
        str,
        typer.Option(help="Reason to give traffic to a model that never served and passed no evaluation."),
    ] = "",
    json: Json = False,
) -> None:
    """Split a use case's traffic; each player stays with one version."""
    wanted: dict[str, int] = {}
    for pair in shares:
        start, _, percent = pair.rpartition("=")
        if not start or not percent.isdecimal():
            raise Failure(
                f"{pair!r} is no share", remedy="write MODEL=PERCENT, e.g. npc-gold@1.4.0=25", code=Exit.USAGE
            )
        wanted[start] = int(percent)

    async def work(client: Client) -> Reply:
        models = {start: await find_model(client, start) for start in wanted}
        if len({model["model_id"] for model in models.values()}) != len(models):
            raise Failure("two shares are of one model", remedy="name each model once", code=Exit.USAGE)
        if len({model["use_case"] for model in models.values()}) != 1:
            raise Failure("the models serve different use cases", code=Exit.USAGE)
        payload = {
            "use_case": next(iter(models.values()))["use_case"],
            "shares": {models[start]["model_id"]: percent for start, percent in wanted.items()},
            "operator": operator,
            "reason": reason,
            "override": override,
        }
        return await client.command("registry.shift_traffic", payload)

    reply = over_wire(work)
    whole = reply.result["shares"] or {reply.result["current_model_id"]: 100}
    tell(reply, "\n".join(f"{percent:3d} %  {id_}" for id_, percent in whole.items()), json=json)


def _pairs(pairs: list[str]) -> dict[str, Any]:
    """Return KEY=VALUE pairs; a value that is JSON, such as 4 or true, is taken as such."""
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not key or not equals:
            raise Failure(f"{pair!r} has no value", remedy="write KEY=VALUE", code=Exit.USAGE)
        try:
            found[key] = orjson.loads(text)
        except orjson.JSONDecodeError:
            found[key] = text
    return found


async def _check_template(client: Client, wanted: object) -> None:
    """Refuse a template that is not registered: every turn of the model would be refused.

    Raises:
        Failure: naming those that there are.
    """
    if wanted is None:
        return

    async def look() -> bool | None:
        return bool((await client.query("prompts.templates", {"template": wanted})).result) or None

    if await until_seen(look, every_s=LOOK_S, within_s=SHOWN_S):
        return
    templates = (await client.query("prompts.templates")).result
    there = ", ".join(f"{template['name']}@{template['version']}" for template in templates)
    said = f"no template {wanted} is registered"
    raise Failure(said, remedy=f"there are {there or 'none'}", code=Exit.USAGE)


async def _models(client: Client, use_case: str | None = None) -> list[dict[str, Any]]:
    answer = await client.query("registry.models", {"use_case": use_case} if use_case else {})
    models: list[dict[str, Any]] = answer.result
    return models


def _decide(command: str, model_id: str, operator: str, reason: str, *, json: bool, **more: str) -> None:
    async def work(client: Client) -> Reply:
        model = await find_model(client, model_id)
        words = {"operator": operator, "reason": reason, **more}
        of = {"use_case": model["use_case"], "model_id": model["model_id"]}
        return await decided(client, command, {**of, **words})

    reply = over_wire(work)
    tell(reply, status_of(reply), json=json)


def status_of(reply: Reply) -> str:
    """Return a model's status after a command, and whether its use case is silent."""
    lines = [f"model {reply.result['model_id']} is {reply.result['status']}"]
    if reply.result["status"] == SILENCED:
        lines += [
            f"{reply.result['use_case']} is SILENT: no model may answer, callers get authored lines",
            "  aicore models promote ANOTHER, or this one with --override WHY",
        ]
    return "\n".join(lines)
