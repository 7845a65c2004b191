// SPDX-License-Identifier: Apache-2.0
// Datacenter, HA: the Status and Resources tables with their dialogs, arming, and maintenance of nodes.
import * as calls from './calls.js';
import { armedState, clusterHealth, haServices, haStatusRows, maintenanceRows, serviceReason, stateLevel,
    unmanagedGuests } from './cluster_model.js';
import { count } from './format.js';
import { AppContext, html, useContext, useState } from './lib.js';
import { WhatIfPanel, WhyDialog } from './page_answers.js';
import { CHANGE_HA } from './rights.js';
import { Badge, Button, CheckField, Confirm, DataTable, Dialog, FixedField, Note, Panel, SelectField, TextField,
    useAction, useData, useForm } from './ui.js';

const REQUEST_STATES = ['started', 'stopped', 'ignored', 'disabled'].map((state) => [state, state]);
export const isWhole = (text, least, most) => /^\d+$/.test(String(text)) && Number(text) >= least && Number(text) <= most;

const STATUS_COLUMNS = [
    { label: 'Type', value: (row) => row.type },
    { label: 'Status', value: (row) => html`<${Badge} level=${row.level}>${row.status}<//>` },
];

function StatusPanel({ current, onArm, onDisarm }) {
    const armed = armedState(current.data);
    const isArmed = armed === 'armed' || armed === 'standby';
    const actions = html`<${Button} need=${CHANGE_HA} disabled=${isArmed} onClick=${onArm}>Arm HA<//>
        <${Button} need=${CHANGE_HA} disabled=${!isArmed} onClick=${onDisarm}>Disarm HA<//>`;
    return html`<${Panel} title="Status" actions=${actions}>
        ${!isArmed && html`<${Note} level="warn">HA is ${armed}: no node is fenced and no service is recovered.<//>`}
        <${DataTable} label="Status" columns=${STATUS_COLUMNS} rows=${haStatusRows(current.data)} rowKey=${(row) => row.id}
            answer=${current} empty="No status yet." />
    <//>`;
}

export function ServiceState({ service, managerStatus }) {
    const reason = serviceReason(service, managerStatus);
    return html`<${Badge} level=${stateLevel(service.state)}>${service.state || 'unknown'}<//>${
        reason && html`<div class="reason">${reason}</div>`}`;
}

const resourceColumns = (managerStatus) => [
    { label: 'ID', value: (row) => row.sid },
    { label: 'State', value: (row) => html`<${ServiceState} service=${row} managerStatus=${managerStatus} />` },
    { label: 'Node', value: (row) => row.node },
    { label: 'Name', value: (row) => row.name },
    { label: 'Request State', isMinor: true, value: (row) => row.requestState },
    { label: 'Max. Restart', isNumber: true, isMinor: true, value: (row) => row.maxRestart },
    { label: 'Max. Relocate', isNumber: true, isMinor: true, value: (row) => row.maxRelocate },
    { label: 'Failback', isMinor: true, value: (row) => (row.failback ? 'Yes' : 'No') },
    { label: 'Group', isMinor: true, value: (row) => row.group },
    { label: 'Description', isMinor: true, value: (row) => row.comment },
    { label: 'Details', value: (row) => row.vmid !== undefined
        && html`<a href=${`#/guest/${row.sid}`} aria-label=${`Open ${row.sid}`}>Open</a>` },
];

export function ResourceDialog({ service, guests, votes, onClose }) {
    const { api } = useContext(AppContext);
    const isNew = service === undefined;
    const form = useForm({
        sid: service?.sid ?? guests[0]?.sid ?? '', max_restart: service?.maxRestart ?? 1,
        max_relocate: service?.maxRelocate ?? 1, failback: service?.failback ?? true,
        state: service?.requestState || 'started', comment: service?.comment ?? '',
    });
    const [values] = form;
    const [run, isBusy, error] = useAction();
    const parameters = () => {
        const all = { max_restart: values.max_restart, max_relocate: values.max_relocate, failback: values.failback ? 1 : 0,
            state: values.state };
        if (values.comment !== '') all.comment = values.comment;
        else if (!isNew && service.comment !== '') all.delete = 'comment';
        return all;
    };
    const submitted = async () => {
        const good = await run(() => (isNew ? calls.resourceAdd(api, { sid: values.sid, ...parameters() })
            : calls.resourceChange(api, service.sid, parameters())));
        if (good) onClose();
    };
    const isGood = values.sid !== '' && isWhole(values.max_restart, 0, 10) && isWhole(values.max_relocate, 0, 10);
    return html`<${Dialog} title=${isNew ? 'Add: Resource' : `Edit: Resource ${service.sid}`}
            submit=${isNew ? 'Add' : 'OK'} canSubmit=${isGood} ...${{ onClose, isBusy, error }} onSubmit=${submitted}>
        ${votes > 0 && votes < 3 && html`<${Note} level="warn">At least three quorum votes are recommended for reliable HA.<//>`}
        ${isNew
            ? html`<${SelectField} label="VM/CT" name="sid" form=${form} error=${error}
                options=${guests.map((guest) => [guest.sid, `${guest.sid} ${guest.name ?? ''} (${guest.node})`])}
                hint=${guests.length === 0 ? 'All guests are managed by HA already.' : undefined} />`
            : html`<${FixedField} label="VM/CT">${service.sid} ${service.name}<//>`}
        <${TextField} label="Max. Restart" name="max_restart" type="number" min="0" max="10" form=${form} error=${error}
            hint="Tries to start it again on its node." />
        <${TextField} label="Max. Relocate" name="max_relocate" type="number" min="0" max="10" form=${form} error=${error}
            hint="Nodes to try when it does not start." />
        <${CheckField} label="Failback" name="failback" form=${form} error=${error} />
        <${SelectField} label="Request State" name="state" form=${form} error=${error} options=${REQUEST_STATES}
            hint=${values.state === 'disabled' || values.state === 'stopped'
                ? 'The guest is stopped when this is saved.' : undefined} />
        <${TextField} label="Comment" name="comment" form=${form} error=${error} />
    <//>`;
}

function RemoveDialog({ service, onClose }) {
    const { api } = useContext(AppContext);
    const form = useForm({ purge: true });
    return html`<${Confirm} title=${`Remove: Resource ${service.sid}`} submit="Remove" onClose=${onClose}
            work=${() => calls.resourceRemove(api, service.sid, form[0].purge)}>
        <p>HA no longer looks after ${service.sid} ${service.name}. The guest itself goes on as it is.</p>
        <${CheckField} label="Purge from rules" name="purge" form=${form} />
    <//>`;
}

export function MoveDialog({ service, nodes, onClose }) {
    const { api, notify } = useContext(AppContext);
    const targets = nodes.filter((node) => node.name !== service.node);
    const form = useForm({ node: targets.find((node) => node.online)?.name ?? targets[0]?.name ?? '',
        how: service.kind === 'vm' ? 'migrate' : 'relocate' });
    const [values] = form;
    const [run, isBusy, error] = useAction();
    const submitted = async () => {
        const good = await run(async () => {
            const answer = await calls.resourceMove(api, service.sid, values.how, values.node);
            const along = answer?.['comigrated-resources'] ?? [];
            notify(`${service.sid} is asked to move to ${values.node}${along.length > 0 ? `, with ${along.join(', ')}` : ''}`);
        });
        if (good) onClose();
    };
    return html`<${Dialog} title=${`Migrate: ${service.sid} ${service.name}`} submit="Migrate" canSubmit=${values.node !== ''}
            ...${{ onClose, isBusy, error }} onSubmit=${submitted}>
        <${FixedField} label="Source node">${service.node || 'none'}<//>
        <${SelectField} label="Target node" name="node" form=${form} error=${error}
            options=${targets.map((node) => [node.name, node.online ? node.name : `${node.name} (offline)`])} />
        <${SelectField} label="Mode" name="how" form=${form} error=${error}
            options=${[['migrate', 'migrate: live where its kind can'], ['relocate', 'relocate: stop, move, start']]} />
    <//>`;
}

function DisarmDialog({ onClose }) {
    const { api } = useContext(AppContext);
    const form = useForm({ mode: 'freeze' });
    return html`<${Confirm} title="Disarm HA" submit="Disarm HA" onClose=${onClose} work=${() => calls.disarm(api, form[0].mode)}>
        <p>While HA is disarmed no node is fenced or reset, and no service is started, stopped or recovered by it.</p>
        <${SelectField} label="Resource mode" name="mode" form=${form}
            options=${[['freeze', 'Freeze: services stay as and where they are'],
                ['ignore', 'Ignore: services may be started, stopped and moved by hand']]} />
    <//>`;
}

function MaintenanceDialog({ row, onClose }) {
    const { api } = useContext(AppContext);
    const enters = !row.isMaintenance;
    return html`<${Confirm} title=${`${enters ? 'Enter' : 'Leave'} maintenance: ${row.name}`} isDanger=${enters}
            submit=${enters ? 'Enter maintenance' : 'Leave maintenance'} onClose=${onClose}
            work=${() => calls.maintenance(api, row.name, enters)}>
        ${enters
            ? html`<p>${row.services.length === 0 ? 'No service runs there now.'
                : `${count(row.services.length, 'service')} will move to other nodes: ${row.services.join(', ')}.`}
                ${' '}They return when the maintenance ends.</p>`
            : html`<p>The node takes services again; those that it gave away for its maintenance return.</p>`}
    <//>`;
}

const MAINTENANCE_COLUMNS = (onOpen) => [
    { label: 'Node', value: (row) => row.name },
    { label: 'State', value: (row) => html`<${Badge} level=${row.state === 'online' ? 'ok'
        : row.state === 'maintenance' ? 'warn' : 'bad'}>${row.state}<//>` },
    { label: 'Services', value: (row) => row.services.join(', ') || 'none' },
    { label: 'Maintenance', value: (row) => html`<${Button} kind="small" need=${CHANGE_HA} onClick=${() => onOpen(row)}
        aria-label=${`${row.isMaintenance ? 'Leave' : 'Enter'} maintenance: ${row.name}`}>
        ${row.isMaintenance ? 'Leave' : 'Enter'}<//>` },
];

export function HaPage() {
    const { api, rights } = useContext(AppContext);
    const current = useData('/cluster/ha/status/current');
    const configured = useData('/cluster/ha/resources');
    const resources = useData('/cluster/resources');
    const status = useData('/cluster/status');
    const manager = useData('/cluster/ha/status/manager_status');
    const [selected, select] = useState('');
    const [dialog, setDialog] = useState(null); // {kind, …}
    const services = haServices(current.data, configured.data, resources.data);
    const service = services.find((row) => row.sid === selected);
    const close = () => setDialog(null);
    const nodes = clusterHealth(status.data).nodes;
    const edit = (row) => {
        select(row.sid);
        setDialog({ kind: 'edit', service: row });
    };
    const actions = html`<${Button} need=${CHANGE_HA} onClick=${() => setDialog({ kind: 'add' })}>Add<//>
        <${Button} need=${CHANGE_HA} disabled=${!service} onClick=${() => edit(service)}>Edit<//>
        <${Button} need=${CHANGE_HA} disabled=${!service} onClick=${() => setDialog({ kind: 'remove', service })}>Remove<//>
        <${Button} need=${CHANGE_HA} disabled=${!service || nodes.length < 2} onClick=${() => setDialog({ kind: 'move', service })}>Migrate<//>
        <${Button} disabled=${!service} onClick=${() => setDialog({ kind: 'why', service })}>Why<//>`;
    return html`<h2 class="page-title">HA</h2>
        <${StatusPanel} current=${current} onArm=${() => setDialog({ kind: 'arm' })}
            onDisarm=${() => setDialog({ kind: 'disarm' })} />
        <${Panel} title="Resources" actions=${actions}>
            <${DataTable} label="Resources" columns=${resourceColumns(manager.data)} rows=${services}
                rowKey=${(row) => row.sid} selected=${selected} onSelect=${select}
                onOpen=${rights.lack(CHANGE_HA) ? undefined : edit} answer=${configured}
                empty="No service is managed by HA. Add one to keep it running when its node fails." />
        <//>
        <${Panel} title="Maintenance">
            <${DataTable} label="Maintenance" rows=${maintenanceRows(status.data, manager.data, services)}
                columns=${MAINTENANCE_COLUMNS((row) => setDialog({ kind: 'maintenance', row }))} rowKey=${(row) => row.name} />
        <//>
        <${WhatIfPanel} nodes=${nodes} />
        ${dialog?.kind === 'why' && html`<${WhyDialog} onClose=${close} sid=${dialog.service.sid} name=${dialog.service.name} />`}
        ${dialog?.kind === 'add' && html`<${ResourceDialog} onClose=${close} votes=${nodes.length}
            guests=${unmanagedGuests(resources.data, configured.data)} />`}
        ${dialog?.kind === 'edit' && html`<${ResourceDialog} onClose=${close} service=${dialog.service} votes=${nodes.length} />`}
        ${dialog?.kind === 'remove' && html`<${RemoveDialog} onClose=${close} service=${dialog.service} />`}
        ${dialog?.kind === 'move' && html`<${MoveDialog} onClose=${close} service=${dialog.service} nodes=${nodes} />`}
        ${dialog?.kind === 'disarm' && html`<${DisarmDialog} onClose=${close} />`}
        ${dialog?.kind === 'arm' && html`<${Confirm} title="Arm HA" submit="Arm HA" isDanger=${false} onClose=${close}
            work=${() => calls.arm(api)}><p>Nodes are fenced and services recovered again.</p><//>`}
        ${dialog?.kind === 'maintenance' && html`<${MaintenanceDialog} onClose=${close} row=${dialog.row} />`}`;
}
