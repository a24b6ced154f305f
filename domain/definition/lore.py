"""What is true in a world, and how it is told."""

from dataclasses import dataclass

from domain.definition.places import Id


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact.

    Attributes:
        about: what a player may name, so that who speaks is given it ("the tide key").
        text: a clause without a full stop.
    """

    id: Id
    about: str
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """A longer text: history, customs, laws. Paragraphs are one text each."""

    id: Id
    title: str
    paragraphs: tuple[str, ...]
