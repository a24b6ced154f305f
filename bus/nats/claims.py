"""Claims on command ids in JetStream, and requests to the process that has one; see `bus.ports.Claims`.

A claim is a message on ``{realm}.claim.{id}`` of the stream ``CLAIMS_{realm}``, stored only if the subject
has none yet, so JetStream decides who was first. It is on the server's disk: a restart of NATS forgets
none. While JetStream is away nobody waits for it twice: ids are noted, and claimed once it is back.
"""

import asyncio
from base64 import b64decode
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Any
from uuid import UUID

import orjson
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError

from bus.nats.api import (
    WRONG_LAST_SEQUENCE,
    JetStreamError,
    JetStreamUnavailable,
    Missing,
    js_request,
    raise_error,
    request,
)
from bus.nats.peers import Answering, reply_to_peer
from bus.nats.topology import SECOND_NS
from bus.ports import Claim, OwnerGone, OwnerSilent
from protocol.errors import WireError
from protocol.messages import (
    Answer,
    CommandMessage,
    ErrorReply,
    Reply,
    decode_reply,
    encode_command,
)
from protocol.subjects import claim_subject, peer_subject

CLAIM_S = 0.25
"""Longest wait for JetStream; a healthy one answers in 0.1 ms."""

CLAIM_AGE_S = 3_600
CLAIMS_MAX = 1_000_000
"""Kept at most; 280 turns a second for an hour."""

OURS_MAX = 20_000
"""Ids of ours that are claimed once more if the stream was lost; as many as answers are remembered."""

WATCH_S = 2.0
"""Time between two looks whether the stream is still the same."""

MEND_S = 0.25
"""Pause between two looks whether JetStream is back."""

ASK_AGAIN_S = 1.0
"""An owner is asked again after so long: it may have died with the question, and asking twice is harmless."""

OWNER_BACK_S = 1.0
"""How long an owner may be away before its ids are inherited: a restart of NATS ends no process."""

OWNER_PAUSE_S = 0.05
OWNER_DIGITS = 32
TRIES = 5
"""Claims that may be released one after the other while one is made."""

NO_RESPONDERS = "503"
AWAY = (JetStreamUnavailable, JetStreamError, NatsError, OSError)

logger = structlog.get_logger(__name__)


class NoStream(JetStreamUnavailable):
    """JetStream is there, and the stream of claims is not; or neither is."""


class NatsClaims:
    """The claims of one process; made by `open_claims`."""

    def __init__(self, nc: Client, realm: str, new_id: Callable[[], UUID], group: asyncio.TaskGroup) -> None:
        self._nc = nc
        self._realm = realm
        self._new_id = new_id
        self.process = new_id().hex
        self._group = group
        self._stream = f"CLAIMS_{realm}"
        self.inbox = nc.new_inbox()
        """Subject of JetStream's replies, one token below."""
        self._numbers = count()
        self._waiting: dict[str, asyncio.Future[Msg]] = {}
        self._answer: Answering | None = None
        self._ours = OrderedDict[UUID, None]()
        """The newest last."""
        self._unclaimed = dict[UUID, None]()
        """Those of them that the stream does not have, as far as is known."""
        self._made = ""
        """When the stream was made, as the server writes it: tells it from its successor."""
        self._away = False
        self._news = asyncio.Event()

    def answer_with(self, answer: Answering) -> None:
        """Let ``answer`` reply to what other processes ask us."""
        self._answer = answer

    # --- the port ---------------------------------------------------------------------------------------

    async def claim(self, id_: UUID) -> Claim:
        """Make an id ours, or say whose it is; see the port."""
        return await self._claim(id_, 0)

    async def inherit(self, claim: Claim) -> Claim:
        """Make an id ours whose owner is gone; see the port."""
        return await self._claim(claim.id, claim.revision)

    async def release(self, claim: Claim) -> None:
        """Let go of an id; see the port. Nobody waits for it: if it stays, a repeat only comes to us."""
        self._ours.pop(claim.id, None)
        self._unclaimed.pop(claim.id, None)
        if claim.revision and not self._away:
            body = orjson.dumps({"seq": claim.revision, "no_erase": True})
            subject = f"$JS.API.STREAM.MSG.DELETE.{self._stream}"
            try:
                await self._nc.publish(subject, body, reply=f"{self.inbox}.-")
            except NatsError as error:
                logger.info("claim_not_released", id=str(claim.id), error=repr(error))

    async def ask(self, claim: Claim, message: CommandMessage, within_s: float) -> Reply | ErrorReply:
        """Return what the owner replies; see the port."""
        if len(claim.owner) != OWNER_DIGITS:
            raise OwnerGone(f"{claim.owner} is no process")
        now = asyncio.get_running_loop().time
        body, until, gone = encode_command(message), now() + within_s, None
        while (left_s := until - now()) > 0:
            try:
                subject = peer_subject(self._realm, claim.owner)
                found = await request(self._nc, subject, body, timeout_s=min(left_s, ASK_AGAIN_S))
                reply = decode_reply(found.data)
            except NoRespondersError:
                gone = now() if gone is None else gone
                if now() - gone >= OWNER_BACK_S:
                    raise OwnerGone(claim.owner) from None
                await asyncio.sleep(OWNER_PAUSE_S)
            except NatsTimeoutError:
                gone = None
            except (NatsError, WireError) as error:
                raise OwnerSilent(f"{claim.owner}: {error!r}") from error
            else:
                if isinstance(reply, Answer):
                    raise OwnerSilent(f"{claim.owner} is no process of ours")
                return reply
        raise OwnerSilent(claim.owner)

    # --- JetStream --------------------------------------------------------------------------------------

    async def _claim(self, id_: UUID, revision: int) -> Claim:
        found = None
        if not self._away:
            try:
                found = await self._agreed_anyhow(id_, revision)
            except AWAY as error:
                self._lost(error)
        if found and not found.ours:
            return found
        self._ours[id_] = None
        if found is None:
            self._unclaimed[id_] = None
        if len(self._ours) > OURS_MAX:
            self._unclaimed.pop(self._ours.popitem(last=False)[0], None)
        return found or Claim(id_, self.process, ours=True)

    async def _agreed_anyhow(self, id_: UUID, revision: int) -> Claim:
        """Return the newest claim, in a stream that is made if it was lost."""
        try:
            return await self._agreed(id_, revision)
        except NoStream:
            await self.ensure()
            self._news.set()  # what was ours in the lost one is claimed beside
            return await self._agreed(id_, 0)

    async def _agreed(self, id_: UUID, revision: int) -> Claim:
        """Store a claim if that of ``revision`` (0: none) is the newest, and return the newest."""
        for _ in range(TRIES):
            if stored := await self._put(id_, revision):
                return Claim(id_, self.process, ours=True, revision=stored, first=not revision)
            if found := await self._newest(id_):
                return found
            revision = 0  # released meanwhile
        raise JetStreamUnavailable(f"the claim on {id_} is made and released again and again")

    async def _put(self, id_: UUID, revision: int) -> int | None:
        """Return the revision of the stored claim; None if another one is there."""
        number = str(next(self._numbers))
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            await self._nc.publish(
                claim_subject(self._realm, id_.hex),
                bytes.fromhex(self.process),
                reply=f"{self.inbox}.{number}",
                headers={"Nats-Expected-Last-Subject-Sequence": str(revision)},
            )
            async with asyncio.timeout(CLAIM_S):
                message = await waiting
        finally:
            del self._waiting[number]
        if not message.data and (message.headers or {}).get("Status") == NO_RESPONDERS:
            raise NoStream("no stream takes claims")
        answer: dict[str, Any] = orjson.loads(message.data)
        if error := answer.get("error"):
            if error.get("err_code") == WRONG_LAST_SEQUENCE:
                return None
            raise_error(error)
        return int(answer["seq"])

    async def _newest(self, id_: UUID) -> Claim | None:
        """Return the claim that is there."""
        body = {"last_by_subj": claim_subject(self._realm, id_.hex)}
        try:
            found = await js_request(self._nc, f"STREAM.MSG.GET.{self._stream}", body, timeout_s=CLAIM_S)
        except Missing:
            return None
        owner = b64decode(found["message"]["data"]).hex()
        return Claim(id_, owner, ours=owner == self.process, revision=int(found["message"]["seq"]))

    async def ensure(self) -> None:
        """Make the stream if it is missing, and note all that is ours as unclaimed if it is another one."""
        try:
            made = await self._made_when()
        except Missing:
            try:
                await js_request(self._nc, f"STREAM.CREATE.{self._stream}", self._config())
            except JetStreamError as error:
                if "already in use" not in error.description:
                    raise
            made = await self._made_when()
        if made != self._made:
            self._made, self._unclaimed = made, dict(self._ours)

    async def _made_when(self) -> str:
        return str((await js_request(self._nc, f"STREAM.INFO.{self._stream}"))["created"])

    def _config(self) -> dict[str, Any]:
        return {
            "name": self._stream,
            "description": f"which process of realm {self._realm} answers a command id",
            "subjects": [claim_subject(self._realm, ">")],
            "retention": "limits",
            "storage": "file",
            "discard": "old",
            "max_age": CLAIM_AGE_S * SECOND_NS,
            "max_msgs": CLAIMS_MAX,
            "max_msgs_per_subject": 1,
            # The time in ms, as our ids tell it: revisions of a lost stream are none of its successor.
            "first_seq": self._new_id().int >> 80,
        }

    async def begin(self) -> None:
        """See that the stream is there; where JetStream is away, begin as when it goes later."""
        try:
            await self.ensure()
        except AWAY as error:
            self._lost(error)

    def _lost(self, error: Exception) -> None:
        """Go on alone until `mend` finds JetStream again."""
        self._away = True
        self._news.set()
        logger.warning("claims_away", error=repr(error))

    async def mend(self) -> None:
        """Watch the stream, and claim what is ours and not in it, the newest first; for ever."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(WATCH_S):
                    await self._news.wait()
            self._news.clear()
            try:
                await self.ensure()
                if self._away:
                    self._away = False
                    logger.info("claims_back", unclaimed=len(self._unclaimed))
                while self._unclaimed:
                    id_, _ = self._unclaimed.popitem()
                    self._unclaimed[id_] = None
                    await self._agreed(id_, 0)
                    self._unclaimed.pop(id_, None)
            except AWAY as error:
                if not self._away:
                    self._lost(error)
                await asyncio.sleep(MEND_S)
                self._news.set()

    # --- what comes in ----------------------------------------------------------------------------------

    async def stored(self, message: Msg) -> None:
        """Take JetStream's reply to a claim."""
        waiting = self._waiting.get(message.subject.rpartition(".")[2])
        if waiting and not waiting.done():
            waiting.set_result(message)

    async def asked(self, message: Msg) -> None:
        """Start answering another process."""
        self._group.create_task(self._reply(message))

    async def _reply(self, message: Msg) -> None:
        assert self._answer is not None
        await reply_to_peer(self._nc, message, self._answer, self._new_id)


@asynccontextmanager
async def open_claims(nc: Client, realm: str, new_id: Callable[[], UUID]) -> AsyncIterator[NatsClaims]:
    """Yield the claims of a process while the context is open. On leaving nothing more is answered.

    ``new_id`` gives the process its name, another one after each start.
    """
    async with asyncio.TaskGroup() as group:
        claims = NatsClaims(nc, realm, new_id, group)
        subscriptions = [
            await nc.subscribe(f"{claims.inbox}.*", cb=claims.stored),
            await nc.subscribe(peer_subject(realm, claims.process), cb=claims.asked),
        ]
        await claims.begin()
        mending = group.create_task(claims.mend())
        try:
            yield claims
        finally:
            mending.cancel()
            if not nc.is_closed and not nc.is_draining:  # away, too: it would come back with them
                for subscription in subscriptions:
                    await subscription.unsubscribe()
