// Clients of the room in server.mjs, a share of the trace's walkers. Arguments: port, trace file, number, of how many.
// Lines in: "go MS" (start of the trace), "end". Lines out: "ready", what was measured, what each client sees.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Client } from "colyseus.js";

const [port, file, number, all] = process.argv.slice(2);
const trace = JSON.parse(readFileSync(file));
const mine = trace.walkers.filter((_, n) => n % Number(all) === Number(number));
const PATIENCE_MS = 20_000, JOINING_MAX = 20, AGAIN_MS = 200;
const sleep = (ms) => new Promise((done) => setTimeout(done, Math.max(0, ms)));

let measuring = false, lost = 0;
const late = [], joins = [];

class Walker {
  constructor({ id, place, ops }) {
    Object.assign(this, { id, place, ops, until: new Map(), waiting: new Map(), bytes: 0, counted: 0 });
    this.steady = ops.every(([, what]) => what === "go");
  }

  async open() {
    this.client = new Client(`ws://127.0.0.1:${port}`);
    this.take(await this.client.join("city", { player: this.id }));
    await this.stand(this.place);
  }

  take(room) {
    this.room = room;
    room.onMessage("followed", (place) => {
      this.waiting.get(place)?.(true);
      this.waiting.delete(place);
    });
    room.onMessage("*", () => {});
    room.onError(() => {});
    this.socket = room.connection.transport.ws._socket;
    if (this.steady) {
      const { decoder } = room.serializer;
      decoder.triggerChanges = (changes) => measuring && this.heard(changes);
    }
  }

  heard(changes) {
    const at = Date.now() - trace.base_ms;
    for (const { field, value, previousValue } of changes) {  // not of those who come into view: they went before
      const told = field === "start" || field === "since";
      if (told && value && previousValue !== undefined) late.push(at - value);
    }
  }

  // A place and those beside it at once, others after a while: as `Interest` of docs/clients has it.
  async stand(place) {
    this.place = place;
    const wanted = new Set([place, ...trace.places[place]]);
    const came = [];
    for (const each of wanted) if (!this.until.has(each)) came.push(this.follow(each));
    for (const each of wanted) this.until.set(each, Infinity);
    const due = Date.now() + trace.leave_after_s * 1000;
    for (const [each, until] of this.until) if (!wanted.has(each) && until === Infinity) this.until.set(each, due);
    await Promise.all(came);
  }

  tick() {
    for (const [place, until] of this.until) {
      if (until > Date.now()) continue;
      this.until.delete(place);
      this.room.send("leave", place);
    }
  }

  async follow(place) {
    const began = performance.now();
    this.room.send("follow", place);
    const came = await Promise.race([
      new Promise((done) => this.waiting.set(place, done)), sleep(PATIENCE_MS).then(() => false),
    ]);
    if (measuring && this.steady) came ? joins.push(performance.now() - began) : (lost += 1);
  }

  async run(begin) {
    for (const [at, what, how] of this.ops) {
      await sleep(begin + at * 1000 - Date.now());
      if (what === "go") {
        this.room.send("depart", how);
        await this.stand(how);
      } else if (what === "slow") {
        this.room.connection.transport.ws.pause();
        await sleep(how * 1000);
        this.room.connection.transport.ws.resume();
      } else {
        await this.cut(how);
      }
    }
  }

  async cut(seconds) {
    const token = this.room.reconnectionToken;
    this.counted += this.socket.bytesRead;
    this.room.connection.transport.ws.terminate();
    await sleep(seconds * 1000);
    for (let tries = 0; tries < 20; tries++) {
      try {
        return this.take(await this.client.reconnect(token));
      } catch {
        await sleep(AGAIN_MS);
      }
    }
    lost += 1;
  }

  read() {
    return this.counted + this.socket.bytesRead;
  }

  sees() {
    const rows = [];
    for (const [id, e] of this.room.state?.entities ?? []) {
      rows.push(JSON.stringify([id, e.kind, e.place, e.since, e.from, e.to, e.start, e.end]));
    }
    return [rows.length, createHash("sha256").update(rows.sort().join("\n")).digest("hex")];
  }
}

const walkers = mine.map((walker) => new Walker(walker));
const todo = [...walkers];
await Promise.all(Array.from({ length: JOINING_MAX }, async () => {
  for (let walker = todo.shift(); walker; walker = todo.shift()) await walker.open();
}));
setInterval(() => walkers.forEach((walker) => walker.tick()), 1000);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
console.log("ready");

const begin = Number((await lines.next()).value.split(" ")[1]);
const before = walkers.map((walker) => walker.read()), cpu = process.cpuUsage();
measuring = true;
walkers.forEach((walker) => walker.run(begin));
await sleep(begin + trace.seconds * 1000 - Date.now());
measuring = false;
const used = process.cpuUsage(cpu);
console.log(JSON.stringify({
  bytes: walkers.reduce((sum, walker, n) => sum + walker.read() - before[n], 0),
  cpu_s: (used.user + used.system) / 1e6, late, joins, lost,
}));
await lines.next();
console.log(JSON.stringify(Object.fromEntries(walkers.map((walker) => [walker.id, walker.sees()]))));
process.exit(0);
