// Plays a trace to the documentation's reader: lines of JSON, {hear: hex} or {answer: result}; after each it says what it has.
import { createInterface } from "node:readline";
import { Room, crc32 } from "./place_feed.mjs";

const room = new Room();
console.log(JSON.stringify(["ann", "bo", "p-17_Z"].map((who) => crc32(who) % 8)));
for await (const line of createInterface({ input: process.stdin })) {
  const { hear, answer } = JSON.parse(line);
  const done = hear ? room.hear(Buffer.from(hear, "hex")) : room.answer(answer);
  console.log(JSON.stringify([room.seq, room.wants, room.holes, done.map(([position]) => position), room.state()]));
}
