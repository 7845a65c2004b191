// SPDX-License-Identifier: Apache-2.0
// The frame of all pages: log in, the way by the part of the address after '#', navigation, notices, what is read out.
import { Api } from './api.js';
import { clusterHealth, guestsOf, haServices, stateLevel } from './cluster_model.js';
import { announcement } from './history_words.js';
import { AppContext, html, render, useContext, useEffect, useMemo, useRef, useState } from './lib.js';
import { Live } from './live.js';
import { Login } from './login.js';
import { MapPage } from './node_map.js';
import { ClusterPage } from './page_cluster.js';
import { FencingPage } from './page_fencing.js';
import { GuestPage, GuestsPage, NodePage } from './page_guests.js';
import { HaPage } from './page_ha.js';
import { PermissionsPage, StoragePage } from './page_lists.js';
import { RulesPage } from './page_rules.js';
import { SummaryPage } from './page_summary.js';
import { TimelinePage } from './page_timeline.js';
import { Rights } from './rights.js';
import { RecentTasks, TaskViewer, TasksPage } from './tasks.js';
import { Badge, Button, Glyph, useData } from './ui.js';

const PAGES = [
    ['summary', 'Summary', SummaryPage], ['cluster', 'Cluster', ClusterPage], ['ha', 'HA', HaPage], ['map', 'Map', MapPage],
    ['timeline', 'Timeline', TimelinePage], ['rules', 'Affinity Rules', RulesPage], ['fencing', 'Fencing', FencingPage],
    ['guests', 'Guests', GuestsPage], ['storage', 'Storage', StoragePage], ['tasks', 'Tasks', TasksPage],
    ['permissions', 'Permissions', PermissionsPage],
];

function usePlace() {
    const read = () => {
        const [page = '', ...rest] = location.hash.replace(/^#\/?/, '').split('/');
        return { page: page || 'summary', id: decodeURIComponent(rest.join('/')) };
    };
    const [place, setPlace] = useState(read);
    useEffect(() => {
        const moved = () => setPlace(read());
        addEventListener('hashchange', moved);
        return () => removeEventListener('hashchange', moved);
    }, []);
    return place;
}

const current = (is) => (is ? 'page' : undefined);

function Tree({ place }) {
    const status = useData('/cluster/status');
    const resources = useData('/cluster/resources');
    const services = useData('/cluster/ha/status/current');
    const states = new Map(haServices(services.data).map((service) => [service.sid, service.state]));
    const guests = guestsOf(resources.data);
    const level = (guest) => (states.has(guest.sid) && states.get(guest.sid) !== 'stopped' ? stateLevel(states.get(guest.sid))
        : guest.status === 'running' ? 'ok' : 'calm');
    return html`<ul class="tree" aria-label="Nodes and guests">
        ${clusterHealth(status.data).nodes.map((node) => html`<li key=${node.name}>
            <a href=${`#/node/${node.name}`} aria-current=${current(place.page === 'node' && place.id === node.name)}>
                <${Glyph} level=${node.online ? 'ok' : 'bad'} />${node.name}
                <span class="sr-only">${node.online ? 'online' : 'offline'}</span></a>
            <ul>${guests.filter((guest) => guest.node === node.name).map((guest) => html`<li key=${guest.sid}>
                <a href=${`#/guest/${guest.sid}`} aria-current=${current(place.page === 'guest' && place.id === guest.sid)}>
                    <${Glyph} level=${level(guest)} />${guest.vmid} ${guest.name ? `(${guest.name})` : ''}
                    <span class="sr-only">${states.get(guest.sid) ?? guest.status}</span></a></li>`)}</ul>
        </li>`)}
    </ul>`;
}

function Navigation({ place, isOpen, onGo }) {
    return html`<nav class=${isOpen ? 'is-open' : ''} id="navigation" aria-label="Datacenter" onClick=${onGo}>
        <ul class="pages">${PAGES.map(([name, title]) => html`<li><a href=${`#/${name}`}
            aria-current=${current(place.page === name)}>${title}</a></li>`)}</ul>
        <${Tree} place=${place} />
        <p class="about"><a href="licences.txt">Licences</a></p>
    </nav>`;
}

const MODES = { live: ['ok', 'Live'], polling: ['warn', 'Polling'], lost: ['bad', 'No answer'], starting: ['calm', 'Connecting'] };

function Header({ isMenu, setMenu }) {
    const { api, live } = useContext(AppContext);
    const status = useData('/cluster/status');
    const health = clusterHealth(status.data);
    const [theme, setTheme] = useState(document.documentElement.dataset.theme ?? '');
    const isDark = theme === 'dark' || (theme === '' && matchMedia('(prefers-color-scheme: dark)').matches);
    const switchTheme = () => {
        const next = isDark ? 'light' : 'dark';
        document.documentElement.dataset.theme = next;
        try {
            localStorage.setItem('theme', next);
        } catch {
            // not kept then
        }
        setTheme(next);
    };
    const [level, words] = MODES[live.mode];
    return html`<header class="top">
        <button type="button" class="menu button" aria-expanded=${isMenu ? 'true' : 'false'} aria-controls="navigation"
            onClick=${() => setMenu(!isMenu)}>Menu</button>
        <span class="brand"><img src="icon.svg" alt="" width="22" height="22" /> ha-manager</span>
        <span class="where">${health.isStandalone ? health.local : health.name}</span>
        ${health.isKnown && !health.isStandalone && html`<${Badge} level=${health.isQuorate ? 'ok' : 'bad'}>${
            health.isQuorate ? 'quorate' : 'no quorum'}<//>`}
        <span class="spacer"></span>
        <span role="status" class="mode"><${Badge} level=${level}>${words}<//></span>
        <button type="button" class="button small" aria-pressed=${isDark ? 'true' : 'false'} onClick=${switchTheme}>Dark</button>
        <span class="user">${api.user}</span>
        <${Button} kind="small" onClick=${() => api.forget()}>Logout<//>
    </header>`;
}

const NOTICE_MS = 10000;

function Notices({ notices, onShow, onDrop }) {
    return html`<div class="notices" role="status" aria-label="Notices">${notices.map((notice) => html`<div key=${notice.id} class="notice">
        <span>${notice.text}</span>
        ${notice.upid && html`<button type="button" class="link" onClick=${() => onShow(notice.upid)}>Show log</button>`}
        <button type="button" class="close" aria-label="Dismiss" onClick=${() => onDrop(notice.id)}>×</button></div>`)}</div>`;
}

function Place({ place }) {
    if (place.page === 'guest') return html`<${GuestPage} key=${place.id} id=${place.id} />`;
    if (place.page === 'node') return html`<${NodePage} key=${place.id} name=${place.id} />`;
    const found = PAGES.find(([name]) => name === place.page) ?? PAGES[0];
    return html`<h1 class="datacenter">Datacenter</h1><${found[2]} />`;
}

function Announcer({ live }) {
    const [text, setText] = useState('');
    useEffect(() => {
        const begin = Date.now() / 1000;
        return live.listen((entries) => {
            const words = announcement(entries.filter((entry) => entry.time > begin - 5));
            if (words) setText(words);
        });
    }, []);
    return html`<div class="sr-only" aria-live="polite">${text}</div>`;
}

function Shell({ api, live, rights }) {
    const place = usePlace();
    const [isMenu, setMenu] = useState(false);
    const [task, setTask] = useState(null);
    const [notices, setNotices] = useState([]);
    const main = useRef(null);
    const counter = useRef(0);
    const context = useMemo(() => ({
        api, live, rights,
        showTask: (upid, options = {}) => setTask({ upid, ...options }),
        notify(text, upid) {
            const id = ++counter.current;
            setNotices((all) => [...all.slice(-3), { id, text, upid: String(upid ?? '').startsWith('UPID:') ? upid : '' }]);
            setTimeout(() => setNotices((all) => all.filter((notice) => notice.id !== id)), NOTICE_MS);
        },
    }), []);
    const isFirst = useRef(true);
    useEffect(() => {
        setMenu(false);
        const title = main.current.querySelector('h2')?.textContent ?? main.current.querySelector('h1')?.textContent ?? '';
        document.title = `${place.id || title} – ha-manager`;
        if (!isFirst.current) main.current.focus({ preventScroll: true });
        if (!isFirst.current) scrollTo(0, 0);
        isFirst.current = false;
    }, [place.page, place.id]);
    const joined = () => task?.isJoin && live.refresh();
    return html`<${AppContext.Provider} value=${context}>
        <a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); main.current.focus(); }}>Skip to content</a>
        <${Header} ...${{ isMenu, setMenu }} />
        <div class="frame">
            <${Navigation} place=${place} isOpen=${isMenu} onGo=${() => setMenu(false)} />
            <main id="main" tabindex="-1" ref=${main}><${Place} place=${place} /></main>
        </div>
        <${RecentTasks} />
        <${Notices} notices=${notices} onShow=${(upid) => setTask({ upid })}
            onDrop=${(id) => setNotices((all) => all.filter((notice) => notice.id !== id))} />
        <${Announcer} live=${live} />
        ${task && html`<${TaskViewer} key=${task.upid} upid=${task.upid} onClose=${() => setTask(null)} onEnd=${joined} />`}
    <//>`;
}

function App() {
    const api = useMemo(() => new Api(), []);
    const live = useMemo(() => new Live(api), []);
    const rights = useMemo(() => new Rights(api, live), []);
    const [state, setState] = useState('starting'); // starting | login | in
    const enter = () => {
        live.start();
        rights.start();
        setState('in');
    };
    useEffect(() => {
        api.onLogout = () => {
            rights.stop();
            live.stop();
            setState('login');
        };
        api.resume().then((good) => (good ? enter() : setState('login')));
    }, []);
    if (state === 'starting') return html`<main class="login"><p role="status">Connecting…</p></main>`;
    if (state === 'login') return html`<${Login} api=${api} onLogin=${enter} />`;
    return html`<${Shell} api=${api} live=${live} rights=${rights} />`;
}

render(html`<${App} />`, document.getElementById('app'));
