"""A pull loop on one durable consumer that never asks for more than it may hold and never stalls silently.

nats-py's fetch makes a task per message and forgets its request when the server restarts. Here messages
arrive by callback; requests name exactly the free places; server heartbeats prove that a request is alive.
After anything that may have cost a message (reconnect, missed heartbeat, deleted consumer, rebuilt stream)
the consumer is set anew at this feed's own floor, so everything unfinished comes again in order; what was
finished in this feed's life is recognised by its sequence and only acknowledged again.

One process per durable name: a second one would take the consumer over at each of its attachments.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from bus.nats.api import JetStreamError, JetStreamUnavailable, Missing, js_request
from bus.nats.connection import reconnects
from bus.nats.topology import SECOND_NS, StreamState, describe
from bus.retry import until_done

PULL_EXPIRES_S = 20.0
HEARTBEAT_S = 1.0
SILENCE_MAX_S = 3.0
"""Heartbeats missed for this long: the request is taken for lost."""

TICK_S = 0.25
"""How often the loop looks for a reconnect, silence and messages that need an in-progress signal."""

BEHIND_PATIENCE_S = 10.0
"""So long is waited for the relay, which fills a stream that was emptied."""

ATTACH_RETRY_S = 0.2
"""Pause while the stream is missing, rebuilt or the server away."""


logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FeedConfig:
    """Options of a feed. ``in_flight_max`` bounds messages asked for plus held and unfinished."""

    stream: str
    durable: str
    subjects: tuple[str, ...]
    in_flight_max: int = 256
    ack_wait_s: float = 30.0
    restarts: bool = False
    """The stream may begin again at 1 (dead letters); otherwise we wait until it is past our floor again."""


class BehindCache(Exception):
    """The stream no longer has the events after our floor."""


class Item:
    """One message on its way; ``sequence`` is its place in the stream (the log's position in `EVT_`)."""

    __slots__ = (
        "data",
        "deliveries",
        "feed",
        "headers",
        "progress_at",
        "reply",
        "sequence",
        "subject",
        "taken_at",
    )

    def __init__(self, feed: "Feed", subject: str, data: bytes, sequence: int) -> None:
        self.feed = feed
        self.subject = subject
        self.data = data
        self.sequence = sequence
        self.headers: dict[str, str] | None = None
        self.reply = ""
        """Where to acknowledge; "" for what is another stream's by now."""
        self.deliveries = 1
        """How often the server has handed it out, this time counted."""
        self.taken_at = self.progress_at = 0.0


class Feed:
    """Delivers items to ``deliver`` (which must not block) until cancelled; `done` frees an item's place."""

    def __init__(
        self,
        nc: Client,
        config: FeedConfig,
        deliver: Callable[[Item], None],
        *,
        first_floor: Callable[[], Awaitable[int]],
    ) -> None:
        """Prepare; nothing is asked for before `run`. ``first_floor``: where a new consumer begins."""
        self._nc = nc
        self._config = config
        self._deliver = deliver
        self._first_floor = first_floor
        self._held: dict[int, Item] = {}
        self._seen: int | None = None
        self._made = ""
        self._jumped: int | None = None
        """The lowest place after which messages were left out since the stream was looked at last."""
        self._jumped_at = 0.0
        self._behind_since: float | None = None
        self._suspects = False
        """Whether we went back only because messages seemed to have vanished."""
        self._asked = 0
        self._wake = asyncio.Event()
        self._lost = ""
        self._heard_at = 0.0
        self._inbox = ""
        self._clock = asyncio.get_running_loop().time
        self._low_water = max(1, config.in_flight_max // 2)
        self._next = f"$JS.API.CONSUMER.MSG.NEXT.{config.stream}.{config.durable}"
        self._log = logger.bind(stream=config.stream, consumer=config.durable)
        self.attached = asyncio.Event()
        """Set once the consumer exists and is pulled from."""

    @property
    def floor(self) -> int | None:
        """The sequence up to which everything is finished; None before the first attachment."""
        if self._held:
            return min(self._held) - 1
        return self._seen

    @property
    def held(self) -> int:
        """Messages delivered and unfinished."""
        return len(self._held)

    async def run(self) -> None:
        """Attach and pull for ever; re-attach after whatever may have lost a message."""
        while True:
            subscription = await self._attach_until_done()
            try:
                await self._pull_while_healthy()
            finally:
                self._inbox = ""
                await _unsubscribe(subscription)
            self._log.info("consumer_reattaches", reason=self._lost, floor=self.floor)

    async def done(self, item: Item) -> None:
        """Acknowledge a finished item and free its place. A lost acknowledgement is made up for later."""
        if self._held.get(item.sequence) is item:
            del self._held[item.sequence]
        if item.reply:
            try:
                await self._nc.publish(item.reply)
            except NatsError as error:
                self._lost = f"acknowledgement failed: {type(error).__name__}"
        if self._config.in_flight_max - len(self._held) - self._asked >= self._low_water:
            self._wake.set()

    async def in_progress(self, item: Item) -> None:
        """Tell the server that the item is being worked on, which restarts its acknowledgement time."""
        item.progress_at = self._clock()
        if not item.reply:
            return
        try:
            await self._nc.publish(item.reply, b"+WPI")
        except NatsError as error:
            self._lost = f"in-progress failed: {type(error).__name__}"

    # --- attachment -------------------------------------------------------------------------------

    async def _attach_until_done(self) -> Subscription:
        def failed(error: Exception, _: float) -> None:
            self._log.debug("consumer_waits", reason=str(error))

        away = (JetStreamUnavailable, JetStreamError, NatsError, OSError)
        subscription = await until_done(self._attach, on=away, pause=ATTACH_RETRY_S, failed=failed)
        self._behind_since, self._suspects = None, False
        self.attached.set()
        return subscription

    async def _attach(self) -> Subscription:
        self._lost = ""
        self._epoch = reconnects(self._nc)
        self._asked = 0  # of a request that was given up: nothing of it comes any more
        await self._place_consumer()
        self._heard_at = self._clock()
        self._inbox = self._nc.new_inbox()
        return await self._nc.subscribe(self._inbox, cb=self._on_message)

    async def _place_consumer(self) -> None:
        """Make the server's consumer stand exactly at our floor, with nothing half-delivered."""
        config = self._config
        name = f"{config.stream}.{config.durable}"
        state = await describe(self._nc, config.stream)
        info: dict[str, Any] | None = None
        with suppress(Missing):
            info = await js_request(self._nc, f"CONSUMER.INFO.{name}")
        floor = await self._floor_for(info, state)
        if info and self._stands_at(info, floor):
            return
        if info:
            await js_request(self._nc, f"CONSUMER.DELETE.{name}")
        if floor > state.last:
            raise JetStreamUnavailable(
                f"the stream ends at {state.last}, before our floor {floor}: being rebuilt"
            )
        if floor + 1 < state.first and not self._config.restarts:
            floor = self._behind(floor, state.first - 1)
        await js_request(
            self._nc,
            f"CONSUMER.DURABLE.CREATE.{name}",
            {"stream_name": config.stream, "config": consumer_config(config, floor)},
        )

    async def _floor_for(self, info: dict[str, Any] | None, state: StreamState) -> int:
        if self._seen is None:
            self._seen = _acked(info) if info else await self._first_floor()
        if self._config.restarts and self._seen > state.last:
            self._held.clear()
            self._seen = 0
        if self._made not in ("", state.made) and state.agreed is not None and self._seen > state.agreed:
            self._go_back(state.agreed)
        if self._jumped is not None and (state.made != self._made or self._vanished(state, self._jumped)):
            self._go_back(self._jumped)
            self._suspects = True
        self._jumped, self._made = None, state.made
        return min(self._held) - 1 if self._held else self._seen

    def _go_back(self, agreed: int) -> None:
        """Forget what came after ``agreed``: another stream now has other events at those places."""
        self._log.warning("consumer_goes_back", floor=self._seen, agreed=agreed)
        self._seen = agreed
        for place in [place for place in self._held if place > agreed]:
            self._held.pop(place).reply = ""  # it must not acknowledge what comes at its place

    def _behind(self, after: int, upto: int) -> int:
        """Wait for the relay, which fills a stream that was emptied; return where to go on if it does not.

        Raises:
            BehindCache: limits of the stream let events go that we had not seen.
        """
        now = self._clock()
        self._behind_since = self._behind_since or now
        if now - self._behind_since < BEHIND_PATIENCE_S:
            raise JetStreamUnavailable(f"the stream begins at {upto + 1}, we stand at {after}")
        if self._suspects:  # nobody filled it again: it was a limit, which lets go unseen
            self._log.warning("consumer_goes_on", after=after, upto=upto)
            self._seen = upto
            return upto
        raise BehindCache(
            f"consumer {self._config.durable} stands at {after}, the stream begins at {upto + 1}; "
            "enlarge the cache"
        )

    def _stands_at(self, info: dict[str, Any], floor: int) -> bool:
        """Return whether the server's consumer can be used as it is: same settings, nothing unfinished."""
        settings, wanted = info["config"], consumer_config(self._config, floor)
        filters = settings.get("filter_subjects") or [settings.get("filter_subject", "")]
        return (
            all(settings.get(key) == wanted[key] for key in ("ack_wait", "max_ack_pending", "ack_policy"))
            and sorted(filters) == sorted(self._config.subjects)
            and not info.get("num_ack_pending")
            and not self._held
            and int(info["delivered"]["stream_seq"]) <= floor
            and _acked(info) == floor
        )

    # --- pulling ----------------------------------------------------------------------------------

    async def _pull_while_healthy(self) -> None:
        while not self._lost:
            await self._ask()
            if self._jumped is not None and self._clock() - self._jumped_at > TICK_S:
                await self._explain_jump()
            self._wake.clear()
            try:
                async with asyncio.timeout(TICK_S):
                    await self._wake.wait()
            except TimeoutError:
                await self._look_around()

    async def _ask(self) -> None:
        free = self._config.in_flight_max - len(self._held) - self._asked
        if free < self._low_water and (self._asked or free <= 0):
            return
        await self._pull(free)

    async def _pull(self, number: int) -> None:
        """Ask the server for so many messages."""
        request = {
            "batch": number,
            "expires": int(PULL_EXPIRES_S * SECOND_NS),
            "idle_heartbeat": int(HEARTBEAT_S * SECOND_NS),
        }
        try:
            await self._nc.publish(self._next, orjson.dumps(request), reply=self._inbox)
        except NatsError as error:
            self._lost = f"pull failed: {type(error).__name__}"
            return
        self._asked += number

    @staticmethod
    def _vanished(state: StreamState, after: int) -> bool:
        """Return whether messages after a place are gone that no limit of the stream explains."""
        return state.first > after + 1 and not state.trimmed

    async def _explain_jump(self) -> None:
        """Find out whether messages were left out because others want them, or because they are gone.

        The server lets a consumer go on after what was purged, or let go, as if it had been seen.
        """
        jumped = self._jumped
        try:
            state = await describe(self._nc, self._config.stream)
        except (JetStreamUnavailable, JetStreamError, NatsError, OSError):
            return  # asked again; a stream that is gone ends the request, too
        if jumped is None or self._lost:
            return
        if state.made != self._made or self._vanished(state, jumped):
            self._lost = f"messages after {jumped} vanished"
        else:
            self._jumped = None

    async def _look_around(self) -> None:
        now = self._clock()
        if reconnects(self._nc) != self._epoch:
            self._lost = "reconnected"
        elif self._asked and now - self._heard_at > SILENCE_MAX_S and self._nc.is_connected:
            self._lost = "no heartbeat"
        if self._held:
            limit = now - self._config.ack_wait_s / 3
            for item in [i for i in self._held.values() if i.progress_at < limit]:
                await self.in_progress(item)

    async def _on_message(self, msg: Msg) -> None:
        self._heard_at = now = self._clock()
        reply = msg.reply
        if not reply.startswith("$JS.ACK."):
            self._on_status(msg)
            return
        if not self._inbox:
            return  # of a request that was given up; comes again
        self._asked -= 1
        tokens = reply.split(".")
        deliveries, sequence = (tokens[4], tokens[5]) if len(tokens) == 9 else (tokens[6], tokens[7])
        number = int(sequence)
        held = self._held.get(number)
        if held is not None:
            held.reply = reply
            return
        if self._finished(number):
            await self._nc.publish(reply)  # finished in our life; the acknowledgement was lost
            return
        self._note_jump(number, now)
        item = Item(self, msg.subject, msg.data, number)
        item.headers, item.reply = msg.headers, reply
        item.deliveries = int(deliveries)
        item.taken_at = item.progress_at = now
        self._accept(item)
        if self._asked <= 0:
            self._wake.set()

    def _finished(self, number: int) -> bool:
        """Return whether a message that is not held was finished before."""
        return self._seen is not None and number <= self._seen

    def _note_jump(self, number: int, now: float) -> None:
        """Note that messages before this one did not come."""
        ahead = self._seen is not None and number > self._seen + 1
        if ahead and self._jumped is None and not self._config.restarts:
            self._jumped, self._jumped_at = self._seen, now

    def _accept(self, item: Item) -> None:
        self._seen = item.sequence
        self._held[item.sequence] = item
        self._deliver(item)

    def _on_status(self, msg: Msg) -> None:
        headers = msg.headers or {}
        status = headers.get("Status", "")
        if status == "100":
            return
        if status in {"404", "408"} or (status == "409" and "Max" in headers.get("Description", "")):
            self._asked = max(0, self._asked - int(headers.get("Nats-Pending-Messages", self._asked)))
            self._wake.set()
            return
        self._lost = f"{status} {headers.get('Description', '')}".strip()
        self._wake.set()


def consumer_config(config: FeedConfig, floor: int) -> dict[str, Any]:
    """Return the durable consumer's configuration that continues after sequence ``floor``."""
    subjects = list(config.subjects)
    return {
        "durable_name": config.durable,
        "deliver_policy": "by_start_sequence",
        "opt_start_seq": floor + 1,
        "ack_policy": "explicit",
        "ack_wait": int(config.ack_wait_s * SECOND_NS),
        "max_deliver": -1,
        "max_ack_pending": config.in_flight_max,
        "replay_policy": "instant",
        **({"filter_subject": subjects[0]} if len(subjects) == 1 else {"filter_subjects": subjects}),
    }


def _acked(info: dict[str, Any]) -> int:
    """Return the sequence up to which a consumer has everything acknowledged."""
    return max(int(info["ack_floor"]["stream_seq"]), int(info["config"].get("opt_start_seq", 1)) - 1)


async def _unsubscribe(subscription: Subscription) -> None:
    try:
        await subscription.unsubscribe()
    except NatsError:
        return  # the connection is closed, and the subscription with it
