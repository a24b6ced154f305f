"""A stream's settings against those that the relay gave it."""

from typing import Any

import pytest

from bus.nats.topology import CacheLimits, events_config
from bus.relay.settings import changes

WANTED = events_config("demo", CacheLimits(), first_seq=7)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("subjects", ["elsewhere.>"]),
        ("retention", "interest"),
        ("storage", "memory"),
        ("discard", "new"),
        ("max_age", 1_000_000_000),
        ("max_bytes", 4_096),
        ("max_msgs", 1),
        ("max_msgs_per_subject", 1),
        ("max_msg_size", 1),
        ("first_seq", 500),
        ("sealed", True),
        ("deny_delete", False),
        ("deny_purge", True),
        ("allow_rollup_hdrs", True),
        ("allow_msg_ttl", True),
        ("allow_direct", False),
        ("mirror", {"name": "OTHER"}),
        ("sources", [{"name": "OTHER"}]),
        ("republish", {"src": ">", "dest": "stolen.>"}),
        ("subject_transform", {"src": ">", "dest": "x.>"}),
        ("no_ack", True),
    ],
)
def test_a_changed_setting_is_named(name: str, value: Any) -> None:
    found = changes(WANTED, {**WANTED, name: value})

    assert [change.name for change in found] == [name]
    assert str(found[0]).startswith(f"{name} is ")


def test_what_a_server_adds_or_writes_otherwise_is_no_change() -> None:
    there = {**WANTED, "compression": "none", "consumer_limits": {}, "sealed": False, "max_consumers": -1}

    assert changes(WANTED, {**there, "metadata": {"_nats.ver": "2.15"}, "max_msg_size": 0}) == []


def test_sizes_that_a_deployment_may_choose_count_only_where_they_are_known() -> None:
    assert changes(WANTED, {**WANTED, "max_bytes": 1}, sizes=False) == []
    unknown = {key: value for key, value in WANTED.items() if key != "first_seq"}
    assert changes(unknown, {**WANTED, "first_seq": 99}) == []
