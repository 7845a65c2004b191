// SPDX-License-Identifier: Apache-2.0
// What the page knows of the cluster: the newest answer of each path, and the history. Answers come from the stream or
// from polling, in any order and more than once. Pure; who fetches is live.js.

const HISTORY_MAX = 3000;

export class LiveState {
    constructor() {
        this.answers = new Map(); // path -> {data, error, atMs}
        this.pushed = new Set(); // paths that the stream keeps up to date
        this.history = []; // ascending, each number once
    }

    answer(path) {
        return this.answers.get(path) ?? {};
    }

    // A state message of the stream.
    push(message, nowMs) {
        for (const [path, data] of Object.entries(message)) {
            this.pushed.add(path);
            this.answers.set(path, { data, atMs: nowMs });
        }
    }

    // The stream has ended: everything wants to be polled again.
    unpush() {
        this.pushed.clear();
    }

    fetched(path, data, nowMs) {
        this.answers.set(path, { data, atMs: nowMs });
    }

    // The last data stay: old news with a warning are better than none.
    failed(path, error) {
        this.answers.set(path, { ...this.answers.get(path), error });
    }

    // -> the entries that are new.
    addHistory(entries) {
        const known = new Set(this.history.map((entry) => entry.number));
        const added = entries.filter((entry) => Number.isFinite(entry.number) && !known.has(entry.number));
        if (added.length === 0) return [];
        this.history = [...this.history, ...added].sort((one, other) => one.number - other.number)
            .filter((entry, index, all) => index === 0 || entry.number !== all[index - 1].number)
            .slice(-HISTORY_MAX);
        return added;
    }

    lastNumber() {
        return this.history.length === 0 ? 0 : this.history[this.history.length - 1].number;
    }

    // What has to be asked for of the paths that somebody looks at.
    due(wanted) {
        return wanted.filter((path) => !this.pushed.has(path));
    }
}
