"""What may be asked of quests: by the service that holds the player's session, by operators, by ourselves."""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from domain.kernel.event import Command
from domain.kernel.roles import GRANTED, OPERATOR
from domain.quests.messages import INSTANCE
from domain.quests.vocabulary import InstanceId, ObjectiveNumber, QuestRef, StageRef, ThingKind, ThingRef
from domain.session.messages import PlayerId, SessionNumber

MAY = (GRANTED, OPERATOR)
ANN: dict[str, Any] = {"player": "ann", "session": 3}


class Accept(Command, name="quests.accept", may=MAY):
    """Have a player take a quest.

    The result is the quest as it stands: instance, quest, players, stage, done (objectives), due_ms, over
    (how it ended, or empty), end. Who is on it already gets it as it stands. Refused with
    ``quest_unknown``, ``offer_over``, ``giver_gone``, ``target_gone``, ``not_offered``, ``taken_before``,
    and for the session as places.enter is.
    """

    player: PlayerId
    session: SessionNumber
    quest: QuestRef

    example: ClassVar = {**ANN, "quest": "three_bells"}


class MakeQuest(Command, name="quests.generate", may=MAY):
    """Make a quest for a player, of what the world has now; they may take it for a game day.

    It is tried before it is offered: it can be ended, whatever happens. The result is {instance, quest,
    players, until_ms, over}; quests.offers tells more of it, quests.accept takes it. Refused with
    ``offers_full``, ``nothing_fits``, and for the session.
    """

    player: PlayerId
    session: SessionNumber

    example: ClassVar = dict(ANN)


class Join(Command, name="quests.join", may=MAY):
    """Have a player come along on another's quest. The result is as with quests.accept.

    Refused with ``instance_unknown``, ``not_a_party``, ``party_full``, ``quest_over``, ``taken_before``, and
    for the session.
    """

    player: PlayerId
    session: SessionNumber
    instance: InstanceId

    example: ClassVar = {**ANN, "instance": INSTANCE}


class Advance(Command, name="quests.advance", may=MAY):
    """Say that a player does what an objective asks for: deliver, talk, banish; or have another looked at.

    Deliver moves the goods in the same append. The result is as with quests.accept. Refused with
    ``instance_unknown``, ``not_on_it``, ``quest_over``, ``other_stage``, ``objective_unknown``, ``unmet``
    (what it needs is not so), the ledger's ``insufficient``, and for the session.
    """

    player: PlayerId
    session: SessionNumber
    instance: InstanceId
    stage: StageRef
    objective: ObjectiveNumber

    example: ClassVar = {**ANN, "instance": INSTANCE, "stage": "hand_over", "objective": 0}


class Choose(Command, name="quests.choose", may=MAY):
    """Have a player choose a way on. The result is as with quests.accept.

    Refused as quests.advance is, and with ``choice_unknown`` and ``nothing_to_choose``.
    """

    player: PlayerId
    session: SessionNumber
    instance: InstanceId
    stage: StageRef
    choice: Annotated[int, Field(ge=0, le=63, description="Which way on, from 0, as they are written.")]

    example: ClassVar = {**ANN, "instance": INSTANCE, "stage": "ask", "choice": 1}


class Abandon(Command, name="quests.abandon", may=MAY):
    """Have a player give a quest up; of a party the others go on. The result is as with quests.accept.

    Refused with ``instance_unknown``, ``not_on_it``, ``quest_over``, and for the session.
    """

    player: PlayerId
    session: SessionNumber
    instance: InstanceId

    example: ClassVar = {**ANN, "instance": INSTANCE}


class TellGone(Command, name="quests.tell_gone", may=(OPERATOR,)):
    """Say that a person, place or good is gone, where no other event says so; every quest hears it."""

    kind: ThingKind
    thing: ThingRef

    example: ClassVar = {"kind": "person", "thing": "rook_tansy"}


class Look(Command, name="quests.look"):
    """Have a quest looked at anew; of our own process, never taken from the wire."""

    instance: InstanceId

    example: ClassVar = {"instance": INSTANCE}


OfPlayer = Accept | MakeQuest | Join | Advance | Choose | Abandon
QuestCommand = OfPlayer | Look
COMMANDS: tuple[type[QuestCommand], ...] = (Accept, MakeQuest, Join, Advance, Choose, Abandon)
