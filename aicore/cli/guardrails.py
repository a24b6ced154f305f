"""`aicore guardrails`: policies, violations, and their review."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.text import Text

from aicore.cli.four_eyes import sent_again
from aicore.cli.terminal import Exit, Failure, Json, Kind, Listing, out, print_json, print_rows
from aicore.cli.wire import Operator, Reason, one_of, over_wire, tell, vouched_over_wire
from aicore.client import Client
from aicore.content.guardrails import DEFAULT_PROFILE, load_policy
from aicore.settings import load_settings
from aicore.wiring.sealing import Seal, SealError, seal_of
from domain.guardrails.check import Verdict
from domain.guardrails.check import check as check_text
from domain.guardrails.compiler import compile_policy
from domain.guardrails.policy import Policy, PolicyError, policy_from
from domain.guardrails.topics import with_topics
from domain.guardrails.violations import place_of
from domain.kernel.visibility import GONE
from protocol.messages import Reply

app = typer.Typer(no_args_is_help=True, help="Guardrails: policies, violations and their review.")

ID_CHARACTERS = 36
STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "dim"}

Profile = Annotated[str, typer.Option(help="Profile of the policy, e.g. TeenSafe.")]
PolicyFile = Annotated[
    Path | None,
    typer.Option(
        "--policy", help="TOML file of a policy; default: the one shipped with the program.", exists=True
    ),
]
TopicsFile = Annotated[
    Path | None,
    typer.Option("--topics", help="TOML file of topics that your house does not want touched.", exists=True),
]


@app.command()
def check(  # noqa: PLR0913 - the options of one command
    text: Annotated[str, typer.Argument(help="Text to check.")],
    *,
    side: Annotated[str, typer.Option(help="Side: input (a player) or output (a model).")] = "output",
    profile: Annotated[
        str | None, typer.Option(help="Profile of the policy; default: the active one.")
    ] = None,
    policy: PolicyFile = None,
    topics: TopicsFile = None,
    active: Annotated[
        bool, typer.Option("--active", help="Check against the active policy of the running realm.")
    ] = False,
    json: Json = False,
) -> None:
    """Check a text against a policy. Exit code 1 if it would be changed or blocked.

    No system has to run, except with --active: the policy is the program's, or that of --policy and --topics.
    """
    if side not in ("input", "output"):
        raise Failure(f"--side {side}: write input or output", code=Exit.USAGE)
    if active and (policy or topics):
        other = "--policy" if policy else "--topics"
        raise Failure(f"--active and {other} name two policies", remedy="leave one out", code=Exit.USAGE)
    if text != text.encode("utf-8", "replace").decode():
        raise Failure("the text is no UTF-8: no message can hold it", code=Exit.USAGE)
    which: Literal["input", "output"] = "input" if side == "input" else "output"
    try:
        tried, holds = over_wire(held) if active else (_policy(policy, topics), None)
        compiled = compile_policy(tried, profile or holds or DEFAULT_PROFILE)
    except PolicyError as error:
        raise Failure(str(error), code=Exit.USAGE) from None
    verdict = check_text(compiled, text, side=which)
    told = verdict_of(verdict, text, which)
    if json:
        print_json(told)
    else:
        for each in told["findings"]:
            line = Text(f"{each['severity']:<9}", STYLES[str(each["severity"])])
            out.print(
                line.append(f"{each['action']:<9}{each['category']:<22}{each['rule']}: {each['text']!r}")
            )
        changed = verdict.findings or told["shown"] != text
        out.print(f"shown: {told['shown']!r}" if changed else "nothing was found", markup=False)
    if told["shown"] != text or not verdict.harmless:
        raise typer.Exit(1)


def verdict_of(verdict: Verdict, text: str, side: Literal["input", "output"]) -> dict[str, Any]:
    """Return a verdict for output: the action, the text that may be asked or shown, and the findings."""
    findings = [
        {
            "rule": found.rule,
            "category": found.category,
            "severity": found.severity,
            "action": found.action,
            "text": text[found.start : found.end],
        }
        for found in verdict.findings
    ]
    shown = verdict.question if side == "input" else verdict.text
    return {"action": verdict.action, "shown": shown, "findings": findings}


@app.command()
def policy(*, json: Json = False) -> None:
    """Show the active policy, and the published ones."""
    shown = vouched_over_wire(lambda client: _query(client, "guardrails.policy", {}))
    if json:
        print_json(shown)
        return
    came = ", shipped with the program" if shown["brought_along"] else ""
    why = f"profile {shown['profile'] or DEFAULT_PROFILE}{came}"
    out.print(f"active: {shown['active']} ({why}), {len(shown['rules'])} rules, {shown['digest'][:19]}…")
    out.print(f"published: {', '.join(shown['published']) or 'none'}")


@app.command()
def publish(
    operator: Operator,
    reason: Reason,
    file: Annotated[
        Path | None, typer.Argument(help="TOML file of a policy; default: the one shipped with the program.")
    ] = None,
    *,
    topics: TopicsFile = None,
    json: Json = False,
) -> None:
    """Publish a version of a policy; a rule that cannot be used is named with its remedy.

    With --topics the topics of a house stand beside the policy's rules, under the name that the file gives.
    """
    policy = _policy(file, topics)
    payload = {"policy": policy.model_dump(mode="json"), "operator": operator, "reason": reason}
    reply = over_wire(lambda client: client.command("guardrails.publish_policy", payload))
    said = f"{policy.label} is published; to activate it: `aicore guardrails activate {policy.label}`"
    tell(reply, said, json=json)


@app.command()
def activate(
    label: Annotated[str, typer.Argument(help="NAME@VERSION of a published policy.")],
    operator: Operator,
    reason: Reason,
    *,
    profile: Profile = DEFAULT_PROFILE,
    json: Json = False,
) -> None:
    """Activate a published policy for the realm."""
    name, _, version = label.partition("@")
    if not version.isdecimal():
        raise Failure(f"{label!r} is no label of a policy", remedy="write NAME@VERSION", code=Exit.USAGE)
    payload = {"name": name, "version": int(version), "profile": profile}
    by = {"operator": operator, "reason": reason}
    reply = over_wire(lambda client: client.command("guardrails.activate_policy", {**payload, **by}))
    tell(reply, f"policy {label} is active, profile {profile}", json=json)


@app.command()
def violations(
    *,
    limit: Annotated[int, typer.Option(help="Number of violations, the newest.", min=1, max=500)] = 20,
    unreviewed: Annotated[bool, typer.Option("--unreviewed", help="Only those without a review.")] = False,
    severity: Annotated[
        str | None, typer.Option(help="Only of this severity: low, medium, high or critical.")
    ] = None,
    json: Json = False,
) -> None:
    """List violations, the newest first."""
    query = {"limit": limit, "unreviewed": unreviewed, "severity": severity}
    found = vouched_over_wire(lambda client: _query(client, "guardrails.violations", query))
    if json:
        print_json(found)
        return
    print_rows(listing(found["violations"]), "nothing was found")


COLUMNS = {
    "time (UTC)": Kind.SPARE, "severity": Kind.NAME, "action": Kind.SPARE, "side": Kind.SPARE,
    "category": Kind.SPARE, "rule": Kind.NAME, "text": Kind.TEXT, "review": Kind.NAME, "id": Kind.ID,
}  # fmt: skip


def listing(violations: Sequence[Mapping[str, Any]]) -> Listing:
    """Return the table of violations."""
    rows = []
    for row in violations:
        at = datetime.fromtimestamp(row["at_us"] / 1e6, UTC).strftime("%m-%d %H:%M:%S")
        review = row["review"]["verdict"] if row["review"] else ""
        words = _words(row)
        columns = (row["action"], row["side"], row["category"], row["rule"], words)
        severity = Text(row["severity"], STYLES[row["severity"]])
        rows.append([at, severity, *columns, review, row["violation_id"]])
    return Listing(COLUMNS, rows)


@app.command()
def review(  # noqa: PLR0913 - the options of one command
    violation_id: Annotated[str, typer.Argument(help="The violation's id, or its beginning.")],
    verdict: Annotated[str, typer.Argument(help="Verdict: confirmed, false_positive or adjusted.")],
    operator: Operator,
    reason: Reason,
    *,
    severity: Annotated[
        str | None, typer.Option(help="The right severity, with the verdict adjusted.")
    ] = None,
    json: Json = False,
) -> None:
    """Review a violation: was the finding right?"""

    async def work(client: Client) -> Reply:
        found = await _whole_id(client, violation_id)
        payload = {"violation_id": found, "verdict": verdict, "severity": severity}
        return await client.command(
            "guardrails.review_violation", {**payload, "operator": operator, "reason": reason}
        )

    tell(over_wire(work), json=json)


@app.command()
def reveal(
    violation_id: Annotated[str, typer.Argument(help="The violation's id, or its beginning.")],
    operator: Operator,
    reason: Reason,
    *,
    order: Annotated[
        str, typer.Option(help="Id of the earlier reveal, where a second operator had to confirm it.")
    ] = "",
    json: Json = False,
) -> None:
    """Decrypt the personal data of a violation with AICORE_PERSONAL_KEY; each look is recorded first."""
    seal = seal_of(load_settings())
    if seal is None:
        raise Failure(
            "AICORE_PERSONAL_KEY is not set",
            remedy="set the key that the services had when the words were found",
            code=Exit.USAGE,
        )

    async def work(client: Client) -> Reply:
        if order:
            return await sent_again(client, order)
        payload = {"violation_id": await _whole_id(client, violation_id)}
        return await client.command(
            "guardrails.reveal_violation", {**payload, "operator": operator, "reason": reason}
        )

    reply = vouched_over_wire(work)
    words = revealed(seal, reply.result)
    tell(replace(reply, result={**reply.result, "text": words}), repr(words), json=json)


def _words(row: Mapping[str, Any]) -> str:
    """Return what a table shows of a violation's words, which may be sealed, or a map where they are gone."""
    if not isinstance(row["excerpt"], str):
        return GONE
    return row["excerpt"][:48] or ("(sealed)" if row["sealed"] else "")


def revealed(seal: Seal, found: Mapping[str, Any]) -> str:
    """Return the words of a violation of which inference, place and sealed words are known.

    Raises:
        Failure: another key sealed them.
    """
    place = place_of(side=found["side"], start=found["start"], end=found["end"])
    try:
        return seal.open(found["sealed"], found["inference_id"], place)
    except SealError as error:
        raise Failure(str(error), code=Exit.REFUSED) from None


async def _whole_id(client: Client, start: str) -> str:
    """Return a violation's id from its beginning; whole ids need no list: the log knows older ones, too."""
    if len(start) >= ID_CHARACTERS:
        return start
    known = (await _query(client, "guardrails.violations", {"limit": 500}))["violations"]
    return str(one_of(known, start, what="violation", see="guardrails violations")["violation_id"])


async def held(client: Client) -> tuple[Policy, str | None]:
    """Return the policy that holds in the realm, and its profile; None for the program's own choice."""
    shown = await _query(client, "guardrails.policy", {"whole": True})
    return policy_from(shown["policy"]), shown["profile"]


async def _query(client: Client, view: str, query: dict[str, Any]) -> Any:
    return (await client.query(view, query)).result


def _policy(file: Path | None, topics: Path | None = None) -> Policy:
    policy = load_policy() if file is None else _read(file, policy_from)
    return policy if topics is None else _read(topics, lambda data: with_topics(policy, data))


def _read(file: Path, made: Callable[[Mapping[str, object]], Policy]) -> Policy:
    if not file.is_file():
        raise Failure(f"{file} is no file", code=Exit.USAGE)
    try:
        return made(tomllib.loads(file.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Failure(f"{file} is no TOML: {error}", code=Exit.USAGE) from None
    except PolicyError as error:
        raise Failure(f"{file}: {error}", code=Exit.USAGE) from None
