"""The plain form of the same server: `ThreadingTCPServer`, ``readline``, ``json``, and the full list to the newcomer.

What one writes in half an hour with the standard library, with the listen queue put right so that it survives the
load. It has no leases, no pushes and no bounds; it is here to compare with.
"""

from __future__ import annotations

import json
import socketserver
import sys
import threading
from typing import Dict


class Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        key = id(self)
        try:
            for line in self.rfile:
                message = json.loads(line)
                if message["type"] == "ping":
                    self.wfile.write(b'{"type":"pong"}\n')
                elif message["type"] == "register":
                    with lock:
                        clients[key] = {"ip": message["client_ip"], "port": message["client_port"]}
                        everyone = list(clients.values())
                    self.wfile.write(json.dumps({"type": "client_list", "clients": everyone}).encode() + b"\n")
        except (OSError, ValueError):
            pass  # gone
        finally:
            with lock:
                clients.pop(key, None)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 4096


clients: Dict[int, Dict[str, object]] = {}
lock = threading.Lock()  # guards clients

if __name__ == "__main__":
    with Server(("127.0.0.1", int(sys.argv[1])), Handler) as server:
        print(f"Listening on 127.0.0.1:{server.server_address[1]}", flush=True)
        server.serve_forever()
