"""Numbers of people are found in whatever form they are written; numbers of a game are left alone."""

import itertools
import random
import re

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iban as stdnum_iban

from aicore.training.number_plans import iban_patterns, phone_patterns
from domain.guardrails.check import check
from domain.guardrails.number_plans import IBANS, PHONES
from domain.guardrails.personal import CHECKS, INTERNATIONAL_MIN, card, iban, luhn, phone
from domain.guardrails.stream import StreamGuard
from tests.unit.cases import each_of
from tests.unit.guardrails.kit import mature
from tests.unit.guardrails.test_text import pieces

NATIONAL = [
    "030 901820 14", "0511 4823 117", "0171-2345678", "01512 3456789", "(030) 9018 2014",  # Germany
    "020 7946 0958", "07911 123456", "0161 496 0000", "(0131) 496 0123", "07911123456",  # Britain
    "06 12 34 56 78", "01.42.68.53.00", "0612345678", "09 70 12 34 56",  # France
    "212-555-0187", "(212) 555-0147", "415.555.2671", "604 555 0143",  # North America
    "347 123 4567", "0041 44 668 18 00", "0049 30 90182014", "00 33 6 12 34 56 78",
    "0.3.0 9.0.1.8.2.0 1.4", "044 668 18 00", "0664 1234567", "020 123 4567", "02 9876 5432",
]  # fmt: skip
EMAILS = [
    f"{name}@{domain}"
    for name in ("mara.holt", "j_finch22", "anna-b", "tom.reyes+home", "x", "o%brien", "2fast", "a.b.c.d")
    for domain in (
        "example.com",
        "mail.example.org",
        "posta.example.net",
        "example.co.uk",
        "xn--bcher-kva.de",
    )
] + ["bob [at] example (dot) com", "bob at example dot com", "bob(at)example[dot]org", "BOB@EXAMPLE.COM"]
ADDRESSES = [
    "192.168.14.201", "81.2.69.160", "203.0.113.77", "10.0.0.1", "127.0.0.1", "172.16.4.9", "255.255.255.0",
    "198.51.100.7", "10.9.8.7", "169.254.1.9", "100.64.0.1", "8.8.4.100", "217.0.43.1", "46.4.105.116",
    "2001:db8:85a3:0:0:8a2e:370:7334", "fe80::a:b:c", "2001:db8::1:2", "2a00:1450:4001::200e", "fe80:0:0::1",
    "2606:4700::6810:84e5", "fd12:3456:789a:1::1", "2001:0db8:0000:0000:0000:ff00:0042:8329",
    "::ffff:c000:0280"[2:] + "::1", "2001:470:1f0b::5:1",
]  # fmt: skip
SPOKEN = ["my ip is 8.8.4.4", "ping 1.1.1.1", "the server at 5.9.32.4", "connect to 9.9.9.9", "IP: 4.2.2.2"]


def cards() -> list[str]:
    """Numbers made by each scheme's rules, in the groups in which they are printed."""
    draws = random.Random(7)
    heads = [
        ("4", 16), ("4", 13), ("4", 19), ("51", 16), ("55", 16), ("2221", 16), ("2720", 16), ("34", 15),
        ("37", 15), ("6011", 16), ("65", 16), ("644", 16), ("36", 14), ("305", 14), ("3530", 16), ("62", 16),
        ("62", 19), ("6759", 18), ("5018", 16), ("2200", 16), ("9792", 16), ("8171", 16),
    ]  # fmt: skip
    made: list[str] = []
    for head, length in heads:
        body = head + "".join(str(draws.randint(0, 9)) for _ in range(length - len(head) - 1))
        number = next(f"{body}{last}" for last in range(10) if luhn(f"{body}{last}"))
        made += [number, " ".join(re.findall(".{1,4}", number)), "-".join(re.findall(".{1,4}", number))]
    return made


def accounts() -> list[str]:
    """One account of every country, with its check digits."""
    draws, made = random.Random(7), []
    for country, pattern in IBANS.items():
        body = ""
        for kind, count in re.findall(r"\[([^\]]+)\]\{(\d+)\}", pattern):
            alphabet = {"0-9": "0123456789", "a-z": "abcdefgh", "a-z0-9": "0123456789abc"}[kind]
            body += "".join(draws.choice(alphabet) for _ in range(int(count)))
        digits = stdnum_iban.calc_check_digits(f"{country}00{body}".upper())
        number = f"{country}{digits}{body}".upper()
        made += [number, " ".join(re.findall(".{1,4}", number))]
    return made


def international() -> list[str]:
    """An example of each country's numbers, fixed and mobile, in both of the library's ways to write it."""
    made: list[str] = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE):
            number = phonenumbers.example_number_for_type(region, kind)
            if number is not None:
                formats = (phonenumbers.PhoneNumberFormat.E164, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
                made += [phonenumbers.format_number(number, form) for form in formats]
    return made


def rules_in(text: str) -> set[str]:
    return {each.rule for each in check(mature(), text, side="input").findings}


@pytest.mark.parametrize(
    ("rule", "forms"),
    [
        ("phone", NATIONAL), ("email", EMAILS), ("ip", ADDRESSES), ("card", cards()), ("iban", accounts()),
        ("phone", ["+44 20 7946 0958", "+1 (212) 555-0187", "+49 (0)30 901820", "+33 6 12 34 56 78",
                   "+81 90-1234-5678", "+91 98765 43210", "+48 600 123 456", "+4915112345678",
                   "+45 32 12 34 56"]),
    ],
    ids=["national", "email", "ip", "card", "iban", "international"],
)  # fmt: skip
def test_what_belongs_to_people_is_found_whole(rule: str, forms: list[str]) -> None:
    missed = [
        form
        for form in forms
        if check(mature(), f"Take {form}, and come.", side="input").text != "Take \u2014, and come."
        or rule not in rules_in(f"Take {form}, and come.")
    ]
    assert missed == []


def test_there_are_enough_of_each() -> None:
    assert min(map(len, (EMAILS, cards(), accounts(), [*NATIONAL, *international()]))) >= 40
    assert len(ADDRESSES) + len(SPOKEN) >= 25


@pytest.mark.parametrize("said", SPOKEN)
def test_small_numbers_are_an_address_where_one_is_spoken_of(said: str) -> None:
    assert "ip" in rules_in(f"Listen, {said} now.")


def test_numbers_of_every_country_are_found() -> None:
    """Of the library's examples all but those of islands that have fewer than nine digits in all."""
    numbers = international()
    missed = [number for number in numbers if "phone" not in rules_in(f"Call {number} now.")]
    long = [number for number in missed if len(re.sub("[^0-9]", "", number)) >= 9]
    assert long == []
    assert len(missed) < len(numbers) / 25


GAME = [
    "You earned +10000 gold and +2500 reputation.",
    "Your strength is +10 20 30 40 now.",
    "Crate 100 200 3000 is yours.",
    "Coordinates 0511 4823 in the wrecks.",
    "Build 1.2.3.4 of the lantern.",
    "Order 1748503543012 is ready.",
    "Meet me at dawn dot com",
    "Order 1748503543018 is ready.",
    "+5 to courage, +10 to wits, +15 to luck.",
    "Gain +1000000 XP.",
    "+250 250 000 XP for the guild.",
    "+500 25000 gold",
    "The vault holds 1 000 000 000 crowns.",
    "HP 250/300, MP 120/150.",
    "Roll 3d6+4, then 2d20-1.",
    "You are at 120, 45, 900.",
    "x:1234 y:5678 z:90",
    "Sector 0042-0017.",
    "It costs 4000 5000 6000 7000 in the four towns.",
    "Version 10.0.0.1 is out.",
    "version number 12.4.100.2",
    "See chapter 4.2.1.3 and section 127.1.2.3.",
    "Patch 2.0.1.105 mends the lamp.",
    "Rule 1.1.1.1 of the guild.",
    "Quest 123-456-7890 is closed.",
    "000 000 0000",
    "Lottery: 01 02 03 04 05",
    "Draw 07 14 21 28 35.",
    "Seed 12345678901234567890.",
    "Seed 8402938475610293.",
    "Item 123456789012345 dropped.",
    "Snowflake 1097635243012345678.",
    "Microseconds 1748503543012345.",
    "1748503543012345678 ns",
    "Day 20261130, hour 0815.",
    "The time is 12:30:45.",
    "12:30:45:10 on the clock",
    "1:2:3:4:5:6:7:8",
    "Ratio 3:1:4:1:5",
    "Score 250 300 4000.",
    "Scores: 600 700 8000 and 400 450 5000.",
    "Level 99, 100 to go.",
    "+300 gold, +450 gold, +50 gold",
    "+12 +24 +36 +48",
    "+100.000.000 gold",
    "+1.000.000.000 XP",
    "+33 000 000 000 damage",
    "+44 0 0 0",
    "Ticket 0000 1111.",
    "Crew 0123 456.",
    "Locker 0207-1999.",
    "Combination 05 17 23.",
    "2d6 +3 against 15",
    "Distance 3000 m, 4500 m, 6000 m.",
    "Row 12 34 56 78 90 12 34",
    "Lot 3@4.50 crowns",
    "5@9.99 a piece",
    "Look at night dot com they say",
    "Wait at home dot net of the fisher.",
    "mp12 gold 300 silver 4000 copper 70",
    "hp20 mana 50 and so on for an hour",
    "DE99 0000 0000 0000 0000 00",
    "XX12 3456 7890 1234 5678",
    "be12 or not to be that is the question",
    "Serial 9999 8888 7777 6666",
    "Batch 1234 5678 9012 3456",
    "Run 1111 2222 3333 4444",
    "IV.7.3, folio 12.4",
    "Moon phase 0.25.50.75",
    "3.1.4.1 and 2.7.1.8",
    "Armour 40 40 40 40 40 40 40",
    "Tally 5000 5050 5100 5150",
    "The dice: 2 3 4 5 5 5 1 2 3 4.",
    "Chapter 1.2.3 4.5.6 7.8.9",
]


@each_of("line", GAME)
def test_numbers_of_a_game_are_left_alone(line: str) -> None:
    assert rules_in(line) & set(CHECKS) == set()
    assert check(mature(), line).text == line


def test_there_are_enough_lines_of_a_game() -> None:
    assert len(GAME) >= 60


@given(st.integers(0, 10**9), st.sampled_from(["gold", "XP", "damage", "crowns"]))
def test_hardly_any_gain_is_a_telephone_number(count: int, what: str) -> None:
    """A gain of fewer than nine digits never is."""
    text = f"+{count} {what}"
    assert len(str(count)) >= 9 or rules_in(text) & set(CHECKS) == set()


def test_few_random_numbers_are_cards() -> None:
    """Luhn alone takes one in ten; with issuers' prefixes and lengths, a few in a hundred."""
    draws = random.Random(3)
    numbers = [str(draws.randrange(10**12, 10**13)) for _ in range(4_000)]
    assert sum(map(card, numbers)) / len(numbers) < 0.02
    assert not any(card(str(ms)) for ms in range(1_748_503_543_000, 1_748_503_544_000))


def test_the_plans_are_what_the_packages_give() -> None:
    assert (phone_patterns(), iban_patterns()) == (dict(PHONES), dict(IBANS))


@given(st.integers(10**7, 10**13))
def test_an_international_number_is_one_if_the_library_says_so(digits: int) -> None:
    text = f"+{digits}"
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        assert not phone(text)
        return
    kinds = {0, 1, 2, 6, 7}  # fixed, mobile, one of both, over IP, personal
    personal = phonenumbers.number_type(number) in kinds and len(text) > INTERNATIONAL_MIN
    leading = str(number.national_number) != text[1:].removeprefix(str(number.country_code))
    assert phone(text) == personal or leading


@given(st.sampled_from([*NATIONAL, *ADDRESSES, *cards(), *accounts(), *SPOKEN]), st.lists(st.integers(0, 90)))
def test_no_cut_of_a_stream_changes_what_is_seen(form: str, cuts: list[int]) -> None:
    """The words before a form are known even where they were given out long ago."""
    for text in (
        f"Version {form} now.",
        f"The tide, the lamp. My address: {form} now.",
        f"{form} and {form}",
    ):
        guard = StreamGuard(mature())
        out = "".join([*map(guard.feed, pieces(text, cuts)), guard.finish()])
        assert out == check(mature(), text).text
        one = StreamGuard(mature())
        assert "".join([*map(one.feed, text), one.finish()]) == out


@given(
    st.sampled_from([*NATIONAL, *EMAILS, *ADDRESSES, *cards(), *accounts()]),
    st.sampled_from("\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\ufe0f\U000e0041"),
    st.sampled_from("\u2800\u3164\uffa0\u115f\u1160"),
)
def test_what_leaves_no_ink_hides_no_number(form: str, nothing: str, blank: str) -> None:
    assert check(mature(), f"Take {nothing.join(form)}, now.").text == "Take \u2014, now."
    assert check(mature(), f"Take {form.replace(' ', blank)}, now.").text == "Take \u2014, now."


def test_accounts_of_a_wrong_country_or_form_are_none() -> None:
    assert all(iban(number) for number in accounts())
    for number, at in itertools.product(accounts()[::2], (2, 6, 9)):
        digit = number[at]
        other = str((int(digit) + 1) % 10) if digit.isdecimal() else "0"
        assert not iban(number[:at] + other + number[at + 1 :])
    assert not iban("XX89370400440532013000")
