// SPDX-License-Identifier: Apache-2.0
// The timeline of failovers: where each service was, when its node was lost, which proof let it go on, how long that took.
import { clusterHealth, haServices } from './cluster_model.js';
import { clockTime, dateTime, duration, shorten } from './format.js';
import { sentence } from './history_words.js';
import { html, useState } from './lib.js';
import { PROOF_WORDS } from './map_model.js';
import { axisTicks, buildTimeline } from './timeline_model.js';
import { Button, DataTable, Panel, useData, useHistory, useTicks, useWidth } from './ui.js';

const PHASE_WORDS = { detect: 'To fencing', proof: 'To proof', decide: 'To decision', start: 'To start' };

export function FailoverTable({ label, failovers, onShow }) {
    const phase = (name) => (failover) => {
        const found = failover.phases.find((entry) => entry.name === name);
        return found ? duration(found.ms) : '–';
    };
    const columns = [
        { label: 'Time', value: (f) => dateTime(f.lostAt) },
        { label: 'Service', value: (f) => f.sid },
        { label: 'From', value: (f) => f.node },
        { label: 'To', value: (f) => f.to },
        { label: 'Proof', value: (f) => html`<span title=${f.evidence}>${PROOF_WORDS[f.proof] ?? f.proof ?? '–'}</span>` },
        ...Object.entries(PHASE_WORDS).map(([name, words]) => ({ label: words, isNumber: true, isMinor: true,
            value: phase(name) })),
        { label: 'Total', isNumber: true, value: (f) => html`<strong>${duration(f.totalMs)}</strong>${
            f.isComplete ? '' : ' so far'}` },
    ];
    if (onShow) {
        columns.push({ label: 'Show', value: (f) => html`<button type="button" class="link"
            aria-label=${`Zoom to the failover of ${f.sid} at ${dateTime(f.lostAt)}`} onClick=${() => onShow(f)}>Zoom</button>` });
    }
    return html`<${DataTable} label=${label} columns=${columns} rows=${failovers}
        rowKey=${(f) => `${f.sid} ${f.recoverAt}`} empty="No failover in this time." />`;
}

const LANE = { height: 24, gap: 6, label: 104, head: 22, bar: 18 };

function markShape(kind) {
    switch (kind) {
    case 'fence': return html`<path d="M-4-4 4 4M-4 4 4-4" />`;
    case 'proof': return html`<path d="M0-5 5 0 0 5-5 0z" />`;
    case 'confirmed': return html`<path d="M-4.5 0-1.5 3.5 4.5-3.5" />`;
    case 'recover': return html`<path d="M-4-4 3 0-4 4z" />`;
    case 'started': return html`<circle r="3.6" />`;
    case 'move': return html`<path d="M-4-4 3 0-4 4z" />`;
    default: return html`<path d="M0-5 5 4-5 4z" />`;
    }
}

// Marks that would lie on each other become one, the last, which tells of all.
function apart(marks, x) {
    const kept = [];
    for (const mark of [...marks].reverse()) {
        const text = `${clockTime(mark.time, true)} ${mark.text}`;
        const next = kept[kept.length - 1];
        if (next && x(next.time) - x(mark.time) < 15) next.texts.unshift(text);
        else kept.push({ ...mark, texts: [text] });
    }
    return kept;
}

function Lane({ row, y, x, tints }) {
    const marks = apart(row.marks, x);
    return html`<g>
        <text class="lane-name" x="0" y=${y + 16}>${shorten(row.name, 15)}</text>
        ${row.bars.map((bar) => {
            const left = x(bar.from);
            const width = Math.max(1.5, x(bar.to) - left);
            const words = bar.kind === 'down' ? duration((bar.to - bar.from) * 1000) : bar.node ?? bar.state;
            const indent = marks.some((mark) => Math.abs(x(mark.time) - left) < 12) ? 12 : 5;
            const fits = width > words.length * 6.4 + indent + 6;
            return html`<g class=${`bar bar-${bar.kind} ${bar.node ? `tint-${tints.get(bar.node) ?? 0}` : ''}`}>
                <title>${`${row.name}: ${bar.state}${bar.node ? ` on ${bar.node}` : ''}, ${clockTime(bar.from)} to ${
                    clockTime(bar.to)} (${duration((bar.to - bar.from) * 1000)})`}</title>
                <rect x=${left} y=${y + 3} width=${width} height=${LANE.bar} rx="2.5" />
                ${['down', 'silent', 'fence'].includes(bar.kind) && html`<rect class="bar-hatch" x=${left} y=${y + 3}
                    width=${width} height=${LANE.bar} rx="2.5" fill="url(#bar-hatch)" />`}
                ${fits && html`<text x=${left + indent} y=${y + 16}>${words}</text>`}
            </g>`;
        })}
        ${marks.map((mark) => html`<g class=${`mark mark-${mark.kind}`} transform=${`translate(${x(mark.time)} ${y + 12})`}>
            <title>${mark.texts.map((text) => `${row.name}: ${text}`).join('\n')}</title>
            <circle class="mark-back" r="7" />${markShape(mark.kind)}</g>`)}
    </g>`;
}

function Drawing({ timeline, width }) {
    const { from, to } = timeline;
    const x = (time) => LANE.label + ((time - from) / (to - from)) * (width - LANE.label - 12);
    const rows = [...timeline.nodes, ...timeline.services];
    const step = LANE.height + LANE.gap;
    const height = LANE.head + rows.length * step + (timeline.nodes.length > 0 ? 10 : 0);
    const { ticks, step: seconds } = axisTicks(from, to, Math.max(2, Math.floor((width - LANE.label) / 90)));
    const tints = new Map(timeline.nodes.map((row, index) => [row.name, index % 8]));
    const top = (index) => LANE.head + index * step + (index >= timeline.nodes.length ? 10 : 0);
    return html`<svg class="timeline" width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} aria-hidden="true">
        <defs><pattern id="bar-hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <line class="hatch-line" x1="0" y1="0" x2="0" y2="6" /></pattern></defs>
        ${ticks.map((tick) => html`<g class="tick" key=${tick}><line x1=${x(tick)} x2=${x(tick)} y1=${LANE.head - 4} y2=${height} />
            <text x=${Math.min(x(tick), width - 52)} y="12">${seconds < 60 ? clockTime(tick) : clockTime(tick).slice(0, 5)}</text></g>`)}
        ${rows.map((row, index) => html`<${Lane} key=${row.name} row=${row} y=${top(index)} x=${x} tints=${tints} />`)}
    </svg>`;
}

const WINDOWS = [[300, '5 min'], [900, '15 min'], [3600, '1 h'], [6 * 3600, '6 h'], [86400, '24 h']];
const LEGEND = [['fence', 'fencing begins'], ['proof', 'proof'], ['confirmed', 'proof used'], ['recover', 'recovered'],
    ['started', 'runs'], ['error', 'failed']];

const EVENT_COLUMNS = [
    { label: 'Time', value: (entry) => dateTime(entry.time) },
    { label: 'By', isMinor: true, value: (entry) => entry.at },
    { label: 'Event', isMinor: true, value: (entry) => html`<code>${entry.event}</code>` },
    { label: 'What', value: sentence },
];

export function EventTable({ label, entries }) {
    return html`<${DataTable} label=${label} columns=${EVENT_COLUMNS} rows=${entries} rowKey=${(entry) => entry.number}
        empty="Nothing was decided in this time." />`;
}

export function TimelinePage() {
    const status = useData('/cluster/status');
    const manager = useData('/cluster/ha/status/manager_status');
    const current = useData('/cluster/ha/status/current');
    const configured = useData('/cluster/ha/resources');
    const timing = useData('/cluster/ha/timing');
    const history = useHistory();
    const [choice, setChoice] = useState({ seconds: 900 });
    const [ref, width] = useWidth();
    useTicks(choice.zoom ? 0 : choice.seconds <= 300 ? 500 : 5000);
    const now = Date.now() / 1000;
    const from = choice.zoom ? choice.zoom.from : now - choice.seconds;
    const to = choice.zoom ? choice.zoom.to : now;
    const states = manager.data?.manager_status?.node_status ?? {};
    const nodes = clusterHealth(status.data).nodes.map((node) => ({ name: node.name,
        state: states[node.name] ?? (node.online ? 'online' : 'unknown') }));
    const timeline = buildTimeline({ history, nodes, from, to, services: haServices(current.data, configured.data) });
    const inTime = history.filter((entry) => entry.time >= from && entry.time <= to).reverse();
    const zoomTo = (failover) => {
        const end = failover.startedAt ?? failover.recoverAt;
        const margin = Math.max(4, (end - failover.lostAt) * 0.35);
        setChoice({ zoom: { from: failover.lostAt - margin, to: end + margin } });
        ref.current.scrollIntoView({ block: 'nearest' });
    };
    const buttons = html`<div class="segments" role="group" aria-label="Time shown">
        ${WINDOWS.map(([seconds, words]) => html`<button type="button" class="button small"
            aria-pressed=${!choice.zoom && choice.seconds === seconds ? 'true' : 'false'}
            onClick=${() => setChoice({ seconds })}>${words}</button>`)}
        <${Button} kind="small" disabled=${timeline.failovers.length === 0 && !choice.zoom}
            aria-pressed=${choice.zoom ? 'true' : 'false'}
            onClick=${() => timeline.failovers[0] && zoomTo(timeline.failovers[0])}>Last failover<//>
    </div>`;
    return html`<${Panel} title="Timeline" level=${2} actions=${buttons}>
            <div class="drawing" ref=${ref}>${width > 0 && html`<${Drawing} timeline=${timeline} width=${width} />`}</div>
            <ul class="legend" aria-hidden="true">${LEGEND.map(([kind, words]) => html`<li>
                <svg class=${`swatch mark mark-${kind}`} viewBox="-8 -8 16 16"><circle class="mark-back" r="7" />
                    ${markShape(kind)}</svg>${words}</li>`)}</ul>
        <//>
        <${Panel} title="Failovers" actions=${timing.data && html`<span class="muted">Worst by the timing rules:
            ${' '}${duration(timing.data.worst_failover_ms)}</span>`}>
            <${FailoverTable} label="Failovers" failovers=${timeline.failovers} onShow=${zoomTo} />
        <//>
        <${Panel} title="Events">
            <${EventTable} label="Events" entries=${inTime.slice(0, 200)} />
            ${inTime.length > 200 && html`<p class="muted pad">The newest 200 of ${inTime.length}.</p>`}
        <//>`;
}
