# SPDX-License-Identifier: Apache-2.0
"""notify_receiver.py FILE: takes webhooks on 127.0.0.1:9099 and appends a line for each: who receives, its sender, the
event's number and name."""
import http.server
import json
import os
import socket
import sys

out = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        os.write(out, f'{socket.gethostname()} {event["node"]} {event["number"]} {event["event"]}\n'.encode())
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


http.server.HTTPServer(('127.0.0.1', 9099), Handler).serve_forever()
