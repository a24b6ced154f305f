"""A small world without a fault, and what is said of it once something in it is changed."""

import pickle
from collections.abc import Mapping
from functools import cache

from aicore.content.definition import Checked, check_sources
from aicore.content.yaml_source import Located, read_yaml

FILES: Mapping[str, str] = {
    "predicates.yaml": """\
predicates:
  at: {says: "{subject} is at {object}", subject: [person], object: [place], one_per: subject, spreads: 0.1}
  dead: {says: "{subject} is dead", subject: [person], ends: [at]}
  likes: {says: "{subject} likes {object}", subject: [person], object: [person], excludes: [loathes]}
  loathes: {says: "{subject} loathes {object}", subject: [person], object: [person], inverse: loathed_by}
  killed: {says: "{subject} killed {object}", subject: [person], object: [person], holds: deed, tension: 0.45}
  shut: {says: "{subject} is shut", subject: [place]}
  rests: {says: "{subject} rests here", subject: [person], witnessed: nobody, spreads: 0, secret: true}
""",
    "traces.yaml": """\
traces:
  stain: {of: killed, says: "{object} lay here", half_life: 2 days, weather: {storm: 1 h}, shows: [object]}
  shutters: {of: shut, says: "The shutters of {place} are up", half_life: 1 day, kinds: [inn]}
  button: {of: killed, says: A button, half_life: 3 days, certainty: 0.4, pays: {money: [1 pearls]}}
goods: {pin: {name: a pin, kind: tool, price: 9 pearls, grams: 1, unique: true, made_at: [inn]}}
""",
    "customs.yaml": """\
currencies:
  pearls: {coin: pearl, minor: grains, side: light}
  teeth: {coin: tooth, minor: chips, side: dark}
means:
  foot: {name: on foot, metres_per_minute: 80}
needs:
  rest: {name: rest, empties_in: 1 day, alarm: 0.2}
activities:
  sleep: {name: sleeping, takes: 7 h, gains: {rest: 0.9}}
  trade: {name: keeping a stall, takes: 2 h}
kinds:
  inn: {name: an inn, offers: [sleep, trade]}
  lane: {name: a lane}
archetypes:
  host:
    name: host
    traits: {openness: 0.5, conscientiousness: 0.5, extraversion: 0.5, agreeableness: 0.5,
      neuroticism: 0.5, aggression: 0.5, sociability: 0.5, curiosity: 0.5}
factions:
  keepers: {name: the Keepers, side: light, seat: inn, power: 0.4, wants: quiet}
  takers: {name: the Takers, side: dark, seat: under_inn, power: 0.4, wants: noise}
speech:
  said: {greet: ["Hello, {name}."]}
  open: {plain: [Well.]}
  answer: {greet: {plain: [Good day.]}}
  fact: {plain: ["{Fact}."]}
  memory: {plain: ["{Memory}."]}
  closed: {plain: [No.]}
  weather: {fog: [Fog.]}
  time: {day: [Day.]}
  mood: {calm: [Calm.]}
  scene: {place: [Here.]}
  bark: {archetype: {host: [Come in!]}}
  describe: {weather: {fog: [Grey.]}}
  facts: {counts: [two]}
  history: {events: ["{who} left {place}"]}
""",
    "places.yaml": """\
districts:
  town: {name: the Town, side: light, twin: pit, zone: coast}
  pit: {name: the Pit, side: dark, twin: town, zone: coast}
territories:
  lanes: {name: the lanes, district: town, holder: keepers}
places:
  lane: {name: the lane, kind: lane, side: light, district: town, at: [0, 0], territory: lanes}
  inn:
    name: the inn
    kind: inn
    side: light
    district: town
    at: [30, 40]
    twin: under_inn
    hours: 06:00-22:00
    capacity: 2
  attic:
    name: the attic
    kind: inn
    side: light
    district: town
    at: [30, 40]
    within: inn
    lock: {key: attic_key}
  under_inn:
    name: the inn below
    kind: inn
    side: dark
    district: pit
    at: [30, 40]
    twin: inn
ways:
  path: {between: [lane, inn], metres: 60, by: [foot]}
  ladder: {between: [inn, attic], metres: 4, by: {foot: 1 min}}
  well: {between: [inn, under_inn], metres: 9, by: [foot], closed_in: [storm]}
""",
    "people.yaml": """\
people:
  ada:
    name: Ada
    role: host
    faction: keepers
    home: attic
    archetype: host
    voice: plain
    schedule:
      - {hours: 08:00-12:00, at: inn, do: trade}
      - {hours: 13:00-20:00, at: inn, do: trade}
      - {hours: 22:00-06:00, at: attic, do: sleep}
    relations: {bo: 0.5}
  bo:
    name: Bo
    role: guest
    home: under_inn
    archetype: host
    voice: plain
    schedule:
      - {hours: 22:00-06:00, at: under_inn, do: sleep}
""",
    "story.yaml": """\
arcs:
  the_comb_below:
    name: The Comb Below
    roles:
      keeper: {factions: [keepers]}
    beats:
      missed: {within: 1 day, late: let_be}
      sought: {within: 2 days, late: let_be}
    ends:
      found: {outcome: kept, text: The comb is where it was.}
      let_be: {outcome: faded, text: Nobody combs.}
      alone: {outcome: lost, text: Nobody is left who minds.}
    lost: alone
storylets:
  a_comb_is_missed:
    says: "{keeper} looks under the table."
    class: specific
    arc: the_comb_below
    beat: missed
    lines: [{by: keeper, act: ask}]
    leads: [{to: sought}]
  a_comb_is_sought:
    says: "{keeper} looks at {player}."
    class: specific
    arc: the_comb_below
    beat: sought
    when: {places: [inn], tension: [build]}
    tension: 0.2
    lines: [{by: keeper, act: accuse, manner: [cold]}]
    leads: [{to: let_be, facts: ["dead(keeper)"]}, {to: found}]
    once: true
  both_of_them:
    says: "{one} and {other} sit here."
    class: specific
    roles: {one: {}, other: {person: ada, regards: {one: [0, 1]}}}
    when: {facts: ["likes(other, one)"]}
    again: 1 day
    lines: [{by: other, act: tell, to: one, claims: ["likes(other, one)"]}]
  who_killed:
    says: "{witness} goes out."
    class: essential
    roles: {witness: {traits: {openness: [0.2, 0.8]}}}
    when: {facts: ["killed(any, any)"], seen: [both_of_them]}
    once: true
  a_shut_door:
    says: "{here} is shut."
    class: specific
    when: {districts: [town], phases: [night], facts: ["at(any, here)"]}
    again: 2 h
  nobody: {says: Nobody comes., class: evergreen, again: 1 h}
""",
    "things.yaml": """\
goods:
  attic_key: {name: the attic key, kind: key, price: 1.50 pearls, grams: 50, sold_at: [inn]}
  tooth_comb: {name: a tooth comb, kind: curio, price: 3 teeth, grams: 40, made_at: [under_inn]}
  ribbon: {name: a ribbon, kind: cloth, price: 0.20 pearls, grams: 5}
facts:
  inn: {about: the inn, text: the inn is older than the lane}
documents:
  founding:
    title: The founding
    paragraphs: [First there was the inn.]
quests:
  comb:
    name: The Comb
    aim: bring me a comb
    word: comb
    giver: ada
    stages:
      look:
        text: Look for it below.
        do:
          - {collect: tooth_comb, count: 2}
        next: give
      give:
        text: Bring it to Ada.
        do:
          - {deliver: tooth_comb, to: ada}
        next:
          - {to: done, when: {phase: [day]}}
          - {to: late}
    ends:
      done: {outcome: completed, text: She combs., reward: {money: [2 pearls], goods: {ribbon: 1}}}
      late: {outcome: failed, text: She sleeps.}
    if_giver_gone: {rule: fail, text: Ada is gone.}
    if_target_gone: {rule: close, text: The comb is gone.}
""",
    "world.yaml": """\
world: {id: small, name: Small, seed: 7}
calendar:
  name: days
  weekdays: [Oneday, Twoday]
  months:
    only: {name: Only, days: 30}
  moons:
    moon: {name: Moon, period: 59 days in 2, phases: [new, full]}
  seasons:
    mild: {name: mild, begins: {month: only, day: 1}, sunrise: 06:00, sunset: 18:00}
    cold: {name: cold, begins: {month: only, day: 16}, sunrise: 07:00, sunset: 17:00}
  phases:
    day: {name: day, begins: sunrise}
    night: {name: night, begins: sunset + 1 h}
zones:
  coast:
    name: the coast
    seasons:
      mild:
        temperature: [5, 20]
        spells:
          clear: {share: 0.75, lasts: 6 h}
          storm: {share: 0.25, lasts: 2 h}
      cold:
        temperature: [-5, 2]
        spells: {snow: {share: 1, lasts: 9 h}}
trained:
  people: [ada]
  moods: [calm]
""",
}


def check(files: Mapping[str, str | bytes]) -> Checked:
    """Return what there is to say of files."""
    return check_sources([pickle.loads(_read(name, text)) for name, text in sorted(files.items())])


@cache
def _read(name: str, text: str | bytes) -> bytes:
    """A file as it is read, to be copied: of a small world only one file is other in each test."""
    return pickle.dumps(read_yaml(name, text.encode() if isinstance(text, str) else text))


def changed(old: str, new: str, file: str = "") -> dict[str, str]:
    """Return the small world with one text replaced, which stands in it (or in one file of it) once."""
    found = [name for name, text in FILES.items() if old in text and file in ("", name)]
    assert len(found) == 1, f"{old!r} stands in {found}"
    (name,) = found
    assert FILES[name].count(old) == 1, f"{old!r} stands {FILES[name].count(old)} times in {name}"
    return {**FILES, name: FILES[name].replace(old, new)}


def line(located: Located) -> str:
    """Return a fault on one line."""
    fault = located.fault
    near = f" | nearest {fault.nearest}" if fault.nearest else ""
    other = f" | see {located.other}" if located.other else ""
    return f"{located.mark} {fault.path} | {fault.found} | {fault.allowed}{near}{other}"
