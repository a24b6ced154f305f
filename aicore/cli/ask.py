"""`aicore ask`: a line from the current model of a use case."""

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
    json: Json = False,
) -> None:
    """Ask the current model; question and answer become events."""
    payload: dict[str, Any] = {
        "use_case": use_case,
        "prompt": prompt,
        "max_tokens": max_tokens,
        "temperature": temperature,
        **({"npc": npc} if npc else {}),
        **({"seed": seed} if seed is not None else {}),
    }

    async def work(client: Client) -> Reply:
        return await client.command("inference.generate", payload)

    with err.status("asking"):
        reply = over_wire(work)
    result = reply.result
    position = reply.events[-1].position if reply.events else 0
    if json:
        print_json({**result, "position": position})
        return
    model = result["model"]
    out.print(f"[bold]{result['text']}[/bold]", soft_wrap=True)
    out.print(
        f"[dim]{model['name']} {model['version']} · {result['latency_ms']:.1f} ms, first token "
        f"{result['ttft_ms']:.1f} ms · {result['usage']['completion_tokens']} tokens · event {position}[/dim]"
    )
