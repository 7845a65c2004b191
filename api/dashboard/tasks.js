// SPDX-License-Identifier: Apache-2.0
// Tasks: the list of all nodes, the strip at the foot of the page, and the viewer of one task's log.
import { nodeOfTask, taskLog, taskStatus, taskStop } from './calls.js';
import { dateTime, duration } from './format.js';
import { AppContext, html, useContext, useEffect, useRef, useState } from './lib.js';
import { STOP_TASK } from './rights.js';
import { Badge, Button, DataTable, Dialog, ErrorNote, Facts, Panel, useAction, useData } from './ui.js';

const DESCRIPTIONS = {
    vzstart: 'Start', vzstop: 'Stop', vzshutdown: 'Shutdown', vzreboot: 'Reboot', vzmigrate: 'Migrate',
    qmstart: 'Start', qmstop: 'Stop', qmshutdown: 'Shutdown', qmreboot: 'Reboot', qmigrate: 'Migrate',
    hastart: 'HA start', hastop: 'HA stop', hamigrate: 'HA migrate', harelocate: 'HA relocate',
    clustercreate: 'Create cluster', clusterjoin: 'Join cluster',
};

function describe(task) {
    const what = DESCRIPTIONS[task.type] ?? task.type;
    if (!task.id) return what;
    const kind = task.type.startsWith('vz') ? 'CT ' : task.type.startsWith('qm') ? 'VM ' : '';
    return `${kind}${task.id}: ${what}`;
}

function TaskState({ task }) {
    if (!task.endtime) return html`<${Badge} level="moving">running<//>`;
    const isGood = task.status === 'OK';
    const level = isGood ? 'ok' : /^WARNINGS/.test(task.status ?? '') ? 'warn' : 'bad';
    return html`<${Badge} level=${level}>${task.status ?? 'unknown'}<//>`;
}

const COLUMNS = [
    { label: 'Start Time', value: (task) => dateTime(Number(task.starttime)) },
    { label: 'End Time', isMinor: true, value: (task) => (task.endtime ? dateTime(Number(task.endtime)) : '') },
    { label: 'Node', value: (task) => task.node },
    { label: 'User', isMinor: true, value: (task) => task.tokenid ? `${task.user}!${task.tokenid}` : task.user },
    { label: 'Description', value: describe },
    { label: 'Status', value: (task) => html`<${TaskState} task=${task} />` },
];

export function TaskTable({ label, tasks, answer }) {
    const { showTask } = useContext(AppContext);
    const columns = [...COLUMNS, { label: 'Log', value: (task) => html`<button type="button" class="link"
        aria-label=${`Show log of ${describe(task)}, ${dateTime(Number(task.starttime))}`}
        onClick=${() => showTask(task.upid)}>Show</button>` }];
    return html`<${DataTable} label=${label} columns=${columns} rows=${tasks} rowKey=${(task) => task.upid}
        onOpen=${(task) => showTask(task.upid)} answer=${answer} empty="No tasks yet." />`;
}

export const sortTasks = (tasks = []) => [...tasks].sort((one, other) => Number(other.starttime) - Number(one.starttime)
    || one.upid.localeCompare(other.upid));

export function TasksPage() {
    const answer = useData('/cluster/tasks');
    const tasks = sortTasks(answer.data);
    const [isFailed, setFailed] = useState(false);
    const shown = isFailed ? tasks.filter((task) => task.endtime && task.status !== 'OK') : tasks;
    return html`<${Panel} title="Tasks" level=${2} actions=${html`<label class="inline">
            <input type="checkbox" checked=${isFailed} onChange=${(event) => setFailed(event.target.checked)} />
            Only errors</label>`}>
        <${TaskTable} label="Tasks" tasks=${shown} answer=${answer} />
    <//>`;
}

// At the foot of every page.
export function RecentTasks() {
    const answer = useData('/cluster/tasks');
    const { showTask } = useContext(AppContext);
    const tasks = sortTasks(answer.data).slice(0, 4);
    return html`<footer class="recent" aria-label="Recent tasks">
        <h2>Recent tasks</h2>
        <ul>${tasks.map((task) => html`<li key=${task.upid}><button type="button" class="link"
            onClick=${() => showTask(task.upid)}><span class="muted">${dateTime(Number(task.starttime))} ${task.node}</span>
            ${' '}${describe(task)}</button> <${TaskState} task=${task} /></li>`)}
            ${tasks.length === 0 && html`<li class="muted">None yet.</li>`}</ul>
        <a href="#/tasks">Show all</a>
    </footer>`;
}

const WAIT_MS = 1500;

export function TaskViewer({ upid, onClose, onEnd }) {
    const { api } = useContext(AppContext);
    const node = nodeOfTask(upid);
    const [status, setStatus] = useState(null);
    const [lines, setLines] = useState([]);
    const [error, setError] = useState(null);
    const [run, isBusy, stopError] = useAction();
    const log = useRef(null);
    useEffect(() => {
        let isGone = false;
        let timer;
        let known = [];
        async function look() {
            try {
                const now = await taskStatus(api, node, upid);
                const more = await taskLog(api, node, upid, known.length);
                if (isGone) return;
                known = [...known, ...more.filter((line) => line.n > known.length)];
                setStatus(now);
                setLines(known);
                setError(null);
                if (now.status === 'stopped') {
                    onEnd?.(now);
                    return;
                }
            } catch (problem) {
                if (isGone) return;
                setError(problem);
            }
            timer = setTimeout(look, WAIT_MS);
        }
        look();
        return () => {
            isGone = true;
            clearTimeout(timer);
        };
    }, [upid]);
    useEffect(() => { if (log.current) log.current.scrollTop = log.current.scrollHeight; }, [lines.length]);
    const isRunning = status?.status === 'running';
    const ended = status?.endtime ?? undefined;
    return html`<${Dialog} title=${status ? `Task viewer: ${describe(status)}` : 'Task viewer'} isWide=${true}
            onClose=${onClose} submit="Close">
        <${ErrorNote} error=${error ?? stopError} />
        ${status && html`<${Facts} items=${[
            ['Status', html`<span role="status">${isRunning ? 'running' : `stopped: ${status.exitstatus ?? 'unknown'}`}</span>`],
            ['Node', status.node], ['User', status.user], ['Start Time', dateTime(Number(status.starttime))],
            ended && ['Duration', duration((ended - status.starttime) * 1000)],
        ]} />`}
        <pre class="log" ref=${log} tabindex="0" role="log" aria-label="Output">${lines.map((line) => `${line.t}\n`)}</pre>
        ${isRunning && html`<${Button} kind="start" need=${status.user === api.user ? undefined : STOP_TASK(node)}
            disabled=${isBusy} onClick=${() => run(() => taskStop(api, node, upid))}>Stop task<//>`}
        <p class="hint upid">${upid}</p>
    <//>`;
}
