#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""walk_proxmoxer.py HOST PASSWORD: Debian's python3-proxmoxer, unmodified, against two nodes with ct:101 on node1, which
runs and is not under HA. Says what differs and exits 1; the shapes of answers are checked by check_shapes.py."""

import sys
import time

from proxmoxer import ProxmoxAPI, ResourceException
from proxmoxer.backends.https import AuthenticationError

HOST, PASSWORD = sys.argv[1:3]
SERVICE = 'ct:101'
BAD = 'Parameter verification failed.'


def expect(what, good, seen=None):
    if not good:
        sys.exit(f'proxmoxer: {what}: {seen!r}')


def wait(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        expect(f'not within {seconds} s: {what}', time.monotonic() < end)
        time.sleep(0.3)


# This client shows the reason phrase; what it could tell of single parameters is lost in it.
def refused(what, status, words, call):
    try:
        call()
    except ResourceException as problem:
        expect(what, problem.status_code == status and words in str(problem), str(problem))
        return problem
    return expect(what, False, 'was carried out')


def log_in():
    try:
        ProxmoxAPI(HOST, user='root@pam', password='wrong', verify_ssl=False)
        expect('a wrong password', False, 'logs in')
    except AuthenticationError:
        pass
    api = ProxmoxAPI(HOST, user='root@pam', password=PASSWORD, verify_ssl=False)
    version = api.version.get()
    expect('version', version['release'] == '9.1' and version['version'].startswith('9.1.'), version)
    ticket, _ = api.get_tokens()
    again = ProxmoxAPI(HOST, user='root@pam', password=ticket, verify_ssl=False) # as it renews it after an hour
    expect('a ticket as password', again.version.get() == version)
    return api


def look_around(api):
    nodes = sorted(row['node'] for row in api.nodes.get() if row['status'] == 'online')
    expect('nodes', nodes == ['node1', 'node2'], nodes)
    for name in nodes: # one of them is asked through the other
        expect(f'status of {name}', api.nodes(name).status.get()['uptime'] > 0)
    rows = api.cluster.status.get()
    expect('cluster', [row['type'] for row in rows] == ['cluster', 'node', 'node'] and rows[0]['quorate'] == 1, rows)
    expect('names of the cluster', rows[0]['name'] == 'test', rows)
    guests = {row['vmid']: row for row in api.cluster.resources.get(type='vm')}
    expect('guests', guests[101]['node'] == 'node1' and guests[101]['type'] == 'lxc', guests)
    expect('a free number', int(api.cluster.nextid.get()) not in guests)
    refused('a number that is taken', 400, BAD, lambda: api.cluster.nextid.get(vmid=101))
    refused('a resource that is not there', 500, "no such resource 'ct:9'", api.cluster.ha.resources('ct:9').get)
    refused('a parameter that is not there', 400, BAD, lambda: api.version.get(x=1))


def row_of(api):
    rows = [row for row in api.cluster.ha.status.current.get() if row.get('sid') == SERVICE]
    return (rows[0]['node'], rows[0]['state']) if rows else None


def use_ha(api):
    resources = api.cluster.ha.resources
    expect('add', resources.post(sid='101', max_restart=2, comment='by proxmoxer') is None)
    refused('add twice', 500, "resource ID 'ct:101' already defined", lambda: resources.post(sid=SERVICE))
    resource = resources(SERVICE).get()
    expect('what was added', (resource['max_restart'], resource['comment'], resource['type']) == (2, 'by proxmoxer', 'ct'), resource)
    expect('defaults are not told', 'max_relocate' not in resource, resource)
    wait('it is started', lambda: row_of(api) == ('node1', 'started'))
    refused('a change with an old digest', 500, 'detected modified configuration',
            lambda: resources(SERVICE).put(max_relocate=3, digest='0' * 40))
    expect('set', resources(SERVICE).put(max_relocate=3, delete='comment', digest=resource['digest']) is None)
    resource = resources(SERVICE).get()
    expect('what was set', resource.get('max_relocate') == 3 and 'comment' not in resource, resource)
    answer = resources(SERVICE).migrate.post(node='node2')
    expect('migrate', answer == {'sid': SERVICE, 'requested-node': 'node2'}, answer)
    wait('it runs on node2', lambda: row_of(api) == ('node2', 'started'))
    guest = api.nodes('node2').lxc(101).status.current.get()
    expect('its guest', guest['status'] == 'running' and guest['ha'] == {'managed': 1, 'state': 'started'}, guest)
    upid = api.nodes('node2').lxc(101).status.stop.post()
    expect('a stop is asked of HA', ':hastop:101:root@pam:' in upid, upid)
    task_ends(api, 'node2', upid)
    wait('it is stopped', lambda: row_of(api) == ('node2', 'stopped'))
    expect('remove', resources(SERVICE).delete() is None)
    wait('it is not shown', lambda: row_of(api) is None)
    refused('remove twice', 500, "cannot delete service 'ct:101', not HA managed!", resources(SERVICE).delete)


def task_ends(api, node, upid):
    task = api.nodes(node).tasks(upid)
    wait(f'the end of {upid}', lambda: task.status.get()['status'] == 'stopped')
    expect('how it ended', task.status.get()['exitstatus'] == 'OK', task.status.get())
    expect('its log', task.log.get()[-1]['t'] == 'TASK OK', task.log.get())
    rows = api.nodes(node).tasks.get(vmid=101, limit=1)
    expect('the newest task of the node', rows[0]['upid'] == upid and rows[0]['status'] == 'OK', rows)
    wait('the cluster shows it', lambda: upid in [row['upid'] for row in api.cluster.tasks.get()])


def use_guest(api):
    guest = api.nodes('node2').lxc(101)
    refused('a guest of another node', 500, "Configuration file 'nodes/node1/lxc/101.conf' does not exist",
            api.nodes('node1').lxc(101).config.get)
    refused('a stopped guest', 500, 'CT 101 not running', guest.status.stop.post)
    guest.config.put(tags='web;blue')
    expect('tags', guest.config.get()['tags'] == 'web;blue', guest.config.get())
    task_ends(api, 'node2', guest.migrate.post(target='node1'))
    guest = api.nodes('node1').lxc(101)
    task_ends(api, 'node1', guest.status.start.post())
    refused('a running guest', 500, 'CT 101 already running', guest.status.start.post)
    refused('its own node', 400, BAD, lambda: guest.migrate.post(target='node1'))


def use_token(api):
    api.access.users.post(userid='monitor@pve', password='12345678')
    token = api.access.users('monitor@pve').token('one').post(privsep=0)
    api.access.acl.put(path='/', roles='PVEAuditor', users='monitor@pve')
    other = ProxmoxAPI(HOST, user='monitor@pve', token_name='one', token_value=token['value'], verify_ssl=False)
    expect('what a token may see', len(other.cluster.resources.get(type='vm')) == 2)
    rights = other.access.permissions.get()['/']
    expect('what it may', rights.get('Sys.Audit') == 1 and 'Sys.Console' not in rights, rights)
    refused('what it may not', 403, 'Permission check failed (/, Sys.Console)',
            lambda: other.cluster.ha.resources.post(sid='101'))
    api.access.users('monitor@pve').delete()


def main():
    api = log_in()
    look_around(api)
    use_ha(api)
    use_guest(api)
    use_token(api)


main()
