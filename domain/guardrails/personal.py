"""Forms of personal data: what they look like, and what tells them from a game's other numbers.

Written in the dialect of `domain.patterns`, over the plain folding. A form begins where no letter or digit
stands before it and ends where none follows. What has a form is only a candidate: a gain of +10000, three
counts in a row, the version 1.2.3.4 and a time in milliseconds have one, too. A number is personal if it can
have been given to somebody: a plan of its country, an issuer's prefix and length, its checksum.
"""

import itertools
import re
from collections.abc import Callable, Mapping
from functools import cache

from domain.guardrails.number_plans import IBANS, PHONES
from domain.guardrails.policy import Detector

_WORD = "[a-z0-9-]"
_TOP = "(com|org|net|info|io|de|uk|eu|fr|it|es|pl|nl|us|edu|gov|example)"

_NO_DIGITS = bytes(byte for byte in range(256) if byte not in b"0123456789")
_VALUES = bytes.maketrans(b"0123456789", bytes(range(10)))
_DOUBLED = bytes.maketrans(bytes(range(10)), bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
"""Bytes of digits as numbers, and those doubled with their digits summed: a hostile text has thousands."""

BEFORE = 48
"""Characters before a form that its check is given."""

FORMS: Mapping[Detector, str] = {
    # RFC 5321 allows 64 octets before the sign; of what it allows there, this is what is in use.
    "email": rf"[a-z0-9._%+-]{{1,64}}@{_WORD}{{1,40}}(\.{_WORD}{{1,40}}){{1,4}}"
    rf"|[a-z0-9._-]{{1,40}} ?[\(\[]at[\)\]] ?{_WORD}{{1,40}}( ?[\(\[]dot[\)\]] ?{_WORD}{{1,40}}){{1,3}}"
    rf"|[a-z0-9._-]{{1,40}} at {_WORD}{{1,40}} dot {_TOP}",
    # International with a plus or 00; national with area code in brackets, or beginning with 0, or 3-3-4.
    "phone": r"(\+|00 ?)[0-9]{1,3}( ?\(0\))?([ .\-/]?\(?[0-9]{1,5}\)?){2,6}"
    r"|\([0-9]{3,5}\) ?[0-9]{3,4}[ .-]?[0-9]{3,5}"
    r"|0[0-9]{2,4}[ /-][0-9]{3,8}([ -]?[0-9]{2,4}){0,2}"
    r"|0[1-9](([ .-][0-9]{2}){4}|([ -][0-9]{4}){2})"
    r"|0[0-9]{9,10}"
    r"|[0-9]{3}[ .-][0-9]{3}[ .-][0-9]{4}"
    r"|[0-9](\.[0-9]){2,5}( [0-9](\.[0-9]){1,5}){1,3}",  # the same, spelled
    # ISO/IEC 7812: 12 to 19 digits, the last by Luhn; shorter ones than 13 are not in use.
    "card": r"[0-9]([ .-]?[0-9]){12,18}",
    # ISO 13616: country, two check digits, up to 30 letters and digits.
    "iban": r"[a-z]{2}[0-9]{2}([ .-]?[a-z0-9]){11,30}",
    "ip": r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}"
    r"|[0-9a-f]{1,4}:([0-9a-f]{0,4}:){2,6}[0-9a-f]{1,4}",
}

ROUND = 50
"""What all groups of a game's counts are multiples of ("250 300 4000"), and those of a number to call not."""

INTERNATIONAL_MIN, INTERNATIONAL_MAX = 9, 15
"""Digits with the calling code. The limit is ITU-T E.164's; below, islands' numbers look like any gain."""

NATIONAL = re.compile(r"0[1-9][0-9]{7,10}")
"""A number with the zero of long distance. The shortest in use have 9 digits; 0511 4823 may be a place."""

UNSPACED = re.compile(r"0(?:[67][0-9]{8}|7[0-9]{9}|4[0-9]{8}|1[567][0-9]{8,9}|[789]0[0-9]{8}|10[0-9]{8})")
"""Mobile numbers of France, the Netherlands, Britain, Australia, Germany, Japan, Korea, as they are typed."""

ITALIAN = re.compile("3[2-9][0-9]{8}")
"""Mobile numbers of Italy, which have no zero and are grouped as America's are."""

ISSUED = re.compile(
    rb"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    rb"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    rb"|3[47]\d{13}"  # American Express
    rb"|3(?:0[0-5]|[689]\d)\d{11}(?:\d{2,5})?"  # Diners Club
    rb"|35(?:2[89]|[3-8]\d)\d{12,15}"  # JCB
    rb"|6(?:011|4[4-9]\d|5\d\d|2\d\d)\d{12,15}"  # Discover, RuPay, UnionPay
    rb"|(?:81\d\d|60\d\d|508[5-9]|9792|8600|9860)\d{12}"  # UnionPay, RuPay, Hipercard, Troy, Uzcard, Humo
    rb"|220[0-4]\d{12,15}"  # Mir
    rb"|(?:50(?:18|20|38|6\d|78|9\d)|5[678]\d\d|63(?:04|[6-9]\d)|67(?:59|6[1-3]|09|71))\d{9,15}"  # Maestro
)
"""Prefixes and lengths that issuers of cards have, by scheme; none here begins with 1, as times of today do.

Source: the schemes' ranges in ISO/IEC 7812, as Wikipedia collects them ("Payment card number"), 2026-11."""

VERSION = re.compile(
    r"(?:version|versions|build|builds|release|patch|update|firmware|driver|protocol|chapter|section|rule"
    r"|paragraph|verse|level|floor|ver|rev|v)(?: (?:number|no|nr|is|was))?[ .:#]*$"
)
"""What stands before the number of a version, or of a place in a book."""

HOST = re.compile(
    r"\b(?:ip|ips|ipv4|address|server|host|hosted|ping|connect|dns|ssh|gateway|router|subnet)\b"
)
"""What is spoken of with an address."""

NETWORK = re.compile(r"(?:10|127|192\.168|172\.(?:1[6-9]|2[0-9]|3[01]))\.")
"""Private networks and the machine itself (RFC 1918, RFC 1122)."""

NO_NAME = frozenset(
    [
        "me", "you", "us", "him", "her", "them", "it", "he", "she", "we", "they", "i", "be", "is", "are",
        "was", "were", "am", "been", "here", "there", "all", "or", "and", "up", "out", "down", "back",
        "still", "just", "then", "now", "not", "only", "meet", "look", "looks", "looking", "wait",
        "waits", "waiting", "stay", "stays", "arrive", "arrives", "stop", "sit", "sat", "stand", "stands",
        "stood", "come", "comes", "go", "goes", "camp", "gather", "begin", "begins", "start", "starts",
        "end", "ends", "leave", "leaves",
    ]
)  # fmt: skip
"""Words that stand before "at" in a sentence: "meet me at dawn dot com" is no address."""


def phone(text: str, before: str = "") -> bool:
    """Say whether a text is a telephone number: one that its country gives out, or a national one's form."""
    digits = text.encode("ascii", "replace").translate(None, _NO_DIGITS).decode()
    if text.startswith(("+", "00")):
        given = _international(digits.removeprefix("00"), text)
    elif digits.startswith("0"):
        given = bool((UNSPACED if text.isdecimal() else NATIONAL).fullmatch(digits)) and not _counted(text)
    else:
        given = bool(_plan("1").fullmatch(digits) or ITALIAN.fullmatch(digits))
    return given and not rounded(text)


def _international(digits: str, text: str) -> bool:
    if not INTERNATIONAL_MIN <= len(digits) <= INTERNATIONAL_MAX + 1:
        return False
    code = next((digits[:n] for n in (1, 2, 3) if digits[:n] in PHONES), None)
    if code is None:
        return False
    national = digits[len(code) :]
    if "(0)" in text and national.startswith("0"):
        national = national[1:]
    return len(code) + len(national) <= INTERNATIONAL_MAX and bool(_plan(code).fullmatch(national))


@cache
def _plan(code: str) -> re.Pattern[str]:
    return re.compile(PHONES[code])


def rounded(text: str) -> bool:
    """Say whether a text has several numbers, and all are round: counts."""
    groups = re.findall("[0-9]+", text)
    return len(groups) > 1 and all(int(group) % ROUND == 0 for group in groups)


def _counted(text: str) -> bool:
    """Say whether a text counts: "01 02 03 04 05"."""
    groups = [int(group) for group in re.findall("[0-9]+", text)]
    steps = {after - before for before, after in itertools.pairwise(groups)}
    return len(groups) > 2 and len(steps) == 1


def card(text: str, before: str = "") -> bool:
    """Say whether a text is a card's number: issued, by prefix and length, and with its check digit."""
    digits = text.encode("ascii", "replace").translate(None, _NO_DIGITS)
    return bool(ISSUED.fullmatch(digits)) and luhn(text) and not rounded(text)


def luhn(text: str) -> bool:
    """Say whether the digits of a text end in their Luhn check digit (ISO/IEC 7812-1, annex B)."""
    digits = text.encode("ascii", "replace").translate(_VALUES, _NO_DIGITS)
    return 13 <= len(digits) <= 19 and any(digits) and _luhn_sum(digits) % 10 == 0


def _luhn_sum(digits: bytes) -> int:
    return sum(digits[::-2]) + sum(digits[-2::-2].translate(_DOUBLED))


def iban(text: str, before: str = "") -> bool:
    """Say whether a text is an IBAN: of its country's form, and read with its head at the end 1 modulo 97."""
    whole = re.sub("[^a-z0-9]", "", text.lower())
    pattern = IBANS.get(whole[:2])
    if pattern is None or not re.fullmatch(pattern, whole[4:]):
        return False
    return int("".join(str(int(c, 36)) for c in whole[4:] + whole[:4])) % 97 == 1


def address(text: str, before: str = "") -> bool:
    """Say whether a text is an IP address: four bytes, or two to eight groups with a gap or eight without.

    Four small numbers are one only where an address is spoken of: they are a version otherwise.
    """
    if ":" in text:
        groups = text.split(":")
        whole = len(groups) == 8 if "" not in groups else groups.count("") == 1 and len(groups) <= 8
        return whole and any(len(group) > 2 or not group.isdecimal() for group in groups if group)
    parts = text.split(".")
    if any(int(part) > 255 or (part[0] == "0" and part != "0") for part in parts) or VERSION.search(before):
        return False
    return any(len(part) == 3 for part in parts) or bool(NETWORK.match(text) or HOST.search(before))


def email(text: str, before: str = "") -> bool:
    """Say whether a text is an address of electronic mail: it ends in letters, its name is a name."""
    if "@" in text:
        top = text.rpartition(".")[2]
        return len(top) > 1 and not top.isdecimal()
    return text.split(" ", maxsplit=1)[0] not in NO_NAME


CHECKS: Mapping[Detector, Callable[[str, str], bool]] = {
    "email": email, "phone": phone, "card": card, "iban": iban, "ip": address,
}  # fmt: skip
"""Whether a form's text is what it looks like, given up to `BEFORE` characters before it; see `PLACED`."""

PLACED: frozenset[Detector] = frozenset({"ip"})
"""Forms that mean something else with other words before them; the other checks are given none."""
