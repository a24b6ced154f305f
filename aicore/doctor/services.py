"""Answers for players: a model that may speak for each use case, and engines that serve it."""

from collections.abc import Mapping, Sequence
from typing import Any

from aicore.client import Client as WireClient
from aicore.client import Refused
from aicore.doctor.check import Check, Patient, in_schema
from domain.routing.queries import TiersQuery
from domain.routing.tiers import tiers_serving
from protocol.errors import WireError

# Purpose: use cases in which no model may speak; few rows, read whole. Lock: none.
SILENCED = "SELECT use_case, name, version, model_id FROM current_models WHERE status = 'silenced' ORDER BY 1"

# Purpose: who is to speak; few rows, read whole. Lock: none.
SPEAKERS = """
SELECT use_case, name, version, provider, model_id FROM current_models WHERE status = 'current' ORDER BY 1
"""


async def silence(patient: Patient) -> Sequence[Check]:
    """Check that every use case has a model that may speak."""
    if patient.postgres is None:
        return []
    async with in_schema(patient) as connection:
        rows = await connection.fetch(SILENCED)
    return [
        Check(
            "use cases",
            "fault",
            f"{row['use_case']} is SILENT: {row['name']} {row['version']} was rolled back, none is left",
            f"promote another model, or it again: `aicore models promote {row['model_id']} --operator YOU "
            "--reason WHY --override WHY`",
        )
        for row in rows
    ] or [Check("use cases", "ok", "each has a model that may speak")]


async def engines(patient: Patient) -> Sequence[Check]:
    """Check that every tier has an engine that can be asked, and every current model one that serves it."""
    if patient.nats is None:
        return []
    client = WireClient(patient.nats, patient.system.realm)
    try:
        tiers: Sequence[Mapping[str, Any]] = (await client.query(TiersQuery.query_name)).result
    except (ConnectionError, Refused, WireError) as error:
        mend = (
            "start one (`aicore up` or `aicore run inference`); if one runs, its log says what it waits for"
        )
        return [Check("engines", "fault", f"no process answers players: {error}", mend)]
    found = [check for tier in tiers for check in tier_findings(tier, tiers)]
    if patient.postgres:
        async with in_schema(patient) as connection:
            speakers = await connection.fetch(SPEAKERS)
        found += [
            Check(
                "engines",
                "fault",
                f"{row['use_case']}: no engine serves {row['name']} {row['version']} of provider "
                f"{row['provider']}",
                f"name one in the engines' file (AICORE_ENGINES_FILE) and restart; `aicore models show "
                f"{row['model_id']}` tells the model's files",
            )
            for row in speakers
            if not tiers_serving(tiers, row["provider"], f"{row['name']}@{row['version']}")
        ]
    names = {engine["name"] for tier in tiers for engine in tier["engines"]}
    return found or [Check("engines", "ok", f"{len(names)} serve {', '.join(t['tier'] for t in tiers)}")]


def tier_findings(tier: Mapping[str, Any], tiers: Sequence[Mapping[str, Any]]) -> Sequence[Check]:
    """Return what is wrong with a tier: some of its engines cannot be asked, or none."""
    away = [engine for engine in tier["engines"] if not _able(engine)]
    if tier["engines"] and not away:
        return []
    why = "; ".join(
        f"{each['name']}: {each.get('settings_fault') or each['reason'] or 'circuit ' + each['circuit']}"
        for each in away
    )
    mend = (
        "see that the server behind each runs (its url is in AICORE_ENGINES_FILE); it is asked again within "
        "seconds; `aicore tiers --watch` shows when"
    )
    if len(away) < len(tier["engines"]):
        return [Check("engines", "warning", f"{tier['tier']}: {why}; others serve it", mend)]
    below = next((each for each in tiers if each["tier"] == tier["below"]), None)
    fact = f"{tier['tier']}: no engine can be asked: {why or 'it has none'}"
    if below and any(_able(engine) for engine in below["engines"]):
        return [Check("engines", "warning", f"{fact}; {below['tier']} takes its turns", mend)]
    return [Check("engines", "fault", f"{fact}; callers get authored lines or refusals", mend)]


def _able(engine: Mapping[str, Any]) -> bool:
    return bool(engine["ok"]) and engine["circuit"] != "open" and not engine.get("settings_fault")
