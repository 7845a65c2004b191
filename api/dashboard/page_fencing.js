// SPDX-License-Identifier: Apache-2.0
// Datacenter, Fencing: how long a failover takes at worst and why, leases as they are, fence devices.
import { countdown, dateTime, duration } from './format.js';
import { html } from './lib.js';
import { nodeWords } from './map_model.js';
import { useMapModel } from './node_map.js';
import { Badge, DataTable, ErrorNote, Note, Panel, useData } from './ui.js';

const TIMES = [
    ['token_ms', 'T', 'token: Corosync misses a node after this'],
    ['authority_ms', 'A', 'authority: how long a node may act on one renewal of its lease'],
    ['stop_ms', 'K', 'before its authority ends a cut node begins to stop its services'],
    ['watchdog_ms', 'H', 'the watchdog resets a node that does not feed it for so long'],
    ['granularity_ms', 'q', 'how often the watchdog is fed'],
    ['reset_ms', 'R', 'from the reset to silence'],
    ['lease_ms', 'L', 'others wait so long after the last renewal: then the lease has ended, which is the proof'],
    ['renew_ms', 'P', 'a renewal is sent so often'],
    ['fence_delay_ms', 'd', 'a node is offline for so long before its services go to fence'],
    ['startup_grace_ms', 'g', 'after an outage of all, nodes not yet seen are waited for'],
];

function BigNumber({ label, value, hint }) {
    return html`<div class="big"><dt>${label}</dt><dd>${value}<p class="hint">${hint}</p></dd></div>`;
}

const LEASE_LEVELS = { held: 'ok', free: 'calm', unknown: 'warn' };
const LEASE_COLUMNS = [
    { label: 'Node', value: (node) => node.name },
    { label: 'State', value: (node) => nodeWords(node) },
    { label: 'Lease', value: (node) => html`<${Badge} level=${LEASE_LEVELS[node.lease] ?? 'warn'}>${node.lease}<//>` },
    { label: 'Last renewal', isNumber: true, value: (node) => (node.silentMs === undefined ? '–' : `${duration(node.silentMs)} ago`) },
    { label: 'Proof in', isNumber: true, value: (node) => (node.proofInMs === undefined ? '–' : countdown(node.proofInMs)) },
];

const list = (value) => (Array.isArray(value) ? value.join(', ') : String(value ?? '').replaceAll(',', ', '));
const DEVICE_COLUMNS = [
    { label: 'Device', value: (device) => device.device },
    { label: 'Agent', value: (device) => device.agent ?? '' },
    { label: 'Nodes', value: (device) => list(device.nodes) },
    { label: 'Level', isNumber: true, value: (device) => device.level ?? '' },
    { label: 'Last test', value: (device) => lastTest(device) },
];

function lastTest(device) {
    const { test } = device;
    if (!test) return 'never';
    const isGood = Number(test.passed) === 1;
    return html`<${Badge} level=${isGood ? 'ok' : 'bad'}>${isGood ? 'passed' : 'failed'}<//> ${dateTime(test.timestamp)}
        ${' '}by ${test.by}${isGood ? `, ${duration(test.took_ms)}` : `: ${test.reason}`}`;
}

export function FencingPage() {
    const answer = useData('/cluster/ha/timing');
    const devices = useData('/cluster/ha/fence');
    const model = useMapModel();
    const timing = answer.data ?? {};
    return html`<h2 class="page-title">Fencing</h2>
        <${Panel} title="Timing" className="timing">
            <${ErrorNote} error=${answer.error} />
            ${timing.safe !== undefined && !Number(timing.safe) && html`<${Note} level="bad">These times break the rule below:
                a service could run twice. No lease is given until they are mended: ${timing.reason ?? 'see ha-cluster timing'}<//>`}
            <dl class="bigs">
                <${BigNumber} label="Worst failover" value=${duration(timing.worst_failover_ms)}
                    hint="from the death of a node to the start of its services elsewhere, when only its lease proves it" />
                <${BigNumber} label="Tolerated blackout" value=${duration(timing.tolerated_blackout_ms)}
                    hint="so long may the network be silent before healthy nodes stop their services" />
                <${BigNumber} label="Profile" value=${timing.profile ?? '–'}
                    hint="the same on all nodes; ha-cluster timing set changes it" />
            </dl>
            <details><summary>All times, and the rule that makes them safe</summary>
                <p class="rule"><code>L/(1+ρ) ≥ (A + 2·H + q)/(1−ρ) + R</code></p>
                ${[timing.lease_rule, timing.authority_rule].filter(Boolean).map((rule) => html`<p class="rule"><code>${rule}</code></p>`)}
                <table aria-label="Times"><thead><tr><th scope="col">Name</th><th scope="col" class="number">Time</th>
                    <th scope="col">Meaning</th></tr></thead>
                <tbody>${TIMES.filter(([key]) => timing[key] !== undefined).map(([key, letter, words]) => html`<tr>
                    <td>${letter}</td><td class="number">${duration(timing[key])}</td><td>${words}</td></tr>`)}</tbody></table>
            </details>
        <//>
        <${Panel} title="Leases">
            <${DataTable} label="Leases" columns=${LEASE_COLUMNS} rows=${model.nodes} rowKey=${(node) => node.name} />
        <//>
        <${Panel} title="Fence devices">
            <${Note}>Use watchdog based fencing. Fence devices make it faster: the first proof wins.<//>
            <${DataTable} label="Fence devices" columns=${DEVICE_COLUMNS} rows=${devices.data ?? []}
                rowKey=${(device) => device.device} answer=${devices}
                empty="No device: the end of its lease proves that a node runs nothing (ha-cluster fence add)." />
        <//>`;
}
