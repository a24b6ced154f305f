// Recomputes protocol/vectors/weather.json with docs/weather.mjs: node weather.mjs READER VECTORS_FOLDER
// Seeds and words are strings there: JSON's numbers are doubles to JavaScript.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join as path } from "node:path";
import { pathToFileURL } from "node:url";

const { join, sky } = await import(pathToFileURL(process.argv[2]));
let looks = 0;
for (const found of JSON.parse(readFileSync(path(process.argv[3], "weather.json"), "utf8"))) {
  const read = found.kind === "sky" ? sky(found.calendar, found.climates, found.overrides) : null;
  for (const look of found.looks) {
    if (read) {
      const { game_ms, zone, ...seen } = look;
      assert.deepEqual({ ...read.piece(zone, game_ms), ...read.air(zone, game_ms) }, seen, `${found.name} ${game_ms} ${zone}`);
    } else assert.equal(look.words.reduce((bits, word) => join(bits, word), 0n).toString(16).padStart(16, "0"), look.hex);
    looks += 1;
  }
}
console.log(`${looks} moments read alike`);
