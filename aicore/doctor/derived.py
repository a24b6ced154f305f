"""Everything derived from the log: the tables of read models, and its followers in memory."""

from collections.abc import Sequence

from aicore.doctor.check import LAG_EVENTS_MAX, Check, Patient, in_schema
from bus.nats.discovery import discovered, followers_of
from bus.nats.service import NAME as SERVICE


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
