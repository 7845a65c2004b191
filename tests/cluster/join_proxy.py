# SPDX-License-Identifier: Apache-2.0
"""join_proxy.py FOLDER MEMBER: stands on port 8006 before the API of a member (an address), with a certificate of its own
(FOLDER/cert.pem, FOLDER/key.pem), and breaks a join where it hurts. FOLDER/mode says what becomes of the request for room:

before   the connection ends, and the member never hears of it
lost     the member does it, and the connection ends before its answer
cut      half of the answer arrives
twice    the member gets it two times, and the second answer arrives
held     nothing is wrong, but FOLDER/asked is there as soon as the member has it

Everything else goes through. FOLDER/ready: it listens."""
import http.client
import http.server
import os
import ssl
import sys

folder, member = sys.argv[1:]


def note(name):
    with open(os.path.join(folder, name), 'w', encoding='utf-8'):
        pass


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def ask(self, body, mode):
        connection = http.client.HTTPSConnection(member, 8006, timeout=60, context=ssl._create_unverified_context())
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ('host', 'accept-encoding')}
        connection.request(self.command, self.path, body, headers)
        if mode == 'held':
            note('asked')
        answer = connection.getresponse()
        return answer, answer.read()

    def serve(self):
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        mode = ''
        if '/cluster/config/nodes/' in self.path:
            with open(os.path.join(folder, 'mode'), encoding='utf-8') as file:
                mode = file.read().strip()
        self.close_connection = mode in ('before', 'lost', 'cut')
        if mode == 'before':
            return
        answer, data = self.ask(body, mode)
        if mode == 'twice':
            answer, data = self.ask(body, mode)
        if mode == 'lost':
            return
        self.send_response(answer.status, answer.reason)
        self.send_header('Content-Type', answer.headers.get('Content-Type', 'application/json'))
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data[:len(data) // 2] if mode == 'cut' else data)

    do_GET = do_POST = serve

    def log_message(self, *_):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(os.path.join(folder, 'cert.pem'), os.path.join(folder, 'key.pem'))
server = http.server.ThreadingHTTPServer(('', 8006), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
note('ready')
server.serve_forever()
