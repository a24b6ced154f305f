"""`aicore env`: where the running system is, as variables for the shell and for other programs' clients."""

import shlex
from typing import Annotated

import typer

from aicore.cli.terminal import Exit, Failure, Json, print_json, running
from aicore.embedded.keyring import Keyring, keyring_for, public_of
from aicore.embedded.ports import shown_host
from aicore.keys import kept_key
from aicore.running import System
from bus.nats.address import parse_address
from protocol.errors import WireError
from protocol.identity import Identity


def env(
    *,
    identity: Annotated[
        str, typer.Option(help="Identity that connects, e.g. service-demo; default: the first service.")
    ] = "",
    json: Json = False,
) -> None:
    """Print where the running system is, for a shell: `eval "$(aicore env)"`.

    NATS_URL, NATS_IDENTITY, and NATS_NKEY, the file of its key's seed, are what the clients of
    docs/game-services.md read; NATS_NKEY_PUBLIC is the public half of the key. OpenAI's own ones read
    OPENAI_BASE_URL and OPENAI_API_KEY.
    """
    settings, system = running()
    found = _wire(system, keyring_for(settings, system.state_dir), identity)
    if system.http_port:
        found["OPENAI_BASE_URL"] = f"http://{shown_host(system.http_host)}:{system.http_port}/v1"
        if key := system.http_key_kept and kept_key(system.state_dir):
            found["OPENAI_API_KEY"] = key
    if json:
        print_json(found)
        return
    for name, value in found.items():
        print(f"export {name}={shlex.quote(value)}")  # noqa: T201 - for a shell: nothing may break the line


def _wire(system: System, keyring: Keyring, wanted: str) -> dict[str, str]:
    """Return how a client connects: as somebody of the keyring, or as the settings say."""
    address = parse_address(system.nats_url)
    files = {f"NATS_{name.upper()}": path for name, path in address.files.items()}
    if not system.nats_components and not wanted:
        url = ",".join(part.partition("?")[0] for part in system.nats_url.split(","))
        return {"NATS_URL": url, **files}
    try:
        who = Identity.parse(wanted) if wanted else keyring.first("service")
    except WireError:
        who = None
    if who is None or keyring.client(who) is None:
        known = ", ".join(str(each.identity) for each in keyring.clients)
        remedy = f"there are {known}" if known else "`aicore services add NAME` makes one"
        raise Failure(f"there is no {wanted or 'service'}", remedy=remedy, code=Exit.USAGE)
    return {
        "NATS_URL": ",".join(address.servers),
        **files,
        "NATS_IDENTITY": str(who),
        "NATS_NKEY": str(keyring.seed_file(who)),
        "NATS_NKEY_PUBLIC": public_of(keyring.seed(who)),
    }
