"""Charts as marks on a plane, in px from the upper left corner; chart.svg.j2 makes SVG of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

At = tuple[float, float]
"""x, y in px."""

INK, FAINT, GREY = "#333", "#e4e4e4", "#999"
RED, GREEN, AMBER, BLUE, PURPLE = "#c21f2f", "#1a7f37", "#9a6700", "#0969da", "#6f42c1"


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line."""

    kind: ClassVar = "line"
    start: At
    end: At
    colour: str = GREY
    width: float = 1
    dotted: bool = False


@dataclass(frozen=True, slots=True)
class Curve:
    """A line through points."""

    kind: ClassVar = "curve"
    points: Sequence[At]
    colour: str = INK
    width: float = 1.5

    @property
    def path(self) -> str:
        """The points as SVG writes them; one text, for there may be tens of thousands."""
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in self.points)


@dataclass(frozen=True, slots=True)
class Dot:
    """A filled circle."""

    kind: ClassVar = "dot"
    at: At
    colour: str = INK
    radius: float = 4


@dataclass(frozen=True, slots=True)
class Label:
    """A text; ``anchor`` is start, middle or end of it."""

    kind: ClassVar = "label"
    at: At
    text: str
    anchor: str = "start"
    colour: str = INK


Mark = Line | Curve | Dot | Label


@dataclass(frozen=True, slots=True)
class Chart:
    """Marks in the order in which they are drawn."""

    name: str
    """For those who cannot see it."""
    width: int
    height: int
    marks: list[Mark] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to px, linear; values beyond its ends are drawn at them."""

    low: float
    high: float
    start: float
    """Place of ``low``, px; it may lie beyond ``end``."""
    end: float

    def __call__(self, value: float) -> float:
        """Return where a value is drawn, px."""
        span = self.high - self.low
        share = (min(self.high, max(self.low, value)) - self.low) / span if span else 0.0
        return self.start + share * (self.end - self.start)
