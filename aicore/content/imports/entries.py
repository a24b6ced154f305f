"""World Info, and the books of character cards: each entry becomes a document of the lore. Pure.

What lore has the same thing for is taken over: names for keys, who may know for filters. What says when a
text goes into a prompt has no counterpart, as here a question finds its passages; it is listed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aicore.content.imports.drafts import (
    NAME_MAX,
    TITLE_MAX,
    DocumentDraft,
    Ids,
    sections_of,
    shortened,
    slug,
    too_long,
)
from aicore.content.imports.fields import Fields, Told
from aicore.content.imports.macros import plain
from domain.definition.faults import Fault, shown
from domain.lore.messages import ABOUT_MAX, EVERYONE
from domain.lore.terms import folded

ENTRIES_MAX = 2_000
LOGIC = {0: "and any of", 1: "and not all of", 2: "and none of", 3: "and all of"}
"""What secondary keys ask for, by World Info's number."""

_PATTERN = re.compile(r"/.+/[a-z]*", re.DOTALL)
_DECORATOR = re.compile(r"@@@?\s*([A-Za-z_]+)\s*(.*)")

PROMPT = (
    "where and when a text goes into a prompt; here a question finds its passages, and a template places them"
)
TURNS = "how long an entry stays in a talk; here every question is answered anew"
CHANCE = "whether an entry comes is chance; a document is there or it is not"
CHOICE = "which of a group comes is chance; here what answers best comes first"
SCAN = "what of a talk is looked through for keys; here the question is"
CASE = "how keys are compared; names are found as whole words, whatever their case"
CHAIN = "whether entries call other entries; here a passage calls none"
EDITOR = "for programs that edit or run World Info"

KNOWN: Mapping[str, tuple[str, Sequence[object]]] = {
    **dict.fromkeys(("order", "insertionorder", "priority"), (PROMPT, (100, 0))),
    "position": (PROMPT, (0, 1, "before_char", "after_char")),
    "depth": (PROMPT, (4,)),
    **dict.fromkeys(("role", "outletname", "ignorebudget"), (PROMPT, (0, False))),
    "constant": (PROMPT, (False,)),
    **dict.fromkeys(("sticky", "cooldown", "delay"), (TURNS, (0,))),
    "probability": (CHANCE, (100,)),
    "useprobability": (CHANCE, (True, False)),
    **dict.fromkeys(("group", "groupoverride", "usegroupscoring"), (CHOICE, (False,))),
    "groupweight": (CHOICE, (100,)),
    **dict.fromkeys(("scandepth", "triggers"), (SCAN, ())),
    **dict.fromkeys(("casesensitive", "matchwholewords"), (CASE, (False,))),
    **dict.fromkeys(("excluderecursion", "preventrecursion", "delayuntilrecursion"), (CHAIN, (False, 0))),
    **dict.fromkeys(("automationid", "characterfilternames"), (EDITOR, ())),
    **dict.fromkeys(
        (
            "matchpersonadescription",
            "matchcharacterdescription",
            "matchcharacterpersonality",
            "matchcharacterdepthprompt",
            "matchscenario",
            "matchcreatornotes",
        ),
        (SCAN, (False,)),
    ),
}
"""By a field's name without underscores: why it is not taken over, and what in it means nothing."""

BOOKKEEPING = ("uid", "id", "displayIndex", "display_index", "addMemo", "vectorized", "selective", "world")
"""What editors count by; and that a text is found by its meaning, as every text is here."""


@dataclass(slots=True)
class Book:
    """What a file's entries are taken over with.

    Attributes:
        known: by a name as it is compared, the id that the world has for it.
        char: what {{char}} stands for; "": nobody in particular.
        known_by: who may know what it says, unless an entry says otherwise.
    """

    told: Told
    ids: Ids = field(default_factory=Ids)
    known: Mapping[str, str] = field(default_factory=dict)
    char: str = ""
    known_by: tuple[str, ...] = (EVERYONE,)
    _named: dict[str, str] = field(default_factory=dict)
    _titles: set[str] = field(default_factory=set)

    def documents(self, book: Fields) -> Sequence[DocumentDraft]:
        """Return the documents of a book's entries; what stands beside those is listed."""
        for name in (
            "name",
            "description",
            "scan_depth",
            "token_budget",
            "recursive_scanning",
            "originalData",
        ):
            book.leave(name, "of the book as a whole; a document stands for itself", False)
        extensions = book.map("extensions")
        if extensions:
            extensions.leave_rest({})
        found = [draft for each in self._entries(book) if (draft := self._document(each))]
        book.leave_rest({})
        return found

    def _entries(self, book: Fields) -> Iterator[Fields]:
        entries = book.anything("entries")
        if not isinstance(entries, dict | list) or len(entries) > ENTRIES_MAX:
            allowed = f"a map or a list of at most {ENTRIES_MAX:,} entries"
            self._fault(book.at("entries"), entries, allowed)
            return
        pairs = entries.items() if isinstance(entries, dict) else enumerate(entries)
        for key, entry in pairs:
            path = f"{book.at('entries')}.{key}"
            if isinstance(entry, dict):
                yield Fields(entry, path, self.told)
            else:
                self._fault(path, entry, "a map: an entry")

    def _fault(self, path: str, value: object, allowed: str) -> None:
        self.told.faults.append(Fault("wrong_type", path, f"{shown(value)} stands here", allowed))

    def _document(self, entry: Fields) -> DocumentDraft | None:
        comment, name, keys = entry.text("comment"), entry.text("name"), entry.texts("key", "keys")
        title = " ".join((comment or name or (keys[0] if keys else "")).split()) or "An entry without a name"
        entry.entry = title
        if comment and name and name != comment:
            entry.tell("name", name, "a document has one title; the comment is it")
        disabled = entry.flag("disable") or not entry.flag("enabled", default=True)
        content, about = entry.text("content"), self._about(entry, keys)
        known_by = self._known_by(entry)
        self._secondary(entry)
        for each in BOOKKEEPING:
            entry.anything(each)
        extensions = entry.map("extensions")
        entry.leave_rest(KNOWN)
        if extensions:
            for each in BOOKKEEPING:
                extensions.anything(each)
            extensions.leave_rest(KNOWN)
        sections = sections_of({"": plain(self._decorated(entry, content), entry, self.char)})
        if disabled or not sections or too_long(sections):
            why = (
                "it is switched off" if disabled else "it says nothing" if not sections else "it is too long"
            )
            entry.tell("content", content, f"the whole entry is left out: {why}")
            return None
        ids, names = about
        return DocumentDraft(self.ids.give(title), self._title(title), known_by, sections, ids, names)

    def _about(
        self, entry: Fields, keys: Sequence[str]
    ) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
        """Return the ids that keys stand for, and those that have to be named."""
        regex = entry.flag("use_regex", "useRegex")
        ids, names = list[str](), list[tuple[str, str]]()
        for key in keys:
            word = plain(" ".join(key.split()), entry, self.char)
            if regex or _PATTERN.fullmatch(word):
                entry.tell("key", key, "a pattern; a name is words")
            elif word and slug(word) and len(word) <= NAME_MAX and len(ids) < ABOUT_MAX:
                id_ = self.known.get(folded(word)) or self._named.get(folded(word))
                if id_ is None:
                    id_ = self._named[folded(word)] = self.ids.give(f"{word} named")
                if id_ not in ids:
                    ids.append(id_)
                    names += [] if folded(word) in self.known else [(id_, word)]
            elif word:
                entry.tell(
                    "key", key, f"no name of at most {NAME_MAX} characters, or one of more than {ABOUT_MAX}"
                )
        return tuple(ids), tuple(names)

    def _known_by(self, entry: Fields) -> tuple[str, ...]:
        """Return who may know an entry.

        Whom a filter leaves out must not: so nobody may until somebody is given the group that stands there.
        """
        found = entry.map("characterFilter", "character_filter")
        if found is None:
            return self.known_by
        names, without = found.texts("names"), found.flag("isExclude", "is_exclude")
        found.leave("tags", "tags of characters; name people, factions or groups in known_by")
        found.leave_rest({})
        if not names:
            return self.known_by
        if without:
            label = f"group.without_{slug(names[0]) or 'some'}"
            found.tell(
                "names",
                names,
                f"lore says who may know, not who may not: only {label} may, until you say who",
            )
            return (label,)
        people = [self.known.get(folded(each)) or slug(each) for each in names]
        return tuple(f"person.{each}" for each in dict.fromkeys(people) if each) or self.known_by

    def _secondary(self, entry: Fields) -> None:
        logic, keys = entry.anything("selectiveLogic"), entry.texts("keysecondary", "secondary_keys")
        extensions = entry.data.get("extensions")
        if logic is None and isinstance(extensions, dict):
            logic = extensions.get("selectiveLogic")
        if keys:
            word = LOGIC.get(logic if isinstance(logic, int) else 0, "and any of")
            entry.tell(
                "keysecondary",
                [word, *keys],
                "a condition on other words of a talk; a question is enough here",
            )

    def _decorated(self, entry: Fields, content: str) -> str:
        """Return a content without the decorators at its beginning, which are listed."""
        lines = content.split("\n")
        while lines and (found := _DECORATOR.fullmatch(lines[0].strip())):
            entry.tell("content", lines[0].strip(), f"a decorator ({found[1]}): {PROMPT}")
            lines.pop(0)
        return "\n".join(lines)

    def _title(self, title: str) -> str:
        """Return a title that no other document has."""
        short = shortened(title, TITLE_MAX - 8)
        found, number = short, 1
        while folded(found) in self._titles:
            number += 1
            found = f"{short} ({number})"
        self._titles.add(folded(found))
        return found


def known_names(definition: Any) -> Mapping[str, str]:
    """Return the ids of a definition by what people, factions and places are called."""
    if definition is None:
        return {}
    kinds = (definition.people, definition.factions, definition.places)
    return {folded(each.name): each.id for kind in kinds for each in kind}
