// SPDX-License-Identifier: Apache-2.0
// The map of nodes and services: what stands where, who is silent for how long, and where boxes and arrows lie. Pure:
// times are given, sizes come out in pixels of the given width.
import { clusterHealth, stateLevel } from './cluster_model.js';
import { compareNames } from './format.js';

const SILENT_AFTER_MS = 2500;

// -> {nodes: [{name, isOnline, isMaster, state, lease, silentMs, proofInMs, waitMs, isSilent, services}], moves}
// leases were answered ageMs ago: silence grows and the time until the proof shrinks by it.
export function mapModel({ status, managerStatus, services, leases = [], current = [], timing, history = [], ageMs = 0 }) {
    const manager = managerStatus?.manager_status ?? {};
    const byNode = new Map(leases.map((lease) => [lease.node, lease]));
    const names = new Set([...clusterHealth(status).nodes.map((node) => node.name), ...byNode.keys()]);
    for (const service of services) if (service.node) names.add(service.node);
    const watchdogs = new Map(current.filter((entry) => entry.type === 'lrm')
        .map((entry) => [entry.node, /watchdog (\w+)/.exec(entry.status ?? '')?.[1] ?? '']));
    const online = new Map(clusterHealth(status).nodes.map((node) => [node.name, node.online]));
    const nodes = [...names].sort(compareNames).map((name) => {
        const lease = byNode.get(name) ?? {};
        const isOnline = online.get(name) ?? false;
        const age = (value, change) => (Number.isFinite(value) ? Math.max(0, value + change) : undefined);
        const state = manager.node_status?.[name] ?? (isOnline ? 'online' : 'unknown');
        // As it was answered: that this page has heard nothing for a while says nothing about the node.
        const isSilent = Number.isFinite(lease.proof_in_ms) && ['held', 'unknown'].includes(lease.state)
            && (!isOnline || lease.silent_ms > SILENT_AFTER_MS);
        const silentMs = isSilent ? age(lease.silent_ms, ageMs) : lease.silent_ms;
        return {
            name, isOnline, state, isSilent,
            watchdog: watchdogs.get(name) ?? '',
            isMaster: manager.master_node === name,
            lease: lease.state ?? 'unknown',
            silentMs,
            proofInMs: isSilent ? age(lease.proof_in_ms, -ageMs) : undefined,
            waitMs: timing?.lease_ms,
            mode: managerStatus?.lrm_status?.[name]?.mode ?? '',
            proof: !isOnline && !isSilent ? lastProof(history, name) : undefined,
            services: services.filter((service) => service.node === name)
                .map((service) => ({ ...service, level: stateLevel(service.state) })),
        };
    });
    const moves = services.filter((service) => ['migrate', 'relocate'].includes(service.state))
        .map((service) => ({ sid: service.sid, from: service.node, how: service.state,
            to: manager.service_status?.[service.sid]?.target }))
        .filter((move) => move.to && move.to !== move.from && names.has(move.to));
    return { nodes, moves };
}

// The proof that was used when this node was fenced last, unless it has come back since.
function lastProof(history, node) {
    for (let i = history.length - 1; i >= 0; i--) {
        const { event, fields } = history[i];
        if (fields?.node !== node) continue;
        if (event === 'fence-confirmed') return fields.proof;
        if (event === 'node-state' && fields.to === 'online') return undefined;
    }
    return undefined;
}

export const PROOF_WORDS = {
    released: 'gave its lease back',
    lease: 'its lease has ended',
    device: 'switched off by a device',
    kept: 'kept: no other node is left',
};

// In words, for the line below a node's name and for the table.
export function nodeWords(node) {
    if (node.isSilent) return 'not heard of';
    if (!node.isOnline) {
        if (node.state === 'fence') return 'to be fenced';
        return node.proof ? `off: ${PROOF_WORDS[node.proof] ?? node.proof}` : 'offline';
    }
    if (node.state === 'maintenance' || node.mode === 'maintenance') return 'maintenance';
    return node.state;
}

export const MAP = { nodeWidth: 168, gap: 16, head: 74, chip: 26, chipGap: 5, pad: 10, rowGap: 26 };

// -> {width, height, boxes: [{name, x, y, width, height}], chips: [{sid, node, x, y, width, height, isGhost}], arrows}
export function mapLayout(model, width) {
    const perRow = Math.max(1, Math.min(model.nodes.length, Math.floor((width + MAP.gap) / (MAP.nodeWidth + MAP.gap))));
    const boxWidth = Math.floor((width - MAP.gap * (perRow - 1)) / perRow);
    const boxes = [];
    const chips = [];
    let top = 1;
    for (let first = 0; first < model.nodes.length; first += perRow) {
        const row = model.nodes.slice(first, first + perRow);
        const ghosts = (node) => model.moves.filter((move) => move.to === node.name);
        const lines = Math.max(1, ...row.map((node) => node.services.length + ghosts(node).length));
        const height = MAP.head + lines * (MAP.chip + MAP.chipGap) + MAP.pad;
        row.forEach((node, column) => {
            const x = column * (boxWidth + MAP.gap);
            boxes.push({ name: node.name, x, y: top, width: boxWidth, height });
            [...node.services, ...ghosts(node)].forEach((entry, line) => chips.push({
                sid: entry.sid, node: node.name, isGhost: entry.to !== undefined,
                x: x + MAP.pad, y: top + MAP.head + line * (MAP.chip + MAP.chipGap),
                width: boxWidth - 2 * MAP.pad, height: MAP.chip,
            }));
        });
        top += height + MAP.rowGap;
    }
    const arrows = model.moves.map((move) => {
        const source = chips.find((chip) => chip.sid === move.sid && !chip.isGhost);
        const target = chips.find((chip) => chip.sid === move.sid && chip.isGhost);
        return source && target ? { ...move, path: arrowPath(source, target) } : undefined;
    }).filter(Boolean);
    return { width, height: Math.max(1, top - MAP.rowGap + 1), boxes, chips, arrows };
}

function arrowPath(source, target) {
    const sourceY = source.y + source.height / 2;
    const targetY = target.y + target.height / 2;
    if (source.x === target.x) { // in one column of two rows: around the right side
        const x = source.x + source.width;
        return `M${x} ${sourceY} C${x + 22} ${sourceY} ${x + 22} ${targetY} ${x + 3} ${targetY}`;
    }
    const isRight = target.x > source.x;
    const from = isRight ? source.x + source.width : source.x;
    const to = isRight ? target.x - 3 : target.x + target.width + 3;
    const bend = (to - from) / 2;
    return `M${from} ${sourceY} C${from + bend} ${sourceY} ${to - bend} ${targetY} ${to} ${targetY}`;
}
