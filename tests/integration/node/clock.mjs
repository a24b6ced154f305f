// Recomputes protocol/vectors/clock.json with docs/clock.mjs: node clock.mjs READER VECTORS_FOLDER ANSWER
// ANSWER: what clock.now says, as JSON; the reader must come to its game_ms and its reading.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const { almanac, clockOf, fold, gameAt } = await import(pathToFileURL(process.argv[2]));
let looks = 0;
for (const found of JSON.parse(readFileSync(join(process.argv[3], "clock.json"), "utf8"))) {
  const read = found.kind === "calendar" ? almanac(found.calendar) : null;
  const clock = found.kind === "clock" ? fold(found.events) : null;
  if (clock) assert.equal(clock.calendar.name, found.calendar_name);
  for (const look of found.looks) {
    if (read) assert.deepEqual({ game_ms: look.game_ms, ...read(look.game_ms) }, look, found.name);
    else assert.equal(gameAt(clock, look.real_us), look.game_ms, found.name);
    looks += 1;
  }
}
const answer = JSON.parse(process.argv[4]), { day, month, year, weekday, ...rest } = answer.reading;
const ours = almanac(answer.calendar)(gameAt(clockOf(answer), answer.real_us));
assert.equal(gameAt(clockOf(answer), answer.real_us), answer.game_ms);
assert.deepEqual({ ...ours, weekday: answer.calendar.weekdays[ours.weekday] ?? null },
  { ...rest, day: ours.day, year, month, day_of_month: day, weekday });
console.log(`${looks} moments read alike`);
