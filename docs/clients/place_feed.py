"""A reader of the place feed: joins without a gap, finds holes, goes on after them. SPEC.md, "Place feed".

Needs nats-py and msgpack, and a connection whose inbox prefix is its identity's:

    feed = PlaceFeed(nc, "demo", "service-market")
    interest = Interest(feed)
    await interest.stand_in("ropewalk_quay")      # this place and its neighbours, from now on
    feed.room("ropewalk_quay").present            # who is there: {"ann": ["player", 25200000]}

`Room` is the protocol without a connection: what comes in, what is shown, what is to be asked.
"""

import asyncio
from collections import deque
from itertools import count
from random import random
from zlib import crc32

import msgpack

KEPT_MAX = 1_000
"""Frames kept while an answer is awaited; should more come, the whole state is asked for."""

AGAIN_S, ASKING_MAX = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0), 2
KINDS = {1: "player", 2: "person"}
WORDS = {1: "in", 2: "out", 3: "way", 4: "off", 5: "shut", 6: "open", 7: "cells"}


def said(kind, *more):
    """What is said of somebody, with moments: kind, since; or kind, from, start, to, here, end."""
    return [KINDS.get(kind, kind), *more[:3], *(more[1] + span for span in more[3:])]


class Room:
    """One cell of a place. ``wants`` says what to ask: None, or the parameters of `places.snapshot`."""

    def __init__(self):
        self.epoch = self.fold = self.seq = 0
        self.joined = False
        self.present, self.ways, self.shut, self.cells = {}, {}, set(), 1
        self.kept, self.wants = deque(maxlen=KEPT_MAX), {}
        self.applied = self.dropped = self.holes = 0

    def hear(self, data):
        """Take a frame in; returns the changes that took effect: [[position, op, …], …]."""
        frame = msgpack.unpackb(data)
        if frame[0] != 2 or frame[1] < self.epoch:
            return []  # of another form, or of a feeder that leads no more
        _, self.epoch, fold, seq, *changes = frame
        if self.joined and fold != self.fold:
            self.joined, self.wants = False, {}
            self.kept.clear()
        self.kept.append((fold, seq, changes))
        return self._go_on() if self.joined else []

    def answer(self, result):
        """Take the answer to what was wanted in; returns the changes that took effect."""
        done = []
        if "changes" in result:
            done = self._apply(result["seq"], result["changes"]) if self.joined else []
        elif not self.joined or result["fold"] != self.fold or result["seq"] >= self.seq:
            self.joined, self.fold, self.seq = True, result["fold"], result["seq"]
            self.present = {who: said(*more) for who, *more in result["present"]}
            self.ways = {who: said(*more) for who, *more in result["ways"]}
            self.shut, self.cells = set(result["shut"]), result["cells"]
        self.wants = None if self.joined else {}
        return done + (self._go_on() if self.joined else [])

    def _go_on(self):
        """Apply what is kept, as far as there is no hole."""
        done = []
        while self.kept:
            fold, seq, changes = self.kept[0]
            if fold != self.fold:
                self.joined, self.wants = False, {}
                return done
            if seq - len(changes) > self.seq:
                self.holes += self.wants is None
                self.wants = {"since": self.seq, "fold": self.fold}
                return done
            done += self._apply(seq, changes)
            self.kept.popleft()
        self.wants = None
        return done

    def _apply(self, seq, changes):
        """Apply those changes that are new; the last one has the number ``seq``."""
        new = changes[max(0, len(changes) - max(0, seq - self.seq)) :]
        self.dropped += len(changes) - len(new)
        if seq - len(new) > self.seq:
            return []  # they begin beyond a hole
        for _position, *ops in new:
            for number, *values in ops:
                self._op(WORDS.get(number), *values)
            self.seq, self.applied = self.seq + 1, self.applied + 1
        return new

    def _op(self, word, what, *more):
        if word in ("in", "off"):
            self.ways.pop(what, None)
        if word in ("way", "out"):
            self.present.pop(what, None)
        if word in ("in", "way"):
            (self.present if word == "in" else self.ways)[what] = said(*more)
        elif word in ("shut", "open"):
            (self.shut.add if word == "shut" else self.shut.discard)(what)
        elif word == "cells":
            self.cells = what

    def state(self):
        """What is shown, in words and moments, in the order of ids."""
        return {
            "present": [[who, *self.present[who]] for who in sorted(self.present)],
            "ways": [[who, *self.ways[who]] for who in sorted(self.ways)],
            "shut": sorted(self.shut),
        }


class PlaceFeed:
    """Follows places over a connection. ``on_change(place, changes)`` is called once a frame is applied."""

    def __init__(self, nc, realm, identity, on_change=None):
        self._nc, self._realm, self._identity = nc, realm, identity
        self._on_change = on_change or (lambda place, changes: None)
        self._subscriptions, self._asking, self._turns = {}, {}, asyncio.Semaphore(ASKING_MAX)
        self.rooms, self.subjects, self.beside = {}, {}, {}
        self.bytes = 0

    def room(self, place, cell=0):
        return self.rooms.setdefault((place, cell), Room())

    def cell_of(self, place, who):
        """The cell that shows somebody."""
        return crc32(who.encode()) % self.room(place).cells

    async def ask(self, place, **more):
        """Ask `places.snapshot`; raises ConnectionError on a refusal for now, LookupError on another."""
        subject = f"{self._realm}.qry.places.snapshot.{self._identity}"
        body = msgpack.packb({"v": 1, "query": {"place": place, "form": 2, **more}})
        reply = msgpack.unpackb((await self._nc.request(subject, body, timeout=5)).data)
        if error := reply.get("error"):
            kind = LookupError if error["retry"] == "never" else ConnectionError
            raise kind(f"{error['code']}: {error['message']}")
        result = reply["result"]
        beside = {other: f"{area}.{other}" for area, some in result["beside"].items() for other in some}
        self.subjects |= {**beside, place: result["subject"]}
        self.beside[place] = [*beside]
        return result

    async def join(self, place):
        """Follow a place from now on; returns when its first cell is known."""
        tries = count()
        while place not in self.subjects:  # the state is asked for once frames are heard
            await self._try(place, next(tries))
        if place in self._subscriptions:
            return
        subject, mine = f"{self._realm}.{self.subjects[place]}.*", None

        async def hear(message):
            cell = int(message.subject.rpartition(".")[2])
            self.bytes += len(message.data)
            if self._subscriptions.get(place) is mine:  # else it was left, and may be followed anew
                self._changed(place, cell, self.room(place, cell).hear(message.data))

        self._subscriptions[place] = mine = await self._nc.subscribe(subject, cb=hear)
        await self._nc.flush()
        self._ask_soon((place, 0))
        await asyncio.wait({self._asking[place, 0]})

    async def leave(self, place):
        """Follow it no more, and forget it."""
        for key in [key for key in self.rooms if key[0] == place]:
            if task := self._asking.pop(key, None):
                task.cancel()
            del self.rooms[key]
        if subscription := self._subscriptions.pop(place, None):
            await subscription.unsubscribe()

    def _changed(self, place, cell, changes):
        if changes:
            self._on_change(place, changes)
        for number in {*range(self.room(place, cell).cells), cell}:
            if self.room(place, number).wants is not None:
                self._ask_soon((place, number))

    def _ask_soon(self, key):
        if key not in self._asking:
            self._asking[key] = task = asyncio.create_task(self._catch_up(*key))
            task.add_done_callback(lambda task: self._asked(key, task))

    def _asked(self, key, task):
        if self._asking.get(key) is task:
            del self._asking[key]
            refused = not task.cancelled() and task.exception()
            if key in self.rooms and self.rooms[key].wants is not None and not refused:  # a hole, just now
                self._ask_soon(key)

    async def _catch_up(self, place, cell):
        """Ask until nothing is wanted; what answers may know less than what sends frames, for a moment."""
        room, tries = self.room(place, cell), count()
        while room.wants is not None:
            result = await self._try(place, next(tries), cell=cell, **room.wants)
            if self.rooms.get((place, cell)) is not room:
                return  # it was left; a cancellation may be lost in asyncio.wait_for
            if result:
                self._changed(place, cell, room.answer(result))

    async def _try(self, place, tries, **more):
        """Ask, a few at a time, and not all at the same moments: when NATS comes back, everybody asks."""
        await asyncio.sleep(AGAIN_S[min(tries, len(AGAIN_S)) - 1] * (1 + random()) if tries else 0)
        try:
            async with self._turns:
                return await self.ask(place, **more)
        except Exception as error:  # of nats-py: no responders; of uvloop, a RuntimeError: connection lost
            if not (isinstance(error, OSError | RuntimeError) or type(error).__module__.startswith("nats.")):
                raise


class Interest:
    """Follows the place that one is in, and its neighbours; leaves others after a while, so that a step back
    costs nothing. Over ``bytes_per_s`` the neighbours are left until there is room again."""

    def __init__(self, feed, leave_after_s=10.0, bytes_per_s=256 * 1024):
        self._feed, self._leave_after_s, self._cap = feed, leave_after_s, bytes_per_s
        self._until, self._here, self._seen, self._sparing_until = {}, None, (0.0, 0), 0.0

    async def stand_in(self, place):
        """Be in a place from now on."""
        self._here = place
        await self._feed.join(place)
        await self.tick()

    async def tick(self):
        """Join and leave what is due; call it every second or so."""
        now = asyncio.get_running_loop().time()
        since, before = self._seen
        if self._feed.bytes - before > self._cap * max(1.0, now - since):
            self._sparing_until = now + self._leave_after_s
        if now - since >= 1.0:
            self._seen = now, self._feed.bytes
        sparing = now < self._sparing_until
        wanted = {self._here} | (set() if sparing else set(self._feed.beside.get(self._here, ())))
        for place in wanted:
            self._until.pop(place, None)
            await self._feed.join(place)
        for place in set(self._feed._subscriptions) - wanted:
            if sparing or now >= self._until.setdefault(place, now + self._leave_after_s):
                self._until.pop(place, None)
                await self._feed.leave(place)
