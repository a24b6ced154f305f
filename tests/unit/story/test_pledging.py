"""A player's promise is read as what an event can show, to who is spoken to; all else stays words."""

from domain.story.pledging import Occasion, Pledge, pledge_of
from tests.unit.kit import in_case
from tests.unit.story.talk_kit import DAY_MS, Talking, cindermouth

HOUR_MS = DAY_MS // 24
NOW_MS = 2 * DAY_MS + 10 * HOUR_MS
OIL, QUAY = "good.lamp_oil", "place.ropewalk_quay"
END_OF_TOMORROW = 4 * DAY_MS

PROMISES = {
    "I promise to bring you lamp oil by tomorrow": Pledge("give", OIL, due_ms=END_OF_TOMORROW),
    "I promise to bring you lamp oil": Pledge("give", OIL),
    "I swear I'll give you two cans of lamp oil tonight!": Pledge("give", OIL, amount=2, due_ms=3 * DAY_MS),
    "You have my word that I will fetch you 3 lamp oil before noon.": Pledge(
        "give", OIL, amount=3, due_ms=2 * DAY_MS + 12 * HOUR_MS
    ),
    "I'll bring you lamp oil tomorrow, I promise.": Pledge("give", OIL, due_ms=END_OF_TOMORROW),
    "I promise to pay you three crowns within two days": Pledge(
        "pay", "currency.crowns", amount=300, due_ms=NOW_MS + 2 * DAY_MS
    ),
    "I promise you to come to the Ropewalk quay in an hour": Pledge("go", QUAY, due_ms=NOW_MS + HOUR_MS),
    "I promise I will be here tomorrow morning": Pledge("go", QUAY, due_ms=3 * DAY_MS + 12 * HOUR_MS),
    "On my honour, I will kill Gault.": Pledge("do", "person.gault", "kill"),
    "I promise never to hurt Nib until tomorrow": Pledge(
        "never", "person.nib", "hurt", due_ms=END_OF_TOMORROW
    ),
}
WORDS = (
    "I promise to come back",
    "I promise to be good",
    "I promise that Nib is dead",
    "I promise to bring Nib lamp oil by tomorrow",
    "I promise to bring you lamp oil if you pay me",
    "I promise to bring you lamp oil or rope",
    "I promise to bring you lamp oil by the next ship",
    "I promise to bring you lamp oil and bandages",
    "I promise to bring you 2 or 3 lamp oil",
    "I promise never to hurt Nib",
    "I promise to pay you in 3 crowns or 4 wicks",
    "I will bring you lamp oil",
    "You promised to bring me lamp oil",
    "Nib promises to bring you lamp oil",
    "I promise",
)


def read(words: str) -> Pledge | None:
    occasion = Occasion("person.una_pell", "ropewalk_quay", NOW_MS, DAY_MS)
    return pledge_of(words, cindermouth().ear.reader, cindermouth().definition, occasion)


def test_what_an_event_can_show_is_a_promise_and_all_else_is_none() -> None:
    for words, pledge in PROMISES.items():
        with in_case(words):
            assert read(words) == pledge
    for words in WORDS:
        with in_case(words[:80]):
            assert read(words) is None


def test_what_is_promised_with_a_claim_is_answered_as_a_claim() -> None:
    assert Talking().say("I promise that Nib is dead").plan.act == "deny"
    assert Talking().say("I promise that Odalys Pike is dead").plan.act == "unforeseen", "nobody agrees to it"
    assert Talking().say("I promise to bring you lamp oil").plan.act == "agree"
