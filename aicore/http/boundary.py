"""Requests that an HTTP door refuses before it looks at them: by their Host, and because a page sent them.

A page in a browser reaches every port of its machine. From another origin it says so (``Origin``). A page
that makes its own name stand for our address (DNS rebinding) is of our origin to its browser, and only the
name in ``Host`` gives it away; an address in numbers was never looked up, so it cannot be such a name.
"""

import ipaddress
import re
from collections.abc import Collection

from aiohttp import web

HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:@/\s]+)(:\d{1,5})?")
ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")
HERE = "localhost"


def host_fault(request: web.Request, names: Collection[str]) -> str | None:
    """Return what is wrong with the host that a request names, or None.

    ``names``: those beside addresses in numbers and ``localhost`` under which the door may be asked.
    """
    given = request.headers.getall("Host", ())
    if len(given) > 1 or (not given and request.version >= (1, 1)):
        return "a request names its Host once"
    # The name in an absolute address goes before the header (RFC 9112, 3.2.2); here both must do.
    absolute = ABSOLUTE.match(request.raw_path)
    if all(_known(host, names) for host in [*given, *([absolute[1]] if absolute else [])]):
        return None
    return "this Host is not served here; name it in AICORE_HTTP_HOSTS if it is yours"


def page_fault(request: web.Request) -> str | None:
    """Return why a request is refused that a page in a browser sent, or None: no page did."""
    if "Origin" in request.headers or request.headers.get("Sec-Fetch-Site", "none") != "none":
        return "pages in browsers are not served; ask from the page's own server, which keeps the key"
    return None


def _known(host: str, names: Collection[str]) -> bool:
    match = HOST.fullmatch(host)
    if match is None:
        return False
    name = match[1].strip("[]").lower().rstrip(".")
    return name == HERE or name.endswith(f".{HERE}") or name in names or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
