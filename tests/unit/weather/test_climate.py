"""Shares, spells, fronts and forecasts are what the climate says, by construction."""

from dataclasses import replace
from itertools import pairwise

import pytest

from domain.definition.climate import SeasonClimate, Spell, Zone
from domain.kernel.chance import GAMMA, below, chance, join, pick
from domain.weather import nature
from domain.weather.calibration import law_of
from domain.weather.forecast import CONFIDENCE, SLOT_MS, expected
from domain.weather.walk import Segment
from tests.unit.weather.kit import DAY, DEFINITION, LAW, STATES, ZONES, seen, segments, sky


def test_the_hash_is_splitmix64() -> None:
    """Its first outputs from 1234567, as its authors' C prints them."""
    outputs = [join(1_234_567 + n * GAMMA, 0) for n in range(3)]
    assert outputs == [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
    assert chance(0, -1) == chance(0, 2**64 - 1), "words are modulo 2**64"


def test_numbers_below_and_picks_are_as_likely_as_they_should_be() -> None:
    found = [below(chance(5, n), 10) for n in range(20_000)]
    assert {min(found), max(found)} == {0, 9}
    assert all(1_850 < found.count(n) < 2_150 for n in range(10))
    picked = [pick(chance(6, n), [0, 1, 0, 3]) for n in range(20_000)]
    assert (picked.count(0), picked.count(2)) == (0, 0)
    assert 0.23 < picked.count(1) / 20_000 < 0.27


def test_the_law_has_the_authored_shares() -> None:
    for n, zone in enumerate(DEFINITION.zones):
        for season, authored in zip(LAW.seasons, zone.seasons, strict=True):
            shares = [0.0] * len(STATES)
            for regime, states in zip(season.regimes, season.zones[n].regimes, strict=True):
                for state, weight in enumerate(states.first):
                    shares[state] += regime.share / 2**20 * weight / max(1, sum(states.first))
            for spell in authored.spells:
                assert abs(1_000 * shares[STATES.index(spell.state)] - spell.share) < 2
            assert sum(shares) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("years", [12, pytest.param(400, marks=pytest.mark.slow)])
def test_shares_and_spells_come_out(years: int) -> None:
    time, spells = seen(segments(years, 1))
    for zone in DEFINITION.zones:
        for season in zone.seasons:
            total = sum(time[zone.id, season.season, state] for state in STATES)
            assert sum(1 for state in STATES if time[zone.id, season.season, state]) <= len(season.spells)
            for spell in season.spells:
                key = zone.id, season.season, spell.state
                assert abs(1_000 * time[key] / total - spell.share) < 30, key
                if spells[key] > 150:
                    assert time[key] / spells[key] == pytest.approx(spell.lasts, rel=0.1), key


ODD = {
    "one weather only": {"clear": (1_000, 3_600)},
    "two in turn": {"clear": (600, 7_200), "rain": (400, 7_200)},
    "one that is nearly all": {"fog": (900, 36_000), "mist": (100, 4_000)},
    "spells of days": {"clear": (500, 200_000), "rain": (300, 100_000), "snow": (200, 150_000)},
}


def test_any_climate_has_a_law() -> None:
    """Its shares come out whatever they are. That of a spell that is mostly followed by its like does not."""
    for name, written in ODD.items():
        spells = tuple(Spell(state, share, lasts) for state, (share, lasts) in written.items())
        law = law_of([Zone("coast", "the coast", 7_200, (SeasonClimate("always", 0, 1_000, spells),))])
        days = 1_000 if name == "spells of days" else 250
        segment = Segment(law, law.seasons[0], 3, 0, days, 86_400)
        time = dict.fromkeys(STATES, 0)
        pieces = segment.pieces(0)
        for piece, after in pairwise(pieces):
            assert piece.state != after.state
            time[STATES[piece.state]] += after.at_s - piece.at_s
        time[STATES[pieces[-1].state]] += segment.end_s - pieces[-1].at_s
        for spell in spells:
            assert abs(1_000 * time[spell.state] / segment.end_s - spell.share) < 60, (name, spell)


def test_zones_may_write_their_seasons_in_any_order_but_must_have_the_same() -> None:
    first, second, *rest = DEFINITION.zones
    turned = replace(second, seasons=second.seasons[::-1])
    assert law_of([first, turned, *rest]) == LAW
    with pytest.raises(ValueError, match="other seasons"):
        law_of([first, replace(second, seasons=second.seasons[1:])])


def test_the_longer_a_weather_lasts_the_likelier_it_ends() -> None:
    """The original's factor ran the other way. By quarters of the mean, and as spells are drawn."""
    spans = nature.spans()
    lengths = [b - a for a, b in pairwise(spans)]
    assert sum(lengths) == nature.UNIT * nature.SPANS, "their mean is the unit"
    segment = next(iter(segments(1, 1)))
    drawn = [segment.span(nature.UNIT, chance(9, n)) for n in range(20_000)]
    hazards = []
    for age in range(nature.UNIT // 4, nature.UNIT * 7 // 4, nature.UNIT // 4):
        there = sum(length >= age for length in drawn)
        hazards.append(sum(age <= length < age + nature.UNIT // 4 for length in drawn) / there)
    assert hazards == sorted(hazards)
    assert hazards[0] < 0.1 < 0.9 < hazards[-1]


def test_fronts_arrive_when_distance_and_speed_say() -> None:
    for segment in segments(2, 5):
        for n, zone in enumerate(LAW.zones):
            visits = segment.visits(n)
            for front, begin_s, end_s in visits:
                assert begin_s < end_s
                metres = zone.lag_s * LAW.speed / 36  # km/10h by seconds
                inland = metres * LAW.slant[front.heading] / 1_000
                expected_s = front.at_s + inland * 36 / front.speed if front.number else front.at_s
                assert abs(begin_s - expected_s) < 1
            starts = {spell.at_s for spell in segment.pieces(n)}
            changes = [visit for visit in visits[1:] if _changes(segment, n, visit.begin_s)]
            assert changes
            assert all(visit.begin_s in starts for visit in changes), "what it brings begins with it"


def _changes(segment: Segment, zone: int, at_s: int) -> bool:
    before = [spell for spell in segment.pieces(zone) if spell.at_s < at_s][-1]
    return any(spell.at_s == at_s and spell.state != before.state for spell in segment.pieces(zone))


def test_from_any_front_the_rest_follows() -> None:
    """A day's checkpoint tells the last front: nobody has to go back further."""
    segment = next(iter(segments(1, 8)))
    for front in segment.fronts[:10]:
        assert list(segment.fronts_from(front)) == segment.fronts[front.number :]


def test_forecasts_come_true_as_often_as_they_say() -> None:
    above = sky()
    for confidence in (950, 800, 600):
        true = [
            expected(above, zone, slot * SLOT_MS, confidence).state
            == STATES[above.piece(zone, slot * SLOT_MS).state]
            for zone in ZONES[:1]
            for slot in range(366 * 4)
        ]
        assert abs(1_000 * sum(true) / len(true) - confidence) < 25


def test_forecasts_only_get_better_as_the_hour_comes_nearer() -> None:
    above = sky()
    for slot in range(200):
        at_ms = 100 * DAY + slot * SLOT_MS
        truth = STATES[above.piece("marsh", at_ms).state]
        right = [expected(above, "marsh", at_ms, sure).state == truth for sure in sorted(CONFIDENCE)]
        assert right == sorted(right)
