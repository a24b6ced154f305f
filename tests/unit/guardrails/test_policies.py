"""Which policy holds in a process: published, activated, not known, and what it says of canaries."""

import asyncio
import threading
from pathlib import Path

import pytest

from aicore.content.guardrails import DEFAULT_PROFILE, load_policy
from domain.guardrails.compiled import Compiled
from domain.guardrails.compiler import compile_policy
from domain.guardrails.messages import ViolationDetected
from domain.guardrails.policy import Policy, PolicyError, digest_of
from domain.inference.messages import InferenceRequested
from domain.kernel.decider import Rejected
from handlers.guardrails.active import ActivePolicy
from tests.unit.guardrails.kit import mature
from tests.unit.guardrails.test_guard import settled, staged
from tests.unit.kit import message, until


async def test_another_policy_holds_as_soon_as_it_is_activated(tmp_path: Path) -> None:
    said = "Blood on the altar, guts on the floor; I will gut you like a fish."
    async with staged(tmp_path, said) as stage:
        assert (await stage.ask()).result["finish_reason"] == "stop"
        policy = load_policy().model_dump(mode="json")
        by = {"operator": "mira", "reason": "a realm for the young"}
        await stage.runner(message("guardrails.publish_policy", {"policy": policy, **by}))
        active = {"profile": "TeenSafe", "name": "default", "version": 1}
        await stage.runner(message("guardrails.activate_policy", {**active, **by}))
        await until(lambda: stage.policy.compiled.profile == "TeenSafe")
        await stage.ask()
        asked = await settled(stage, InferenceRequested, 2)
        assert [event.policy_profile for event in asked] == [DEFAULT_PROFILE, "TeenSafe"]
        assert {(event.policy, event.policy_digest) for event in asked} == {
            ("default@1", digest_of(load_policy()))
        }


async def test_who_knows_the_policy_never_goes_back_to_an_older_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is made beside the loop, where it holds up no line; meanwhile players are served."""
    made: list[tuple[str, bool]] = []

    def making(policy: Policy, profile: str) -> Compiled:
        made.append((profile, threading.current_thread() is threading.main_thread()))
        return compile_policy(policy, profile)

    async with staged(tmp_path, "The tide.") as stage:
        by = {"operator": "mira", "reason": "x"}
        policy = load_policy().model_dump(mode="json")
        await stage.runner(message("guardrails.publish_policy", {"policy": policy, **by}))
        for profile in (DEFAULT_PROFILE, "TeenSafe"):
            active = {"profile": profile, "name": "default", "version": 1, **by}
            await stage.runner(message("guardrails.activate_policy", active))
        await until(lambda: stage.policy.compiled.profile == "TeenSafe")
        monkeypatch.setattr("handlers.guardrails.active.compile_policy", making)
        known = ActivePolicy(stage.log, mature(), decode=stage.codec.decode)
        await known.load()
        assert made == [("TeenSafe", False)], "what was active before is of no use to a start"
        loaded = len(made)
        async with asyncio.TaskGroup() as group:
            following = group.create_task(known.run())
            active = {"profile": DEFAULT_PROFILE, "name": "default", "version": 1, **by}
            await stage.runner(message("guardrails.activate_policy", active, name="back"))
            await until(lambda: known.compiled.profile == DEFAULT_PROFILE)
            following.cancel()
        assert set(made[loaded:]) == {(DEFAULT_PROFILE, False)}


async def test_who_does_not_know_the_policy_that_was_activated_holds_to_the_strictest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scar: a program that could not use a realm's policy fell back to its own one for adults."""

    def failing(policy: Policy, profile: str) -> Compiled:
        if policy.name == "harbour":
            raise PolicyError("", "rules", "of a newer program", "upgrade")
        return compile_policy(policy, profile)

    async with staged(tmp_path, "The tide.") as stage:
        by = {"operator": "mira", "reason": "x"}
        policy = {**load_policy().model_dump(mode="json"), "name": "harbour"}
        await stage.runner(message("guardrails.publish_policy", {"policy": policy, **by}))
        active = {"profile": DEFAULT_PROFILE, "name": "harbour", "version": 1, **by}
        await stage.runner(message("guardrails.activate_policy", active))
        monkeypatch.setattr("handlers.guardrails.active.compile_policy", failing)
        fresh = ActivePolicy(stage.log, mature(), decode=stage.codec.decode)
        await fresh.load()
        assert (fresh.compiled.policy.name, fresh.compiled.profile) == ("default", "TeenSafe")
        known = ActivePolicy(stage.log, mature(), decode=stage.codec.decode)
        monkeypatch.setattr("handlers.guardrails.active.compile_policy", compile_policy)
        await known.load()
        held = known.compiled
        monkeypatch.setattr("handlers.guardrails.active.compile_policy", failing)
        await stage.runner(
            message("guardrails.activate_policy", {**active, "profile": "TeenSafe"}, name="no")
        )
        await known.load()
        assert known.compiled is held


async def test_a_canary_of_the_published_policy_is_never_said(tmp_path: Path) -> None:
    """The scar: canaries were measured by the benchmark, and nobody could give the running system one."""
    async with staged(tmp_path, "It begins: L A N T E R N 7f3a rope-walk, be brief.") as stage:
        policy = {
            **load_policy().model_dump(mode="json"),
            "version": 2,
            "canaries": ["lantern-7f3a-ropewalk"],
        }
        by = {"operator": "mira", "reason": "our prompt is ours"}
        await stage.runner(message("guardrails.publish_policy", {"policy": policy, **by}))
        active = {"profile": DEFAULT_PROFILE, "name": "default", "version": 2}
        await stage.runner(message("guardrails.activate_policy", {**active, **by}))
        await until(lambda: stage.policy.compiled.policy.version == 2)
        assert (await stage.ask(authored_line="Hm.")).result["text"] == "It begins: \u2014 Hm."
        (violation,) = await settled(stage, ViolationDetected)
        assert (violation.rule, violation.category, violation.severity) == ("canary", "leak", "critical")


async def test_a_policy_is_tried_beside_the_loop_before_it_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scar: every line under way stood still while somebody published a policy."""
    on_the_loop: list[bool] = []

    def trying(policy: Policy, profile: str) -> Compiled:
        on_the_loop.append(threading.current_thread() is threading.main_thread())
        return compile_policy(policy, profile)

    monkeypatch.setattr("domain.guardrails.policies.compile_policy", trying)
    async with staged(tmp_path) as stage:
        payload = {"policy": load_policy().model_dump(mode="json"), "operator": "mira", "reason": "x"}
        first = await stage.runner(message("guardrails.publish_policy", payload, name="p"))
        again = await stage.runner(message("guardrails.publish_policy", payload, name="p"))
        assert (again.duplicate, again.events) == (True, first.events)
    assert set(on_the_loop) == {False}


async def test_a_policy_that_does_not_compile_is_refused_with_the_rule(tmp_path: Path) -> None:
    policy = load_policy().model_dump(mode="json")
    policy["rules"][0]["phrases"] = ["<nonsense>"]
    async with staged(tmp_path) as stage:
        with pytest.raises(Rejected) as refused:
            payload = {"policy": {**policy, "version": 2}, "operator": "mira", "reason": "a test"}
            await stage.runner(message("guardrails.publish_policy", payload))
        assert refused.value.code == "policy_unusable"
        assert policy["rules"][0]["id"] in refused.value.message
        assert refused.value.remedy
