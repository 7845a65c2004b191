// SPDX-License-Identifier: Apache-2.0
// Keeps LiveState fresh: by the stream /events, and by asking every 3 s for what the stream does not bring, or for all
// of it while there is no stream.
import { LiveState } from './live_state.js';

const POLL_MS = 3000;
const SILENCE_MS = 15000; // the stream's state changes more often than that: signs of life are part of it
const REOPEN_MS = 10000;
const HISTORY_MS = 20000; // also beside a stream: what it lost is found, and costs next to nothing
const HISTORY = '/cluster/ha/history';
// Not in the stream, but changes with what is.
const FOLLOWS = { '/cluster/ha/status/current': '/cluster/ha/status/manager_status' };

export class Live {
    constructor(api) {
        this.api = api;
        this.state = new LiveState();
        this.wanted = new Map(); // path -> how many look at it
        this.listeners = new Set();
        this.mode = 'starting'; // live | polling | lost
        this.heardMs = 0;
    }

    start() {
        this.isRunning = true;
        this.open();
        this.fetchHistory();
        this.timer = setInterval(() => this.poll(), POLL_MS);
    }

    stop() {
        this.isRunning = false;
        clearInterval(this.timer);
        clearTimeout(this.reopening);
        this.source?.close();
        this.state = new LiveState();
        this.mode = 'starting';
    }

    open() {
        const source = new EventSource('/events');
        this.source = source;
        source.addEventListener('state', (event) => {
            this.heard();
            const message = JSON.parse(event.data);
            this.state.push(message, Date.now());
            for (const path of Object.keys(message)) {
                const other = FOLLOWS[path];
                if (this.wanted.has(other) && !this.state.pushed.has(other)) this.fetch(other);
            }
            this.changed();
        });
        source.addEventListener('history', (event) => {
            this.heard();
            this.add([JSON.parse(event.data)]);
        });
        source.onopen = () => this.heard();
        source.onerror = () => {
            this.fallBack();
            if (source.readyState !== EventSource.CLOSED) return; // it tries again by itself
            clearTimeout(this.reopening);
            this.reopening = setTimeout(() => this.isRunning && this.open(), REOPEN_MS);
        };
    }

    heard() {
        this.heardMs = Date.now();
        this.setMode('live');
    }

    fallBack() {
        this.state.unpush();
        if (this.mode === 'live' || this.mode === 'starting') this.setMode('polling');
        this.poll();
    }

    setMode(mode) {
        if (this.mode === mode) return;
        this.mode = mode;
        this.changed();
    }

    add(entries) {
        const added = this.state.addHistory(entries);
        if (added.length === 0) return;
        for (const listener of this.listeners) listener(added);
    }

    changed() {
        for (const listener of this.listeners) listener([]);
    }

    listen(listener) {
        this.listeners.add(listener);
        return () => this.listeners.delete(listener);
    }

    // Somebody looks at this path until the returned function is called.
    want(path) {
        const before = this.wanted.get(path) ?? 0;
        this.wanted.set(path, before + 1);
        if (before === 0 && this.isRunning && !this.state.pushed.has(path)) this.fetch(path);
        return () => {
            const left = this.wanted.get(path) - 1;
            if (left > 0) this.wanted.set(path, left);
            else this.wanted.delete(path);
        };
    }

    poll() {
        if (!this.isRunning || document.hidden) return;
        if (this.mode === 'live' && Date.now() - this.heardMs > SILENCE_MS) this.fallBack();
        for (const path of this.state.due([...this.wanted.keys()])) this.fetch(path);
        if (this.mode !== 'live' || Date.now() - this.historyMs > HISTORY_MS) this.fetchHistory();
    }

    async fetch(path) {
        this.under ??= new Set();
        if (this.under.has(path)) return; // a slow server gets no second request of the same kind
        this.under.add(path);
        try {
            const data = await this.api.get(path);
            if (!this.state.pushed.has(path)) this.state.fetched(path, data, Date.now());
            if (this.mode === 'lost') this.setMode('polling');
        } catch (error) {
            this.state.failed(path, error);
            if (error.status === 0 || error.status >= 595) this.setMode('lost');
        } finally {
            this.under.delete(path);
        }
        this.changed();
    }

    // After a change by this page: what it may have changed is asked for at once.
    refresh() {
        for (const path of this.wanted.keys()) if (!this.state.pushed.has(path)) this.fetch(path);
    }

    async fetchHistory() {
        this.historyMs = Date.now();
        try {
            const after = this.state.lastNumber();
            const entries = await this.api.get(HISTORY, after > 0 ? { limit: 1000, after } : { limit: 1000 });
            this.add(Array.isArray(entries) ? entries : []);
        } catch {
            // the next poll tries again; what fails is shown by the paths
        }
    }
}
