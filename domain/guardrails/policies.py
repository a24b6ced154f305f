"""The policies of a realm: published, and one of them active. One stream: ``guardrails-policies``.

A version is what its digest says, for ever: what was held against a line last year can be held against it
again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from domain.guardrails.compiler import compile_policy
from domain.guardrails.messages import (
    ActivatePolicy,
    PolicyActivated,
    PolicyCommand,
    PolicyEvent,
    PolicyPublished,
    PublishPolicy,
)
from domain.guardrails.policy import Policy, PolicyError, digest_of
from domain.kernel.decider import Decider, Rejected

STREAM = "guardrails-policies"


@dataclass(frozen=True, slots=True)
class Policies:
    """Every published policy by its label, and what is active (None: nothing, so nothing may be said)."""

    published: Mapping[str, Policy] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    active: tuple[str, str] | None = None
    """Label and profile."""


def evolve(state: Policies, event: PolicyEvent) -> Policies:
    """Return the state after ``event``."""
    match event:
        case PolicyPublished():
            label = event.policy.label
            return replace(
                state,
                published={**state.published, label: event.policy},
                digests={**state.digests, label: event.digest},
            )
        case PolicyActivated():
            return replace(state, active=(f"{event.name}@{event.version}", event.profile))
        case _:
            assert_never(event)


def decide(command: PolicyCommand, state: Policies) -> Sequence[PolicyEvent]:
    """Return what follows from ``command``: nothing if it is already so.

    Raises:
        Rejected: a rule refuses it; see each command's description.
    """
    match command:
        case PublishPolicy():
            return _publish(command, state)
        case ActivatePolicy():
            return _activate(command, state)
        case _:
            assert_never(command)


def _publish(command: PublishPolicy, state: Policies) -> Sequence[PolicyEvent]:
    policy = command.policy
    digest = digest_of(policy)
    if known := state.digests.get(policy.label):
        if known == digest:
            return []
        raise Rejected(
            "policy_exists",
            f"{policy.label} is published with other content ({known})",
            field="policy.version",
            remedy=f"publish it as version {_next_version(policy.name, state)}",
        )
    try:
        for profile in policy.profiles:
            compile_policy(policy, profile)
    except PolicyError as error:
        raise Rejected(
            "policy_unusable", str(error), field="policy.rules", remedy=error.remedy or "correct the rule"
        ) from error
    return [PolicyPublished(policy=policy, digest=digest, operator=command.operator, reason=command.reason)]


def _activate(command: ActivatePolicy, state: Policies) -> Sequence[PolicyEvent]:
    label = f"{command.name}@{command.version}"
    policy = state.published.get(label)
    if policy is None:
        known = ", ".join(sorted(state.published)) or "none"
        raise Rejected(
            "policy_not_found",
            f"{label} is not published; published are: {known}",
            field="version",
            remedy="publish it first (guardrails.publish_policy)",
        )
    if command.profile not in policy.profiles:
        raise Rejected(
            "profile_not_found",
            f"{label} has no profile {command.profile}",
            field="profile",
            remedy=f"use one of {', '.join(sorted(policy.profiles))}",
        )
    if state.active == (label, command.profile):
        return []
    return [PolicyActivated(**command.model_dump())]


def _next_version(name: str, state: Policies) -> int:
    return 1 + max(policy.version for policy in state.published.values() if policy.name == name)


POLICIES: Decider[PolicyCommand, PolicyEvent, Policies] = Decider(Policies(), decide, evolve)
