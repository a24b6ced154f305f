"""Round after round of SIGKILL and lost disks on running servers: nothing acknowledged is lost or doubled.

A run keeps its servers and children over all its rounds. A round lets them work for a moment, does one fault,
starts again what died, waits until everything that is derived has reached the log, and checks everything from
outside. Seeds are fresh in every run; a failing one is printed with the command that repeats its faults (the
instants are the machine's, so a rare failure may take several tries).
"""

import asyncio
import os
import random
import secrets
import time
from collections import defaultdict

import pytest

from bus.postgres.migrate import migrate
from tests.harness.convergence import converge, said
from tests.harness.invariants import check_everything
from tests.harness.world import FAULTS, REALM, SECOND_FAULTS, SECOND_SHARE, World, open_world

pytestmark = pytest.mark.integration

ROUNDS = 20
SLOW_RUNS = 10
"""200 rounds in all."""

RUN_TIMEOUT_S = 180
LOAD_MIN_S = 0.05
LOAD_MAX_S = 0.4
SECOND_AFTER_MAX_S = 0.4


@pytest.mark.timeout(RUN_TIMEOUT_S)
async def test_nothing_is_lost_or_doubled_in_20_rounds() -> None:
    await run_rounds(int(os.environ.get("KILL_SEED") or secrets.randbits(32)))


@pytest.mark.slow
@pytest.mark.timeout(RUN_TIMEOUT_S)
@pytest.mark.parametrize("run", range(SLOW_RUNS))
async def test_nothing_is_lost_or_doubled_in_200_rounds(run: int) -> None:
    await run_rounds(secrets.randbits(32))


async def run_rounds(seed: int) -> None:
    """Do the rounds of one seed: every fault at least once, in random order."""
    faults = list(FAULTS)
    draws = random.Random(seed)
    faults += draws.choices(FAULTS, k=ROUNDS - len(faults))
    draws.shuffle(faults)
    took: dict[str, list[float]] = defaultdict(list)
    number, fault = 0, "start"
    with open_world(seed) as world:
        await migrate(world.postgres.dsn, REALM)
        world.start_children()
        try:
            await converge(world)
            for fault in faults:
                number += 1
                took[fault].append(await do_round(world, fault))
            number, fault = number + 1, "at the end"
            world.checked_jetstream = (None, 0)
            await check_everything(world, await converge(world))
        except BaseException as error:
            error.add_note(
                f"round {number} of {ROUNDS} ({fault}) with seed {seed}; faults so far: {faults[:number]}\n"
                f"again: KILL_SEED={seed} pytest {__file__} -k in_20_rounds\n{said(world)}"
            )
            raise
    for name, seconds in sorted(took.items()):
        print(f"{name}: " + " ".join(f"{s:.2f}" for s in seconds))


async def do_round(world: World, fault: str) -> float:
    """Let it run, do one fault, mend, converge, check; return the seconds from the mend to convergence."""
    await world.moment(LOAD_MAX_S - LOAD_MIN_S)
    await asyncio.sleep(LOAD_MIN_S)
    world.children.expect_running()
    await getattr(world, fault)()
    await world.mend()
    if world.draws.random() < SECOND_SHARE:
        second = world.draws.choice(SECOND_FAULTS)
        await world.moment(SECOND_AFTER_MAX_S)
        world.children.expect_running()
        await getattr(world, second)()
        await world.mend()
        fault = f"{fault}, then {second}"
    began = time.monotonic()
    head = await converge(world)
    took = time.monotonic() - began
    started = time.monotonic()
    checked = await check_everything(world, head)
    print(f"{fault}: {took:.2f} s, checks {time.monotonic() - started:.2f} s, {dict(checked)}")
    assert checked["doubles_steady"] == 0, "a subscriber that nobody killed saw an event twice"
    return took
