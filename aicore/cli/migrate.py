"""`aicore migrate`: the schema's changes, by the one login that may make them."""

from typing import Annotated

import typer

from aicore.cli.terminal import Exit, Failure, Json, out, print_json, run_async
from aicore.embedded import EmbeddedPostgres
from aicore.running import find, prepared
from aicore.settings import Settings, load_settings
from bus.postgres.logins import database_of, script
from bus.postgres.migrate import migrate as apply


def migrate(
    *,
    print_roles: Annotated[
        bool,
        typer.Option(
            help="Print SQL for a superuser instead: a login for each component, no rights for others."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Bring the realm's schema up to date, as AICORE_MIGRATE_DSN or else AICORE_POSTGRES_DSN.

    With the embedded Postgres `aicore up` does the same at its start.
    """
    settings = load_settings()
    dsn = settings.migrate_dsn or settings.postgres_dsn
    if print_roles:
        # As it is, without markup: it goes into psql.
        print(script(run_async(database_of(dsn)) if dsn else "aicore"))  # noqa: T201
        return
    realm, done = settings.realm, run_async(apply(dsn, settings.realm)) if dsn else []
    if not dsn:
        realm, done = run_async(_embedded(settings))
    if json:
        print_json({"realm": realm, "applied": done})
        return
    for name in done:
        out.print(f"applied {name}")
    out.print(f"the schema of realm {realm} is up to date")


async def _embedded(settings: Settings) -> tuple[str, list[str]]:
    """Migrate the running embedded server, and make its logins; return its realm, and what was applied."""
    system = find(settings)
    if "postgres" not in system.server_pids:
        raise Failure(
            "no login that may change the schema", remedy="name one with AICORE_MIGRATE_DSN", code=Exit.USAGE
        )
    postgres = EmbeddedPostgres(system.state_dir)
    done = await apply(postgres.dsn, system.realm)
    await prepared(postgres, system.realm)
    return system.realm, done
