"""What people do: they see, tell, die and have reasons."""

from collections import defaultdict
from typing import Any

from aicore.audit.people import explain_person
from aicore.client import Refused
from aicore.content.sample_world import sample_definition
from aicore.demos.ten_things.stage import BY, DAY_MS, HOUR_MS, MINUTE_MS, Stage, see
from domain.market.messages import StallShut
from domain.people.harm_messages import Died, Robbed
from domain.people.messages import PersonDecided, PersonFled, PersonTold

LOFT, LODGER, CHILD = "net_loft", "barnaby_sot", "pip"
YARD, KEEPER = "lamp_yard", "dorcas_flint"
GIVER, QUEST = "edda_marsh", "ask_the_nurse"
EXPLAINED = 8
WATCH = "watch"


async def theft(stage: Stage) -> str:
    """3: who was there, awake, knows of a theft, and nobody else until they are told."""
    watch = {each.id for each in sample_definition().people if each.archetype == WATCH}
    await stage.enter("cutpurse", LOFT)
    await stage.purse(f"person.{LODGER}", "crowns", 400)
    steal = {**stage.by("cutpurse"), "of": f"person.{LODGER}", "unit": "crowns"}
    await stage.until(lambda: _sleeps(stage, CHILD, LODGER), "the loft is asleep")
    await stage.taken("people.take", **steal, amount=100)
    stage.say("a cutpurse takes 100 pence of a lodger who sleeps, while the child sleeps, too")
    await stage.to(5 * HOUR_MS + 45 * MINUTE_MS)
    see(not (knows := await stage.know("people.robbed")), f"nobody saw it, and {[*knows]} know of it")
    stage.say("an hour later nobody knows of it")
    await stage.until(lambda: _sleeps(stage, LODGER), "the lodger sleeps")
    await stage.taken("people.take", **steal, amount=50)
    await stage.until(lambda: stage.know("people.robbed"), "somebody has seen the second theft")
    see([*(knows := await stage.know("people.robbed"))] == [CHILD], f"{[*knows]} know of it at once")
    stage.say("another 50 while the child mends nets beside: the child knows, and the watch does not")

    async def watch_knows() -> dict[str, Any]:
        found = await stage.know("people.robbed")
        return {person: thing for person, thing in found.items() if person in watch}

    told = await stage.to(5 * HOUR_MS + DAY_MS // 2, until=watch_knows)
    see(told, "half a day later the watch had not heard of it from the child")
    person, thing = next(iter(told.items()))
    thefts, tellings = await stage.events(Robbed), await stage.events(PersonTold)
    first = next(each for each in tellings if each.what == "people.robbed")
    see(len(thefts) == 2, f"{len(thefts)} thefts were recorded")
    see((first.teller, first.hands) == (CHILD, 0), f"{first.teller} told of it first")
    return f"{person} of the watch knows since {thing['told_by']} told it, through {thing['hands']} hands"


async def _sleeps(stage: Stage, *people: str) -> bool:
    """Say whether all of some people are asleep."""
    found = [await stage.ask("people.person", person=person) for person in people]
    return all(each and each["action"] == "sleep" for each in found)


async def reasons(stage: Stage) -> str:
    """8: nobody goes to and fro, and why somebody does what they do comes out as one sees it."""
    await stage.pause()
    agreed, shown = 0, await stage.ask("people.here")
    for card in shown[:EXPLAINED]:
        told = await explain_person(
            stage.log, stage.codec, card["person"], at=None, otherwise=sample_definition
        )
        decided = told.explained.decided
        seen = card["bound_for"] or card["place"]
        see(not told.explained.differs, f"{card['person']}: {told.explained.differs} come out otherwise")
        over = card["action"] == "idle" and card["game_ms"] >= decided.until_ms
        does = decided.action, decided.place
        see(over or does == (card["action"], seen), f"{card['person']} is to {does}, and is seen to {card}")
        agreed += 1
    await stage.order("clock.resume", **BY)
    decisions = await stage.events(PersonDecided)
    history: dict[str, list[PersonDecided]] = defaultdict(list)
    back = 0
    for each in decisions:
        before = history[each.person][-2:]
        if len(before) == 2 and each.at_ms - before[1].at_ms <= 10 * MINUTE_MS:
            first, second = ((every.action, every.place) for every in before)
            back += first == (each.action, each.place) != second
        history[each.person].append(each)
    stage.say(f"the last decisions of {agreed} people are computed again from the log, and are as one sees")
    see(back * 200 <= len(decisions), f"{back} of {len(decisions)} decisions went to and fro")
    return f"{agreed} explained without a difference; {back} of {len(decisions)} decisions go back at once"


async def giver_dies(stage: Stage) -> str:
    """5: the journal says what becomes of a quest whose giver is dead."""
    await stage.until(lambda: _dies(stage, f"person.{GIVER}", "a fall from the tarred steps"), "she dies")
    stage.say("the inspector who gave the quest falls from the steps, and is dead")

    async def closed() -> Any:
        quests = await stage.ask("quests.journal", player="seeker")
        return next((each for each in quests if each["quest"] == QUEST and each["over"]), None)

    quest = await stage.until(closed, "the journal tells of the end of the quest")
    see(quest["over"] in ("closed", "completed"), f"it is {quest['over']}")
    see(quest["text"], "the journal says nothing of it")
    see(await stage.ask("people.person", person=GIVER) is None, "she lives on")
    return f"the quest is {quest['over']}: {quest['text']}"


async def _dies(stage: Stage, who: str, how: str) -> bool:
    """Say whether somebody has died of what an operator says; who is on the way is waited for."""
    try:
        return bool((await stage.order("people.afflict", who=who, amount=1_000, how=how))["dead"])
    except Refused as refusal:
        if refusal.error.code != "not_there":
            raise
        return False


async def stall(stage: Stage) -> str:
    """2: a stall is shut at night, and after its keeper's death until somebody takes it over."""
    buy = {"market": YARD, "good": "lamp_oil", "quantity": 1, "account": "player.buyer"}
    shut = await stage.refused("market.buy", **buy)
    see("this hour" in shut, f"at night: {shut}")
    stage.say(f"after midnight: {shut}")
    await stage.to(DAY_MS + 9 * HOUR_MS)
    await stage.until(lambda: _at(stage, KEEPER, YARD), "its keeper is at the stall")
    blow = {**stage.by("buyer"), "who": f"person.{KEEPER}", "amount": 250, "how": "a can of oil"}
    health = 1_000
    while health > 0:
        health = (await stage.taken("people.harm", **blow)).result["health"]
    stage.say("the next morning the buyer strikes the oil seller until she is dead")
    [died] = [each for each in await stage.events(Died) if each.person == KEEPER]

    async def is_shut() -> Any:
        return next((each for each in await stage.events(StallShut) if each.market == YARD), None)

    cause = (await stage.until(is_shut, "the stall is shut")).cause
    stage.say(f"the stall shuts: {cause}")
    fled = await stage.to(DAY_MS + 10 * HOUR_MS, until=lambda: stage.events(PersonFled))
    tellings = await stage.to(2 * DAY_MS + 10 * HOUR_MS, until=lambda: _told_of(stage, KEEPER))
    see(tellings, "nobody tells anybody of it")
    await stage.to(2 * DAY_MS + 10 * HOUR_MS)
    still = await stage.refused("market.buy", **buy)
    see("nobody keeps it" in still, f"the day after: {still}")
    await stage.order("market.take_over_stall", market=YARD, keeper="the Fellowship")
    bought = await stage.taken("market.buy", **buy)
    see(bought.result["quantity"] == 1, "it was taken over, and sells nothing")
    told = tellings[0]
    return (
        f"{cause}; {told.teller} told {told.hearer} of it, {len(fled or ())} fled; still shut a day later, "
        f"until it was taken over ({died.estate} has what was hers)"
    )


async def _at(stage: Stage, person: str, place: str) -> bool:
    found = await stage.ask("people.person", person=person)
    return bool(found and found["place"] == place)


async def _told_of(stage: Stage, person: str) -> list[Any]:
    told = await stage.events(PersonTold)
    return [each for each in told if each.topic == f"person.{person}" and each.what == "people.died"]
