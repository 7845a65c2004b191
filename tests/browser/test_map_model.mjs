// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test from 'node:test';
import { mapLayout, mapModel, nodeWords } from '../../api/dashboard/map_model.js';

const STATUS = [{ type: 'cluster', name: 'c', quorate: 1 }, { type: 'node', name: 'node1', online: 0 }, { type: 'node', name: 'node2', online: 1 }];
const LEASES = [{ node: 'node1', state: 'held', owner: 'node1', silent_ms: 1000, proof_in_ms: 5000 }, { node: 'node2', state: 'held', owner: 'node2', silent_ms: 100, proof_in_ms: 5900 }];
const MANAGER = { manager_status: { master_node: 'node2', node_status: { node1: 'fence', node2: 'online' }, service_status: { 'ct:2': { target: 'node2' } } } };
const SERVICES = [{ sid: 'ct:1', node: 'node1', state: 'fence' }, { sid: 'ct:2', node: 'node1', state: 'relocate' }];
const model = (change = {}) => mapModel({ status: STATUS, managerStatus: MANAGER, services: SERVICES, leases: LEASES, timing: { lease_ms: 6000 }, ...change });

test('dead_node_counts_down_to_its_proof_as_time_passes', () => {
    const [dead, healthy] = model({ ageMs: 1500 }).nodes;
    assert.equal(dead.proofInMs, 3500);
    assert.equal(dead.silentMs, 2500);
    assert.ok(dead.isSilent);
    assert.equal(nodeWords(dead), 'not heard of');
    assert.equal(healthy.proofInMs, undefined);
    assert.equal(model({ ageMs: 60000 }).nodes[0].proofInMs, 0);
});

test('healthy_nodes_stay_so_while_the_page_hears_nothing', () => {
    const [, healthy] = model({ ageMs: 60000 }).nodes;
    assert.equal(healthy.isSilent, false);
    assert.equal(nodeWords(healthy), 'online');
});

test('lease_that_nobody_remembers_counts_down_too', () => {
    const leases = [{ node: 'node1', state: 'unknown', silent_ms: 0, proof_in_ms: 4000 }];
    assert.equal(model({ leases }).nodes[0].proofInMs, 4000);
});

test('node_without_lease_says_what_proved_it', () => {
    const leases = [{ node: 'node1', state: 'free' }];
    const proof = { number: 1, event: 'fence-confirmed', fields: { node: 'node1', proof: 'device' } };
    const [dead] = model({ leases, history: [proof] }).nodes;
    assert.equal(dead.isSilent, false);
    assert.match(nodeWords(dead), /fenced|device/);
    const back = { number: 2, event: 'node-state', fields: { node: 'node1', to: 'online' } };
    assert.equal(model({ leases, history: [proof, back] }).nodes[0].proof, undefined);
});

test('move_has_an_arrow_to_its_target', () => {
    const { moves } = model();
    assert.deepEqual(moves, [{ sid: 'ct:2', from: 'node1', how: 'relocate', to: 'node2' }]);
    const layout = mapLayout(model(), 800);
    assert.equal(layout.arrows.length, 1);
    assert.equal(layout.chips.filter((chip) => chip.isGhost).length, 1);
});

test('map_fits_any_width_and_nothing_overlaps', () => {
    const status = Array.from({ length: 9 }, (_, i) => ({ type: 'node', name: `node${i}`, online: 1 }));
    const services = Array.from({ length: 20 }, (_, i) => ({ sid: `ct:${i}`, node: `node${i % 4}`, state: 'started' }));
    for (const width of [120, 366, 800, 2400]) {
        const layout = mapLayout(mapModel({ status, services }), width);
        assert.equal(layout.boxes.length, 9);
        for (const box of layout.boxes) {
            assert.ok(box.x >= 0 && box.x + box.width <= width, `${width}: ${box.name} is outside`);
            assert.ok(box.y + box.height <= layout.height, `${width}: ${box.name} is below the end`);
            for (const other of layout.boxes) {
                const isApart = other === box || box.x + box.width <= other.x || other.x + other.width <= box.x
                    || box.y + box.height <= other.y || other.y + other.height <= box.y;
                assert.ok(isApart, `${width}: ${box.name} lies on ${other.name}`);
            }
        }
        for (const chip of layout.chips) {
            const box = layout.boxes.find((candidate) => candidate.name === chip.node);
            assert.ok(chip.y + chip.height <= box.y + box.height, `${width}: ${chip.sid} is below its node`);
        }
    }
});

test('map_of_nothing_is_empty', () => assert.deepEqual(mapLayout(mapModel({ services: [] }), 500).boxes, []));
