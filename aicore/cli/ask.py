"""`aicore ask`: a line from the current model of a use case; `aicore rate`: how good it was."""

from collections.abc import Mapping
from contextlib import aclosing
from functools import partial
from typing import Annotated, Any

import typer

from aicore.cli.terminal import Exit, Failure, Json, err, out, print_json, running
from aicore.cli.turns import WHOLE_ID, InferenceId, whole_id
from aicore.cli.wire import over_wire, tell
from aicore.client import Client
from protocol.messages import Reply


def ask(  # noqa: PLR0913 - one parameter per option of the command line
    prompt: Annotated[str, typer.Argument(help="Text to send to the model.")],
    *,
    use_case: Annotated[str, typer.Option(help="Use case whose current model answers.")] = "npc_dialogue",
    npc: Annotated[str | None, typer.Option(help="Id of the character that speaks.")] = None,
    player: Annotated[str | None, typer.Option(help="Id of the player who is spoken to.")] = None,
    conversation: Annotated[
        str | None, typer.Option(help="Id of the conversation; all its turns get one version of the model.")
    ] = None,
    alias: Annotated[
        str | None, typer.Option(help="Alias of another version (`aicore models alias`).")
    ] = None,
    adapter: Annotated[str | None, typer.Option(help="LoRA adapter of the model.")] = None,
    pattern: Annotated[
        str | None, typer.Option(help="Regular expression that the whole answer must match.")
    ] = None,
    max_tokens: Annotated[int, typer.Option(help="Longest answer, in tokens.")] = 64,
    temperature: Annotated[
        float, typer.Option(help="Sampling temperature, from 0 (the likeliest words) to 2.")
    ] = 0.7,
    seed: Annotated[int | None, typer.Option(help="Seed for sampling.")] = None,
    context: Annotated[
        list[str] | None,
        typer.Option(help="Value for a section of the prompt template, section=text; repeatable."),
    ] = None,
    max_age_s: Annotated[
        int, typer.Option(help="Age of the oldest cached answer that may be reused, in seconds; 0: none.")
    ] = 0,
    tier: Annotated[
        str | None, typer.Option(help="Tier: gold, silver or bronze; default: the model's own.")
    ] = None,
    authored: Annotated[str | None, typer.Option(help="Fallback line, said if no engine can answer.")] = None,
    deadline_ms: Annotated[int | None, typer.Option(help="Time for the whole answer, in ms.")] = None,
    consent: Annotated[bool, typer.Option(help="The player consents to the use for training.")] = False,
    stream: Annotated[bool, typer.Option(help="Stream the answer; Ctrl-C cancels.")] = False,
    json: Json = False,
) -> None:
    """Ask the current model; question and answer are recorded."""
    words = {
        "npc": npc, "seed": seed, "tier": tier, "authored_line": authored, "deadline_ms": deadline_ms,
        "use_case": use_case, "prompt": prompt, "max_tokens": max_tokens, "temperature": temperature,
        "consent": consent, "context": _context(context or []), "max_age_s": max_age_s, "player": player,
        "conversation": conversation, "alias": alias, "adapter": adapter, "pattern": pattern,
    }  # fmt: skip
    payload = {name: value for name, value in words.items() if value is not None}
    if stream:
        reply = over_wire(partial(_streamed, payload=payload, json=json))
    else:
        with err.status("asking"):
            reply = over_wire(lambda client: client.command("inference.generate", payload))
    result = reply.result
    for warning in result.get("warnings", ()):
        err.print(f"warning: {warning['message']}", style="yellow", markup=False, soft_wrap=True)
    if json:
        print_json(result)
        return
    if not stream or result.get("finish_reason") == "authored":
        out.print(result["text"], style="bold", markup=False, soft_wrap=True)
    elif result["text"]:
        out.print()
    out.print(f"[dim]{ended(result)} · inference {result['inference_id']}[/dim]")


def ended(result: Mapping[str, Any]) -> str:
    """Return who answered and how quickly; of an answer that somebody cancelled there is only the time."""
    if result["finish_reason"] == "cancelled":
        return f"cancelled after {result['latency_ms']:.1f} ms"
    model = result["model"]
    return (
        f"{model['name']} {model['version']} · {who_spoke(result)} · "
        f"{result['latency_ms']:.1f} ms, first token {result['ttft_ms']:.1f} ms · "
        f"{result['usage']['completion_tokens']} tokens"
    )


def who_spoke(result: Mapping[str, Any]) -> str:
    """Return whose words they are: an engine's, or the character's own line, and then why."""
    served = result["served"]
    if result["finish_reason"] == "blocked":
        words = [served["engine"], "ended by the guardrails"]
    elif result["finish_reason"] == "filtered":
        words = [served["engine"], "stopped by its provider's filter"]
    else:
        words = [served["engine"] or "authored line"]
    return ", ".join(word for word in (served["tier"], *words) if word)


async def _streamed(client: Client, *, payload: dict[str, Any], json: bool) -> Reply:
    """Show the words as they come and return the reply."""
    async with aclosing(client.stream(payload)) as answer:
        async for item in answer:
            if isinstance(item, Reply):
                return item
            if json:
                print_json({"text": item})
            else:
                out.print(item, end="", style="bold", markup=False, soft_wrap=True)
    raise AssertionError("a stream ends with its reply")


def rate(  # noqa: PLR0913 - one parameter per option of the command line
    inference: InferenceId,
    rating: Annotated[float, typer.Argument(help="Rating, from 0 (useless) to 1 (perfect).", min=0, max=1)],
    by: Annotated[str, typer.Option("--by", "--operator", help="Person or service that rates.")],
    tag: Annotated[list[str] | None, typer.Option(help="Tag, e.g. out_of_character; repeatable.")] = None,
    comment: Annotated[str, typer.Option(help="Comment for people.")] = "",
    *,
    json: Json = False,
) -> None:
    """Rate an answer; `aicore export --rating-min` filters by it."""
    words = {"rating": rating, "by": by, "tags": tag or [], "comment": comment}
    _, system = running()

    async def work(client: Client) -> tuple[str, Reply]:
        whole = inference if WHOLE_ID.fullmatch(inference) else await whole_id(system, inference)
        return whole, await client.command("inference.rate", {"inference_id": whole, **words})

    whole, reply = over_wire(work)
    tell(reply, f"{whole} is rated {reply.result['rating']}", json=json)


def _context(pairs: list[str]) -> dict[str, list[str] | str]:
    """Return the context that the options give; a section that is named twice gets a list."""
    found: dict[str, list[str] | str] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise Failure(f"--context {pair!r} has no value", remedy="write section=text", code=Exit.USAGE)
        known = found.get(name, [])
        found[name] = [*([known] if isinstance(known, str) else known), text] if name in found else text
    return found
