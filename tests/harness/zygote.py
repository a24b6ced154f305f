"""A warm parent that forks the kill tests' child programs: 20 ms for a restart, not a second of imports.

Speaks JSON lines: ``{"role", "options", "log"}`` starts a child and answers ``{"pid"}``; ``{"reap": pid}``
waits for the end of a killed child and answers ``{"status"}``; ``{"poll": pid}`` answers ``{"status"}``, null
while it runs. It has one thread and no event loop, so forking is safe. When its input ends (the test is gone)
it dies, and the kernel kills its children with it.
"""

import asyncio
import ctypes
import json
import os
import signal
import sys
import traceback
from typing import Any

from tests.harness import roles

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve requests until the input ends."""
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Do what one request says."""
    if "reap" in request:
        return {"status": os.waitpid(request["reap"], 0)[1]}
    if "poll" in request:
        pid, status = os.waitpid(request["poll"], os.WNOHANG)
        return {"status": status if pid else None}
    pid = os.fork()
    if pid == 0:
        _child(request)
    return {"pid": pid}


def _child(request: dict[str, Any]) -> None:
    code = 1
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        asyncio.run(roles.ROLES[request["role"]](request["options"]))
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)  # never back into the parent's loop


if __name__ == "__main__":
    main()
