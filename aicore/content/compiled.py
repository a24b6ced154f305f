"""What every program needs of the sample world at its start, in a form that is read in a millisecond.

`make world` makes it of the YAML files, which stay the only source: it holds their digest, and with other
files than those it was made of it is passed over and they are read themselves, in a third of a second.
"""

import json  # and not orjson, which the environment that trains has not
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from aicore.content.sample_files import digest

COMPILED = "cindermouth.json"


@lru_cache(1)
def sample() -> dict[str, Any]:
    """Return ``world``, ``speech`` and ``entries`` of the sample world, as plain data."""
    try:
        compiled: dict[str, Any] = json.loads(files("aicore.content").joinpath(COMPILED).read_bytes())
    except FileNotFoundError:
        return compile_sample()
    return compiled if compiled.get("digest") == digest() else compile_sample()


def compile_sample() -> dict[str, Any]:
    """Return the same, made of the YAML files.

    Raises:
        ValueError: they are wrong, naming each place; a test sees to it that they are not.
    """
    # Here, as every start of every program would wait 40 ms for what it does not need.
    from aicore.content.definition import check_sample  # noqa: PLC0415
    from aicore.content.pack import pack_of, speech_of  # noqa: PLC0415
    from domain.definition.entries import entries_of  # noqa: PLC0415

    checked = check_sample()
    if checked.definition is None:
        raise ValueError("; ".join(f"{each.mark} {each.fault.found}" for each in checked.faults))
    return {
        "digest": digest(),
        "world": pack_of(checked.definition),
        "speech": speech_of(checked.definition),
        "entries": [[*key, content] for key, content in entries_of(checked.data).items()],
    }


def main() -> None:
    """Make the file anew, an entry a line."""
    import orjson  # noqa: PLC0415 - as compact as it is needed

    compiled = compile_sample()
    entries = b",\n".join(map(orjson.dumps, compiled.pop("entries")))
    parts = [orjson.dumps(name) + b": " + orjson.dumps(part) for name, part in compiled.items()]
    text = b"{\n" + b",\n".join([*parts, b'"entries": [\n' + entries + b"\n]"]) + b"\n}\n"
    Path(__file__).with_name(COMPILED).write_bytes(text)


if __name__ == "__main__":
    main()
