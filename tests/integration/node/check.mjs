// Follows protocol/SPEC.md alone: decodes every vector, and then talks to a running system.
// node check.mjs VECTORS_FOLDER [NATS_URL REALM] (nats://IDENTITY:SEED@HOST:PORT); prints one line per part, exits 1 at the first mistake.
import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { encode, Decoder } from "@msgpack/msgpack";
import { connect, nkeyAuthenticator } from "@nats-io/transport-node";

const NAME = /^[a-z][a-z0-9_]{0,63}\.[a-z][a-z0-9_]{0,63}$/;
const STREAM = /^[a-z][a-z0-9_]{0,63}-[A-Za-z0-9_-]{1,128}$/;
const REALM = /^[a-z][a-z0-9_]{0,30}$/;
const DEPTH_MAX = 32;
const LIMITS = {
  maxStrLength: 2 ** 20, maxBinLength: 2 ** 20, maxArrayLength: 65536, maxMapLength: 65536, maxExtLength: 0,
};

class Refused extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

// --- SPEC.md, "Data model" ---
function decodeMap(bytes) {
  let value;
  try {
    const decoder = new Decoder({ useBigInt64: true, ...LIMITS, mapKeyConverter: (key) => {
      if (typeof key !== "string") throw new Error("a key that is no string");
      return key;
    } });
    value = decoder.decode(bytes);
    scan(bytes);
  } catch (error) {
    throw new Refused("malformed_message", String(error));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw new Refused("malformed_message", "not a map");
  return value;
}

// What the library does not check: UTF-8, keys twice, extension types, depth.
function scan(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const utf8 = new TextDecoder("utf-8", { fatal: true });
  let at = 0;
  const size = (width) => {
    const found = width === 1 ? view.getUint8(at) : width === 2 ? view.getUint16(at) : view.getUint32(at);
    at += width;
    return found;
  };
  const skip = (length) => void (at += length);
  const text = (length) => utf8.decode(bytes.subarray(at, (at += length)));
  const map = (count, depth) => {
    if (depth > DEPTH_MAX) throw new Error("too deep");
    const keys = new Set();
    for (let n = 0; n < count; n++) {
      const key = one(depth);
      if (keys.has(key)) throw new Error("a key twice");
      keys.add(key);
      one(depth);
    }
  };
  const list = (count, depth) => {
    if (depth > DEPTH_MAX) throw new Error("too deep");
    for (let n = 0; n < count; n++) one(depth);
  };
  const one = (depth) => {
    const byte = size(1);
    if (byte <= 0x7f || byte >= 0xe0 || byte === 0xc0 || byte === 0xc2 || byte === 0xc3) return null;
    if (byte <= 0x8f) return map(byte & 0x0f, depth + 1);
    if (byte <= 0x9f) return list(byte & 0x0f, depth + 1);
    if (byte <= 0xbf) return text(byte & 0x1f);
    if (byte >= 0xc4 && byte <= 0xc6) return skip(size(1 << (byte - 0xc4)));
    if (byte >= 0xca && byte <= 0xd3) return skip({ 0xca: 4, 0xcb: 8 }[byte] ?? 1 << (byte & 3));
    if (byte >= 0xd9 && byte <= 0xdb) return text(size(1 << (byte - 0xd9)));
    if (byte === 0xdc || byte === 0xdd) return list(size(byte === 0xdc ? 2 : 4), depth + 1);
    if (byte === 0xde || byte === 0xdf) return map(size(byte === 0xde ? 2 : 4), depth + 1);
    throw new Error("a byte that the data model does not have");
  };
  one(0);
}

// --- SPEC.md, "Envelope" ---
function decodeEnvelope(bytes) {
  const { v, id, type, schema, realm, stream, version, position, time, meta, hash, payload, ...extra } =
    decodeMap(bytes);
  if (typeof v !== "number") throw new Refused("malformed_message", "v");
  if (v !== 1) throw new Refused("unsupported_version", "v");
  const bin = (value, least, most) => {
    if (!(value instanceof Uint8Array) || value.length < least) throw new Refused("malformed_message", "bytes");
    if (value.length > most) throw new Refused(least === most ? "malformed_message" : "too_large", "bytes");
    return value;
  };
  const text = (value, pattern) => {
    if (typeof value !== "string") throw new Refused("malformed_message", "text");
    if (!pattern.test(value)) throw new Refused("invalid_field", value);
    return value;
  };
  const count = (value, least, most = Number.MAX_SAFE_INTEGER) => {
    if (typeof value === "bigint") value = Number(value);
    if (!Number.isInteger(value)) throw new Refused("malformed_message", "count");
    if (value < least || value > most) throw new Refused("invalid_field", "count");
    return value;
  };
  return {
    id: uuid(bin(id, 16, 16)), type: text(type, NAME), schema: count(schema, 1, 2 ** 31 - 1), realm: text(realm, REALM),
    stream: text(stream, STREAM), version: count(version, 1), position: count(position, 1), time: count(time, 0),
    meta: hex(bin(meta, 1, 16384)), hash: hex(bin(hash, 32, 32)), payload: hex(bin(payload, 1, 524288)), extra,
  };
}

const hex = (bytes) => Buffer.from(bytes).toString("hex");
const unhex = (text) => Uint8Array.from(Buffer.from(text, "hex"));
const uuid = (bytes) => hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
const plain = (value) => JSON.parse(JSON.stringify(value, (_, v) => (typeof v === "bigint" ? Number(v) : v)));

// --- SPEC.md, "Chain" ---
function link(previous, e) {
  const number = (value, width) => {
    const out = Buffer.alloc(width);
    if (width === 8) out.writeBigInt64BE(BigInt(value));
    else if (width === 4) out.writeUInt32BE(value);
    else out.writeUInt16BE(value);
    return out;
  };
  const [type, stream] = [Buffer.from(e.type), Buffer.from(e.stream)];
  const [meta, payload] = [unhex(e.meta), unhex(e.payload)];
  return createHash("sha256").update(Buffer.concat([
    unhex(previous), number(e.position, 8), unhex(e.id.replaceAll("-", "")), number(e.time, 8),
    number(e.version, 8), number(e.schema, 4), number(type.length, 2), type, number(stream.length, 2), stream,
    number(meta.length, 4), meta, number(payload.length, 4), payload,
  ])).digest("hex");
}

const genesis = (realm) => createHash("sha256").update(`aicore-log/1\0${realm}`).digest("hex");

function checkVectors(folder) {
  const load = (name) => JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8"));
  let checked = 0;
  for (const name of ["events", "boundary", "evolved"])
    for (const found of load(name)) {
      const { extra, ...envelope } = decodeEnvelope(unhex(found.hex));
      assert.deepEqual(envelope, found.envelope, found.name);
      assert.deepEqual(plain(extra), found.extra ?? {}, found.name);
      if (found.payload) assert.deepEqual(plain(decodeMap(unhex(envelope.payload))), found.payload, found.name);
      checked++;
    }
  for (const found of load("malformed")) {
    assert.throws(() => decodeEnvelope(unhex(found.hex)), { code: found.error }, found.name);
    checked++;
  }
  for (const found of load("edges")) {
    // JavaScript has one kind of number: what 4.0 was on the wire is not to be seen any more.
    if (found.kind !== "envelope" || found.name.endsWith("that is a float")) continue;
    if (found.error) assert.throws(() => decodeEnvelope(unhex(found.hex)), { code: found.error }, found.name);
    else decodeEnvelope(unhex(found.hex));
    checked++;
  }
  for (const found of load("messages")) {
    const message = plain(decodeMap(unhex(found.hex)));
    if (found.kind === "command") {
      assert.equal(message.command, found.command, found.name);
      assert.equal(message.expected, found.expected, found.name);
      assert.deepEqual(message.payload, found.payload, found.name);
    } else if (found.kind === "query") assert.deepEqual(message.query, found.query, found.name);
    else if (found.code) assert.equal(message.error.code, found.code, found.name);
    else assert.deepEqual(message.result, found.result, found.name);
    checked++;
  }
  const [first, ...events] = load("chain");
  let previous = genesis(first.realm);
  assert.equal(previous, first.hash);
  for (const found of events) {
    assert.equal(found.previous, previous, found.name);
    previous = link(previous, found);
    assert.equal(previous, found.hash, found.name);
  }
  console.log(`vectors: ${checked + events.length + 1} checked`);
}

async function checkLive(url, realm) {
  const { host, username: me, password: seed } = new URL(url);
  const authenticator = nkeyAuthenticator(new TextEncoder().encode(seed));
  const nc = await connect({ servers: host, authenticator, inboxPrefix: `_INBOX.${me}`, timeout: 10_000 });
  const heard = [];
  let enough;
  const done = new Promise((resolve) => (enough = resolve));
  nc.subscribe(`${realm}.evt.registry.>`, {
    callback: (_, message) => {
      heard.push(decodeEnvelope(message.data));
      if (heard.length === 2) enough();
    },
  });
  await nc.flush();
  const ask = async (command, payload, more = {}) => {
    const id = unhex(randomUUID().replaceAll("-", ""));
    const bytes = encode({ v: 1, id, command, payload, ...more });
    return plain(decodeMap((await nc.request(`${realm}.cmd.${command}.${me}`, bytes, { timeout: 20_000 })).data));
  };
  const model = {
    use_case: "node_dialogue", name: "from-node", version: "1", provider: "embedded", model_type: "self_hosted",
    tier: "bronze",
  };
  const reply = await ask("registry.register_model", model);
  assert.equal(reply.error, undefined);
  assert.equal(reply.result.status, "current");
  await done;
  assert.deepEqual(heard.map((event) => event.type), ["registry.model_registered", "registry.model_promoted"]);
  assert.equal(heard[1].hash, link(heard[0].hash, heard[1]));
  assert.deepEqual(heard.map((event) => event.position), reply.events.map((event) => event.position));
  const refused = await ask("registry.register_model", { ...model, tier: "platinum" });
  assert.equal(refused.error.code, "invalid_field");
  assert.equal(refused.error.field, "tier");
  const stale = await ask("registry.register_model", { ...model, version: "2" }, { expected: 0 });
  assert.deepEqual([stale.error.code, stale.error.retry], ["version_conflict", "reload"]);
  console.log(`live: ${heard.length} events decoded, 1 command done, 2 refused as typed errors`);
  await nc.drain();
}

const [folder, url, realm] = process.argv.slice(2);
checkVectors(folder);
if (url) await checkLive(url, realm);
