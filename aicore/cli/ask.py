"""`aicore ask`: a line from the current model of a use case."""

from contextlib import aclosing
from typing import Annotated, Any

import typer

from aicore.cli.common import Json, err, out, print_json
from aicore.cli.models import over_wire
from aicore.client import Client
from protocol.messages import Reply


def ask(  # noqa: PLR0913 - one parameter per option of the command line
    prompt: Annotated[str, typer.Argument(help="What to say to the model.")],
    *,
    use_case: Annotated[str, typer.Option(help="Whose current model answers.")] = "npc_dialogue",
    npc: Annotated[str | None, typer.Option(help="Id of the character that speaks.")] = None,
    max_tokens: Annotated[int, typer.Option(help="Longest answer, in tokens.")] = 64,
    temperature: Annotated[float, typer.Option(help="0: always the likeliest words; at most 2.")] = 0.7,
    seed: Annotated[int | None, typer.Option(help="Seed of the random draws.")] = None,
    tier: Annotated[str | None, typer.Option(help="gold, silver or bronze; else the model's own.")] = None,
    authored: Annotated[
        str | None, typer.Option(help="What the character says if no engine can speak.")
    ] = None,
    deadline_ms: Annotated[int | None, typer.Option(help="Time for the whole answer, in ms.")] = None,
    consent: Annotated[bool, typer.Option(help="The player agrees to its use for training.")] = False,
    stream: Annotated[bool, typer.Option(help="Show the words as they come; Ctrl-C cancels.")] = False,
    json: Json = False,
) -> None:
    """Ask the current model; question and answer become events."""
    optional = {
        "npc": npc, "seed": seed, "tier": tier, "authored_line": authored, "deadline_ms": deadline_ms,
    }  # fmt: skip
    payload: dict[str, Any] = {
        "use_case": use_case,
        "prompt": prompt,
        "max_tokens": max_tokens,
        "temperature": temperature,
        "consent": consent,
        **{name: value for name, value in optional.items() if value is not None},
    }

    async def work(client: Client) -> Reply:
        return await client.command("inference.generate", payload)

    async def show(client: Client) -> Reply:
        async with aclosing(client.stream(payload)) as answer:
            async for item in answer:
                if isinstance(item, Reply):
                    return item
                if json:
                    print_json({"text": item})
                else:
                    out.print(item, end="", style="bold", markup=False, soft_wrap=True)
        raise AssertionError("a stream ends with its reply")

    if stream:
        reply = over_wire(show)
    else:
        with err.status("asking"):
            reply = over_wire(work)
    result = reply.result
    if json:
        print_json(result)
        return
    if not stream or result.get("finish_reason") == "authored":
        out.print(result["text"], style="bold", markup=False, soft_wrap=True)
    elif result["text"]:
        out.print()
    model, served = result["model"], result["served"]
    who = f"{served['tier']}, {served['engine'] or 'authored line'}"
    out.print(
        f"[dim]{model['name']} {model['version']} · {who} · "
        f"{result['latency_ms']:.1f} ms, first token {result['ttft_ms']:.1f} ms · "
        f"{result['usage']['completion_tokens']} tokens · event {result['event_id']}[/dim]"
    )
