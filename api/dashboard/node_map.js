// SPDX-License-Identifier: Apache-2.0
// The map of nodes and services, drawn; a table says the same in words. A node that is not heard of shows how long it
// is until that is a proof that it runs nothing any more.
import { haServices } from './cluster_model.js';
import { count, countdown, duration, shorten } from './format.js';
import { html, useState } from './lib.js';
import { MAP, mapLayout, mapModel, nodeWords } from './map_model.js';
import { Button, Panel, useData, useHistory, useTicks, useWidth } from './ui.js';

const CHARACTER = 6.9; // the widest usual width of a character of the map's font

export function useMapModel() {
    const status = useData('/cluster/status');
    const manager = useData('/cluster/ha/status/manager_status');
    const current = useData('/cluster/ha/status/current');
    const configured = useData('/cluster/ha/resources');
    const resources = useData('/cluster/resources');
    const leases = useData('/cluster/ha/leases');
    const timing = useData('/cluster/ha/timing');
    const history = useHistory();
    const model = mapModel({
        status: status.data, managerStatus: manager.data, timing: timing.data, history, leases: leases.data, current: current.data,
        services: haServices(current.data, configured.data, resources.data),
        ageMs: leases.atMs === undefined ? 0 : Date.now() - leases.atMs,
    });
    useTicks(model.nodes.some((node) => node.isSilent) ? 100 : 1000);
    return model;
}

function leaseWords(node) {
    if (node.isSilent) return `silent for ${duration(Math.floor(node.silentMs / 1000) * 1000)}`;
    const lease = { held: 'lease held', free: 'no lease' }[node.lease] ?? 'lease unknown';
    return node.watchdog && node.isOnline ? `${lease}, watchdog ${node.watchdog}` : lease;
}

// A ring that empties until the proof.
function Countdown({ node, x, y }) {
    const radius = 20;
    const length = 2 * Math.PI * radius;
    const share = node.waitMs > 0 ? Math.min(1, node.proofInMs / node.waitMs) : 0;
    return html`<g class="countdown" transform=${`translate(${x} ${y})`}>
        <circle class="ring-back" r=${radius} /><circle class="ring" r=${radius} transform="rotate(-90)"
            stroke-dasharray=${`${length * share} ${length}`} />
    </g>`;
}

function NodeBox({ node, box }) {
    const isDead = !node.isOnline || node.isSilent;
    const kind = node.isSilent ? 'silent' : !node.isOnline ? 'off' : node.state === 'online' ? 'online' : 'other';
    const hasCountdown = node.proofInMs !== undefined;
    const letters = Math.floor((box.width - 24 - (hasCountdown ? 52 : 0)) / CHARACTER);
    return html`<g class=${`map-node node-${kind}`} transform=${`translate(${box.x} ${box.y})`}>
        <rect class="box" width=${box.width} height=${box.height} rx="6" />
        ${isDead && html`<rect class="hatch" width=${box.width} height=${box.height} rx="6" fill="url(#hatch)" />`}
        <rect class="lamp" width="4" height=${MAP.head - 26} x="0" y="13" rx="2" />
        <text class="name" x="14" y="24">${shorten(node.name, letters)}</text>
        ${node.isMaster && html`<g class="master" transform=${`translate(${box.width - 60} 11)`}>
            <rect width="50" height="17" rx="8.5" /><text x="25" y="12.5">master</text></g>`}
        <text class="state" x="14" y="42">${shorten(nodeWords(node), letters)}</text>
        ${hasCountdown
            ? html`<text class="proof" x="14" y="60">proof in ${countdown(node.proofInMs)}</text>
                <${Countdown} node=${node} x=${box.width - 34} y=${38} />`
            : html`<text class="lease" x="14" y="58">${shorten(leaseWords(node), letters)}</text>`}
    </g>`;
}

function Chip({ chip, service }) {
    const letters = Math.floor((chip.width - 34) / CHARACTER);
    const name = service.name ? `${service.sid} ${service.name}` : service.sid;
    const isOdd = !['started', 'stopped'].includes(service.state);
    const state = isOdd ? shorten(service.state, Math.max(0, letters - service.sid.length - 1)) : '';
    return html`<g class=${`chip level-${service.level} ${chip.isGhost ? 'is-ghost' : ''}`}
            transform=${`translate(${chip.x} ${chip.y})`}>
        <rect class="body" width=${chip.width} height=${chip.height} rx="4" />
        <rect class="stripe" width="4" height=${chip.height} rx="2" />
        <text x="12" y="17.5">${state ? service.sid : shorten(name, letters)}</text>
        ${state && html`<text class="chip-state" x=${chip.width - 8} y="17.5">${state}</text>`}
    </g>`;
}

function Drawing({ model, width }) {
    const layout = mapLayout(model, width);
    const services = new Map(model.nodes.flatMap((node) => node.services).map((service) => [service.sid, service]));
    return html`<svg class="map" width=${layout.width} height=${layout.height} aria-hidden="true"
            viewBox=${`0 0 ${layout.width} ${layout.height}`}>
        <defs>
            <pattern id="hatch" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
                <line class="hatch-line" x1="0" y1="0" x2="0" y2="8" /></pattern>
            <marker id="tip" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto">
                <path class="tip" d="M0 0 8 4 0 8z" /></marker>
        </defs>
        ${layout.boxes.map((box) => html`<${NodeBox} key=${box.name} box=${box}
            node=${model.nodes.find((node) => node.name === box.name)} />`)}
        ${layout.chips.map((chip) => html`<${Chip} key=${`${chip.node} ${chip.sid}`} chip=${chip}
            service=${services.get(chip.sid)} />`)}
        ${layout.arrows.map((arrow) => html`<path key=${arrow.sid} class="arrow" d=${arrow.path} marker-end="url(#tip)" />`)}
    </svg>`;
}

function MapTable({ model, isShown }) {
    return html`<div class=${isShown ? 'table-scroll' : 'sr-only'}><table aria-label="Map">
        <thead><tr><th scope="col">Node</th><th scope="col">State</th><th scope="col">Lease</th><th scope="col">Proof in</th>
            <th scope="col">Services</th></tr></thead>
        <tbody>${model.nodes.map((node) => html`<tr key=${node.name}>
            <td>${node.name}${node.isMaster ? ' (master)' : ''}</td><td>${nodeWords(node)}</td><td>${leaseWords(node)}</td>
            <td>${node.proofInMs === undefined ? '–' : duration(Math.ceil(node.proofInMs / 1000) * 1000)}</td>
            <td>${node.services.map((service) => `${service.sid} ${service.state}`).join(', ') || 'none'}${
                model.moves.filter((move) => move.to === node.name).map((move) => `, ${move.sid} is coming`)}</td>
        </tr>`)}</tbody>
    </table></div>`;
}

const LEGEND = [['ok', 'started'], ['calm', 'stopped, ignored'], ['warn', 'starting, stopping'], ['moving', 'moving'],
    ['down', 'waits for proof or place'], ['bad', 'error']];

export function NodeMap({ level = 3 }) {
    const model = useMapModel();
    const [ref, width] = useWidth();
    const [isTable, setTable] = useState(false);
    const services = model.nodes.reduce((all, node) => all + node.services.length, 0);
    return html`<${Panel} title="Map" level=${level} className="map-panel" actions=${html`<span class="muted">
            ${count(model.nodes.length, 'node')}, ${count(services, 'service')}</span>
            <${Button} kind="small" aria-pressed=${isTable ? 'true' : 'false'}
                onClick=${() => setTable(!isTable)}>As a table<//>`}>
        <div class="drawing" ref=${ref}>${width > 0 && model.nodes.length > 0 && !isTable
            && html`<${Drawing} model=${model} width=${width} />`}</div>
        <${MapTable} model=${model} isShown=${isTable} />
        ${!isTable && html`<ul class="legend" aria-hidden="true">${LEGEND.map(([kind, words]) => html`<li>
            <svg class=${`swatch level-${kind}`} viewBox="0 0 12 12"><rect width="12" height="12" rx="2" /></svg>${words}</li>`)}</ul>`}
    <//>`;
}

export function MapPage() {
    return html`<${NodeMap} level=${2} />`;
}
