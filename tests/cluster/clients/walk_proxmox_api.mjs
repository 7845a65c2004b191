// SPDX-License-Identifier: Apache-2.0
// The client proxmox-api of npm, unmodified, against two nodes with ct:101 on node1, which runs and is not under HA.
//     HA_CLIENT_PACKAGES=DIR node walk_proxmox_api.mjs HOST PASSWORD
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [host, password] = process.argv.slice(2);
const load = createRequire(path.join(process.env.HA_CLIENT_PACKAGES, 'package.json'));
const library = await import(pathToFileURL(load.resolve('proxmox-api')));
const connect = library.default?.default ?? library.default;
process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
process.removeAllListeners('warning');

const SERVICE = 'ct:101';
const api = connect({ host, port: 8006, username: 'root@pam', password });
const { ha } = api.cluster;
const resource = ha.resources.$(SERVICE);

async function wait(what, condition) {
    const end = Date.now() + 60000;
    while (!await condition()) {
        assert.ok(Date.now() < end, `not within 60 s: ${what}`);
        await new Promise((resolve) => { setTimeout(resolve, 300); });
    }
}

async function isAt(node, state) {
    const row = (await ha.status.current.$get()).find((one) => one.sid === SERVICE);
    return row?.node === node && row?.state === state;
}

async function endOf(node, upid) {
    const task = api.nodes.$(node).tasks.$(upid);
    await wait(`the end of ${upid}`, async () => (await task.status.$get()).status === 'stopped');
    assert.equal((await task.status.$get()).exitstatus, 'OK');
    assert.equal((await task.log.$get()).at(-1).t, 'TASK OK');
}

assert.match((await api.version.$get()).version, /^9\.1\./);
const nodes = await api.nodes.$get();
assert.deepEqual(nodes.map((row) => [row.node, row.status]), [['node1', 'online'], ['node2', 'online']]);
for (const { node } of nodes) assert.ok((await api.nodes.$(node).status.$get()).uptime > 0);
const [cluster] = await api.cluster.status.$get();
assert.deepEqual([cluster.type, cluster.name, cluster.quorate], ['cluster', 'test', 1]);
assert.deepEqual((await api.cluster.resources.$get({ type: 'node' })).map((row) => row.hastate), ['online', 'online']);
await assert.rejects(ha.resources.$('ct:9').$get(), /no such resource 'ct:9'/);

await ha.resources.$post({ sid: SERVICE, max_restart: 2, comment: 'by proxmox-api' });
await assert.rejects(ha.resources.$post({ sid: SERVICE }), /resource ID 'ct:101' already defined/);
assert.deepEqual((({ digest, ...rest }) => rest)(await resource.$get()),
    { sid: SERVICE, type: 'ct', max_restart: 2, comment: 'by proxmox-api' });
await wait('it is started', () => isAt('node1', 'started'));
await resource.$put({ max_relocate: 3, delete: 'comment' });
assert.equal((await resource.$get()).max_relocate, 3);
assert.deepEqual(await resource.relocate.$post({ node: 'node2' }), { sid: SERVICE, 'requested-node': 'node2' });
await wait('it runs on node2', () => isAt('node2', 'started'));
await resource.$put({ state: 'stopped' });
await wait('it is stopped', () => isAt('node2', 'stopped'));
await resource.$delete({ purge: 1 });
await assert.rejects(resource.$delete(), /cannot delete service 'ct:101', not HA managed!/);

await endOf('node2', await api.nodes.$('node2').lxc.$(101).status.start.$post());
assert.equal((await api.nodes.$('node2').lxc.$(101).status.current.$get()).status, 'running');
await endOf('node2', await api.nodes.$('node2').lxc.$(101).status.shutdown.$post({ timeout: 10 }));
assert.ok((await api.cluster.tasks.$get()).some((row) => row.type === 'vzshutdown' && row.node === 'node2'));
