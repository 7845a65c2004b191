// SPDX-License-Identifier: Apache-2.0
// Datacenter, Storage and Permissions: what there is, to read.
import { bytes, compareNames, dateTime, percent, shareOf } from './format.js';
import { html } from './lib.js';
import { Badge, DataTable, Meter, Panel, useData } from './ui.js';

const words = (value) => String(value ?? '').replaceAll(',', ', ');
const on = (value) => Number(value ?? 0) === 1;

const STORAGE_COLUMNS = [
    { label: 'ID', value: (row) => row.storage },
    { label: 'Type', value: (row) => row.type },
    { label: 'Content', isMinor: true, value: (row) => words(row.content) },
    { label: 'Path/Target', isMinor: true, value: (row) => row.path ?? (row.server ? `${row.server}:${row.export}` : '') },
    { label: 'Shared', value: (row) => (on(row.shared) || row.type === 'nfs' ? 'Yes' : 'No') },
    { label: 'Nodes', isMinor: true, value: (row) => words(row.nodes) || 'all' },
    { label: 'Enabled', value: (row) => (on(row.disable) ? 'No' : 'Yes') },
];
const USE_COLUMNS = [
    { label: 'Storage', value: (row) => row.storage },
    { label: 'Node', value: (row) => row.node },
    { label: 'Status', value: (row) => html`<${Badge} level=${row.status === 'available' ? 'ok' : 'bad'}>${row.status}<//>` },
    { label: 'Usage', value: (row) => html`<${Meter} share=${shareOf(row.disk, row.maxdisk)}
        text=${`${percent(shareOf(row.disk, row.maxdisk))} of ${bytes(row.maxdisk)}`} />` },
];

export function StoragePage() {
    const storages = useData('/storage');
    const resources = useData('/cluster/resources');
    const uses = (resources.data ?? []).filter((row) => row.type === 'storage')
        .sort((one, other) => compareNames(one.id, other.id));
    return html`<h2 class="page-title">Storage</h2>
        <${Panel} title="Storages"><${DataTable} label="Storage" columns=${STORAGE_COLUMNS} rows=${storages.data ?? []}
            rowKey=${(row) => row.storage} answer=${storages} empty="No storage is defined (ha-guest storage add)." /><//>
        <${Panel} title="On each node"><${DataTable} label="Storage on each node" columns=${USE_COLUMNS} rows=${uses}
            rowKey=${(row) => row.id} answer=${resources} /><//>`;
}

const USER_COLUMNS = [
    { label: 'User name', value: (user) => user.userid },
    { label: 'Enabled', value: (user) => (on(user.enable ?? 1) ? 'Yes' : 'No') },
    { label: 'Expire', isMinor: true, value: (user) => (Number(user.expire) ? dateTime(Number(user.expire)) : 'never') },
    { label: 'Comment', value: (user) => user.comment ?? '' },
];
const ACL_COLUMNS = [
    { label: 'Path', value: (entry) => entry.path },
    { label: 'User/Group/API Token', value: (entry) => entry.ugid },
    { label: 'Role', value: (entry) => entry.roleid },
    { label: 'Propagate', value: (entry) => (on(entry.propagate ?? 1) ? 'Yes' : 'No') },
];
const ROLE_COLUMNS = [
    { label: 'Role', value: (role) => role.roleid },
    { label: 'Built-In', value: (role) => (on(role.special) ? 'Yes' : 'No') },
    { label: 'Privileges', value: (role) => words(role.privs) },
];

export function PermissionsPage() {
    const users = useData('/access/users');
    const acl = useData('/access/acl');
    const roles = useData('/access/roles');
    const hint = html`<span class="muted">changed by ha-cluster user, token, acl, role</span>`;
    return html`<h2 class="page-title">Permissions</h2>
        <${Panel} title="Users" actions=${hint}><${DataTable} label="Users" columns=${USER_COLUMNS} rows=${users.data ?? []}
            rowKey=${(user) => user.userid} answer=${users} /><//>
        <${Panel} title="Access"><${DataTable} label="Permissions" columns=${ACL_COLUMNS} rows=${acl.data ?? []}
            rowKey=${(entry) => `${entry.path} ${entry.ugid} ${entry.roleid}`} answer=${acl} empty="Nobody but root@pam." /><//>
        <${Panel} title="Roles"><${DataTable} label="Roles" columns=${ROLE_COLUMNS} rows=${roles.data ?? []}
            rowKey=${(role) => role.roleid} answer=${roles} /><//>`;
}
