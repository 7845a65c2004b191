// SPDX-License-Identifier: Apache-2.0
// The log-in form.
import { html, useEffect, useRef, useState } from './lib.js';
import { ErrorNote, SelectField, TextField, useForm } from './ui.js';

export function Login({ api, onLogin }) {
    const [realms, setRealms] = useState([['pam', 'Linux PAM standard authentication']]);
    const form = useForm({ username: 'root', password: '', realm: 'pam' });
    const [values, set] = form;
    const [error, setError] = useState(null);
    const [isBusy, setBusy] = useState(false);
    const ref = useRef(null);
    useEffect(() => {
        ref.current.querySelector(values.username === '' ? 'input' : 'input[type=password]').focus();
        api.get('/access/domains').then((domains) => {
            if (!Array.isArray(domains) || domains.length === 0) return;
            setRealms(domains.map((domain) => [domain.realm, domain.comment || domain.realm]));
            const preferred = domains.find((domain) => Number(domain.default)) ?? domains[0];
            set({ realm: preferred.realm });
        }, () => {});
    }, []);
    const submitted = async (event) => {
        event.preventDefault();
        setBusy(true);
        setError(null);
        try {
            await api.login(values.username, values.password, values.username.includes('@') ? '' : values.realm);
            onLogin();
        } catch (problem) {
            setError(problem.status === 401 ? { message: 'Login failed. Please try again.' } : problem);
            setBusy(false);
            ref.current.querySelector('input[type=password]').focus();
        }
    };
    return html`<main class="login">
        <form onSubmit=${submitted} ref=${ref} aria-labelledby="login-title">
            <h1 id="login-title"><img src="icon.svg" alt="" width="28" height="28" /> ha-manager Login</h1>
            <${TextField} label="User name" name="username" autocomplete="username" autocapitalize="none" form=${form} />
            <${TextField} label="Password" name="password" type="password" autocomplete="current-password" form=${form} />
            <${SelectField} label="Realm" name="realm" form=${form} options=${realms} />
            <${ErrorNote} error=${error} />
            <button type="submit" class="button primary" disabled=${isBusy}>${isBusy ? 'Checking…' : 'Login'}</button>
        </form>
    </main>`;
}
