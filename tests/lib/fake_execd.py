#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fake_execd.py SOCKET [--body BYTES]: stands for ha-execd before ha-apid. What it answers follows from the call's path
alone; it notes on standard output every call it got, one JSON object a line."""
import argparse
import json
import os
import socket
import struct
import sys
import threading

STATUS_SIZE = 4096


def frame_send(connection, lock, value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    with lock:
        connection.sendall(struct.pack('<I', len(data)) + data)


def bytes_read(connection, count):
    data = b''
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            return None
        data += piece
    return data


class Execd:
    def __init__(self, body_bytes, quiet):
        self.quiet = quiet
        self.body = [{'id': 'service:ct:%d' % i, 'type': 'service', 'state': 'started'} for i in range(body_bytes // 64)]
        self.watches = {}

    def note(self, request):
        if not self.quiet:
            print(json.dumps(request), flush=True)

    def answer(self, request):
        path = request['path']
        first, rest = (path.lstrip('/').split('/', 1) + [''])[:2]
        if path == '/cluster/ha/status/current':
            return {'status': 200, 'data': self.body}
        if first == 'version':
            return {'status': 200, 'data': {'version': '9.1.4', 'release': '9.1', 'repoid': '0123456789abcdef'}}
        if first == 'echo':
            return {'status': 200, 'data': {k: v for k, v in request.items() if k not in ('id', 'op')}}
        if first == 'null':
            return {'status': 200, 'data': None}
        if first == 'list':
            return {'status': 200, 'data': [1, 2], 'total': 17}
        if first == 'big':
            return {'status': 200, 'data': 'x' * int(rest)}
        if first == 'bare':
            return {'status': 401, 'message': 'No ticket', 'bare': True}
        if first == 'errors':
            return {'status': 400, 'message': 'Parameter verification failed.',
                    'errors': {'sid': 'property is missing and it is not optional'}}
        if first == 'missing':
            return {'status': 500, 'message': "no such resource 'ct:100'\n"}
        if first == 'inject':
            return {'status': 500, 'message': "first line\r\nSet-Cookie: a=b\r\n\r\nbody\x01"}
        if first == 'nodes':
            port, fingerprint = rest.split('/')[:2]
            if request['forwarded'] and rest.endswith('/missing'):
                return {'status': 500, 'message': 'no such thing'}
            if request['forwarded']:
                return {'status': 200, 'data': {'here': request['parameters'], 'ticket': request.get('ticket'),
                                                'csrf': request.get('csrf'), 'token': request.get('token'),
                                                'client': request.get('client')}}
            return {'forward': {'node': 'node2', 'address': '127.0.0.1', 'port': int(port), 'fingerprint': fingerprint,
                                'client': 'signed:%s' % request['address']}}
        return {'status': 501, 'message': "Method '%s %s' not implemented" % (request['method'], path)}

    def watch(self, connection, lock, request):
        number = request['id']
        if request.get('ticket') == 'bad':
            frame_send(connection, lock, {'id': number, 'status': 401, 'message': 'No ticket', 'bare': True})
            return
        self.watches[number] = True
        frame_send(connection, lock, {'id': number, 'notify': 'state', 'data': {'/cluster/status': []}})
        first = request.get('after', 0) + 1
        try:
            if request.get('ticket') == 'flood':
                while self.watches.get(number):
                    frame_send(connection, lock, {'id': number, 'notify': 'event', 'number': 1, 'data': 'x' * 100000})
            for event in range(first, first + 3):
                frame_send(connection, lock, {'id': number, 'notify': 'event', 'number': event,
                                              'data': {'number': event, 'event': 'node-state'}})
        except OSError:
            pass

    def handle(self, connection, lock, request):
        operation = request['op']
        if operation == 'call' and request['path'] == '/never':
            return True
        if operation == 'call' and request['path'] == '/exit':
            return False
        if operation == 'call' and (request['path'] == '/slow' or request['path'].endswith('/slow') and request['forwarded']):
            seconds = 1.0 if request['path'] == '/slow' else 4.0
            threading.Timer(seconds, lambda: frame_send(connection, lock, {'id': request['id'], 'status': 200, 'data': 'late'})).start()
            return True
        if operation == 'call':
            frame_send(connection, lock, {'id': request['id'], **self.answer(request)})
        elif operation == 'metrics':
            frame_send(connection, lock, {'id': request['id'], 'status': 200, 'text': '# HELP ha_up x\nha_up 1\n'})
        elif operation == 'watch':
            threading.Thread(target=self.watch, args=(connection, lock, request), daemon=True).start()
        elif operation == 'unwatch':
            self.watches[request['id']] = False
        elif operation == 'certificate':
            frame_send(connection, lock, {'id': request['id'], 'status': 200})
        return True

    def serve(self, connection):
        lock = threading.Lock()
        while True:
            head = bytes_read(connection, 4)
            data = bytes_read(connection, struct.unpack('<I', head)[0]) if head else None
            if data is None:
                return
            request = json.loads(data)
            self.note(request)
            if not self.handle(connection, lock, request):
                connection.shutdown(socket.SHUT_RDWR)
                return


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('socket')
    parser.add_argument('--body', type=int, default=STATUS_SIZE)
    parser.add_argument('--quiet', action='store_true')
    options = parser.parse_args()
    if os.path.exists(options.socket):
        os.unlink(options.socket)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(options.socket)
    listener.listen(16)
    execd = Execd(options.body, options.quiet)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=execd.serve, args=(connection,), daemon=True).start()


if __name__ == '__main__':
    sys.exit(main())
