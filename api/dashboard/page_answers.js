// SPDX-License-Identifier: Apache-2.0
// Questions that change nothing: what if nodes are lost or taken out, and why a service is where it is (docs/answers.md).
import * as calls from './calls.js';
import { bytes, count } from './format.js';
import { AppContext, html, useContext, useEffect, useState } from './lib.js';
import { Badge, Button, DataTable, Dialog, ErrorNote, Note, Panel, useAction } from './ui.js';

const KINDS = [['lose', 'they are lost, at the same moment'], ['maintenance', 'they are taken out for maintenance'],
    ['expected', 'they are lost, and I give the quorum to the rest (expected votes)']];

const parametersOf = (kind, names) => (kind === 'expected' ? { lose: names.join(','), expected: 1 } : { [kind]: names.join(',') });

function Outcome({ row }) {
    const [level, words] = row.runs ? ['ok', 'runs'] : row.to && !row.reason ? ['calm', row.state] : ['bad', 'does not run'];
    return html`<${Badge} level=${level}>${words}<//>${row.reason && html`<div class="reason">${row.reason}</div>`}`;
}

const SERVICE_COLUMNS = [
    { label: 'Service', value: (row) => row.sid },
    { label: 'From', isMinor: true, value: (row) => row.from },
    { label: 'To', value: (row) => row.to ?? 'nowhere' },
    { label: 'Then', value: (row) => html`<${Outcome} row=${row} />` },
    { label: 'After', isNumber: true, value: (row) => (row.seconds === undefined ? '' : `${row.seconds.toFixed(1)} s`) },
];

const memory = (value, all) => (all === undefined ? bytes(value) : `${bytes(value)} of ${bytes(all)}`);

const NODE_COLUMNS = [
    { label: 'Node', value: (row) => row.node },
    { label: 'Services', isNumber: true, value: (row) => row.services },
    { label: 'Services then', isNumber: true, value: (row) => row.services_after },
    { label: 'Memory', isMinor: true, isNumber: true, value: (row) => memory(row.memory, row.memory_max) },
    { label: 'Memory then', isMinor: true, isNumber: true, value: (row) => memory(row.memory_after, row.memory_max) },
];

function Words({ words }) {
    return html`<ul class="words">${words.map((sentence) => html`<li>${sentence}</li>`)}</ul>`;
}

function Answer({ answer }) {
    return html`<div role="status">
        ${!answer.quorum.kept && html`<${Note} level="bad">The quorum would be lost.<//>`}
        <${Words} words=${answer.words} />
        </div>
        ${answer.services.length > 0 && html`<${DataTable} label="Services that would change" columns=${SERVICE_COLUMNS}
            rows=${answer.services} rowKey=${(row) => row.sid} />`}
        <${DataTable} label="Nodes before and after" columns=${NODE_COLUMNS} rows=${answer.nodes} rowKey=${(row) => row.node} />`;
}

// nodes: [{name, online}]
export function WhatIfPanel({ nodes }) {
    const { api } = useContext(AppContext);
    const [chosen, setChosen] = useState([]);
    const [kind, setKind] = useState('lose');
    const [answer, setAnswer] = useState(null);
    const [run, isBusy, error] = useAction();
    const names = nodes.filter((node) => node.online && chosen.includes(node.name)).map((node) => node.name);
    const choose = (name, isChosen) => {
        setChosen((all) => (isChosen ? [...all, name] : all.filter((other) => other !== name)));
        setAnswer(null);
    };
    const asked = async (event) => {
        event.preventDefault();
        setAnswer(null);
        await run(async () => setAnswer(await calls.whatIf(api, parametersOf(kind, names))));
    };
    return html`<${Panel} title="What if">
        <form class="question" onSubmit=${asked}>
            <fieldset><legend>Nodes</legend>
                ${nodes.map((node) => html`<label key=${node.name}><input type="checkbox" disabled=${!node.online}
                    checked=${names.includes(node.name)} onChange=${(event) => choose(node.name, event.target.checked)} />
                    ${' '}${node.name}${node.online ? '' : ' (offline)'}</label> `)}
            </fieldset>
            <label>What happens <select value=${kind} onChange=${(event) => { setKind(event.target.value); setAnswer(null); }}>
                ${KINDS.map(([value, text]) => html`<option value=${value} selected=${value === kind}>${text}</option>`)}</select></label>
            ${' '}<button type="submit" class="button" disabled=${names.length === 0 || isBusy}>Ask</button>
            <p class="hint">The master's own decisions, played on a copy: nothing is changed.</p>
        </form>
        <${ErrorNote} error=${error} />
        ${answer && html`<${Answer} answer=${answer} />`}
    <//>`;
}

const PLACE_COLUMNS = [
    { label: 'Node', value: (row) => row.node },
    { label: 'As a place for it', value: (row) => row.words },
];

export function WhyDialog({ sid, name, onClose }) {
    const { api } = useContext(AppContext);
    const [answer, setAnswer] = useState(null);
    const [run, , error] = useAction();
    useEffect(() => { run(async () => setAnswer(await calls.why(api, sid))); }, [sid]);
    return html`<${Dialog} title=${`Why: ${sid} ${name ?? ''}`} submit="Close" isWide onClose=${onClose} error=${error}>
        <div role="status">${answer ? html`<${Words} words=${answer.words} />` : !error && html`<p>Asking…</p>`}</div>
        ${answer?.places && html`<${DataTable} label="Places" columns=${PLACE_COLUMNS} rows=${answer.places}
            rowKey=${(row) => row.node} />`}
        ${answer && html`<p class="muted">${count(answer.history.length, 'entry', 'entries')} of the history tell of it: see Timeline.</p>`}
    <//>`;
}
