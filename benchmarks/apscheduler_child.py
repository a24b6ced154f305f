"""APScheduler 3 on Postgres, for the benchmark `clock`: adds jobs, or runs those that are due.

Usage: ``python benchmarks/apscheduler_child.py DSN COUNT FIRST_US APART_US``. With COUNT 0 it runs jobs for
ever. Each run is a row of the table ``ran``. It runs in an environment of its own (`make venv-apscheduler`)
and imports nothing of ours.
"""

import sys
import time
from datetime import UTC, datetime, timedelta

DSN = sys.argv[1]


def note(number: int) -> None:
    """Write down that a job ran."""
    import psycopg  # noqa: PLC0415 - beside the others

    with psycopg.connect(DSN) as session, session.cursor() as cursor:
        cursor.execute("INSERT INTO ran VALUES (%s)", (number,))


def main(count: int, first_us: int, apart_us: int) -> None:
    """Add jobs, or run them."""
    from apscheduler.jobstores.sqlalchemy import (  # type: ignore[import-not-found]  # noqa: PLC0415
        SQLAlchemyJobStore,
    )
    from apscheduler.schedulers.background import (  # type: ignore[import-not-found]  # noqa: PLC0415
        BackgroundScheduler,
    )

    # However late, and each of several: the settings under which the least is lost.
    defaults = {"misfire_grace_time": None, "coalesce": False, "max_instances": 1_000}
    scheduler = BackgroundScheduler(
        jobstores={"default": SQLAlchemyJobStore(url=DSN)}, job_defaults=defaults, timezone=UTC
    )
    scheduler.start(paused=count > 0)
    while count == 0:
        scheduler.wakeup()  # one process does not tell another one of new jobs
        time.sleep(0.05)
    epoch = datetime.fromtimestamp(0, UTC)
    for number in range(count):
        when = epoch + timedelta(microseconds=first_us + number * apart_us)
        scheduler.add_job(note, "date", run_date=when, args=[number], id=str(number))


if __name__ == "__main__":
    main(*map(int, sys.argv[2:5]))
