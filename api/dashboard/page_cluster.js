// SPDX-License-Identifier: Apache-2.0
// Datacenter, Cluster: what it is, its nodes; to create one, to hand out join information, to join one by it.
import { clusterCreate, clusterJoin, joinInfo } from './calls.js';
import { clusterHealth } from './cluster_model.js';
import { joinInformation, parseJoinString } from './join_string.js';
import { AppContext, html, useContext, useEffect, useRef, useState } from './lib.js';
import { ROOT } from './rights.js';
import { Button, DataTable, Dialog, ErrorNote, Facts, FixedField, Note, Panel, TextField, useAction, useData,
    useForm } from './ui.js';

function CreateDialog({ onClose }) {
    const { api, showTask } = useContext(AppContext);
    const form = useForm({ clustername: '', link0: '' });
    const [values] = form;
    const [run, isBusy, error] = useAction();
    const submitted = () => run(async () => {
        const parameters = { clustername: values.clustername };
        if (values.link0 !== '') parameters.link0 = values.link0;
        const upid = await clusterCreate(api, parameters);
        onClose();
        showTask(upid);
    });
    return html`<${Dialog} title="Create Cluster" submit="Create" canSubmit=${values.clustername !== ''}
            ...${{ onClose, isBusy, error }} onSubmit=${submitted}>
        <${TextField} label="Cluster Name" name="clustername" maxlength="15" form=${form} error=${error}
            hint="At most 15 characters; it cannot be changed later." />
        <${TextField} label="Link 0" name="link0" form=${form} error=${error}
            hint="This node's address for the cluster's messages. Empty: the address of its name." />
    <//>`;
}

function JoinInformationDialog({ onClose }) {
    const { api, notify } = useContext(AppContext);
    const [information, setInformation] = useState(null);
    const [error, setError] = useState(null);
    const area = useRef(null);
    useEffect(() => {
        joinInfo(api).then((join) => setInformation(joinInformation(join))).catch(setError);
    }, []);
    const copy = async () => {
        area.current.select();
        try {
            await navigator.clipboard.writeText(information.text);
        } catch {
            document.execCommand('copy'); // not a secure context, or the browser asks and was told no
        }
        notify('Join information copied');
    };
    return html`<${Dialog} title="Cluster Join Information" isWide=${true} onClose=${onClose} submit="Close">
        <p>Copy the Join Information here and use it on the node you want to add.</p>
        <${ErrorNote} error=${error} />
        <${FixedField} label="IP Address">${information?.address}<//>
        <${FixedField} label="Fingerprint"><code class="wrap">${information?.fingerprint}</code><//>
        <div class="field"><label for="join-information">Join Information</label>
            <textarea id="join-information" ref=${area} rows="6" readonly value=${information?.text ?? ''} /></div>
        <${Button} kind="start" disabled=${!information} onClick=${copy}>Copy Information<//>
    <//>`;
}

function JoinDialog({ onClose }) {
    const { api, showTask } = useContext(AppContext);
    const form = useForm({ information: '', password: '', link0: '' });
    const [values] = form;
    const [run, isBusy, error] = useAction();
    let peer;
    let problem = '';
    if (values.information !== '') {
        try {
            peer = parseJoinString(values.information);
        } catch (wrong) {
            problem = wrong.message;
        }
    }
    const submitted = () => run(async () => {
        const parameters = { hostname: peer.address, fingerprint: peer.fingerprint, password: values.password };
        if (values.link0 !== '') parameters.link0 = values.link0;
        const upid = await clusterJoin(api, parameters);
        onClose();
        showTask(upid, { isJoin: true });
    });
    const shown = problem ? { errors: { information: problem } } : error;
    return html`<${Dialog} title="Cluster Join" isWide=${true} submit=${peer ? `Join '${peer.clusterName}'` : 'Join'}
            canSubmit=${peer !== undefined && values.password !== ''}
            ...${{ onClose, isBusy }} error=${error} onSubmit=${submitted}>
        <p>Paste encoded cluster join information and enter password.</p>
        <${TextField} label="Information" name="information" isMultiline=${true} form=${form} error=${shown}
            spellcheck="false" placeholder="Paste encoded Cluster Information here" />
        <${TextField} label="Peer Address" name="hostname" readonly form=${[{ hostname: peer?.address ?? '' }, () => {}]} error=${error} />
        <${TextField} label="Password" name="password" type="password" autocomplete="off" form=${form} error=${error}
            hint="Peer's root password" />
        <${TextField} label="Fingerprint" name="fingerprint" readonly form=${[{ fingerprint: peer?.fingerprint ?? '' }, () => {}]}
            error=${error} />
        <${TextField} label="Link 0" name="link0" form=${form} error=${error}
            hint="This node's address for the cluster's messages. Empty: the address of its name." />
    <//>`;
}

export function ClusterPage() {
    const status = useData('/cluster/status');
    const health = clusterHealth(status.data);
    const nodes = useData(health.isStandalone ? '' : '/cluster/config/nodes');
    const [dialog, setDialog] = useState('');
    const rows = nodes.data ?? [];
    const links = [...new Set(rows.flatMap((node) => Object.keys(node).filter((key) => /^ring[0-7]_addr$/.test(key))))].sort();
    const columns = [
        { label: 'Nodename', value: (node) => node.name },
        { label: 'ID', isNumber: true, value: (node) => node.nodeid },
        { label: 'Votes', isNumber: true, value: (node) => node.quorum_votes },
        ...links.map((key) => ({ label: `Link ${key[4]}`, value: (node) => node[key] ?? '' })),
    ];
    const close = () => setDialog('');
    const isKnown = health.isKnown;
    const actions = html`<${Button} need=${ROOT} disabled=${!isKnown || !health.isStandalone}
            onClick=${() => setDialog('create')}>Create Cluster<//>
        <${Button} need=${['/', 'Sys.Audit']} disabled=${!isKnown || health.isStandalone}
            onClick=${() => setDialog('information')}>Join Information<//>
        <${Button} need=${ROOT} disabled=${!isKnown || !health.isStandalone}
            onClick=${() => setDialog('join')}>Join Cluster<//>`;
    return html`<h2 class="page-title">Cluster</h2>
        <${Panel} title="Cluster Information" actions=${actions}>
            <${ErrorNote} error=${status.error} />
            ${health.isStandalone
                ? isKnown && html`<${Note}>Standalone node – no cluster defined.<//>`
                : html`<${Facts} items=${[['Cluster Name', health.name], ['Config Version', health.version],
                    ['Number of Nodes', health.nodes.length], ['Quorate', health.isQuorate ? 'Yes' : 'No']]} />`}
        <//>
        <${Panel} title="Cluster Nodes">
            <${DataTable} label="Nodes" columns=${columns} rows=${rows} rowKey=${(node) => node.name}
                answer=${health.isStandalone ? undefined : nodes} empty="This node is in no cluster." />
        <//>
        ${dialog === 'create' && html`<${CreateDialog} onClose=${close} />`}
        ${dialog === 'information' && html`<${JoinInformationDialog} onClose=${close} />`}
        ${dialog === 'join' && html`<${JoinDialog} onClose=${close} />`}`;
}
