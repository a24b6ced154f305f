"""What the director needs beside facts: the news, and each version of the world that an arc may be of."""

from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar

from bus.ports import EventLog, RecordedEvent
from domain.definition.definition import Definition
from domain.definition.loading import LOADED, Loaded, definition_of, evolve
from domain.definition.messages import EntryDefined, EntryRetired, VersionPublished
from domain.director.content import Content, compiled
from domain.director.seen_world import Newsroom
from domain.factions.messages import Emerged
from domain.kernel.event import Event
from handlers.kernel.follow import Decode, MemoryView

DEFINING = (EntryDefined, EntryRetired, VersionPublished)


class Contents(Mapping[int, Content]):
    """What is played, by version of the definition; compiled when it is asked for.

    Version 0 is the definition that holds until one is published.
    """

    def __init__(self, otherwise: Callable[[], Definition]) -> None:
        self._otherwise = otherwise
        self._loaded: dict[int, Loaded] = {}
        self._state = LOADED
        self._compiled: dict[int, Content] = {}

    def apply(self, event: EntryDefined | EntryRetired | VersionPublished) -> None:
        """Take an event of the definition in."""
        self._state = evolve(self._state, event)
        if isinstance(event, VersionPublished):
            self._loaded[self._state.version] = self._state

    @property
    def version(self) -> int:
        """The version that holds."""
        return self._state.version

    def people(self) -> set[str]:
        """Return everybody of whom some compiled version has something."""
        return {person for content in self._compiled.values() for person in content.people}

    def __getitem__(self, version: int) -> Content:
        """Return the content of a version.

        Raises:
            KeyError: there is none.
        """
        if version not in self._compiled:
            found = definition_of(self._loaded[version]) if version else None
            if version and found is None:
                raise KeyError(version)
            self._compiled[version] = compiled(found or self._otherwise(), version)
        return self._compiled[version]

    def __iter__(self) -> Iterator[int]:
        """Yield the versions there are."""
        return iter((0, *self._loaded))

    def __len__(self) -> int:
        """Return how many versions there are."""
        return 1 + len(self._loaded)


class DirectorView(MemoryView):
    """Run `run` in a task."""

    name: ClassVar[str] = "director"
    types: ClassVar[tuple[str, ...]] = tuple(kind.event_name for kind in (*DEFINING, Emerged))

    def __init__(self, log: EventLog, definition: Callable[[], Definition], *, decode: Decode) -> None:
        """Prepare; ``definition`` returns the one that holds until one is published."""
        super().__init__(log, decode=decode)
        self.newsroom = Newsroom()
        self.contents = Contents(definition)

    def apply(self, event: Event, recorded: RecordedEvent) -> None:
        """Take an event in."""
        if isinstance(event, Emerged):
            self.newsroom.take_in(event)
        elif isinstance(event, DEFINING):
            self.contents.apply(event)
