"""Makes `domain/guardrails/number_plans.py`: which telephone numbers and accounts there can be.

Run it with `make number-plans` after an update of phonenumbers (Google's libphonenumber) or python-stdnum
(SWIFT's registry of IBANs), and commit the result. They carry the plans, and are needed here and in tests,
never by the program: the library takes 30 to 100 µs for a number and 0.2 s to begin with, a pattern some µs.
"""

import re
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import phonenumbers

OUTPUT = Path(__file__).parents[2] / "domain" / "guardrails" / "number_plans.py"

KINDS = ("fixed_line", "mobile", "voip", "personal_number")
"""Kinds of numbers that reach a person; what is free or dear to call reaches a company."""

CHARACTERS = {"n": "[0-9]", "a": "[a-z]", "c": "[a-z0-9]"}
"""What the registry's letters stand for, in the plain folding."""

HEAD = '''"""Which telephone numbers and accounts there can be. Made by `make number-plans`; do not edit.

Source: {source}.
"""

from collections.abc import Mapping

PHONES: Mapping[str, str] = {{
'''

MIDDLE = '''}  # fmt: skip
"""By calling code the pattern of the national numbers, without the zero before them, that reach a person."""

IBANS: Mapping[str, str] = {
'''

FOOT = '''}  # fmt: skip
"""By country the pattern of what follows the check digits of an account's number (ISO 13616)."""
'''


def main() -> None:
    """Write the plans."""
    OUTPUT.write_text(module(), encoding="ascii")


def module() -> str:
    """Return the text of the module that holds the plans."""
    source = f"libphonenumber {version('phonenumbers')}; IBANs by python-stdnum {version('python-stdnum')}"
    phones = [f'    "{code}": r"{pattern}",\n' for code, pattern in sorted(phone_patterns().items())]
    ibans = [f'    "{country}": "{pattern}",\n' for country, pattern in sorted(iban_patterns().items())]
    return "".join([HEAD.format(source=source), *phones, MIDDLE, *ibans, FOOT])


def phone_patterns() -> dict[str, str]:
    """Return by calling code one pattern of its countries' numbers."""
    found: dict[str, dict[str, None]] = {}
    for code, regions in sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()):
        for region in regions:
            plan = phonenumbers.PhoneMetadata.metadata_for_region(region)
            for kind in KINDS:
                pattern = getattr(plan and getattr(plan, kind), "national_number_pattern", None)
                if pattern:
                    found.setdefault(str(code), {})[re.sub(r"\s", "", pattern)] = None
    return {code: "|".join(patterns) for code, patterns in found.items()}


def iban_patterns() -> dict[str, str]:
    """Return by country the pattern of its accounts."""
    found: dict[str, str] = {}
    for line in files("stdnum").joinpath("iban.dat").read_text("utf-8").splitlines():
        entry = re.match(r'([A-Z]{2}) .*bban="([^"]+)"', line)
        if entry:
            parts = re.findall(r"([0-9]+)!([nac])", entry[2])
            found[entry[1].lower()] = "".join(f"{CHARACTERS[kind]}{{{count}}}" for count, kind in parts)
    return found


if __name__ == "__main__":
    main()
