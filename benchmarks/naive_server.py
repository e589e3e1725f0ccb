"""The plain form of the same server: `ThreadingTCPServer`, ``readline``, ``json``, a dict of last-seen times, a timer.

What one writes in half an hour with the standard library, with the listen queue put right so that it survives the
load. The newcomer gets the full list; nobody is told of changes, nothing is bounded; it is here to compare with.
"""

from __future__ import annotations

import argparse
import json
import socketserver
import threading
import time
from typing import Dict

TIMEOUT = 120.0


class Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        key = id(self)
        try:
            for line in self.rfile:
                message = json.loads(line)
                if message["type"] == "ping":
                    with lock:
                        last_seen[key] = time.monotonic()
                    self.send({"type": "pong"})
                elif message["type"] == "register":
                    with lock:
                        last_seen[key] = time.monotonic()
                        clients[key] = {"ip": message["client_ip"], "port": message["client_port"]}
                        everyone = list(clients.values())
                    self.send({"type": "client_list", "clients": everyone})
        except (OSError, ValueError):
            pass  # gone
        finally:
            with lock:
                clients.pop(key, None)
                last_seen.pop(key, None)

    def send(self, message: Dict[str, object]) -> None:
        self.wfile.write(json.dumps(message).encode() + b"\n")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 4096


def sweep() -> None:
    while True:
        time.sleep(1.0)
        oldest = time.monotonic() - TIMEOUT
        with lock:
            for key in [key for key, seen in last_seen.items() if seen < oldest]:
                clients.pop(key, None)
                last_seen.pop(key, None)


clients: Dict[int, Dict[str, object]] = {}
last_seen: Dict[int, float] = {}
lock = threading.Lock()  # guards both

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("port", type=int, help="where it listens on 127.0.0.1")
    port = parser.parse_args().port
    threading.Thread(target=sweep, daemon=True).start()
    with Server(("127.0.0.1", port), Handler) as server:
        server.serve_forever()
