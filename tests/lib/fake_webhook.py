# SPDX-License-Identifier: Apache-2.0
"""fake_webhook.py FOLDER: a receiver of webhooks on a port of its own (FOLDER/port). It refuses the first request with
status 500, takes the others, and writes what it got, one line each, to FOLDER/got: status, header, body. A request of
/slow is answered when there is a file FOLDER/go."""
import http.server
import os
import sys
import time

folder = sys.argv[1]
count = 0


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        global count
        body = self.rfile.read(int(self.headers['Content-Length'])).decode()
        status = 500 if count == 0 else 204
        count += 1
        with open(os.path.join(folder, 'got'), 'a', encoding='utf-8') as file:
            file.write(f'{status} {self.headers["Authorization"]} {self.headers["Content-Type"]} {body}\n')
        while self.path == '/slow' and not os.path.exists(os.path.join(folder, 'go')):
            time.sleep(0.02)
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
with open(os.path.join(folder, 'port.new'), 'w', encoding='utf-8') as file:
    file.write(str(server.server_port))
os.rename(os.path.join(folder, 'port.new'), os.path.join(folder, 'port'))
server.serve_forever()
