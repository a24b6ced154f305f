"""`aicore deployments`: roll a candidate out, watch it, hold it, roll it back."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from aicore.audit.deployment_page import as_html
from aicore.audit.deployment_replay import Replay, as_row, replay, sparkline, words_of
from aicore.cli.models import status_of
from aicore.cli.terminal import (
    Exit,
    Failure,
    Json,
    Kind,
    Listing,
    clock_of,
    out,
    print_json,
    print_rows,
    run_async,
    running,
)
from aicore.cli.wire import (
    MODELS_VIEW,
    ModelId,
    Operator,
    Reason,
    check_use_case,
    find_model,
    one_of,
    over_wire,
    tell,
    vouched_over_wire,
)
from aicore.client import Client
from aicore.clock import now_us
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.postgres.log import open_log
from bus.retry import until_seen
from protocol.messages import Reply

app = typer.Typer(no_args_is_help=True, help="Deployments: roll a candidate out step by step, or back.")

DeploymentId = Annotated[str, typer.Argument(help="The deployment's id, or its beginning.")]

STYLES = {
    "running": "cyan",
    "preparing": "cyan",
    "held": "yellow",
    "completed": "bold green",
    "aborted": "dim",
    "failed": "red",
    "rolled_back": "bold red",
}
LOOK_S, SHOWN_S = 0.3, 3.0
"""Between two looks, and until a deployment that was started shows at the latest, s."""


@app.command()
def start(  # noqa: PLR0913 - the options of one command
    model_id: ModelId,
    operator: Operator,
    reason: Reason,
    *,
    strategy: Annotated[str, typer.Option(help="Strategy: blue_green, canary or all_at_once.")] = "canary",
    steps: Annotated[
        str, typer.Option(help="Percent at each step, e.g. 5,25,100; default: the strategy's own.")
    ] = "",
    gate: Annotated[str, typer.Option(help="Gate: evidence or threshold.")] = "evidence",
    turns: Annotated[int, typer.Option(help="Turns that the candidate must answer in each step.")] = 40,
    false_alarms: Annotated[
        float, typer.Option(help="Chance of rolling back a candidate that is no worse.")
    ] = 0.01,
    override: Annotated[str, typer.Option(help="Reason to deploy without a passed evaluation.")] = "",
    watch: Annotated[bool, typer.Option(help="Watch it until it has ended.")] = False,
    json: Json = False,
) -> None:
    """Start a deployment. Players meet the candidate once its engine has answered a probe."""
    try:
        shares = [int(each) for each in steps.split(",") if each.strip()]
    except ValueError:
        raise Failure(f"{steps!r} are no steps", remedy="write e.g. 5,25,50,100", code=Exit.USAGE) from None

    async def work(client: Client) -> Reply:
        model = await find_model(client, model_id)
        payload = {
            "use_case": model["use_case"],
            "model_id": model["model_id"],
            "strategy": strategy,
            "steps": shares,
            "gate": {"kind": gate, "turns_min": turns, "false_alarms": false_alarms},
            "operator": operator,
            "reason": reason,
            "override": override,
        }
        return await client.command("deployment.start", payload)

    reply = over_wire(work)
    if not (watch and json):  # then the deployment as it ended is the one JSON value
        tell(reply, _state(reply), json=json)
    if watch:
        over_wire(lambda client: _watch(client, reply.result["deployment_id"], json=json))


@app.command("list")
def list_deployments(
    use_case: Annotated[str | None, typer.Option(help="Only those of one use case.")] = None,
    *,
    json: Json = False,
) -> None:
    """List the newest 100 deployments, and rollbacks outside of any; the oldest first."""

    async def work(client: Client) -> tuple[Sequence[Mapping[str, Any]], Mapping[str, str]]:
        await check_use_case(client, use_case)
        return await _rows(client, use_case), await _names(client)

    rows, names = vouched_over_wire(work, view=MODELS_VIEW)
    if json:
        print_json(rows)
        return
    print_rows(listing(rows, names), "no deployments yet; see `aicore deployments start --help`")


COLUMNS = {
    "use case": Kind.NAME, "strategy": Kind.SPARE, "state": Kind.NAME, "since (UTC)": Kind.SPARE,
    "share": Kind.NAME, "candidate": Kind.NAME, "id": Kind.ID,
}  # fmt: skip
STORY_COLUMNS = {
    "time (UTC)": Kind.NAME, "what": Kind.NAME, "share": Kind.NAME, "turns": Kind.NAME,
    "evidence": Kind.NAME, "": Kind.TEXT,
}  # fmt: skip


def listing(rows: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> Listing:
    """Return the table of deployments; ``names`` of the models by id."""
    shown = [
        [
            row["use_case"],
            row["strategy"] or f"by {row['operator']}",
            Text(row["state"], STYLES[row["state"]]),
            clock_of(row["story"][-1]["at_us"]),
            f"{row['share']} %",
            names.get(row["model_id"], row["model_id"]),
            row["deployment_id"] or "",
        ]
        for row in rows
    ]
    return Listing(COLUMNS, shown)


@app.command()
def show(deployment_id: DeploymentId, *, json: Json = False) -> None:
    """Show the history of a deployment: each step, its time, and the gate's evidence."""

    async def work(client: Client) -> tuple[Mapping[str, Any], Mapping[str, str]]:
        return await _find(client, deployment_id), await _names(client)

    row, names = vouched_over_wire(work, view=MODELS_VIEW)
    if json:
        print_json(row)
    else:
        out.print(_story(row, names), crop=False)


@app.command()
def watch(deployment_id: DeploymentId, *, json: Json = False) -> None:
    """Show a deployment live until it has ended; with --json print it at the end."""
    vouched_over_wire(lambda client: _watch(client, deployment_id, json=json))


@app.command("replay")
def replay_command(
    deployment_id: DeploymentId,
    *,
    html: Annotated[Path | None, typer.Option(help="HTML file to write, with a plot.")] = None,
    json: Json = False,
) -> None:
    """Replay the gate of a deployment turn by turn from the log, and compare its verdicts.

    Exit code 1 if a verdict comes early, late, never or otherwise, or if there is none to compare.
    """
    _, system = running()
    id_ = vouched_over_wire(lambda client: _find(client, deployment_id))["deployment_id"]

    async def work() -> Replay:
        async with open_log(system.postgres_dsn, system.realm, now_us=now_us, writer=False) as log:
            return await replay(log, EventCodec(domain_catalogue()), id_)

    found = run_async(work())
    if html is not None:
        html.write_text(as_html(found), encoding="utf-8")
    if json:
        checks = [as_row(check) for check in found.checks]
        print_json({"deployment_id": id_, "same": found.same, "erased": found.erased, "checks": checks})
    elif not found.checks:
        out.print(
            f"nothing to compare: no verdict was due or said on {id_} yet, in {len(found.points)} turns"
        )
    else:
        out.print(f"evidence over {len(found.points)} turns, the top is the limit: {sparkline(found)}")
        for check in found.checks:
            verdict = "[green]the same[/]" if check.same else "[bold red]ANOTHER[/]"
            out.print(f"  {check.what}: {words_of(check)}, {verdict}")
        if found.erased:
            out.print(
                f"{found.erased} answers are erased since: whether they used their lore is known no more"
            )
    if not found.same:
        raise typer.Exit(1)


@app.command()
def hold(deployment_id: DeploymentId, operator: Operator, reason: Reason, *, json: Json = False) -> None:
    """Hold a deployment: the traffic stays as it is, the gate goes on watching."""
    _say("deployment.hold", deployment_id, operator, reason, json=json)


@app.command()
def resume(deployment_id: DeploymentId, operator: Operator, reason: Reason, *, json: Json = False) -> None:
    """Resume a held deployment."""
    _say("deployment.resume", deployment_id, operator, reason, json=json)


@app.command()
def abort(deployment_id: DeploymentId, operator: Operator, reason: Reason, *, json: Json = False) -> None:
    """Abort a deployment, without a verdict against the candidate."""
    _say("deployment.abort", deployment_id, operator, reason, json=json)


@app.command("roll-back")
def roll_back(
    model_id: ModelId,
    operator: Operator,
    reason: Reason,
    *,
    silence: Annotated[
        bool,
        typer.Option("--silence", help="If no healthy model is left, silence the use case."),
    ] = False,
    json: Json = False,
) -> None:
    """Roll a model back: a candidate out of its deployment, or the current model to the one before."""

    async def work(client: Client) -> Reply:
        model = await find_model(client, model_id)
        payload = {"use_case": model["use_case"], "model_id": model["model_id"]}
        said = {"operator": operator, "reason": reason, "silence": silence}
        return await client.command("deployment.roll_back", {**payload, **said})

    reply = over_wire(work)
    tell(reply, _state(reply), json=json)


def _say(command: str, deployment_id: str, operator: str, reason: str, *, json: bool) -> None:
    async def work(client: Client) -> Reply:
        row = await _find(client, deployment_id)
        payload = {"use_case": row["use_case"], "deployment_id": row["deployment_id"]}
        return await client.command(command, {**payload, "operator": operator, "reason": reason})

    reply = over_wire(work)
    tell(reply, _state(reply), json=json)


def _state(reply: Reply) -> str:
    """Return the state of the deployment, and of the model if the command names one."""
    lines = [status_of(reply)] if "model_id" in reply.result else []
    if id_ := reply.result.get("deployment_id"):
        lines.append(f"deployment {id_}: {reply.result['deployment']}")
    return "\n".join(lines)


async def _rows(client: Client, use_case: str | None = None, start: str = "") -> Sequence[Mapping[str, Any]]:
    asked = {"use_case": use_case, "deployment_id": start}
    rows: Sequence[Mapping[str, Any]] = (await client.query("deployment.list", asked)).result
    return rows


async def _names(client: Client) -> Mapping[str, str]:
    """Return the models' names by id."""
    models = (await client.query("registry.models")).result
    return {model["model_id"]: f"{model['name']} {model['version']}" for model in models}


async def _find(client: Client, start: str) -> Mapping[str, Any]:
    """Return the one deployment whose id begins so."""
    rows = [row for row in await _rows(client, start=start) if row["deployment_id"]]
    return one_of(rows, start, what="deployment", see="deployments list")


async def _watch(client: Client, deployment_id: str, *, json: bool) -> None:
    row, names = await _awaited(client, deployment_id), await _names(client)
    shown = nullcontext() if json else Live(_story(row, names), console=out, refresh_per_second=4)
    with shown as live:
        while row["ended_us"] is None:
            await asyncio.sleep(LOOK_S)
            row = await _find(client, deployment_id)
            if live is not None:
                live.update(_story(row, names))
    if json:
        print_json(row)


async def _awaited(client: Client, deployment_id: str) -> Mapping[str, Any]:
    """Return a deployment that was started a moment ago; the board may not have it yet."""

    async def look() -> bool | None:
        return bool(await _rows(client, start=deployment_id)) or None

    await until_seen(look, every_s=LOOK_S, within_s=SHOWN_S)
    return await _find(client, deployment_id)


def _story(row: Mapping[str, Any], names: Mapping[str, str]) -> RenderableType:
    candidate = names.get(row["model_id"], row["model_id"])
    head = Text(f"{row['use_case']}: {row['strategy']} of {candidate}, {row['state']}", "bold")
    return Group(head, story_listing(row["story"]))


def story_listing(story: Sequence[Mapping[str, Any]]) -> Listing:
    """Return the table of what happened in a deployment."""
    rows: list[list[str | Text]] = []
    for each in story:
        at = datetime.fromtimestamp(each["at_us"] / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        evidence = each.get("evidence") or {}
        share = f"{each['share']} %" if each.get("share") is not None else ""
        turns = f"{evidence['candidate_turns']} / {evidence['control_turns']}" if evidence else ""
        e_value = f"{evidence['e_value']:.3g} of {evidence['limit']:.3g}" if evidence else ""
        what = Text(each["what"], STYLES.get(each["what"], ""))
        rows.append([at, what, share, turns, e_value, _why(each)])
    return Listing(STORY_COLUMNS, rows)


def _why(each: Mapping[str, Any]) -> str:
    if each.get("checks"):
        return "; ".join(f"{c['name']}{'' if c['ok'] else ' FAILED'}: {c['detail']}" for c in each["checks"])
    return f"{each.get('operator', '')}: {each['reason']}" if each.get("reason") else ""
