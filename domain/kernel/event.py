"""The one way to declare an event, a command or a query; everything else about it is derived from that.

An event's name and version are storage format: they are in the log forever. Renaming a class is free,
renaming an event, removing a field or changing a field's meaning is a new version with an upcaster.
"""

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Self

from pydantic import ConfigDict

from domain.kernel.roles import GOVERNING, PEOPLE, Role
from domain.kernel.visibility import Discreet, Personal, Private


class Event(Discreet):
    """A fact. Declare one as ``class ModelRegistered(Event, name="registry.model_registered", version=1)``.

    The name is ``{context}.{past_tense}``, both ``[a-z][a-z0-9_]*``. Each field carries a description, and
    its unit where it has one (``json_schema_extra={"unit": "ms"}``); ``example`` is one complete payload.
    What is `Personal` is declared ``str | Erased``: it may be gone when the event is read.

    Unknown fields are ignored on reading, so that a newer writer may add optional ones at any time; the
    stored bytes keep them.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_name: ClassVar[str]
    event_version: ClassVar[int]
    example: ClassVar[Mapping[str, Any]]

    def __init_subclass__(cls, *, name: str = "", version: int = 1, **kwargs: Any) -> None:
        """Record the storage name and version given as class arguments."""
        super().__init_subclass__(**kwargs)
        if name:
            cls.event_name = name
            cls.event_version = version

    @classmethod
    def from_example(cls) -> Self:
        """Return the event that the declaration's example describes."""
        return cls.model_validate(dict(cls.example))


class Command(Discreet):
    """An intention in the imperative: ``class RegisterModel(Command, name="registry.register_model")``.

    Commands are checked strictly: an unknown field is the caller's mistake and is refused by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    command_name: ClassVar[str]
    may: ClassVar[Collection[Role]] = GOVERNING
    """Roles of those who may send it."""
    four_eyes: ClassVar[bool | str] = False
    """Whether a second operator may be asked to confirm it; a field's name: if that one is not empty."""
    example: ClassVar[Mapping[str, Any]]
    shows: ClassVar[Mapping[str, Personal | Private]] = {}
    """What of the result is personal or private, by dotted path; lists stand for each of their items."""

    def __init_subclass__(
        cls, *, name: str = "", may: Collection[Role] = (), four_eyes: bool | str = False, **kwargs: Any
    ) -> None:
        """Record the wire name, who may send it, and who must confirm it, given as class arguments."""
        super().__init_subclass__(**kwargs)
        cls.four_eyes = four_eyes or cls.four_eyes
        if name:
            cls.command_name = name
        if may:
            cls.may = may


def needs_second(command: Command) -> bool:
    """Say whether a second operator is to confirm this command, where that is asked for."""
    said = type(command).four_eyes
    return bool(getattr(command, said)) if isinstance(said, str) else said


class Query(Discreet):
    """A question to what is known: ``class CurrentQuery(Query, name="registry.current")``.

    The first paragraph of the docstring says what is asked, the rest what the answer's ``result`` is. Queries
    are checked as strictly as commands are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    query_name: ClassVar[str]
    may: ClassVar[Collection[Role]] = PEOPLE
    """Roles of those who may ask it."""
    example: ClassVar[Mapping[str, Any]]
    shows: ClassVar[Mapping[str, Personal | Private]] = {}
    """What of the result is personal or private, as with a command; a personal value may be erased."""

    def __init_subclass__(cls, *, name: str = "", may: Collection[Role] = (), **kwargs: Any) -> None:
        """Record the wire name, and who may ask it, given as class arguments."""
        super().__init_subclass__(**kwargs)
        if name:
            cls.query_name = name
        if may:
            cls.may = may


class LiveMessage(Discreet):
    """A message of core NATS: ``class Piece(LiveMessage, name="inference.piece", subject="…")``.

    Its fields are those of the whole message, not of a payload. It is not stored; who listens now hears it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    live_name: ClassVar[str]
    subject: ClassVar[str]
    heard_with: ClassVar[str]
    """Query whose askers may hear it; "": it goes to one client, or comes from one."""
    listed: ClassVar[bool]
    """It is no map but the list of its fields' values; the last one's elements are elements of that list."""

    def __init_subclass__(
        cls, *, name: str, subject: str, heard_with: str = "", listed: bool = False
    ) -> None:
        """Record what is given as class arguments."""
        super().__init_subclass__()
        cls.live_name, cls.subject, cls.heard_with, cls.listed = name, subject, heard_with, listed
