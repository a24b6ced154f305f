"""Topics of a house stand beside a policy's rules, under a name of their own; a wrong file is named."""

from typing import Any

import pytest

from aicore.content.guardrails import DEFAULT_PROFILE, load_policy
from domain.guardrails.check import check
from domain.guardrails.compiler import compile_policy
from domain.guardrails.policy import PolicyError, digest_of
from domain.guardrails.topics import with_topics
from tests.unit.kit import in_case

RIVALS = {"id": "rivals", "phrases": ["lantern saga*"], "unless": ["the old"]}
HOUSE: dict[str, Any] = {"name": "our_house", "version": 3, "topics": [RIVALS]}


def test_a_topic_is_found_on_both_sides_however_it_is_spelled_and_the_rest_is_as_before() -> None:
    policy = with_topics(load_policy(), HOUSE)
    compiled = compile_policy(policy, DEFAULT_PROFILE)

    assert (policy.label, len(policy.rules)) == ("our_house@3", len(load_policy().rules) + 1)
    assert digest_of(policy) != digest_of(load_policy())
    for side in ("input", "output"):
        (found,) = check(compiled, "Have you played L4ntern  Sagas?", side=side).findings
        assert (found.rule, found.category, found.action) == ("house_rivals", "house_topic", "replace")
        assert not check(compiled, "I know the old lantern saga by heart.", side=side).findings
    assert check(compiled, "As an AI language model I cannot say.", side="output").findings


def test_a_file_of_topics_that_cannot_be_used_is_named_by_its_place() -> None:
    wrong: dict[str, tuple[dict[str, Any], str]] = {
        "no version": ({"topics": [RIVALS]}, "version"),
        "no topics": ({"version": 1, "topics": []}, "topics"),
        "no phrases": ({"version": 1, "topics": [{"id": "rivals", "phrases": []}]}, "topics.0.phrases"),
        "an action": ({"version": 1, "topics": [{**RIVALS, "action": "shout"}]}, "topics.0.action"),
        "another key": ({"version": 1, "topics": [{**RIVALS, "level": 2}]}, "topics.0.level"),
        "one id twice": ({"version": 1, "topics": [RIVALS, RIVALS]}, "topics"),
    }
    for name, (data, place) in wrong.items():
        with in_case(name), pytest.raises(PolicyError) as refused:
            with_topics(load_policy(), data)
        assert refused.value.place == place
