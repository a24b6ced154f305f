"""MLflow's registry on a database, called directly, without its HTTP server.

Usage: ``python benchmarks/mlflow_child.py DSN NUMBER``. Prints one JSON object with the times of single calls
in ms. It runs in an environment of its own (`make venv-mlflow`) and imports nothing of ours.
"""

import json
import logging
import sys
import time

NAME = "npc_dialogue"


def main(dsn: str, number: int) -> dict[str, list[float]]:
    """Register versions, move the alias of the current one, and look it up."""
    logging.disable(logging.WARNING)
    from mlflow import MlflowClient  # type: ignore[import-not-found]  # noqa: PLC0415 - takes seconds

    client = MlflowClient(tracking_uri=dsn, registry_uri=dsn)
    client.create_registered_model(NAME)
    took: dict[str, list[float]] = {"register": [], "status": [], "lookup": []}

    def timed(what: str, call: object, *arguments: object) -> object:
        began = time.perf_counter()
        found = call(*arguments)  # type: ignore[operator]  # a method
        took[what].append((time.perf_counter() - began) * 1e3)
        return found

    for _ in range(number):
        version = timed("register", client.create_model_version, NAME, "file:///nowhere")
        timed("status", client.set_registered_model_alias, NAME, "current", version.version)  # type: ignore[attr-defined]
        timed("lookup", client.get_model_version_by_alias, NAME, "current")
    return took


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(main(sys.argv[1], int(sys.argv[2]))) + "\n")
