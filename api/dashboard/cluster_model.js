// SPDX-License-Identifier: Apache-2.0
// What the pages show, made from the API's answers: counts, sums, rows of tables. Pure; an answer that is not there yet
// is undefined and counts as empty.
import { compareNames, shareOf } from './format.js';

const sum = (list, of) => list.reduce((all, item) => all + (of(item) || 0), 0);
const byName = (key) => (one, other) => compareNames(String(one[key]), String(other[key]));

// /cluster/status
export function clusterHealth(status = []) {
    const cluster = status.find((entry) => entry.type === 'cluster');
    const nodes = status.filter((entry) => entry.type === 'node');
    return {
        isKnown: status.length > 0,
        name: cluster?.name ?? '',
        isStandalone: cluster === undefined,
        isQuorate: cluster === undefined || Boolean(Number(cluster.quorate)),
        version: cluster?.version,
        local: nodes.find((node) => Number(node.local))?.name ?? '',
        online: nodes.filter((node) => Number(node.online)).length,
        offline: nodes.filter((node) => !Number(node.online)).length,
        nodes: nodes.map((node) => ({ ...node, online: Boolean(Number(node.online)) })).sort(byName('name')),
    };
}

const TYPES = { lxc: 'ct', qemu: 'vm' };
export const KIND_NAMES = { lxc: 'Container', qemu: 'Virtual Machine' };

// /cluster/resources -> guests with their sid
export function guestsOf(resources = []) {
    return resources.filter((entry) => TYPES[entry.type])
        .map((entry) => ({ ...entry, sid: `${TYPES[entry.type]}:${entry.vmid}` }))
        .sort((one, other) => one.vmid - other.vmid);
}

export function guestCounts(resources = []) {
    const rows = Object.keys(TYPES).map((type) => ({
        type, running: 0, paused: 0, stopped: 0, unknown: 0, templates: 0,
    }));
    let errors = 0;
    for (const guest of guestsOf(resources)) {
        const row = rows.find((entry) => entry.type === guest.type);
        if (guest.hastate === 'error') errors++;
        if (Number(guest.template)) row.templates++;
        else if (guest.status in row && guest.status !== 'type') row[guest.status]++;
        else row.unknown++;
    }
    return { rows, errors };
}

// Use of all nodes that are online; shared storage counts once.
export function totals(resources = []) {
    const nodes = resources.filter((entry) => entry.type === 'node' && entry.status === 'online');
    const storages = new Map();
    for (const entry of resources) {
        if (entry.type !== 'storage' || entry.status !== 'available') continue;
        storages.set(Number(entry.shared) ? entry.storage : `${entry.node}/${entry.storage}`, entry);
    }
    const cores = sum(nodes, (node) => node.maxcpu);
    const part = (used, all) => ({ used, all, share: shareOf(used, all) });
    const disks = [...storages.values()];
    return {
        cpu: part(sum(nodes, (node) => node.cpu * node.maxcpu), cores),
        memory: part(sum(nodes, (node) => node.mem), sum(nodes, (node) => node.maxmem)),
        storage: part(sum(disks, (disk) => disk.disk), sum(disks, (disk) => disk.maxdisk)),
    };
}

// Rows of the nodes: what /cluster/status and /cluster/resources know together.
export function nodeRows(status = [], resources = []) {
    const health = clusterHealth(status);
    const figures = new Map(resources.filter((entry) => entry.type === 'node').map((entry) => [entry.node, entry]));
    const rows = health.nodes.map((node) => {
        const figure = figures.get(node.name) ?? {};
        return {
            name: node.name, id: node.nodeid, online: node.online, isLocal: Boolean(Number(node.local)), address: node.ip,
            cpu: figure.cpu, maxcpu: figure.maxcpu, memory: shareOf(figure.mem, figure.maxmem), mem: figure.mem,
            maxmem: figure.maxmem, uptime: figure.uptime, hastate: figure.hastate,
        };
    });
    return rows;
}

const STATUS_TYPES = ['quorum', 'fencing', 'master', 'lrm'];

// The Status table: everything of /cluster/ha/status/current that is no service.
export function haStatusRows(current = []) {
    return current.filter((entry) => STATUS_TYPES.includes(entry.type))
        .map((entry) => ({ id: entry.id, type: entry.type, node: entry.node, status: entry.status,
            level: statusLevel(entry) }));
}

function statusLevel(entry) {
    const text = entry.status ?? '';
    if (entry.type === 'quorum') return Number(entry.quorate ?? 1) && text === 'OK' ? 'ok' : 'bad';
    if (/dead\?|unable to read|lost_agent_lock/.test(text)) return 'bad';
    if (/drift|disarm|maintenance|restart mode|wait_for_agent_lock/.test(text)) return 'warn';
    return /\((active|armed)|^armed/.test(text) ? 'ok' : 'calm';
}

export function armedState(current = []) {
    return current.find((entry) => entry.type === 'fencing')?.['armed-state'] ?? 'armed';
}

// The Resources table: the services of the status, with what is configured and the guest's name.
export function haServices(current = [], configured = [], resources = []) {
    const guests = new Map(guestsOf(resources).map((guest) => [guest.sid, guest]));
    const services = new Map();
    for (const entry of configured) services.set(entry.sid, { ...entry });
    for (const entry of current) {
        if (entry.type === 'service') services.set(entry.sid, { ...services.get(entry.sid), ...entry });
    }
    const rows = [...services.values()].map((entry) => ({
        sid: entry.sid,
        kind: entry.sid.split(':')[0],
        state: serviceState(entry, configured),
        crmState: entry.crm_state ?? '',
        requestState: entry.request_state ?? configuredState(entry.sid, configured),
        node: entry.node ?? guests.get(entry.sid)?.node ?? '',
        name: guests.get(entry.sid)?.name ?? '',
        vmid: guests.get(entry.sid)?.vmid,
        type: guests.get(entry.sid)?.type,
        maxRestart: entry.max_restart ?? 1,
        maxRelocate: entry.max_relocate ?? 1,
        failback: Number(entry.failback ?? 1) === 1,
        group: entry.group ?? '',
        comment: entry.comment ?? '',
    }));
    return rows.sort(byName('sid'));
}

function configuredState(sid, configured) {
    const entry = configured.find((other) => other.sid === sid);
    return entry ? entry.state ?? 'started' : '';
}

// In the status "state" is the verbose state; in the configuration it is the requested one.
function serviceState(entry, configured) {
    return entry.type === 'service' ? entry.state : configured.length > 0 ? 'queued' : '';
}

// Guests that can be added: neither managed nor templates.
export function unmanagedGuests(resources = [], configured = []) {
    const managed = new Set(configured.map((entry) => entry.sid));
    return guestsOf(resources).filter((guest) => !managed.has(guest.sid) && !Number(guest.template));
}

const MOVING = ['migrate', 'relocate', 'request_start_balance'];

export function stateLevel(state) {
    if (state === 'started') return 'ok';
    if (['error', 'not found'].includes(state)) return 'bad';
    if (['fence', 'recovery'].includes(state)) return 'down';
    if (MOVING.includes(state)) return 'moving';
    if (['stopped', 'disabled', 'ignored', 'freeze', ''].includes(state)) return 'calm';
    return 'warn';
}

// Why a service is not (yet) what it shall be, in one sentence; empty when all is well.
export function serviceReason(service, managerStatus) {
    const record = managerStatus?.manager_status?.service_status?.[service.sid] ?? {};
    const results = managerStatus?.lrm_status?.[service.node]?.results ?? {};
    const failed = Object.keys(results).some((uid) => uid === record.uid && Number(results[uid].exit_code) !== 0);
    const nodes = record.failed_nodes ?? [];
    const tried = nodes.length > 0 ? ` It failed on ${nodes.join(', ')}.` : '';
    switch (service.state) {
    case 'error': return `It is in error and left alone: set its request state to disabled, then to started.${tried}`;
    case 'fence': return `${service.node} has not been heard of. It is started elsewhere as soon as it is proven that `
        + 'nothing runs there any more.';
    case 'recovery': return `${service.node} is proven to run nothing. A node for it is being chosen.${tried}`;
    case 'migrate': return `It is moving live from ${service.node} to ${record.target ?? 'another node'}.`;
    case 'relocate': return `It is stopped, moved from ${service.node} to ${record.target ?? 'another node'}, started.`;
    case 'queued': return 'The manager has not taken it up yet.';
    case 'not found': return 'There is no such guest.';
    case 'ignored': return 'HA does not touch it.';
    case 'freeze': return 'HA leaves it as it is, until its node is back or HA is armed again.';
    case 'starting':
    case 'request_start': return `${service.node} is starting it.${failed ? ' The last try failed.' : ''}${tried}`;
    case 'stopping':
    case 'request_stop': return `${service.node} is stopping it.`;
    default: return tried.trim();
    }
}

// What an operator sees of each node: for the nodes of HA, with what runs there.
export function maintenanceRows(status, managerStatus, services) {
    const manager = managerStatus?.manager_status ?? {};
    return clusterHealth(status).nodes.map((node) => {
        const state = manager.node_status?.[node.name] ?? (node.online ? 'online' : 'unknown');
        const mode = managerStatus?.lrm_status?.[node.name]?.mode ?? '';
        return {
            name: node.name,
            state,
            mode,
            isMaintenance: state === 'maintenance' || mode === 'maintenance'
                || Boolean(Number(manager.node_request?.[node.name]?.maintenance)),
            services: services.filter((service) => service.node === node.name).map((service) => service.sid),
        };
    });
}

// Priorities of a rule: "node1:2,node2" <-> [{node, priority}]
export function parseNodePriorities(text) {
    return text.split(',').map((part) => part.trim()).filter(Boolean).map((part) => {
        const [node, priority] = part.split(':');
        return { node, priority: priority === undefined ? 0 : Number(priority) };
    });
}

export function formatNodePriorities(list) {
    return list.map(({ node, priority }) => (priority ? `${node}:${priority}` : node)).join(',');
}
