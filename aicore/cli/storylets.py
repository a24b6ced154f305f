"""`aicore story storylets`: the small scenes of a world, checked, listed, and played by simulated players."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from aicore.cli.terminal import Failure, Json, Kind, Listing, out, print_json, print_rows
from aicore.cli.world import checked_folder, fault_row, tell_faults
from aicore.content.definition import Checked
from domain.definition.definition import Definition
from domain.definition.storylets import Storylet
from domain.director.content import specificity_of
from domain.director.playing import Play, shares
from domain.director.rehearsal import DAY_MS, HOUR_MS
from domain.director.unseen import Unseen

app = typer.Typer(
    no_args_is_help=True, help="The storylets and arcs of a world; nothing needs to run for it."
)

Folder = Annotated[
    Path | None,
    typer.Argument(help="The world's folder of YAML files.", show_default="the sample world"),
]
SECTIONS = ("storylets", "arcs")
SEED = 1
COLUMNS = {
    "storylet": Kind.NAME,
    "class": Kind.NAME,
    "asks": Kind.NAME,
    "arc": Kind.NAME,
    "beat": Kind.SPARE,
    "tension": Kind.NAME,
    "says": Kind.TEXT,
}


@app.command()
def check(folder: Folder = None, *, json: Json = False) -> None:
    """Check the storylets and arcs of a world: form, claims, who could play them, whether arcs end.

    Each fault has file, line, column, field, what may stand there. Exit code 1 if there is one. Faults of the
    other sections are what `aicore world check` tells of.
    """
    checked = checked_folder(folder)
    faults = [each for each in checked.faults if each.fault.path.partition(".")[0] in SECTIONS]
    if json:
        print_json({"ok": not faults, "faults": [fault_row(each) for each in faults]})
    else:
        tell_faults(faults)
    if faults:
        raise Failure(f"{len(faults)} fault{'s' * (len(faults) > 1)} in storylets and arcs")
    if not json:
        sizes = [f"{_size(checked, name):,} {name}" for name in SECTIONS]
        out.print(f"nothing wrong: {', '.join(sizes)}")


@app.command("list")
def list_(folder: Folder = None, *, json: Json = False) -> None:
    """List the storylets: the class, how much each asks for, its arc, by how much it makes it tenser."""
    found = _definition(folder).storylets
    if json:
        print_json([_row(each) for each in found])
        return
    rows = [
        [
            each.id, each.class_, str(specificity_of(each)), each.arc or "", each.beat or "",
            f"{each.tension / 1000:+g}", each.says,
        ]
        for each in found
    ]  # fmt: skip
    print_rows(Listing(COLUMNS, rows), "this world has no storylets")


@app.command()
def coverage(
    folder: Folder = None,
    *,
    players: Annotated[int, typer.Option(min=1, max=1_000, help="How many simulated players.")] = 20,
    hours: Annotated[int, typer.Option(min=1, max=240, help="Hours of the game that they play.")] = 24,
    seed: Annotated[int, typer.Option(help="Another number plays otherwise.")] = SEED,
    json: Json = False,
) -> None:
    """Have simulated players play the storylets: how often each comes, what kept out those that never did.

    Of each that nobody saw it says whether its conditions never held together (conditions), nobody could play
    it when they did (cast), or others came first (order), and the figures.

    The world of the rehearsal is the definition's, with claims, news and deaths by dice. Exit code 1 if an
    arc came to no end or somebody stood in two scenes.
    """
    play = Play(_definition(folder), [f"player-{number}" for number in range(players)], seed)
    play.run(play.begin_ms + hours * HOUR_MS)
    unseen = list(play.unseen())
    share = shares(play.played.scenes, play.content)
    longest = sum(beat.within for arc in play.content.arcs.values() for beat in arc.beats) * 1_000
    play.run(play.begin_ms + hours * HOUR_MS + longest + DAY_MS, opens=False)
    _tell(play, unseen, share, json=json)
    if play.stuck() or play.played.double:
        raise Failure(f"{len(play.stuck())} arcs came to no end, {play.played.double} scenes were double")


def _tell(play: Play, unseen: Sequence[Unseen], share: float, *, json: bool) -> None:
    it = play.played
    if json:
        figures = {"seen": round(share, 4), "relief": round(it.relief, 4), "stalls": it.stalls}
        arcs = {"begun": len(it.runs), "stuck": len(play.stuck()), **it.ends}
        why = {each.storylet: {"cause": each.cause, "why": each.why} for each in unseen}
        print_json({**figures, "double": it.double, "arcs": arcs, "scenes": it.scenes, "unseen": why})
        return
    for id_, number in it.scenes.most_common():
        out.print(f"{number:>7,}  {id_}", markup=False)
    for each in unseen:
        out.print(f"{'never':>7}  {each.storylet} ({each.cause}): {each.why}", markup=False, soft_wrap=True)
    ends = ", ".join(f"{number} {outcome}" for outcome, number in sorted(it.ends.items()))
    out.print(f"{share:.1%} of the storylets were seen; arcs: {len(it.runs)} begun, {ends or 'none ended'}")
    out.print(f"rest was kept in {it.relief:.1%} of {it.rests} rests; {it.stalls} stalls", markup=False)


def _definition(folder: Path | None) -> Definition:
    checked = checked_folder(folder)
    if checked.definition is None:
        tell_faults(checked.faults)
        raise Failure("the world has faults", remedy="aicore world check")
    return checked.definition


def _size(checked: Checked, section: str) -> int:
    found = checked.data.get(section)
    return len(found) if isinstance(found, dict) else 0


def _row(each: Storylet) -> dict[str, Any]:
    return {
        "storylet": each.id,
        "class": each.class_,
        "asks": specificity_of(each),
        "arc": each.arc,
        "beat": each.beat,
        "tension": each.tension,
        "says": each.says,
    }
