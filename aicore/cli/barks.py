"""`aicore story barks`: lines that claim nothing, from the bronze tier or from writers, taken by writers."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from aicore.cli.batch import answered
from aicore.cli.terminal import Exit, Failure, Json, Kind, Listing, out, print_json, print_rows
from aicore.cli.wire import Operator, Reason, over_wire, tell
from aicore.client import Client, Refused
from aicore.content.models import BARKS
from aicore.content.prompt import Scene, npc_text, render

app = typer.Typer(no_args_is_help=True, help="Lines that claim nothing, which writers take from a bank.")

Bark = Annotated[str, typer.Argument(metavar="BARK", help="The bark's id, or its beginning.")]
Voice = Annotated[str, typer.Option(help="The voice, e.g. harbour/ferryman.")]
Act = Annotated[str, typer.Option(help="What is done by saying it: small_talk, greet, farewell, ….")]
Mood = Annotated[str, typer.Option(help="What the speaker feels: calm, merry, afraid, ….")]
Attitude = Annotated[str, typer.Option(help="How the speaker stands to who listens: neutral, wary, ….")]
COLUMNS = {"bark": Kind.ID, "state": Kind.NAME, "voice": Kind.NAME, "act": Kind.NAME, "text": Kind.TEXT}


@app.command("list")
def list_barks(*, json: Json = False) -> None:
    """List the bank: what waits for a writer first, then what people say."""
    found = over_wire(lambda client: client.query("story.barks")).result["barks"]
    if json:
        print_json(found)
        return
    print_rows(listing(found), "no barks yet; see `aicore story barks propose --help`")


def listing(found: Sequence[Mapping[str, Any]]) -> Listing:
    """Return the table of barks."""
    return Listing(COLUMNS, [[str(each[key]) for key in COLUMNS] for each in found])


@app.command()
def propose(  # noqa: PLR0913 - one parameter per option of the command line
    text: Annotated[str, typer.Argument(help="The line.")],
    voice: Voice,
    operator: Operator,
    reason: Reason,
    act: Act = "small_talk",
    mood: Mood = "calm",
    attitude: Attitude = "neutral",
    *,
    json: Json = False,
) -> None:
    """Propose a line for a voice; it is read as the corpus is, and waits for a writer."""
    payload = {"voice": voice, "act": act, "mood": mood, "attitude": attitude, "text": text}
    payload |= {"operator": operator, "reason": reason}
    reply = over_wire(lambda client: client.command("story.propose_bark", payload))
    tell(reply, f"{reply.result['bark']} waits: `aicore story barks take {reply.result['bark']}`", json=json)


@app.command()
def fill(  # noqa: PLR0913 - one parameter per option of the command line
    person: Annotated[str, typer.Argument(help="Whose barks: a person of the world, e.g. una_pell.")],
    voice: Voice,
    operator: Operator,
    reason: Reason,
    count: Annotated[int, typer.Option(help="How many to ask for.", min=1, max=500)] = 20,
    mood: Mood = "calm",
    *,
    json: Json = False,
) -> None:
    """Have the bronze tier write barks for somebody, and propose those that are written as the corpus is."""

    async def work(client: Client) -> list[dict[str, str]]:
        entry = (await client.query("world.entry", {"section": "people", "entry_id": person})).result
        if entry["written"] is None:
            raise Failure(f"nobody is called {person}", remedy="see `aicore people list`", code=Exit.USAGE)
        who = entry["written"]
        npc = npc_text(who["name"], who["role"], who["archetype"], who["voice"])
        prompt = render(Scene(kind="bark", npc=npc, mood=mood))
        items = [{"id": f"bark-{number}", "prompt": prompt} for number in range(count)]
        facts = {"name": f"barks of {person}", "use_case": BARKS, "operator": operator, "temperature": 1.0}
        rows = await answered(client, facts, items)
        return [await _proposed(client, row, voice, mood, operator, reason) for row in rows]

    rows = over_wire(work)
    if json:
        print_json(rows)
        return
    for row in rows:
        out.print(f"{row['bark'] or 'not proposed'}  {row['text']}  {row['why']}", markup=False)


async def _proposed(  # noqa: PLR0913 - what a proposal is made of
    client: Client, row: Mapping[str, Any], voice: str, mood: str, operator: str, reason: str
) -> dict[str, str]:
    """Propose what a model wrote; tell why it was refused."""
    text = " ".join(str(row.get("text") or "").split())
    if not text:
        return {"bark": "", "text": "", "why": str(row.get("error") or "no words came")}
    payload = {"voice": voice, "act": "small_talk", "mood": mood, "text": text, "operator": operator}
    payload |= {"reason": reason, "maker": str(row.get("model_id") or BARKS)}
    try:
        reply = await client.command("story.propose_bark", payload)
    except Refused as refused:
        return {"bark": "", "text": text, "why": refused.error.message}
    return {"bark": reply.result["bark"], "text": text, "why": ""}


@app.command()
def take(bark: Bark, *, operator: Operator, reason: Reason, json: Json = False) -> None:
    """Take a bark: people of its voice say it from now on."""
    _decide("story.take_bark", bark, operator, reason, "is said from now on", json=json)


@app.command()
def decline(bark: Bark, *, operator: Operator, reason: Reason, json: Json = False) -> None:
    """Decline a bark that was proposed."""
    _decide("story.decline_bark", bark, operator, reason, "is declined", json=json)


def _decide(  # noqa: PLR0913 - one parameter per option of the command line
    command: str, bark: str, operator: str, reason: str, said: str, *, json: bool
) -> None:
    payload = {"bark": bark, "operator": operator, "reason": reason}
    tell(over_wire(lambda client: client.command(command, payload)), f"{bark} {said}", json=json)
