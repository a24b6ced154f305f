"""Memories, summaries and promises as they are asked over the wire, of a log in memory."""

from typing import Any

from domain.kernel.event import Event
from domain.ledger.messages import UnitOpened
from domain.people.harm_messages import Died, Harmed
from domain.quests.messages import Accepted, Failed
from domain.story.messages import LineSaid
from handlers.memories.view import MemoriesView
from tests.unit.promises.kit import HOUR_MS, Parish, entered, gave, versions

ANN, UNA = "player.ann", "person.una_pell"


def deed(kind: type[Event], /, **other: object) -> Event:
    return kind.model_validate({**kind.example, **other})


async def lived() -> Parish:
    """Ann comes to Una, hurts Nib, gives her oil, promises two things and keeps one; Nib dies of it."""
    parish = Parish()
    await parish.add(
        deed(UnitOpened, unit="crowns", kind="currency"),
        entered("person.una_pell", "ropewalk_quay", 1),
        entered("person.nib", "ropewalk_quay", 2),
        entered("ann", "ropewalk_quay", 3),
        *(deed(Harmed, who="person.nib", by=ANN, at_ms=at_ms) for at_ms in (4, 5)),
    )
    async with parish.kept():
        await parish.promise(ANN, UNA, "pay", "currency.crowns", amount=250)
        await parish.promise(ANN, UNA, "give", "good.lamp_oil", amount=2)
        await parish.promise(UNA, ANN, "go", "place.tally_house", due_ms=9 * HOUR_MS)
        await parish.add(gave(ANN, UNA, "lamp_oil", 2), deed(Died, person="nib", by=ANN, at_ms=2 * HOUR_MS))
    return parish


async def ask(view: MemoriesView, what: str, **query: object) -> Any:
    answer, position = await getattr(view, f"answer_{what}")(query)
    assert position == view.position
    return answer


async def texts(view: MemoriesView, **query: object) -> list[str]:
    return [each["text"] for each in (await ask(view, "summary", **query))["sentences"]]


async def test_who_was_never_met_is_not_known() -> None:
    view = await (await lived()).remembered()

    nobody = await ask(view, "recall", holder=UNA, about=["player.ben"])
    assert nobody == {"known": False, "memories": [], "left_off": 0, "forgotten": 0}
    assert (await ask(view, "summary", holder=UNA, of="player.ben")) == {
        "known": False,
        "sentences": [],
        "left_off": 0,
    }
    assert not (await ask(view, "recall", holder="person.gault", about=[ANN]))["known"]
    assert (await ask(view, "recall", holder=UNA, about=[ANN]))["known"]


async def test_a_summary_cites_and_leaves_no_promise_debt_or_death_out() -> None:
    parish = await lived()
    view = await parish.remembered()
    promised = [
        "Ann promised Una Pell to pay 2.50 crowns, which is open.",
        "Ann promised Una Pell to give a can of lamp oil (2), and kept it.",
        "Una Pell promised ann to come to the Tally House, which is open.",
    ]
    pinned = ["Ann owes Una Pell 250.", "Ann killed Nib."]

    found = await texts(view, holder=UNA, of=ANN)
    assert found[:3] == promised
    assert set(pinned) <= set(found[3:])
    assert "Ann hurt Nib, 2 times." in found
    assert "Ann gave Una Pell a can of lamp oil." in found
    assert "Nib is dead." in await texts(view, holder=UNA, of="person.nib")
    log = {str(each.id) for each in await parish.log.read_all(after=0, limit=1_000)}
    sentences = (await ask(view, "summary", holder=UNA, of=ANN))["sentences"]
    assert all(each["events"] and set(each["events"]) <= log for each in sentences)


async def test_promises_are_told_as_they_were_whatever_the_definition_is() -> None:
    parish = await lived()
    before = await parish.promises(of=ANN)
    first, second = versions()
    await parish.add(*first, *second)
    told = [{name: each[name] for name in each if name != "says"} for each in await parish.promises(of=ANN)]

    assert told == [{name: each[name] for name in each if name != "says"} for each in before]
    assert [(each["kind"], each["state"]) for each in before] == [
        ("go", "open"),
        ("give", "kept"),
        ("pay", "open"),
    ]
    assert [each["kind"] for each in await parish.promises(open=True)] == ["go", "pay"]
    given = before[1]
    assert [each["state"] for each in await parish.promises(as_of=given["position"], limit=1)] == ["open"]
    assert await parish.promises(of="player.ben") == []


async def test_a_talk_is_remembered_by_both_with_its_event_and_without_its_words() -> None:
    parish = Parish()
    said = await parish.add(deed(LineSaid))
    view = await parish.remembered()

    for holder, other in ((UNA, ANN), (ANN, UNA)):
        found = await ask(view, "recall", holder=holder, about=[other], kinds=["talked_with"], newest=True)
        (memory,) = found["memories"]
        assert (memory["event"], memory["with"]) == (said, [other])
        assert memory["says"] == "ann talked with Una Pell (ask, answer)"
    assert "Ann talked with Una Pell (ask, answer)." in await texts(view, holder=UNA, of=ANN)
    assert not (await ask(view, "recall", holder="person.nib", kinds=["talked_with"]))["known"]


async def test_quests_are_promises_to_who_gave_them() -> None:
    parish = Parish()
    await parish.add(deed(Accepted), deed(Failed))
    (row,) = await parish.promises(of=ANN)
    assert (row["state"], row["why"], row["to"]) == ("broken", "late", "person.the_tenant")
    assert row["says"] == "ann promised the Tenant to see to The Rent of the Cell"


async def test_debts_and_gifts_are_known_to_both_and_to_nobody_else() -> None:
    view = await (await lived()).remembered()
    for who in (UNA, ANN):
        claims = {each["claim"] for each in (await ask(view, "recall", holder=who, limit=200))["memories"]}
        assert "owes(player.ann, person.una_pell, number.250)" in claims
        assert "gave(player.ann, person.una_pell, good.lamp_oil)" in claims
    nib = await ask(view, "recall", holder="person.nib", about=[UNA], limit=200)
    assert not nib["known"]
