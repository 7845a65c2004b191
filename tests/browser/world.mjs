// SPDX-License-Identifier: Apache-2.0
// A made-up cluster in one object: what calls would answer, and what follows when a node loses its power. It decides
// nothing that the real one decides differently where the page could tell; times are shortened.
import { refuse } from './fixture.mjs';

const GIB = 1024 ** 3;
const FINGERPRINT = Array.from({ length: 32 }, (_, i) => (i * 7 + 16).toString(16).toUpperCase().padStart(2, '0')).join(':');
const TOTEM = { cluster_name: 'farm', config_version: '5', version: '2', ip_version: 'ipv4-6', link_mode: 'passive',
    secauth: 'on', interface: { 0: { linknumber: '0' } } };
const kindOf = (sid) => (sid.startsWith('vm') ? 'qemu' : 'lxc');
const now = () => Date.now() / 1000;
const ALL = { '/': { 'Sys.Audit': 1, 'Sys.Console': 1, 'Sys.Modify': 1, 'VM.Audit': 1, 'VM.PowerMgmt': 1, 'VM.Migrate': 1 } };

export class World {
    // nodes: [name]; guests: [{sid, name, node, status}]; services: [{sid, …}]
    constructor({ local = 'node2', nodes, guests = [], services = [], leaseMs = 4000, isStandalone = false }) {
        Object.assign(this, { local, leaseMs, isStandalone, password: 'secret', user: 'root@pam', permissions: ALL, version: 3, master: nodes[0], history: [], tasks: [] });
        this.rules = [{ rule: 'web-first', type: 'node-affinity', resources: 'ct:100', nodes: 'node1:2,node2', strict: 0, order: 1,
            digest: 'd' }];
        this.armed = 'armed';
        this.timers = new Set();
        this.nodes = nodes.map((name, index) => ({ name, id: index + 1, isOnline: true, state: 'online', heardMs: Date.now(),
            cpu: 0.08 + 0.11 * index, mem: (5 + 2.4 * index) * GIB, start: now() - 260000 - 80000 * index, lease: 'held' }));
        this.guests = guests.map((guest) => ({ status: 'running', start: now() - 92000, cpu: 0.03, mem: 0.4 * GIB, maxmem: 2 * GIB, ...guest }));
        this.services = new Map(services.map((service) => [service.sid, this.service(service)]));
        this.number = 100;
        this.onEntry = () => {};
    }

    stop() {
        for (const timer of this.timers) clearTimeout(timer);
    }

    later(milliseconds, work) {
        this.timers.add(setTimeout(work, milliseconds));
    }

    service(given) {
        const guest = this.guests.find((other) => other.sid === given.sid);
        return { state: 'started', crm: 'started', node: guest?.node, max_restart: 1, max_relocate: 1, failback: 1, comment: '', ...given };
    }

    entry(at, event, fields, time = now()) {
        const entry = { number: ++this.number, time, at, level: 'notice', event, fields };
        this.history.push(entry);
        this.onEntry(entry);
        return entry;
    }

    node(name) {
        return this.nodes.find((node) => node.name === name);
    }

    move(service, state, node = service.node, time = now()) {
        this.entry(`${this.master}/crm`, 'service-state', { sid: service.sid, from: service.crm, to: state, node }, time);
        Object.assign(service, { crm: state, node });
    }

    // The node is dead from now on; the others find out as the real ones do.
    powerOff(name) {
        const node = this.node(name);
        Object.assign(node, { isOnline: false, heardMs: Date.now() });
        const away = () => this.guests.filter((guest) => guest.node === name);
        away().forEach((guest) => { guest.status = 'unknown'; });
        const others = this.nodes.filter((other) => other.isOnline);
        this.later(300, () => {
            if (this.master === name) this.master = others[0].name;
            this.entry(`${this.master}/clusterd`, 'member-left', { node: name });
            node.state = 'unknown';
            this.entry(`${this.master}/crm`, 'node-state', { node: name, from: 'online', to: 'unknown' });
        });
        this.later(900, () => {
            node.state = 'fence';
            this.entry(`${this.master}/crm`, 'node-state', { node: name, from: 'unknown', to: 'fence' });
            for (const service of this.servicesOn(name)) this.move(service, 'fence');
            this.entry(`${this.master}/crm`, 'fence-begin', { node: name });
        });
        this.later(this.leaseMs, () => {
            node.lease = 'free';
            const proof = { node: name, proof: 'lease', evidence: `lease of ${name} ended, term 12884901890` };
            this.entry(`${this.master}/crm`, 'fence-proof', proof);
            this.entry(`${this.master}/crm`, 'fence-confirmed', proof);
            node.state = 'unknown';
            this.entry(`${this.master}/crm`, 'node-state', { node: name, from: 'fence', to: 'unknown' });
            this.servicesOn(name).forEach((service, index) => {
                this.move(service, 'recovery');
                const to = others[index % others.length].name;
                this.entry(`${this.master}/crm`, 'recover', { sid: service.sid, from: name, to, proof: 'lease' });
                this.move(service, 'started', to);
                const guest = this.guests.find((other) => other.sid === service.sid);
                guest.node = to;
                this.later(400 + 350 * index, () => {
                    Object.assign(guest, { status: 'running', start: now() });
                    this.entry(`${to}/lrm`, 'started', { sid: service.sid });
                });
            });
        });
    }

    servicesOn(name) {
        return [...this.services.values()].filter((service) => service.node === name && service.crm !== 'ignored')
            .sort((one, other) => one.sid.localeCompare(other.sid));
    }

    task(type, id, node = this.local, lines = [], isLong = false) {
        const start = Math.floor(now());
        const hex = (number) => number.toString(16).toUpperCase().padStart(8, '0');
        const upid = `UPID:${node}:${hex(1000 + this.tasks.length)}:${hex(5000)}:${hex(start)}:${type}:${id}:root@pam:`;
        const task = { upid, node, pid: 1000 + this.tasks.length, pstart: 5000, starttime: start, type, id, user: 'root@pam', lines: [...lines] };
        this.tasks.push(task);
        this.later(isLong ? 700 : 100, () => {
            Object.assign(task, { endtime: Math.floor(now()) + (isLong ? 1 : 0), status: 'OK' });
            task.lines.push('TASK OK');
        });
        return upid;
    }

    // GET

    read(path, parameters = {}) {
        const nodeStatus = /^\/nodes\/([^/]+)\/status$/.exec(path);
        if (nodeStatus) return this.nodeStatus(nodeStatus[1]);
        const config = /^\/nodes\/[^/]+\/(?:lxc|qemu)\/(\d+)\/config$/.exec(path);
        if (config) return { hostname: this.guests.find((guest) => guest.sid.endsWith(`:${config[1]}`)).name, memory: 2048, cores: 2, rootfs: 'shared:subvol-100-disk-0' };
        const task = /^\/nodes\/[^/]+\/tasks\/([^/]+)\/(status|log)$/.exec(path);
        if (task) return this.readTask(task[1], task[2], parameters);
        switch (path) {
        case '/cluster/status': return this.clusterStatus();
        case '/cluster/resources': return this.resources();
        case '/cluster/config/nodes': return this.nodes.map((node) => ({ node: node.name, name: node.name, nodeid: String(node.id),
            quorum_votes: '1', ring0_addr: `10.77.0.${node.id}` }));
        case '/cluster/config/join': return this.joinInformation();
        case '/cluster/ha/resources': return [...this.services.values()].map(({ sid, state, max_restart, max_relocate, failback, comment }) => ({
            sid, type: sid.split(':')[0], state, max_restart, max_relocate, failback, ...(comment ? { comment } : {}), digest: 'd' }));
        case '/cluster/ha/status/current': return this.haStatus();
        case '/cluster/ha/status/manager_status': return this.managerStatus();
        case '/cluster/ha/leases': return this.nodes.map((node) => {
            const silent = node.isOnline ? 120 : Date.now() - node.heardMs;
            return { node: node.name, state: node.lease, owner: node.lease === 'held' ? node.name : '', silent_ms: silent,
                proof_in_ms: node.lease === 'held' ? Math.max(0, this.leaseMs - silent) : 0 };
        });
        case '/cluster/ha/timing': return { profile: 'fast', token_ms: 1000, authority_ms: 3350, stop_ms: 600, watchdog_ms: 1000,
            granularity_ms: 100, reset_ms: 500, lease_ms: this.leaseMs, renew_ms: 250, worst_failover_ms: this.leaseMs + 500,
            tolerated_blackout_ms: 2250, fence_delay_ms: 1200, startup_grace_ms: 10000 };
        case '/cluster/ha/fence': return [];
        case '/cluster/ha/history': return this.history.filter((entry) => entry.number > Number(parameters.after ?? 0))
            .slice(-Number(parameters.limit ?? 200));
        case '/cluster/ha/rules': return this.rules;
        case '/cluster/ha/groups': return [{ group: 'web-first', type: 'group', nodes: 'node1:2,node2', restricted: 0, nofailback: 0 }];
        case '/cluster/tasks': return this.tasks.map(({ lines, ...entry }) => entry);
        case '/storage': return [{ storage: 'local', type: 'dir', path: '/var/lib/guests', content: 'rootdir,images', digest: 'd' },
            { storage: 'shared', type: 'nfs', server: '10.77.0.9', export: '/srv/guests', content: 'rootdir,images', shared: 1, digest: 'd' }];
        case '/access/users': return [{ userid: 'root@pam', enable: 1, expire: 0 }, { userid: 'watch@pam', enable: 1, comment: 'night shift' }];
        case '/access/permissions': return this.permissions;
        case '/access/acl': return [{ path: '/', ugid: 'watch@pam', roleid: 'Auditor', type: 'user', propagate: 1 }];
        case '/access/roles': return [{ roleid: 'Auditor', special: 1, privs: 'Sys.Audit,VM.Audit,Datastore.Audit' }];
        default: return undefined;
        }
    }

    clusterStatus() {
        const nodes = this.nodes.map((node) => ({ type: 'node', id: `node/${node.name}`, name: node.name, nodeid: this.isStandalone ? 0 : node.id,
            ip: `10.77.0.${node.id}`, local: node.name === this.local ? 1 : 0, online: node.isOnline ? 1 : 0, level: '' }));
        if (this.isStandalone) return nodes.filter((node) => node.local);
        const online = this.nodes.filter((node) => node.isOnline).length;
        return [{ type: 'cluster', id: 'cluster', name: 'farm', nodes: nodes.length, version: this.version,
            quorate: online * 2 > nodes.length ? 1 : 0 }, ...nodes];
    }

    resources() {
        const nodes = this.clusterStatus().filter((entry) => entry.type === 'node').map(({ name }) => {
            const node = this.node(name);
            const load = node.isOnline ? { cpu: node.cpu, mem: node.mem, disk: 9 * GIB, uptime: Math.floor(now() - node.start) } : {};
            return { id: `node/${name}`, type: 'node', node: name, status: node.isOnline ? 'online' : 'offline', maxcpu: 8, maxmem: 32 * GIB,
                maxdisk: 64 * GIB, hastate: node.state, ...load };
        });
        const guests = this.guests.map((guest) => ({ id: `${kindOf(guest.sid)}/${guest.sid.split(':')[1]}`, vmid: Number(guest.sid.split(':')[1]),
            type: kindOf(guest.sid), node: guest.node, status: guest.status, name: guest.name, template: 0, cpu: guest.cpu, maxcpu: 2, mem: guest.mem,
            maxmem: guest.maxmem, disk: GIB, maxdisk: 8 * GIB, uptime: guest.status === 'running' ? Math.floor(now() - guest.start) : 0,
            ...(this.services.has(guest.sid) ? { hastate: this.services.get(guest.sid).crm } : {}) }));
        const storages = this.nodes.flatMap((node) => [['local', 0, 12, 40], ['shared', 1, 171, 480]].map(([name, shared, used, all]) => ({
            id: `storage/${node.name}/${name}`, type: 'storage', storage: name, node: node.name, status: node.isOnline ? 'available' : 'unknown',
            shared, content: 'rootdir,images', plugintype: shared ? 'nfs' : 'dir', disk: used * GIB, maxdisk: all * GIB })));
        return [...nodes, ...guests, ...storages];
    }

    stamp() {
        return new Date().toString().slice(0, 24);
    }

    haStatus() {
        const time = this.stamp();
        const online = this.nodes.filter((node) => node.isOnline).length;
        const isQuorate = online * 2 > this.nodes.length;
        return [
            { id: 'quorum', type: 'quorum', node: this.local, status: isQuorate ? 'OK' : `No quorum on node '${this.local}'!`, quorate: isQuorate ? 1 : 0 },
            { id: 'master', type: 'master', node: this.master, status: `${this.master} (active, ${time})`, timestamp: Math.floor(now()) },
            { id: 'fencing', type: 'fencing', node: this.master, 'armed-state': this.armed, status: `${this.armed} (CRM watchdog active)` },
            ...this.nodes.map((node) => ({ id: `lrm:${node.name}`, type: 'lrm', node: node.name, timestamp: Math.floor(now()),
                status: node.isOnline ? `${node.name} (${node.state === 'maintenance' ? 'maintenance mode' : 'active'}, watchdog active, ${time})`
                    : `${node.name} (old timestamp - dead?, ${time})` })),
            ...[...this.services.values()].map((service) => ({ id: `service:${service.sid}`, type: 'service', sid: service.sid, node: service.node,
                state: service.crm, crm_state: service.crm, request_state: service.state, max_restart: service.max_restart,
                max_relocate: service.max_relocate, failback: service.failback, ...(service.comment ? { comment: service.comment } : {}),
                status: `${service.sid} (${service.node}, ${service.crm})` })),
        ];
    }

    managerStatus() {
        const services = [...this.services.values()];
        return {
            manager_status: { master_node: this.master, timestamp: Math.floor(now()),
                node_status: Object.fromEntries(this.nodes.map((node) => [node.name, node.state])),
                service_status: Object.fromEntries(services.map((service) => [service.sid, { node: service.node, state: service.crm, uid: 'u',
                    ...(service.target ? { target: service.target } : {}) }])) },
            quorum: { node: this.local, quorate: 1 },
            lrm_status: Object.fromEntries(this.nodes.map((node) => [node.name, { state: 'active', mode: node.state === 'maintenance' ? 'maintenance' : 'active', results: {} }])),
        };
    }

    nodeStatus(name) {
        const node = this.node(name);
        if (!node?.isOnline) refuse(595, `no route to '${name}'`);
        return { uptime: Math.floor(now() - node.start), loadavg: ['0.31', '0.27', '0.20'], kversion: 'Linux 6.1.0', cpu: node.cpu,
            cpuinfo: { cpus: 8, model: 'Some CPU' }, memory: { total: 32 * GIB, used: node.mem }, rootfs: { total: 64 * GIB, used: 9 * GIB, avail: 55 * GIB } };
    }

    joinInformation() {
        return { nodelist: this.nodes.map((node) => ({ name: node.name, nodeid: String(node.id), quorum_votes: '1', ring0_addr: `10.77.0.${node.id}`,
            pve_addr: `10.77.0.${node.id}`, pve_fp: FINGERPRINT })), preferred_node: this.local, totem: TOTEM, config_digest: 'a'.repeat(40) };
    }

    readTask(upid, part, { start = 0 }) {
        const task = this.tasks.find((entry) => entry.upid === upid) ?? refuse(400, 'Parameter verification failed.', { upid: 'no such task' });
        if (part === 'log') return task.lines.map((t, index) => ({ n: index + 1, t })).slice(Number(start));
        const { lines, status, ...rest } = task;
        return { ...rest, status: task.endtime ? 'stopped' : 'running', ...(task.endtime ? { exitstatus: status } : {}) };
    }

    // POST, PUT, DELETE

    change(method, path, parameters) {
        const parts = path.split('/').slice(1);
        const name = `${method} ${path}`;
        if (name === 'POST /cluster/ha/resources') return this.addResource(parameters);
        if (name === 'POST /cluster/config/join') return this.join(parameters);
        if (name === 'POST /cluster/config') return this.task('clustercreate', parameters.clustername);
        if (name === 'POST /cluster/ha/rules') return void this.rules.push({ order: 2, digest: 'd', ...parameters });
        if (name === 'POST /cluster/ha/status/disarm-ha') return void (this.armed = 'disarmed');
        if (name === 'POST /cluster/ha/status/arm-ha') return void (this.armed = 'armed');
        if (path.startsWith('/cluster/ha/resources/')) return this.changeResource(method, parts[3], parts[4], parameters);
        if (path.startsWith('/cluster/ha/maintenance/')) return void (this.node(parts[3]).state = Number(parameters.enable) ? 'maintenance' : 'online');
        if (parts[0] === 'nodes' && parts[4] === 'status') return this.guestAction(parts, parts[5]);
        if (parts[0] === 'nodes' && parts[4] === 'migrate') return this.task('hamigrate', parts[3], parts[1]);
        return refuse(501, `Method '${name}' not implemented`);
    }

    addResource({ sid, ...rest }) {
        if (this.services.has(sid)) refuse(500, `create resource failed: resource ID '${sid}' already defined`);
        if (!(Number(rest.max_relocate) <= 10)) refuse(400, 'Parameter verification failed.', { max_relocate: 'value must have a maximum value of 10' });
        const service = this.service({ sid, ...rest, max_restart: Number(rest.max_restart ?? 1), max_relocate: Number(rest.max_relocate ?? 1), crm: 'request_start' });
        this.services.set(sid, service);
        this.entry(`${this.master}/crm`, 'service-added', { sid, node: service.node });
        this.later(300, () => this.move(service, 'started'));
    }

    changeResource(method, sid, verb, parameters) {
        const service = this.services.get(sid) ?? refuse(500, `no such resource '${sid}'`);
        if (method === 'DELETE') return void this.services.delete(sid);
        if (method === 'PUT') return void Object.assign(service, parameters);
        const { node } = parameters;
        service.target = node;
        this.move(service, verb === 'migrate' && sid.startsWith('vm') ? 'migrate' : 'relocate');
        this.later(1500, () => {
            this.guests.find((guest) => guest.sid === sid).node = node;
            delete service.target;
            this.move(service, 'started', node);
        });
        return { sid, 'requested-node': node };
    }

    guestAction([, node, , vmid], action) {
        const guest = this.guests.find((other) => other.sid.endsWith(`:${vmid}`));
        if (action === 'start' && guest.status === 'running') refuse(500, `CT ${vmid} already running`);
        this.later(200, () => { guest.status = action === 'start' || action === 'reboot' ? 'running' : 'stopped'; });
        return this.task(`vz${action}`, vmid, node, [`${action} of container ${vmid}`]);
    }

    // Of the standalone node: the others are there already.
    join({ hostname, password, fingerprint }) {
        if (fingerprint !== FINGERPRINT) refuse(500, `fingerprint '${fingerprint}' not verified, abort!`);
        if (password !== 'peer-secret') refuse(500, `${hostname}: authentication failure`);
        const upid = this.task('clusterjoin', '', this.local, ['Establishing API connection with host', 'Login succeeded.', 'Request addition of this node'], true);
        this.later(600, () => {
            this.isStandalone = false;
            this.version++;
        });
        return upid;
    }
}
