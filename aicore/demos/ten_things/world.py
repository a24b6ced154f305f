"""What the world does by itself: weather, time, definitions, and days that pass."""

import asyncio
from functools import partial
from typing import Any

from aicore.client import connect
from aicore.demos.ten_things.people import GIVER, KEEPER, QUEST, YARD
from aicore.demos.ten_things.stage import BY, DAY_MS, HOUR_MS, MINUTE_MS, Stage, heard, see
from aicore.demos.ten_things.trade import ACCOUNT, OIL
from domain.clock.alarm_messages import AlarmFired
from domain.clock.messages import PhaseBegan
from protocol.envelope import Envelope
from protocol.packing import unpack

ZONE, FOG_MS = "harbour", 2 * HOUR_MS
GUEST, RENT = "guest", 300
RIGHT, WRONG = "    home: widow_tarrs\n    archetype: watch", "    home: widow_tarr\n    archetype: watch"
WORDS, OTHER_WORDS = "Tamsin Ode saw something on her ward in Fogmonth.", "Tamsin Ode has seen it again."


async def fog(stage: Stage) -> str:
    """1: who comes earlier and who comes later stand in one fog, and see it lift in the same instant."""
    await stage.until(lambda: stage.ask("weather.now"), "there is weather")
    span = {"handle": "ten", "zones": [ZONE], "state": "fog", "span_ms": FOG_MS}
    until_ms = (await stage.order("weather.override", **span, **BY))["until_ms"]
    await stage.enter("early", "ropewalk_quay")
    first = await _weather(stage)
    await stage.to(await stage.now_ms() + 20 * MINUTE_MS)
    await stage.enter("late", "ropewalk_quay")
    second = await _weather(stage)
    same = ("state", "since_ms", "until_ms", "override")
    see(first["state"] == "fog", f"it is {first['state']}")
    see(all(first[key] == second[key] for key in same), f"{first} is another weather than {second}")
    stage.say("one player comes into a fog, another 20 game minutes later into the same one")

    def lifts(event: Envelope) -> bool:
        told = unpack(event.payload, "event")
        return bool(told["zone"] == ZONE and told["at_ms"] >= until_ms)

    system = stage.system
    async with connect(system.nats_url, system.realm) as one, connect(system.nats_url, system.realm) as two:
        both = [asyncio.ensure_future(heard(each, "weather.changed", lifts)) for each in (one, two)]
        await stage.to(until_ms + MINUTE_MS)
        async with asyncio.timeout(60):
            hears = await asyncio.gather(*both)
    see(hears[0].id == hears[1].id, "they hear of another change")
    told = unpack(hears[0].payload, "event")
    return f"it lifts for both by one event, at game time {told['at_ms']} ms, into {told['state']}"


async def _weather(stage: Stage) -> Any:
    return (await stage.ask("weather.now", zone=ZONE))["zones"][0]


async def designer(stage: Stage) -> str:
    """9: a slip in a file is told with its line; a change is planned, then made, and no quest breaks."""
    await stage.enter("seeker", "precinct_house")
    taken = (await stage.do("quests.accept", **stage.by("seeker"), quest=QUEST)).result

    async def noted() -> Any:
        found = await stage.ask("quests.journal", player="seeker")
        return next((each for each in found if each["instance"] == taken["instance"]), None)

    before = await stage.until(noted, "the quest is in the journal")
    file = stage.world / "people_light.yaml"
    whole = file.read_text()
    file.write_text(whole.replace(RIGHT, WRONG, 1))
    slip = await stage.cli("world", "plan", str(stage.world), code=1)
    line = whole[: whole.index(RIGHT)].count("\n") + 1
    see(f"{file.name}:{line}:" in slip, f"the slip in line {line} is told as: {slip}")
    stage.say(f"a slip in a file: {slip.splitlines()[0]}")
    file.write_text(whole)
    file = stage.world / "quests.yaml"
    file.write_text(file.read_text().replace(WORDS, OTHER_WORDS, 1))
    plan = await stage.cli("world", "plan", str(stage.world))
    see(QUEST in plan, f"the plan does not tell of the quest: {plan}")
    stage.say(f"without it, the plan: {plan.splitlines()[0]}")
    done = await stage.cli("world", "load", str(stage.world), "--operator", "demo", "--reason", "other words")
    after = await noted()
    same = ("stage", "text", "over", "objectives")
    see(all(before[key] == after[key] for key in same), f"the quest was {before}, and is {after}")
    return f"{done.strip()}; the quest goes on as it began: {after['text']}"


async def crash_and_pause(stage: Stage) -> str:
    """10: over a crash and a pause nothing happens twice, the clock never leaps, a purchase comes once."""
    now = await stage.now_ms()
    for name, after_ms in (("ten_down", MINUTE_MS // 2), ("ten_later", 20 * MINUTE_MS)):
        due = {"at_ms": None, "after_ms": after_ms, "every_ms": None, "grace_ms": HOUR_MS}
        await stage.do("clock.set_alarm", alarm_id=name, game=due, late="once", what="the ten things")
    await stage.kill()
    await stage.start()
    again = await stage.now_ms()
    see(again >= now, f"the clock was at {now} and is at {again}")
    await stage.to(again + 30 * MINUTE_MS)
    await stage.until(partial(_fired, stage, "ten_later"), "an alarm goes off")
    await stage.pause()
    still = await stage.now_ms()
    await asyncio.sleep(0.5)
    see(still == await stage.now_ms(), "the clock goes on in a pause")
    await stage.order("clock.resume", **BY)
    counts = {name: len(await _fired(stage, name)) for name in ("ten_down", "ten_later")}
    see(set(counts.values()) == {1}, f"the alarms went off so often: {counts}")
    stage.say("two alarms over a crash: each went off once; in a pause it is as late as before")
    see(phases := await stage.events(PhaseBegan), "no phase of the day was told")
    indexes = [each.index for each in phases]
    see(indexes == sorted(set(indexes)), f"phases of the day came in this order: {indexes}")
    back = await _bought_once(stage)
    return f"{len(indexes)} phases of days, each once; {back}"


async def _fired(stage: Stage, alarm: str) -> list[Any]:
    return [each for each in await stage.events(AlarmFired) if each.alarm_id == alarm]


async def _bought_once(stage: Stage) -> str:
    """Have an order sent twice under one id come to one purchase, and a refund take it back."""
    order = {"market": YARD, "good": OIL, "quantity": 1, "account": ACCOUNT}
    bought = await stage.taken("market.buy", **order)
    [event] = bought.events
    refund = await stage.order("ledger.reverse", reverses=str(event.id), reason="refund")
    see(refund is not None, "nothing comes of a refund")
    again = await stage.refused("ledger.reverse", reverses=str(event.id), reason="refund")
    see(again.startswith("already_reversed"), f"a second refund: {again}")
    return f"a purchase is refunded once, and then no more ({again.partition(':')[0]})"


async def three_days(stage: Stage) -> str:
    """7: who comes back after three days finds debts due, wounds healed, and reasons."""
    await stage.enter(GUEST, "widow_tarrs")
    await stage.purse(f"player.{GUEST}", "crowns", 1_000)
    hurt = {"who": f"player.{GUEST}", "amount": 900, "how": "a fall from the loft"}
    left = (await stage.order("people.afflict", **hurt))["health"]
    due = {"at_ms": None, "after_ms": 2 * DAY_MS, "every_ms": None, "grace_ms": 10 * DAY_MS}
    await stage.do("clock.set_alarm", alarm_id="rent_of_guest", game=due, late="once", what="rent")
    factions = await stage.ask("factions.now")
    await stage.do("session.close", **stage.by(GUEST))
    stage.say(
        f"a guest leaves with {left / 10:g} % of their health, a rent due in two days, and the city as it was"
    )
    jump = {"jump_id": "three_days", "to_game_ms": await stage.now_ms() + 3 * DAY_MS}
    await stage.order("clock.jump", **jump, **BY)
    await stage.until(partial(_fired, stage, "rent_of_guest"), "the rent is due")
    await stage.order("ledger.open_account", account="house.widow_tarrs", says="rents")
    move = {"unit": "crowns", "payer": f"player.{GUEST}", "payee": "house.widow_tarrs", "amount": RENT}
    await stage.order("ledger.transfer", moves=[move], reason="rent")

    async def changed() -> Any:
        found = await stage.ask("factions.now")
        return found if found["day"] >= factions["day"] + 3 else None

    after = await stage.until(changed, "the factions have lived through the days")
    told = await stage.ask("factions.told", limit=5)
    power = {each["faction"]: each["power"] for each in factions["factions"]}
    moved = {each["faction"]: each["power"] - power[each["faction"]] for each in after["factions"]}
    see(any(moved.values()), "no faction's power has changed")
    health = (await stage.ask("people.health", who=f"player.{GUEST}"))["health"]
    see(health == 1_000, f"their health is {health}")
    for person in (KEEPER, GIVER):
        dead = (await stage.ask("people.health", who=f"person.{person}"))["dead"]
        see(dead and await stage.ask("people.person", person=person) is None, f"{person} lives again")
    most = max(moved, key=lambda faction: abs(moved[faction]))
    why = told[0]["kind"] if told else "day by day"
    return (
        f"the rent of {RENT} is paid, the wound is healed, {most} has {moved[most] / 10:+g} % of power "
        f"({why}), and the dead are dead"
    )
