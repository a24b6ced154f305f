"""Expected versions of an append, and the result of a repeated one: the rules of every log."""

from bus.ports import AppendResult, ExpectedVersion, IdConflict, NewEvent, RecordedEvent, Where


def meets(actual: int, expected: ExpectedVersion) -> bool:
    """Return whether a stream at version ``actual`` is as expected."""
    match expected:
        case "any":
            return True
        case "none":
            return actual == 0
        case "exists":
            return actual > 0
        case _:
            return actual == expected


def matches(event: RecordedEvent, where: Where) -> bool:
    """Return whether an event is among those that ``where`` names."""
    return (
        (not where.types or event.type in where.types)
        and (not where.context or event.type.startswith(f"{where.context}."))
        and event.stream.startswith(where.stream_prefix)
    )


def first_result(pairs: list[tuple[str, NewEvent, RecordedEvent | None]]) -> AppendResult | None:
    """Return what an append came to when it was first made; None if none of its ids is known.

    Args:
        pairs: stream, event, and what the log holds under the event's id.

    Raises:
        IdConflict: an id is known with other content, or only some are known.
    """
    found: list[RecordedEvent] = []
    for stream, event, known in pairs:
        if known is None:
            continue
        if (known.stream, known.type, known.schema_version, known.payload) != (
            stream,
            event.type,
            event.schema_version,
            event.payload,
        ):
            raise IdConflict(event.id, "is recorded with other content")
        found.append(known)
    if not found:
        return None
    if len(found) < len(pairs):
        raise IdConflict(found[0].id, "is recorded, other ids of the same append are not")
    return AppendResult(
        tuple(known.position for known in found),
        tuple(known.version for known in found),
        found[0].recorded_us,
        duplicate=True,
    )
