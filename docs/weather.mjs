// Reads the weather of a realm as every other reader does, bit for bit: docs/world.md, "Weather"; vectors: weather.json. sky(calendar,
// climates, overrides): {from_day, seed, law} of weather.climate_set; {zones, state (index), from_ms, until_ms}, in the order they were set.
import { almanac, floorDiv, mod } from "./clock.mjs";
const HOUR = 3600000, [FRONTS, SPELLS, WARMTH, GUSTS] = [1, 2, 3, 4], u64 = (value) => BigInt.asUintN(64, value);
const mixed = (z, shift, by) => u64((z ^ (z >> shift)) * by), twice = (z) => mixed(mixed(z, 30n, 0xbf58476d1ce4e5b9n), 27n, 0x94d049bb133111ebn);
export const join = (state, word, z = twice(u64(state + BigInt(word) + 0x9e3779b97f4a7c15n))) => z ^ (z >> 31n); // SplitMix64's output
const chance = (...words) => words.reduce((bits, word) => join(bits, word), 0n), below = (bits, count) => Number(((bits >> 32n) * BigInt(count)) >> 32n);
const sum = (list) => list.reduce((all, each) => all + each, 0), last = (list, at) => list.findLastIndex((each) => each.at <= at);
const pick = (bits, weights, rest = below(bits, sum(weights))) => weights.findIndex((weight) => (rest -= weight) < 0);
const between = (at, every, value, n = floorDiv(at, every), gone = mod(at, every)) => floorDiv(value(n) * (every - gone) + value(n + 1) * gone, every);
function segment({ law, seed }, season, first, end, dayMs) { // fronts, and what each zone has of them, in seconds
  const [begin, over] = [first, end].map((day) => (day * dayMs) / 1000), { spans, unit } = law, { regimes } = season, fronts = [];
  const part = (mean, length) => Math.max(1, floorDiv(mean * length, unit)), several = regimes.filter((each) => each.then).length > 1;
  const span = (mean, bits, n = below(bits, spans.length - 1)) => part(mean, spans[n + 1] - spans[n]);
  const rest = (mean, bits, x = below(bits, spans.at(-1))) => part(mean, spans.find((each) => each > x) - x);
  for (let n = 0, at = begin, regime, bits; at < over; at += (n ? span : rest)(regimes[regime].mean_s, join(bits, 1)), n += 1) {
    bits = chance(seed, FRONTS, first, n);
    regime = pick(join(bits, 0), regimes.map((each, r) => (n === 0 ? each.share : several && r === regime ? 0 : each.then)));
    const [slant, speed, strength] = [law.slant.length, 300, 800].map((count, n) => below(join(bits, n + 2), count));
    fronts.push({ n, at, regime, slant: law.slant[slant], speed: 200 + speed, strength: 200 + strength });
  }
  const zones = law.zones.map(({ key, lag_s }, z) => {
    const { means, regimes: mine } = season.zones[z], spells = [], lag = (f) => f.n && floorDiv(lag_s * f.slant * law.speed, 1000 * f.speed);
    const visits = fronts.map((each) => ({ ...each, at: each.at + lag(each) })).filter((each) => each.at < over);
    visits.forEach(({ n, at, regime }, v) => {
      const bits = chance(seed, SPELLS, key, first, n), { first: begins, then } = mine[regime];
      let state = pick(join(bits, 0), begins), length = rest(means[state], join(bits, 1));
      for (let k = 2; at < (visits[v + 1]?.at ?? over); length = span(means[state], join(bits, k + 1)), k += 2) {
        if (spells.at(-1)?.state !== state) spells.push({ at, state });
        [at, state] = [at + length, pick(join(bits, k), law.kernel[state].map((near, s) => near * then[s]))];
      }
    });
    return { spells, visits };
  });
  return { law, season, over, of: (zone, z = law.zones.findIndex((each) => each.id === zone)) => z >= 0 && { key: law.zones[z].key, z, ...zones[z] } };
}
export function sky(calendar, climates, overrides = []) {
  const { season } = almanac(calendar), dayMs = calendar.hours * calendar.minutes * 60000, kept = new Map();
  const numberOf = (day) => Math.max(0, climates.findLastIndex((each) => each.from_day <= day));
  const at = (ms, day = floorDiv(ms, dayMs), n = numberOf(day), { index, from, to, a } = season(day), key = `${n}/${index}`) => {
    const { law, from_day } = climates[n], found = law.seasons.find((each) => each.id === a.id) ?? law.seasons[mod(index, law.seasons.length)];
    const [begin, end] = [n ? Math.max(from, from_day) : from, Math.min(to, climates[n + 1]?.from_day ?? to)];
    return kept.get(key) ?? kept.set(key, segment(climates[n], found, begin, end, dayMs)).get(key);
  };
  const piece = (zone, ms) => { // the weather without a break, and when it began and will end
    const over = overrides.filter((each) => each.zones.includes(zone)), { spells } = at(ms).of(zone), n = last(spells, floorDiv(ms, 1000));
    const natural = { from_ms: spells[n].at * 1000, until_ms: (spells[n + 1]?.at ?? at(ms).over) * 1000, state: spells[n].state };
    const top = over.findLastIndex((each) => each.from_ms <= ms && ms < each.until_ms), { state, ...found } = over[top] ?? natural;
    const later = over.slice(top + 1).filter((each) => each.from_ms < each.until_ms), ended = later.filter((each) => each.until_ms <= ms);
    return { state, begin_ms: Math.max(found.from_ms, ...ended.map((each) => each.until_ms)), end_ms: Math.min(found.until_ms, ...later.map((each) => each.from_ms).filter((each) => each > ms)) };
  };
  const warmth = (key) => (day) => below(chance(climates[numberOf(day - 1)].seed, WARMTH, key, day - 1), 2001) - 1000;
  function airIn(zone, state, of, ms) { // were the weather what it was at another moment
    const { law, season } = at(of), { key, z } = at(of).of(zone), { coldest, warmest } = season.zones[z], seen = law.states[state];
    const range = warmest - coldest, day = mod(24 * ms - 5 * dayMs, 24 * dayMs), warmed = day < 10 * dayMs ? floorDiv(day * 1000, 10 * dayMs) : floorDiv((24 * dayMs - day) * 1000, 14 * dayMs);
    const warm = coldest + floorDiv(range * warmed, 1000) + floorDiv(range * between(ms, dayMs, warmth(key)), 4000) + seen.warmer;
    const wind = floorDiv(seen.wind * between(ms, HOUR, (hour) => 750 + below(chance(0, GUSTS, key, hour), 501)), 1000);
    return [Math.max(seen.at_least, Math.min(warm, seen.at_most)), wind, seen.humidity, seen.visibility, seen.intensity];
  }
  return { piece, air(zone, ms) { // the mean over the last ease_ms
    const { ease_ms } = at(ms).law, { visits } = at(ms).of(zone), front = visits[last(visits, floorDiv(ms, 1000))], sums = [0, 0, 0, 0, 0];
    for (let left = ease_ms, until = ms + 1, now, share; left > 0; left -= share, until = now.begin_ms) {
      now = piece(zone, until - 1), share = at(now.begin_ms - 1).of(zone) ? Math.min(left, until - now.begin_ms) : left;
      airIn(zone, now.state, until - 1, ms).forEach((value, n) => (sums[n] += value * share));
    }
    const [temperature, wind, humidity, visibility, intensity] = sums.map((each) => floorDiv(each, ease_ms)), age = ms - front.at * 1000;
    const gale = front.n ? floorDiv(front.strength * Math.max(0, Math.min(age, 2 * HOUR - age)), 5 * HOUR) : 0;
    return { temperature, wind: wind + gale, humidity, visibility, intensity };
  } };
}
