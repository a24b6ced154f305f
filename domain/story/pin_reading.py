"""A pinned line read back before it is pinned: what it says that its plan does not. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from domain.definition.faults import nearest
from domain.kernel.decider import Rejected
from domain.story.corpus import Pair
from domain.story.language import Language
from domain.story.plan import LETTERS, Kind
from domain.story.reading import read_back_template
from domain.story.stops import Gate, Stop
from domain.story.text import plain_tokens

KINDS: Mapping[str, Kind] = {
    "person": Kind.PERSON,
    "place": Kind.PLACE,
    "faction": Kind.FACTION,
    "good": Kind.GOOD,
    "quest": Kind.QUEST,
}
"""What letters stand for, by the kind of an id of the world."""

REMEDIES: Mapping[Gate, str] = {
    Gate.PERIOD: "a word that people of this time have",
    Gate.NAME: "a letter of the plan instead of the name, and `let` for whom it stands",
    Gate.NUMBER: "{N}, if the plan has a sum",
    Gate.SLOT: "every letter of the plan, and no other",
    Gate.CLAIM: "what the plan claims, a feeling, advice or a saying; or add the claim to the plan",
    Gate.TIME: "{T} behind `;` in the plan, and in the line",
    Gate.PLACE: "{P} behind `;` in the plan, and in the line",
    Gate.CAUSE: "no reason, as the plan gives none",
    Gate.NEGATION: "the plan's claim as it is; `not` before it denies it",
    Gate.ROLE: "the letters in the order of the plan's claim",
}
"""What may stand there instead, by the gate that stopped it."""

OTHERWISE = "what the plan says, and nothing else"
AT_ONCE = 3
"""So many faults are told at once; who mends them sees the others."""


def read_pin(
    pair: Pair, language: Language, names: Mapping[str, str], given: str, code: str = "bad_pin"
) -> None:
    """Read a pin as every line is read before it is said; a whole name that begins a sentence is one.

    Args:
        pair: the pin.
        language: of the genre, with the world's names.
        names: what the world has, by id.
        given: what all of the voice have or do.
        code: by which it is refused.

    Raises:
        Rejected: ``code`` with what the line says and its plan does not.
    """
    stops = read_back_template(pair.text, pair.plan, language, given)
    stops = (*stops, *_names_first(pair.text, {name.casefold() for name in names.values()}, stops))
    if not stops:
        return
    told = "; ".join(f"{each.gate}: {_found(each)}{each.why}" for each in stops[:AT_ONCE])
    more = f"; and {len(stops) - AT_ONCE} more" if len(stops) > AT_ONCE else ""
    raise Rejected(code, f"{told}{more}", field="text", remedy=_remedy(stops[0], pair, language))


def _names_first(text: str, names: Collection[str], before: Collection[Stop]) -> Iterator[Stop]:
    """Yield names that begin a sentence and are words as well ("Nib"), which a reader lets pass.

    Whom a writer means by a capital nobody can tell there, so a pin says it in another way.
    """
    known = {stop.start for stop in before}
    longest = max((len(name.split()) for name in names), default=0)
    tokens = plain_tokens(text)
    for at, token in enumerate(tokens):
        if not token.begins or not token.text[0].isupper() or token.start in known:
            continue
        for count in range(longest, 0, -1):
            end = tokens[min(at + count, len(tokens)) - 1].end
            if text[token.start : end].casefold() in names:
                yield Stop(Gate.NAME, text[token.start : end], token.start, end, "it is a name of this world")
                break


def _found(stop: Stop) -> str:
    return f"{stop.found!r}, " if stop.found else ""


def _remedy(stop: Stop, pair: Pair, language: Language) -> str:
    if stop.gate == Gate.NAME and (letters := _letters_for(stop.found, pair, language)):
        return f"{{{letters[0]}}} instead, and let {letters[0]} be who is meant"
    return REMEDIES.get(stop.gate, OTHERWISE)


def _letters_for(name: str, pair: Pair, language: Language) -> list[str]:
    """Return the letters of the plan that can stand for what a name names."""
    tokens = plain_tokens(name)
    count, id_ = language.names.at(tokens, 0) if tokens else (0, "")
    kind = KINDS.get(id_.partition(".")[0])
    return sorted(letter for letter in pair.plan.letters if count and LETTERS.get(letter) == kind)


def known_or_refuse(field: str, given: str, known: Collection[str], what: str) -> None:
    """Refuse what the world has not, with the nearest that it has.

    Raises:
        Rejected: ``bad_pin``.
    """
    if given not in known:
        near = nearest(given, known)
        remedy = f"the id of {what}" + (f"; did you mean {near}?" if near else "")
        raise Rejected("bad_pin", f"the world has no {given}", field=field, remedy=remedy)


def let_or_refuse(let: Iterable[str], names: Collection[str]) -> None:
    """Refuse letters that stand for what the world has not.

    Raises:
        Rejected: ``bad_pin``.
    """
    for argument in let:
        if argument.partition(".")[0] in KINDS:
            known_or_refuse("let", argument, names, "something of the world")
