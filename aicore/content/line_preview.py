"""Names of the sample world for a preview of lines: what each letter of a plan stands for."""

from collections.abc import Collection, Mapping, Sequence

from domain.story.clauses import Between, Stated, Thing
from domain.story.plan import ASKED, HEARER, LETTERS, SPEAKER, Claim, Kind, Signature
from domain.story.slots import Filling, Gender

NAMES: Mapping[str, Filling] = {
    "A": Filling("Bram Sallow", Gender.HE),
    "B": Filling("Nettie Corran", Gender.SHE),
    "C": Filling("Gault", Gender.HE),
    "S": Filling("Una Pell", Gender.SHE),
    "H": Filling("Silas Wend", Gender.HE),
    "P": Filling("the Drowned Bell"),
    "Q": Filling("Ropewalk Quay"),
    "F": Filling("the Tallymen", plural=True),
    "E": Filling("the Gleaner Parish"),
    "G": Filling("a tin saint"),
    "K": Filling("lamp oil"),
    "N": Filling("forty crowns"),
    "T": Filling("last night"),
    "W": Filling("thick fog"),
    "X": Filling("the matter of the tide key", forms={"aim": "find the tide key"}),
}


def things(named: Mapping[str, str]) -> dict[str, Thing]:
    """Return what every letter stands for.

    Args:
        named: letter → name, or name and pronoun: ``A`` → ``Ada Vey, she``.
    """
    found = {}
    for letter, kind in LETTERS.items():
        filling = NAMES[letter]
        if letter in named:
            name, _, gender = named[letter].partition(",")
            filling = Filling(name.strip(), Gender(gender.strip() or "they"), filling.plural, filling.forms)
        found[letter] = Thing(f"{kind}.{letter}", kind, filling)
    return found


def _asked(kinds: Collection[Kind]) -> Kind:
    return Kind.PERSON if Kind.PERSON in kinds else min(kinds)


def between(known: Mapping[str, Thing]) -> Between:
    """Return who speaks to whom."""
    return Between(known[SPEAKER], known[HEARER])


def stated(
    claims: Sequence[Claim], known: Mapping[str, Thing], signatures: Mapping[str, Signature]
) -> tuple[Stated, ...]:
    """Return claims about letters as claims about what they stand for."""
    return tuple(
        Stated(
            claim.predicate,
            tuple(
                _asked(role.kinds) if letter == ASKED else known[letter]
                for letter, role in zip(claim.roles, signatures[claim.predicate], strict=True)
            ),
            tuple(known[letter] for letter in claim.circumstances),
            claim.negated,
        )
        for claim in claims
    )
