"""Material for a blind reading: 100 released lines, 60 pairs each with ember-silver, SmolLM2 and Tracery.

Writes ``out/reading/material.md`` (what readers see) and ``out/reading/key.json`` (which side is ours), and
prints the key's SHA-256 first: it stands in the material before anybody reads. Plans are those of lines of
other voices, about people and things of the sample world. Both sides of a pair have the same plan: for
ember-silver a prompt of its own kind, for SmolLM2 a persona and an order, for Tracery a grammar made of the
voice's file: its lines for this act and predicate, else a plain clause and a line of the act.
`make venv-smollm2` makes the environment of SmolLM2 and Tracery; without it their pairs are left out.
"""

import json
import random
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from aicore.content.line_files import read_corpus, read_tongues, shipped_signatures
from aicore.content.line_preview import stated
from aicore.content.prompt import Scene, npc_text, render
from benchmarks.harness import Progress, Report
from benchmarks.lines import CAST
from domain.story.clauses import Between, Thing, clause
from domain.story.corpus import Pair
from domain.story.plan import ASKED, LETTERS, Act, Certainty, Kind, LinePlan
from domain.story.saying import Heard, Saying, Tongue
from domain.story.slots import SENTENCE_END, SLOT, Filling, Gender, slots_of
from domain.story.variety import words_of
from handlers.engines.embedded import EmbeddedEngine
from handlers.engines.port import EngineAsk, collect

SEED = 20_261_201
RELEASED, PAIRS, PAIRS_QUICK = 100, 60, 6
FOLDER = Path("out/reading")
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
    """Make the material, with the key sealed first."""
    report, tongues, pairs = Report("reading", 1), read_tongues(), PAIRS_QUICK if quick else PAIRS
    cases = list(cases_of(RELEASED + 3 * pairs, tongues))
    ours = released(cases, tongues)
    rivals = [cases[RELEASED + at * pairs : RELEASED + (at + 1) * pairs] for at in range(3)]
    progress("ember-silver speaks")
    theirs = {"ember-silver": await by_silver(rivals[0])}
    if environment():
        progress("SmolLM2 and Tracery speak")
        theirs |= by_child(rivals[1], rivals[2], tongues)
    key, shown = paired(dict(zip(("ember-silver", "smollm2", "tracery"), rivals, strict=True)), ours, theirs)
    singles = [f"{case.at}. [{_head(case)}] {ours[case.at]}" for case in cases[:RELEASED]]
    digest = write(key, ["# Lines", "", *singles, "", "# Pairs", "", *shown], progress)
    report.add("pairs", len(key), "pairs")
    report.facts |= {"key_sha256": digest, "rivals": ", ".join(theirs), "folder": str(FOLDER)}
    return report


def environment() -> bool:
    """Tell whether SmolLM2 and Tracery are there."""
    return PYTHON.exists()


def write(key: Mapping[str, str], shown: Sequence[str], progress: Progress) -> str:
    """Write key and material, and return the key's digest, which is told before either is written."""
    sealed = json.dumps(key, indent=0, sort_keys=True)
    digest = sha256(sealed.encode()).hexdigest()
    progress(f"key sealed: sha256 {digest}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "key.json").write_text(sealed)
    (FOLDER / "material.md").write_text("\n".join([f"key sha256 {digest}", "", *shown, ""]))
    return digest


def cases_of(count: int, tongues: Mapping[str, Tongue]) -> Sequence[Case]:
    """Return plans of speakers, drawn once and for all."""
    draws, signatures, found = random.Random(SEED), shipped_signatures(), list[Case]()
    pairs = [pair for pair in read_corpus().pairs if pair.voice.genre == "harbour" and not pair.plan.hidden]
    while len(found) < count:
        at, voice = len(found), CAST[len(found) % len(CAST)]
        pair = draws.choice(pairs)
        if pair.voice.name == tongues[voice].voice.name or pair.left_out:
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


async def by_silver(cases: Sequence[Case]) -> list[str]:
    """Return what ember-silver says: its own prompt, the claims as the fact to be stated."""
    engine, told = EmbeddedEngine(SILVER), []
    await engine.start()
    for case in cases:
        voice = VOICES[CAST.index(case.voice)]
        npc = npc_text(case.known["S"].filling.name, case.voice.partition("/")[2], "trader", voice)
        fact = "" if case.plan.act == Act.ASK else case.meant.rstrip(".?")
        scene = Scene(npc=npc, lore=fact, mood=str(case.saying.mood), said=_words_of(case))
        ask = EngineAsk(prompt=render(scene), max_tokens=64, temperature=0.7, seed=case.at)
        told.append((await collect(engine, ask, lambda: 0.0)).text)
    await engine.stop()
    return told


def by_child(
    small: Sequence[Case], grammar: Sequence[Case], tongues: Mapping[str, Tongue]
) -> dict[str, list[str]]:
    """Return what SmolLM2 and Tracery say, in their own environment."""
    asked = {
        "smollm2": [_prompt(case, tongues[case.voice]) for case in small],
        "tracery": [_grammar(case, tongues[case.voice]) for case in grammar],
    }
    child = Path(__file__).with_name("reading_child.py")
    done = subprocess.run(
        [PYTHON, child], input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def _prompt(case: Case, tongue: Tongue) -> list[tuple[str, str]]:
    speaker, hearer = case.known["S"].filling.name, case.known["H"].filling.name
    voice = tongue.voice
    persona = (
        f"You are {speaker}, a {voice.name} in an old harbour town. You have: {voice.given}. How you talk: "
        f"{voice.habits}. You speak to {hearer}. Answer with one or two short sentences, in character."
    )
    what = f" What you have to say: {case.meant}" if case.meant else ""
    order = f"Do this: {case.plan.act.replace('_', ' ')} ({case.saying.mood}, {case.saying.attitude}).{what}"
    return [("system", persona), ("user", order)]


def _grammar(case: Case, tongue: Tongue) -> dict[str, list[str]]:
    """Return the voice's file as a grammar for this act and these predicates."""
    shape = tuple(sorted((claim.predicate, claim.negated) for claim in case.plan.claims))
    given = {letter for claim in case.plan.claims for letter in (*claim.roles, *claim.circumstances)}
    same = [
        each.pair for each in tongue.by_shape.get((case.plan.act, shape), ()) if _says(each.pair) <= given
    ]
    beside = [each.pair for each in tongue.by_shape.get((case.plan.act, ()), ())]
    rules = [_rule(pair.text) for pair in same]
    if not rules:
        rules = [f"{case.meant} {_rule(pair.text)}".strip() for pair in beside] or [case.meant]
    forms = {(letter, form) for pair in (*same, *beside) for letter, form in slots_of(pair.text)}
    symbols: dict[str, list[str]] = {}
    for letter, form in forms:
        said = case.known[letter].filling.form(LETTERS[letter], form)
        symbols[_symbol(letter, form, capital=False)] = [said]
        symbols[_symbol(letter, form, capital=True)] = [said[:1].upper() + said[1:]]
    return {"origin": rules, **symbols}


def _says(pair: Pair) -> set[str]:
    return {letter for letter, _ in slots_of(pair.text)} - {"S", "H", ASKED}


def _rule(text: str) -> str:
    """Return a written line as a rule of a grammar, with a symbol for each placeholder."""

    def named(found: re.Match[str]) -> str:
        letter, _, form = found[1].partition(".")
        capital = SENTENCE_END.search(text, 0, found.start()) is not None
        return f"#{_symbol(letter, form.lower(), capital=capital)}#{found[2] or ''}"

    return SLOT.sub(named, text)


def _symbol(letter: str, form: str, *, capital: bool) -> str:
    return f"{letter}{form.replace(chr(39), '')}{'Capital' * capital}"


def paired(
    rivals: Mapping[str, Sequence[Case]], ours: Mapping[int, str], theirs: Mapping[str, Sequence[str]]
) -> tuple[dict[str, str], list[str]]:
    """Return the key (which side is ours, whose the other is), and the pairs as readers see them."""
    draws, key, shown = random.Random(f"{SEED} sides"), dict[str, str](), list[str]()
    pairs = [
        (name, case, text) for name in theirs for case, text in zip(rivals[name], theirs[name], strict=True)
    ]
    draws.shuffle(pairs)
    for at, (name, case, text) in enumerate(pairs, 1):
        side = draws.choice("AB")
        one, two = (ours[case.at], text) if side == "A" else (text, ours[case.at])
        key[f"P{at}"] = f"{side} {name}"
        shown += [f"P{at} [{_head(case)}]", f"  A: {' '.join(one.split())}", f"  B: {' '.join(two.split())}"]
    return key, shown


def _head(case: Case) -> str:
    """Return what a reader is told of a plan."""
    manner = " ".join(word for word in (case.saying.certainty, case.saying.mood, case.saying.attitude))
    people = f"{case.known['S'].filling.name} to {case.known['H'].filling.name}"
    return f"{case.voice.partition('/')[2]}; {people}; {case.plan.act}; {manner}; {case.meant or 'no claim'}"


def _words_of(case: Case) -> str:
    """Return what a player may have said before, for a model that answers."""
    return {Act.GREET: "Good day.", Act.FAREWELL: "I must go.", Act.INTRODUCE: "Who are you?"}.get(
        case.plan.act, "What is it?"
    )
