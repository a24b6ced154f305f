"""`aicore env`: where the running system is, as variables for the shell and for other programs' clients."""

import shlex

from aicore.cli.terminal import Json, print_json, running
from aicore.embedded.ports import shown_host
from aicore.keys import kept_key


def env(*, json: Json = False) -> None:
    """Print where the running system is, for a shell: `eval "$(aicore env)"`.

    NATS_URL is what the clients of README.md read; OpenAI's own ones read OPENAI_BASE_URL and OPENAI_API_KEY.
    """
    _, system = running()
    found = {"NATS_URL": system.nats_url}
    if system.http_port:
        found["OPENAI_BASE_URL"] = f"http://{shown_host(system.http_host)}:{system.http_port}/v1"
        if key := system.http_key_kept and kept_key(system.state_dir):
            found["OPENAI_API_KEY"] = key
    if json:
        print_json(found)
        return
    for name, value in found.items():
        print(f"export {name}={shlex.quote(value)}")  # noqa: T201 - for a shell: nothing may break the line
