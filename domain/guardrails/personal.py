"""Forms of personal data: what they look like, and the checksums that tell them from other numbers.

Written in the dialect of `domain.patterns`, over the plain folding. A form begins where no letter or digit
stands before it and ends where none follows.
"""

import re
from collections.abc import Callable, Mapping

from domain.guardrails.policy import Detector

_WORD = "[a-z0-9-]"
_TOP = "(com|org|net|info|io|de|uk|eu|fr|it|es|pl|nl|us|edu|gov|example)"

_NO_DIGITS = bytes(byte for byte in range(256) if byte not in b"0123456789")
_VALUES = bytes.maketrans(b"0123456789", bytes(range(10)))
_DOUBLED = bytes.maketrans(bytes(range(10)), bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
"""Bytes of digits as numbers, and those doubled with their digits summed: a hostile text has thousands."""

FORMS: Mapping[Detector, str] = {
    # RFC 5321 allows 64 octets before the sign; of what it allows there, this is what is in use.
    "email": rf"[a-z0-9._%+-]{{1,64}}@{_WORD}{{1,40}}(\.{_WORD}{{1,40}}){{1,4}}"
    rf"|[a-z0-9._-]{{1,40}} ?[\(\[]at[\)\]] ?{_WORD}{{1,40}}( ?[\(\[]dot[\)\]] ?{_WORD}{{1,40}}){{1,3}}"
    rf"|[a-z0-9._-]{{1,40}} at {_WORD}{{1,40}} dot {_TOP}",
    # International with a plus; national with area code in brackets, or beginning with 0, or 3-3-4.
    "phone": r"\+[0-9]{1,3}([ .\-/]?\(?[0-9]{2,5}\)?){2,4}"
    r"|\([0-9]{3,5}\) ?[0-9]{3,4}[ .-]?[0-9]{3,5}"
    r"|0[0-9]{2,4}[ /-][0-9]{3,8}([ -]?[0-9]{2,4}){0,2}"
    r"|[0-9]{3}[ .-][0-9]{3}[ .-][0-9]{4}",
    # ISO/IEC 7812: 12 to 19 digits, the last by Luhn; shorter ones than 13 are not in use.
    "card": r"[0-9]([ -]?[0-9]){12,18}",
    # ISO 13616: country, two check digits, up to 30 letters and digits.
    "iban": r"[a-z]{2}[0-9]{2}( ?[a-z0-9]){11,30}",
    "ip": r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}"
    r"|[0-9a-f]{1,4}:([0-9a-f]{0,4}:){2,6}[0-9a-f]{1,4}",
}


def luhn(text: str) -> bool:
    """Say whether the digits of a text end in their Luhn check digit (ISO/IEC 7812-1, annex B)."""
    digits = text.encode("ascii", "replace").translate(_VALUES, _NO_DIGITS)
    return 13 <= len(digits) <= 19 and any(digits) and _luhn_sum(digits) % 10 == 0


def _luhn_sum(digits: bytes) -> int:
    return sum(digits[::-2]) + sum(digits[-2::-2].translate(_DOUBLED))


def iban(text: str) -> bool:
    """Say whether a text is an IBAN: read with its head at the end it leaves 1 modulo 97 (ISO 13616)."""
    whole = re.sub("[^a-z0-9]", "", text.lower())
    return 15 <= len(whole) <= 34 and int("".join(str(int(c, 36)) for c in whole[4:] + whole[:4])) % 97 == 1


def address(text: str) -> bool:
    """Say whether a text is an IP address: four bytes, or two to eight groups with a gap or eight without."""
    if ":" in text:
        groups = text.split(":")
        return len(groups) == 8 if "" not in groups else groups.count("") == 1 and len(groups) <= 8
    return all(part.isdigit() and int(part) < 256 for part in text.split("."))


CHECKS: Mapping[Detector, Callable[[str], bool]] = {"card": luhn, "iban": iban, "ip": address}
