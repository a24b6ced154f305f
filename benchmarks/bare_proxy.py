"""The least that a proxy in this stack can do: aiohttp in, aiohttp out, each chunk handed on as it comes.

``python -m benchmarks.bare_proxy PORT UPSTREAM``. It parses, checks, routes and records nothing: what it adds
is the price of one more process on the way, and the floor for the router's own figures.
"""

import sys
from collections.abc import AsyncIterator

import aiohttp
import uvloop
from aiohttp import web

UPSTREAM = web.AppKey("upstream", str)
SESSION = web.AppKey("session", aiohttp.ClientSession)


async def hand_on(request: web.Request) -> web.StreamResponse:
    """Hand a request on, and its answer back."""
    headers = {"Content-Type": "application/json"}
    session, url = request.app[SESSION], request.app[UPSTREAM] + "/v1/completions"
    async with session.post(url, data=await request.read(), headers=headers) as answer:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        async for chunk in answer.content.iter_any():
            await response.write(chunk)
        return response


async def alive(_: web.Request) -> web.Response:
    """Say that it serves."""
    return web.Response()


async def session_of(app: web.Application) -> AsyncIterator[None]:
    """Keep the connections to the upstream."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        app[SESSION] = session
        yield


def main() -> None:
    """Serve until killed."""
    uvloop.install()
    app = web.Application()
    app[UPSTREAM] = sys.argv[2]
    app.cleanup_ctx.append(session_of)
    app.router.add_post("/v1/completions", hand_on)
    app.router.add_get("/v1/models", alive)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


if __name__ == "__main__":
    main()
