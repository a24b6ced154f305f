"""How traces are written."""

from domain.definition.climate import WEATHERS
from domain.definition.forms import duration, price
from domain.definition.reading import (
    keyed,
    listed,
    maybe,
    name_of,
    needed,
    record,
    text,
    thousandths,
    whole,
    word,
)
from domain.definition.schema import entries, names
from domain.definition.traces import ARGUMENTS, Pay, TraceRule, Wear

SAYS_MAX = 400
PIECES_MAX = 100

_SAYS = text(most=SAYS_MAX)
_STATE = word(*WEATHERS)
_PAY = record(
    Pay,
    money=maybe(listed(price, most=4), ()),
    goods=maybe(keyed(name_of("good"), whole(1, PIECES_MAX), most=8), ()),
)


def _rule(
    half_life: int, indoors: int | None, weather: tuple[tuple[str, int], ...], **more: object
) -> TraceRule:
    return TraceRule(wear=Wear(half_life, indoors or half_life, weather), **more)  # type: ignore[arg-type]


TRACES = entries(
    "trace",
    _rule,
    of=needed(name_of("predicate")),
    says=needed(_SAYS),
    fresh=maybe(_SAYS, ""),
    faint=maybe(_SAYS, ""),
    many=maybe(_SAYS, ""),
    strength=maybe(thousandths(1), 1_000),
    half_life=needed(duration),
    indoors=maybe(duration),
    weather=maybe(keyed(_STATE, duration, most=len(WEATHERS)), ()),
    left_in=maybe(listed(_STATE, least=1, most=len(WEATHERS)), ()),
    kinds=maybe(names("kind of place"), ()),
    shows=maybe(listed(word(*ARGUMENTS), most=len(ARGUMENTS)), ()),
    certainty=maybe(thousandths(1), 1_000),
    pays=maybe(_PAY, Pay()),
)
