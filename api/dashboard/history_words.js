// SPDX-License-Identifier: Apache-2.0
// Entries of the history as sentences, and which of them are read out. Pure.

const nodeOf = (at) => String(at ?? '').split('/')[0];

const SENTENCES = {
    'node-state': (f) => `Node ${f.node} is ${f.to}, was ${f.from}`,
    'member-left': (f) => `Node ${f.node} has left the cluster`,
    'member-joined': (f) => `Node ${f.node} has joined the cluster`,
    'quorum-lost': (f, at) => `${nodeOf(at)} has no quorum`,
    'quorum-regained': (f, at) => `${nodeOf(at)} has quorum`,
    'fence-begin': (f) => `Fencing of ${f.node} begins`,
    'fence-device': (f) => `Fence device ${f.device} for ${f.node}: ${f.result}`,
    'fence-proof': (f) => `Proof that ${f.node} runs nothing any more: ${f.evidence || f.proof}`,
    'fence-confirmed': (f) => `${f.node} is fenced, by ${f.proof}; its services go on`,
    recover: (f) => `${f.sid} is recovered from ${f.from} to ${f.to}`,
    'recover-failed': (f) => `${f.sid} cannot be recovered: ${f.reason}`,
    'service-added': (f) => `${f.sid} is managed by HA now`,
    'service-removed': (f) => `${f.sid} is no longer managed by HA`,
    'service-state': (f) => `${f.sid} is in state ${f.to}, was ${f.from}`,
    'service-failed': (f) => `${f.sid} failed on ${f.node}: ${f.reason}`,
    'service-error': (f) => `${f.sid} is in error: ${f.reason}`,
    move: (f) => `${f.sid} moves to ${f.node}`,
    'move-refused': (f) => `${f.sid} does not move to ${f.node}: ${f.reason}`,
    started: (f, at) => `${f.sid} runs on ${nodeOf(at)}`,
    'service-running': (f) => `${f.sid} runs on ${f.node}`,
    stopped: (f, at) => `${f.sid} was stopped on ${nodeOf(at)}`,
    'start-failed': (f, at) => `Start of ${f.sid} failed on ${nodeOf(at)}: ${f.reason}`,
    'disarm-begin': () => 'HA is being disarmed',
    'disarm-done': () => 'Disarmed: nothing is fenced or recovered',
    arm: () => 'Armed again',
    command: (f) => `Command${f.by ? ` of ${f.by}` : ''}: ${f.text}`,
    'command-refused': (f) => `Command refused: ${f.text}: ${f.reason}`,
};

export function sentence(entry) {
    const words = SENTENCES[entry.event];
    const fields = entry.fields ?? {};
    if (words) return words(fields, entry.at);
    const rest = Object.entries(fields).map(([key, value]) => `${key} ${value}`).join(', ');
    return rest === '' ? entry.event : `${entry.event}: ${rest}`;
}

const SPOKEN = ['fence-begin', 'fence-confirmed', 'recover', 'service-error', 'quorum-lost', 'quorum-regained',
    'disarm-done', 'arm'];

// What a screen reader is told at once, or ''.
export function announcement(entries) {
    const said = entries.filter((entry) => SPOKEN.includes(entry.event)
        || (entry.event === 'node-state' && ['online', 'unknown'].includes(entry.fields?.to)
            && entry.fields?.from !== 'fence'));
    return [...new Set(said.map(sentence))].slice(-4).join('. ');
}

// What the history is about: 'node', 'service', 'command' or 'other'.
export function topic(entry) {
    if (entry.event.startsWith('command')) return 'command';
    if (entry.fields?.sid) return 'service';
    if (entry.fields?.node || /^(member|quorum|fence|node)-/.test(entry.event)) return 'node';
    return 'other';
}
