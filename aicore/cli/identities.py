"""`aicore services`, `aicore operators`, `aicore nats`: who may connect, and what each of them may do."""

from collections.abc import Collection
from contextlib import suppress
from typing import Annotated

import asyncpg
import typer

from aicore.cli.terminal import (
    Exit,
    Failure,
    Json,
    Kind,
    Listing,
    known_settings,
    out,
    print_json,
    print_rows,
    run_async,
    running,
)
from aicore.embedded.keyring import Keyring, keyring_of
from aicore.embedded.nats import reload_identities
from aicore.running import NotRunning, System
from aicore.settings import Settings
from bus.catalogue import domain_catalogue
from bus.nats.api import Missing
from bus.nats.connection import connect
from bus.nats.followers import ensure_follower, followers_there, remove_follower
from bus.nats.server_config import accounts_of, rendered
from bus.permissions import (
    COMPONENTS,
    GrantError,
    Grants,
    Rights,
    client_rights,
    component_rights,
    consumers_of,
    followed,
    follower_filters,
    followers_of,
    granted,
    names_of,
)
from bus.postgres.connect import connect as connect_log
from bus.relay.floors import forget, recorded
from bus.relay.relay import ROLE as RELAY_ROLE
from domain.kernel.roles import PEOPLE, Role
from protocol.errors import WireError
from protocol.identity import Identity

services = typer.Typer(no_args_is_help=True, help="Game services: their keys, and what each may do.")
operators = typer.Typer(no_args_is_help=True, help="People and pipelines that govern: keys and roles.")
nats = typer.Typer(no_args_is_help=True, help="Permissions on NATS, for a server of your own.")

Name = Annotated[str, typer.Argument(help="Name: a lower-case letter, then up to 30 of a-z, 0-9 and _.")]


@services.command("add")
def add_service(
    name: Name,
    *,
    may: Annotated[
        list[str] | None,
        typer.Option(help="Command or query beyond those of every service, or CONTEXT.*; repeatable."),
    ] = None,
    follow: Annotated[
        list[str] | None,
        typer.Option(help="Context whose events it may follow, or all; default: all without players' words."),
    ] = None,
    follower: Annotated[
        list[str] | None,
        typer.Option(help="Name of something in it that follows events at a pace of its own; repeatable."),
    ] = None,
    json: Json = False,
) -> None:
    """Give a service a key, or the one that has it other rights; it may connect at once.

    Followers that are not named again are removed, with the place where each stood.
    """
    catalogue = domain_catalogue()
    try:
        given = Grants(
            _identity("service", name),
            may=granted(catalogue, may or []),
            follow=followed(catalogue, follow or []),
            followers=followers_of(follower or []),
        )
    except GrantError as error:
        raise Failure(str(error), code=Exit.USAGE) from None
    _give(given, json=json)


@operators.command("add")
def add_operator(
    name: Name,
    role: Annotated[list[str], typer.Option(help=f"Role: {', '.join(PEOPLE)}; repeatable.")],
    *,
    person: Annotated[
        str, typer.Option(help="Name of who has the key, if it is not the key's; two keys of one are no two.")
    ] = "",
    json: Json = False,
) -> None:
    """Give an operator a key, or the one that has it other roles."""
    roles: list[Role] = []
    for each in role:
        found = next((known for known in PEOPLE if known == each), None)
        if found is None:
            raise Failure(
                f"there is no role {each!r}", remedy=f"there are {', '.join(PEOPLE)}", code=Exit.USAGE
            )
        roles.append(found)
    who, owner = _identity("operator", name), person and _identity("operator", person).name
    _give(Grants(who, roles=tuple(dict.fromkeys(roles)), person=owner), json=json)


@services.command("list")
def list_services(*, json: Json = False) -> None:
    """List the services, with what each may send and follow."""
    _list("service", json=json)


@operators.command("list")
def list_operators(*, json: Json = False) -> None:
    """List the operators, with their roles."""
    _list("operator", json=json)


@services.command("revoke")
def revoke_service(name: Name, *, json: Json = False) -> None:
    """Take a service's key away; its connections are cut at once."""
    _revoke(_identity("service", name), json=json)


@operators.command("revoke")
def revoke_operator(name: Name, *, json: Json = False) -> None:
    """Take an operator's key away; their connections are cut at once."""
    _revoke(_identity("operator", name), json=json)


@nats.command("permissions")
def permissions(*, json: Json = False) -> None:
    """Print the accounts, users and permissions for a server of your own, to be included in its file.

    It holds public keys only; the seeds are in the state directory.
    """
    settings, keyring = _place()
    accounts = accounts_of(settings.realm, domain_catalogue(), keyring.clients, keyring.public_keys())
    if json:
        print_json({"accounts": accounts})
    else:
        print(rendered(accounts), end="")  # noqa: T201 - a file: nothing may break its lines


@nats.command("matrix")
def matrix(*, json: Json = False) -> None:
    """Show what each identity may publish and subscribe to."""
    settings, keyring = _place()
    rights = rights_of(settings.realm, keyring)
    if json:
        print_json(
            {
                str(who): {
                    "publish": its.publish,
                    "publish_not": its.publish_not,
                    "subscribe": its.subscribe,
                }
                for who, its in rights.items()
            }
        )
        return
    rows = [
        [str(who), verb, subject]
        for who, its in rights.items()
        for verb, subjects in (
            ("publish", its.publish),
            ("not", its.publish_not),
            ("subscribe", its.subscribe),
        )
        for subject in subjects
    ]
    columns = {"identity": Kind.NAME, "verb": Kind.NAME, "subject": Kind.TEXT}
    print_rows(Listing(columns, rows), "nobody")


def rights_of(realm: str, keyring: Keyring) -> dict[Identity, Rights]:
    """Return what every identity of a keyring may do."""
    found = {Identity("component", name): component_rights(realm, name) for name in COMPONENTS}
    clients = {each.identity: client_rights(realm, domain_catalogue(), each) for each in keyring.clients}
    return {**found, **clients}


def _list(kind: str, *, json: bool) -> None:
    _, keyring = _place()
    catalogue = domain_catalogue()
    found = [each for each in keyring.clients if each.identity.kind == kind]
    if json:
        print_json(
            [
                {
                    "name": each.identity.name,
                    "roles": each.roles,
                    "person": each.person,
                    "may": names_of(catalogue, each),
                    "follow": each.follow,
                    "followers": each.followers,
                    "seed_file": str(keyring.seed_file(each.identity)),
                }
                for each in found
            ]
        )
        return
    rows = [
        [each.identity.name, " ".join(each.roles or each.follow), " ".join(names_of(catalogue, each))]
        for each in found
    ]
    what = "roles" if kind == "operator" else "follows"
    print_rows(Listing({kind: Kind.NAME, what: Kind.TEXT, "may send": Kind.TEXT}, rows), f"no {kind}s")


# --- changes ------------------------------------------------------------------------------------------------


def _identity(kind: str, name: str) -> Identity:
    try:
        return Identity.parse(f"{kind}-{name}")
    except WireError:
        told = "a name is a lower-case letter, then up to 30 of a-z, 0-9 and _"
        raise Failure(f"{name!r} cannot be a name", remedy=told, code=Exit.USAGE) from None


def _place() -> tuple[Settings, Keyring]:
    """Return the settings with the realm that runs, and the keys of the state directory."""
    settings = known_settings()
    try:
        realm = running()[1].realm
    except NotRunning:
        realm = settings.realm
    return settings.model_copy(update={"realm": realm}), keyring_of(settings.state_dir)


def _give(given: Grants, *, json: bool) -> None:
    settings, keyring = _place()
    keyring.give(given)
    when = _applied(settings, given.identity)
    seed = keyring.seed_file(given.identity)
    if json:
        print_json({"identity": str(given.identity), "seed_file": str(seed), "effect": when})
        return
    out.print(f"{given.identity} may connect {when}; the seed of its key: {seed}", soft_wrap=True)


def _revoke(identity: Identity, *, json: bool) -> None:
    settings, keyring = _place()
    if keyring.client(identity) is None:
        known = ", ".join(e.identity.name for e in keyring.clients if e.identity.kind == identity.kind)
        raise Failure(
            f"there is no {identity.kind} {identity.name!r}", remedy=f"there are {known}", code=Exit.USAGE
        )
    keyring.revoke(identity)
    when = _applied(settings, identity)
    if json:
        print_json({"identity": str(identity), "effect": when})
        return
    out.print(f"{identity} is revoked {when}", soft_wrap=True)


def _applied(settings: Settings, changed: Identity) -> str:
    """Have the running server know who there is, and the consumers be theirs; say when it takes effect."""
    try:
        _, system = running()
    except NotRunning:
        return "from the next start on"
    if not system.server_pids.get("nats"):
        run_async(_consumers(system, changed))
        return "as soon as your server has the file of `aicore nats permissions`"
    reload_identities(settings.state_dir, system.realm)
    run_async(_consumers(system, changed))
    return "now"


async def _consumers(system: System, changed: Identity) -> None:
    """Make the durable consumers of each service that may follow; remove what ``changed`` has no more."""
    clients, realm = keyring_of(system.state_dir).clients, system.realm
    wanted = {name: grants for grants in clients for name in consumers_of(realm, grants)}
    async with connect(system.owner_url, name="aicore cli") as nc:
        with suppress(Missing):
            for name in await followers_there(nc, realm, str(changed)):
                if name not in wanted:
                    await remove_follower(nc, realm, name)
        for name, grants in wanted.items():
            await ensure_follower(nc, realm, name, follower_filters(realm, grants))
    with suppress(OSError, asyncpg.PostgresError):  # then the relay forgets it, as it sees that it is gone
        await _forget(system, str(changed), wanted)


async def _forget(system: System, owner: str, wanted: Collection[str]) -> None:
    """Let the relay not make anew what a service had: also if it is to do so just now, or is away."""
    relay = await connect_log(system.dsn_of(RELAY_ROLE), system.realm, role=RELAY_ROLE)
    try:
        names = [floor.name for floor in await recorded(relay)]
        own = [name for name in names if name == owner or name.startswith(f"{owner}-")]
        await forget(relay, [name for name in own if name not in wanted])
    finally:
        await relay.close()
