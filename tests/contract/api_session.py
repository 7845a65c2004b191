#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""api_session.py FOLDER-OF-BUILD: the calls of the API on a machine by itself, with all daemons and a real container,
as ha-apid makes them. Runs in a machine of its own (in_node.sh). TAP, one line a step."""

import json
import os
import socket
import struct
import subprocess
import sys
import time

BUILD = sys.argv[1]
W = '/run/api'
ENVIRONMENT = dict(os.environ, LC_ALL='C.UTF-8', HA_MANAGER_LOG='text', HA_MANAGER_RUN_DIR=f'{W}/run',
                   HA_MANAGER_STATE_DIR=f'{W}/state', HA_MANAGER_LOG_DIR=f'{W}/log', HA_MANAGER_SBIN_DIR=f'{W}/sbin')
DAEMONS = ['watchdog/ha-watchdogd', 'cluster/ha-clusterd', 'crm/ha-crm', 'lrm/ha-lrm', 'api/exec/ha-execd']
TOOLS = ['cli/ha-manager', 'cli/ha-guest', 'cli/ha-cluster']


class Report:
    count = 0
    failed = 0


def report(name, good, why=''):
    Report.count += 1
    Report.failed += not good
    print(f'{"ok" if good else "not ok"} {Report.count} - {name}', flush=True)
    if not good:
        for line in str(why).splitlines():
            print(f'# {line}', flush=True)


def tool(name, *arguments):
    done = subprocess.run([f'{W}/sbin/{name}', *arguments], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def wait(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return False


class Api:
    """One connection to ha-execd."""

    def __init__(self, token):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(f'{W}/run/execd.sock')
        self.token = token
        self.number = 0

    def take(self, size):
        data = b''
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise EOFError('ha-execd has closed the connection')
            data += part
        return data

    def call(self, method, path, **parameters):
        self.number += 1
        request = {'id': self.number, 'op': 'call', 'method': method, 'path': path, 'token': self.token,
                   'address': '127.0.0.1', 'forwarded': False,
                   'parameters': {key.replace('_', '-') if key == 'resource_mode' else key: str(value)
                                  for key, value in parameters.items()}}
        text = json.dumps(request).encode()
        self.socket.sendall(struct.pack('<I', len(text)) + text)
        while True:
            answer = json.loads(self.take(struct.unpack('<I', self.take(4))[0]))
            if answer.get('id') == self.number:
                return answer

    def data(self, path, **parameters):
        return self.call('GET', path, **parameters).get('data')


def answers(name, answer, status, message=None):
    report(name, answer.get('status') == status and (message is None or answer.get('message') == message), answer)


def task_ends(api, answer, name, end='OK'):
    """The call was answered with a UPID, and the task ends so."""
    upid = answer.get('data')
    if not isinstance(upid, str) or not upid.startswith('UPID:node1:'):
        report(name, False, answer)
        return
    path = f'/nodes/node1/tasks/{upid}'
    wait(lambda: (api.data(f'{path}/status') or {}).get('status') == 'stopped', 60)
    status = api.data(f'{path}/status') or {}
    report(name, status.get('exitstatus') == end, [status, api.data(f'{path}/log')])


def guest(api, vmid=100):
    return api.data(f'/nodes/node1/lxc/{vmid}/status/current') or {}


def service(api, sid='ct:100'):
    rows = [row for row in api.data('/cluster/ha/status/current') or [] if row.get('sid') == sid]
    return rows[0].get('state') if rows else None


def before_ha(api):
    answers('a guest that does not run cannot be stopped', api.call('POST', '/nodes/node1/lxc/100/status/stop'), 500,
            'CT 100 not running')
    task_ends(api, api.call('POST', '/nodes/node1/lxc/100/status/start'), 'start')
    report('it runs', guest(api).get('status') == 'running' and guest(api).get('pid', 0) > 0, guest(api))
    answers('and cannot be started', api.call('POST', '/nodes/node1/lxc/100/status/start'), 500,
            'CT 100 already running')
    report('it uses memory', guest(api).get('mem', 0) > 0, guest(api))
    rows = api.data('/cluster/resources', type='vm')
    report('the cluster shows it', len(rows) == 1 and rows[0]['id'] == 'lxc/100' and rows[0]['status'] == 'running', rows)
    pid = guest(api).get('pid')
    task_ends(api, api.call('POST', '/nodes/node1/lxc/100/status/reboot', timeout=20), 'reboot')
    report('another process runs', guest(api).get('pid') not in (pid, None), guest(api))
    task_ends(api, api.call('POST', '/nodes/node1/lxc/100/status/shutdown', timeout=20), 'shutdown')
    report('it does not run', guest(api).get('status') == 'stopped', guest(api))
    answers('its definition can be changed', api.call('PUT', '/nodes/node1/lxc/100/config', memory=128, description='x'), 200)
    config = api.data('/nodes/node1/lxc/100/config')
    report('and is', config.get('memory') == 128 and config.get('description') == 'x', config)


def under_ha(api):
    answers('put it under HA', api.call('POST', '/cluster/ha/resources', sid='100', state='stopped'), 200)
    answers('twice is refused', api.call('POST', '/cluster/ha/resources', sid='ct:100'), 500,
            "create resource failed: resource ID 'ct:100' already defined")
    report('it is stopped', wait(lambda: service(api) == 'stopped'), api.data('/cluster/ha/status/current'))
    task_ends(api, api.call('POST', '/nodes/node1/lxc/100/status/start'), 'a start asks HA')
    report('HA starts it', wait(lambda: service(api) == 'started', 60), api.data('/cluster/ha/status/current'))
    report('it runs', guest(api).get('status') == 'running' and guest(api)['ha'] == {'managed': 1, 'state': 'started'},
           guest(api))
    task_ends(api, api.call('POST', '/nodes/node1/lxc/100/status/stop'), 'a stop asks HA')
    report('HA stops it', wait(lambda: service(api) == 'stopped', 60), api.data('/cluster/ha/status/current'))
    answers('take it out', api.call('DELETE', '/cluster/ha/resources/ct:100'), 200)
    answers('once', api.call('DELETE', '/cluster/ha/resources/ct:100'), 500,
            "cannot delete service 'ct:100', not HA managed!")


def local_storage(api):
    return [row for row in api.data('/nodes/node1/storage') or [] if row['storage'] == 'local'][0]


def what_is_shown(api):
    leases = api.data('/cluster/ha/leases')
    report('leases', len(leases) == 1 and leases[0]['node'] == 'node1' and leases[0]['state'] in ('held', 'free'), leases)
    timing = api.data('/cluster/ha/timing')
    report('times are measured', timing['measured'] == 1 and timing['lease_ms'] > 0, timing)
    status = api.data('/cluster/status')
    report('a node by itself is one', len(status) == 1 and status[0]['nodeid'] == 0 and status[0]['online'] == 1, status)
    wait(lambda: 'uptime' in api.data('/nodes')[0])
    node = api.data('/nodes')[0]
    report('the node has figures', node['maxmem'] > 0 and node['uptime'] > 0, node)
    report('and tells them the others', wait(lambda: local_storage(api)['active'] == 1), local_storage(api))
    events = [entry['event'] for entry in api.data('/cluster/ha/history') or []]
    report('what was decided is in the history', 'service-running' in events, events)


def main():
    for folder in ('run', 'state', 'log', 'sbin', 'etc', 'shared'):
        os.makedirs(f'{W}/{folder}')
    for program in DAEMONS + TOOLS:
        os.symlink(f'{BUILD}/{program}', f'{W}/sbin/{os.path.basename(program)}')
    subprocess.run(['mount', '--bind', f'{W}/etc', '/etc/corosync'], check=False, stderr=subprocess.DEVNULL)
    logs = {name: open(f'{W}/{os.path.basename(name)}.log', 'w', encoding='utf-8') for name in DAEMONS}
    processes = [subprocess.Popen([f'{BUILD}/{name}'], env=ENVIRONMENT, stderr=logs[name]) for name in DAEMONS]
    try:
        report('all daemons are there', wait(lambda: 'lrm node1 (idle' in tool('ha-manager', 'status')[1] and
                                             os.path.exists(f'{W}/run/execd.sock'), 60))
        status, out, err = tool('ha-cluster', 'token', 'add', 'root@pam', 'test', '--privsep', '0',
                                '--output-format', 'json')
        report('a token', status == 0, err)
        row = json.loads(out)
        row = row[0] if isinstance(row, list) else row
        status, _, err = tool('ha-guest', 'storage', 'add', 'shared', '--path', f'{W}/shared', '--shared', '1')
        report('a storage', status == 0, err)
        status, _, err = tool('ha-guest', 'create', 'ct:100', '--template', 'busybox', '--storage', 'shared')
        report('a container', status == 0, err)
        api = Api(f'{row["token"]}={row["secret"]}')
        wait(lambda: api.call('GET', '/version')['status'] == 200)
        before_ha(api)
        under_ha(api)
        what_is_shown(api)
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            process.wait(60)
    if Report.failed:
        for name in DAEMONS:
            with open(logs[name].name, encoding='utf-8', errors='replace') as log:
                for line in log.read().splitlines()[-40:]:
                    print(f'# {os.path.basename(name)}: {line}')
    print(f'1..{Report.count}')
    return 1 if Report.failed else 0


if __name__ == '__main__':
    sys.exit(main())
