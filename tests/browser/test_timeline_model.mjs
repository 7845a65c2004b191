// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test from 'node:test';
import { axisTicks, buildTimeline, findFailovers } from '../../api/dashboard/timeline_model.js';

let number = 0;
const at = (time, who, event, fields) => ({ number: ++number, time, at: who, level: 'notice', event, fields });

// node1 dies at 100; its lease ends, ct:1 goes to node2.
function aFailover({ hasStart = true } = {}) {
    return [
        at(100, 'node2/clusterd', 'member-left', { node: 'node1' }),
        at(100.2, 'node2/crm', 'node-state', { node: 'node1', from: 'online', to: 'unknown' }),
        at(101, 'node2/crm', 'node-state', { node: 'node1', from: 'unknown', to: 'fence' }),
        at(101, 'node2/crm', 'service-state', { sid: 'ct:1', from: 'started', to: 'fence' }),
        at(101, 'node2/crm', 'fence-begin', { node: 'node1' }),
        at(106, 'node2/crm', 'fence-proof', { node: 'node1', proof: 'lease', evidence: 'its lease ended' }),
        at(106, 'node2/crm', 'fence-confirmed', { node: 'node1', proof: 'lease', evidence: 'its lease ended' }),
        at(106, 'node2/crm', 'node-state', { node: 'node1', from: 'fence', to: 'unknown' }),
        at(106, 'node2/crm', 'service-state', { sid: 'ct:1', from: 'fence', to: 'recovery' }),
        at(106.1, 'node2/crm', 'recover', { sid: 'ct:1', from: 'node1', to: 'node2', proof: 'lease' }),
        at(106.1, 'node2/crm', 'service-state', { sid: 'ct:1', from: 'recovery', to: 'started', node: 'node2' }),
        ...(hasStart ? [at(106.6, 'node2/lrm', 'started', { sid: 'ct:1' })] : []),
    ];
}
const NOW = { services: [{ sid: 'ct:1', node: 'node2', state: 'started' }], nodes: [{ name: 'node1', state: 'unknown' }, { name: 'node2', state: 'online' }] };

test('failover_with_all_entries_has_four_phases', () => {
    const [failover, ...more] = findFailovers(aFailover());
    assert.equal(more.length, 0);
    assert.deepEqual([failover.sid, failover.node, failover.to, failover.proof], ['ct:1', 'node1', 'node2', 'lease']);
    assert.deepEqual(failover.phases.map((phase) => [phase.name, Math.round(phase.ms)]), [['detect', 1000], ['proof', 5000], ['decide', 100], ['start', 500]]);
    assert.equal(Math.round(failover.totalMs), 6600);
    assert.ok(failover.isComplete);
});

test('failover_without_entries_of_nodes_ends_with_the_decision', () => {
    const [failover] = findFailovers(aFailover({ hasStart: false }));
    assert.equal(Math.round(failover.totalMs), 6100);
    assert.ok(failover.isComplete);
    assert.deepEqual(failover.phases.map((phase) => phase.name), ['detect', 'proof', 'decide']);
});

test('failover_whose_service_has_not_started_is_not_complete', () => {
    const history = [at(1, 'node2/lrm', 'started', { sid: 'ct:7' }), ...aFailover({ hasStart: false })];
    assert.equal(findFailovers(history)[0].isComplete, false);
});

test('node_lost_twice_counts_from_the_second_loss', () => {
    const later = aFailover().map((entry) => ({ ...entry, time: entry.time + 500 }));
    const back = at(300, 'node2/crm', 'node-state', { node: 'node1', from: 'unknown', to: 'online' });
    const found = findFailovers([...aFailover(), back, ...later]);
    assert.deepEqual(found.map((failover) => failover.lostAt), [600, 100]);
});

test('timeline_of_a_failover_shows_where_the_service_was', () => {
    const timeline = buildTimeline({ history: aFailover(), ...NOW, from: 90, to: 120 });
    const [row] = timeline.services;
    assert.deepEqual(row.bars.map((bar) => [bar.from, bar.to, bar.node, bar.kind]), [
        [90, 100, 'node1', 'running'], [100, 106.1, 'node1', 'down'], [106.1, 106.6, 'node2', 'starting'], [106.6, 120, 'node2', 'running']]);
    assert.deepEqual(row.marks.map((mark) => mark.kind), ['recover', 'started']);
    assert.deepEqual(timeline.nodes[0].bars.map((bar) => [bar.from, bar.to, bar.kind]), [
        [90, 100.2, 'online'], [100.2, 101, 'silent'], [101, 106, 'fence'], [106, 120, 'silent']]);
    assert.deepEqual(timeline.nodes[0].marks.map((mark) => mark.kind), ['fence', 'proof', 'confirmed']);
});

test('timeline_without_entries_of_nodes_shows_what_was_decided', () => {
    const timeline = buildTimeline({ history: aFailover({ hasStart: false }), ...NOW, from: 90, to: 120 });
    assert.deepEqual(timeline.services[0].bars.map((bar) => [bar.to, bar.node, bar.kind]), [
        [100, 'node1', 'running'], [106.1, 'node1', 'down'], [120, 'node2', 'running']]);
});

test('node_that_nobody_knew_before_has_no_bar_before', () => {
    const history = [at(5, 'n/crm', 'node-state', { node: 'node2', from: 'unknown', to: 'online' })];
    const timeline = buildTimeline({ history, ...NOW, from: 0, to: 10 });
    assert.deepEqual(timeline.nodes.find((row) => row.name === 'node2').bars.map((bar) => [bar.from, bar.kind]), [[5, 'online']]);
});

test('start_that_the_master_was_told_of_ends_a_failover', () => {
    const history = [...aFailover({ hasStart: false }), at(106.9, 'node2/crm', 'service-running', { sid: 'ct:1', node: 'node2' })];
    assert.equal(Math.round(findFailovers(history)[0].totalMs), 6900);
    assert.equal(buildTimeline({ history, ...NOW, from: 90, to: 120 }).services[0].bars.at(-1).from, 106.9);
});

test('service_without_history_is_where_it_is_now', () => {
    const timeline = buildTimeline({ history: [], ...NOW, from: 0, to: 10 });
    assert.deepEqual(timeline.services[0].bars, [{ from: 0, to: 10, node: 'node2', kind: 'running', state: 'started' }]);
});

test('window_cuts_bars_and_marks', () => {
    const timeline = buildTimeline({ history: aFailover(), ...NOW, from: 103, to: 104 });
    assert.deepEqual(timeline.services[0].bars.map((bar) => [bar.from, bar.to, bar.kind]), [[103, 104, 'down']]);
    assert.deepEqual(timeline.services[0].marks, []);
    assert.equal(buildTimeline({ history: aFailover(), ...NOW, from: 200, to: 300 }).failovers.length, 0);
});

test('service_that_was_removed_has_no_bar_afterwards', () => {
    const history = [at(5, 'n/crm', 'service-added', { sid: 'ct:2', node: 'node1' }), at(6, 'n/crm', 'service-state', { sid: 'ct:2', from: 'request_start', to: 'started', node: 'node1' }),
        at(8, 'n/crm', 'service-removed', { sid: 'ct:2' })];
    const timeline = buildTimeline({ history, from: 0, to: 10 });
    assert.deepEqual(timeline.services[0].bars.map((bar) => [bar.from, bar.to, bar.kind]), [[5, 6, 'starting'], [6, 8, 'running']]);
});

test('move_is_shown_until_its_end', () => {
    const history = [at(2, 'n/crm', 'service-state', { sid: 'ct:1', from: 'started', to: 'relocate', node: 'node1', target: 'node2' }),
        at(4, 'n/crm', 'service-state', { sid: 'ct:1', from: 'relocate', to: 'started', node: 'node2' })];
    const timeline = buildTimeline({ history, ...NOW, from: 0, to: 10 });
    assert.deepEqual(timeline.services[0].bars.map((bar) => [bar.from, bar.to, bar.node, bar.kind]), [
        [0, 2, 'node1', 'running'], [2, 4, 'node1', 'moving'], [4, 10, 'node2', 'running']]);
});

test('axis_has_round_ticks_and_not_too_many', () => {
    assert.deepEqual(axisTicks(90, 120, 8), { step: 5, ticks: [90, 95, 100, 105, 110, 115, 120] });
    for (const span of [3, 70, 3600, 86400]) assert.ok(axisTicks(1000.5, 1000.5 + span, 9).ticks.length <= 10, `${span}`);
});
