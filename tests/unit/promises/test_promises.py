"""How promises end: by what happens, by what is no more, by time; and once each."""

from typing import Any

from domain.kernel.event import Event
from domain.ledger.messages import Reversed, Transferred
from domain.people.harm_messages import Died, Harmed, Robbed
from domain.promises.messages import LAPSES_MS, PromiseKept, PromiseMade, PromiseReleased
from domain.promises.promises import OPEN_MAX, PROMISES, RecordPromise, RecordRelease, SettlePromise
from domain.promises.watching import GRACE_MS
from domain.quests.messages import GoneTold
from tests.unit.kit import in_case
from tests.unit.promises.kit import DAY_MS, HOUR_MS, Parish, came, gave, versions
from tests.unit.spec import changed, given

ANN, UNA = "player.ann", "person.una_pell"
MADE = PromiseMade.from_example()
TERMS = {"promise": MADE.promise, "by": MADE.by}


def of(kind: type[Event], /, **other: object) -> Event:
    return kind.model_validate({**kind.example, **other})


def test_a_promise_is_made_once_and_ends_once() -> None:
    made = RecordPromise(made=MADE)
    kept = SettlePromise.model_validate({**TERMS, "outcome": "kept", "event": "", "at_ms": 70_200_000})
    off = RecordRelease(**TERMS, to=MADE.to, at_ms=72_000_000)

    given(PROMISES).when(made).then(MADE)
    given(PROMISES, MADE).when(off).then(PromiseReleased.from_example())
    given(PROMISES, MADE, PromiseReleased.from_example()).when(kept).then_nothing()
    given(PROMISES, MADE).when(changed(off, to="person.nib")).then_rejected("not_open", field="promise")
    ended = PromiseKept.from_example()
    given(PROMISES, MADE, ended).when(off).then_rejected("not_open", field="promise")
    given(PROMISES, MADE, ended).when(made).then_nothing()


def test_the_same_is_not_promised_twice_at_a_time_and_not_without_end() -> None:
    again = changed(MADE, promise="0" * 32, amount=9)
    given(PROMISES, MADE).when(RecordPromise(made=again)).then_rejected("already_promised", field="what")
    given(PROMISES, MADE).when(RecordPromise(made=changed(again, to="person.nib"))).then(
        changed(again, to="person.nib")
    )
    many = [changed(MADE, promise=f"{n:032x}", what=f"good.good_{n}") for n in range(OPEN_MAX)]
    given(PROMISES, *many).when(RecordPromise(made=MADE)).then_rejected("too_many_promises", field="by")


Terms = dict[str, Any]
DUE_MS = 5 * HOUR_MS
IN_TIME, LATE = 3 * HOUR_MS, 6 * HOUR_MS


async def ends(*events: Event, wait_ms: int = 0, **terms: Any) -> tuple[str, str, str]:
    """Return how Ann's promise to Una ends, why, and of which event that followed ("": of none)."""
    parish = Parish()
    said: dict[str, Any] = {"kind": "give", "what": "good.lamp_oil", "due_ms": DUE_MS, **terms}
    async with parish.kept():
        await parish.promise(ANN, UNA, **said)
        last = await parish.add(*events) if events else ""
        await parish.settled()
        parish.now_ms += wait_ms
    (row,) = await parish.promises(of=ANN)
    cause = "the last" if row["cause"] == last else ""
    return row["state"], row["why"], cause


async def test_promises_end_by_what_happens() -> None:
    oil: Terms = {"amount": 2}
    crowns: Terms = {"kind": "pay", "what": "currency.crowns", "amount": 300}
    go: Terms = {"kind": "go", "what": "place.tally_house"}
    hurt: Terms = {"kind": "do", "deed": "hurt", "what": "person.nib"}
    never: Terms = {"kind": "never", "deed": "rob", "what": "person.nib"}
    at = {"at_ms": IN_TIME, "by": ANN}
    move = {"unit": "lamp_oil", "payer": ANN, "payee": UNA, "amount": 2}
    sold = {**move, "unit": "crowns", "payer": UNA, "payee": ANN}
    back = {**move, "payer": UNA, "payee": ANN}
    both = of(Transferred, moves=[move, sold], after=[])
    undone = of(Reversed, moves=[back], after=[])
    kept, still, broke = ("kept", "", "the last"), ("open", "", ""), ("broken", "deed", "the last")
    late = ("broken", "late", "")
    nib_died = of(Died, person="nib", **at)
    cases: list[tuple[tuple[str, str, str], list[Event], Terms]] = [
        (kept, [gave(ANN, UNA, "lamp_oil"), gave(f"{ANN}.bag", f"{UNA}.kept", "lamp_oil")], oil),
        (still, [gave(ANN, UNA, "lamp_oil")], oil),
        (still, [gave(ANN, UNA, "tin_saint", 9), gave(ANN, "person.nib", "lamp_oil", 9)], oil),
        (still, [gave(ANN, UNA, "lamp_oil", 9, reason="stolen"), both], oil),
        (kept, [gave(ANN, UNA, "crowns", 300)], crowns),
        (kept, [came("ann", "tally_house", IN_TIME)], go),
        (still, [came("ann", "lamp_yard", IN_TIME), came("ben", "tally_house", IN_TIME)], go),
        (kept, [of(Harmed, who="person.nib", **at)], hurt),
        (still, [of(Harmed, who="person.nib", at_ms=IN_TIME, by="player.ben")], hurt),
        (kept, [nib_died], {**hurt, "deed": "kill"}),
        (broke, [of(Robbed, of="person.nib", **at)], never),
        (still, [of(Robbed, of="stall.lamp_yard", **at)], never),
        (kept, [of(Died, person="nib", by=None, at_ms=IN_TIME)], never),
        (still, [gave(ANN, UNA, "lamp_oil"), undone, gave(ANN, UNA, "lamp_oil")], oil),
    ]
    for wanted, events, terms in cases:
        with in_case(f"{wanted} {terms} {events}"):
            assert await ends(*events, **terms) == wanted
    assert await ends(came("ann", "tally_house", LATE), wait_ms=DAY_MS, **go) == late


async def test_promises_end_by_what_is_no_more() -> None:
    una_died: Terms = {"person": "una_pell", "at_ms": IN_TIME}
    gone, killed = ("expired", "gone", "the last"), ("broken", "killed", "the last")

    assert await ends(of(Died, **una_died, by="player.ben")) == gone
    assert await ends(of(Died, **una_died, by=ANN)) == killed
    assert await ends(GoneTold(kind="good", thing="lamp_oil")) == gone
    first, second = versions()
    assert await ends(*first, *second, what="good.star_oil") == gone
    assert await ends(*first, *second, kind="go", what="place.tally_house") == ("open", "", "")


async def test_promises_end_by_time() -> None:
    never: Terms = {"kind": "never", "deed": "kill", "what": "person.nib"}
    over = DUE_MS - HOUR_MS + GRACE_MS

    assert await ends(wait_ms=over - 1) == ("open", "", "")
    assert await ends(wait_ms=over) == ("broken", "late", "")
    assert await ends(wait_ms=over, **never) == ("kept", "", "")
    assert await ends(wait_ms=LAPSES_MS, due_ms=None) == ("open", "", "")
    assert await ends(wait_ms=LAPSES_MS + GRACE_MS, due_ms=None) == ("expired", "lapsed", "")


async def test_two_processes_end_a_promise_once_and_one_that_begins_anew_finds_it() -> None:
    parish = Parish()
    await parish.promise(ANN, UNA, "go", "place.tally_house", due_ms=DUE_MS)
    await parish.add(came("ann", "tally_house", IN_TIME))
    async with parish.kept():
        other = parish._keeper()
        for recorded in await parish.log.read_all(after=0, limit=10):
            await other.hear(recorded)
    events = await parish.log.read_stream("promises_player-ann")
    assert [event.type for event in events] == ["promises.made", "promises.kept"]
