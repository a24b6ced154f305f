"""What of a line says its claim, and what a voice adds behind it: ends of written lines that name nobody.

A writer put such an end behind the same claim, so it is in place behind other words for it, too.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from domain.story.plan import LETTERS, Act
from domain.story.saying import AS_TOLD, Heard, Saying, Tongue, Written, bearable
from domain.story.slots import SLOT

BETWEEN_SENTENCES = re.compile(r"(?<=[.?!…])[\"')”]*\s+(?=[\"'(“]?[A-Z])")


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a written line.

    Attributes:
        id: of the line, for who must not hear it again.
    """

    id: str
    text: str = field(repr=False)


def tails_for(tongue: Tongue, saying: Saying, heard: Heard) -> list[Tail]:
    """Return what a voice adds behind these claims in this manner, and who listens has not heard."""
    acts = {saying.act} | (AS_TOLD | {Act.TELL} if saying.act in AS_TOLD | {Act.TELL} else set())
    predicates = tuple(sorted((claim.predicate, claim.negated) for claim in saying.claims))
    lines = (line for act in sorted(acts) for line in tongue.by_shape.get((act, predicates), ()))
    return [
        Tail(line.id, text)
        for line in lines
        if line.id not in heard.lines
        and bearable(line.pair, saying, saying.claims)
        and not _more(line, saying)
        and (text := _end_of(line.pair.text))
    ]


def _more(line: Written, saying: Saying) -> bool:
    """Tell whether a line was written for circumstances that the plan has not."""
    said = {each.kind for claim in saying.claims for each in claim.circumstances}
    return any(LETTERS[each] not in said for each in _circumstances(line))


def _circumstances(line: Written) -> Iterator[str]:
    for claim in line.pair.plan.claims:
        yield from claim.circumstances


def head_of(text: str, letters: Collection[str]) -> str:
    """Return a line up to the end of the sentence in which the last of the letters is said first."""
    first: dict[str, int] = {}
    for found in SLOT.finditer(text):
        first.setdefault(found[1][:1], found.end())
    if not letters or not set(letters) <= set(first):
        return text
    end = BETWEEN_SENTENCES.search(text, max(first[letter] for letter in letters))
    return text[: end.start()] + end[0].rstrip() if end else text


def _end_of(text: str) -> str:
    """Return the whole sentences behind the last placeholder; "" if there are none."""
    last = max((found.end() for found in SLOT.finditer(text)), default=None)
    begin = BETWEEN_SENTENCES.search(text, last) if last is not None else None
    return text[begin.end() :] if begin else ""
