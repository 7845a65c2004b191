#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""apid_wire.py HA-APID SOURCE: the real ha-apid before a stand-in for ha-execd, byte by byte: status lines, headers,
refusals, smuggling, slow clients, TLS versions, forwarding, streams, files. Prints TAP."""
import gzip
import hashlib
import http.client
import json
import os
import random
import re
import resource
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import warnings
import zlib

sys.dont_write_bytecode = True
JSON_TYPE = 'application/json;charset=UTF-8'
BIG_TICKET = 'PVE:root@pam:6500AABB::a+b/c==%s' % ('x' * 40)


def port_free():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Daemon:
    """ha-apid with its ha-execd, in a folder of their own."""

    def __init__(self, folder, program, source, name):
        self.folder = os.path.join(folder, name)
        self.program, self.source = program, source
        self.port = port_free()
        self.run = os.path.join(self.folder, 'run')
        self.dashboard = os.path.join(self.folder, 'dashboard')
        os.makedirs(self.run)
        os.makedirs(os.path.join(self.dashboard, 'sub'))
        self.write('dashboard/index.html', '<!doctype html><title>HA</title>' + '<p>text</p>' * 200)
        self.write('dashboard/app.js', 'export const a = 1;\n')
        self.write('dashboard/sub/style.css', 'p { color: red }\n' * 100)
        self.write('dashboard/.hidden', 'secret')
        self.write('secret.txt', 'secret')
        os.symlink('../secret.txt', os.path.join(self.dashboard, 'link.txt'))
        self.certificate = os.path.join(self.folder, 'api.crt')
        self.key = os.path.join(self.folder, 'api.key')
        self.write('ha.conf', 'api_address 127.0.0.1\napi_port %d\napi_certificate %s\napi_key %s\n'
                   % (self.port, self.certificate, self.key))
        self.environment = dict(os.environ, HA_MANAGER_RUN_DIR=self.run, HA_DASHBOARD_DIR=self.dashboard,
                                HA_MANAGER_CONFIG=os.path.join(self.folder, 'ha.conf'), HA_MANAGER_LOG='json')
        self.calls = []
        self.execd = self.apid = None
        self.execd_start()
        self.start()

    def write(self, name, text):
        with open(os.path.join(self.folder, name), 'w', encoding='utf-8') as file:
            file.write(text)

    def execd_start(self):
        self.execd = subprocess.Popen([sys.executable, '-B', os.path.join(self.source, 'tests/lib/fake_execd.py'),
                                       os.path.join(self.run, 'execd.sock')], stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self.calls_read, args=(self.execd,), daemon=True).start()
        wait(lambda: os.path.exists(os.path.join(self.run, 'execd.sock')))

    def execd_stop(self):
        self.execd.kill()
        self.execd.wait()
        try:
            os.unlink(os.path.join(self.run, 'execd.sock'))
        except FileNotFoundError:
            pass

    def calls_read(self, process):
        for line in process.stdout:
            self.calls.append(json.loads(line))

    def start(self):
        self.log = open(os.path.join(self.folder, 'log'), 'a', encoding='utf-8')
        self.apid = subprocess.Popen([self.program], env=self.environment, stderr=self.log)
        wait(lambda: self.apid.poll() is not None or '"api-ready"' in self.log_text())
        if self.apid.poll() is not None:
            raise SystemExit('ha-apid does not start: ' + self.log_text())

    def log_text(self):
        with open(os.path.join(self.folder, 'log'), encoding='utf-8') as file:
            return file.read()

    def stop(self):
        self.apid.terminate()
        status = self.apid.wait(10)
        self.execd.kill()
        self.execd.wait()
        self.log.close()
        return status

    def fingerprint(self):
        with open(self.certificate, encoding='utf-8') as file:
            der = ssl.PEM_cert_to_DER_cert(file.read())
        digest = hashlib.sha256(der).hexdigest().upper()
        return ':'.join(digest[i:i + 2] for i in range(0, 64, 2))

    def memory_kib(self):
        if os.environ.get('HA_SANITIZED'):
            return 0  # what is freed is kept there
        with open('/proc/%d/status' % self.apid.pid, encoding='utf-8') as file:
            return next(int(line.split()[1]) for line in file if line.startswith('VmRSS'))

    def connect(self, tls=True, version=None):
        plain = socket.create_connection(('127.0.0.1', self.port), timeout=20)
        if not tls:
            return plain
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if version:
            warnings.simplefilter('ignore', DeprecationWarning)
            context.set_ciphers('ALL:@SECLEVEL=0')
            context.minimum_version = context.maximum_version = version
        return context.wrap_socket(plain, suppress_ragged_eofs=False)

    def talk(self, data, tls=True):
        """Sends bytes and gives all that comes until the end."""
        with self.connect(tls) as connection:
            try:
                connection.sendall(data if isinstance(data, bytes) else data.encode())
            except OSError:
                pass
            return read_all(connection)

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPSConnection('127.0.0.1', self.port, timeout=20, context=ssl._create_unverified_context())
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        answer.body = answer.read()
        connection.close()
        return answer


def wait(condition, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def read_all(connection):
    data = b''
    while True:
        try:
            piece = connection.recv(65536)
        except (OSError, ssl.SSLError):
            return data
        if not piece:
            return data
        data += piece


def parts(data):
    """(status line, {header: value}, body) of one answer."""
    head, _, body = data.partition(b'\r\n\r\n')
    lines = head.decode('latin-1').split('\r\n')
    return lines[0], {line.split(': ', 1)[0]: line.split(': ', 1)[1] for line in lines[1:]}, body


HOST = 'Host: x\r\n'
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def same(got, wanted, what=''):
    if got != wanted:
        raise AssertionError('%s: got %r, wanted %r' % (what, got, wanted))


@test
def call_answered_has_exact_head(daemon):
    line, headers, body = parts(daemon.talk('GET /api2/json/version HTTP/1.1\r\n' + HOST + 'Connection: close\r\n\r\n'))
    same(line, 'HTTP/1.1 200 OK')
    same(headers.pop('Date')[-4:], ' GMT')
    same(headers, {'Server': 'pve-api-daemon/3.0', 'Connection': 'close', 'Cache-Control': 'max-age=0', 'Pragma': 'no-cache',
                   'Content-Type': JSON_TYPE, 'Content-Length': str(len(body))})
    same(json.loads(body), {'data': {'version': '9.1.4', 'release': '9.1', 'repoid': '0123456789abcdef'}})


@test
def call_without_result_is_null(daemon):
    same(daemon.ask('POST', '/api2/json/null').body, b'{"data":null}')


@test
def paged_list_has_total(daemon):
    same(json.loads(daemon.ask('GET', '/api2/json/list').body), {'data': [1, 2], 'total': 17})


@test
def failure_is_the_reason_phrase_and_closes(daemon):
    answer = daemon.ask('GET', '/api2/json/missing')
    same((answer.status, answer.reason), (500, "no such resource 'ct:100'"))
    same(json.loads(answer.body), {'data': None, 'message': "no such resource 'ct:100'\n"})
    same(answer.getheader('Connection'), 'close')


@test
def errors_of_parameters_are_in_the_body(daemon):
    answer = daemon.ask('POST', '/api2/json/errors')
    same((answer.status, answer.reason), (400, 'Parameter verification failed.'))
    same(json.loads(answer.body)['errors'], {'sid': 'property is missing and it is not optional'})


@test
def message_cannot_add_headers(daemon):
    line, headers, _ = parts(daemon.talk('GET /api2/json/inject HTTP/1.1\r\n' + HOST + '\r\n'))
    same(line, 'HTTP/1.1 500 first line')
    same('Set-Cookie' in headers, False)


@test
def failed_login_has_neither_body_nor_type(daemon):
    line, headers, body = parts(daemon.talk('GET /api2/json/bare HTTP/1.1\r\n' + HOST + '\r\n'))
    same((line, body, headers.get('Content-Type'), headers['Content-Length']), ('HTTP/1.1 401 No ticket', b'', None, '0'))


@test
def extjs_is_always_200(daemon):
    same(json.loads(daemon.ask('GET', '/api2/extjs/null').body), {'data': None, 'success': 1})
    answer = daemon.ask('GET', '/api2/extjs/errors')
    same((answer.status, answer.reason), (200, 'OK'))
    body = json.loads(answer.body)
    same((body['success'], body['status'], body['message'], sorted(body['errors'])),
         (0, 400, 'Parameter verification failed.\n', ['sid']))


@test
def unknown_format_is_501(daemon):
    answer = daemon.ask('GET', '/api2/xml/version')
    same((answer.status, answer.reason), (501, "unknown format 'xml'"))


def echo(daemon, method, target, body=None, headers=None):
    answer = daemon.ask(method, target, body, headers)
    same(answer.status, 200, answer.reason)
    return json.loads(answer.body)['data']


FORM = {'Content-Type': 'application/x-www-form-urlencoded'}


@test
def path_is_decoded_and_empty_parts_are_skipped(daemon):
    same(echo(daemon, 'GET', '//api2//json/echo//UPID%3Aa%40b/')['path'], '/echo/UPID:a@b')


@test
def parameters_of_query_form_and_json_are_merged(daemon):
    same(echo(daemon, 'POST', '/api2/json/echo?a=1&b=x+y%2B&_dc=5', 'a=2&c=%C3%A9', FORM)['parameters'],
         {'a': '1', 'b': 'x y+', 'c': 'é'})
    same(echo(daemon, 'PUT', '/api2/json/echo?a=1', json.dumps({'a': 5, 'n': 7, 'l': ['x'], 't': True}),
              {'Content-Type': 'application/json; charset=utf-8'})['parameters'], {'a': '1', 'n': 7, 'l': ['x'], 't': True})
    same(echo(daemon, 'GET', '/api2/json/echo?a=1&a=1')['parameters'], {'a': '1'})


@test
def bad_parameters_are_refused(daemon):
    answer = daemon.ask('GET', '/api2/json/echo?a=1&a=2')
    same((answer.status, answer.reason, json.loads(answer.body)['errors']),
         (400, 'Parameter verification failed.', {'a': 'given twice with different values'}))
    rows = [('POST', '/api2/json/echo', '[1]', 'application/json'), ('POST', '/api2/json/echo', '{"a":1,"a":2}', 'application/json'),
            ('POST', '/api2/json/echo', '{"a":', 'application/json'), ('GET', '/api2/json/echo?a=%00', None, None),
            ('GET', '/api2/json/echo?a=%ff', None, None), ('GET', '/api2/json/%c0%af', None, None),
            ('POST', '/api2/json/echo', json.dumps({'a%d' % i: i for i in range(15000)}), 'application/json'),
            ('POST', '/api2/json/echo', '&'.join('a%d=1' % i for i in range(5000)), FORM['Content-Type'])]
    for method, target, body, kind in rows:
        answer = daemon.ask(method, target, body, {'Content-Type': kind} if kind else {})
        same(answer.status, 400, (method, target, (body or '')[:40]))
    same(daemon.ask('POST', '/api2/json/echo', '<a/>', {'Content-Type': 'text/xml'}).status, 415)


@test
def ticket_comes_raw_or_encoded(daemon):
    encoded = urllib.parse.quote(BIG_TICKET, safe='')
    for cookie in ('PVEAuthCookie=' + BIG_TICKET, 'a=b; PVEAuthCookie=' + encoded,
                   'lang=de;PVEAuthCookie="' + BIG_TICKET + '" ; z=1'):
        got = echo(daemon, 'GET', '/api2/json/echo', None, {'Cookie': cookie, 'CSRFPreventionToken': '650:a+b='})
        same((got['ticket'], got['csrf'], got.get('token')), (BIG_TICKET, '650:a+b=', None), cookie)


@test
def token_comes_in_several_forms(daemon):
    for value in ('PVEAPIToken=u@pve!t=secret', 'PVEAPIToken u@pve!t=secret', 'Bearer u@pve!t=secret',
                  'Bearer PVEAPIToken=u@pve!t=secret'):
        same(echo(daemon, 'GET', '/api2/json/echo', None, {'Authorization': value})['token'], 'u@pve!t=secret', value)
    same(echo(daemon, 'GET', '/api2/json/echo', None, {'Authorization': 'Basic dTpw'}).get('token'), None)


@test
def caller_has_an_address_and_is_forwarded_only_when_said(daemon):
    got = echo(daemon, 'GET', '/api2/json/echo')
    same((got['address'], got['forwarded'], got['method']), ('127.0.0.1', False, 'GET'))
    same(echo(daemon, 'GET', '/api2/json/echo', None, {'PVEDisableProxy': '1'})['forwarded'], True)


@test
def connection_is_kept_and_requests_are_answered_in_order(daemon):
    one = 'GET /api2/json/list HTTP/1.1\r\n' + HOST + '\r\n'
    two = 'POST /api2/json/null HTTP/1.1\r\n' + HOST + 'Content-Length: 3\r\n\r\na=b'
    last = 'GET /api2/json/missing HTTP/1.1\r\n' + HOST + '\r\n'
    data = daemon.talk(one + two + one + last + one)
    same(re.findall(rb'HTTP/1[^\r]*', data), [b'HTTP/1.1 200 OK'] * 3 + [b"HTTP/1.1 500 no such resource 'ct:100'"])
    same(data.count(b'Connection: keep-alive'), 3)


@test
def version_1_0_closes_unless_asked(daemon):
    line, headers, _ = parts(daemon.talk('GET /api2/json/version HTTP/1.0\r\n\r\n'))
    same((line, headers['Connection']), ('HTTP/1.0 200 OK', 'close'))
    data = daemon.talk('GET /api2/json/version HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\nGET /api2/json/version HTTP/1.0\r\n\r\n')
    same(data.count(b'HTTP/1.0 200 OK'), 2)


@test
def requests_that_are_not_ours_are_refused_exactly(daemon):
    rows = [
        ('HEAD /api2/json/version HTTP/1.1\r\n' + HOST, "501 Method 'HEAD' not implemented"),
        ('OPTIONS * HTTP/1.1\r\n' + HOST, "501 Method 'OPTIONS' not implemented"),
        ('CONNECT a:1 HTTP/1.1\r\n' + HOST, "501 Method 'CONNECT' not implemented"),
        ('PRI * HTTP/2.0\r\n', '505 HTTP Version Not Supported'),
        ('GET /api2/json/version HTTP/1.2\r\n' + HOST, '505 HTTP Version Not Supported'),
        ('GET /api2/json/version\r\n', '400 bad request line'),
        ('GET  /api2/json/version HTTP/1.1\r\n' + HOST, '400 bad request line'),
        ('GET /a b HTTP/1.1\r\n' + HOST, '400 bad request line'),
        ('GET api2 HTTP/1.1\r\n' + HOST, '400 bad request line'),
        ('GET /\x7f HTTP/1.1\r\n' + HOST, '400 bad request line'),
        ('GET / HTTP/1.1\r\n', '400 bad or missing Host'),
        ('GET / HTTP/1.1\r\n' + HOST + HOST, '400 bad or missing Host'),
        ('GET / HTTP/1.1\r\nHost: a/b\r\n', '400 bad or missing Host'),
        ('GET / HTTP/1.1\r\n' + HOST + 'A : b\r\n', '400 bad http header'),
        ('GET / HTTP/1.1\r\n' + HOST + 'A: b\r\n c\r\n', '400 bad http header'),
        ('GET / HTTP/1.1\r\n' + HOST + 'A: b\x00c\r\n', '400 bad http header'),
        ('GET / HTTP/1.1\r\n' + HOST + 'A: b\rc\r\n', '400 bad http header'),
        ('GET / HTTP/1.1\r\n' + HOST + 'A: b\nc: d\r\n', '400 bad http header'),
        ('GET / HTTP/1.1\r\n' + HOST + 'nocolon\r\n', '400 bad http header'),
        ('GET / HTTP/1.1\r\n' + HOST + 'Content-Length: 5\r\n', "501 Unexpected content for method 'GET'"),
        ('DELETE /api2/json/x HTTP/1.1\r\n' + HOST + 'Content-Length: 5\r\n', "501 Unexpected content for method 'DELETE'"),
        ('POST / HTTP/1.1\r\n' + HOST + 'Transfer-Encoding: chunked\r\n', '501 chunked request bodies are not supported'),
        ('POST / HTTP/1.1\r\n' + HOST + 'Transfer-Encoding: identity\r\n', '501 chunked request bodies are not supported'),
        ('POST / HTTP/1.1\r\n' + HOST + 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n',
         '400 both Content-Length and Transfer-Encoding'),
        ('POST / HTTP/1.1\r\n' + HOST + 'Content-Length: 5\r\nContent-Length: 5\r\n', '400 bad Content-Length'),
        ('POST / HTTP/1.1\r\n' + HOST + 'Content-Length: +5\r\n', '400 bad Content-Length'),
        ('POST / HTTP/1.1\r\n' + HOST + 'Content-Length: 5, 5\r\n', '400 bad Content-Length'),
        ('POST / HTTP/1.1\r\n' + HOST + 'Content-Length: 0x5\r\n', '400 bad Content-Length'),
        ('POST / HTTP/1.1\r\n' + HOST + 'Content-Length: -1\r\n', '400 bad Content-Length'),
        ('POST / HTTP/1.1\r\n' + HOST + 'Content-Length:\r\n', '400 bad Content-Length'),
        ('POST / HTTP/1.1\r\n' + HOST + 'Content-Length: 99999999999999999999\r\n', '400 bad Content-Length'),
        ('POST / HTTP/1.1\r\n' + HOST + 'Content-Length: 524289\r\n', '501 for data too large'),
        ('POST / HTTP/1.1\r\n' + HOST + 'Expect: a-miracle\r\n', '417 Expectation Failed'),
        ('GET / HTTP/1.1\r\n' + HOST + 'A: b\r\n' * 64, '400 too many http header lines'),
        ('GET / HTTP/1.1\r\n' + HOST + 'A: ' + 'b' * 8192 + '\r\n', '400 http header too large'),
        ('GET /' + 'b' * 9000 + ' HTTP/1.1\r\n' + HOST, '400 http header too large'),
    ]
    for head, wanted in rows:
        line, headers, body = parts(daemon.talk((head + '\r\n').encode('latin-1') + b'GET /api2/json/echo/smuggled HTTP/1.1\r\n\r\n'))
        same(line, 'HTTP/1.1 ' + wanted, head[:60])
        same(headers['Connection'], 'close', head[:60])
        # (What is noted of earlier calls may come late.)
        same([call for call in daemon.calls if call.get('path') == '/echo/smuggled'], [], head[:60])
        if not head.startswith('HEAD'):
            same(json.loads(body), {'data': None, 'message': wanted[4:] + '\n'}, head[:60])
        else:
            same(body, b'', head[:60])


@test
def limits_are_met_by_what_is_just_allowed(daemon):
    same(parts(daemon.talk('GET /api2/json/null HTTP/1.1\r\n' + HOST + 'A: b\r\n' * 62 + 'Connection: close\r\n\r\n'))[0],
         'HTTP/1.1 200 OK')
    answer = daemon.ask('POST', '/api2/json/null', 'a=' + 'b' * (512 * 1024 - 2), FORM)
    same(answer.status, 200)
    same(echo(daemon, 'GET', '/api2/json/echo', None, {'Content-Length': '0'})['parameters'], {})


@test
def too_large_body_is_refused_while_it_is_sent(daemon):
    same(parts(daemon.talk(b'POST /api2/json/null HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n' + b'a' * 3000000))[0],
         'HTTP/1.1 501 for data too large')


@test
def expect_continue_is_answered(daemon):
    with daemon.connect() as connection:
        connection.sendall(b'POST /api2/json/echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n'
                           b'Connection: close\r\n\r\n')
        same(connection.recv(1000), b'HTTP/1.1 100 Continue\r\n\r\n')
        connection.sendall(b'a=b')
        same(json.loads(parts(read_all(connection))[2])['data']['parameters'], {'a': 'b'})


@test
def plain_requests_are_redirected(daemon):
    for method, status in (('GET', '301 Moved Permanently'), ('HEAD', '301 Moved Permanently'),
                           ('POST', '308 Permanent Redirect'), ('PUT', '308 Permanent Redirect')):
        extra = 'Content-Length: 3\r\n' if method in ('POST', 'PUT') else ''
        line, headers, body = parts(daemon.talk('%s /api2/json/version?a=b HTTP/1.1\r\nHost: h.example:8006\r\n%s\r\n%s'
                                                % (method, extra, 'a=b' if extra else ''), tls=False))
        same((line, headers['Location'], body), ('HTTP/1.1 ' + status, 'https://h.example:8006/api2/json/version?a=b', b''))
    line, headers, _ = parts(daemon.talk('GET / HTTP/1.0\r\n\r\n', tls=False))
    same(headers['Location'].endswith(':%d/' % daemon.port), True, headers)
    same(parts(daemon.talk('nonsense\r\n\r\n', tls=False))[0], 'HTTP/1.1 400 bad request line')


@test
def long_answers_are_compressed_when_accepted(daemon):
    for accept, encoding in (('gzip, deflate', 'gzip'), ('deflate', 'deflate'), ('gzip;q=0, deflate', 'deflate'),
                             ('br', None), ('gzip;q=0', None), ('gzip;q=0.5', 'gzip')):
        answer = daemon.ask('GET', '/api2/json/big/5000', None, {'Accept-Encoding': accept})
        same(answer.getheader('Content-Encoding'), encoding, accept)
        text = {'gzip': gzip.decompress, 'deflate': zlib.decompress, None: bytes}[encoding](answer.body)
        same(json.loads(text), {'data': 'x' * 5000}, accept)
    same(daemon.ask('GET', '/api2/json/big/900', None, {'Accept-Encoding': 'gzip'}).getheader('Content-Encoding'), None)
    same(daemon.ask('GET', '/api2/json/big/900').getheader('Content-Encoding'), None)


@test
def old_tls_is_refused(daemon):
    for version, allowed in ((ssl.TLSVersion.TLSv1, False), (ssl.TLSVersion.TLSv1_1, False),
                             (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)):
        try:
            with daemon.connect(version=version) as connection:
                connected = connection.version() is not None and connection.selected_alpn_protocol() is None
        except (OSError, ssl.SSLError):
            connected = False
        same(connected, allowed, version.name)


@test
def certificate_names_the_node_and_its_addresses(daemon):
    text = subprocess.run(['openssl', 'x509', '-noout', '-text', '-in', daemon.certificate], capture_output=True, text=True,
                          check=True).stdout
    node = socket.gethostname().split('.')[0]
    for word in ('DNS:' + node, 'DNS:localhost', 'IP Address:127.0.0.1', 'TLS Web Server Authentication', 'CA:FALSE'):
        same(word in text, True, word)
    same(os.stat(daemon.key).st_mode & 0o777, 0o600)
    certified = [call for call in daemon.calls if call['op'] == 'certificate']
    same((certified[-1]['fingerprint'], certified[-1]['port']), (daemon.fingerprint(), daemon.port))


@test
def certificate_is_made_for_a_key_that_is_there(daemon):
    folder = os.path.join(daemon.folder, 'made')
    os.mkdir(folder)
    certificate, key = os.path.join(folder, 'x.crt'), os.path.join(folder, 'x.key')
    daemon.write('made/ha.conf', 'api_certificate %s\napi_key %s\n' % (certificate, key))
    environment = dict(daemon.environment, HA_MANAGER_CONFIG=os.path.join(folder, 'ha.conf'))

    def make():
        result = subprocess.run([daemon.program, '--make-certificate'], env=environment, capture_output=True, check=False)
        same(result.returncode, 0, result.stderr)
        return [open(path, 'rb').read() for path in (certificate, key)]
    first = make()
    same(make(), first, 'a second time')
    os.unlink(certificate)
    second = make()
    same((second[1], second[0] != first[0]), (first[1], True), 'without certificate')
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)


@test
def another_certificate_is_taken_on_reload(daemon):
    before = daemon.fingerprint()
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=other',
                    '-keyout', daemon.key, '-out', daemon.certificate], check=True, capture_output=True)
    daemon.apid.send_signal(signal.SIGHUP)
    same(wait(lambda: '"certificate-loaded"' in daemon.log_text()), True)
    with daemon.connect() as connection:
        der = connection.getpeercert(binary_form=True)
    same(hashlib.sha256(der).hexdigest(), daemon.fingerprint().replace(':', '').lower())
    same(daemon.fingerprint() != before, True)
    same(wait(lambda: daemon.calls and any(call.get('fingerprint') == daemon.fingerprint() for call in daemon.calls)), True)
    daemon.write('api.crt.bad', 'nonsense')
    good = open(daemon.certificate, encoding='utf-8').read()
    daemon.write('api.crt', 'nonsense')
    daemon.apid.send_signal(signal.SIGHUP)
    same(wait(lambda: '"certificate-refused"' in daemon.log_text()), True)
    daemon.write('api.crt', good)
    same(daemon.ask('GET', '/api2/json/null').status, 200)


@test
def files_are_served_with_strict_headers(daemon):
    answer = daemon.ask('GET', '/', None, {'Accept-Encoding': 'gzip'})
    same((answer.status, answer.getheader('Content-Type'), answer.getheader('Content-Encoding')),
         (200, 'text/html;charset=UTF-8', 'gzip'))
    same(gzip.decompress(answer.body), open(daemon.dashboard + '/index.html', 'rb').read())
    same(answer.getheader('Content-Security-Policy').startswith("default-src 'self';"), True)
    same((answer.getheader('X-Content-Type-Options'), answer.getheader('Cache-Control')), ('nosniff', 'no-cache'))
    again = daemon.ask('GET', '/index.html', None, {'If-None-Match': answer.getheader('ETag'), 'Accept-Encoding': 'gzip'})
    same((again.status, again.body, again.getheader('ETag')), (304, b'', answer.getheader('ETag')))
    same(daemon.ask('GET', '/app.js?v=1').getheader('Content-Type'), 'text/javascript;charset=UTF-8')
    same(daemon.ask('GET', '/sub/style.css').getheader('Content-Type'), 'text/css;charset=UTF-8')
    same(daemon.ask('POST', '/app.js').status, 501)


@test
def files_outside_are_not_served(daemon):
    for path in ('/../secret.txt', '/%2e%2e/secret.txt', '/sub/../../secret.txt', '/.hidden', '/link.txt', '/sub', '/sub/',
                 '/..%2fsecret.txt', '//etc/passwd', '/etc/passwd', '/index.html/', '/nothing'):
        data = daemon.talk('GET %s HTTP/1.1\r\n%s\r\n' % (path, HOST))
        if path == '/index.html/':
            same(parts(data)[0], 'HTTP/1.1 200 OK', path)
            data = b'x' if b'secret' in data else data
            continue
        same(parts(data)[0].startswith('HTTP/1.1 404 no such file '), True, path)


@test
def call_of_another_node_is_made_there(daemon):
    other = daemon.other
    target = '/api2/json/nodes/%d/%s/status?a=1' % (other.port, other.fingerprint())
    headers = {'Cookie': 'PVEAuthCookie=' + BIG_TICKET, 'CSRFPreventionToken': '650:a+b=', **FORM}
    answer = daemon.ask('POST', target, 'b=2+3', headers)
    same((answer.status, answer.getheader('Content-Type')), (200, JSON_TYPE))
    same(json.loads(answer.body)['data'], {'here': {'a': '1', 'b': '2 3'}, 'ticket': BIG_TICKET, 'csrf': '650:a+b=',
                                           'token': None, 'client': 'signed:127.0.0.1'})
    token = daemon.ask('GET', target, None, {'Authorization': 'PVEAPIToken=u@pve!t=s+1'})
    same(json.loads(token.body)['data']['token'], 'u@pve!t=s+1')


@test
def client_of_a_forwarded_call_is_handed_on_only_there(daemon):
    header = {'HA-Client': 'mine'}
    same('client' in echo(daemon, 'GET', '/api2/json/echo', None, header), False)
    same(echo(daemon, 'GET', '/api2/json/echo', None, {'PVEDisableProxy': '1', **header})['client'], 'mine')
    # What a client says of itself does not reach the other node.
    target = '/api2/json/nodes/%d/%s/status' % (daemon.other.port, daemon.other.fingerprint())
    same(json.loads(daemon.ask('GET', target, None, header).body)['data']['client'], 'signed:127.0.0.1')


class Counter:
    """Stands before another node, counts connections, and can cut them."""

    def __init__(self, port):
        self.port, self.to, self.count, self.open = port_free(), port, 0, []
        self.listener = socket.create_server(('127.0.0.1', self.port))
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(('127.0.0.1', self.to))
            self.count += 1
            self.open += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self.copy, args=(source, sink), daemon=True).start()

    def copy(self, source, sink):
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def cut(self):
        for connection in self.open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.open = []

    def close(self):
        self.cut()
        self.listener.close()


@test
def connection_to_another_node_is_kept_for_what_only_reads(daemon):
    counter = Counter(daemon.other.port)
    target = '/api2/json/nodes/%d/%s/status' % (counter.port, daemon.other.fingerprint())
    for number in range(5):
        same(daemon.ask('GET', target).status, 200, number)
    same(counter.count, 1)
    # What changes something is said over a connection that was never kept; what reads finds both.
    same(daemon.ask('POST', target, 'a=b', FORM).status, 200)
    same(counter.count, 2)
    same((daemon.ask('GET', target + '?mark=1').status, counter.count), (200, 2))
    marked = lambda: [call for call in daemon.other.calls if call.get('parameters', {}).get('mark')]
    wait(marked)
    same(len(marked()), 1)
    # Another fingerprint is another peer, wherever it is.
    wrong = '/api2/json/nodes/%d/%s/status' % (counter.port, 'AB:' * 31 + 'AB')
    same((daemon.ask('GET', wrong).status, counter.count), (596, 3))
    counter.cut()
    time.sleep(0.2)
    same((daemon.ask('GET', target).status, counter.count), (200, 4))
    counter.close()


@test
def kept_connection_that_ends_without_an_answer_is_replaced_once(daemon):
    counter = Counter(daemon.other.port)
    target = '/api2/json/nodes/%d/%s/' % (counter.port, daemon.other.fingerprint())
    same(daemon.ask('GET', target + 'status').status, 200)

    def cut_while_asked(*request):
        answers = []
        asked = lambda: len([call for call in daemon.other.calls if call.get('path', '').endswith('/slow')])
        before = asked()
        asker = threading.Thread(target=lambda: answers.append(daemon.ask(*request)))
        asker.start()
        same(wait(lambda: asked() > before), True)  # it is asked, and not answered
        counter.cut()
        asker.join(30)
        return answers[0]
    same((cut_while_asked('GET', target + 'slow').status, counter.count), (200, 2))
    # A new one that ends so is told.
    answer = cut_while_asked('POST', target + 'slow', 'a=b', FORM)
    same((answer.status, answer.reason), (596, 'the other node closed the connection'))
    counter.close()


@test
def answer_that_ends_the_connection_is_not_followed_by_another(daemon):
    counter = Counter(daemon.other.port)
    target = '/api2/json/nodes/%d/%s/missing' % (counter.port, daemon.other.fingerprint())
    for number in range(1, 3):
        same((daemon.ask('GET', target).status, counter.count), (500, number))
    counter.close()


@test
def other_node_with_another_certificate_is_told_nothing(daemon):
    before = len(daemon.other.calls)
    answer = daemon.ask('GET', '/api2/json/nodes/%d/%s/status' % (daemon.other.port, 'AB:' * 31 + 'AB'))
    same((answer.status, answer.reason), (596, 'fingerprint of the other node does not match'))
    same(len(daemon.other.calls), before)


@test
def other_node_that_is_away_is_595(daemon):
    answer = daemon.ask('GET', '/api2/json/nodes/%d/%s/status' % (port_free(), daemon.fingerprint()))
    same((answer.status, answer.reason), (595, 'Connection refused'))
    same(json.loads(answer.body), {'data': None, 'message': 'Connection refused\n'})


def events_read(connection, wanted, seconds=10):
    data = b''
    end = time.monotonic() + seconds
    while wanted not in data and time.monotonic() < end:
        piece = connection.recv(65536)
        if not piece:
            break
        data += piece
    return data


@test
def events_come_as_a_stream(daemon):
    with daemon.connect() as connection:
        connection.sendall(b'GET /events HTTP/1.1\r\nHost: x\r\nCookie: PVEAuthCookie=good\r\nLast-Event-ID: 41\r\n\r\n')
        data = events_read(connection, b'"number": 44')
    line, headers, body = parts(data)
    same((line, headers['Content-Type'], headers['Transfer-Encoding'], headers['Cache-Control']),
         ('HTTP/1.1 200 OK', 'text/event-stream;charset=UTF-8', 'chunked', 'no-store'))
    same(b'event: state\ndata: {"/cluster/status": []}\n\n' in body, True, body)
    same(b'id: 42\nevent: history\ndata: {"number": 42, "event": "node-state"}\n\n' in body, True, body)
    same(wait(lambda: any(call['op'] == 'unwatch' for call in daemon.calls)), True, 'unwatch')


@test
def events_are_refused_as_a_call_is(daemon):
    line, headers, body = parts(daemon.talk('GET /events HTTP/1.1\r\nHost: x\r\nCookie: PVEAuthCookie=bad\r\n\r\n'))
    same((line, body), ('HTTP/1.1 401 No ticket', b''))


@test
def stream_that_is_not_read_is_cut(daemon):
    before = daemon.memory_kib()
    with daemon.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(b'GET /events HTTP/1.1\r\nHost: x\r\nCookie: PVEAuthCookie=flood\r\n\r\n')
        count = sum(call['op'] == 'unwatch' for call in daemon.calls)
        same(wait(lambda: sum(call['op'] == 'unwatch' for call in daemon.calls) > count), True, 'cut')
    same(daemon.memory_kib() - before < 40000, True, 'memory')


@test
def metrics_are_text(daemon):
    answer = daemon.ask('GET', '/metrics', None, {'Authorization': 'Bearer u@pve!t=s'})
    same((answer.status, answer.getheader('Content-Type'), answer.body),
         (200, 'text/plain; version=0.0.4; charset=utf-8', b'# HELP ha_up x\nha_up 1\n'))


@test
def execd_that_ends_is_told_and_found_again(daemon):
    answer = daemon.ask('GET', '/api2/json/exit')
    same((answer.status, answer.reason), (596, 'ha-execd ended meanwhile; the call may have taken effect'))
    same(daemon.ask('GET', '/api2/json/null').status, 200)
    with daemon.connect() as connection:
        connection.sendall(b'GET /events HTTP/1.1\r\nHost: x\r\nCookie: PVEAuthCookie=good\r\n\r\n')
        events_read(connection, b'"number": 3')
        daemon.execd_stop()
        same(read_all(connection)[-5:], b'0\r\n\r\n', 'end of the stream')
    answer = daemon.ask('GET', '/api2/json/null')
    same((answer.status, answer.reason), (595, 'ha-execd is not running on this node'))
    daemon.execd_start()
    same(wait(lambda: daemon.ask('GET', '/api2/json/null').status == 200), True)


@test
def client_that_goes_away_leaves_nothing(daemon):
    for _ in range(20):
        with daemon.connect() as connection:
            connection.sendall(b'GET /api2/json/slow HTTP/1.1\r\nHost: x\r\n\r\n')
    time.sleep(1.3)
    same(daemon.ask('GET', '/api2/json/null').status, 200)
    same(wait(lambda: len(os.listdir('/proc/%d/fd' % daemon.apid.pid)) < 30), True)


@test
def slow_clients_are_cut_and_others_do_not_wait(daemon):
    slow = []
    for data in (b'', b'GET / HT', b'POST /api2/json/null HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na'):
        connection = daemon.connect()
        connection.sendall(data)
        slow.append(connection)
    mute = daemon.connect(tls=False)  # not even a handshake
    began = time.monotonic()
    same(daemon.ask('GET', '/api2/json/null').status, 200)
    same(time.monotonic() - began < 5, True)
    same(read_all(mute), b'')
    same(read_all(slow[0]), b'')
    # One byte a second does not help.
    while time.monotonic() - began < 30:
        try:
            slow[1].sendall(b'x')
        except OSError:
            break
        time.sleep(0.5)
    same(7 < time.monotonic() - began < 25, True, time.monotonic() - began)
    for connection in slow + [mute]:
        connection.close()


@test
def connections_are_bounded(daemon):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = 1100 if hard > 2000 else 500
    open_ones = [socket.create_connection(('127.0.0.1', daemon.port), timeout=20) for _ in range(count)]
    same(len(os.listdir('/proc/%d/fd' % daemon.apid.pid)) < 1064, True)
    # These are silent, so the oldest of them make room.
    same(daemon.ask('GET', '/api2/json/null').status, 200)
    same(len(os.listdir('/proc/%d/fd' % daemon.apid.pid)) < 1064, True)
    for connection in open_ones:
        connection.close()


def malformed(chance):
    good = b'POST /api2/json/echo?a=%41 HTTP/1.1\r\nHost: x\r\nCookie: PVEAuthCookie=PVE%3A\r\nContent-Length: 7\r\n' \
           b'Content-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n{"b":1}'
    data = bytearray(good)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data))
        kind = chance.randrange(4)
        if kind == 0:
            data[at] = chance.randrange(256)
        elif kind == 1:
            del data[at:at + chance.randint(1, 20)]
        elif kind == 2:
            data[at:at] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 8)))
        else:
            data[at:at] = data[chance.randrange(len(data)):][:30]
        data = data or bytearray(b'x')
    return bytes(data)


@test
def ten_thousand_malformed_requests_have_no_effect(daemon):
    chance = random.Random(7)
    count = int(os.environ.get('HA_MALFORMED', '10000'))
    before = daemon.memory_kib()
    connection, sent, answers = None, 0, 0
    for _ in range(count):
        if connection is None:
            connection, sent = daemon.connect(), 0
        try:
            # Ends with the line that ends any head that was begun.
            connection.sendall(malformed(chance) + b'\r\n\r\n')
            connection.settimeout(0.001)
            try:
                answers += connection.recv(65536).count(b'HTTP/1.')
            except (TimeoutError, ssl.SSLWantReadError):
                pass
            connection.settimeout(20)
            sent += 1
        except OSError:
            sent = 50
        if sent >= 4:
            connection.close()
            connection = None
    if connection:
        connection.close()
    same(answers > count / 20, True, answers)
    same(daemon.ask('GET', '/api2/json/null').status, 200)
    paths = {call['path'].split('/')[1] for call in daemon.calls if call['op'] == 'call' and call['path'] != '/'}
    same(daemon.apid.poll(), None)
    same(daemon.memory_kib() - before < 30000, True, daemon.memory_kib() - before)
    same('ct' in paths, False)


@test
def nothing_was_warned_of(daemon):
    same([line for line in daemon.log_text().split('\n') if line and not line.startswith('{')], [])


@test
def end_is_orderly(daemon):
    same(daemon.other.stop(), 0)
    same(daemon.stop(), 0)


def main():
    program, source = sys.argv[1:]
    only = os.environ.get('HA_ONLY')
    tests = [case for case in TESTS if not only or case.__name__ in only.split(',') or case is end_is_orderly]
    print('1..%d' % len(tests))
    good = True
    with tempfile.TemporaryDirectory() as folder:
        daemon = Daemon(folder, program, source, 'a')
        daemon.other = Daemon(folder, program, source, 'b')
        for number, case in enumerate(tests, 1):
            try:
                case(daemon)
                result = 'ok'
            except Exception as error:  # any failure of one test is one failed test
                good = False
                result = 'not ok'
                print('# %s: %s' % (type(error).__name__, str(error).replace('\n', '\n# ')))
            print('%s %d - %s' % (result, number, case.__name__), flush=True)
        for one in (daemon, daemon.other):
            for process in (one.apid, one.execd):
                if process.poll() is None:
                    process.kill()
        if not good:
            print('# ' + daemon.log_text().replace('\n', '\n# '))
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
