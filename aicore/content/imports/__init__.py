"""What writers bring along: World Info and character cards of SillyTavern, as lore and people of ours.

Nothing is dropped without a word: a field that has no counterpart here is listed with why, and so is an
unknown one. What means nothing (a field that is as editors leave it) is no loss, and is not listed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aicore.content.imports.cards import read_card
from aicore.content.imports.drafts import DocumentDraft, PersonDraft
from aicore.content.imports.entries import Book, known_names
from aicore.content.imports.fields import Fields, Left, Told
from aicore.content.imports.source import AS_FILE, Unreadable, read_source
from domain.definition.definition import Definition
from domain.definition.faults import Fault

CARDS = ("chara_card_v2", "chara_card_v3")
BOOK = "lorebook_v3"
FLAT = ("description", "personality", "first_mes", "char_persona")
"""Fields by which a card of the first version, which says nothing of what it is, is known."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a file.

    Attributes:
        kind: what it is: world info, book, card; "": nothing that is known.
        faults: what is wrong with it; then nothing else is there.
        at: line and column of that, where the file could not be read at all.
        left: what was not taken over.
    """

    kind: str
    documents: Sequence[DocumentDraft] = ()
    person: PersonDraft | None = None
    left: Sequence[Left] = ()
    faults: Sequence[Fault] = ()
    at: tuple[int, int] = (1, 1)

    def files(self) -> Mapping[str, str]:
        """Return the texts to write, by their paths within a folder."""
        found = {f"lore/{each.id}.md": each.text() for each in self.documents}
        if self.person:
            found[f"people/{self.person.id}.yaml"] = self.person.text()
            if self.person.examples:
                found[f"people/{self.person.id}.lines.txt"] = self.person.all_lines()
        return found


def import_file(content: bytes, definition: Definition | None = None) -> Imported:
    """Return what a file is imported as; never raises.

    Args:
        content: the file's.
        definition: the world that it is for: names that this has are told from new ones.
    """
    hidden = set[str]()
    try:
        data = read_source(content, hidden)
    except Unreadable as error:
        return Imported("", faults=[error.fault], at=error.at)
    told, known = Told(), known_names(definition)
    if hidden:
        letters = ", ".join(sorted(f"U+{ord(each):04X}" for each in hidden))
        told.left.append(Left("file", "", letters, "characters that nobody sees"))
    kind, fields = _kind(data, told)
    if fields is None:
        return Imported(kind, faults=told.faults)
    if kind == "card":
        card = read_card(fields, told, known)
        result = Imported(kind, card.documents, card.person, told.left)
    else:
        result = Imported(kind, Book(told, known=known).documents(fields), left=told.left)
    return Imported(kind, faults=told.faults) if told.faults else result


def _kind(data: Any, told: Told) -> tuple[str, Fields | None]:
    """Return what a file is, and its fields; None and a fault if it is nothing that is known."""
    if not isinstance(data, dict):
        told.faults.append(Fault("bad_format", "file", f"it is a {type(data).__name__}, no map", AS_FILE))
        return "", None
    root = Fields(data, "", told)
    spec = root.text("spec")
    if spec in (*CARDS, BOOK):
        root.anything("spec_version")
        inner = root.map("data")
        if inner is None:
            told.faults.append(Fault("missing_field", "data", "the field 'data' is missing", "a map"))
        elif spec in CARDS:
            root.leave_rest(dict.fromkeys(root.data, ("a copy for programs of the first version", ())))
        return ("book" if spec == BOOK else "card"), inner
    if spec:
        allowed = ", ".join((*CARDS, BOOK))
        told.faults.append(Fault("bad_format", "spec", f"there is no spec {spec!r}", allowed))
        return "", None
    if "entries" in data:
        return "world info", root
    if "name" in data and any(name in data for name in FLAT):
        return "card", root
    told.faults.append(Fault("bad_format", "file", "it has neither entries nor a spec", AS_FILE))
    return "", None
