"""Verification of the log, before a page shows what was said or decided."""

from aicore.audit.vouching import Tampered, Vouched, vouch
from aicore.cli.terminal import Failure, progress, run_async
from aicore.running import System


def vouched(system: System) -> Vouched:
    """Verify the log of a system, with a progress bar.

    Raises:
        Failure: the log is not as it was recorded; the page must say nothing.
    """
    with progress() as bar:
        task = bar.add_task("verifying the log", total=None)
        found = run_async(
            vouch(system, progress=lambda done, all_: bar.update(task, completed=done, total=all_))
        )
    refuse_tampered(found)
    return found


def refuse_tampered(found: Vouched) -> None:
    """Raise `Failure` if the log is not as it was recorded."""
    try:
        found.check()
    except Tampered as error:
        raise Failure(str(error), remedy=error.remedy) from None


def shown(found: Vouched) -> str:
    """Return what a page was verified against, in one sentence."""
    head = found.verdict.head
    end = f"{head.position}:{head.hash.hex()}"
    known = " and with ".join(found.known) or "nothing from elsewhere"
    return f"verified: {found.verdict.events:,} events from the genesis to {end}, compared with {known}"
