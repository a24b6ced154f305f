"""What may become of a quest."""

from typing import Any

from domain.clock.units import GameTime, RealTime
from domain.ledger.book import Book, Now, evolve
from domain.ledger.commands import OpenUnit
from domain.ledger.messages import AccountOpened, LedgerEvent, Transferred, UnitOpened, UnitRetired
from domain.ledger.vocabulary import Move, Volume
from domain.quests.commands import Choose
from domain.quests.messages import (
    Abandoned,
    Accepted,
    Closed,
    Completed,
    Failed,
    Joined,
    Parted,
    PassedOn,
    Progressed,
    StageReached,
)
from domain.quests.quests import QUEST
from domain.quests.settling import Units, settled
from domain.quests.vocabulary import Paid, Thing
from tests.unit.quests.kit import (
    HOUR,
    LAMP,
    MAUD,
    NIB,
    TERMS,
    abandon,
    accept,
    advance,
    after_all,
    bringing,
    choose,
    facts,
    join,
    look,
    offer,
    taken,
)
from tests.unit.spec import given

ANN = {"instance": LAMP, "quest": "the_lamp", "players": ["ann"]}


def test_a_quest_is_taken_as_it_is_defined_then() -> None:
    accepted = Accepted(
        **ANN, at_ms=0, number=1, digest=offer().digest, written=TERMS, stage="fetch", due_ms=8 * HOUR
    )
    given(QUEST).when(accept()).then(accepted)
    given(QUEST, accepted).when(accept()).then_nothing()
    other = offer(stages={**TERMS["stages"], "bring": {**TERMS["stages"]["bring"], "next": "dim"}})
    assert other.digest != accepted.digest
    assert after_all([accepted]).quest == offer().quest, "what runs stays as it was"


def test_what_is_not_there_is_not_taken() -> None:
    given(QUEST).when(accept(facts(gone=frozenset({NIB})))).then_rejected("giver_gone", field="quest")
    lost = facts(gone=frozenset({Thing("good", "lamp")}))
    given(QUEST).when(accept(lost)).then_rejected("target_gone", field="quest", says="lamp")
    given(QUEST).when(accept(offer=None)).then_rejected("quest_unknown", field="quest")
    at_night = offer(offered={"phase": ["night"]})
    given(QUEST).when(accept(offer=at_night)).then_rejected(
        "not_offered", field="quest", says="day, not night"
    )


def test_what_happens_in_the_world_brings_it_on() -> None:
    begun, holds = taken(), {("ann", "lamp"): 1}
    ann: dict[str, Any] = {"places": {"ann": "wall"}, "holds": holds}
    given(QUEST, *begun).when(look(facts())).then_nothing()
    given(QUEST, *begun).when(look(facts(phase="night", **ann))).then(
        Progressed(**ANN, at_ms=0, stage="fetch", objectives=[0, 1], given=[], to=None)
    )
    by_day = look(facts(2 * HOUR, **ann))
    given(QUEST, *begun).when(by_day).then(
        Progressed(**ANN, at_ms=2 * HOUR, stage="fetch", objectives=[0, 2], given=[], to=None)
    )


def test_who_came_in_time_is_in_time_however_late_that_is_seen() -> None:
    seen = facts(9 * HOUR, seen={("fetch", 1): 8 * HOUR - 1})
    decided = QUEST.decide(look(seen), QUEST.fold(taken()))
    assert [type(event) for event in decided] == [Progressed, Failed]
    late = QUEST.decide(look(facts(9 * HOUR, seen={("fetch", 1): 8 * HOUR + 1})), QUEST.fold(taken()))
    assert [type(event) for event in late] == [Failed]
    assert isinstance(late[0], Failed)
    assert (late[0].end, late[0].by, late[0].standing) == ("dark", "late", {"watch": -100})


def test_who_came_to_the_place_of_one_stage_has_not_come_to_the_next() -> None:
    first = {"text": "Go.", "do": [{"go": "wall"}], "next": "second"}
    second = {"text": "Go on.", "do": [{"go": "gate"}], "next": "lit"}
    begun = taken(stages={"fetch": first, "second": second})
    decided = QUEST.decide(look(facts(HOUR, seen={("fetch", 0): 0})), QUEST.fold(begun))
    assert [event.event_name for event in decided] == ["quests.progressed", "quests.stage_reached"]


def test_a_way_on_is_chosen_once_all_is_done() -> None:
    night = facts(3 * HOUR, "night", places={"ann": "wall"}, holds={("ann", "lamp"): 1})
    given(QUEST, *taken()).when(choose("fetch", 0, facts())).then_rejected(
        "unmet", field="stage", says="objectives [0, 1, 2]"
    )
    ready = [*taken(), *QUEST.decide(look(night), QUEST.fold(taken()))]
    given(QUEST, *ready).when(choose("fetch", 2, night)).then_rejected("choice_unknown", field="choice")
    given(QUEST, *ready).when(choose("fetch", 0, night)).then(
        StageReached(**ANN, at_ms=3 * HOUR, left="fetch", stage="bring", due_ms=None, by="chosen")
    )
    free = QUEST.decide(choose("fetch", 1, night), QUEST.fold(ready))
    assert isinstance(free[0], Completed)
    given(QUEST, *ready, *free).when(choose("fetch", 1, night)).then_nothing()
    given(QUEST, *ready, *free).when(choose("fetch", 0, night)).then_rejected("quest_over", field="instance")
    given(QUEST, *bringing()).when(choose("bring", 0, facts())).then_rejected(
        "nothing_to_choose", field="choice"
    )
    given(QUEST, *taken()).when(choose("bring", 0, facts())).then_rejected("other_stage", field="stage")
    assert Choose.command_name == "quests.choose"


def test_what_is_handed_over_ends_it_and_pays() -> None:
    now = facts(4 * HOUR)
    given(QUEST, *bringing()).when(advance("bring", 0, now)).then(
        Progressed(
            **ANN,
            at_ms=4 * HOUR,
            stage="bring",
            objectives=[0],
            given=[Paid(player="ann", unit="lamp", amount=1)],
            to="nib",
        ),
        Completed(
            **ANN,
            at_ms=4 * HOUR,
            left="bring",
            end="lit",
            text="It is lit.",
            by="done",
            standing={"watch": 100},
            experience=5,
            paid=[Paid(player="ann", unit="crowns", amount=250), Paid(player="ann", unit="oil", amount=2)],
            unpaid=[],
        ),
    )
    dim = QUEST.decide(advance("bring", 0, facts(4 * HOUR, gone=frozenset({MAUD}))), QUEST.fold(bringing()))
    assert isinstance(dim[-1], Completed)
    assert dim[-1].end == "dim"
    given(QUEST, *bringing()).when(advance("bring", 1, now)).then_rejected(
        "objective_unknown", field="objective"
    )
    given(QUEST, *bringing()).when(advance("fetch", 0, now, "ben")).then_rejected("not_on_it", field="player")
    given(QUEST, *taken()).when(advance("fetch", 1, now)).then_rejected("unmet", field="objective")


def test_who_is_gone_is_stood_in_for_and_then_it_closes() -> None:
    gone = facts(5 * HOUR, gone=frozenset({NIB}))
    passed = PassedOn(**ANN, at_ms=5 * HOUR, person="nib", to="maud", text="Maud takes it.")
    given(QUEST, *bringing()).when(look(gone)).then(passed)
    handed = QUEST.decide(advance("bring", 0, gone), QUEST.fold([*bringing(), passed]))
    assert isinstance(handed[0], Progressed)
    assert handed[0].to == "maud"
    both = facts(6 * HOUR, gone=frozenset({NIB, MAUD}))
    [closed] = QUEST.decide(look(both), QUEST.fold([*bringing(), passed]))
    assert isinstance(closed, Closed)
    assert (closed.gone, closed.text) == ("maud", "Nobody is left to whom it could be passed on.")


def test_what_it_needs_is_gone_only_if_no_way_is_left() -> None:
    lost = facts(gone=frozenset({Thing("good", "lamp")}))
    [closed] = QUEST.decide(look(lost), QUEST.fold(taken()))
    assert isinstance(closed, Closed)
    assert (closed.gone_kind, closed.gone, closed.text) == ("good", "lamp", "There is no lamp left.")
    found = look(facts(holds={("ann", "lamp"): 1}))
    having = [*taken(), *QUEST.decide(found, QUEST.fold(taken()))]
    given(QUEST, *having).when(look(lost)).then_nothing()  # it may still be let go


def test_each_rule_of_a_clause_ends_it_in_its_own_way() -> None:
    ends = {"fail": Failed, "close": Closed, "complete": Completed}
    for rule, kind in ends.items():
        begun = taken(if_giver_gone={"rule": rule, "text": "Nib is gone."})
        [ended] = QUEST.decide(look(facts(gone=frozenset({NIB}))), QUEST.fold(begun))
        assert isinstance(ended, kind)
        assert (ended.text, ended.by, ended.gone, ended.experience) == ("Nib is gone.", "gone", "nib", 0)


def test_a_party_shares_it_and_who_leaves_leaves_the_others() -> None:
    both = {**ANN, "players": ["ann", "ben"], "at_ms": 0}
    joined = Joined(**both, player="ben", number=1)
    given(QUEST, *taken()).when(join("ben")).then(joined)
    given(QUEST).when(join("ben")).then_rejected("instance_unknown", field="instance")
    given(QUEST, *taken()).when(join("ben", again=False)).then_rejected("taken_before", field="quest")
    given(QUEST, *taken(party=False)).when(join("ben")).then_rejected("not_a_party", field="instance")
    given(QUEST, *taken(), joined).when(abandon("ben")).then(Parted(**both, player="ben"))
    parted = [*taken(), joined, Parted(**both, player="ben")]
    given(QUEST, *parted).when(abandon("ann")).then(Abandoned(**ANN, at_ms=0, left="fetch"))
    given(QUEST, *parted).when(abandon("eve")).then_rejected("not_on_it", field="player")
    free = facts(3 * HOUR, "night", places={"ben": "wall"}, holds={("ann", "lamp"): 1})
    events = [*taken(), joined]
    events += QUEST.decide(look(free), QUEST.fold(events))
    [done] = QUEST.decide(choose("fetch", 1, free, "ben"), QUEST.fold(events))
    assert isinstance(done, Completed)
    assert done.players == ["ann", "ben"]
    assert [*QUEST.decide(choose("fetch", 1, free, "ann"), QUEST.fold([*events, done]))] == []


def _book(lamps: int, *, oil_retired: bool = False) -> Book:
    book = Book()
    events: list[LedgerEvent] = [
        UnitOpened(unit="lamp", kind="good", digits=0, says=""),
        UnitOpened(unit="oil", kind="good", digits=0, says=""),
        *([UnitRetired(unit="oil")] if oil_retired else []),
        AccountOpened(account="source.world", says=""),
        AccountOpened(account="player.ann", says=""),
        Transferred(
            moves=[Move(unit="lamp", payer="source.world", payee="player.ann", amount=1)],
            reason="found",
            after=[Volume(account="player.ann", unit="lamp", balance=lamps, held=0)],
        ),
    ]
    for event in events:
        book = evolve(book, event)
    return book


def test_the_ledger_opens_what_is_missing_and_tells_what_cannot_be_paid() -> None:

    units = Units({"crowns": OpenUnit(unit="crowns", kind="currency", digits=2, says="crown")})
    decided = QUEST.decide(advance("bring", 0, facts(4 * HOUR)), QUEST.fold(bringing()))
    now = Now(RealTime(0), GameTime(0))
    events, ledger = settled(decided, _book(1, oil_retired=True), now, units)
    completed = events[-1]
    assert isinstance(completed, Completed)
    assert [each.unit for each in completed.paid] == ["crowns"]
    assert [each.unit for each in completed.unpaid] == ["oil"]
    assert [event.event_name.partition(".")[2] for event in ledger] == [
        "account_opened",
        "account_opened",
        "transferred",
        "unit_opened",
        "transferred",
    ]
    given_, paid = (event for event in ledger if isinstance(event, Transferred))
    assert given_.moves[0].payee == "person.nib.kept"
    assert [(move.unit, move.payee, move.amount) for move in paid.moves] == [("crowns", "player.ann", 250)]
