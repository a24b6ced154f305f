"""Read models for the command line: rebuilt from the log, and compared with it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from aicore.cli.terminal import Exit, Failure, progress, run_async, running
from aicore.clock import now_us
from aicore.wiring.components import projection_runners
from aicore.wiring.contexts import views_of
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.postgres.connect import connect_pool
from bus.postgres.log import open_log
from projections.kernel.runner import Comparison, ProjectionRunner


def compared(names: Sequence[str]) -> Sequence[Comparison]:
    """Return how the read models named, or all, stand to rows that are made again from the log."""

    async def work() -> list[Comparison]:
        async with open_runners(names) as runners:
            with progress() as bar:
                bar.add_task("comparing", total=None)
                return [await runner.verify() for runner in runners.values()]

    return run_async(work())


def refuse_differing(found: Comparison) -> None:
    """Raise `Failure` if a read model is not what the log makes of it."""
    if not found.ok:
        raise Failure(
            f"{found.name} differs from a rebuild in {found.differing} rows, first {found.first_difference}",
            remedy=f"`aicore projections rebuild {found.name}` repairs it",
        )


@asynccontextmanager
async def open_runners(names: Sequence[str]) -> AsyncIterator[Mapping[str, ProjectionRunner]]:
    """Yield the runners of the read models named, or of all."""
    settings, system = running()
    pool = await connect_pool(
        system.dsn_of("aicore_projector"), system.realm, role="aicore_projector", size_max=2
    )
    try:
        async with open_log(system.postgres_dsn, system.realm, now_us=now_us, writer=False) as log:
            runners = projection_runners(pool, log, EventCodec(domain_catalogue()), views_of(settings))
            if unknown := [name for name in names if name not in runners]:
                there = ", ".join(runners)
                raise Failure(f"no projection {unknown[0]!r}", remedy=f"there are {there}", code=Exit.USAGE)
            yield {name: runner for name, runner in runners.items() if name in names or not names}
    finally:
        pool.terminate()
