// SPDX-License-Identifier: Apache-2.0
// Makes a timeline of the history: for each node when it was there, for each service where it was and in what state, the
// marks between, and each failover with the times that its phases took. Pure; times are seconds since 1970.
import { compareNames } from './format.js';

// What a state of a service looks like.
const BAR_KINDS = {
    started: 'running', request_start: 'starting', request_stop: 'stopping', stopped: 'stopped', fence: 'down',
    recovery: 'down', migrate: 'moving', relocate: 'moving', request_start_balance: 'moving', error: 'error',
    freeze: 'frozen', starting: 'starting',
};
const NODE_KINDS = { online: 'online', maintenance: 'maintenance', unknown: 'silent', fence: 'fence', gone: 'gone' };

// Marks: event -> kind and words.
const MARKS = {
    'fence-begin': { kind: 'fence', words: () => 'fencing begins' },
    'fence-proof': { kind: 'proof', words: (f) => `proof: ${f.proof}${f.evidence ? ` (${f.evidence})` : ''}` },
    'fence-confirmed': { kind: 'confirmed', words: (f) => `proof used: ${f.proof}` },
    recover: { kind: 'recover', words: (f) => `recovered from ${f.from} to ${f.to}, proof: ${f.proof}` },
    'recover-failed': { kind: 'error', words: (f) => `cannot be recovered: ${f.reason}` },
    started: { kind: 'started', words: (f, at) => `runs on ${at}` },
    'service-running': { kind: 'started', words: (f) => `runs on ${f.node}` },
    'start-failed': { kind: 'error', words: (f, at) => `start failed on ${at}: ${f.reason}` },
    'guest-exit': { kind: 'error', words: (f, at) => `ended by itself on ${at}` },
    unhealthy: { kind: 'error', words: (f, at) => `unhealthy on ${at}: ${f.reason}` },
    'service-failed': { kind: 'error', words: (f) => `failed on ${f.node}: ${f.reason}` },
    'service-error': { kind: 'error', words: (f) => `in error: ${f.reason}` },
    move: { kind: 'move', words: (f) => `moves to ${f.node}` },
};

const isStart = (event) => event === 'started' || event === 'service-running';
const nodeOf = (at) => String(at ?? '').split('/')[0];

class Lane {
    constructor() {
        this.points = []; // {time, node, state}: from then on
        this.marks = [];
    }

    last() {
        return this.points[this.points.length - 1];
    }

    set(time, change) {
        const before = this.last();
        const next = { node: before?.node, state: before?.state, ...change, time };
        if (before && before.node === next.node && before.state === next.state) return;
        this.points.push(next);
    }
}

function laneOf(lanes, name) {
    if (!lanes.has(name)) lanes.set(name, new Lane());
    return lanes.get(name);
}

// Pieces of a lane within the window, [{from, to, node, kind, state}].
function bars(lane, from, to, kinds) {
    const found = [];
    lane.points.forEach((point, index) => {
        const begin = Math.max(point.time, from);
        const end = Math.min(lane.points[index + 1]?.time ?? to, to);
        const kind = kinds[point.state];
        if (end > begin && kind) found.push({ from: begin, to: end, node: point.node, kind, state: point.state });
    });
    return found;
}

function serviceEvent(lanes, entry) {
    const { time, event, fields, at } = entry;
    const lane = laneOf(lanes, fields.sid);
    switch (event) {
    case 'service-added':
        lane.set(time, { node: fields.node, state: lane.last()?.state ?? 'request_start' });
        break;
    case 'service-removed':
        lane.set(time, { state: undefined });
        break;
    case 'service-node-fixed':
        lane.set(time, { node: fields.node });
        break;
    case 'service-state':
        if (lane.points.length === 0 && fields.from) { // what it was before, from the beginning on
            lane.set(-Infinity, { node: fields.node, state: fields.from });
        }
        if (lane.awaited && fields.to === 'started') {
            lane.set(time, { node: fields.node ?? lane.awaited, state: 'starting' });
        } else {
            lane.set(time, { node: fields.node ?? lane.last()?.node, state: fields.to });
        }
        break;
    case 'recover':
        if (lane.points.length === 0) lane.set(-Infinity, { node: fields.from, state: 'started' });
        lane.points.forEach((point) => { point.node ??= fields.from; });
        lane.awaited = fields.to;
        lane.set(time, { node: fields.to, state: 'starting' });
        break;
    case 'started':
    case 'service-running': {
        const node = fields.node ?? nodeOf(at);
        if (lane.awaited === node || lane.last()?.state === 'request_start') lane.set(time, { node, state: 'started' });
        lane.awaited = undefined;
        break;
    }
    default:
    }
}

// The services' lanes, the nodes' lanes and the failovers of a history (ascending), for the window [from, to].
// services and nodes say how things are now; they fill what the history does not reach.
export function buildTimeline({ history, services = [], nodes = [], from, to }) {
    const serviceLanes = new Map();
    const nodeLanes = new Map();
    for (const entry of history) {
        const { time, event, fields = {}, at, number } = entry;
        if (event === 'node-state') {
            const lane = laneOf(nodeLanes, fields.node);
            // 'unknown' in the first entry: nobody knew the node before.
            if (lane.points.length === 0 && fields.from !== 'unknown') lane.set(-Infinity, { state: fields.from });
            lane.set(time, { state: fields.to });
        }
        if (fields.sid) serviceEvent(serviceLanes, entry);
        if (MARKS[event] && (fields.sid || fields.node)) {
            const lane = fields.sid ? laneOf(serviceLanes, fields.sid) : laneOf(nodeLanes, fields.node);
            lane.marks.push({ time, number, kind: MARKS[event].kind, text: MARKS[event].words(fields, nodeOf(at)) });
        }
    }
    for (const node of nodes) {
        const lane = laneOf(nodeLanes, node.name);
        if (lane.points.length === 0) lane.set(-Infinity, { state: node.state });
    }
    for (const service of services) {
        const lane = laneOf(serviceLanes, service.sid);
        settle(lane, service, from);
    }
    const rows = (lanes, kinds, isWanted) => [...lanes.keys()].filter(isWanted).sort(compareNames).map((name) => ({
        name,
        bars: bars(lanes.get(name), from, to, kinds),
        marks: lanes.get(name).marks.filter((mark) => mark.time >= from && mark.time <= to),
    }));
    const present = new Set(services.map((service) => service.sid));
    const failovers = findFailovers(history)
        .filter((failover) => (failover.startedAt ?? to) >= from && failover.lostAt <= to);
    const serviceRows = rows(serviceLanes, BAR_KINDS, (sid) => present.has(sid)
        || bars(serviceLanes.get(sid), from, to, BAR_KINDS).length > 0);
    for (const failover of failovers) {
        const row = serviceRows.find((candidate) => candidate.name === failover.sid);
        if (row) row.bars = withOutage(row.bars, failover, from, to);
    }
    return { from, to, nodes: rows(nodeLanes, NODE_KINDS, () => true), services: serviceRows, failovers };
}

// The service was gone from when its node was lost, not only from when the manager said so.
function withOutage(pieces, failover, from, to) {
    const begin = Math.max(failover.lostAt, from);
    const end = Math.min(failover.recoverAt, to);
    if (end <= begin) return pieces;
    const kept = pieces.flatMap((piece) => [
        { ...piece, to: Math.min(piece.to, begin) },
        { ...piece, from: Math.max(piece.from, end) },
    ]).filter((piece) => piece.to > piece.from);
    kept.push({ from: begin, to: end, node: failover.node, kind: 'down', state: 'down' });
    return kept.sort((one, other) => one.from - other.from);
}

// Makes the end of a lane agree with what is known of the service now.
function settle(lane, service, from) {
    if (lane.points.length === 0) {
        lane.set(-Infinity, { node: service.node, state: service.state });
        return;
    }
    const isStarted = service.state === 'started' && !lane.awaited;
    // Nobody told of the start: the history has no entries of the nodes themselves. What was decided counts.
    if (lane.awaited && !lane.marks.some((mark) => mark.kind === 'started')) {
        lane.points.filter((point) => point.state === 'starting').forEach((point) => { point.state = 'started'; });
        lane.awaited = undefined;
    }
    for (let i = lane.points.length - 1; i >= 0 && lane.points[i].node === undefined; i--) {
        lane.points[i].node = isStarted || lane.points[i].time < from ? service.node : lane.points[i + 1]?.node;
    }
}

// [{sid, node, to, proof, evidence, lostAt, fenceAt, confirmedAt, recoverAt, startedAt, phases, totalMs, isComplete}],
// newest first. phases: [{name, from, to, ms}] in order, those that are known.
export function findFailovers(history) {
    const lost = new Map(); // node -> what is known of its end
    const open = new Map(); // sid -> failover whose start is awaited
    const found = [];
    const hasStarts = history.some((entry) => isStart(entry.event));
    for (const { time, event, fields = {}, at } of history) {
        const end = fields.node === undefined ? undefined : lost.get(fields.node);
        switch (event) {
        case 'member-left':
            if (!end || end.isOver) lost.set(fields.node, { lostAt: time });
            break;
        case 'member-joined':
            lost.delete(fields.node);
            break;
        case 'node-state':
            if (fields.to === 'online' || fields.to === 'maintenance') lost.delete(fields.node);
            else if (fields.from === 'online' && (!end || end.isOver)) lost.set(fields.node, { lostAt: time });
            else if (fields.to === 'unknown' && fields.from === 'fence' && end) end.isOver = true;
            break;
        case 'fence-begin':
            if (!end) lost.set(fields.node, { lostAt: time, fenceAt: time });
            else end.fenceAt ??= time;
            break;
        case 'fence-proof':
            if (end) Object.assign(end, { evidence: end.evidence ?? fields.evidence });
            break;
        case 'fence-confirmed':
            if (end) Object.assign(end, { confirmedAt: time, proof: fields.proof, evidence: fields.evidence ?? end.evidence });
            break;
        case 'recover': {
            const from = lost.get(fields.from) ?? { lostAt: time };
            const failover = { sid: fields.sid, node: fields.from, to: fields.to, proof: fields.proof ?? from.proof,
                evidence: from.evidence, lostAt: from.lostAt, fenceAt: from.fenceAt, confirmedAt: from.confirmedAt,
                recoverAt: time };
            found.push(failover);
            open.set(fields.sid, failover);
            break;
        }
        case 'started':
        case 'service-running': {
            const failover = open.get(fields.sid);
            if (failover && (fields.node ?? nodeOf(at)) === failover.to) {
                failover.startedAt = time;
                open.delete(fields.sid);
            }
            break;
        }
        default:
        }
    }
    return found.map((failover) => finish(failover, hasStarts)).reverse();
}

const PHASES = [
    ['detect', 'lostAt', 'fenceAt'], ['proof', 'fenceAt', 'confirmedAt'], ['decide', 'confirmedAt', 'recoverAt'],
    ['start', 'recoverAt', 'startedAt'],
];

function finish(failover, hasStarts) {
    const phases = [];
    for (const [name, begin, end] of PHASES) {
        if (failover[begin] !== undefined && failover[end] !== undefined) {
            phases.push({ name, from: failover[begin], to: failover[end], ms: (failover[end] - failover[begin]) * 1000 });
        }
    }
    const end = failover.startedAt ?? (hasStarts ? undefined : failover.recoverAt);
    return { ...failover, phases, isComplete: end !== undefined,
        totalMs: ((end ?? failover.recoverAt) - failover.lostAt) * 1000 };
}

// Where the ticks of a time axis lie: a round step, so that there are at most `most`.
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

export function axisTicks(from, to, most) {
    const step = STEPS.find((candidate) => (to - from) / candidate <= most) ?? STEPS[STEPS.length - 1];
    const ticks = [];
    for (let tick = Math.ceil(from / step) * step; tick <= to; tick += step) ticks.push(tick);
    return { step, ticks };
}
