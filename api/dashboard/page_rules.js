// SPDX-License-Identifier: Apache-2.0
// Datacenter, Affinity Rules: where services may or should run, and with whom; groups, their older form, as a view.
import { ruleAdd, ruleChange, ruleRemove } from './calls.js';
import { clusterHealth, parseNodePriorities } from './cluster_model.js';
import { AppContext, html, useContext, useState } from './lib.js';
import { CHANGE_HA } from './rights.js';
import { Badge, Button, CheckField, Confirm, DataTable, Dialog, FixedField, Panel, SelectField, TextField, useAction,
    useData, useForm } from './ui.js';

const on = (value) => Number(value ?? 0) === 1;

function RuleState({ rule }) {
    const errors = Object.values(rule.errors ?? {}).flat();
    if (errors.length > 0) return html`<${Badge} level="warn">${errors.join('; ')}<//>`;
    return on(rule.disable) ? html`<${Badge} level="calm">not in use<//>` : html`<${Badge} level="ok">in use<//>`;
}

const COMMON = [
    { label: 'Rule', value: (rule) => rule.rule },
    { label: 'Enabled', value: (rule) => (on(rule.disable) ? 'No' : 'Yes') },
    { label: 'State', value: (rule) => html`<${RuleState} rule=${rule} />` },
];
const RESOURCES = { label: 'HA Resources', value: (rule) => String(rule.resources ?? '').replaceAll(',', ', ') };
const COMMENT = { label: 'Comment', isMinor: true, value: (rule) => rule.comment ?? '' };
const KINDS = {
    'node-affinity': {
        title: 'Node Affinity Rules',
        columns: [...COMMON, { label: 'Strict', value: (rule) => (on(rule.strict) ? 'Yes' : 'No') }, RESOURCES,
            { label: 'Nodes', value: (rule) => String(rule.nodes ?? '').replaceAll(',', ', ') }, COMMENT],
    },
    'resource-affinity': {
        title: 'Resource Affinity Rules',
        columns: [...COMMON, { label: 'Affinity', value: (rule) => (rule.affinity === 'negative'
            ? 'Keep separate' : 'Keep together') }, RESOURCES, COMMENT],
    },
};

const nextName = (rules) => {
    for (let n = 1; ; n++) if (!rules.some((rule) => rule.rule === `rule${n}`)) return `rule${n}`;
};

function RuleDialog({ kind, rule, rules, services, nodes, onClose }) {
    const { api } = useContext(AppContext);
    const form = useForm({
        rule: rule?.rule ?? nextName(rules), disable: on(rule?.disable), strict: on(rule?.strict),
        affinity: rule?.affinity ?? 'negative', resources: rule?.resources ?? '', nodes: rule?.nodes ?? '',
        comment: rule?.comment ?? '',
    });
    const [values] = form;
    const [run, isBusy, error] = useAction();
    const isNodes = kind === 'node-affinity';
    const submitted = async () => {
        const parameters = { type: kind, resources: values.resources.replace(/\s/g, ''), disable: values.disable ? 1 : 0 };
        if (isNodes) Object.assign(parameters, { nodes: values.nodes.replace(/\s/g, ''), strict: values.strict ? 1 : 0 });
        else parameters.affinity = values.affinity;
        if (values.comment) parameters.comment = values.comment;
        else if (rule?.comment) parameters.delete = 'comment';
        const good = await run(() => (rule ? ruleChange(api, rule.rule, parameters)
            : ruleAdd(api, { rule: values.rule, ...parameters })));
        if (good) onClose();
    };
    const priorities = parseNodePriorities(values.nodes);
    const isGood = values.rule !== '' && values.resources !== '' && (!isNodes || priorities.length > 0);
    return html`<${Dialog} title=${`${rule ? 'Edit' : 'Add'}: ${isNodes ? 'Node' : 'Resource'} Affinity Rule`}
            submit=${rule ? 'OK' : 'Add'} canSubmit=${isGood} ...${{ onClose, isBusy, error }} onSubmit=${submitted}>
        ${rule ? html`<${FixedField} label="Rule">${rule.rule}<//>`
            : html`<${TextField} label="Rule" name="rule" form=${form} error=${error} />`}
        <${TextField} label="HA Resources" name="resources" form=${form} error=${error}
            hint=${`Separated by commas. Managed: ${services.join(', ') || 'none'}.`} />
        ${isNodes ? html`
            <${TextField} label="Nodes" name="nodes" form=${form} error=${error}
                hint=${`Separated by commas, each with a priority if wanted: ${nodes.map((name, index) =>
                    (index === 0 ? `${name}:2` : name)).join(',')}. The highest is preferred.`} />
            <${CheckField} label="Strict" name="strict" form=${form} error=${error}
                hint="Never on other nodes, even if none of these is there." />`
            : html`<${SelectField} label="Affinity" name="affinity" form=${form} error=${error}
                options=${[['positive', 'Keep together'], ['negative', 'Keep separate']]} />`}
        <${CheckField} label="Disabled" name="disable" form=${form} error=${error} />
        <${TextField} label="Comment" name="comment" form=${form} error=${error} />
    <//>`;
}

function RulePanel({ kind, answer, services, nodes }) {
    const { api, rights } = useContext(AppContext);
    const [selected, select] = useState('');
    const [dialog, setDialog] = useState(null);
    const all = answer.data ?? [];
    const rules = all.filter((rule) => rule.type === kind);
    const rule = rules.find((row) => row.rule === selected);
    const close = () => setDialog(null);
    const { title, columns } = KINDS[kind];
    const edit = (row) => {
        select(row.rule);
        setDialog({ kind: 'edit', rule: row });
    };
    const actions = html`<${Button} need=${CHANGE_HA} onClick=${() => setDialog({ kind: 'add' })}>Add<//>
        <${Button} need=${CHANGE_HA} disabled=${!rule} onClick=${() => edit(rule)}>Edit<//>
        <${Button} need=${CHANGE_HA} disabled=${!rule} onClick=${() => setDialog({ kind: 'remove', rule })}>Remove<//>`;
    return html`<${Panel} title=${title} actions=${actions}>
        <${DataTable} label=${title} columns=${columns} rows=${rules} rowKey=${(row) => row.rule} selected=${selected}
            onSelect=${select} onOpen=${rights.lack(CHANGE_HA) ? undefined : edit} answer=${answer} empty="No rules." />
        ${['add', 'edit'].includes(dialog?.kind) && html`<${RuleDialog} kind=${kind} rule=${dialog.rule} rules=${all}
            services=${services} nodes=${nodes} onClose=${close} />`}
        ${dialog?.kind === 'remove' && html`<${Confirm} title=${`Remove: Rule ${dialog.rule.rule}`} submit="Remove"
            onClose=${close} work=${() => ruleRemove(api, dialog.rule.rule)}>
            <p>Services go where else they should, now that this rule is gone.</p><//>`}
    <//>`;
}

const GROUP_COLUMNS = [
    { label: 'Group', value: (group) => group.group },
    { label: 'restricted', value: (group) => (on(group.restricted) ? 'Yes' : 'No') },
    { label: 'nofailback', value: (group) => (on(group.nofailback) ? 'Yes' : 'No') },
    { label: 'Nodes', value: (group) => String(group.nodes ?? '').replaceAll(',', ', ') },
    { label: 'Comment', isMinor: true, value: (group) => group.comment ?? '' },
];

export function RulesPage() {
    const rules = useData('/cluster/ha/rules');
    const groups = useData('/cluster/ha/groups');
    const configured = useData('/cluster/ha/resources');
    const status = useData('/cluster/status');
    const services = (configured.data ?? []).map((entry) => entry.sid);
    const nodes = clusterHealth(status.data).nodes.map((node) => node.name);
    return html`<h2 class="page-title">Affinity Rules</h2>
        ${Object.keys(KINDS).map((kind) => html`<${RulePanel} key=${kind} ...${{ kind, services, nodes }} answer=${rules} />`)}
        <${Panel} title="Groups" actions=${html`<span class="muted">a view of the node affinity rules</span>`}>
            <${DataTable} label="Groups" columns=${GROUP_COLUMNS} rows=${groups.data ?? []} rowKey=${(group) => group.group}
                answer=${groups} empty="No groups." />
        <//>`;
}
