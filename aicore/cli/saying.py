"""A plan in words, by the corpus alone: nothing needs to run."""

from collections.abc import Iterator

from aicore.cli.terminal import Exit, Failure, out, print_json
from aicore.content.line_files import read_tongues, shipped_signatures
from aicore.content.line_preview import between, stated, things
from domain.story.plan import LETTERS, read_plan
from domain.story.saying import Heard, Said, Saying, Tongue

COUNT = 3


def say_plan(  # noqa: PLR0913 - one parameter per option of the command line
    voice: str, plan: str, *, let: str, count: int, seed: str, json: bool
) -> None:
    """Print a plan in a voice, as who listens would hear it several times over."""
    saying, tongues = _saying(plan, let), read_tongues()
    if voice not in tongues:
        raise Failure(f"there is no voice {voice!r}", remedy=", ".join(sorted(tongues)), code=Exit.USAGE)
    rows = list(heard_in_turn(tongues[voice], saying, count, seed))
    if json:
        print_json([{"rung": said.rung, "line": said.text, "lines": said.lines} for said in rows])
        return
    for said in rows:
        out.print(f"{said.rung:<7} {said.text}", markup=False, soft_wrap=True)


def heard_in_turn(tongue: Tongue, saying: Saying, count: int, seed: str) -> Iterator[Said]:
    """Yield the words of a plan, each time for who has heard those before."""
    lines: dict[str, int] = {}
    openings: set[str] = set()
    for turn in range(count):
        said = tongue.say(saying, Heard(lines, openings), f"{seed} {turn}")
        lines.update(dict.fromkeys(said.lines, turn + 1))
        openings.update(said.openings)
        yield said


def _saying(text: str, let: str) -> Saying:
    signatures = shipped_signatures()
    plan, faults = read_plan(text, signatures)
    if plan is None or faults:
        fault = faults[0]
        near = f"; did you mean {fault.nearest}?" if fault.nearest else ""
        raise Failure(f"{text!r} is no plan: {fault.found}", remedy=fault.allowed + near, code=Exit.USAGE)
    known = things(dict(_named(each.strip()) for each in let.split(";") if each.strip()))
    claims, hidden = (stated(each, known, signatures) for each in (plan.claims, plan.hidden))
    manner = plan.certainty, plan.mood, plan.attitude, plan.register
    return Saying(plan.act, between(known), claims, *manner, hidden)


def _named(text: str) -> tuple[str, str]:
    letter, equals, name = text.partition("=")
    if letter not in LETTERS or not equals or not name:
        raise Failure(f"{text!r} names nothing", remedy="write it as A=Ada Vey, she", code=Exit.USAGE)
    return letter, name
