// Colyseus 0.16, one room: everybody is in one map, and each client's StateView shows those in the places that it
// follows. Arguments: port, trace file. Says "ready"; at a line on stdin it says what each client should see.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Room, Server, matchMaker } from "@colyseus/core";
import { Encoder, MapSchema, StateView, schema } from "@colyseus/schema";
import { WebSocketTransport } from "@colyseus/ws-transport";

const [port, file] = process.argv.slice(2);
const trace = JSON.parse(readFileSync(file));
const TRAVEL_MS = trace.travel_s * 1000;
const RETURN_S = 30;
// All clients' views of a patch share one buffer.
Encoder.BUFFER_SIZE = 64 * 1024 * 1024;

const Entity = schema({
  kind: "string", place: "string", since: "number",
  from: "string", to: "string", start: "number", end: "number",
}, "Entity");
const City = schema({ entities: { map: Entity, view: true } }, "City");

const now = () => Date.now() - trace.base_ms;
let room;

class CityRoom extends Room {
  maxClients = 100_000;
  patchRate = 100;
  autoDispose = false;

  onCreate() {
    room = this;
    this.state = new City();
    this.at = new Map(Object.keys(trace.places).map((place) => [place, new Set()]));
    this.followers = new Map(Object.keys(trace.places).map((place) => [place, new Set()]));
    this.follows = new Map();
    for (const [id, place] of Object.entries(trace.entities)) this.put(id, "person", place);
    for (const walker of trace.walkers) this.put(walker.id, "player", walker.place);
    this.onMessage("depart", (client, to) => this.depart(client.userData.id, to));
    this.onMessage("follow", (client, place) => this.follow(client, place));
    this.onMessage("leave", (client, place) => this.leave(client, place));
  }

  put(id, kind, place) {
    const entity = new Entity();
    Object.assign(entity, { kind, place, since: 0, from: "", to: "", start: 0, end: 0 });
    entity.id = id;
    this.state.entities.set(id, entity);
    this.at.get(place).add(entity);
  }

  onJoin(client, options) {
    client.userData = { id: options.player };
    client.view = new StateView();
    this.follows.set(options.player, new Set());
  }

  async onLeave(client) {
    const { id } = client.userData;
    try {
      const back = await this.allowReconnection(client, RETURN_S);
      for (const place of this.follows.get(id)) {
        this.followers.get(place).delete(client);
        this.followers.get(place).add(back);
      }
    } catch {
      for (const place of this.follows.get(id)) this.followers.get(place).delete(client);
      this.follows.delete(id);
    }
  }

  shown(client, entity) {
    const follows = this.follows.get(client.userData.id);
    return follows.has(entity.place) || follows.has(entity.from) || follows.has(entity.to);
  }

  follow(client, place) {
    const follows = this.follows.get(client.userData.id);
    if (!follows.has(place)) {
      for (const entity of this.at.get(place)) if (!this.shown(client, entity)) client.view.add(entity);
      follows.add(place);
      this.followers.get(place).add(client);
    }
    client.send("followed", place, { afterNextPatch: true });
  }

  leave(client, place) {
    const follows = this.follows.get(client.userData.id);
    if (!follows.delete(place)) return;
    this.followers.get(place).delete(client);
    for (const entity of this.at.get(place)) if (!this.shown(client, entity)) client.view.remove(entity);
  }

  depart(id, to) {
    const entity = this.state.entities.get(id), from = entity.place;
    if (!from || !trace.places[from].includes(to)) return;
    const start = now();
    for (const client of this.followers.get(to)) if (!this.shown(client, entity)) client.view.add(entity);
    Object.assign(entity, { place: "", from, to, start, end: start + TRAVEL_MS });
    this.at.get(to).add(entity);
    this.clock.setTimeout(() => this.arrive(entity), TRAVEL_MS);
  }

  arrive(entity) {
    const { from, to } = entity;
    this.at.get(from).delete(entity);
    Object.assign(entity, { place: to, since: now(), from: "", to: "", start: 0, end: 0 });
    for (const client of this.followers.get(from)) if (!this.shown(client, entity)) client.view.remove(entity);
  }
}

export const row = (id, e) => JSON.stringify([id, e.kind, e.place, e.since, e.from, e.to, e.start, e.end]);

function truth() {
  const found = {};
  for (const [player, follows] of room.follows) {
    const rows = new Set();
    for (const place of follows) for (const entity of room.at.get(place)) rows.add(row(entity.id, entity));
    found[player] = [rows.size, createHash("sha256").update([...rows].sort().join("\n")).digest("hex")];
  }
  return found;
}

const server = new Server({ transport: new WebSocketTransport({ maxPayload: 64 * 1024 }), greet: false });
server.define("city", CityRoom);
await server.listen(Number(port), "127.0.0.1");
await matchMaker.createRoom("city", {});
console.log("ready");
createInterface({ input: process.stdin }).on("line", () => console.log(JSON.stringify(truth())));
