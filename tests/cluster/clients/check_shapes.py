#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check_shapes.py HOST SECRET: the keys and types of what the API of two nodes answers, with ct:100 on node1 and ct:101 on
node2, both stopped and with tasks of their own. SECRET is that of the token root@pam!test. Clients take a number for a
number and text for text, and 0 and 1 for no and yes.
Prints each difference and exits 1."""

import sys
import time

import requests
import urllib3

urllib3.disable_warnings()
HOST, SECRET = sys.argv[1:3]
SESSION = requests.Session()
SESSION.verify = False
SESSION.headers['Authorization'] = f'PVEAPIToken=root@pam!test={SECRET}'
PROBLEMS = []

# name:kind; kind is n (number), i (whole number), s (text), b (0 or 1), l (list), o (object); '?' behind a name: may be away.
USAGE = 'cpu:n mem:i maxmem:i disk:i maxdisk:i uptime:i'
TRAFFIC = 'netin:i netout:i diskread:i diskwrite:i'
NODE = f'id:s node:s type:s status:s level:s maxcpu:i ssl_fingerprint:s {USAGE}'
GUEST = f'vmid:i name:s status:s type:s cpus:i swap:i maxswap:i {USAGE} {TRAFFIC} pid?:i lock?:s tags?:s template?:b'
TASK = 'upid:s node:s pid:i pstart:i starttime:i type:s id:s user:s tokenid?:s'
STORAGE = 'storage:s type:s content:s digest:s shared?:b nodes?:s disable?:b path:s'
STORAGE_HERE = 'storage:s type:s content:s enabled:b active:b shared:b total:i used:i avail:i used_fraction:n'
RESOURCE = 'sid:s type:s digest:s state?:s max_restart?:i max_relocate?:i failback?:b group?:s comment?:s'
GROUP = 'group:s type:s nodes:s restricted:b nofailback:b comment?:s digest:s'
RULE = 'rule:s type:s resources:s nodes?:s strict?:b affinity?:s disable?:b comment?:s order:i digest:s'
CORO_NODE = 'node:s name:s nodeid:s quorum_votes:s ring0_addr:s'
SERVICE = ('id:s type:s sid:s node:s state:s crm_state?:s request_state:s max_restart:i max_relocate:i failback:b group?:s '
           'comment?:s status:s')

# Path, shape; of a list the shape of its rows; 'kind=…' where rows differ by their type.
CALLS = [
    ('/version', 'version:s release:s repoid:s ha-manager:s console?:s'),
    ('/nodes', [NODE]),
    ('/nodes/node2/version', 'version:s release:s repoid:s'),
    ('/nodes/node1/lxc', [GUEST]),
    ('/nodes/node2/lxc/101/status/current', GUEST + ' ha:o'),
    ('/nodes/node1/lxc/100/config', 'digest:s rootfs:s halt-signal?:s'),
    ('/nodes/node1/lxc/100/snapshot', ['name:s description:s running?:b']),
    ('/nodes/node2/qemu', []),
    ('/cluster/status', {'cluster': 'type:s id:s name:s nodes:i version:i quorate:b',
                         'node': 'type:s id:s name:s nodeid:i ip?:s local:b online:b level:s'}),
    ('/cluster/resources', {'lxc': f'id:s vmid:i type:s node:s status:s name:s template:b maxcpu:i {USAGE} {TRAFFIC} pool?:s lock?:s '
                                   'tags?:s hastate?:s',
                            'node': NODE + ' cgroup-mode:i hastate:s',
                            'storage': 'id:s type:s storage:s node:s status:s shared:b content:s plugintype:s disk:i maxdisk:i'}),
    ('/cluster/nextid', 's'),
    ('/cluster/config/apiversion', 'i'),
    ('/cluster/config/nodes', [CORO_NODE]),
    ('/cluster/ha/resources', [RESOURCE]),
    ('/cluster/ha/resources/101', RESOURCE),
    ('/cluster/ha/groups', [GROUP]),
    ('/cluster/ha/groups/west', GROUP),
    ('/cluster/ha/rules', [RULE]),
    ('/cluster/ha/rules/apart', RULE),
    ('/cluster/ha/status/current', {'quorum': 'id:s type:s node:s status:s quorate:b', 'master': 'id:s type:s node:s status:s timestamp:i',
                                    'fencing': 'id:s type:s node:s armed-state:s status:s resource_mode?:s',
                                    'lrm': 'id:s type:s node:s status:s timestamp:i', 'service': SERVICE}),
    ('/storage', [STORAGE]),
    ('/storage/shared', STORAGE),
    ('/nodes/node2/storage', [STORAGE_HERE]),
    ('/nodes/node1/storage/shared/status', STORAGE_HERE),
    ('/nodes/node1/tasks', [TASK + ' endtime:i status:s']),
    ('/cluster/tasks', [TASK + ' endtime?:i status?:s saved?:s']),
    ('/access/users', ['userid:s enable:b expire:i realm-type:s comment?:s']),
    ('/access/domains', ['realm:s type:s comment:s default?:b tfa?:s']),
    ('/access/roles', ['roleid:s privs:s special:b']),
    ('/pools', []), ('/cluster/backup-info/not-backed-up', []), ('/nodes/node1/replication', []), ('/nodes/node1/network', []),
]
KINDS = {
    'n': lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    'i': lambda value: isinstance(value, int) and not isinstance(value, bool),
    's': lambda value: isinstance(value, str),
    'b': lambda value: not isinstance(value, (bool, float)) and value in (0, 1),
    'l': lambda value: isinstance(value, list),
    'o': lambda value: isinstance(value, dict),
}


def problem(path, words):
    PROBLEMS.append(f'{path}: {words}')


def call(method, path, **parameters):
    where = {'params': parameters} if method in ('GET', 'DELETE') else {'data': parameters}
    answer = SESSION.request(method, f'https://{HOST}:8006/api2/json{path}', timeout=20, **where)
    if answer.status_code != 200:
        problem(path, f'{method}: {answer.status_code} {answer.reason} {answer.text}')
        return None
    return answer.json()['data']


def check_row(path, shape, row):
    if shape in KINDS:
        if not KINDS[shape](row):
            problem(path, f'is {row!r}, expected {shape}')
        return
    if not isinstance(row, dict):
        problem(path, f'no object: {row!r}')
        return
    left = dict(row)
    for word in shape.split():
        name, kind = word.rsplit(':', 1)
        value = left.pop(name.rstrip('?'), None)
        if value is None and not name.endswith('?'):
            problem(path, f'{name} is away: {row!r}')
        if value is not None and not KINDS[kind](value):
            problem(path, f'{name} is {value!r}, expected {kind}')
    for name in left:
        problem(path, f'{name} is not known: {row!r}')


def check(path, shape):
    data = call('GET', path)
    if not isinstance(shape, (list, dict)):
        check_row(path, shape, data)
        return
    if not isinstance(data, list) or bool(data) != bool(shape):
        problem(path, f'is {data!r}')
        return
    for row in data:
        check_row(path, shape[0] if isinstance(shape, list) else shape.get(row['type'], ''), row)
    for name in shape if isinstance(shape, dict) else ():
        if name not in [row['type'] for row in data]:
            problem(path, f'no row of type {name}')


def check_node_status(name):
    path = f'/nodes/{name}/status'
    data = call('GET', path) or {}
    check_row(path, 'uptime:i idle:n loadavg:l kversion:s current-kernel:o boot-info:o cpu:n wait:n cpuinfo:o memory:o swap:o rootfs:o ksm:o '
                    'pveversion:s', data)
    for part, shape in {'cpuinfo': 'cores:i cpus:i sockets:i model:s mhz:s hvm:s flags:s user_hz:i',
                        'memory': 'total:i used:i free:i available:i', 'swap': 'total:i used:i free:i',
                        'rootfs': 'total:i used:i free:i avail:i', 'ksm': 'shared:i', 'boot-info': 'mode:s secureboot?:b',
                        'current-kernel': 'sysname:s release:s version:s machine:s'}.items():
        check_row(f'{path}: {part}', shape, data.get(part))
    if not all(KINDS['s'](value) for value in data.get('loadavg', [1])):
        problem(path, f'loadavg is {data.get("loadavg")!r}')


def check_manager_status():
    path = '/cluster/ha/status/manager_status'
    data = call('GET', path) or {}
    check_row(path, 'manager_status:o quorum:o lrm_status:o', data)
    check_row(f'{path}: quorum', 'node:s quorate:b', data.get('quorum'))
    manager = data.get('manager_status', {})
    if manager.get('node_status') != {'node1': 'online', 'node2': 'online'} or not KINDS['i'](manager.get('timestamp')):
        problem(path, repr(manager))
    for name in ('node1', 'node2'):
        check_row(f'{path}: {name}', 'state:s mode:s timestamp:i results:o', data.get('lrm_status', {}).get(name))


def check_totem():
    path = '/cluster/config/totem'
    data = call('GET', path) or {}
    words = {name: value for name, value in data.items() if name in ('cluster_name', 'version', 'ip_version', 'link_mode', 'secauth')}
    if words != {'cluster_name': 'test', 'version': '2', 'ip_version': 'ipv4-6', 'link_mode': 'passive', 'secauth': 'on'}:
        problem(path, repr(data))
    if data.get('interface') != {'0': {'linknumber': '0'}} or not KINDS['s'](data.get('config_version')):
        problem(path, repr(data))


def wait(what, condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f'not within {seconds} s: {what}')
        time.sleep(0.5)


def main():
    wait('both nodes have told what they use', lambda: all('uptime' in row for row in call('GET', '/nodes')))
    call('POST', '/cluster/ha/groups', group='west', nodes='node1,node2', comment='of two')
    call('POST', '/cluster/ha/resources', sid='100', state='stopped', max_restart=2, max_relocate=0, comment='one')
    call('POST', '/cluster/ha/resources', sid='101', state='stopped', failback=0, group='west')
    call('POST', '/cluster/ha/rules', rule='apart', type='resource-affinity', resources='ct:100,ct:101', affinity='negative')
    for path, shape in CALLS:
        check(path, shape)
    for name in ('node1', 'node2'):
        check_node_status(name)
    check_manager_status()
    check_totem()
    call('DELETE', '/cluster/ha/rules/apart')
    for vmid in (100, 101):
        call('DELETE', f'/cluster/ha/resources/{vmid}')
    call('DELETE', '/cluster/ha/groups/west')
    for words in PROBLEMS:
        print(words)
    return 1 if PROBLEMS else 0


if __name__ == '__main__':
    sys.exit(main())
