"""Everything derived from the log: the tables of read models, and its followers in memory."""

from collections.abc import Sequence

from aicore.doctor.check import LAG_EVENTS_MAX, Check, Patient, in_schema
from bus.nats.discovery import discovered, followers_of
from bus.nats.service import NAME as SERVICE
from bus.postgres.connect import schema_of
from projections.lore.vectors import RESTORING

# Purpose: has the lore its index of neighbours, and could it. Catalogue only. No lock.
NEIGHBOURS = """
SELECT to_regclass('lore_vector') IS NOT NULL AS made,
       EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('lore_vector') AND attname = 'near'
               AND NOT attisdropped) AS there,
       EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'vector'
               AND string_to_array(default_version, '.')::int[] >= ARRAY[0, 8]) AS available
"""


async def projections(patient: Patient) -> Sequence[Check]:
    """Check that every table of a read model is at the log's end, or not far behind."""
    if patient.postgres is None:
        return []
    async with in_schema(patient) as connection:
        head = await connection.fetchval("SELECT coalesce(max(position), 0) FROM event")
        rows = await connection.fetch("SELECT name, position, error FROM projection_checkpoint ORDER BY name")
    found = []
    for row in rows:
        name, position = row["name"], row["position"]
        again = f"`aicore projections rebuild {name}` makes it anew from the log"
        if position > head:
            fact = f"{name} is at {position}, the log ends at {head}: another log, or its end was cut off"
            mend = f"make sure of the log first (`aicore log verify`, the stream above); is it right, {again}"
            found.append(Check("projections", "fault", fact, mend))
        elif row["error"]:
            mend = f"mend what the error names and restart; {again}"
            found.append(Check("projections", "fault", f"{name} stands at {position}: {row['error']}", mend))
        elif head - position > LAG_EVENTS_MAX:
            fact = f"{name} is {head - position} events behind"
            found.append(Check("projections", "warning", fact, "is `aicore run projections` running?"))
        else:
            found.append(Check("projections", "ok", f"{name} at {position} of {head}"))
    return found


async def followers(patient: Patient) -> Sequence[Check]:
    """Check that what follows the log in memory takes in all that the log holds."""
    if patient.nats is None:
        return []
    told = await discovered(patient.nats, "STATS", SERVICE, patient.system.realm)
    standing = [each for one in told for each in followers_of(one)]
    mend = (
        "an event of a newer program: upgrade this one; a damaged one: `aicore log verify`; then start anew"
    )
    wrong = [Check("followers", "fault", f"{name}: {error}", mend) for name, error in standing if error]
    names = ", ".join(sorted({name for name, _ in standing}))
    return wrong or [Check("followers", "ok", f"{names} take in all that the log holds")] * bool(standing)


async def neighbours(patient: Patient) -> Sequence[Check]:
    """Check that the lore's vectors have their index, where this Postgres brings pgvector along."""
    if patient.postgres is None:
        return []
    async with in_schema(patient) as session:
        told = await session.fetchrow(NEIGHBOURS)
    if not told["made"]:  # the migrations' check tells of that
        return []
    if told["there"]:
        return [Check("lore", "ok", "the vectors have an index of neighbours")]
    fact = "the vectors have no index of neighbours: all are compared"
    if not told["available"]:
        return [Check("lore", "ok", f"{fact}; this Postgres has no pgvector 0.8")]
    sql = RESTORING.format(schema=schema_of(patient.system.realm))
    return [Check("lore", "warning", fact, f"pgvector is at hand; as an administrator: {sql}")]
