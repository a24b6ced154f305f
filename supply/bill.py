"""The bill of materials (CycloneDX): what `cyclonedx-py` finds installed and a run needs, and the weights.

`make sbom` writes out/sbom.cdx.json and validates it; `python -m supply.bill ENVIRONMENT BILL` is its middle.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from supply.installed import PROGRAM, WEIGHTS_PACKAGE, run_time
from supply.weights import Weights, bundled

Bill = Mapping[str, Any]


def complete(environment: Bill, needed: Mapping[str, str], weights: Iterable[Weights]) -> dict[str, Any]:
    """Return the bill of the program from the bill of an environment that it is installed in.

    ``needed``: versions of the packages that a run needs, by canonical name.

    Raises:
        LookupError: the environment lacks one of them, or has another version of it.
    """
    found: dict[str, Bill] = {canonicalize_name(each["name"]): each for each in environment["components"]}
    if lacking := [
        f"{name} {version}" for name, version in needed.items() if _version(found, name) != version
    ]:
        raise LookupError(f"the environment lacks {', '.join(lacking)}")
    kept = [found[name] for name in sorted(needed)]
    models = [_model(each) for each in weights]
    root = {**environment["metadata"]["component"], "version": distribution(PROGRAM).version}
    return {
        **environment,
        "metadata": {**environment["metadata"], "component": root},
        "components": [*kept, *models],
        "dependencies": _dependencies(environment, root["bom-ref"], [*kept, *models]),
    }


def _version(found: Mapping[str, Bill], name: str) -> str | None:
    return found[name]["version"] if name in found else None


def _model(weights: Weights) -> dict[str, Any]:
    """Return a model as a component, each of its files with its digest."""
    ref = f"weights:{weights.name}"
    files = [
        {
            "type": "file",
            "bom-ref": f"{ref}/{path}",
            "name": path,
            "hashes": [{"alg": "SHA-256", "content": digest}],
        }
        for path, digest in weights.files.items()
    ]
    return {
        "type": "machine-learning-model",
        "bom-ref": ref,
        "name": weights.name,
        "version": weights.version,
        "description": weights.says,
        "components": files,
    }


def _dependencies(environment: Bill, root: str, kept: Iterable[Bill]) -> list[dict[str, Any]]:
    """Return who needs whom, among what was kept; what nobody else needs is the program's own."""
    refs = {each["bom-ref"] for each in kept}
    needs = {
        each["ref"]: sorted(refs & set(each.get("dependsOn", ())))
        for each in environment.get("dependencies", ())
        if each["ref"] in refs
    }
    direct = {
        each
        for line in environment.get("dependencies", ())
        if line["ref"] == root
        for each in line["dependsOn"]
    }
    free = refs - {each for names in needs.values() for each in names}
    own = sorted(refs & (direct | free))
    return [
        {"ref": root, "dependsOn": own},
        *({"ref": ref, "dependsOn": needs.get(ref, [])} for ref in sorted(refs)),
    ]


def main(environment: str, bill: str) -> None:
    """Read the bill of the environment from one file, and write the program's to another."""
    needed = {**run_time(), WEIGHTS_PACKAGE: distribution(WEIGHTS_PACKAGE).version}
    made = complete(json.loads(Path(environment).read_text()), needed, bundled())
    Path(bill).write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
