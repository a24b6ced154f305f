// Reads the clock of a realm as every other reader does, bit for bit: docs/world.md, "Clock"; vectors: clock.json.
// fold(events), or clockOf(answer to clock.now), is the clock; gameAt(clock, now_us) the time; almanac(calendar)(time) the rest.
export const floorDiv = (a, b) => (a - (((a % b) + b) % b)) / b, mod = (a, b) => ((a % b) + b) % b;
const gcd = (a, b) => (b ? gcd(b, a % b) : a), last = (list, value) => list.findLastIndex((each) => each <= value);
const sum = (list) => list.reduce((all, each) => (all.push(all.at(-1) + each), all), [0]);
export const clockOf = ({ anchor_real_us: real_us, anchor_game_ms: game_ms, paused, calendar, ...now }) =>
  ({ real_us, game_ms, paused, calendar, scale: [now.scale_num, now.scale_den], dilation: [now.dilation_num, now.dilation_den] });

// --- game time: an anchor and a rate. Events are {type, recorded_us, payload}, in the log's order. ---
export function fold(events, clock = null) {
  for (const { type, recorded_us: now, payload } of events) {
    if (type === "clock.started") {
      clock = { real_us: now, game_ms: payload.at_game_ms, dilation: [1, 1], paused: false, calendar: payload.calendar,
        scale: [payload.scale_num, payload.scale_den] };
    } else if (type === "clock.calendar_set") clock = { ...clock, calendar: payload.calendar };
    else if (/^clock\.(scaled|dilated|undilated|paused|resumed|jumped)$/.test(type)) {
      clock = { ...clock, game_ms: gameAt(clock, now), real_us: Math.max(now, clock.real_us) };
      if (type === "clock.scaled") clock.scale = [payload.scale_num, payload.scale_den];
      if (type === "clock.dilated") clock.dilation = [payload.num, payload.den];
      if (type === "clock.undilated") clock.dilation = [1, 1];
      if (type === "clock.jumped") clock.game_ms = payload.to_game_ms;
      if (/paused|resumed/.test(type)) clock.paused = type === "clock.paused";
    }
  }
  return clock;
}
export function gameAt({ real_us, game_ms, scale, dilation, paused }, now_us) {
  if (paused || now_us <= real_us) return game_ms;
  const [num, den] = [0, 1].map((n) => BigInt(scale[n]) * BigInt(dilation[n]));
  return game_ms + Number((BigInt(now_us - real_us) * num) / (1000n * den));
}
// --- the calendar: everything follows from the absolute day ---
function yearOf(calendar, leap) {
  const lengths = calendar.months.map((each) => each.days + (leap ? each.leap_days : 0));
  const begins = sum(lengths), weekless = sum(lengths.map((days, n) => (calendar.months[n].weekless ? days : 0)));
  const month = (id) => begins[calendar.months.findIndex((each) => each.id === id)];
  return { begins: begins.slice(0, -1), weekless, days: begins.at(-1),
    seasons: calendar.seasons.map((each) => month(each.month) + each.day - 1) };
}

export function almanac(calendar) {
  const first = calendar.first_year, daySeconds = calendar.hours * calendar.minutes * 60, kinds = [false, true].map((leap) => yearOf(calendar, leap));
  const cycle = calendar.leap.reduce((all, rule) => (all / gcd(all, rule.every)) * rule.every, 1);
  const isLeap = (year) => calendar.leap.findLast((rule) => rule.remainders.includes(mod(year, rule.every)))?.leap ?? false;
  const years = Array.from({ length: cycle }, (_, n) => kinds[Number(isLeap(first + n))]);
  const days = sum(years.map((each) => each.days)), weekless = sum(years.map((each) => each.weekless.at(-1)));
  const kind = (year) => years[mod(year - first, cycle)];
  const before = (list, year) => floorDiv(year - first, cycle) * list.at(-1) + list[mod(year - first, cycle)];
  const place = (day) => {
    const n = last(days, mod(day, days.at(-1)));
    const year = first + floorDiv(day, days.at(-1)) * cycle + n;
    return [year, day - before(days, year)];
  };
  const seasonBegins = (index) => {
    const year = first + floorDiv(index, calendar.seasons.length);
    return before(days, year) + kind(year).seasons[mod(index, calendar.seasons.length)];
  };
  const season = (day, [year, at] = place(day), all = calendar.seasons) => {
    const index = (year - first) * all.length + last(kind(year).seasons, at), [from, to] = [index, index + 1].map(seasonBegins);
    return { index, from, to, a: all[mod(index, all.length)], b: all[mod(index + 1, all.length)] };
  };
  const read = (game_ms) => {
    const day = floorDiv(game_ms, daySeconds * 1000), second = floorDiv(mod(game_ms, daySeconds * 1000), 1000);
    const [year, at] = place(day), { begins, weekless: out } = kind(year);
    const n = last(begins, at), month = calendar.months[n], { from, to, a, b } = season(day);
    const sun = (key) => a[key] + floorDiv((b[key] - a[key]) * (day - from), to - from);
    const sunrise_s = sun("sunrise_s"), sunset_s = sun("sunset_s"), anchors = { midnight: 0, sunrise: sunrise_s, sunset: sunset_s };
    const phase = last(calendar.phases.map((each) => anchors[each.anchor] + each.offset_s), second);
    const weekday = mod(day - before(weekless, year) - out[n] + calendar.first_weekday, calendar.weekdays.length);
    const moons = calendar.moons.map((moon) => {
      const period = BigInt(moon.period_days) * BigInt(daySeconds * 1000), phases = BigInt(moon.phases.length);
      const age = mod((BigInt(game_ms) - BigInt(moon.new_at_s) * 1000n) * BigInt(moon.period_of), period);
      return [moon.id, moon.phases[Number(((2n * phases * age + period) / (2n * period)) % phases)]];
    });
    return { day, year, month: month.id, day_of_month: at - begins[n] + 1, weekday: month.weekless ? null : weekday,
      hour: Math.floor(second / 60 / calendar.minutes), minute: Math.floor(second / 60) % calendar.minutes, second: second % 60,
      phase: calendar.phases.at(phase).id, season: a.id, sunrise_s, sunset_s, moons: Object.fromEntries(moons) };
  };
  return Object.assign(read, { season });
}
