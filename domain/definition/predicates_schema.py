"""How predicates are written."""

from domain.definition.predicates import ARGUMENT_KINDS, HOLDS, ONE_PER, WITNESSES, Predicate
from domain.definition.reading import flag, identifier, listed, maybe, needed, text, thousandths, whole, word
from domain.definition.schema import entries, names

SAYS_MAX = 200
STAGE_MAX = 100

_KINDS = listed(word(*ARGUMENT_KINDS), least=1, most=len(ARGUMENT_KINDS))

PREDICATES = entries(
    "predicate",
    Predicate,
    says=needed(text(most=SAYS_MAX)),
    subject=needed(_KINDS),
    object=maybe(_KINDS, ()),
    value=maybe(_KINDS, ()),
    holds=maybe(word(*HOLDS), "state"),
    one_per=maybe(word(*ONE_PER)),
    excludes=maybe(names("predicate"), ()),
    ends=maybe(names("predicate"), ()),
    symmetric=maybe(flag, False),
    inverse=maybe(identifier, ""),
    witnessed=maybe(word(*WITNESSES), "place"),
    spreads=maybe(thousandths(), 300),
    pinned=maybe(flag, False),
    secret=maybe(flag, False),
    heard=maybe(listed(text(most=SAYS_MAX), most=20), ()),
    stage=maybe(whole(0, STAGE_MAX), 0),
    tension=maybe(thousandths(-1_000), 0),
)
