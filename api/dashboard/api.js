// SPDX-License-Identifier: Apache-2.0
// Calls of the API: log in, keep the ticket fresh, and the server's words when a call fails. Who calls what is in calls.js.

const COOKIE = 'PVEAuthCookie';
const HALF_LIFE_MS = 60 * 60 * 1000; // a ticket is valid for two hours

export class CallError extends Error {
    constructor(status, message, errors = {}) {
        super(message);
        this.status = status;
        this.errors = errors; // by parameter
    }
}

export class Api {
    constructor() {
        this.user = '';
        this.csrf = '';
        this.caps = {};
        this.onLogout = () => {};
    }

    isLoggedIn() {
        return this.csrf !== '';
    }

    get(path, parameters = {}) {
        const query = new URLSearchParams(parameters).toString();
        return this.call('GET', query ? `${path}?${query}` : path);
    }

    post(path, parameters = {}) {
        return this.call('POST', path, parameters);
    }

    put(path, parameters = {}) {
        return this.call('PUT', path, parameters);
    }

    delete(path, parameters = {}) {
        const query = new URLSearchParams(parameters).toString();
        return this.call('DELETE', query ? `${path}?${query}` : path);
    }

    async call(method, path, parameters) {
        try {
            return (await this.send(method, path, parameters)).data;
        } catch (error) {
            if (error.status === 401 && this.isLoggedIn()) this.forget();
            throw error;
        }
    }

    // Like get(), with all of the answer: paged calls have a total.
    async getAll(path, parameters = {}) {
        return this.send('GET', `${path}?${new URLSearchParams(parameters)}`);
    }

    async send(method, path, parameters) {
        const headers = {};
        if (method !== 'GET') headers.CSRFPreventionToken = this.csrf;
        let response;
        try {
            response = await fetch(`/api2/json${path}`, {
                method, headers, credentials: 'same-origin', cache: 'no-store',
                body: parameters ? new URLSearchParams(parameters) : undefined,
            });
        } catch {
            throw new CallError(0, 'the server does not answer');
        }
        const text = await response.text();
        let body = {};
        try {
            body = text === '' ? {} : JSON.parse(text);
        } catch {
            body = {};
        }
        if (!response.ok) {
            const words = String(body.message ?? '').trim() || response.statusText || `error ${response.status}`;
            throw new CallError(response.status, words, body.errors ?? {});
        }
        return body;
    }

    async login(username, password, realm) {
        const parameters = { username, password };
        if (realm) parameters.realm = realm;
        this.accept((await this.send('POST', '/access/ticket', parameters)).data);
    }

    accept(data) {
        // The ticket is base64: everything in it may stand in a cookie but must arrive as it is.
        document.cookie = `${COOKIE}=${encodeURIComponent(data.ticket)}; Secure; SameSite=Lax; path=/`;
        this.user = data.username;
        this.csrf = data.CSRFPreventionToken;
        this.caps = data.cap ?? {};
        clearTimeout(this.renewal);
        this.renewal = setTimeout(() => this.renew().catch(() => {}), HALF_LIFE_MS);
    }

    // After a reload only the cookie is left: the ticket serves as the password once more.
    async resume() {
        const ticket = readCookie();
        const user = /^[^:]+:([^:]+@[^:]+):/.exec(ticket)?.[1];
        if (!user) return false;
        try {
            await this.login(user, ticket);
            return true;
        } catch (error) {
            if (error.status === 401) dropCookie();
            return false;
        }
    }

    async renew() {
        try {
            await this.login(this.user, readCookie());
        } catch (error) {
            if (error.status === 401) this.forget();
            else this.renewal = setTimeout(() => this.renew(), 60 * 1000);
        }
    }

    forget() {
        clearTimeout(this.renewal);
        dropCookie();
        this.csrf = '';
        this.onLogout();
    }

    may(area, right) {
        return Object.keys(this.caps).length === 0 || Boolean(this.caps[area]?.[right]);
    }
}

function readCookie() {
    const found = document.cookie.split(/;\s*/).find((part) => part.startsWith(`${COOKIE}=`));
    return found ? decodeURIComponent(found.slice(COOKIE.length + 1)) : '';
}

function dropCookie() {
    document.cookie = `${COOKIE}=; Secure; SameSite=Lax; path=/; max-age=0`;
}
