"""The same conversation over WebSocket, with the `websockets` library: ``websockets_server.py threads|asyncio PORT``.

Its own keepalive and compression are off, which is in its favour: each costs it time, and neither is needed here.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
from typing import Any

PONG = json.dumps({"type": "pong"})


def listener(port: int) -> socket.socket:
    return socket.create_server(("127.0.0.1", port), backlog=4096)


def serve_with_threads(port: int) -> None:
    from websockets.sync.server import serve  # type: ignore[import-not-found,unused-ignore]

    def converse(connection: Any) -> None:
        for message in connection:
            if json.loads(message)["type"] == "ping":
                connection.send(PONG)

    with serve(converse, sock=listener(port), compression=None, ping_interval=None) as server:
        server.serve_forever()


async def serve_with_asyncio(port: int) -> None:
    from websockets.asyncio.server import serve  # type: ignore[import-not-found,unused-ignore]

    async def converse(connection: Any) -> None:
        async for message in connection:
            if json.loads(message)["type"] == "ping":
                await connection.send(PONG)

    async with serve(converse, sock=listener(port), compression=None, ping_interval=None) as server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("kind", choices=("threads", "asyncio"), help="which of the library's two servers")
    parser.add_argument("port", type=int, help="where it listens on 127.0.0.1")
    arguments = parser.parse_args()
    if arguments.kind == "threads":
        serve_with_threads(arguments.port)
    else:
        asyncio.run(serve_with_asyncio(arguments.port))
