"""A claim: a predicate and its arguments, each written `kind.id`; and how one is written as text.

`at(person.una_pell, place.ropewalk_quay)`; a value that holds a comma stands last, so it needs no quotes.
"""

import re
from typing import NamedTuple

from domain.kernel.decider import Rejected

_WHOLE = re.compile(r"([a-z][a-z0-9_]{0,63})\((.*)\)", re.DOTALL)
_LAST = ("text.", "claim.")
"""Kinds that take the rest of what is written, commas and all."""


class Claim(NamedTuple):
    """What can be true or believed; an argument that the predicate does not take is empty."""

    predicate: str
    subject: str
    object: str = ""
    value: str = ""

    def __str__(self) -> str:
        """Return it as it is written, which is its key."""
        return f"{self.predicate}({', '.join(filter(None, self[1:]))})"

    @property
    def arguments(self) -> tuple[str, ...]:
        """What it names."""
        return tuple(filter(None, self[1:]))


def kind_of(argument: str) -> str:
    """Return the kind of an argument: person of person.una_pell."""
    return argument.partition(".")[0]


def read_claim(text: str) -> Claim:
    """Return the claim that is written.

    Raises:
        Rejected: ``bad_claim``.
    """
    found = _WHOLE.fullmatch(text.strip())
    if found is None:
        raise Rejected(
            "bad_claim",
            f"{text[:80]!r} is no claim",
            field="claim",
            remedy="write predicate(kind.id, kind.id): at(person.una_pell, place.ropewalk_quay)",
        )
    arguments: list[str] = []
    rest = found[2].strip()
    while rest and len(arguments) < 2 and not rest.startswith(_LAST):
        head, _, rest = rest.partition(",")
        arguments.append(head.strip())
        rest = rest.strip()
    return Claim(found[1], *[*arguments, rest, "", ""][:3])
