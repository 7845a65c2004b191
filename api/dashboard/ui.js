// SPDX-License-Identifier: Apache-2.0
// Parts that all pages are made of: panels, tables with a selection, dialogs, fields, badges, meters.
import { bytes, percent } from './format.js';
import { AppContext, html, useContext, useEffect, useId, useLayoutEffect, useRef, useState } from './lib.js';

// The newest answer of a path, asked for as long as the component is there: {data, error, atMs}.
export function useData(path) {
    const { live } = useContext(AppContext);
    const [, redraw] = useState(0);
    useEffect(() => {
        if (!path) return undefined;
        const unwant = live.want(path);
        const unlisten = live.listen(() => redraw((n) => n + 1));
        return () => {
            unlisten();
            unwant();
        };
    }, [path]);
    return path ? live.state.answer(path) : {};
}

export function useHistory() {
    const { live } = useContext(AppContext);
    const [, redraw] = useState(0);
    useEffect(() => live.listen(() => redraw((n) => n + 1)), []);
    return live.state.history;
}

// Redraws every so many milliseconds; 0: never.
export function useTicks(everyMs) {
    const [, redraw] = useState(0);
    useEffect(() => {
        if (everyMs === 0) return undefined;
        const timer = setInterval(() => redraw((n) => n + 1), everyMs);
        return () => clearInterval(timer);
    }, [everyMs]);
}

// The width of an element, for drawings: [ref, width].
export function useWidth() {
    const ref = useRef(null);
    const [width, setWidth] = useState(0);
    useLayoutEffect(() => {
        const measure = () => setWidth(Math.floor(ref.current.clientWidth));
        measure();
        const observer = new ResizeObserver(measure);
        observer.observe(ref.current);
        return () => observer.disconnect();
    }, []);
    return [ref, width];
}

// Runs a call: [run, isBusy, error]. run() gives whether it went well.
export function useAction() {
    const { live } = useContext(AppContext);
    const [isBusy, setBusy] = useState(false);
    const [error, setError] = useState(null);
    async function run(work) {
        setBusy(true);
        setError(null);
        try {
            await work();
            live.refresh();
            return true;
        } catch (problem) {
            setError(problem);
            return false;
        } finally {
            setBusy(false);
        }
    }
    return [run, isBusy, error, () => setError(null)];
}

const GLYPHS = {
    ok: html`<circle cx="5" cy="5" r="4" />`,
    calm: html`<circle class="hollow" cx="5" cy="5" r="3.4" />`,
    warn: html`<path d="M5 .6 9.6 9.2H.4z" />`,
    bad: html`<path d="M2.2.4 5 3.2 7.8.4 9.6 2.2 6.8 5l2.8 2.8-1.8 1.8L5 6.8 2.2 9.6.4 7.8 3.2 5 .4 2.2z" />`,
    down: html`<path d="M.5.5h9v9h-9z" />`,
    moving: html`<path d="M0 3.6h5V.6L10 5 5 9.4v-3H0z" />`,
};

export function Glyph({ level }) {
    return html`<svg class=${`glyph level-${level}`} viewBox="0 0 10 10" aria-hidden="true">${GLYPHS[level]}</svg>`;
}

export function Badge({ level, children }) {
    return html`<span class=${`badge level-${level}`}><${Glyph} level=${level} />${children}</span>`;
}

export function ErrorNote({ error }) {
    if (!error) return null;
    const parameters = Object.entries(error.errors ?? {});
    return html`<div class="note note-bad" role="alert"><strong>${error.message}</strong>
        ${parameters.length > 0 && html`<ul>${parameters.map(([name, words]) => html`<li>${name}: ${words}</li>`)}</ul>`}
    </div>`;
}

export function Note({ level = 'calm', children }) {
    return html`<p class=${`note note-${level}`}><${Glyph} level=${level} /> <span>${children}</span></p>`;
}

// need: the right without which it would be refused (rights.js); then it is disabled and says so.
export function Button({ kind = '', need, disabled, title, ...rest }) {
    const lack = useContext(AppContext)?.rights.lack(need) ?? '';
    return html`<button type="button" class=${`button ${kind}`} disabled=${disabled || lack !== ''} title=${lack || title} ...${rest} />`;
}

// A part of a page with a heading and its buttons.
export function Panel({ title, actions, children, className = '', level = 3, id }) {
    const own = useId();
    const heading = id ?? own;
    return html`<section class=${`panel ${className}`} aria-labelledby=${heading}>
        <header class="panel-head">
            ${level === 2 ? html`<h2 id=${heading}>${title}</h2>` : html`<h3 id=${heading}>${title}</h3>`}
            ${actions && html`<div class="actions">${actions}</div>`}
        </header>
        ${children}
    </section>`;
}

const FILTER_FROM = 13; // rows; less can be overlooked at a glance

// columns: [{label, value: row => content, isMinor, isNumber}]. With onSelect rows can be picked, by pointer or keyboard;
// onOpen follows a double click. Long tables of things that can be picked have a filter.
export function DataTable({ label, columns, rows, rowKey, selected, onSelect, onOpen, empty = 'Nothing here.', answer }) {
    const group = useId();
    const [filter, setFilter] = useState('');
    const hasFilter = onSelect !== undefined && rows.length >= FILTER_FROM;
    const words = hasFilter ? filter.toLowerCase().split(/\s+/).filter(Boolean) : [];
    const shown = rows.filter((row) => {
        const text = words.length > 0 ? JSON.stringify(Object.values(row)).toLowerCase() : '';
        return words.every((word) => text.includes(word));
    });
    const className = (column) => `${column.isMinor ? 'minor' : ''} ${column.isNumber ? 'number' : ''}`;
    return html`
        ${answer?.error && html`<${ErrorNote} error=${answer.error} />`}
        ${hasFilter && html`<p class="filter"><label>Filter <input type="search" value=${filter}
            onInput=${(event) => setFilter(event.target.value)} /></label> <span class="muted" role="status">${
            words.length > 0 ? `${shown.length} of ${rows.length}` : ''}</span></p>`}
        <div class="table-scroll">
        <table aria-label=${label}>
            <thead><tr>
                ${onSelect && html`<th class="pick" scope="col"><span class="sr-only">Selection</span></th>`}
                ${columns.map((column) => html`<th scope="col" class=${className(column)}>${column.label}</th>`)}
            </tr></thead>
            <tbody>
                ${shown.map((row) => {
                    const key = rowKey(row);
                    return html`<tr key=${key} class=${selected === key ? 'is-selected' : ''}
                            onClick=${onSelect && (() => onSelect(key))} onDblClick=${onOpen && (() => onOpen(row))}>
                        ${onSelect && html`<td class="pick"><input type="radio" name=${group} aria-label=${`Select ${key}`}
                            checked=${selected === key} onChange=${() => onSelect(key)} /></td>`}
                        ${columns.map((column) => html`<td class=${className(column)}>${column.value(row)}</td>`)}
                    </tr>`;
                })}
            </tbody>
        </table>
        </div>
        ${rows.length === 0 && html`<p class="empty">${answer && !answer.data && !answer.error ? 'Loading…' : empty}</p>`}`;
}

// A share of 0 to 1 as bar and words; above the limits it says so by colour and shape of the text.
export function Meter({ share, text, warn = 0.8, critical = 0.9 }) {
    if (!Number.isFinite(share)) return html`<span class="muted">–</span>`;
    const level = share >= critical ? 'bad' : share >= warn ? 'warn' : 'ok';
    return html`<span class=${`meter level-${level}`}>
        <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
            <rect class="meter-back" width="100" height="6" /><rect width=${Math.min(100, share * 100)} height="6" />
        </svg><span>${level !== 'ok' && html`<${Glyph} level=${level} /> `}${text ?? percent(share)}</span></span>`;
}

export const memoryText = (used, all) => (all > 0 ? `${percent(used / all, 0)} of ${bytes(all)}` : '–');
export const memoryLong = (used, all) => (all > 0 ? `${percent(used / all)} (${bytes(used)} of ${bytes(all)})` : '–');
export const cpuText = (share, cores) => (cores > 0 ? `${percent(share)} of ${cores} CPU(s)` : '–');

// A modal dialog. The browser keeps the focus inside and gives it back at the end; Escape closes.
export function Dialog({ title, onClose, onSubmit, submit = 'OK', isBusy, error, canSubmit = true, isWide, isDanger,
    children }) {
    const ref = useRef(null);
    const heading = useId();
    useLayoutEffect(() => {
        const dialog = ref.current;
        dialog.showModal();
        const first = dialog.querySelector('.dialog-body :is(input, select, textarea):not(:disabled)');
        (first ?? dialog.querySelector('button.primary, button')).focus();
        return () => dialog.close();
    }, []);
    const known = new Set([...(ref.current?.querySelectorAll('[name]') ?? [])].map((field) => field.name));
    const others = error && { message: error.message,
        errors: Object.fromEntries(Object.entries(error.errors ?? {}).filter(([name]) => !known.has(name))) };
    const submitted = (event) => {
        event.preventDefault();
        if (onSubmit && canSubmit && !isBusy) onSubmit();
    };
    const cancelled = (event) => {
        event.preventDefault();
        onClose();
    };
    return html`<dialog ref=${ref} class=${isWide ? 'is-wide' : ''} aria-labelledby=${heading} onCancel=${cancelled}>
        <form onSubmit=${submitted} noValidate>
            <header class="dialog-head"><h2 id=${heading}>${title}</h2>
                <button type="button" class="close" aria-label="Dismiss" onClick=${onClose}>×</button></header>
            <div class="dialog-body">${children}<${ErrorNote} error=${others} /></div>
            <footer class="dialog-foot">
                ${onSubmit && html`<${Button} onClick=${onClose}>Cancel<//>
                    <button type="submit" class=${`button ${isDanger ? 'danger' : 'primary'}`}
                        disabled=${!canSubmit || isBusy}>${submit}</button>`}
                ${!onSubmit && html`<${Button} kind="primary" onClick=${onClose}>${submit}<//>`}
            </footer>
        </form>
    </dialog>`;
}

// A label, its control and what is wrong with it. control: (attributes) => element.
function Field({ label, name, error, hint, control }) {
    const id = useId();
    const words = error?.errors?.[name];
    const described = [words && `${id}-error`, hint && `${id}-hint`].filter(Boolean).join(' ') || undefined;
    return html`<div class="field">
        <label for=${id}>${label}</label>
        <div>${control({ id, name, 'aria-describedby': described, 'aria-invalid': words ? 'true' : undefined })}
            ${words && html`<p class="field-error" id=${`${id}-error`}>${words}</p>`}
            ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}</div>
    </div>`;
}

// Fields work on a form: [values, set] of useForm().
export function useForm(initial) {
    const [values, setValues] = useState(initial);
    return [values, (change) => setValues((before) => ({ ...before, ...change }))];
}

export function TextField({ label, name, form: [values, set], error, hint, type = 'text', isMultiline, ...rest }) {
    const control = (attributes) => (isMultiline
        ? html`<textarea rows="5" ...${attributes} ...${rest} value=${values[name]}
            onInput=${(event) => set({ [name]: event.target.value })} />`
        : html`<input type=${type} ...${attributes} ...${rest} value=${values[name]}
            onInput=${(event) => set({ [name]: event.target.value })} />`);
    return html`<${Field} ...${{ label, name, error, hint, control }} />`;
}

// options: [[value, text]]
export function SelectField({ label, name, form: [values, set], error, hint, options, ...rest }) {
    const control = (attributes) => html`<select ...${attributes} ...${rest} value=${values[name]}
        onChange=${(event) => set({ [name]: event.target.value })}>
        ${options.map(([value, text]) => html`<option value=${value} selected=${value === values[name]}>${text}</option>`)}
    </select>`;
    return html`<${Field} ...${{ label, name, error, hint, control }} />`;
}

export function CheckField({ label, name, form: [values, set], error, hint }) {
    const control = (attributes) => html`<input type="checkbox" ...${attributes} checked=${values[name]}
        onChange=${(event) => set({ [name]: event.target.checked })} />`;
    return html`<${Field} ...${{ label, name, error, hint, control }} />`;
}

// What is only shown, in the place of a field.
export function FixedField({ label, children }) {
    const id = useId();
    return html`<div class="field"><span class="label" id=${id}>${label}</span>
        <output aria-labelledby=${id}>${children}</output></div>`;
}

export function Confirm({ title, submit, onClose, work, isDanger = true, children }) {
    const [run, isBusy, error] = useAction();
    const submitted = async () => (await run(work)) && onClose();
    return html`<${Dialog} ...${{ title, submit, onClose, isBusy, error, isDanger }} onSubmit=${submitted}>${children}<//>`;
}

// Pairs of names and values.
export function Facts({ items }) {
    return html`<dl class="facts">${items.filter(Boolean).map(([name, value]) => html`<div><dt>${name}</dt>
        <dd>${value}</dd></div>`)}</dl>`;
}
