"""What a writer believes of the log's end: sure while its bets are won, one at a time after a surprise."""

from uuid import UUID

import pytest

from bus.ports import AppendResult, NewEvent, StreamWrite, VersionConflict
from bus.postgres.belief import STREAMS_KNOWN_MAX, Belief, remember
from bus.postgres.planning import Plan, Tip, plan_group

END = Tip(10, 1_000)


def write(n: int, stream: str = "story-a", expected: int | str = "any") -> list[StreamWrite]:
    return [StreamWrite(stream, [NewEvent(UUID(int=n), "story.told", 1, b"\x80")], expected)]  # type: ignore[arg-type]  # as the port says


def sent(belief: Belief, *writes: list[StreamWrite]) -> Plan:
    assert belief.ready
    assert belief.tip is not None
    plan = plan_group(writes, belief.tip, belief.known, 1_000)
    belief.sent(plan)
    return plan


@pytest.fixture
def belief() -> Belief:
    """Return a belief that has won its first bet."""
    made = Belief()
    made.learn(END)
    made.came_true(sent(made, write(1)))
    return made


def test_the_first_plan_goes_alone() -> None:
    belief = Belief()
    belief.learn(END)
    first = sent(belief, write(1))
    assert not belief.ready

    belief.came_true(first)

    assert belief.sure
    assert belief.tip == first.tip
    assert belief.known == {"story-a": 1}


def test_a_sure_writer_plans_on_plans_that_have_not_landed(belief: Belief) -> None:
    first = sent(belief, write(2))
    second = sent(belief, write(3))

    assert second.tip.position == first.tip.position + 1
    assert second.heads == {"story-a": 3}
    belief.came_true(second)
    belief.came_true(first)
    assert belief.sure
    assert belief.tip == second.tip


@pytest.mark.parametrize("newer_first", [False, True])
def test_after_a_surprise_all_land_before_the_next_is_planned_on_the_newest_end(
    belief: Belief, newer_first: bool
) -> None:
    sent(belief, write(2))
    sent(belief, write(3))
    answers = [(Tip(20, 2_000), {"story-a": 7}), (Tip(21, 2_000), {"story-a": 8})]
    if newer_first:
        answers.reverse()

    belief.surprised(*answers[0])
    assert not belief.ready
    belief.surprised(*answers[1])

    assert belief.ready
    assert not belief.sure
    assert belief.tip == Tip(21, 2_000)
    assert belief.known == {"story-a": 8}


def test_one_that_was_right_in_the_end_does_not_hide_what_was_heard(belief: Belief) -> None:
    first, second = sent(belief, write(2)), sent(belief, write(3))
    belief.surprised(first.tip, {"story-a": 2})
    belief.came_true(second)

    assert not belief.sure
    assert belief.tip == second.tip
    belief.came_true(sent(belief, write(4)))
    assert belief.sure


def test_a_lost_answer_means_asking_the_database_whatever_else_was_heard(belief: Belief) -> None:
    sent(belief, write(2))
    second = sent(belief, write(3))
    belief.lost()
    belief.came_true(second)

    assert belief.ready
    assert belief.tip is None
    assert belief.known == {}


def test_learning_what_is_believed_keeps_what_is_known(belief: Belief) -> None:
    assert belief.tip is not None
    belief.learn(belief.tip)
    assert belief.known == {"story-a": 1}
    belief.learn(END)
    assert belief.known == {}


def test_known_streams_have_a_bound() -> None:
    known: dict[str, int] = {}
    remember(known, {f"story-{n}": 1 for n in range(STREAMS_KNOWN_MAX + 5)})

    assert len(known) == STREAMS_KNOWN_MAX
    assert "story-4" not in known


# --- plans that another writer has overtaken ------------------------------------------------------------


def test_a_shifted_plan_says_where_its_rows_are_now() -> None:
    plan = plan_group([write(1), write(2, "story-b", 5), write(3)], END, {}, 1_000)

    moved = plan.shifted(Tip(33, 5_000), {"story-a": 4, "story-b": 5})

    assert moved.tip == Tip(33, 5_000)
    assert moved.heads == {"story-a": 6, "story-b": 6}
    assert moved.outcomes == [
        AppendResult((31,), (5,), 5_000),
        AppendResult((32,), (6,), 5_000),
        AppendResult((33,), (6,), 5_000),
    ]


def test_a_conflict_stays_in_a_shifted_plan_and_pins_its_stream() -> None:
    plan = plan_group([write(1, "story-b", 5), write(2)], END, {"story-b": 6}, 1_000)

    assert plan.pinned == {"story-b"}
    assert plan.unsure == {"story-b": 6, "story-a": 0}
    moved = plan.shifted(Tip(12, 1_000), {"story-a": 0, "story-b": 6})
    assert isinstance(moved.outcomes[0], VersionConflict)
    assert moved.outcomes[1] == AppendResult((12,), (1,), 1_000)


@pytest.mark.parametrize(
    ("expected", "pinned"), [("any", set()), ("exists", set()), ("none", {"story-a"}), (0, {"story-a"})]
)
def test_exact_expectations_pin_their_stream(expected: int | str, pinned: set[str]) -> None:
    assert plan_group([write(1, "story-a", expected)], END, {}, 1_000).pinned == pinned


def test_one_surprise_is_not_followed_by_others_for_ever(belief: Belief) -> None:
    """The scar: two lanes took turns with streams of their own, each a surprise to the other."""
    truth = {"story-a": 1, "story-b": 7}
    belief.known |= truth
    sent(belief, write(2))
    belief.surprised(Tip(20, 2_000), {"story-a": 2})
    truth["story-a"] = 2
    assert not belief.sure

    for n, stream in enumerate(("story-b", "story-a", "story-b"), 3):
        assert belief.tip is not None
        plan = plan_group([write(n, stream)], belief.tip, belief.known, 3_000, belief.guesses)
        belief.sent(plan)
        assert all(truth[of] == version for of, version in plan.unsure.items()), "what it was is what it is"
        belief.came_true(plan)
        truth[stream] += 1

    assert belief.sure
