"""`aicore env`: where the running system is, as variables for the shell and for other programs' clients."""

import shlex

from aicore.cli.terminal import Json, print_json, running


def env(*, json: Json = False) -> None:
    """Print where the running system is, for a shell: `eval "$(aicore env)"`.

    NATS_URL is what the clients of README.md read, OPENAI_BASE_URL what OpenAI's own ones do.
    """
    _, system = running()
    found = {"NATS_URL": system.nats_url}
    if system.http_port:
        found["OPENAI_BASE_URL"] = f"http://127.0.0.1:{system.http_port}/v1"
    if json:
        print_json(found)
        return
    for name, value in found.items():
        print(f"export {name}={shlex.quote(value)}")  # noqa: T201 - for a shell: nothing may break the line
