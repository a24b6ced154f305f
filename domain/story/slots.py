"""Placeholders of a line: ``{A}`` for a name, ``{A.they}`` for a pronoun, and what fills them.

A line never says what is true of one world alone; names, sums, times and weathers are filled in, each in the
form that the sentence asks for. A capital is put where a sentence begins.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.story.plan import LETTERS, Kind

SLOT = re.compile(r"\{([^{}]*)\}('s)?")
PRONOUNS = ("they", "them", "their", "theirs", "themself", "they's")
VERBS = ("is", "was", "has", "does")
"""Verbs that agree with the pronoun: ``{A.they} {A.is}``. Beside a name one writes "is"."""

FORMS: Mapping[Kind, frozenset[str]] = {
    Kind.PERSON: frozenset(("", *PRONOUNS, *VERBS)),
    Kind.PLACE: frozenset({""}),
    Kind.FACTION: frozenset({"", "they", "them", "their", "is", "was", "has"}),
    Kind.GOOD: frozenset({"", "the", "bare", "it", "is", "was"}),
    Kind.SUM: frozenset({""}),
    Kind.TIME: frozenset({"", "since"}),
    Kind.WEATHER: frozenset({""}),
    Kind.QUEST: frozenset({"", "aim"}),
}
"""The forms that each kind has; "" is the name itself."""

SENTENCE_END = re.compile(r"(?:^|[.?!…][\"')]*\s+|\s(?=\"))[\"'(]*$")
"""What stands before the beginning of a sentence."""


class Gender(StrEnum):
    """How one speaks of somebody."""

    HE = "he"
    SHE = "she"
    THEY = "they"
    IT = "it"


_PERSON = {
    Gender.HE: ("he", "him", "his", "his", "himself", "he's", "is", "was", "has", "does"),
    Gender.SHE: ("she", "her", "her", "hers", "herself", "she's", "is", "was", "has", "does"),
    Gender.THEY: ("they", "them", "their", "theirs", "themself", "they're", "are", "were", "have", "do"),
    Gender.IT: ("it", "it", "its", "its", "itself", "it's", "is", "was", "has", "does"),
}


@dataclass(frozen=True, slots=True)
class Filling:
    """What a letter stands for in one world.

    Attributes:
        name: as it stands within a sentence: ``Odalys Pike``, ``the Tallymen``, ``a tin saint``,
            ``forty crowns``, ``last night`` (a time is an adverb: ``at dusk``, ``three days ago``).
        gender: of a person.
        plural: whether it takes plural verbs (factions, goods in the plural).
        forms: forms of its own: ``the`` and ``bare`` of a good, ``aim`` of a quest.
    """

    name: str
    gender: Gender = Gender.THEY
    plural: bool = False
    forms: Mapping[str, str] | None = None

    def form(self, kind: Kind, form: str) -> str:
        """Return one form of it."""
        if self.forms and form in self.forms:
            return self.forms[form]
        if kind == Kind.PERSON and form:
            return _PERSON[self.gender][(*PRONOUNS, *VERBS).index(form)]
        if form == "since":
            return _since(self.name)
        if kind in (Kind.FACTION, Kind.GOOD) and form:
            return self._of_a_thing(kind, form)
        return self.name

    def _of_a_thing(self, kind: Kind, form: str) -> str:
        if form == "the":
            return self.name if self.name.startswith("the ") else f"the {_without_article(self.name)}"
        if form == "bare":
            return _without_article(self.name)
        if form == "it":
            return "them" if self.plural else "it"
        many = kind == Kind.FACTION or self.plural
        if form in ("they", "them", "their"):
            return form
        return {"is": "are", "was": "were", "has": "have"}[form] if many else form


def slots_of(text: str) -> list[tuple[str, str]]:
    """Return letter and form of each placeholder: ``{A.They}`` is ("A", "they")."""
    return [_parts(inside) for inside, _ in SLOT.findall(text)]


def slot_fault(inside: str) -> str:
    """Return what is wrong with the inside of a placeholder; "" if nothing is."""
    letter, form = _parts(inside)
    if letter not in LETTERS:
        return f"no letter: {', '.join(LETTERS)}"
    if form not in FORMS[LETTERS[letter]]:
        return f"no form of a {LETTERS[letter]}: {', '.join(sorted(FORMS[LETTERS[letter]] - {''}))}"
    return ""


def fill(text: str, fillings: Mapping[str, Filling]) -> str:
    """Return the line with its placeholders filled.

    Raises:
        KeyError: a letter has no filling.
    """

    def filled(found: re.Match[str]) -> str:
        letter, form = _parts(found[1])
        filling = fillings[letter]
        said = filling.form(LETTERS[letter], form)
        if found[2]:
            said += "'" if filling.plural and said.endswith("s") else "'s"
        begins = SENTENCE_END.search(text, 0, found.start()) is not None
        return said[0].upper() + said[1:] if begins and said else said

    return SLOT.sub(filled, text)


def _parts(inside: str) -> tuple[str, str]:
    letter, _, form = inside.partition(".")
    return letter, form.lower()


def _without_article(name: str) -> str:
    return re.sub(r"^(?:an?|the|some) ", "", name)


def _since(time: str) -> str:
    """Return "since dusk" for "at dusk", and "these three days" for "three days ago"."""
    if time.endswith(" ago"):
        return f"these {time.removesuffix(' ago')}"
    return "since " + re.sub(r"^(?:at|on|in) ", "", time)
