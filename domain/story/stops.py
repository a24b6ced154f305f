"""What stops a line: the gate, what was found, and where."""

from dataclasses import dataclass
from enum import StrEnum


class Gate(StrEnum):
    """What a text is read back for; the words are stable, they stand in events."""

    FORM = "form"
    """Too long, torn, repeating itself, odd characters."""
    PERIOD = "period"
    """A word of another time or trade than the genre's."""
    NAME = "name"
    """Somebody or something is named that neither plan nor scene speaks of."""
    NUMBER = "number"
    """A number that the plan does not say."""
    SLOT = "slot"
    """What the plan speaks of is not named."""
    UNSAID = "unsaid"
    """All that the plan speaks of is named, and its claim is not read in it."""
    TIME = "time"
    """Another time than the plan's."""
    PLACE = "place"
    """Another place than the plan's."""
    SECRET = "secret"  # noqa: S105 - the name of a gate
    """What must not be mentioned is."""
    PRESENCE = "presence"
    """The dead or the absent are here, or do something."""
    NEGATION = "negation"
    """A claim of the plan is denied, or one that it denies is stated."""
    ROLE = "role"
    """The right people, the wrong way round."""
    CAUSE = "cause"
    """A reason that the plan does not give."""
    DEBT = "debt"
    """Another debt than the plan's: by its sum, or by who owes."""
    CLAIM = "claim"
    """Something is claimed that the plan does not say."""
    CONTRADICTION = "contradiction"
    """The speaker has said otherwise."""
    REPETITION = "repetition"
    """Nearly what this listener heard lately."""
    GUARDRAIL = "guardrail"
    """What the guardrails do not let pass."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a text may not be said.

    Attributes:
        found: the words of the text; "" for what is missing.
        start: first character of them. end: character behind the last.
    """

    gate: Gate
    found: str
    start: int
    end: int
    why: str
