"""What may become of the definition in the log, and what a change of the files would cause."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from domain.definition.definition import Definition
from domain.definition.entries import Entries, Key, data_of, digest_of, digest_of_all
from domain.definition.messages import ChangeWorld, EntryDefined, EntryRetired, VersionPublished
from domain.definition.read import read
from domain.kernel.decider import Decider, Rejected

FAULTS_TOLD = 3
WorldEvent = EntryDefined | EntryRetired | VersionPublished


@dataclass(frozen=True, slots=True)
class Loaded:
    """The definition as the log has it.

    Attributes:
        version: of the last one that was published; 0: none.
        digest: its digest; "": none.
        published: its entries.
        draft: the entries with what was defined and retired since.
        digests: those of the draft's entries.
        retired: what was defined once and is no more, as it was.
    """

    version: int = 0
    digest: str = ""
    published: Entries = field(default_factory=dict)
    draft: Entries = field(default_factory=dict)
    digests: Mapping[Key, str] = field(default_factory=dict)
    retired: Entries = field(default_factory=dict)


def evolve(state: Loaded, event: WorldEvent) -> Loaded:
    """Return the definition after an event."""
    match event:
        case EntryDefined():
            key = Key(event.section, event.entry_id)
            return Loaded(
                state.version,
                state.digest,
                state.published,
                {**state.draft, key: dict(event.written)},
                {**state.digests, key: event.digest},
                {other: entry for other, entry in state.retired.items() if other != key},
            )
        case EntryRetired():
            key = Key(event.section, event.entry_id)
            return Loaded(
                state.version,
                state.digest,
                state.published,
                {other: entry for other, entry in state.draft.items() if other != key},
                {other: digest for other, digest in state.digests.items() if other != key},
                {**state.retired, key: state.draft.get(key)},
            )
        case VersionPublished():
            return Loaded(event.number, event.digest, state.draft, state.draft, state.digests, state.retired)


def decide(command: ChangeWorld, state: Loaded) -> Sequence[WorldEvent]:
    """Return what follows from a change: nothing if all of it is so already.

    Raises:
        Rejected: ``stale_version``, ``faulty_definition``, ``other_digest``.
    """
    if command.base != state.version and not _is_so(command, state):
        raise Rejected(
            "stale_version",
            f"version {state.version} is published, and the change is for {command.base}",
            field="base",
            remedy="plan again, on the newest version",
        )
    events: list[WorldEvent] = []
    for entry in command.define:
        digest = digest_of(dict(entry.written))
        if state.digests.get(Key(entry.section, entry.entry_id)) != digest:
            events.append(EntryDefined(**entry.model_dump(), digest=digest))
    events += [
        EntryRetired(**name.model_dump())
        for name in command.retire
        if Key(name.section, name.entry_id) in state.draft
    ]
    if command.publish is None:
        return events
    after = state
    for event in events:
        after = evolve(after, event)
    if after.version and command.publish == after.digest and after.draft == after.published:
        return events
    return [*events, _version(command, after)]


def _is_so(command: ChangeWorld, state: Loaded) -> bool:
    """Say whether a change is one that was made before: the version that it publishes is the one there is."""
    return command.publish is not None and command.publish == state.digest


def _version(command: ChangeWorld, state: Loaded) -> VersionPublished:
    digest = digest_of_all(state.digests.items())
    if command.publish != digest:
        raise Rejected(
            "other_digest",
            f"the definition would be {digest}",
            field="publish",
            remedy="somebody else changed the draft; plan again",
        )
    result = read(data_of(state.draft))
    if result.faults:
        told = "; ".join(f"{fault.path}: {fault.found}" for fault in result.faults[:FAULTS_TOLD])
        more = len(result.faults) - FAULTS_TOLD
        raise Rejected(
            "faulty_definition",
            told + (f"; and {more} more" if more > 0 else ""),
            field="define",
            remedy="`aicore world check` tells every fault with its place",
        )
    return VersionPublished(
        number=state.version + 1,
        digest=digest,
        entries=len(state.draft),
        operator=command.operator,
        reason=command.reason,
    )


LOADED = Loaded()
WORLD: Decider[ChangeWorld, WorldEvent, Loaded] = Decider(LOADED, decide, evolve)


def definition_of(state: Loaded) -> Definition | None:
    """Return the definition that holds; None if no version was published."""
    return read(data_of(state.published)).definition if state.version else None


# --- what a change would cause ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """What turns the definition in the log into another one.

    Attributes:
        base: the version in the log.
        added: entries that are new.
        changed: entries that are there and other.
        retired: entries that are there and not in the other one.
        digest: the digest of the other one.
    """

    base: int
    added: Mapping[Key, JsonValue]
    changed: Mapping[Key, JsonValue]
    retired: Sequence[Key]
    digest: str

    @property
    def empty(self) -> bool:
        """Say whether nothing would happen."""
        return not (self.added or self.changed or self.retired)


def plan_of(base: int, digests: Mapping[Key, str], wanted: Entries) -> Plan:
    """Return what is to be done.

    Args:
        base: the version in the log.
        digests: what the log has, by digest: the draft if one is left over, so that it is gone on with.
        wanted: the entries that shall be.
    """
    meant = {key: digest_of(content) for key, content in wanted.items()}
    return Plan(
        base,
        {key: wanted[key] for key in wanted if key not in digests},
        {key: wanted[key] for key in wanted if key in digests and digests[key] != meant[key]},
        sorted(key for key in digests if key not in wanted),
        digest_of_all(meant.items()),
    )
