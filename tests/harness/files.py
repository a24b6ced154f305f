"""A process whose open files are at their limit."""

import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def no_file_left(*, stealing: bool = False) -> Iterator[None]:
    """Let this process open no file more; ``stealing``: a thread takes each that comes free."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = [os.open("/dev/null", os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (held[0] + 100, limits[1]))
    over = threading.Event()

    def take() -> None:
        with suppress(OSError):
            while True:
                held.append(os.dup(held[0]))

    def steal() -> None:
        while not over.is_set():
            take()

    thread = threading.Thread(target=steal)
    try:
        take()
        if stealing:
            thread.start()
        yield
    finally:
        over.set()
        if stealing:
            thread.join()
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for each in held:
            os.close(each)
