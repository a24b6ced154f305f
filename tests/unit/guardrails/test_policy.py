"""A policy that cannot be used is refused with the rule, the place and the way out; versions stay."""

import hashlib
import json
from typing import Any

import msgpack
import pytest

from aicore.content.guardrails import load_policy
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.ports import RecordedEvent
from domain.guardrails.compiler import compile_policy
from domain.guardrails.messages import (
    EXAMPLE_POLICY,
    ActivatePolicy,
    PolicyActivated,
    PolicyPublished,
    PublishPolicy,
    RevealViolation,
    ReviewViolation,
    ViolationDetected,
    ViolationRevealed,
    ViolationReviewed,
)
from domain.guardrails.policies import POLICIES
from domain.guardrails.policy import Policy, PolicyError, digest_of, policy_from, severity_of
from domain.guardrails.violations import VIOLATION, stream_of, violation_id_of
from domain.kernel.decider import Rejected
from tests.unit.kit import ident
from tests.unit.spec import changed, given

MATURE = "MatureFullExperience"
RULE: dict[str, Any] = {"id": "a_rule", "category": "leak", "action": "block"}


def policy(*rules: dict[str, Any], **changes: object) -> Policy:
    return policy_from({**EXAMPLE_POLICY, "rules": [{**RULE, **rule} for rule in rules], **changes})


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({}, "phrases, pattern, detector: 0 of them"),
        ({"phrases": ["the bell"], "pattern": "a"}, "2 of them are given; give exactly one"),
        ({"phrases": ["~ bell"]}, "phrase '~ bell': words are missing before a gap"),
        ({"phrases": ["bell ~"]}, "phrase 'bell ~': a gap ends it"),
        ({"phrases": ["<gods>"]}, "<gods> is no term; add it to the policy's terms; there are machine"),
        ({"phrases": ["..."]}, "it has 0 letters"),
        ({"phrases": ["a$h"]}, "'$' is no letter"),
        ({"phrases": ["x" * 81]}, "it has 81 letters; use 1 to 80"),
        ({"phrases": ["bell ~ " * 8 + "bell"]}, "it has 9 parts; use 8 at most"),
        ({"phrases": ["bell"], "unless": ["?!"]}, "unless '?!'"),
        ({"pattern": "(a"}, "a group that is not closed"),
        ({"pattern": "a*"}, "a repetition has no end; write {0,20}"),
        ({"pattern": "(a{1,3}){1,3}"}, "a repetition is repeated"),
        ({"pattern": "a{0,3}"}, "it matches the empty text"),
        ({"pattern": "a{500}"}, "it may match 500 characters; bound it to 400"),
        ({"pattern": "Bell"}, "it has capitals or other letters"),
        ({"phrases": ["bell"], "level": 2}, "leak is not rated"),
        ({"phrases": ["bell"], "category": "violence_gore"}, "a rated category needs one"),
        ({"phrases": ["bell"], "category": "real_hate", "action": "log"}, "log would show real_hate"),
    ],
)
def test_a_rule_that_cannot_be_used_is_named(rule: dict[str, Any], says: str) -> None:
    with pytest.raises(PolicyError) as refused:
        compile_policy(policy(rule), MATURE)
    assert str(refused.value).startswith("rule a_rule, ")
    assert says in str(refused.value)


def test_what_is_no_policy_is_told_with_its_place() -> None:
    with pytest.raises(PolicyError, match=r"rule a_rule, rules\.0\.action: .*; correct it"):
        policy({"phrases": ["bell"], "action": "shout"})
    with pytest.raises(PolicyError, match="name: "):
        policy_from({})


def test_a_fault_does_not_wait_for_a_stricter_profile() -> None:
    allowed = {"category": "violence_gore", "level": 1, "action": "log", "phrases": ["<gods>"]}
    with pytest.raises(PolicyError, match="<gods> is no term"):
        compile_policy(policy(allowed), MATURE)


def test_ids_profiles_and_canaries_are_checked() -> None:
    with pytest.raises(PolicyError, match="another rule has this id"):
        compile_policy(policy({"phrases": ["bell"]}, {"phrases": ["tide"]}), MATURE)
    with pytest.raises(PolicyError, match=f"no such profile; it has {MATURE}"):
        compile_policy(policy({"phrases": ["bell"]}), "None")
    with pytest.raises(PolicyError, match="canary 1: it is short"):
        compile_policy(policy({"phrases": ["bell"]}).model_copy(update={"canaries": ["tide"]}), MATURE)


def test_the_default_policy_can_be_used_with_each_profile() -> None:
    default = load_policy()
    for profile in default.profiles:
        assert compile_policy(default, profile).digest == digest_of(default)
    assert set(default.profiles) == {"TeenSafe", MATURE}


def test_a_policy_without_canaries_has_the_digest_that_it_had_before_there_were_any() -> None:
    plain = policy({"phrases": ["bell"]})
    content = plain.model_dump(mode="json", exclude={"canaries"})
    whole = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert digest_of(plain) == f"sha256:{hashlib.sha256(whole.encode()).hexdigest()}"
    assert digest_of(plain.model_copy(update={"canaries": ["lantern-7f3a"]})) != digest_of(plain)


def test_a_digest_tells_contents_apart() -> None:
    one, other = policy({"phrases": ["bell"]}), policy({"phrases": ["tide"]})
    assert digest_of(one) == digest_of(Policy.model_validate(one.model_dump()))
    assert digest_of(one) != digest_of(other)


@pytest.mark.parametrize(("observed", "severity"), [(1, None), (2, None), (3, "medium"), (4, "high")])
def test_severity_grows_with_what_is_over(observed: int, severity: str | None) -> None:
    assert severity_of(observed, 2) == severity
    assert severity_of(4, 0) == "critical"


# --- deciders -----------------------------------------------------------------------------------------------

PUBLISH = PublishPolicy(policy=policy({"phrases": ["bell"]}), operator="mira", reason="first")
PUBLISHED = PolicyPublished(
    policy=PUBLISH.policy, digest=digest_of(PUBLISH.policy), operator="mira", reason="first"
)
ACTIVATE = ActivatePolicy.model_validate(ActivatePolicy.example)
ACTIVATED = PolicyActivated.from_example()


def test_a_policy_is_published_once() -> None:
    given(POLICIES).when(PUBLISH).then(PUBLISHED)
    given(POLICIES, PUBLISHED).when(changed(PUBLISH, reason="again")).then_nothing()


def test_a_version_never_changes() -> None:
    other = changed(PUBLISH, policy=policy({"phrases": ["tide"]}))
    given(POLICIES, PUBLISHED).when(other).then_rejected(
        "policy_exists", field="policy.version", says="publish it as version 2"
    )


def test_a_policy_that_cannot_be_used_is_not_published() -> None:
    broken = changed(PUBLISH, policy=policy({"phrases": ["<gods>"]}))
    given(POLICIES).when(broken).then_rejected("policy_unusable", field="policy.rules", says="rule a_rule")


def test_a_policy_that_would_take_minutes_is_refused_with_the_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scar: 200 phrases of two terms of 20 words each took 16 s of everybody's time, and had no limit."""
    monkeypatch.setattr("domain.guardrails.compiler.LETTERS_MAX", 1_000)
    words = [f"{a}{b}bells" for a in "abcdefghijklmnopqrst" for b in "aeiou"]
    rules = {"phrases": [f"<a> <b> {word}" for word in words]}
    huge = policy(rules, terms={"a": words[:20], "b": words[20:40]})
    given(POLICIES).when(changed(PUBLISH, policy=huge)).then_rejected(
        "policy_unusable", field="policy.rules", says="more than 1,000 letters"
    )
    one = policy({"phrases": ["a" * 20]}, *({"id": f"r{n}", "phrases": [w * 2]} for n, w in enumerate(words)))
    given(POLICIES).when(changed(PUBLISH, policy=one)).then_rejected(
        "policy_unusable", field="policy.rules", says="use fewer phrases"
    )


def test_a_published_policy_is_activated_once() -> None:
    given(POLICIES, PUBLISHED).when(ACTIVATE).then(ACTIVATED)
    given(POLICIES, PUBLISHED, ACTIVATED).when(ACTIVATE).then_nothing()


def test_only_what_is_there_is_activated() -> None:
    given(POLICIES).when(ACTIVATE).then_rejected("policy_not_found", field="version", says="publish it")
    unknown = changed(ACTIVATE, profile="TeenSafe")
    given(POLICIES, PUBLISHED).when(unknown).then_rejected("profile_not_found", field="profile", says=MATURE)


DETECTED = ViolationDetected.from_example()
REVIEW = ReviewViolation.model_validate(ReviewViolation.example)
REVIEWED = ViolationReviewed.from_example()
REVEAL = RevealViolation.model_validate(RevealViolation.example)
REVEALED = ViolationRevealed.from_example()


def test_a_violation_has_a_stream_of_its_own() -> None:
    assert stream_of(DETECTED.violation_id) == f"violation-{DETECTED.violation_id}"


def test_a_violation_that_says_how_long_its_check_took_is_read() -> None:
    payload = msgpack.packb({**ViolationDetected.example, "took_us": 240})
    stored = RecordedEvent(1, "violation-x", 1, ident(), DETECTED.event_name, 1, 1, b"", payload, bytes(32))
    assert EventCodec(domain_catalogue()).decode(stored) == DETECTED


def test_a_violation_from_before_words_were_sealed_is_read() -> None:
    payload = msgpack.packb({key: value for key, value in DETECTED.model_dump().items() if key != "sealed"})
    stored = RecordedEvent(1, "violation-x", 1, ident(), DETECTED.event_name, 2, 1, b"", payload, bytes(32))
    assert EventCodec(domain_catalogue()).decode(stored) == DETECTED


def test_a_violation_said_again_has_its_id_and_any_other_has_not() -> None:
    facts: dict[str, str | int] = {"rule": "machine_voice", "start": 0, "end": 8}
    first = violation_id_of(command_id=ident("a"), facts=facts)
    assert violation_id_of(command_id=ident("a"), facts=dict(reversed(facts.items()))) == first
    others = [
        violation_id_of(command_id=ident("b"), facts=facts),
        violation_id_of(command_id=ident("a"), facts={**facts, "end": 9}),
    ]
    assert len({first, *others}) == 3


def test_a_violation_is_reviewed_as_often_as_one_likes() -> None:
    given(VIOLATION, DETECTED).when(REVIEW).then(REVIEWED)
    again = changed(REVIEW, verdict="adjusted", severity="low")
    given(VIOLATION, DETECTED, REVIEWED).when(again).then(
        changed(REVIEWED, verdict="adjusted", severity="low")
    )
    given(VIOLATION, DETECTED, REVIEWED).when(REVIEW).then_nothing()


def test_a_review_needs_a_violation_and_a_severity_only_for_an_adjustment() -> None:
    given(VIOLATION).when(REVIEW).then_rejected("violation_not_found", field="violation_id")
    for changes, code in (
        ({"verdict": "adjusted"}, "severity_missing"),
        ({"severity": "low"}, "severity_unexpected"),
    ):
        given(VIOLATION, DETECTED).when(changed(REVIEW, **changes)).then_rejected(code, field="severity")


def test_sealed_words_are_looked_at_as_often_as_one_likes_and_each_look_is_told() -> None:
    sealed = changed(DETECTED, category="personal_data", excerpt="", sealed="c2VhbGVk")
    assert VIOLATION.decide(REVEAL, VIOLATION.fold([sealed])) == [REVEALED]
    assert VIOLATION.decide(REVEAL, VIOLATION.fold([sealed, REVEALED])) == [REVEALED], "another look"


def test_only_what_is_sealed_is_revealed() -> None:
    given(VIOLATION).when(REVEAL).then_rejected("violation_not_found", field="violation_id")
    given(VIOLATION, DETECTED).when(REVEAL).then_rejected(
        "nothing_sealed", field="violation_id", says="AICORE_PERSONAL_KEY"
    )


def test_history_is_never_refused() -> None:
    state = POLICIES.fold([ACTIVATED])
    assert state.active == ("default@1", MATURE)
    with pytest.raises(Rejected):
        POLICIES.decide(ACTIVATE, state)
