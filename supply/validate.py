"""Validate a bill of materials with CycloneDX's own validator, which is in .venv-sbom: `make sbom`."""

import json
import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


def main(path: str) -> None:
    """Raise `SystemExit` with what is wrong, if the file is no valid bill."""
    text = Path(path).read_text(encoding="utf-8")
    version = SchemaVersion.from_version(json.loads(text)["specVersion"])
    if fault := JsonStrictValidator(version).validate_str(text):
        raise SystemExit(f"{path}: {fault}")
    sys.stdout.write(f"{path} is valid CycloneDX {version.to_version()}\n")


if __name__ == "__main__":
    main(sys.argv[1])
