"""`aicore explain`: why something happened in the world, computed again from the log."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from aicore.audit.lines import ExplainedLine, NoSuchLine, explain_line, row_of_line
from aicore.audit.people import NothingDecided, Told, explain_person
from aicore.cli.director import explain_silence
from aicore.cli.terminal import (
    Exit,
    Failure,
    Json,
    Kind,
    Listing,
    out,
    print_json,
    print_rows,
    run_async,
    running,
)
from aicore.cli.vouching import vouched
from aicore.clock import now_us
from aicore.content.line_files import read_mouth
from aicore.content.sample_world import sample_definition
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.postgres.log import open_log
from domain.kernel.visibility import shown
from domain.people.explain import Option
from domain.people.messages import PersonDecided
from domain.people.weighing import CONSIDERED
from domain.story.messages import Candidate, OfScene, SaidClaim

app = typer.Typer(no_args_is_help=True, help="Why something happened in the world, from the log.")

COLUMNS = {
    "action": Kind.NAME,
    "at": Kind.NAME,
    **dict.fromkeys(CONSIDERED, Kind.SPARE),
    "score": Kind.NAME,
    "": Kind.TEXT,
}


app.command("silence")(explain_silence)


@app.command()
def npc(
    name: Annotated[str, typer.Argument(help="The person's id or name, e.g. una_pell or 'Una Pell'.")],
    at: Annotated[
        int | None, typer.Option(min=1, help="The last decision up to this position of the log.")
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Show what a person weighed when they last decided, and see that it comes out as the log says.

    Exit code 1 if it does not: then this program, or its sample world, is another than the one that decided.
    """
    _, system = running()
    vouched(system)

    async def work() -> Told:
        codec = EventCodec(domain_catalogue())
        async with open_log(system.dsn_of("aicore_reader"), system.realm, now_us=now_us, writer=False) as log:
            return await explain_person(log, codec, id_of(name), at=at, otherwise=sample_definition)

    try:
        told = run_async(work())
    except NothingDecided:
        raise Failure(
            f"the log has no decision of {name!r}",
            remedy="`aicore people list` shows who lives; they decide once `aicore people begin` was said",
            code=Exit.USAGE,
        ) from None
    if json:
        print_json(row_of(told))
    else:
        _show(told)
    if told.explained.differs:
        raise Failure(f"computed again, other than recorded: {', '.join(told.explained.differs)}")


@app.command()
def line(
    name: Annotated[str, typer.Argument(metavar="LINE", help="The line's id, e.g. ann.17.")],
    *,
    json: Json = False,
) -> None:
    """Show why a person said a line, and make it again from the log and the corpus.

    Exit code 1 if it comes out otherwise, or if it goes by something that the log has not.
    """
    _, system = running()
    vouched(system)

    async def work() -> ExplainedLine:
        codec = EventCodec(domain_catalogue())
        async with open_log(system.dsn_of("aicore_reader"), system.realm, now_us=now_us, writer=False) as log:
            return await explain_line(log, codec, name, read_mouth())

    try:
        told = run_async(work())
    except NoSuchLine:
        raise Failure(
            f"the log has no line {name!r}",
            remedy="story.say returns each line's id; `aicore log tail` shows story.said",
            code=Exit.USAGE,
        ) from None
    if json:
        print_json(row_of_line(told))
    else:
        for each in said_lines(told):
            out.print(each, markup=False, soft_wrap=True)
    lost = [each.name for each in told.goes_by if not each.position]
    if told.differs or lost:
        raise Failure(f"made again, other than recorded: {', '.join([*told.differs, *lost])}")


def said_lines(told: ExplainedLine) -> list[str]:
    """Return why a line was said, in words."""
    it = told.line
    plan, minute = it.plan, it.at_ms // 60_000 % 1_440
    manner = f"{plan.certainty}, {plan.mood}, {plan.attitude}, {plan.level}"
    rows = [
        f"event   {told.position}, at {minute // 60:02}:{minute % 60:02} of day {it.at_ms // 86_400_000}",
        *([_in_scene(it.scene, it.listener)] if it.scene else [f"heard   {shown(it.utterance)}"]),
        f"as      {it.heard.act}" + (f" about {', '.join(it.heard.about)}" if it.heard.about else ""),
        *(f"claims  {'not ' * each.over}{each.claim}" for each in it.heard.claims),
        f"plan    {plan.act}; {manner}",
        *(f"states  {'not ' * each.over}{each.claim}  {_by(each)}" for each in plan.claims),
        *(f"hides   {each}" for each in plan.unsaid),
        *(f"goes by {each.name}  {each.what or 'not in the log'}" for each in told.goes_by),
        *(f"made    {_made(each)}" for each in it.candidates),
        f"voice   {it.made_of.voice}: {it.direction.emotion} {it.direction.intensity}, "
        f"pace {it.direction.pace}",
        f"says    {it.text}",
    ]
    return [*rows, "text, candidates and direction are as recorded"] if not told.differs else rows


def _in_scene(scene: OfScene, listener: str) -> str:
    return f"scene   {scene.number} ({scene.storylet}), line {scene.line + 1}, to {listener}"


def _by(claim: SaidClaim) -> str:
    evidence = claim.evidence
    teller = f" by {evidence.teller}" if evidence.teller else ""
    return f"{evidence.how}{teller}, {evidence.confidence / 10:g} % sure"


def _made(candidate: Candidate) -> str:
    stopped = f"  stopped: {candidate.stopped}, {candidate.why}" if candidate.stopped else ""
    return f"{candidate.rung} ({candidate.maker}) {candidate.digest[:15]}{stopped}"


def id_of(name: str) -> str:
    """Return the id that somebody has whose name is written so."""
    return "_".join(name.lower().split())


def row_of(told: Told) -> Mapping[str, Any]:
    """Return all of it for programs."""
    explained = told.explained
    options = [
        {
            "action": option.action,
            "place": option.place,
            **option.considered,
            "refused": option.refused,
            "score": option.score,
        }
        for option in explained.options
    ]
    decided = explained.decided.model_dump(mode="json")
    rest = {"options": options, "differs": explained.differs, "fears": explained.fears}
    return {"position": told.position, "decided": decided, **rest}


def _show(told: Told) -> None:
    for line in lines_of(told):
        out.print(line, markup=False, soft_wrap=True)
    print_rows(listing(told.explained.options), "there was nothing to weigh")
    if not told.explained.differs:
        out.print("winner, runner-up, scores and digest are as recorded", markup=False)


def lines_of(told: Told) -> list[str]:
    """Return the decision in words."""
    it = told.explained.decided
    minute = it.at_ms // 60_000 % 1_440
    why = f"{it.reason}: {it.need}" if it.need else it.reason
    company = f" with {it.with_person}" if it.with_person else ""
    second = f"; rather than {it.runner_up.action} at {it.runner_up.place}" if it.runner_up else ""
    needs = ", ".join(f"{need} {level // 10_000} %" for need, level in it.levels.items())
    lost = [f"taken   {', '.join(it.lost)}"] if it.lost else []
    if told.explained.fears:
        lost.append(f"fears   {', '.join(told.explained.fears)}: somebody was hurt there")
    return [
        f"event   {told.position}, at {minute // 60:02}:{minute % 60:02} of day {it.at_ms // 86_400_000}",
        f"does    {it.action} at {it.place}{company}{second}",
        f"why     {why}",
        f"needs   {needs}",
        *lost,
        *_purse(it),
    ]


def _purse(it: PersonDecided) -> list[str]:
    """Return what they had to spend, in the smallest coin, and what came of what they wanted to buy."""
    if it.coins is None:
        return []
    lines = [f"purse   {it.coins}" + (f", {it.owed} earned and not paid yet" if it.owed else "")]
    if it.earned:
        lines.append(f"earned  {it.earned}, to be paid now")
    if it.bought:
        got = it.bought
        lines.append(f"bought  {got.quantity} {got.good} at {got.market} for {got.coins}, before that")
    if it.missed:
        lines.append(f"missed  what they wanted before: {it.missed}")
    if it.market:
        lines.append(f"buys    {it.pieces} at {it.market} at most, once it begins")
    return lines


def listing(options: Sequence[Option]) -> Listing:
    """Return the table of what was weighed, the best first."""
    rows = [
        [
            option.action,
            option.place or "-",
            *(str(option.considered.get(name, "")) for name in CONSIDERED),
            f"{option.score:,}" if option.score >= 0 else "",
            option.refused,
        ]
        for option in options
    ]
    return Listing(COLUMNS, rows)
