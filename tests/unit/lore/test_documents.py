"""What may become of a document."""

from domain.lore.documents import LORE
from domain.lore.messages import AddDocument, DocumentRemoved, RemoveDocument
from tests.unit.lore.kit import BY, added, content
from tests.unit.spec import changed, given

ADD = AddDocument(**content("bell", "It is silent."), **BY)
ADDED = added("bell", "It is silent.")
REMOVE = RemoveDocument(document="bell", **BY)
REMOVED = DocumentRemoved(document="bell", number=1, **BY)


def test_a_document_is_added_and_only_what_is_other_is_a_new_version() -> None:
    given(LORE).when(ADD).then(ADDED)
    given(LORE, ADDED).when(changed(ADD, reason="again")).then_nothing()
    other = AddDocument(**content("bell", "It rings."), **BY)
    given(LORE, ADDED).when(other).then(added("bell", "It rings.", number=2))


def test_a_removed_document_may_come_again_as_a_new_version() -> None:
    given(LORE, ADDED).when(REMOVE).then(REMOVED)
    given(LORE, ADDED, REMOVED).when(REMOVE).then_nothing()
    given(LORE, ADDED, REMOVED).when(ADD).then(added("bell", "It is silent.", number=2))
    given(LORE).when(REMOVE).then_rejected("document_not_found", field="document")


def test_a_document_that_is_too_long_or_has_a_section_twice_is_refused() -> None:
    long = AddDocument(**content("bell", *["x" * 4_000] * 26), **BY)
    given(LORE).when(long).then_rejected("document_too_long", field="sections", says="104,000")
    two = content("bell", "One.")
    two["sections"] = [*two["sections"], {"section": "main", "paragraphs": ["Two."]}]
    given(LORE).when(AddDocument(**two, **BY)).then_rejected("section_twice", field="sections")
