// SPDX-License-Identifier: Apache-2.0
// Datacenter, Summary: is all well, what is used, where things run.
import { clusterHealth, guestCounts, haServices, haStatusRows, nodeRows, totals } from './cluster_model.js';
import { bytes, count, percent, uptime } from './format.js';
import { html } from './lib.js';
import { NodeMap } from './node_map.js';
import { FailoverTable } from './page_timeline.js';
import { Badge, DataTable, ErrorNote, Meter, Panel, memoryText, useData, useHistory } from './ui.js';
import { findFailovers } from './timeline_model.js';

function HealthPanel({ health, services, current, answer }) {
    const errors = services.filter((service) => service.state === 'error').length;
    const rows = haStatusRows(current).filter((row) => ['master', 'fencing'].includes(row.type));
    const away = services.filter((service) => ['fence', 'recovery'].includes(service.state)).length;
    return html`<${Panel} title="Health" className="card">
        <${ErrorNote} error=${answer.error} />
        <ul class="health">
            <li>${health.isStandalone
                ? html`<${Badge} level="calm">Standalone node – no cluster defined<//>`
                : html`<${Badge} level=${health.isQuorate ? 'ok' : 'bad'}>Cluster: ${health.name}, Quorate:
                    ${' '}${health.isQuorate ? 'Yes' : 'No'}<//>`}</li>
            <li><${Badge} level=${health.offline > 0 ? 'bad' : 'ok'}>Nodes: ${health.online} online,
                ${' '}${health.offline} offline<//></li>
            ${rows.map((row) => html`<li><${Badge} level=${row.level}>${row.type === 'master' ? 'Master' : 'Fencing'}:
                ${' '}${row.status.split(/[(,]/)[0]}<//></li>`)}
            <li><${Badge} level=${errors > 0 ? 'bad' : away > 0 ? 'down' : 'ok'}>HA: ${count(services.length, 'service')}
                ${away > 0 && `, ${away} being recovered`}${errors > 0 && `, ${errors} in error`}<//></li>
        </ul>
    <//>`;
}

function GuestsPanel({ resources }) {
    const { rows, errors } = guestCounts(resources);
    const names = { lxc: 'Containers', qemu: 'Virtual Machines' };
    return html`<${Panel} title="Guests" className="card">
        <table class="counts" aria-label="Guests">
            <thead><tr><th scope="col"><span class="sr-only">Kind</span></th><th scope="col">Running</th>
                <th scope="col">Paused</th><th scope="col">Stopped</th><th scope="col">Unknown</th></tr></thead>
            <tbody>${rows.map((row) => html`<tr><th scope="row">${names[row.type]}</th><td>${row.running}</td>
                <td>${row.paused}</td><td>${row.stopped}</td><td>${row.unknown}</td></tr>`)}</tbody>
        </table>
        ${errors > 0 && html`<p><${Badge} level="bad">Error: ${errors}<//></p>`}
    <//>`;
}

function ResourcesPanel({ resources }) {
    const { cpu, memory, storage } = totals(resources);
    const rows = [
        ['CPU', cpu.share, `${percent(cpu.share)} of ${cpu.all} CPU(s)`, 0.8, 0.9],
        ['Memory', memory.share, `${percent(memory.share)} of ${bytes(memory.all)}`, 0.9, 0.975],
        ['Storage', storage.share, `${percent(storage.share)} of ${bytes(storage.all)}`, 0.8, 0.9],
    ];
    return html`<${Panel} title="Resources in use" className="card">
        <dl class="gauges">${rows.map(([name, share, text, warn, critical]) => html`<div><dt>${name}</dt>
            <dd><${Meter} ...${{ share, text, warn, critical }} /></dd></div>`)}</dl>
    <//>`;
}

const NODE_COLUMNS = [
    { label: 'Name', value: (node) => html`<a href=${`#/node/${node.name}`}>${node.name}</a>` },
    { label: 'ID', isMinor: true, isNumber: true, value: (node) => node.id },
    { label: 'Online', value: (node) => html`<${Badge} level=${node.online ? 'ok' : 'bad'}>${node.online ? 'Yes' : 'No'}<//>` },
    { label: 'HA State', isMinor: true, value: (node) => node.hastate ?? '' },
    { label: 'Server Address', isMinor: true, value: (node) => node.address ?? '' },
    { label: 'CPU usage', value: (node) => html`<${Meter} share=${node.online ? node.cpu : NaN} />` },
    { label: 'Memory usage', value: (node) => html`<${Meter} share=${node.online ? node.memory : NaN} warn=${0.9}
        critical=${0.975} text=${memoryText(node.mem, node.maxmem)} />` },
    { label: 'Uptime', isNumber: true, value: (node) => (node.online ? uptime(node.uptime) : '–') },
];

export function SummaryPage() {
    const status = useData('/cluster/status');
    const resources = useData('/cluster/resources');
    const current = useData('/cluster/ha/status/current');
    const configured = useData('/cluster/ha/resources');
    const history = useHistory();
    const services = haServices(current.data, configured.data, resources.data);
    const failovers = findFailovers(history).slice(0, 5);
    return html`<h2 class="page-title">Summary</h2>
        <div class="cards">
            <${HealthPanel} health=${clusterHealth(status.data)} services=${services} current=${current.data}
                answer=${status} />
            <${GuestsPanel} resources=${resources.data} />
            <${ResourcesPanel} resources=${resources.data} />
        </div>
        <${NodeMap} />
        <${Panel} title="Nodes">
            <${DataTable} label="Nodes" columns=${NODE_COLUMNS} rows=${nodeRows(status.data, resources.data)}
                rowKey=${(node) => node.name} answer=${status} />
        <//>
        ${failovers.length > 0 && html`<${Panel} title="Last failovers" actions=${html`<a href="#/timeline">Timeline</a>`}>
            <${FailoverTable} label="Last failovers" failovers=${failovers} /><//>`}`;
}

