// SPDX-License-Identifier: Apache-2.0
// What the user may, as far as the page needs to know: which buttons would be refused. It is the server that refuses; while
// nothing is known here, everything is offered.

const AGAIN_MS = 60000;
const EVENTS = ['permission-changed', 'user-changed'];
export const ROOT = 'root@pam';

// The paths that may say something about this one, the nearest first: /vms/100, /vms, /.
function nearest(path) {
    const parts = path.split('/').filter(Boolean);
    return [...parts.keys()].map((i) => `/${parts.slice(0, parts.length - i).join('/')}`).concat('/');
}

// permissions: {path: {privilege: n}} as the server tells it, n 1 where it holds below the path too.
export function isAllowed(permissions, path, privilege) {
    const place = nearest(path).find((other) => permissions[other] !== undefined);
    if (place === undefined) return false;
    const propagates = permissions[place][privilege];
    return place === path ? propagates !== undefined : Number(propagates ?? 0) === 1;
}

// What is missing, in words, or ''. need: [path, privilege], or ROOT for what only that user may.
export function lack(permissions, user, need) {
    if (need === undefined || permissions === undefined) return '';
    if (need === ROOT) return user === ROOT ? '' : `Only ${ROOT} may do this.`;
    const [path, privilege] = need;
    return isAllowed(permissions, path, privilege) ? '' : `You need the right ${privilege} on ${path}.`;
}

export const CHANGE_HA = ['/', 'Sys.Console'];
export const SWITCH_GUEST = (vmid) => [`/vms/${vmid}`, 'VM.PowerMgmt'];
export const MOVE_GUEST = (vmid) => [`/vms/${vmid}`, 'VM.Migrate'];
export const STOP_TASK = (node) => [`/nodes/${node}`, 'Sys.Modify'];

export class Rights {
    constructor(api, live) {
        Object.assign(this, { api, live });
    }

    start() {
        this.permissions = undefined;
        this.load();
        this.timer = setInterval(() => document.hidden || this.load(), AGAIN_MS);
        this.unlisten = this.live.listen((entries) => {
            if (entries.some((entry) => EVENTS.includes(entry.event))) this.load();
        });
    }

    stop() {
        clearInterval(this.timer);
        this.unlisten?.();
    }

    async load() {
        try {
            this.permissions = await this.api.get('/access/permissions');
            this.live.changed();
        } catch {
            // what was known stays; the server goes on refusing
        }
    }

    lack(need) {
        return lack(this.permissions, this.api.user, need);
    }
}
