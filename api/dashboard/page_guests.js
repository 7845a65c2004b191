// SPDX-License-Identifier: Apache-2.0
// Guests: the list with its buttons, the page of one guest, and the page of one node with what runs there.
import * as calls from './calls.js';
import { KIND_NAMES, clusterHealth, guestsOf, haServices, nodeRows, serviceReason, stateLevel } from './cluster_model.js';
import { shareOf, uptime } from './format.js';
import { AppContext, html, useContext, useEffect, useState } from './lib.js';
import { WhyDialog } from './page_answers.js';
import { ResourceDialog } from './page_ha.js';
import { EventTable } from './page_timeline.js';
import { CHANGE_HA, MOVE_GUEST, SWITCH_GUEST } from './rights.js';
import { Badge, Button, Confirm, DataTable, Dialog, ErrorNote, Facts, FixedField, Meter, Note, Panel,
    SelectField, cpuText, memoryLong, memoryText, useAction, useData, useForm, useHistory } from './ui.js';

const STATUS_LEVELS = { running: 'ok', stopped: 'calm', paused: 'warn' };

function GuestStatus({ guest }) {
    return html`<${Badge} level=${STATUS_LEVELS[guest.status] ?? 'warn'}>${guest.status}<//>`;
}

const ID_COLUMNS = [
    { label: 'ID', value: (guest) => guest.sid },
    { label: 'Name', value: (guest) => guest.name ?? '' },
    { label: 'Kind', isMinor: true, value: (guest) => KIND_NAMES[guest.type] },
    { label: 'Node', value: (guest) => guest.node },
    { label: 'Status', value: (guest) => html`<${GuestStatus} guest=${guest} />` },
    { label: 'HA State', value: (guest) => (guest.hastate
        ? html`<${Badge} level=${stateLevel(guest.hastate)}>${guest.hastate}<//>` : html`<span class="muted">none</span>`) },
    { label: 'CPU usage', isMinor: true, value: (guest) => (guest.status === 'running'
        ? html`<${Meter} share=${guest.cpu} />` : '–') },
    { label: 'Memory usage', isMinor: true, value: (guest) => (guest.status === 'running'
        ? html`<${Meter} share=${shareOf(guest.mem, guest.maxmem)} text=${memoryText(guest.mem, guest.maxmem)} warn=${0.9}
            critical=${0.975} />` : '–') },
    { label: 'Uptime', isMinor: true, isNumber: true, value: (guest) => (guest.status === 'running' && guest.uptime > 0 ? uptime(guest.uptime) : '–') },
    { label: 'Details', value: (guest) => html`<a href=${`#/guest/${guest.sid}`} aria-label=${`Open ${guest.sid}`}>Open</a>` },
];

export function GuestTable({ label, guests, selected, onSelect, answer }) {
    return html`<${DataTable} label=${label} columns=${ID_COLUMNS} rows=${guests} rowKey=${(guest) => guest.sid}
        onOpen=${(guest) => { location.hash = `#/guest/${guest.sid}`; }} ...${{ selected, onSelect, answer }}
        empty="No guests. ha-guest create makes one." />`;
}

function MigrateDialog({ guest, nodes, onClose }) {
    const { api, notify } = useContext(AppContext);
    const targets = nodes.filter((node) => node.name !== guest.node);
    const form = useForm({ target: targets.find((node) => node.online)?.name ?? targets[0]?.name ?? '' });
    const [run, isBusy, error] = useAction();
    const isRunning = guest.status === 'running';
    const mode = !isRunning ? 'Offline' : guest.type === 'qemu' ? 'Online' : 'Restart Mode';
    const submitted = async () => {
        const parameters = { target: form[0].target };
        if (isRunning) parameters[guest.type === 'qemu' ? 'online' : 'restart'] = 1;
        const good = await run(async () => notify(`${guest.sid} moves to ${parameters.target}`,
            await calls.guestMigrate(api, guest, parameters)));
        if (good) onClose();
    };
    return html`<${Dialog} title=${`Migrate ${guest.sid} ${guest.name ?? ''}`} submit="Migrate" canSubmit=${form[0].target !== ''}
            ...${{ onClose, isBusy, error }} onSubmit=${submitted}>
        <${FixedField} label="Source node">${guest.node}<//>
        <${FixedField} label="Mode">${mode}<//>
        <${SelectField} label="Target node" name="target" form=${form} error=${error}
            options=${targets.map((node) => [node.name, node.online ? node.name : `${node.name} (offline)`])} />
    <//>`;
}

const ACTIONS = [
    ['start', 'Start', (guest) => guest.status !== 'running'],
    ['shutdown', 'Shutdown', (guest) => guest.status === 'running', 'is asked to shut down.'],
    ['stop', 'Stop', (guest) => guest.status === 'running', 'is stopped at once: what it has not written is lost.'],
    ['reboot', 'Reboot', (guest) => guest.status === 'running', 'is shut down and started again.'],
];

// The buttons for one guest, their dialogs and what came of them.
export function GuestActions({ guest, nodes, more }) {
    const { api, notify } = useContext(AppContext);
    const [dialog, setDialog] = useState(null);
    const [run, isBusy, error] = useAction();
    const close = () => setDialog(null);
    const act = async (action, words) => notify(`${words} of ${guest.sid}`, await calls.guestAction(api, guest, action));
    const pressed = ([action, words, , warning]) => (warning ? setDialog({ action, words, warning })
        : run(() => act(action, words)));
    return html`
        ${ACTIONS.map((entry) => html`<${Button} need=${guest && SWITCH_GUEST(guest.vmid)}
            disabled=${!guest || isBusy || !entry[2](guest)} onClick=${() => pressed(entry)}>${entry[1]}<//>`)}
        <${Button} need=${guest && MOVE_GUEST(guest.vmid)} disabled=${!guest || nodes.length < 2}
            onClick=${() => setDialog({ action: 'migrate' })}>Migrate<//>
        ${more}
        <${ErrorNote} error=${error} />
        ${dialog?.action === 'migrate' && html`<${MigrateDialog} ...${{ guest, nodes }} onClose=${close} />`}
        ${dialog?.warning && html`<${Confirm} title=${`${dialog.words} ${guest.sid}`} submit=${dialog.words} onClose=${close}
            isDanger=${dialog.action === 'stop'} work=${() => act(dialog.action, dialog.words)}>
            <p>${guest.sid} ${guest.name ?? ''} on ${guest.node} ${dialog.warning}</p>
            ${guest.hastate && dialog.action !== 'reboot' && html`<p>It is managed by HA: its request state becomes stopped.</p>`}<//>`}`;
}

export function GuestsPage() {
    const resources = useData('/cluster/resources');
    const status = useData('/cluster/status');
    const [selected, select] = useState('');
    const guests = guestsOf(resources.data);
    const guest = guests.find((row) => row.sid === selected);
    const nodes = clusterHealth(status.data).nodes;
    return html`<${Panel} title="Guests" level=${2} actions=${html`<${GuestActions} guest=${guest} nodes=${nodes} />`}>
        <${GuestTable} label="Guests" guests=${guests} selected=${selected} onSelect=${select} answer=${resources} />
    <//>`;
}

function ConfigPanel({ guest }) {
    const { api } = useContext(AppContext);
    const [config, setConfig] = useState(null);
    const [error, setError] = useState(null);
    useEffect(() => {
        let isGone = false;
        calls.guestConfig(api, guest).then((data) => !isGone && setConfig(data), (problem) => !isGone && setError(problem));
        return () => { isGone = true; };
    }, [guest.sid, guest.node]);
    return html`<${Panel} title="Configuration">
        <${ErrorNote} error=${error} />
        ${config && html`<${Facts} items=${Object.entries(config).filter(([key]) => key !== 'digest').sort()
            .map(([key, value]) => [key, typeof value === 'object' ? JSON.stringify(value) : String(value)])} />`}
    <//>`;
}

export function GuestPage({ id }) {
    const resources = useData('/cluster/resources');
    const status = useData('/cluster/status');
    const configured = useData('/cluster/ha/resources');
    const current = useData('/cluster/ha/status/current');
    const manager = useData('/cluster/ha/status/manager_status');
    const history = useHistory();
    const [dialog, setDialog] = useState(false);
    const [isWhy, setWhy] = useState(false);
    const guest = guestsOf(resources.data).find((row) => row.sid === id);
    if (!guest) return html`<h1>${id}</h1><p class="muted">${resources.data ? 'There is no such guest.' : 'Loading…'}</p>`;
    const service = haServices(current.data, configured.data, resources.data).find((row) => row.sid === id);
    const reason = service && serviceReason(service, manager.data);
    const nodes = clusterHealth(status.data).nodes;
    const more = html`<${Button} need=${CHANGE_HA} onClick=${() => setDialog(true)}>Manage HA<//>
        ${service && html`<${Button} onClick=${() => setWhy(true)}>Why<//>`}`;
    return html`<h1>${KIND_NAMES[guest.type]} ${guest.vmid} (${guest.name ?? id}) on node ${guest.node}</h1>
        <${Panel} title="Summary" level=${2} actions=${html`<${GuestActions} ...${{ guest, nodes, more }} />`}>
            ${reason && html`<${Note} level=${stateLevel(service.state)}>${reason}<//>`}
            <${Facts} items=${[
                ['Status', html`<${GuestStatus} guest=${guest} />`],
                ['HA State', service ? html`<${Badge} level=${stateLevel(service.state)}>${service.state}<//> (requested: ${
                    service.requestState})` : 'none'],
                ['Node', html`<a href=${`#/node/${guest.node}`}>${guest.node}</a>`],
                ['CPU usage', cpuText(guest.cpu, guest.maxcpu)],
                ['Memory usage', memoryLong(guest.mem, guest.maxmem)],
                ['Uptime', guest.status === 'running' && guest.uptime > 0 ? uptime(guest.uptime) : '–'],
                service && ['Max. Restart', service.maxRestart], service && ['Max. Relocate', service.maxRelocate],
            ]} />
        <//>
        <${ConfigPanel} guest=${guest} />
        <${Panel} title="Events"><${EventTable} label="Events"
            entries=${history.filter((entry) => entry.fields?.sid === id).slice(-50).reverse()} /><//>
        ${isWhy && html`<${WhyDialog} sid=${id} name=${guest.name} onClose=${() => setWhy(false)} />`}
        ${dialog && html`<${ResourceDialog} service=${service} guests=${[guest]} votes=${nodes.length}
            onClose=${() => setDialog(false)} />`}`;
}

export function NodePage({ name }) {
    const resources = useData('/cluster/resources');
    const status = useData('/cluster/status');
    const details = useData(`/nodes/${encodeURIComponent(name)}/status`);
    const history = useHistory();
    const node = nodeRows(status.data, resources.data).find((row) => row.name === name);
    const facts = details.data ?? {};
    const guests = guestsOf(resources.data).filter((guest) => guest.node === name);
    return html`<h1>Node ${name}</h1>
        <${Panel} title="Summary" level=${2}>
            ${node && !node.online && html`<${Note} level="bad">This node is offline.<//>`}
            ${node?.online && html`<${ErrorNote} error=${details.error} />`}
            <${Facts} items=${[
                ['Online', node?.online ? 'Yes' : 'No'], ['HA State', node?.hastate ?? '–'], ['Server Address', node?.address ?? '–'],
                ['CPU usage', node?.online ? cpuText(node.cpu, node.maxcpu) : '–'],
                ['Load average', (facts.loadavg ?? []).join(', ') || '–'],
                ['Memory usage', node?.online ? memoryLong(node.mem, node.maxmem) : '–'],
                ['Root file system', facts.rootfs ? memoryLong(facts.rootfs.used, facts.rootfs.total) : '–'],
                ['Uptime', node?.online ? uptime(node.uptime) : '–'],
                ['CPU(s)', facts.cpuinfo ? `${facts.cpuinfo.cpus} × ${facts.cpuinfo.model}` : '–'],
                ['Kernel Version', facts.kversion ?? '–'], ['Manager Version', facts.pveversion ?? '–'],
            ]} />
        <//>
        <${Panel} title="Guests"><${GuestTable} label="Guests" guests=${guests} answer=${resources} /><//>
        <${Panel} title="Events"><${EventTable} label="Events" entries=${history.filter((entry) =>
            entry.fields?.node === name || entry.at?.startsWith(`${name}/`)).slice(-50).reverse()} /><//>`;
}
