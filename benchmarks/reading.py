"""Material for a blind reading: 100 released lines, and 60 talks each with ember-silver, SmolLM2 and Tracery.

Writes into ``out/reading`` what readers see (``lines.md``, ``talks_RIVAL.md``) and, where `KEYS` says,
which side is ours; each key's SHA-256 stands in the material. Plans of the lines
are those of written lines of other voices, about people and things of the sample world; what tells or asks
without a claim is left out, as no planner makes it. Talks are told of in `reading_talks`. `make venv-smollm2`
makes the environment of SmolLM2 and Tracery; without it their talks are left out.
"""

import json
import random
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from aicore.content.line_files import read_corpus, read_tongues, shipped_signatures
from aicore.content.line_preview import stated
from benchmarks.harness import Progress, Report
from benchmarks.lines import CAST
from benchmarks.reading_talks import TALKS, TALKS_QUICK, Talked, by_grammar, by_silver, prompts_of, talks_of
from benchmarks.reading_talks import shown as shown_as
from domain.story.clauses import Between, Thing, clause
from domain.story.corpus import FRAMED
from domain.story.plan import LETTERS, Certainty, Kind, LinePlan
from domain.story.saying import Heard, Saying, Tongue
from domain.story.slots import Filling, Gender
from domain.story.variety import words_of

SEED = 20_261_205
RELEASED = 100
FOLDER = Path("out/reading")
KEYS = Path(tempfile.gettempdir()) / "aicore-reading"
"""Not beside the material, so that who reads it does not come upon the keys."""

RIVALS_ELSEWHERE = ("tracery", "smollm2")
"""Have an environment of their own; the quick one first."""

PYTHON = Path(".venv-smollm2/bin/python")
SILVER = Path("aicore/models/ember-silver")
VOICES = ("exact", "blunt", "wry", "courtly", "nervous", "whisper", "hungry", "riddling")
"""As the sample world calls the voices of `CAST`; ember-silver was trained on these."""

NAMES: Mapping[Kind, Sequence[Filling]] = {
    Kind.PERSON: [
        Filling("Odalys Pike", Gender.SHE),
        Filling("Bram Sallow", Gender.HE),
        Filling("Nettie Corran", Gender.SHE),
        Filling("Silas Wend", Gender.HE),
        Filling("Ilse Harrow", Gender.SHE),
        Filling("Gault", Gender.HE),
        Filling("Una Pell", Gender.SHE),
        Filling("Abel Frost", Gender.HE),
        Filling("Tom Wick", Gender.HE),
    ],
    Kind.PLACE: [
        Filling(name) for name in ("the Drowned Bell", "Ropewalk Quay", "Lamp Yard", "the tally house")
    ],
    Kind.FACTION: [
        Filling("the Tallymen", plural=True),
        Filling("the Gleaner Parish"),
        Filling("the Quiet Loom"),
    ],
    Kind.GOOD: [Filling("a tin saint"), Filling("lamp oil"), Filling("a brass key"), Filling("salt")],
    Kind.SUM: [Filling("forty crowns"), Filling("six wicks"), Filling("ninety wicks")],
    Kind.TIME: [Filling("last night"), Filling("at dusk"), Filling("three days ago")],
    Kind.WEATHER: [Filling("thick fog"), Filling("rain"), Filling("a hard frost")],
    Kind.QUEST: [
        Filling("the matter of the tide key", forms={"aim": "find the tide key"}),
        Filling("the matter of the three bells", forms={"aim": "bring back the three bells"}),
    ],
}


@dataclass(frozen=True, slots=True)
class Case:
    """One plan of one speaker.

    Attributes:
        known: what each letter stands for.
        meant: the plan in plain words, for readers and prompts.
    """

    at: int
    voice: str
    plan: LinePlan
    known: Mapping[str, Thing]
    saying: Saying
    meant: str


async def run(quick: bool, progress: Progress) -> Report:
    """Make the material: each rival's talks as soon as they are there, their key sealed first."""
    report, tongues = Report("reading", 1), read_tongues()
    cases = cases_of(RELEASED, tongues)
    ours = released(cases, tongues)
    write("lines", ["# Lines", "", *(f"{case.at}. [{_head(case)}] {ours[case.at]}" for case in cases)])
    talks = talks_of(TALKS_QUICK if quick else TALKS)
    for rival in (*RIVALS_ELSEWHERE[:1], "ember-silver", *RIVALS_ELSEWHERE[1:]):
        if rival in RIVALS_ELSEWHERE and not environment():
            continue
        progress(f"{rival} speaks")
        if rival == "ember-silver":
            theirs = await by_silver(talks, dict(zip(CAST, VOICES, strict=True)), SILVER)
        else:
            theirs = by_child(rival, talks, tongues)
        key, shown = sided(rival, talks, theirs)
        report.facts[f"key_of_{rival}"] = digest = sealed(rival, key)
        progress(f"key of {rival} sealed: sha256 {digest}")
        write(f"talks_{rival}", [f"key sha256 {digest}", "", *shown])
        report.add("talks", len(key), "talks")
    report.facts |= {"folder": str(FOLDER), "keys": str(KEYS)}
    return report


def environment() -> bool:
    """Tell whether SmolLM2 and Tracery are there."""
    return PYTHON.exists()


def sealed(rival: str, key: Mapping[str, str]) -> str:
    """Write a key and return its digest."""
    KEYS.mkdir(parents=True, exist_ok=True)
    text = json.dumps(key, indent=0, sort_keys=True)
    (KEYS / f"{rival}.json").write_text(text)
    return sha256(text.encode()).hexdigest()


def write(name: str, lines: Sequence[str]) -> None:
    """Write what readers see."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.md").write_text("\n".join([*lines, ""]))


def by_child(rival: str, talks: Sequence[Talked], tongues: Mapping[str, Tongue]) -> list[list[str]]:
    """Return what SmolLM2 or Tracery says in each talk, in their own environment."""
    made = prompts_of if rival == "smollm2" else by_grammar
    asked = {rival: [each for talk in talks for each in made(talk, tongues[talk.voice])]}
    child = Path(__file__).with_name("reading_child.py")
    done = subprocess.run(
        [PYTHON, child], input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    found: list[str] = json.loads(done.stdout)[rival]
    turns = len(talks[0].typed)
    return [found[at : at + turns] for at in range(0, len(found), turns)]


def sided(
    rival: str, talks: Sequence[Talked], theirs: Sequence[Sequence[str]]
) -> tuple[dict[str, str], list[str]]:
    """Return the key (which side is ours), and the talks as readers see them."""
    draws, key, shown = random.SystemRandom(), dict[str, str](), [f"# Talks, {len(talks)}", ""]
    for talk, said in zip(talks, theirs, strict=True):
        number, side = f"{rival[0].upper()}{talk.at}", draws.choice("AB")
        own = [line.text for line in talk.lines]
        one, two = (own, said) if side == "A" else (said, own)
        key[number] = side
        shown += shown_as(talk, number, one, two)
    return key, shown


def cases_of(count: int, tongues: Mapping[str, Tongue]) -> Sequence[Case]:
    """Return plans of speakers, drawn once and for all."""
    draws, signatures, found = random.Random(SEED), shipped_signatures(), list[Case]()
    pairs = [pair for pair in read_corpus().pairs if pair.voice.genre == "harbour" and not pair.plan.hidden]
    while len(found) < count:
        at, voice = len(found), CAST[len(found) % len(CAST)]
        pair = draws.choice(pairs)
        tells_nothing = pair.plan.act in FRAMED and not pair.plan.claims
        if pair.voice.name == tongues[voice].voice.name or pair.left_out or tells_nothing:
            continue
        known = _known(draws)
        people = Between(known["S"], known["H"])
        plan = pair.plan
        manner = plan.certainty, plan.mood, plan.attitude, plan.register
        saying = Saying(plan.act, people, stated(plan.claims, known, signatures), *manner)
        meant = " ".join(
            clause(each, people, Certainty.SURE, tongues[voice].clauses) for each in saying.claims
        )
        found.append(Case(at, voice, plan, known, saying, meant))
    return found


def _known(draws: random.Random) -> dict[str, Thing]:
    """Return what every letter stands for: no two letters the same."""
    left = {kind: draws.sample(list(names), len(names)) for kind, names in NAMES.items()}
    return {
        letter: Thing(f"{kind}.{names[0].name}", kind, names[0])
        for letter, kind in sorted(LETTERS.items())
        if (names := [left[kind].pop()])
    }


def released(cases: Sequence[Case], tongues: Mapping[str, Tongue]) -> dict[int, str]:
    """Return what we say, all to one player."""
    lines: dict[str, int] = {}
    openings: set[str] = set()
    texts: list[frozenset[str]] = []
    said = {}
    for case in cases:
        line = tongues[case.voice].say(
            case.saying, Heard(dict(lines), set(openings), tuple(texts)), str(SEED)
        )
        lines |= dict.fromkeys(line.lines, case.at + 1)
        openings |= set(line.openings)
        texts.append(frozenset(words_of(line.text)))
        said[case.at] = line.text
    return said


def _head(case: Case) -> str:
    """Return what a reader is told of a plan."""
    manner = " ".join(word for word in (case.saying.certainty, case.saying.mood, case.saying.attitude))
    people = f"{case.known['S'].filling.name} to {case.known['H'].filling.name}"
    return f"{case.voice.partition('/')[2]}; {people}; {case.plan.act}; {manner}; {case.meant or 'no claim'}"
