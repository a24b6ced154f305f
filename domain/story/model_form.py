"""The form in which a small model reads a plan and writes a line: tags, and letters in one order.

A plan's letters are renamed in the order in which it names them (``killed(B, A)`` is ``killed(A, B)``), so
a model needs to learn each shape once; what it writes is renamed back. It learns and says no name: whom a
letter stands for is filled in afterwards.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from domain.story.plan import (
    ASKED,
    DEFAULTS,
    HEARER,
    LETTERS,
    MANNER,
    SPEAKER,
    Act,
    Claim,
    Kind,
    Length,
    LinePlan,
    Signature,
)
from domain.story.slots import FORMS, SLOT

ANYONE = "anyone"
"""The voice of a line that nobody in particular says."""

NOT, ASIDE, UNSAID, HIDES, LINE, END, PAD = "not", ";", "~", "hides", "line", "end", "pad"
_OWN = (SPEAKER, HEARER, ASKED)


@dataclass(frozen=True, slots=True)
class Asked:
    """One plan as a model is asked for it.

    Attributes:
        prompt: tags and letters, up to the tag behind which the line begins.
        letters: of the model → of the plan.
    """

    prompt: str = field(repr=False)
    letters: Mapping[str, str]

    def line(self, written: str) -> str:
        """Return what a model wrote with the letters of the plan; those that it has not stay as they are."""
        return _renamed(written, self.letters)

    def written(self, line: str) -> str:
        """Return a line with the plan's letters as the model writes it."""
        return _renamed(line, {own: letter for letter, own in self.letters.items()})


def ask_for(plan: LinePlan, voice: str, length: Length | None = None, unsaid: Iterable[str] = ()) -> Asked:
    """Return how a model is asked for a plan.

    Args:
        plan: whose letters may stand in any order.
        voice: ``harbour/ferryman``, or "" for anybody's.
        length: how long the line is to be; None leaves it open.
        unsaid: letters that the line leaves out on purpose, as some written ones do.
    """
    letters = _in_order(plan)
    genre, _, name = voice.partition("/")
    words: list[str] = [genre or ANYONE, name or ANYONE, *([length] if length else []), plan.act]
    words += [
        word for word in (plan.certainty, plan.mood, plan.attitude, plan.register) if word not in DEFAULTS
    ]
    said = "".join(map(tag, words))
    said += "".join(
        _claim(_moved(claim, letters), {letters[each] for each in unsaid}) for claim in plan.claims
    )
    said += "".join(tag(HIDES) + tag(claim.predicate) for claim in plan.hidden)
    return Asked(said + tag(LINE), {letter: own for own, letter in letters.items()})


def others(plan: LinePlan, signatures: Mapping[str, Signature]) -> Iterator[LinePlan]:
    """Yield plans that say something else of the same letters: by which a line is read, when it is.

    Each has one claim changed: denied or not, its people changed about, or another predicate of these kinds.
    """
    for at, claim in enumerate(plan.claims):
        changed = [replace(claim, negated=not claim.negated)]
        if len(claim.roles) > 1:
            changed.append(replace(claim, roles=claim.roles[::-1]))
        changed += [replace(claim, predicate=each) for each in signatures if each != claim.predicate]
        for one in changed:
            if one.predicate in signatures and _takes(signatures[one.predicate], one.roles):
                yield replace(plan, claims=(*plan.claims[:at], one, *plan.claims[at + 1 :]))


def _takes(signature: Signature, roles: Sequence[str]) -> bool:
    return len(signature) == len(roles) and all(
        letter == ASKED or LETTERS[letter] in role.kinds
        for role, letter in zip(signature, roles, strict=True)
    )


def tag(word: str) -> str:
    """Return the tag of a word: one token of the model."""
    return f"<{word}>"


def tags(voices: Iterable[str], predicates: Iterable[str]) -> list[str]:
    """Return every tag that a prompt can hold, the end and the filler among them; each once."""
    words = [
        PAD,
        END,
        LINE,
        NOT,
        ASIDE,
        UNSAID,
        HIDES,
        ASKED,
        ANYONE,
        *Act,
        *MANNER,
        *Length,
        *sorted(predicates),
    ]
    for voice in sorted(voices):
        words += voice.split("/")
    return [tag(word) for word in dict.fromkeys(words)]


def placeholders() -> list[str]:
    """Return every placeholder, with and without the space before it; each is one token of the model."""
    found = []
    for letter, kind in LETTERS.items():
        for form in sorted(FORMS[kind]):
            inside = f"{letter}.{form}" if form else letter
            found += [f"{{{inside}}}", f" {{{inside}}}"]
    return found


def foreign(letters: Iterable[str]) -> list[str]:
    """Return the placeholders of all letters but these, the speaker and the hearer."""
    known = {SPEAKER, HEARER, *letters}
    return [each for each in placeholders() if each.lstrip()[1] not in known]


def _in_order(plan: LinePlan) -> dict[str, str]:
    """Return letter of the plan → letter of the model; there are as many of both."""
    free: dict[Kind, Iterator[str]] = {
        kind: iter([each for each, of in LETTERS.items() if of == kind and each not in _OWN]) for kind in Kind
    }
    found: dict[str, str] = {}
    for claim in plan.claims:
        for letter in (*claim.roles, *claim.circumstances):
            if letter not in _OWN and letter not in found:
                found[letter] = next(free[LETTERS[letter]])
    return found


def _moved(claim: Claim, letters: Mapping[str, str]) -> Claim:
    def moved(all_: Sequence[str]) -> tuple[str, ...]:
        return tuple(letters.get(letter, letter) for letter in all_)

    return replace(claim, roles=moved(claim.roles), circumstances=moved(claim.circumstances))


def _claim(claim: Claim, unsaid: set[str]) -> str:
    def letter(each: str) -> str:
        said = tag(ASKED) if each == ASKED else f" {{{each}}}"
        return said + tag(UNSAID) * (each in unsaid)

    said = tag(NOT) * claim.negated + tag(claim.predicate) + "".join(map(letter, claim.roles))
    return said + "".join(tag(ASIDE) + letter(each) for each in claim.circumstances)


def _renamed(text: str, letters: Mapping[str, str]) -> str:
    def renamed(found: "re.Match[str]") -> str:
        letter, dot, form = found[1].partition(".")
        return f"{{{letters.get(letter, letter)}{dot}{form.lower()}}}{found[2] or ''}"

    return SLOT.sub(renamed, text)
