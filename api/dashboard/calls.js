// SPDX-License-Identifier: Apache-2.0
// What the pages change, as calls of the API; reading is done by path (live.js).
const path = (...parts) => parts.map((part) => `/${encodeURIComponent(part)}`).join('');

const guest = (entry) => `/nodes${path(entry.node, entry.type, entry.vmid)}`;

export const guestAction = (api, entry, action, parameters) => api.post(`${guest(entry)}/status/${action}`, parameters);
export const guestMigrate = (api, entry, parameters) => api.post(`${guest(entry)}/migrate`, parameters);
export const guestConfig = (api, entry) => api.get(`${guest(entry)}/config`);

export const resourceAdd = (api, parameters) => api.post('/cluster/ha/resources', parameters);
export const resourceChange = (api, sid, parameters) => api.put(`/cluster/ha/resources${path(sid)}`, parameters);
export const resourceRemove = (api, sid, purge) => api.delete(`/cluster/ha/resources${path(sid)}`, { purge: purge ? 1 : 0 });
export const resourceMove = (api, sid, how, node) => api.post(`/cluster/ha/resources${path(sid, how)}`, { node });

export const ruleAdd = (api, parameters) => api.post('/cluster/ha/rules', parameters);
export const ruleChange = (api, rule, parameters) => api.put(`/cluster/ha/rules${path(rule)}`, parameters);
export const ruleRemove = (api, rule) => api.delete(`/cluster/ha/rules${path(rule)}`);

export const disarm = (api, mode) => api.post('/cluster/ha/status/disarm-ha', { 'resource-mode': mode });
export const arm = (api) => api.post('/cluster/ha/status/arm-ha');
export const maintenance = (api, node, isEnabled) =>
    api.post(`/cluster/ha/maintenance${path(node)}`, { enable: isEnabled ? 1 : 0 });

export const whatIf = (api, parameters) => api.get('/cluster/ha/what-if', parameters);
export const why = (api, sid) => api.get(`/cluster/ha/resources${path(sid)}/why`);

export const clusterCreate = (api, parameters) => api.post('/cluster/config', parameters);
export const clusterJoin = (api, parameters) => api.post('/cluster/config/join', parameters);
export const joinInfo = (api) => api.get('/cluster/config/join');

export const taskStatus = (api, node, upid) => api.get(`/nodes${path(node, 'tasks', upid)}/status`);
export const taskLog = (api, node, upid, start) =>
    api.get(`/nodes${path(node, 'tasks', upid)}/log`, { start, limit: 500 });
export const taskStop = (api, node, upid) => api.delete(`/nodes${path(node, 'tasks', upid)}`);

export const nodeOfTask = (upid) => String(upid).split(':')[1];
