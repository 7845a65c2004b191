// SPDX-License-Identifier: Apache-2.0
// A server for the browser tests that need no nodes: the dashboard's files as ha-apid would send them, and the answers,
// tasks and stream of a small made-up cluster (world.mjs).
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

const TYPES = { '.html': 'text/html;charset=UTF-8', '.js': 'text/javascript;charset=UTF-8', '.css': 'text/css;charset=UTF-8',
    '.svg': 'image/svg+xml', '.txt': 'text/plain;charset=UTF-8' };
const POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";
const STREAMED = ['/cluster/status', '/cluster/resources', '/cluster/ha/resources', '/cluster/ha/status/current',
    '/cluster/ha/status/manager_status', '/cluster/ha/leases', '/cluster/tasks'];
const TICKET = 'TEST:root@pam:00000000::c2lnbmF0dXJlLw+/==';
const CSRF = '00000000:csrf';

async function bodyOf(request) {
    let text = '';
    for await (const piece of request) text += piece;
    return Object.fromEntries(new URLSearchParams(text));
}

class Refusal extends Error {
    constructor(status, message, errors) {
        super(message);
        Object.assign(this, { status, errors });
    }
}
export const refuse = (status, message, errors) => { throw new Refusal(status, message, errors); };

export class Fixture {
    constructor(world, files) {
        this.world = world;
        this.files = files;
        this.streams = new Set();
        this.hasStream = true; // a test may take it away
        this.requests = []; // "METHOD path"
        this.server = http.createServer((request, response) => this.serve(request, response));
        world.onEntry = (entry) => this.send(`id: ${entry.number}\nevent: history\ndata: ${JSON.stringify(entry)}\n\n`);
    }

    async start() {
        await new Promise((done) => { this.server.listen(0, '127.0.0.1', done); });
        this.url = `http://localhost:${this.server.address().port}`;
        this.timer = setInterval(() => this.sendState(), 250);
        return this;
    }

    stop() {
        clearInterval(this.timer);
        this.world.stop();
        this.server.closeAllConnections();
        this.server.close();
    }

    breakStream() {
        this.hasStream = false;
        for (const response of this.streams) response.destroy();
        this.streams.clear();
    }

    send(text) {
        for (const response of this.streams) response.write(text);
    }

    sendState() {
        const changed = {};
        for (const name of STREAMED) {
            const text = JSON.stringify(this.world.read(name));
            if (this.sent?.[name] !== text) changed[name] = JSON.parse(text);
            (this.sent ??= {})[name] = text;
        }
        if (Object.keys(changed).length > 0) this.send(`event: state\ndata: ${JSON.stringify(changed)}\n\n`);
    }

    isLoggedIn(request) {
        const cookie = /(?:^|;\s*)PVEAuthCookie=([^;]*)/.exec(request.headers.cookie ?? '')?.[1] ?? '';
        return decodeURIComponent(cookie) === TICKET;
    }

    async serve(request, response) {
        const url = new URL(request.url, 'http://localhost');
        response.setHeader('Content-Security-Policy', POLICY);
        response.setHeader('X-Content-Type-Options', 'nosniff');
        if (url.pathname === '/events') return this.stream(request, response);
        if (!url.pathname.startsWith('/api2/json')) return this.file(url.pathname, response);
        const parameters = { ...await bodyOf(request), ...Object.fromEntries(url.searchParams) };
        const name = decodeURIComponent(url.pathname.slice('/api2/json'.length));
        this.requests.push(`${request.method} ${name}`);
        try {
            this.answer(response, 200, { data: this.call(request, name, parameters) ?? null });
        } catch (problem) {
            if (!problem.status) throw problem;
            response.statusMessage = problem.message;
            this.answer(response, problem.status, { data: null, message: `${problem.message}\n`, errors: problem.errors });
        }
        return undefined;
    }

    answer(response, status, body) {
        response.writeHead(status, { 'Content-Type': 'application/json;charset=UTF-8', 'Cache-Control': 'max-age=0' });
        response.end(JSON.stringify(body));
    }

    call(request, name, parameters) {
        if (name === '/access/domains') {
            return [{ realm: 'pam', type: 'pam', comment: 'Linux PAM standard authentication', default: 1 }];
        }
        if (name === '/access/ticket' && request.method === 'POST') {
            const isGood = [this.world.password, TICKET].includes(parameters.password);
            if (!isGood) refuse(401, 'authentication failure');
            return { username: this.world.user, ticket: TICKET, CSRFPreventionToken: CSRF, cap: {} };
        }
        if (!this.isLoggedIn(request)) refuse(401, 'No ticket');
        if (request.method !== 'GET' && request.headers.csrfpreventiontoken !== CSRF) {
            refuse(401, 'Permission denied - invalid csrf token');
        }
        return request.method === 'GET' ? this.world.read(name, parameters) ?? refuse(501, `Method 'GET ${name}' not implemented`)
            : this.world.change(request.method, name, parameters);
    }

    stream(request, response) {
        if (!this.hasStream || !this.isLoggedIn(request)) {
            response.writeHead(this.hasStream ? 401 : 503);
            response.end();
            return;
        }
        response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
        const all = Object.fromEntries(STREAMED.map((name) => [name, this.world.read(name)]));
        response.write(`event: state\ndata: ${JSON.stringify(all)}\n\n`);
        this.streams.add(response);
        request.on('close', () => this.streams.delete(response));
    }

    file(name, response) {
        const file = path.join(this.files, path.basename(name === '/' ? 'index.html' : name));
        if (!fs.existsSync(`${file}.gz`)) {
            response.writeHead(404);
            response.end();
            return;
        }
        response.writeHead(200, { 'Content-Type': TYPES[path.extname(file)] ?? 'application/octet-stream',
            'Content-Encoding': 'gzip', 'Cache-Control': 'no-cache' });
        fs.createReadStream(`${file}.gz`).pipe(response);
    }
}
