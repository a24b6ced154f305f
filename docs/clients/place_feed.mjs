// A reader of the place feed: joins without a gap, finds holes, goes on after them. SPEC.md, "Place feed".
//
// Needs @msgpack/msgpack, and a connection of @nats-io whose inbox prefix is its identity's:
//
//   const feed = new PlaceFeed(nc, "demo", "service-market");
//   await feed.join("ropewalk_quay");
//   feed.room("ropewalk_quay").present;      // who is there: Map { "ann" => ["player", 25200000] }
//
// `Room` is the protocol without a connection: what comes in, what is shown, what is to be asked.
import { decode, encode } from "@msgpack/msgpack";

const KEPT_MAX = 1000; // frames kept while an answer is awaited; should more come, the whole state is asked for
const KINDS = { 1: "player", 2: "person" }, WORDS = [null, "in", "out", "way", "off", "shut", "open", "cells"];
const AGAIN_MS = [50, 100, 200, 500, 1000, 2000, 5000];

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

// CRC-32 of a text's UTF-8, as in zlib.
export function crc32(text) {
  let found = 0xffffffff;
  for (const byte of new TextEncoder().encode(text)) found = TABLE[(found ^ byte) & 0xff] ^ (found >>> 8);
  return (found ^ 0xffffffff) >>> 0;
}

// What is said of somebody, with moments: kind, since; or kind, from, start, to, here, end.
const said = ([kind, ...more]) => [KINDS[kind] ?? kind, ...more.slice(0, 3), ...more.slice(3).map((span) => more[1] + span)];

// One cell of a place. `wants` says what to ask: null for nothing, or the parameters of places.snapshot.
export class Room {
  epoch = 0; fold = 0; seq = 0;
  joined = false;
  present = new Map();
  ways = new Map();
  shut = new Set();
  cells = 1;
  kept = [];
  wants = {};
  applied = 0; dropped = 0; holes = 0;

  // Take a frame in; returns the changes that took effect: [[position, op, …], …].
  hear(data) {
    const [form, epoch, fold, seq, ...changes] = decode(data);
    if (form !== 2 || epoch < this.epoch) return []; // of another form, or of a feeder that leads no more
    this.epoch = epoch;
    if (this.joined && fold !== this.fold) {
      this.joined = false;
      [this.wants, this.kept] = [{}, []];
    }
    this.kept.push({ fold, seq, changes });
    if (this.kept.length > KEPT_MAX) this.kept.shift(); // an answer is overdue: what comes then must be whole
    return this.joined ? this.#goOn() : [];
  }

  // Take the answer to what was wanted in; returns the changes that took effect.
  answer(result) {
    let done = [];
    if (result.changes) done = this.joined ? this.#apply(result.seq, result.changes) : [];
    else if (!this.joined || result.fold !== this.fold || result.seq >= this.seq) {
      this.joined = true;
      this.fold = result.fold;
      this.seq = result.seq;
      this.present = new Map(result.present.map(([who, ...more]) => [who, said(more)]));
      this.ways = new Map(result.ways.map(([who, ...more]) => [who, said(more)]));
      this.shut = new Set(result.shut);
      this.cells = result.cells;
    }
    this.wants = this.joined ? null : {};
    return this.joined ? [...done, ...this.#goOn()] : done;
  }

  // Apply what is kept, as far as there is no hole.
  #goOn() {
    const done = [];
    while (this.kept.length) {
      const frame = this.kept[0];
      if (frame.fold !== this.fold) {
        this.joined = false;
        this.wants = {};
        return done;
      }
      if (frame.seq - frame.changes.length > this.seq) {
        if (this.wants === null) this.holes++;
        this.wants = { since: this.seq, fold: this.fold };
        return done;
      }
      done.push(...this.#apply(frame.seq, frame.changes));
      this.kept.shift();
    }
    this.wants = null;
    return done;
  }

  // Apply those changes that are new; the last one has the number `seq`.
  #apply(seq, changes) {
    const fresh = changes.slice(Math.max(0, changes.length - Math.max(0, seq - this.seq)));
    this.dropped += changes.length - fresh.length;
    if (seq - fresh.length > this.seq) return []; // they begin beyond a hole
    for (const [, ...ops] of fresh) {
      for (const [number, ...values] of ops) this.#op(WORDS[number], values);
      [this.seq, this.applied] = [this.seq + 1, this.applied + 1];
    }
    return fresh;
  }

  #op(word, [about, ...more]) {
    if (word === "in" || word === "off") this.ways.delete(about);
    if (word === "way" || word === "out") this.present.delete(about);
    if (word === "in") this.present.set(about, said(more));
    else if (word === "way") this.ways.set(about, said(more));
    else if (word === "shut") this.shut.add(about);
    else if (word === "open") this.shut.delete(about);
    else if (word === "cells") this.cells = about;
  }

  // What is shown, in words and moments, in the order of ids (of their code points).
  state() {
    const rows = (map) => [...map].map(([who, more]) => [who, ...more]).sort(([one], [other]) => (one < other ? -1 : 1));
    return { present: rows(this.present), ways: rows(this.ways), shut: [...this.shut].sort() };
  }
}

// Follows places over a connection. `onChange(place, changes)` is called once a frame is applied.
export class PlaceFeed {
  #nc; #realm; #identity; #onChange;
  #turn = Promise.resolve();
  #subscriptions = new Map();
  #asking = new Map();
  rooms = new Map();
  subjects = new Map();
  beside = new Map();

  constructor(nc, realm, identity, onChange = () => {}) {
    this.#nc = nc;
    this.#realm = realm;
    this.#identity = identity;
    this.#onChange = onChange;
  }

  room(place, cell = 0) {
    const key = `${place}.${cell}`;
    if (!this.rooms.has(key)) this.rooms.set(key, new Room());
    return this.rooms.get(key);
  }

  // The cell that shows somebody.
  cellOf(place, who) {
    return crc32(who) % this.room(place).cells;
  }

  // Ask places.snapshot; throws on an error reply, with `never` if it will not be another one later.
  async ask(place, more = {}) {
    const subject = `${this.#realm}.qry.places.snapshot.${this.#identity}`;
    const body = encode({ v: 1, query: { place, form: 2, ...more } });
    const reply = decode((await this.#nc.request(subject, body, { timeout: 5000 })).data);
    if (reply.error) throw Object.assign(new Error(`${reply.error.code}: ${reply.error.message}`), { never: reply.error.retry === "never" });
    const { result } = reply;
    this.subjects.set(place, result.subject);
    const beside = Object.entries(result.beside).flatMap(([area, some]) => some.map((other) => [other, `${area}.${other}`]));
    for (const [other, its] of beside) this.subjects.set(other, its);
    this.beside.set(place, beside.map(([other]) => other));
    return result;
  }

  // Follow a place from now on; resolves when its first cell is known.
  async join(place) {
    // For the subject; the state is asked for once frames are heard.
    for (let tries = 0; !this.subjects.has(place) && !this.#nc.isClosed(); tries++) await this.#try(place, tries);
    if (this.#subscriptions.has(place)) return;
    const callback = (_, message) => {
      if (!this.#subscriptions.has(place)) return;
      const cell = Number(message.subject.slice(message.subject.lastIndexOf(".") + 1));
      this.#changed(place, cell, this.room(place, cell).hear(message.data));
    };
    this.#subscriptions.set(place, this.#nc.subscribe(`${this.#realm}.${this.subjects.get(place)}.*`, { callback }));
    await this.#nc.flush();
    await this.#askSoon(place, 0);
  }

  followed = () => [...this.#subscriptions.keys()];

  // Follow it no more, and forget it.
  leave(place) {
    this.#subscriptions.get(place)?.unsubscribe();
    this.#subscriptions.delete(place);
    for (const key of [...this.rooms.keys()]) if (key.startsWith(`${place}.`)) this.rooms.delete(key);
  }

  #changed(place, cell, changes) {
    if (changes.length) this.#onChange(place, changes);
    const { cells } = this.room(place, cell);
    for (const number of new Set([cell, ...Array(cells).keys()]))
      if (this.room(place, number).wants !== null) void this.#askSoon(place, number);
  }

  #askSoon(place, cell) {
    const key = `${place}.${cell}`;
    if (!this.#asking.has(key)) {
      const asked = this.#catchUp(place, cell).finally(() => {
        this.#asking.delete(key);
        if (this.#subscriptions.has(place) && this.room(place, cell).wants) void this.#askSoon(place, cell); // a hole, just now
      });
      this.#asking.set(key, asked);
    }
    return this.#asking.get(key);
  }

  // Ask until nothing is wanted; what answers may know less than what sends frames, for a moment.
  async #catchUp(place, cell) {
    const room = this.room(place, cell);
    for (let tries = 0; room.wants !== null && this.#subscriptions.has(place); tries++) {
      const result = await this.#try(place, tries, { cell, ...room.wants }).catch(() => null);
      if (this.#nc.isClosed() || this.rooms.get(`${place}.${cell}`) !== room) return; // it was left, and may be followed anew
      if (result) this.#changed(place, cell, room.answer(result));
    }
  }

  // Ask, one question at a time, and not all at the same moments: when NATS comes back, everybody asks.
  async #try(place, tries, more) {
    const pause = tries && AGAIN_MS[Math.min(tries, AGAIN_MS.length) - 1] * (1 + Math.random());
    await new Promise((resolve) => setTimeout(resolve, pause));
    const asked = this.#turn.then(() => this.ask(place, more));
    this.#turn = asked.catch(() => {});
    return asked.catch((error) => { if (error.never) throw error; });
  }
}

// Follows the place that one is in and its neighbours; leaves others after a while, so that a step back costs nothing.
export class Interest {
  #until = new Map();

  constructor(feed, leaveAfterMs = 10_000) {
    this.feed = feed;
    this.leaveAfterMs = leaveAfterMs;
  }

  // Be in a place from now on; call it every second or so, also without moving.
  async standIn(place) {
    await this.feed.join(place);
    const wanted = new Set([place, ...this.feed.beside.get(place)]);
    for (const one of wanted) this.#until.delete(one);
    await Promise.all([...wanted].map((one) => this.feed.join(one)));
    for (const other of this.feed.followed().filter((one) => !wanted.has(one))) {
      if (!this.#until.has(other)) this.#until.set(other, Date.now() + this.leaveAfterMs);
      if (Date.now() >= this.#until.get(other)) this.feed.leave(other);
    }
  }
}
