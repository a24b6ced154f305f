"""Whose request begins next."""

import asyncio

from bus.turns import ALONE, Turns
from tests.unit.kit import until


def started(turns: "Turns[str]", senders: str) -> None:
    for number, sender in enumerate(senders):
        turns.put(sender, f"{sender}{number}")


async def test_several_senders_begin_in_turn_and_each_in_order() -> None:
    begun: list[str] = []
    turns = Turns[str](begun.append)
    started(turns, "aaaaabcaab")
    assert not begun, "not in the turn that brings them"
    await turns.all_begun()
    assert begun == ["a0", "a1", "b5", "b9", "c6", "a2", "a3", "a4", "a7", "a8"]


async def test_whoever_is_alone_begins_several_in_a_turn_until_somebody_else_comes() -> None:
    begun: list[str] = []
    turns = Turns[str](begun.append)
    started(turns, "a" * (2 * ALONE))
    await asyncio.sleep(0)
    assert len(begun) == ALONE
    started(turns, "b")
    await asyncio.sleep(0)
    assert sorted(begun[ALONE:]) == ["a8", "a9", "b0"]
    await turns.all_begun()
    assert len(begun) == 2 * ALONE + 1


async def test_a_request_under_way_counts_until_it_is_over() -> None:
    begun: list[str] = []
    turns = Turns[str](begun.append)
    started(turns, "b")
    await turns.all_begun()
    started(turns, "aaaa")
    await asyncio.sleep(0)
    assert begun == ["b0", "a0", "a1"]
    turns.ended("b")
    started(turns, "aa")
    await asyncio.sleep(0)
    assert begun == ["b0", "a0", "a1", "a2", "a3", "a0", "a1"]


async def test_after_the_end_nothing_begins() -> None:
    begun: list[str] = []
    turns = Turns[str](begun.append)
    started(turns, "ab")
    turns.close()
    await asyncio.sleep(0)
    assert not begun


async def test_so_many_of_a_sender_are_under_way_and_the_next_begins_as_one_ends() -> None:
    begun: list[str] = []
    turns = Turns[str](begun.append, {"a": 2, "b": 9}.__getitem__)
    started(turns, "aaaaab")
    for _ in range(5):
        await asyncio.sleep(0)
    assert begun == ["a0", "a1", "b5"]
    turns.ended("a")
    await asyncio.sleep(0)
    assert begun[3:] == ["a2"]
    await turns.all_begun()
    assert begun[4:] == ["a3", "a4"], "at the end nobody waits for others"


async def test_whoever_pauses_lets_others_begin_meanwhile() -> None:
    begun: list[str] = []
    turns = Turns[str](begun.append, pause=lambda sender, _: 60.0 if sender == "a" else 0.0)
    started(turns, "aaabbb")
    await asyncio.sleep(0)
    assert begun == ["a0", "b3", "b4"]
    await asyncio.sleep(0)
    assert begun[3:] == ["b5"]
    turns.close()


async def test_after_a_pause_the_next_begins_by_itself() -> None:
    begun: list[str] = []
    turns = Turns[str](begun.append, pause=lambda *_: 0.001)
    started(turns, "aaa")
    await until(lambda: begun == ["a0", "a1", "a2"])


async def test_a_short_pause_does_not_put_off_what_a_longer_one_waits_for() -> None:
    begun: list[str] = []
    turns = Turns[str](begun.append, pause=lambda _, item: {"a0": 60.0, "b2": 0.001}.get(item, 0.0))
    started(turns, "aabb")
    await until(lambda: begun == ["a0", "b2", "b3"])
    await turns.all_begun()
    assert begun[3:] == ["a1"], "at the end nobody pauses"
