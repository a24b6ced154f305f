"""The loop closed: players play, their turns make a candidate, evidence promotes it or takes it back.

`aicore demo promote` exports consented turns, goes on training gold with them, evaluates the result and
brings it to the players; `aicore demo rollback` does the last part with a model that is worse on purpose.
Both act on the running system through its public wire, as an operator would.
"""

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aicore.audit.export import Plan, export
from aicore.audit.vouching import Tampered, vouch
from aicore.client import Client, Refused, Unanswered
from aicore.clock import new_id, now_us
from aicore.content.models import DIALOGUE
from aicore.content.speech import load_speech
from aicore.content.suites import default_suite
from aicore.content.weights import shipped_model
from aicore.content.world import load_world
from aicore.running import System
from aicore.settings import Settings
from aicore.wiring.evaluate import Comparison, Outcome, Place, evaluate
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.postgres.log import open_log
from bus.retry import until_seen
from domain.inference.export import Selection
from domain.registry.messages import RegisterModel
from domain.registry.models import model_id_of

OPERATOR = "demo"
ROOT = Path(__file__).parents[2]
PLAYERS = 400
CONCURRENT = 6
TURNS_RECORDED = 240
TURNS_MAX = 20_000
EARLY = "ember-gold-early"
SEED = 11
MODULES = "import ctranslate2, torch, transformers"

Say = Callable[[str], None]
"""Tells a person what happens, a line at a time."""


class DemoFailed(Exception):
    """The demo cannot go on; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The running system as an operator has it."""

    client: Client
    settings: Settings
    system: System
    say: Say


@dataclass(slots=True)
class Players:
    """Simulated players who talk to the people of the sample world, each with a name that stays."""

    client: Client
    draw: random.Random = field(default_factory=lambda: random.Random(SEED))  # noqa: S311 - players
    turns: int = 0
    failed: int = 0

    async def play(self, until: Callable[[], bool]) -> None:
        """Let them talk until ``until`` says that it is enough."""

        async def one() -> None:
            while not until():
                await self._turn()

        async with asyncio.TaskGroup() as group:
            for _ in range(CONCURRENT):
                group.create_task(one())

    async def _turn(self) -> None:
        world, speech, draw = load_world(), load_speech(), self.draw
        said = draw.choice(list(speech.said.values()))
        self.turns += 1
        payload = {
            "use_case": DIALOGUE,
            "prompt": draw.choice(said).format_map(_Anything(world.npc[0].name)),
            "player": f"player-{draw.randrange(PLAYERS)}",
            "npc": draw.choice(world.npc).id,
            "context": {
                "weather": draw.choice(world.words.weather),
                "lore": [draw.choice(world.lore).text],
            },
            "max_tokens": 60,
            "consent": True,
        }
        try:
            await self.client.command("inference.generate", payload)
        except (Refused, Unanswered):
            self.failed += 1


class _Anything(dict[str, str]):
    """Fills every slot of a form with one name: what players ask needs no sense here."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def __missing__(self, _: str) -> str:
        return self._name


async def promote(stage: Stage) -> Mapping[str, Any]:
    """Go on training the current model with its own turns with players, and let evidence promote the result.

    What is promoted is what was found no worse: nothing here shows that it is better.

    Raises:
        DemoFailed: training is not possible here, or the candidate did not pass.
    """
    trainer()  # before anybody plays for nothing
    current = await _current(stage)
    base = base_of(current, stage.system.state_dir)
    players = Players(stage.client)
    stage.say(f"{TURNS_RECORDED} turns of players who agreed to training")
    await players.play(lambda: players.turns >= TURNS_RECORDED)
    folder = stage.system.state_dir / "models"
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / f"turns-{now_us()}.jsonl"
    manifest = await _export(stage, current, data)
    stage.say(f"{manifest['rows']} rows exported, {manifest['left_out']} left out")
    version = f"0.4.{now_us() // 1_000_000}"
    facts = await _trained(base, data, folder / f"ember-gold-{version}", stage.say)
    candidate = await _register(stage, current, version, facts)
    outcome = await _evaluated(stage, candidate, current)
    if outcome.finding.verdict != "passed":
        raise DemoFailed(f"the evaluation ended {outcome.finding.verdict}: {outcome.finding.reasons[0]}")
    return await _deployed(stage, players, candidate, override="")


async def rollback(stage: Stage) -> Mapping[str, Any]:
    """Deploy a model that is worse on purpose against its evaluation, and see it taken back."""
    current = await _current(stage)
    candidate = await _worse(stage)
    outcome = await _evaluated(stage, candidate, current)
    stage.say(f"the evaluation ended {outcome.finding.verdict}: {outcome.finding.reasons[0]}")
    stage.say("it is deployed all the same, with an override, to see it taken back")
    players = Players(stage.client)
    return await _deployed(
        stage, players, candidate, override="the demo deploys it against its evaluation, to be taken back"
    )


# --- the steps ----------------------------------------------------------------------------------------------


def trainer() -> Path:
    """Return a Python that can train.

    Raises:
        DemoFailed: there is none.
    """
    places = [ROOT / f".venv-{name}" / "bin" / "python" for name in ("train", "vllm")]
    for python in [*places, Path(sys.executable)]:
        if not python.exists():
            continue
        tried = subprocess.run([python, "-c", MODULES], capture_output=True, check=False)  # noqa: S603 - ours
        if tried.returncode == 0:
            return python
    raise DemoFailed("training needs torch: `make venv-train` installs it beside everything else (1 GB)")


def base_of(current: Mapping[str, Any], state_dir: Path) -> Path:
    """Return the folder of the current model's weights, by its digests: the candidate's lineage names it.

    Raises:
        DemoFailed: its weights are not here.
    """
    name, version = current["name"], current["version"]
    for folder in (state_dir / "models" / f"{name}-{version}", shipped_model()):
        manifest = folder / "manifest.json"
        if manifest.exists() and json.loads(manifest.read_bytes())["files"] == current["artefacts"]:
            return folder
    raise DemoFailed(
        f"the current model {name} {version} has no weights here to go on from; "
        "`aicore models promote` the shipped ember-gold, or run the demo on a fresh state directory"
    )


async def _export(stage: Stage, current: Mapping[str, Any], file: Path) -> Mapping[str, Any]:
    """Export the current model's turns: what another said, one that was taken back perhaps, is no example."""
    plan = Plan(
        file=file,
        realm=stage.system.realm,
        selection=Selection(use_case=DIALOGUE, model=f"{current['name']}:{current['version']}"),
        made_us=now_us(),
        made_by="aicore demo",
    )
    try:
        (await vouch(stage.system)).check()
    except Tampered as error:
        raise DemoFailed(f"{error}; {error.remedy}") from None
    async with open_log(stage.system.postgres_dsn, stage.system.realm, now_us=now_us, writer=False) as log:
        manifest: Mapping[str, Any] = await export(
            log, EventCodec(domain_catalogue()), plan, lambda _done, _total: None
        )
    return manifest


async def _trained(base: Path, data: Path, out: Path, say: Say) -> Mapping[str, Any]:
    say(f"training goes on from {base.name}, with half of every batch from the players' turns")
    process = await asyncio.create_subprocess_exec(
        str(trainer()), "-m", "aicore.training.finetune",
        "--base", str(base), "--data", str(data), "--out", str(out), "--seed", str(SEED),
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    said, problems = await process.communicate()
    if process.returncode:
        raise DemoFailed(f"training failed: {problems.decode()[-500:]}")
    facts: Mapping[str, Any] = json.loads(said.splitlines()[-1])
    say(f"{facts['steps']} steps, perplexity on lines not among them {facts['held_out_perplexity']:.2f}")
    return {**facts, "files": json.loads((out / "manifest.json").read_bytes())["files"]}


async def _register(
    stage: Stage, current: Mapping[str, Any], version: str, facts: Mapping[str, Any]
) -> Mapping[str, Any]:
    payload = {
        "use_case": DIALOGUE,
        "name": "ember-gold",
        "version": version,
        "provider": "embedded",
        "model_type": "self_hosted",
        "tier": current["tier"],
        "description": "Gold, trained on with turns of players who agreed.",
        "configuration": current["configuration"],
        "artefacts": facts["files"],
        "licence": current["licence"],
        "card": f"{facts['base']} and {facts['steps']} steps more, with {facts['turns']} recorded turns.",
        "lineage": {
            "base_model": current["model_id"],
            "training_export": facts["training_export"],
            "seed": str(facts["seed"]),
        },
    }
    await stage.client.command("registry.register_model", payload)
    stage.say(f"registered as ember-gold {version}")
    id_ = model_id_of(use_case=DIALOGUE, name="ember-gold", version=version)
    return await _find(stage, model_id=id_)


async def _worse(stage: Stage) -> Mapping[str, Any]:
    """Return the model that is worse on purpose; where it was taken back before, as a new version."""
    early = await _find(stage, name=EARLY)
    if not early["barred"]:
        return early
    version = f"{early['version']}.{now_us() // 1_000_000}"
    facts = {key: value for key, value in early.items() if key in RegisterModel.model_fields}
    await stage.client.command("registry.register_model", {**facts, "version": version})
    stage.say(f"{EARLY} {early['version']} was taken back before; the same is registered as {version}")
    return await _find(stage, model_id=model_id_of(use_case=DIALOGUE, name=EARLY, version=version))


async def _evaluated(stage: Stage, candidate: Mapping[str, Any], current: Mapping[str, Any]) -> Outcome:
    pair = [f"{model['name']} {model['version']}" for model in (candidate, current)]
    stage.say(" is compared with ".join(pair))
    comparison = Comparison(
        candidate=candidate,
        current=current,
        suite=default_suite(),
        evaluation_id=new_id(),
        operator=OPERATOR,
        reason="the demo compares before it deploys",
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    place = Place(stage.settings, stage.system.state_dir, time.perf_counter)
    outcome = await evaluate(stage.client, comparison, place, lambda _: None)
    stage.say(f"{outcome.finding.verdict} after {len(outcome.finding.steps)} pairs")
    return outcome


async def _deployed(
    stage: Stage, players: Players, candidate: Mapping[str, Any], *, override: str
) -> Mapping[str, Any]:
    """Deploy a candidate while players play; return the deployment's row when it has ended."""
    payload = {
        "use_case": DIALOGUE,
        "model_id": candidate["model_id"],
        "strategy": "canary",
        "gate": {"turns_min": 20},
        "operator": OPERATOR,
        "reason": "the demo's canary",
        "override": override,
    }
    reply = await stage.client.command("deployment.start", payload)
    id_, row, told = str(reply.result["deployment_id"]), dict[str, Any](), 0

    def ended() -> bool:
        return bool(row.get("ended_us")) or players.turns > TURNS_MAX

    async def follow() -> None:
        nonlocal told
        while not ended():
            rows = (await stage.client.query("deployment.list", {"use_case": DIALOGUE})).result
            row.update(next((each for each in rows if each["deployment_id"] == id_), {}))
            story: Sequence[Mapping[str, Any]] = row.get("story", [])
            for each in story[told:]:
                stage.say(f"  {_line(each)}")
            told = len(story)
            await asyncio.sleep(0.1)

    async with asyncio.TaskGroup() as group:
        group.create_task(follow())
        group.create_task(players.play(ended))
    stage.say(f"{row['state']} after {players.turns} turns, {players.failed} of them refused")
    return row


def _line(each: Mapping[str, Any]) -> str:
    evidence = each.get("evidence") or {}
    share = f" {each['share']} %" if each.get("share") is not None else ""
    found = (
        f": {evidence['candidate_turns']} turns against {evidence['control_turns']}, "
        f"evidence {evidence['e_value']:.3g} of {evidence['limit']:.3g}"
        if evidence
        else ""
    )
    why = f" ({each['measure']}: {each['reason']})" if each.get("measure") else ""
    return f"{each['what']}{share}{found}{why}"


async def _current(stage: Stage) -> Mapping[str, Any]:
    return await _find(stage, status="current")


async def _find(stage: Stage, **wanted: str) -> Mapping[str, Any]:
    """Return the model of the dialogue with these values; a view is a moment behind."""

    async def look() -> Mapping[str, Any] | None:
        models = (await stage.client.query("registry.models", {"use_case": DIALOGUE})).result
        return next((m for m in models if all(m[key] == value for key, value in wanted.items())), None)

    if model := await until_seen(look, every_s=0.1, within_s=5.0):
        return model
    raise DemoFailed(
        f"no model of {DIALOGUE} has {wanted}; run `aicore up --demo` once, which registers them"
    )
