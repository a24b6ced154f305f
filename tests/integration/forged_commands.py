"""Forged commands of every kind, each with what it must come to. What a number gives is the same for ever."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from bus.catalogue import domain_catalogue
from domain.kernel.chance import below, chance
from domain.kernel.roles import GRANTED
from tests.integration.forged_stage import BEFORE, BY, CONTEXTS, GOOD, MARKET, WAY, Done, Stage

T = TypeVar("T")
Payload = Mapping[str, Any]

SEED = 20261130
COMMANDS = domain_catalogue().commands
OURS = sorted(name for name in COMMANDS if name.partition(".")[0] in {*CONTEXTS, "world"})
"""Every command of the world."""

OPERATORS = [name for name in OURS if GRANTED not in COMMANDS[name].may]
ANSWERED = "the first answer"
NO_QUEST = "7d1f2b58-6f7e-5b60-8a33-0d3a0f6f2c12"
NO_EVENT = "0197a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2c"
WRONG: Sequence[Any] = (None, -1, 1.5, True, "", "no such/thing", [], {}, "x" * 5_000, 2**63)
"""What no field of a command takes whose type is another; which those are is asked of the command itself."""


@dataclass(frozen=True, slots=True)
class Forged:
    """A command, and what it must come to: a code, or `ANSWERED`.

    ``as_who``: in whose name the subject ends; ``realm``: for which realm it is sent.
    """

    who: str
    name: str
    payload: Payload
    code: str
    id: UUID | None = None
    first: Done | None = None
    expected: Any = "any"
    as_who: str = ""
    realm: str = ""


class Draw:
    """Choices by number: counted, so that each forged command can be made alone."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._count = 0

    def below(self, count: int) -> int:
        """Return a number from 0 to ``count`` - 1."""
        self._count += 1
        return below(chance(SEED, self.number, self._count), count)

    def of(self, choices: Sequence[T]) -> T:
        """Return one of ``choices``."""
        return choices[self.below(len(choices))]


Make = Callable[[Stage, Draw], Forged]
KINDS: dict[str, Make] = {}


def forged(stage: Stage, number: int) -> tuple[str, Forged]:
    """Return the ``number``-th forged command, with its kind; all kinds come in turn."""
    kind = list(KINDS)[number % len(KINDS)]
    return kind, KINDS[kind](stage, Draw(number))


# --- whose player it is -------------------------------------------------------------------------------------


def _in_session(stage: Stage, draw: Draw, name: str, player: str, session: int) -> Payload:
    """Return a payload that would do, but for the session."""
    mine = {"player": player} | ({} if name == "session.open" else {"session": session})
    quest = {"instance": draw.of([*stage.quests.values()])}
    more: dict[str, Payload] = {
        "places.enter": {"place": draw.of((MARKET, BEFORE))},
        "places.depart": {"to": draw.of((MARKET, BEFORE, "lamp_yard"))},
        "quests.accept": {"quest": draw.of(("ask_the_nurse", "three_bells"))},
        "quests.join": quest,
        "quests.advance": {**quest, "stage": "dive", "objective": 0},
        "quests.choose": {**quest, "stage": "dive", "choice": 0},
        "quests.abandon": quest,
        "people.harm": {"who": "person.una_pell", "amount": 250, "how": "a knife"},
        "beliefs.tell": {"to": ["person.una_pell"], "text": "I saw Nib at the Tally House.", "claims": []},
        "traces.discover": {"trace": f"lost_purse-{'0' * 32}-0"},
        "story.say": {"to": "person.una_pell", "text": "I saw Nib at the Tally House.", "stage": 0},
        "people.take": {"of": "person.una_pell", "unit": "lamp_oil", "amount": 1},
        "factions.deed": {"deed_id": f"of_{player}", "faction": "lamplighters", "power": 5, **BY},
    }
    return {**mine, **more.get(name, {})}


def _out_of(stage: Stage, draw: Draw, name: str, account: str) -> Payload:
    """Return a payload that gives away what is in an account."""
    move = {"unit": "crowns", "payer": account, "payee": "stall.lamp_yard", "amount": 1 + draw.below(9)}
    order = {"market": MARKET, "good": GOOD, "quantity": 1 + draw.below(3), "account": account}
    given: dict[str, Payload] = {
        "ledger.transfer": {"moves": [move], "reason": "theft"},
        "ledger.hold": {"moves": [move], "reason": "theft", "game_ms": 10**9},
        "ledger.link": {"steps": [{"do": "transfer", "moves": [move], "reason": "theft"}]},
        "market.buy": order,
        "market.sell": order,
    }
    return given[name]


IN_SESSION = (
    *("places.enter", "places.depart", "places.turn_back", "quests.accept", "quests.generate"),
    *("quests.join", "quests.advance", "quests.choose", "quests.abandon", "people.harm", "people.take"),
    "beliefs.tell",
    "story.say",
    "factions.deed",
    "traces.discover",
)
GIVING = ("ledger.transfer", "ledger.hold", "ledger.link", "market.buy", "market.sell")


def _of_session(kind: str, who: str, name: str, code: str) -> None:
    def make(stage: Stage, draw: Draw) -> Forged:
        players, session = {
            "foreign": (stage.here, 1),
            "closed": (stage.gone, 1),
            "old": (stage.back, 1),
            "coming": (stage.back, 3),
        }[kind]
        payload = _in_session(stage, draw, name, draw.of(players), session)
        return Forged(who, name, payload, code)

    KINDS[f"{kind} session: {name} by {who}"] = make


def _of_account(kind: str, who: str, name: str, code: str) -> None:
    def make(stage: Stage, draw: Draw) -> Forged:
        players = stage.here if kind == "foreign" else stage.gone
        return Forged(who, name, _out_of(stage, draw, name, f"player.{draw.of(players)}"), code)

    KINDS[f"{kind} account: {name} by {who}"] = make


for _name in (*IN_SESSION, "session.close"):
    _of_session("foreign", "rogue", _name, "not_your_session")
    _of_session("coming", "game", _name, "session_over")
for _name in IN_SESSION:
    if _name != "factions.deed":  # an operator may say whose it was
        _of_session("foreign", "mira", _name, "not_your_session")
    _of_session("closed", "game", _name, "no_session")
    _of_session("old", "game", _name, "session_over")
_of_session("foreign", "rogue", "session.open", "session_held")
for _name in GIVING:
    _of_account("foreign", "rogue", _name, "not_your_player")
    _of_account("closed", "game", _name, "not_your_player")


def _wanted(stage: Stage, draw: Draw) -> Forged:
    """More than there is: what a player asked for in vain would raise the price."""
    order = {"market": MARKET, "good": GOOD, "quantity": 5_000, "account": f"player.{draw.of(stage.here)}"}
    return Forged("rogue", "market.buy", order, "not_your_player")


KINDS["foreign account: more than a stall has"] = _wanted

# --- hops ---------------------------------------------------------------------------------------------------


def _hop(stage: Stage, draw: Draw) -> Forged:
    mine = {"player": draw.of(stage.here), "session": 1}
    return Forged("game", "places.depart", {**mine, "to": draw.of((BEFORE, "lamp_yard"))}, "too_fast")


def _elsewhere(stage: Stage, draw: Draw) -> Forged:
    mine = {"player": draw.of(stage.here), "session": 1}
    return Forged("game", "places.enter", {**mine, "place": BEFORE}, "in_the_world")


def _on_the_way(stage: Stage, draw: Draw) -> Forged:
    mine, name = {"player": draw.of(stage.away), "session": 2}, draw.of(("places.enter", "places.depart"))
    more = {"place": "lamp_yard"} if name == "places.enter" else {"to": "lamp_yard"}
    return Forged("game", name, {**mine, **more}, "under_way")


def _backwards(stage: Stage, draw: Draw) -> Forged:
    return Forged("game", "places.turn_back", {"player": draw.of(stage.here), "session": 1}, "not_under_way")


def _nowhere(stage: Stage, draw: Draw) -> Forged:
    player = draw.of([each for each in stage.back if each not in stage.away])
    return Forged("game", "places.depart", {"player": player, "session": 2, "to": MARKET}, "not_in_world")


KINDS |= {
    "hop: before the last one is paid": _hop,
    "hop: in the world twice": _elsewhere,
    "hop: on the way elsewhere": _on_the_way,
    "hop: back from where one stands": _backwards,
    "hop: from nowhere": _nowhere,
}


# --- ids that were there before -----------------------------------------------------------------------------


def _again(stage: Stage, draw: Draw) -> Forged:
    done = _caused(stage, draw)
    return Forged(done.who, done.name, done.payload, ANSWERED, id=done.id, first=done)


def _other_content(stage: Stage, draw: Draw) -> Forged:
    done = _caused(stage, draw)
    return Forged(done.who, done.name, _otherwise(done), "id_conflict", id=done.id)


def _other_command(stage: Stage, draw: Draw) -> Forged:
    done = _caused(stage, draw)
    player = draw.of(stage.here)
    on = {"player": player, "session": 1, "instance": stage.quests[player]}
    others: Sequence[tuple[str, str, Payload]] = (
        ("game", "quests.advance", {**on, "stage": "dive", "objective": 0}),
        ("mira", "ledger.open_account", {"account": f"player.twin-{draw.number}"}),
        ("game", "session.open", {"player": f"twin-{draw.number}"}),
        ("mira", "places.open_way", {"way": WAY}),
    )
    return Forged(*draw.of(others), "id_conflict", id=done.id)


def _by_another(stage: Stage, draw: Draw) -> Forged:
    done = _caused(stage, draw, who="game")
    return Forged("rogue", done.name, done.payload, "id_conflict", id=done.id)


def _caused(stage: Stage, draw: Draw, who: str = "") -> Done:
    """Return an honest command that caused something, one name after the other; ``who``: of this client."""
    done = [each for each in stage.done if each.reply.events and each.who.startswith(who)]
    names = sorted({each.name for each in done})
    name = names[draw.number // len(KINDS) % len(names)]
    return draw.of([each for each in done if each.name == name])


def _otherwise(done: Done) -> Payload:
    """Return a command's payload with one thing that it would do otherwise."""
    changes: dict[str, Payload] = {
        "session.open": {"build": "another"},
        "session.close": {"player": "twin", "session": 1},
        "places.enter": {"place": "lamp_yard"},
        "places.depart": {"to": "lamp_yard"},
        "places.close_way": {"grounds": "another"},
        "quests.accept": {"quest": "ask_the_nurse"},
        "market.buy": {"quantity": 2},
        "market.shut_stall": {"cause": "another"},
        "ledger.transfer": {"reason": "another"},
        "ledger.hold": {"reason": "another"},
        "ledger.post_hold": {"hold_id": NO_EVENT},
        "ledger.open_account": {"account": "player.twin"},
        "ledger.declare_flow": {"account": "source.other"},
        "weather.override": {"state": "fog"},
        "factions.deed": {"power": 16},
        "people.begin": {"reason": "another"},
        "people.harm": {"amount": 2},
        "clock.start": {"scale_num": 2},
        "clock.jump": {"to_game_ms": 10**11},
        "clock.pause": {"reason": "another"},
        "clock.set_alarm": {"what": "another"},
    }
    return {**done.payload, **changes[done.name]}


KINDS |= {
    "id: the same again": _again,
    "id: with other content": _other_content,
    "id: for another command": _other_command,
    "id: by another service": _by_another,
}


# --- who may not --------------------------------------------------------------------------------------------


def _example(draw: Draw, name: str) -> dict[str, Any]:
    """Return an example of a command, about a player whom nobody knows."""
    payload = dict(COMMANDS[name].example)
    if "player" in payload and name != "factions.deed":
        payload["player"] = f"nobody-{draw.number}"
    if "account" in payload and name.startswith("market."):
        payload["account"] = f"player.nobody-{draw.number}"
    return payload


def _forbidden(who: str, names: Sequence[str], *, as_who: str = "", realm: str = "") -> Make:
    def make(_: Stage, draw: Draw) -> Forged:
        name = draw.of(names)
        return Forged(who, name, _example(draw, name), "forbidden", as_who=as_who, realm=realm)

    return make


def _inner(_: Stage, draw: Draw) -> Forged:
    return Forged("mira", draw.of(("places.arrive", "places.cut_journey", "quests.look")), {}, "forbidden")


KINDS |= {
    "not given: to a service without grants": _forbidden("plain", OURS),
    "not given: to a viewer": _forbidden("viewer", OURS),
    "not given: what operators may": _forbidden("game", OPERATORS),
    "not given: in another's name": _forbidden("game", OURS, as_who="mira"),
    "not given: in a service's name": _forbidden("rogue", OURS, as_who="game"),
    "not given: in our own name": _forbidden("game", OURS, as_who="component-services"),
    "not given: in another realm": _forbidden("game", OURS, realm="elsewhere"),
    "not given: what only our processes say": _inner,
}


# --- what cannot be read, and what there is not -------------------------------------------------------------


def _wrong_type(_: Stage, draw: Draw) -> Forged:
    name = draw.of(OURS)
    payload = _example(draw, name)
    field = draw.of(sorted(payload))
    for _try in range(len(WRONG)):
        wrong = {**payload, field: draw.of(WRONG)}
        if not _reads(name, wrong):
            return Forged("mira", name, wrong, "invalid_field")
    return Forged("mira", name, {**payload, "sudo": True}, "invalid_field")


def _reads(name: str, payload: Payload) -> bool:
    try:
        COMMANDS[name].model_validate(payload)
    except ValueError:
        return False
    return True


def _left_out(_: Stage, draw: Draw) -> Forged:
    name = draw.of([each for each in OURS if _required(each)])
    payload = _example(draw, name)
    del payload[draw.of(_required(name))]
    return Forged("mira", name, payload, "invalid_field")


def _required(name: str) -> Sequence[str]:
    return [field for field, info in COMMANDS[name].model_fields.items() if info.is_required()]


def _too_many_fields(_: Stage, draw: Draw) -> Forged:
    name = draw.of(OURS)
    return Forged("mira", name, {**_example(draw, name), "actor": "operator:mira"}, "invalid_field")


def _rule(who: str, name: str, payload: Payload, code: str) -> None:
    KINDS[f"rule: {name} is {code}"] = lambda _, __: Forged(who, name, payload, code)


def _of_here(name: str, more: Payload, code: str) -> None:
    def make(stage: Stage, draw: Draw) -> Forged:
        mine: dict[str, Any] = {"player": draw.of(stage.here), "session": 1}
        if "instance" in more and not more["instance"]:
            mine["instance"] = stage.quests[mine["player"]]
        return Forged("game", name, {**more, **mine}, code)

    KINDS[f"rule: {name} is {code}"] = make


def _order_of_here(name: str, more: Payload, code: str) -> None:
    def make(stage: Stage, draw: Draw) -> Forged:
        order = {"market": MARKET, "good": GOOD, "quantity": 1, "account": f"player.{draw.of(stage.here)}"}
        return Forged("game", name, {**order, **more}, code)

    KINDS[f"rule: {name} is {code}"] = make


def _move_of_here(payer: str, payee: str, amount: int, unit: str, code: str) -> None:
    def make(stage: Stage, draw: Draw) -> Forged:
        names = {"here": f"player.{draw.of(stage.here)}"}
        move = {"unit": unit, "payer": payer.format(**names), "payee": payee.format(**names)}
        return Forged(
            "game", "ledger.transfer", {"moves": [{**move, "amount": amount}], "reason": "theft"}, code
        )

    KINDS[f"rule: ledger.transfer is {code}"] = make


def _old_version(stage: Stage, draw: Draw) -> Forged:
    payload = {"player": draw.of(stage.here), "session": 1, "to": BEFORE}
    return Forged("game", "places.depart", payload, "version_conflict", expected=1)


KINDS |= {
    "unreadable: wrong types": _wrong_type,
    "unreadable: a field is missing": _left_out,
    "unreadable: a field too many": _too_many_fields,
    "version: of before": _old_version,
}
_of_here("places.depart", {"to": "lamp_yard", "means": "dragon"}, "too_fast")
_of_here("quests.accept", {"quest": "no_such_quest"}, "quest_unknown")
_of_here("quests.advance", {"instance": "", "stage": "dive", "objective": 0}, "unmet")
_of_here("quests.choose", {"instance": "", "stage": "hand_over", "choice": 0}, "other_stage")
_of_here("quests.abandon", {"instance": NO_QUEST}, "instance_unknown")
_order_of_here("market.buy", {"market": "lamp_yard", "good": "lamp_oil"}, "not_there")
_order_of_here("market.buy", {"good": "lamp_oil"}, "not_sold_here")
_order_of_here("market.sell", {"quantity": 1, "limit": 10_000}, "under_limit")
_order_of_here("market.sell", {"market": "drowned_fair"}, "market_unknown")
_move_of_here("{here}", "stall.lamp_yard", 10**9, "crowns", "insufficient")
_move_of_here("{here}", "stall.nobody", 1, "crowns", "account_unknown")
_move_of_here("{here}", "stall.lamp_yard", 1, "moonstones", "unit_unknown")
_rule("game", "ledger.post_hold", {"hold_id": NO_EVENT}, "hold_not_open")
_rule("game", "ledger.void_hold", {"hold_id": NO_EVENT, "reason": "theft"}, "hold_not_open")
_rule("game", "ledger.reverse", {"reverses": NO_EVENT, "reason": "theft"}, "original_unknown")
_rule("game", "ledger.open_account", {"account": "source.counterfeit"}, "flow")
_rule("game", "ledger.close_account", {"account": "stall.lamp_yard"}, "account_in_use")
_sky = {"handle": "storm", "zones": ["harbour"], "state": "storm", "span_ms": 3_600_000, **BY}
_rule("game", "weather.override", {**_sky, "zones": ["moon"]}, "zone_unknown")
_rule("game", "weather.override", {**_sky, "state": "frogs"}, "state_unknown")
_rule("game", "weather.override", {**_sky, "handle": "fog"}, "handle_taken")
_rule("game", "weather.lift", {"handle": "no_such", **BY}, "override_unknown")
_deed = {"deed_id": "quest_8", "faction": "lamplighters", "power": 15, **BY}
_rule("game", "factions.deed", {**_deed, "faction": "crown"}, "faction_unknown")
_rule("game", "factions.deed", {**_deed, "deed_id": "quest_7", "power": 20}, "deed_taken")
_rule("game", "factions.deed", {**_deed, "power": 0}, "nothing_done")
_rule("mira", "places.close_way", {"way": "no_such_way", "grounds": "theft"}, "way_unknown")
_rule("mira", "market.shut_stall", {"market": "drowned_fair", "cause": "theft"}, "market_unknown")
_calendar = COMMANDS["clock.start"].example["calendar"]
_rule("mira", "clock.start", {"calendar": _calendar, **BY}, "clock_runs")
_change = {**COMMANDS["world.change"].example, "base": 9}
_rule("mira", "world.change", _change, "stale_version")
