"""The model registry beside MLflow's, on the same Postgres: registration, status, look-up; and a rebuild.

Both sides are called in their process: ours through the command loop to the commit, MLflow through its client
on the database, without the HTTP server that users have between. MLflow runs in an environment of its own
(`make venv-mlflow`); without it only our side is measured.
"""

import asyncio
import json
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import asyncpg

from aicore.clock import new_id, now_us
from benchmarks.append import settings_of
from benchmarks.harness import Progress, Report, percentile, rounds_of, servers, settle
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.ids import derived_id
from bus.ports import EventLog, StreamWrite
from bus.postgres.connect import connect_pool
from bus.postgres.log import open_log
from bus.postgres.migrate import migrate
from domain.kernel.event import Event
from domain.registry.messages import ModelDescribed, ModelRegistered
from domain.registry.models import model_id_of
from domain.registry.use_case import stream_of
from handlers.kernel.commands import CommandRunner
from handlers.registry.commands import REGISTRY
from handlers.registry.models import RegistryView
from projections.kernel.runner import ProjectionRunner
from projections.registry.current_models import CURRENT_MODELS
from protocol.messages import CommandMessage, Reply
from protocol.meta import Meta

MLFLOW = Path(".venv-mlflow/bin/python")
MLFLOW_THERE = MLFLOW.exists()
REALM = "bench"
CALLS, CALLS_QUICK = 300, 60
EVENTS, EVENTS_QUICK = 100_000, 10_000
MODELS = 1_000
BATCH = 5_000

Took = Mapping[str, list[float]]
"""Times of single calls, ms."""


async def ours(log: EventLog, use_case: str, number: int) -> Took:
    """Register versions and promote each; then look the current one up, as a router does for every turn."""
    codec = EventCodec(domain_catalogue())
    runner = CommandRunner(log, codec, [REGISTRY])
    took: dict[str, list[float]] = {"register": [], "status": [], "lookup": []}

    async def timed(what: str, command: str, payload: Mapping[str, str]) -> Reply:
        began = time.perf_counter()
        reply = await runner(CommandMessage(new_id(), command, payload))
        took[what].append((time.perf_counter() - began) * 1e3)
        return reply

    for each in range(number):
        model = {
            "use_case": use_case, "name": "lamplight", "version": str(each), "provider": "embedded",
            "model_type": "self_hosted", "tier": "gold",
        }  # fmt: skip
        reply = await timed("register", "registry.register_model", model)
        if each:  # the first one is current at once
            id_ = model_id_of(use_case=use_case, name="lamplight", version=str(each))
            promotion = {
                "use_case": use_case,
                "model_id": id_,
                "operator": "bench",
                "reason": "measured",
                "override": "measured",
            }
            reply = await timed("status", "registry.promote_model", promotion)
    view = RegistryView(log, decode=codec.decode)
    async with asyncio.TaskGroup() as group:
        following = group.create_task(view.run())
        await view.reached(reply.events[-1].position)
        for _ in range(number):
            began = time.perf_counter()
            found = view.current(use_case)
            took["lookup"].append((time.perf_counter() - began) * 1e3)
            assert found is not None
        following.cancel()
    return took


async def theirs(dsn: str, number: int) -> Took:
    """Return the times of MLflow's registry on a database of its own."""
    session = await asyncpg.connect(dsn)
    try:
        await session.execute("DROP DATABASE IF EXISTS mlflow")
        await session.execute("CREATE DATABASE mlflow")
    finally:
        await session.close()
    socket = dsn.partition("host=")[2]
    who = dsn.partition("//")[2].partition("@")[0]
    address = f"postgresql+psycopg2://{who}@/mlflow?host={socket}"
    process = await asyncio.create_subprocess_exec(
        str(MLFLOW), "benchmarks/mlflow_child.py", address, str(number),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode == 0, f"MLflow ended with {process.returncode}: see what the child itself says"
    found: Took = json.loads(said.splitlines()[-1])
    return found


async def rebuild(log: EventLog, dsn: str, number: int) -> float:
    """Return events per second of making the view of the models anew."""
    codec = EventCodec(domain_catalogue())
    registered, described = ModelRegistered.from_example(), ModelDescribed.from_example()
    ids = [model_id_of(use_case=registered.use_case, name="lamplight", version=str(n)) for n in range(MODELS)]
    made: list[Event] = [
        registered.model_copy(update={"model_id": id_, "version": str(n)}) for n, id_ in enumerate(ids)
    ]
    made += [
        described.model_copy(update={"model_id": ids[n % MODELS], "description": f"as of {n}"})
        for n in range(number - MODELS)
    ]
    for start in range(0, number, BATCH):
        events = [
            codec.encode(event, derived_id(UUID(int=start + n + 1), 0, "bench"), Meta())
            for n, event in enumerate(made[start : start + BATCH])
        ]
        await log.append(StreamWrite(stream_of("bulk"), events, "any"))
    pool = await connect_pool(dsn, REALM, role="aicore_projector")
    try:
        runner = ProjectionRunner(pool, log, CURRENT_MODELS, decode_page=codec.decode_page, now_us=now_us)
        await runner.start()
        began = time.perf_counter()
        await runner.rebuild()
        return number / (time.perf_counter() - began)
    finally:
        await pool.close()


async def run(quick: bool, progress: Progress) -> Report:
    """Measure."""
    report = Report("registry", rounds_of(quick))
    calls, events = (CALLS_QUICK, EVENTS_QUICK) if quick else (CALLS, EVENTS)
    version = await _version() if MLFLOW_THERE else ""
    report.facts |= {
        "calls": calls,
        "events of the rebuild": events,
        "mlflow": version or "not installed: make venv-mlflow",
    }
    with servers() as (postgres, _):
        report.facts |= await settings_of(postgres.dsn)
        await settle(postgres)
        await migrate(postgres.dsn, REALM)
        async with open_log(postgres.dsn, REALM, now_us=now_us) as log:
            for number in range(report.rounds):
                progress(f"round {number + 1}: ours")
                sides: dict[str, Took] = {"ours": await ours(log, f"use_case_{number}", calls)}
                if version:
                    progress(f"round {number + 1}: MLflow")
                    sides["mlflow"] = await theirs(postgres.dsn, calls)
                for side, took in sides.items():
                    for what, times in took.items():
                        report.add(f"{what}_ms_p50_{side}", percentile(times, 0.5), "ms")
                        report.add(f"{what}_ms_p99_{side}", percentile(times, 0.99), "ms")
                if "mlflow" in sides:
                    for what in ("register", "status", "lookup"):
                        medians = [percentile(sides[side][what], 0.5) for side in ("mlflow", "ours")]
                        report.compare(f"{what}_vs_mlflow", medians[0], max(medians[1], 1e-6))
            progress("the view of the models, made anew")
            report.add("rebuild_per_s", await rebuild(log, postgres.dsn, events), "events/s")
    return report


async def _version() -> str:
    code = "from importlib.metadata import version; print(version('mlflow'))"
    process = await asyncio.create_subprocess_exec(str(MLFLOW), "-c", code, stdout=subprocess.PIPE)
    said, _ = await process.communicate()
    return said.decode().strip()
