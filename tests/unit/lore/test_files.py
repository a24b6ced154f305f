"""Documents as files: what is wrong with them is told with file, line, field and nearest name."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from aicore.content.lore import check_lore, checked
from aicore.content.lore.written import read_file, read_folder
from aicore.content.sample_world import sample_definition
from aicore.settings import SettingsError
from domain.lore.form import content_of

WHOLE = """---
title: The Tide Key
about: [tide_key]
names: {brothers_lamm: [the brothers Lamm]}
known_by: [everyone]
days: {from: 2, until: 9}
realms: [north]
claims:
  - {predicate: keeps, subject: person.hanna_crumb, object: place.penny_loaf}
---
It opens what lies
below the water.

A second paragraph.

## Who filed it
{known_by: [faction.tallymen], stage: 2}

The brothers Lamm.
"""

OWNER = "{predicate: keeps, subject: person.nib, object: place.corrans_pawnshop}"
NEVER = "## A\n{days: {from: 3}}\n\nB."

FRONT = "---\ntitle: The Key\nknown_by: [everyone]\n"

# Kind, the file, its line, end of the path, nearest name.
FAULTS: tuple[tuple[str, str, int, str, str], ...] = (
    ("no_front_matter", "The key.", 1, "document", ""),
    ("front_not_closed", "---\ntitle: The Key\n", 1, "document", ""),
    ("empty_front", "---\n---\nText.", 2, "document", ""),
    ("tab", "---\ntitle: The Key\n\tknown_by: [everyone]\n---\nText.", 3, "", ""),
    ("quotes", "---\ntitle: 'The Key\nknown_by: [everyone]\n---\nText.", 2, "", ""),
    ("brackets", "---\ntitle: The Key\nknown_by: [everyone\nstage: 2\n---\nText.", 3, "", ""),
    ("colon", "---\ntitle: The Key: a tale\nknown_by: [everyone]\n---\nText.", 2, "", ""),
    ("duplicate_key", f"{FRONT}title: Again\n---\nText.", 4, "title", ""),
    ("alias", f"{FRONT}about: *x\n---\nText.", 4, "about", ""),
    ("odd_number", f"{FRONT}stage: 0x2\n---\nText.", 4, "stage", ""),
    ("missing_field", "---\ntitle: The Key\n---\nText.", 1, "document", ""),
    ("unknown_field", f"{FRONT}knowm_by: [everyone]\n---\nText.", 4, "knowm_by", "known_by"),
    ("wrong_type", f"{FRONT}about: tide_key\n---\nText.", 4, "about", ""),
    ("bad_length", "---\ntitle: ''\nknown_by: [everyone]\n---\nText.", 2, "title", ""),
    ("bad_id", f"{FRONT}about: [Tide-Key]\n---\nText.", 4, "about[0]", ""),
    ("bad_label", "---\ntitle: The Key\nknown_by: [nobody]\n---\nText.", 3, "known_by[0]", ""),
    ("too_few", "---\ntitle: The Key\nknown_by: []\n---\nText.", 3, "known_by", ""),
    ("twice", "---\ntitle: The Key\nknown_by: [everyone, everyone]\n---\nText.", 3, "known_by[1]", ""),
    ("out_of_range", f"{FRONT}stage: 101\n---\nText.", 4, "stage", ""),
    ("days_backwards", f"{FRONT}days: {{from: 9, until: 2}}\n---\nText.", 4, "days", ""),
    ("bad_heading", f"{FRONT}---\nText.\n\n### Deep\n\nText.", 7, "document", ""),
    ("too_few", f"{FRONT}---\nText.\n\n## Empty\n", 7, "sections[1].paragraphs", ""),
    ("reserved_field", f"{FRONT}---\nText.\n\n## A\n{{title: B}}\n\nText.", 8, "sections[1].title", ""),
    ("unknown_field", f"{FRONT}---\nText.\n\n## A\n{{stages: 2}}\n\nText.", 8, "sections[1].stages", "stage"),
    ("bad_length", f"{FRONT}---\n{'x' * 4_001}", 5, "sections[0].paragraphs[0]", ""),
    # --- between documents and the definition
    ("unknown_entity", f"{FRONT}about: [tide_kay]\n---\nText.", 4, "about[0]", "tide_key"),
    (
        "unknown_label",
        "---\ntitle: The Key\nknown_by: [faction.talymen]\n---\nText.",
        3,
        "known_by[0]",
        "tallymen",
    ),
    ("unknown_label", f"{FRONT}---\nText.\n\n## A\n{{known_by: [side.dusk]}}\n\nB.", 8, "known_by[0]", ""),
    ("widened", f"{FRONT}---\nText.\n\n## A\n{{known_by: [everyone]}}\n\nB.", 8, "known_by", ""),
    ("section_twice", f"{FRONT}---\nText.\n\n## A\n\nB.\n\n## A\n\nC.", 11, "sections[2]", ""),
    (
        "never_valid",
        f"{FRONT}days: {{until: 3}}\n---\nText.\n\n{NEVER}",
        9,
        "days",
        "",
    ),
    ("name_taken", f"{FRONT}names: {{somebody: [Odalys Pike]}}\n---\nText.", 4, "names.somebody[0]", ""),
    (
        "unknown_predicate",
        f"{FRONT}claims: [{{predicate: keaps, subject: person.nib}}]\n---\nText.",
        4,
        "claims[0].predicate",
        "keeps",
    ),
    (
        "missing_argument",
        f"{FRONT}claims: [{{predicate: keeps, subject: person.nib}}]\n---\nText.",
        4,
        "claims[0]",
        "",
    ),
    (
        "unwanted_argument",
        f"{FRONT}claims: [{{predicate: dead, subject: person.nib, object: person.nib}}]\n---\nText.",
        4,
        "claims[0].object",
        "",
    ),
    (
        "wrong_kind",
        f"{FRONT}claims: [{{predicate: dead, subject: place.lamp_yard}}]\n---\nText.",
        4,
        "claims[0].subject",
        "",
    ),
    (
        "unknown_argument",
        f"{FRONT}claims: [{{predicate: dead, subject: person.odalys_pyke}}]\n---\nText.",
        4,
        "claims[0].subject",
        "odalys_pike",
    ),
    (
        "bad_number",
        f"{FRONT}claims: [{{predicate: owes, subject: person.nib, object: person.gault, value: number.six}}]"
        "\n---\nText.",
        4,
        "claims[0].value",
        "",
    ),
    (
        "bad_argument",
        f"{FRONT}claims: [{{predicate: dead, subject: nib}}]\n---\nText.",
        4,
        "claims[0].subject",
        "",
    ),
    (
        "contradiction",
        f"{FRONT}claims: [{OWNER}]\n---\nText.",
        4,
        "claims[0]",
        "",
    ),
)


def told(files: Mapping[str, str]) -> list[tuple[str, str, int, str, str]]:
    found = checked([read_file(name, text.encode()) for name, text in files.items()], sample_definition())
    return [
        (each.mark.file, each.fault.kind, each.mark.line, each.fault.path, each.fault.nearest)
        for each in found.faults
    ]


def test_a_document_is_read_with_its_sections_limits_and_claims() -> None:
    file = read_file("deep/the_tide_key.md", WHOLE.encode())
    assert file.faults == []
    assert file.document is not None
    content = content_of(file.id, file.document)
    assert (content.document, content.from_day, content.until_day) == ("the_tide_key", 2, 9)
    assert content.realms == ["north"]
    assert content.claims == [
        {"predicate": "keeps", "subject": "person.hanna_crumb", "object": "place.penny_loaf"},
    ]
    main, filed = content.sections
    assert main.paragraphs == ["It opens what lies below the water.", "A second paragraph."]
    assert (filed.section, filed.known_by, filed.stage) == ("who_filed_it", ["faction.tallymen"], 2)


def test_every_fault_is_told_with_line_field_and_nearest_name() -> None:
    for kind, text, line, path, nearest in FAULTS:
        found = told({"key.md": text})
        fitting = [each for each in found if each[:3] == ("key.md", kind, line) and each[3].endswith(path)]
        assert fitting, (kind, text, found)
        assert fitting[0][4] == nearest, (kind, fitting)
    assert len({kind for kind, *_ in FAULTS}) >= 35


def test_bytes_names_titles_and_ids_that_cannot_be_are_told_too(tmp_path: Path) -> None:
    assert read_file("a.md", b"---\ntitle: \xff").faults[0].fault.kind == "encoding"
    two = f"{FRONT}---\nText."
    kinds = [kind for _, kind, *_ in told({"a/key.md": two, "b/key.md": two.replace("Key", "Lock")})]
    assert kinds == ["document_twice"]
    assert [kind for _, kind, *_ in told({"key.md": two, "lock.md": two})] == ["title_twice"]
    assert [kind for _, kind, *_ in told({"The Key.md": two})] == ["bad_id"]
    with pytest.raises(SettingsError, match=r"no file whose name ends in \.md"):
        read_folder(tmp_path)
    with pytest.raises(SettingsError, match="no file whose name"):
        check_lore(tmp_path, None)


def test_a_world_without_a_definition_keeps_labels_and_claims_unread() -> None:
    text = f"{FRONT}about: [whoever]\nclaims: [{{predicate: hums, subject: person.x}}]\n---\nText."
    found = checked([read_file("key.md", text.encode())], None)
    assert found.faults == []
    assert found.claims == 1
