"""The stage before all others where several processes answer: each command id belongs to one of them.

Who claims an id first answers it; a repeat that comes to another process is answered by its owner. If that is
gone, whoever got the repeat inherits the id, with what the owner left in the log and in its spool.
"""

from collections.abc import Callable

from bus.ports import Claims, IdConflict, OwnerGone, OwnerSilent
from domain.inference.inference import Inference
from domain.kernel.decider import Rejected
from handlers.inference.records import InferenceRecords
from handlers.inference.turn import Turn
from protocol.messages import ErrorReply, Reply

LOOK_UP_SHARE = 0.5
"""Of the time that a question has: longer nobody looks whether it was answered before."""

RETRY_MS = 500


class RefusedElsewhere(Rejected):
    """The owner of the id refused; it has recorded that, if it is to be recorded."""

    def __init__(self, reply: ErrorReply) -> None:
        super().__init__(reply.code, reply.message, field=reply.field, remedy=reply.remedy)
        self.retry_after_ms = reply.retry_after_ms


class Ownership:
    """Says which turns are this process's own, and has the others answered by theirs."""

    def __init__(self, claims: Claims | None, records: InferenceRecords, clock: Callable[[], float]) -> None:
        """Prepare; without ``claims`` this process is the only one."""
        self._claims = claims
        self._records = records
        self._clock = clock

    async def answered_elsewhere(self, turn: Turn) -> Reply | None:
        """Return the reply of the process that a turn's id belongs to; None: it is this one's to answer.

        Raises:
            RefusedElsewhere: what its owner refused, or ``unavailable``: it does not answer.
            IdConflict: the id asked for something else before.
        """
        if self._claims is None or self._records.remembers(turn.message.id):
            return None
        claim = await self._claims.claim(turn.message.id)
        while not claim.ours:
            if turn.from_peer:
                raise RefusedElsewhere(_unavailable("belongs to another process by now"))
            turn.elsewhere = True
            try:
                reply = await self._claims.ask(claim, turn.message, turn.deadline - self._clock())
            except OwnerGone:
                claim = await self._claims.inherit(claim)
                turn.inherited = claim.ours
            except OwnerSilent:
                raise RefusedElsewhere(_unavailable("belongs to a process that does not answer")) from None
            else:
                return _reply(turn, reply)
        turn.claim, turn.elsewhere = claim, False
        turn.fresh, turn.seen = claim.first, bool(claim.revision) and not claim.first
        return None

    async def recall(self, turn: Turn) -> Inference:
        """Return what is recorded under a turn's id, here or by the process that it was inherited from.

        Raises:
            LogUnavailable: the id was here before and is forgotten, and the log cannot say what came of it.
        """
        id_, within_s = turn.message.id, (turn.deadline - self._clock()) * LOOK_UP_SHARE
        if turn.inherited:
            return await self._records.inherited(id_, within_s)
        return await self._records.find(id_, within_s, fresh=turn.fresh, seen=turn.seen)

    async def release(self, turn: Turn) -> None:
        """Let other processes answer an id of which nothing was recorded here, now or before."""
        if self._claims and turn.claim and turn.claim.first and turn.inference.request is None:
            await self._claims.release(turn.claim)


def _reply(turn: Turn, reply: Reply | ErrorReply) -> Reply:
    if isinstance(reply, Reply):
        return reply
    if reply.code == "id_conflict":
        raise IdConflict(turn.message.id, "asked for something else before")
    raise RefusedElsewhere(reply)


def _unavailable(why: str) -> ErrorReply:
    return ErrorReply(
        "unavailable",
        f"this id {why}",
        "id",
        remedy="send it again with the same id: it takes effect once",
        retry="later",
        retry_after_ms=RETRY_MS,
    )
