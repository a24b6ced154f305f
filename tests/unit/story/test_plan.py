"""Line plans as writers write them, and what is wrong with those that are none."""

from domain.story.plan import (
    Act,
    Attitude,
    Claim,
    Length,
    LinePlan,
    Mood,
    length_of,
    read_plan,
    read_signatures,
)

SIGNATURES = read_signatures("dead: person\nkilled: person person\nat: person|good place  # where\n")


def test_a_header_says_a_plan_and_the_plan_says_it_again() -> None:
    text = "tell not killed(B, A; T) & dead(A) | grave warm | hides at(B, P)".replace("grave", "sad")

    plan, faults = read_plan(text, SIGNATURES)

    assert faults == ()
    assert plan == LinePlan(
        Act.TELL,
        (Claim("killed", ("B", "A"), ("T",), negated=True), Claim("dead", ("A",))),
        mood=Mood.SAD,
        attitude=Attitude.WARM,
        hidden=(Claim("at", ("B", "P")),),
    )
    assert plan.letters == {"A", "B", "T"}
    assert str(plan) == text


def test_speaker_hearer_and_what_is_asked_need_not_be_said() -> None:
    plan, _ = read_plan("ask killed(?, A)", SIGNATURES)
    accusing, _ = read_plan("accuse killed(H, A)", SIGNATURES)

    assert plan is not None
    assert accusing is not None
    assert plan.letters == accusing.letters == {"A"}


def test_what_is_wrong_is_told_with_what_is_allowed() -> None:
    faults = {
        "tel dead(A)": ("unknown_act", "tell"),
        "tell ded(A)": ("unknown_predicate", "dead"),
        "tell dead(A, B)": ("wrong_roles", ""),
        "tell at(A, B)": ("wrong_kind", ""),
        "tell at(A, Z)": ("wrong_kind", ""),
        "tell dead A": ("no_claim", ""),
        "tell dead(A; G)": ("wrong_circumstance", ""),
        "tell dead(A) | sadd": ("unknown_manner", "sad"),
        "tell dead(A) | sad merry": ("duplicate_manner", ""),
        "tell dead(A) & dead(B) & dead(C)": ("too_many", ""),
    }

    for text, (kind, near) in faults.items():
        _, found = read_plan(text, SIGNATURES)
        assert [(fault.kind, fault.nearest) for fault in found] == [(kind, near)], text
        assert all(fault.found and fault.allowed for fault in found), text


def test_length_is_counted_in_words_and_a_placeholder_is_one() -> None:
    assert length_of("{A}'s gone. Don't wait up, then.") == Length.SHORT
    assert length_of("One two three four five six seven eight.") == Length.MIDDLE
    assert length_of("A " * 17) == Length.LONG
