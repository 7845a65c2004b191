// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test from 'node:test';
import { joinInformation, parseJoinString } from '../../api/dashboard/join_string.js';

const FINGERPRINT = Array(32).fill('AB').join(':');
const JOIN = {
    preferred_node: 'node2',
    nodelist: [
        { name: 'node1', pve_addr: '10.0.0.1', pve_fp: FINGERPRINT, ring0_addr: '10.0.0.1' },
        { name: 'node2', pve_addr: '10.0.0.2', pve_fp: FINGERPRINT, ring0_addr: '10.0.0.2', ring1_addr: '10.1.0.2' },
    ],
    totem: { cluster_name: 'färm' },
};

test('join_string_made_and_parsed_names_the_preferred_node', () => {
    const made = joinInformation(JOIN);
    assert.equal(made.address, '10.0.0.2');
    assert.deepEqual(parseJoinString(made.text), { address: '10.0.0.2', fingerprint: FINGERPRINT, clusterName: 'färm', links: [0, 1] });
    const shown = JSON.parse(Buffer.from(made.text, 'base64').toString('utf8'));
    assert.deepEqual(shown.peerLinks, { 0: '10.0.0.2', 1: '10.1.0.2' });
    assert.deepEqual(shown.ring_addr, ['10.0.0.2', '10.1.0.2']);
});

test('join_string_broken_over_lines_is_parsed', () => {
    const { text } = joinInformation(JOIN);
    assert.equal(parseJoinString(`  ${text.slice(0, 40)}\n${text.slice(40)}\r\n`).address, '10.0.0.2');
});

test('join_string_that_is_none_is_refused_with_a_reason', () => {
    const encode = (value) => btoa(JSON.stringify(value));
    const table = [['', /nothing/], ['%%%', /not base64/], [btoa('hello'), /not base64 of JSON/], [encode([1]), /not join information/],
        [encode(null), /not join information/], [encode({ fingerprint: FINGERPRINT }), /address/],
        [encode({ ipAddress: '10.0.0.1', fingerprint: 'AB:CD' }), /fingerprint/], [encode({ ipAddress: '10.0.0.1' }), /fingerprint/]];
    for (const [text, reason] of table) assert.throws(() => parseJoinString(text), reason, text);
});

test('join_information_without_the_preferred_node_is_an_error', () => {
    assert.throws(() => joinInformation({ nodelist: [], preferred_node: 'x' }), /preferred/);
});
