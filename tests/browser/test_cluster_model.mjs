// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test from 'node:test';
import * as model from '../../api/dashboard/cluster_model.js';
import { announcement, sentence } from '../../api/dashboard/history_words.js';
import { LiveState } from '../../api/dashboard/live_state.js';

const GUESTS = [{ type: 'lxc', vmid: 100, node: 'n1', status: 'running', name: 'web', hastate: 'error' },
    { type: 'qemu', vmid: 101, node: 'n2', status: 'stopped', name: 'win' }, { type: 'qemu', vmid: 9, node: 'n2', status: 'stopped', template: 1 }];

test('guests_are_counted_by_kind_and_state', () => {
    const { rows, errors } = model.guestCounts(GUESTS);
    assert.deepEqual(rows.map((row) => [row.type, row.running, row.stopped, row.templates]), [['lxc', 1, 0, 0], ['qemu', 0, 1, 1]]);
    assert.equal(errors, 1);
});

test('shared_storage_counts_once', () => {
    const disk = (node, storage, shared) => ({ type: 'storage', node, storage, shared, status: 'available', disk: 1, maxdisk: 10 });
    const { storage, cpu } = model.totals([disk('n1', 's', 1), disk('n2', 's', 1), disk('n1', 'l', 0), disk('n2', 'l', 0),
        { type: 'node', status: 'online', cpu: 0.5, maxcpu: 4 }, { type: 'node', status: 'offline', maxcpu: 4 }]);
    assert.equal(storage.all, 30);
    assert.deepEqual([cpu.used, cpu.all], [2, 4]);
});

test('node_alone_is_no_cluster', () => {
    const health = model.clusterHealth([{ type: 'node', name: 'n1', local: 1, online: 1 }]);
    assert.ok(health.isStandalone && health.isQuorate && health.local === 'n1');
    assert.ok(!model.clusterHealth([{ type: 'cluster', quorate: 0, name: 'c' }]).isQuorate);
    assert.ok(!model.clusterHealth(undefined).isKnown);
});

test('services_join_status_configuration_and_guests', () => {
    const [row, waiting] = model.haServices([{ type: 'service', sid: 'ct:100', node: 'n1', state: 'started', request_state: 'started' }],
        [{ sid: 'ct:100', max_relocate: 2, comment: 'x' }, { sid: 'vm:101', state: 'stopped' }], GUESTS);
    assert.deepEqual([row.sid, row.name, row.maxRelocate, row.maxRestart, row.comment, row.state], ['ct:100', 'web', 2, 1, 'x', 'started']);
    assert.deepEqual([waiting.sid, waiting.state, waiting.requestState], ['vm:101', 'queued', 'stopped']);
});

test('only_unmanaged_guests_can_be_added', () => {
    assert.deepEqual(model.unmanagedGuests(GUESTS, [{ sid: 'ct:100' }]).map((guest) => guest.sid), ['vm:101']);
});

test('status_lines_say_how_bad_they_are', () => {
    const table = [[{ type: 'quorum', status: 'OK', quorate: 1 }, 'ok'], [{ type: 'quorum', status: "No quorum on node 'x'!", quorate: 0 }, 'bad'],
        [{ type: 'lrm', status: 'x (active, watchdog active, Sun)' }, 'ok'], [{ type: 'lrm', status: 'x (idle, watchdog standby, Sun)' }, 'calm'], [{ type: 'fencing', status: 'armed (CRM watchdog active)' }, 'ok'],
        [{ type: 'fencing', status: 'standby' }, 'calm'],
        [{ type: 'lrm', status: 'x (old timestamp - dead?, Sun)' }, 'bad'], [{ type: 'lrm', status: 'x (maintenance mode, Sun)' }, 'warn'],
        [{ type: 'lrm', status: 'x (unable to read lrm status)' }, 'bad'], [{ type: 'fencing', status: 'disarmed' }, 'warn']];
    for (const [entry, level] of table) assert.equal(model.haStatusRows([entry])[0].level, level, entry.status);
});

test('service_says_why_it_does_not_run', () => {
    const manager = { manager_status: { service_status: { 'ct:1': { failed_nodes: ['n3'], target: 'n2' } } } };
    const reason = (state) => model.serviceReason({ sid: 'ct:1', node: 'n1', state }, manager);
    assert.match(reason('error'), /error.*n3/s);
    assert.match(reason('fence'), /n1/);
    assert.match(reason('relocate'), /n2/);
    assert.equal(model.serviceReason({ sid: 'ct:2', node: 'n1', state: 'started' }, manager), '');
});

test('node_priorities_are_read_and_written', () => {
    const text = 'n1:2,n2';
    assert.equal(model.formatNodePriorities(model.parseNodePriorities(` ${text.replace(',', ' , ')} `)), text);
});

test('live_state_keeps_each_entry_once_and_in_order', () => {
    const state = new LiveState();
    assert.equal(state.addHistory([{ number: 2 }, { number: 3 }]).length, 2);
    assert.equal(state.addHistory([{ number: 1 }, { number: 3 }, { number: 2 }]).length, 1);
    assert.deepEqual(state.history.map((entry) => entry.number), [1, 2, 3]);
    assert.equal(state.lastNumber(), 3);
});

test('live_state_polls_only_what_the_stream_does_not_bring', () => {
    const state = new LiveState();
    state.push({ '/a': 1 }, 10);
    assert.deepEqual(state.due(['/a', '/b']), ['/b']);
    state.failed('/a', new Error('x'));
    assert.equal(state.answer('/a').data, 1);
    state.unpush();
    assert.deepEqual(state.due(['/a', '/b']), ['/a', '/b']);
});

test('history_is_told_in_sentences', () => {
    assert.equal(sentence({ event: 'recover', fields: { sid: 'ct:1', from: 'n1', to: 'n2' } }), 'ct:1 is recovered from n1 to n2');
    assert.equal(sentence({ event: 'something-new', fields: { a: 1, b: 2 } }), 'something-new: a 1, b 2');
    assert.equal(announcement([{ event: 'auto-rebalance', fields: {} }]), '');
    assert.match(announcement([{ event: 'fence-begin', fields: { node: 'n1' } }]), /n1/);
});
