"""The rules of a quest that somebody took: from a command and the facts to the events that follow. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from pydantic import JsonValue

from domain.definition.definition import Definition
from domain.definition.entries import digest_of
from domain.definition.quests import Objective, Quest
from domain.kernel.decider import Decider, Rejected
from domain.kernel.vocabulary import ConfigurationValue
from domain.quests.commands import Abandon, Accept, Advance, Choose, Join, Look, MakeQuest, QuestCommand
from domain.quests.facts import Facts, unmet
from domain.quests.going import after, base, due_of, entered, is_met, looked
from domain.quests.instance import Along, Instance, Offered, State, evolve
from domain.quests.messages import (
    Abandoned,
    Accepted,
    Joined,
    OfferMade,
    Parted,
    Progressed,
    QuestEvent,
    Withdrawn,
)
from domain.quests.needs import completable, named
from domain.quests.vocabulary import PARTY_MAX, Paid, Thing, instance_of

OPEN_MAX = 3
"""Made quests of one player that wait to be taken."""

OPEN_MS = 86_400_000
"""Game time for which a made quest can be taken."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A quest as the definition has it now.

    Attributes:
        quest: typed.
        written: the same as plain data.
        digest: of what is written.
    """

    quest: Quest
    written: dict[str, ConfigurationValue] = field(repr=False)
    digest: str


def offers_of(definition: Definition, written: Mapping[str, JsonValue]) -> dict[str, Offer]:
    """Return a definition's quests by id; ``written``: what is written of each."""
    found: dict[str, Offer] = {}
    for quest in definition.quests:
        said = written[quest.id]
        assert isinstance(said, dict)
        found[quest.id] = Offer(quest, said, digest_of(said))
    return found


@dataclass(frozen=True, slots=True)
class Asked:
    """A command with what it is decided by.

    Attributes:
        facts: the world; for quests.accept and quests.join also with what the player has done.
        offer: for quests.accept; None: the definition has no such quest any more.
        number: for quests.accept and quests.join: how often the player has taken it with this.
        again: for quests.join: whether the player may take it now.
        open: for quests.generate: how many that were made for the player wait.
    """

    command: QuestCommand
    facts: Facts
    offer: Offer | None = None
    number: int = 1
    again: bool = True
    open: int = 0


def decide(asked: Asked, state: State) -> Sequence[QuestEvent]:
    """Return what follows from a command; nothing if it is already so.

    Raises:
        Rejected: as the command's declaration tells.
    """
    command = asked.command
    match command:
        case Accept():
            return _accept(asked, command, state)
        case Join():
            return _join(asked, command, _there(state))
        case Look():
            return follows(state, asked.facts)
        case MakeQuest():
            return _offer(asked, command, state)
        case Advance():
            return _advance(command, asked.facts, _on_it(_there(state), command.player))
        case Choose():
            return _choose(command, asked.facts, _on_it(_there(state), command.player))
        case Abandon():
            return _abandon(command, asked.facts, _there(state))
        case _:
            assert_never(command)


QUEST: Decider[Asked, QuestEvent, State] = Decider(None, decide, evolve)


def follows(state: State, facts: Facts) -> list[QuestEvent]:
    """Return what follows for a quest from the facts alone."""
    if isinstance(state, Instance):
        return looked(state, facts)
    return _withdrawn(state, facts) if isinstance(state, Offered) and not state.over else []


def may_again(state: Instance, now_ms: int) -> bool:
    """Say whether who took a quest may take it anew: it is over, and so long ago as it says."""
    again = state.quest.again
    return bool(state.over) and again is not None and now_ms >= state.over_ms + 1_000 * again


# --- taking -------------------------------------------------------------------------------------------------


def _accept(asked: Asked, command: Accept, state: State) -> Sequence[QuestEvent]:
    if isinstance(state, Instance):
        if state.over:
            raise _taken(state.quest)
        return []
    if isinstance(state, Along):
        return []
    if isinstance(state, Offered) and (state.over or _withdrawn(state, asked.facts)):
        raise Rejected(
            "offer_over",
            f"{command.quest} cannot be taken any more",
            field="quest",
            remedy="ask quests.offers for what a player may take",
        )
    if asked.offer is None:
        raise Rejected(
            "quest_unknown",
            f"there is no quest {command.quest}",
            field="quest",
            remedy="ask quests.offers for what a player may take",
        )
    quest, facts, player = asked.offer.quest, asked.facts, command.player
    _see_offered(quest, facts, player)
    first = quest.stages[0]
    accepted = Accepted(
        instance=instance_of(quest.id, player, asked.number),
        quest=quest.id,
        players=[player],
        at_ms=facts.now,
        number=asked.number,
        digest=asked.offer.digest,
        written=asked.offer.written,
        stage=first.id,
        due_ms=due_of(first.within, facts.now),
    )
    begun = evolve(None, accepted)
    assert isinstance(begun, Instance)
    return [accepted, *looked(begun, facts)]


def _offer(asked: Asked, command: MakeQuest, state: State) -> Sequence[QuestEvent]:
    """Return the offer of a quest that was made; who asks again, with another command, gets another one."""
    if state is not None:
        return []
    if asked.offer is None:
        raise Rejected(
            "nothing_fits",
            "the world has nothing that a quest could be made of",
            remedy="offer a quest of the definition, or ask again later",
        )
    if asked.open >= OPEN_MAX:
        raise Rejected(
            "offers_full",
            f"{asked.open} quests that were made for {command.player} wait to be taken",
            field="player",
            remedy="let the player take one, or wait until its time is over",
        )
    offer, now_ms = asked.offer, asked.facts.now
    return [
        OfferMade(
            instance=instance_of(offer.quest.id, command.player, asked.number),
            quest=offer.quest.id,
            players=[command.player],
            at_ms=now_ms,
            digest=offer.digest,
            written=offer.written,
            until_ms=now_ms + OPEN_MS,
        )
    ]


def _withdrawn(state: Offered, facts: Facts) -> list[QuestEvent]:
    """Return the end of an offer whose time is over, or of which the world took something."""
    quest = state.quest
    said = {"instance": state.id, "quest": quest.id, "players": [*state.players], "at_ms": facts.now}
    giver = Thing("person", quest.giver)
    if giver in facts.gone:
        return [Withdrawn(**said, by="gone", text=quest.giver_gone.text, gone_kind="person", gone=giver.id)]
    lost = sorted(named(quest) & set(facts.gone))
    if lost and not completable(quest, quest.stages[0].id, facts.gone):
        text = quest.target_gone.text
        return [Withdrawn(**said, by="gone", text=text, gone_kind=lost[0].kind, gone=lost[0].id)]
    if facts.now > state.until_ms:
        return [Withdrawn(**said, by="late", text="Nobody took it in time.")]
    return []


def _see_offered(quest: Quest, facts: Facts, player: str) -> None:
    if Thing("person", quest.giver) in facts.gone:
        raise Rejected(
            "giver_gone", f"{quest.giver} is gone", field="quest", remedy="take a quest of somebody else"
        )
    if facts.gone and not completable(quest, quest.stages[0].id, facts.gone):
        lost = ", ".join(sorted(thing.id for thing in named(quest) & set(facts.gone)))
        raise Rejected(
            "target_gone", f"gone is what it needs: {lost}", field="quest", remedy="take another quest"
        )
    if why := unmet(quest.offered, facts, [player]):
        raise Rejected("not_offered", why, field="quest", remedy="come again when it is so")


def _join(asked: Asked, command: Join, state: Instance) -> Sequence[QuestEvent]:
    if command.player in state.players:
        return []
    _see_running(state)
    if not state.quest.party:
        raise Rejected(
            "not_a_party",
            f"{state.quest.id} is for one player",
            field="instance",
            remedy="take it with quests.accept: everybody has their own",
        )
    if len(state.players) >= PARTY_MAX:
        raise Rejected(
            "party_full",
            f"{len(state.players)} are on it, which is all that may be",
            field="instance",
            remedy="take it with quests.accept, on your own",
        )
    if not asked.again:
        raise _taken(state.quest)
    said = {**base(state, asked.facts.now), "players": [*state.players, command.player]}
    return [Joined(**said, player=command.player, number=asked.number)]


def _abandon(command: Abandon, facts: Facts, state: Instance) -> Sequence[QuestEvent]:
    if command.player in state.parted or state.over == "abandoned":
        return []
    _on_it(state, command.player)
    _see_running(state)
    if len(state.players) > 1:
        return [Parted(**base(state, facts.now), player=command.player)]
    return [Abandoned(**base(state, facts.now), left=state.stage)]


# --- going on -----------------------------------------------------------------------------------------------


def _advance(command: Advance, facts: Facts, state: Instance) -> Sequence[QuestEvent]:
    key = (command.stage, command.objective)
    if key in state.done:
        return []
    _see_running(state)
    events = looked(state, facts)
    state = after(state, events)
    if state.over or state.stage != command.stage or key in state.done:
        if events:
            return events
        raise Rejected(
            "other_stage",
            f"the quest is in {state.stage}, not in {command.stage}",
            field="stage",
            remedy="ask for what the stage wants: its objectives are in the reply and the journal",
        )
    if command.objective >= len(state.at.objectives):
        raise Rejected(
            "objective_unknown",
            f"{state.stage} has {len(state.at.objectives)} objectives",
            field="objective",
            remedy="count them from 0",
        )
    _see_possible(state, command, facts)
    progressed = _progressed(state, command, facts)
    return [*events, progressed, *looked(after(state, [progressed]), facts)]


def _see_possible(state: Instance, command: Advance, facts: Facts) -> None:
    objective = state.objective(command.objective)
    why = unmet(objective.when, facts, state.players, objective.place or "") or _lacks(
        state, objective, command, facts
    )
    if why:
        raise Rejected(
            "unmet", why, field="objective", remedy="send it again, as a new command, once it is so"
        )


def _lacks(state: Instance, objective: Objective, command: Advance, facts: Facts) -> str:
    if objective.kind in ("go", "banish") and facts.place(command.player) != objective.place:
        return f"{command.player} is {facts.place(command.player) or 'on a way'}, not in {objective.place}"
    if objective.kind == "collect" and not is_met(state, command.objective, facts):
        return f"nobody on it has {objective.count} {objective.good}"
    if objective.kind == "wait":
        left = state.entered_ms + 1_000 * objective.seconds - facts.now
        return f"{left} game ms are left to wait"
    if objective.person and Thing("person", objective.person) in facts.gone:
        return f"{objective.person} is gone"
    return ""


def _progressed(state: Instance, command: Advance, facts: Facts) -> Progressed:
    objective = state.objective(command.objective)
    gives = objective.kind == "deliver" and objective.good is not None
    given = [Paid(player=command.player, unit=objective.good or "", amount=objective.count)] if gives else []
    return Progressed(
        **base(state, facts.now),
        stage=state.stage,
        objectives=[command.objective],
        given=given,
        to=objective.person if gives else None,
    )


def _choose(command: Choose, facts: Facts, state: Instance) -> Sequence[QuestEvent]:
    to = _way(state, command)
    if to and state.went.get(command.stage) == to and (state.over or state.stage != command.stage):
        return []
    _see_running(state)
    events = looked(state, facts)
    state = after(state, events)
    if state.over or state.stage != command.stage:
        if events:
            return events
        raise Rejected(
            "other_stage",
            f"the quest is in {state.stage}, not in {command.stage}",
            field="stage",
            remedy="choose in the stage that the quest is in",
        )
    return [*events, *_chosen(command, facts, state)]


def _way(state: Instance, command: Choose) -> str:
    """Return where a choice leads; "" if there is none."""
    stages = [stage for stage in state.quest.stages if stage.id == command.stage]
    if not stages or command.choice >= len(stages[0].branches):
        return ""
    return stages[0].branches[command.choice].to


def _chosen(command: Choose, facts: Facts, state: Instance) -> Sequence[QuestEvent]:
    branches = state.at.branches
    if not any(branch.choice for branch in branches):
        raise Rejected(
            "nothing_to_choose",
            f"{state.stage} goes on by itself",
            field="choice",
            remedy="do what the stage asks for",
        )
    if command.choice >= len(branches):
        raise Rejected(
            "choice_unknown",
            f"{state.stage} has {len(branches)} ways on",
            field="choice",
            remedy="count them from 0",
        )
    if state.left:
        raise Rejected(
            "unmet",
            f"objectives {state.left} of {state.stage} are not done",
            field="stage",
            remedy="do them first",
        )
    branch = branches[command.choice]
    if why := unmet(branch.when, facts, state.players):
        raise Rejected("unmet", why, field="choice", remedy="choose another, or come when it is so")
    chosen = entered(state, branch.to, "chosen", facts.now)
    return [*chosen, *looked(after(state, chosen), facts)]


# --- who and what -------------------------------------------------------------------------------------------


def _there(state: State) -> Instance:
    if not isinstance(state, Instance):
        raise Rejected(
            "instance_unknown",
            "nobody took such a quest",
            field="instance",
            remedy="ask quests.journal for a player's",
        )
    return state


def _on_it(state: Instance, player: str) -> Instance:
    if player not in state.players:
        raise Rejected(
            "not_on_it",
            f"{player} is not on this quest",
            field="player",
            remedy="take it with quests.accept, or come along with quests.join",
        )
    return state


def _see_running(state: Instance) -> None:
    if state.over:
        raise Rejected(
            "quest_over",
            f"the quest is {state.over}",
            field="instance",
            remedy="ask quests.journal for those that are not",
        )


def _taken(quest: Quest) -> Rejected:
    when = "never again" if quest.again is None else f"again {quest.again} game seconds after its end"
    return Rejected(
        "taken_before",
        f"the player has taken {quest.id}, and may take it {when}",
        field="quest",
        remedy="ask quests.offers for what a player may take",
    )
