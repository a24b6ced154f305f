"""Topics that a house does not want touched, beside a policy: its own names, brands, politics. Checked data.

A file of topics says only these; the rules of the policy that it stands on stay as they are.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import ConfigDict, Field, ValidationError

from domain.guardrails.policy import Action, Phrase, Policy, PolicyError, Rule, Side
from domain.kernel.declared import Declared
from domain.kernel.vocabulary import INT32_MAX

RULE_OF = "house_{}"
"""Id of the rule that a topic becomes."""


class Topic(Declared):
    """What is not spoken of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,56}$", description="Names the topic in findings and events.")
    phrases: Annotated[list[Phrase], Field(min_length=1, max_length=2_000)]
    unless: Annotated[list[Phrase], Field(max_length=200)] = Field(default_factory=list)
    action: Action = "replace"
    side: Side = "both"


class Topics(Declared):
    """The topics of a house."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(
        "house", pattern=r"^[a-z][a-z0-9_]{0,62}$", description="Of the policy that comes of it."
    )
    version: int = Field(ge=1, le=INT32_MAX, description="Counts up; a published version never changes.")
    topics: Annotated[list[Topic], Field(min_length=1, max_length=200)]


def with_topics(policy: Policy, data: Mapping[str, object]) -> Policy:
    """Return a policy of the house: the rules of another one, then a rule for each topic.

    Raises:
        PolicyError: a field of the topics is wrong or missing, or two have one id.
    """
    try:
        house = Topics.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        remedy = "a topic has id and phrases, and may have unless, action and side"
        raise PolicyError("", place, first["msg"], remedy) from error
    ids = [topic.id for topic in house.topics]
    if twice := sorted({each for each in ids if ids.count(each) > 1}):
        raise PolicyError("", "topics", f"two topics are called {twice[0]}", "give each an id of its own")
    rules = [
        Rule(
            id=RULE_OF.format(topic.id),
            category="house_topic",
            severity="low",
            action=topic.action,
            side=topic.side,
            phrases=topic.phrases,
            unless=topic.unless,
        )
        for topic in house.topics
    ]
    return policy.model_copy(
        update={"name": house.name, "version": house.version, "rules": [*policy.rules, *rules]}
    )
