"""`aicore story`: what is true and known in the world, what is said, and the corpus of lines for it."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from aicore.cli import (
    barks,
    beliefs,
    director,
    imports,
    memories,
    pins,
    rehearse,
    storylets,
    traces,
    verdicts,
)
from aicore.cli.terminal import Failure, Json, out, print_json
from aicore.content.line_files import Corpus, read_corpus
from domain.story.corpus import Found, Pair

app = typer.Typer(no_args_is_help=True, help="The story: what is true, who knows it, what is said.")
corpus = typer.Typer(no_args_is_help=True, help="The corpus of lines: its check, and samples for readers.")
app.add_typer(corpus, name="corpus")
app.add_typer(storylets.app, name="storylets")
app.add_typer(pins.app, name="pins")
app.add_typer(barks.app, name="barks")
for command in (
    beliefs.facts,
    beliefs.knows,
    beliefs.why,
    traces.traces,
    memories.remembers,
    memories.promises,
    director.scenes,
    director.arcs,
):
    app.command()(command)
app.command("import")(imports.import_)
for written in (rehearse.say, rehearse.preview, verdicts.approve, verdicts.reject, verdicts.verdicts):
    app.command()(written)

Folder = Annotated[
    Path | None,
    typer.Argument(help="The corpus's folder.", show_default="the corpus that comes with the program"),
]
SAMPLE = 200
TABLES = ("genre", "voice", "act", "mood", "attitude", "register", "length", "claims", "predicate")


@corpus.command()
def check(folder: Folder = None, *, json: Json = False) -> None:
    """Check every header and line; count them. Exit code 1 if there is a fault."""
    found = read_corpus(folder)
    if json:
        print_json(
            {"ok": not found.faults, **_figures(found), "faults": [_row(each) for each in found.faults]}
        )
    else:
        for each in found.faults:
            out.print(_told(each), markup=False, soft_wrap=True)
    if found.faults:
        count = len(found.faults)
        where = len({each.mark.file for each in found.faults})
        raise Failure(f"{count:,} fault{'s' * (count > 1)} in {where} file{'s' * (where > 1)}")
    if not json:
        _tell(found)


@corpus.command()
def sample(
    folder: Folder = None,
    *,
    count: Annotated[int, typer.Option(help="How many lines.", min=1, max=10_000)] = SAMPLE,
    seed: Annotated[str, typer.Option(help="Another word gives another sample.")] = "",
    json: Json = False,
) -> None:
    """Draw lines for a reader who looks for bad ones; the same seed draws the same from the same corpus."""
    drawn = _drawn(read_corpus(folder).pairs, count, seed)
    if json:
        print_json(
            [{"at": str(pair.mark), "plan": str(pair.plan), "line": pair.text} for pair in drawn],
        )
        return
    for pair in drawn:
        out.print(f"{pair.mark}  {pair.plan}\n  {pair.text}", markup=False, soft_wrap=True)


def _drawn(pairs: Iterable[Pair], count: int, seed: str) -> Sequence[Pair]:
    """Return pairs in the order of a digest of seed and line, which a line keeps when others are added."""
    return sorted(pairs, key=lambda pair: sha256(f"{seed}\n{pair.mark.file}\n{pair.text}".encode()).digest())[
        :count
    ]


def _figures(found: Corpus) -> Mapping[str, object]:
    variety = found.variety
    return {
        "files": found.files,
        "pairs": variety.pairs,
        "shared_runs": round(variety.shared_runs, 4),
        "openings": {voice: round(share, 4) for voice, share in variety.openings.items()},
        "counts": variety.counts,
        "reviews": found.reviews,
    }


def _tell(found: Corpus) -> None:
    variety = found.variety
    for heading in TABLES:
        counted = sorted(variety.counts.get(heading, {}).items(), key=lambda each: (-each[1], each[0]))
        told = ", ".join(f"{word} {number:,}" for word, number in counted)
        out.print(f"{heading + ':':<11}{told}", markup=False, soft_wrap=True)
    worst = max(variety.openings.items(), key=lambda each: each[1], default=("none", 0.0))
    out.print(f"alike:     {variety.shared_runs:.2%} of the lines share a run of eight words with another")
    out.print(f"openings:  at most {worst[1]:.2%} of a voice's lines begin like another ({worst[0]})")
    for review in found.reviews:
        out.print(f"read:      {review}", markup=False, soft_wrap=True)
    out.print(f"{variety.pairs:,} pairs in {found.files} files, nothing wrong")


def _told(found: Found) -> str:
    fault = found.fault
    lines = [f"{found.mark} {fault.kind}", f"  found:   {fault.found}", f"  allowed: {fault.allowed}"]
    return "\n".join([*lines, *([f"  nearest: {fault.nearest}"] if fault.nearest else [])])


def _row(found: Found) -> Mapping[str, object]:
    fault = found.fault
    said = {"kind": fault.kind, "found": fault.found, "allowed": fault.allowed, "nearest": fault.nearest}
    return {"file": found.mark.file, "line": found.mark.line, **said}
