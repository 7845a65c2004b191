// SPDX-License-Identifier: Apache-2.0
// The dashboard in a browser, against real nodes: node1 and node2 are a cluster, node3 is none yet; ct:100 is on node1,
// stopped. tests/cluster/test_dashboard makes them and runs this where it can reach them.
//     HA_NODE_TOOL=…/tools/node HA_NODE_TOOL_NETWORK=/proc/PID/ns/net HA_BROWSER_PACKAGES=DIR node nodes.mjs
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import test, { after, before } from 'node:test';
import { findBarriers, goTo, logIn, openBrowser, openPage, overflow, waitFor } from './browser.mjs';

const PASSWORD = 'secret';
const LONG_MS = 90000;
const urlOf = (node) => `https://10.77.0.${node.slice(4)}:8006/`;
// Back in the machine's own network, where the tool makes cables.
const nodeTool = (...words) => execFileSync('nsenter',
    [`--net=${process.env.HA_NODE_TOOL_NETWORK}`, process.env.HA_NODE_TOOL, ...words], { encoding: 'utf8' });
const row = (page, table, name) => page.getByRole('table', { name: table, exact: true }).getByRole('row', { name });
const patient = { timeout: LONG_MS };

// A node that is switched off while it was asked, and one that starts its API anew, are reported by the browser itself.
const LOST = [/net::ERR_/, /status of (401|595|596|500|501|503)/];

function joinByCommand() {
    const invitation = nodeTool('exec', 'node1', '--', 'ha-cluster', 'add-node', 'node3', '10.77.0.3').trim();
    nodeTool('exec', 'node3', '--', 'ha-cluster', 'join', invitation);
}

let browser;
let page;
before(async () => {
    browser = await openBrowser();
    page = await openPage(browser, {}, LOST);
    await logIn(page, urlOf('node2'), PASSWORD);
});
after(async () => { await browser?.close(); });

test('third_node_joins_by_the_pasted_string', async (t) => {
    await goTo(page, 'Cluster');
    await row(page, 'Nodes', /^node2 /).waitFor();
    await page.getByRole('button', { name: 'Join Information' }).click();
    const field = page.getByRole('dialog').getByLabel('Join Information');
    const missing = page.getByRole('dialog').getByRole('alert').getByText('not implemented');
    await waitFor('the join information', async () => await field.inputValue() !== '' || missing.isVisible());
    const text = await field.inputValue();
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();

    if (text === '') { // the rest needs the node all the same
        joinByCommand();
        t.skip('this build has no join over the API');
        return;
    }

    const other = await openPage(browser, {}, LOST);
    await logIn(other, urlOf('node3'), PASSWORD);
    await other.getByText('Standalone node – no cluster defined').waitFor();
    await goTo(other, 'Cluster');
    await other.getByRole('button', { name: 'Join Cluster' }).click();
    const dialog = other.getByRole('dialog', { name: 'Cluster Join' });
    await dialog.getByLabel('Information').fill(text);
    await dialog.getByLabel('Password').fill(PASSWORD);
    await dialog.getByRole('button', { name: "Join 'test'" }).click();
    await other.getByRole('dialog', { name: /Task viewer/ }).waitFor(patient);
    await row(page, 'Nodes', /^node3 3 1 10\.77\.0\.3/).waitFor(patient);
    assert.deepEqual(other.problems, []);
    await other.context().close();
    await goTo(page, 'Summary');
    await page.getByText('Nodes: 3 online, 0 offline').waitFor(patient);
});

test('container_is_added_with_max_relocate_2', async () => {
    await goTo(page, 'HA');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    const dialog = page.getByRole('dialog', { name: 'Add: Resource' });
    await dialog.getByLabel('VM/CT').selectOption('ct:100');
    await dialog.getByLabel('Max. Relocate').fill('2');
    await dialog.getByRole('button', { name: 'Add' }).click();
    await dialog.waitFor({ state: 'detached' });
    await row(page, 'Resources', /ct:100 started node1 \S+ started 1 2/).waitFor(patient);
});

test('all_pages_fit_and_have_no_barriers', async () => {
    for (const place of ['Summary', 'Cluster', 'HA', 'Map', 'Timeline', 'Affinity Rules', 'Fencing', 'Guests', 'Storage', 'Tasks', 'Permissions']) {
        await goTo(page, place);
        await page.getByText('Loading…').first().waitFor({ state: 'detached' });
        assert.ok(await overflow(page) <= 0, place);
        assert.deepEqual(await findBarriers(page), [], place);
        assert.deepEqual(await page.getByRole('alert').allTextContents(), [], place);
    }
});

test('node_without_power_is_followed_to_recovery', async () => {
    await goTo(page, 'Map');
    await page.getByRole('button', { name: 'As a table' }).click();
    await row(page, 'Map', /^node1.*online.*ct:100 started/).waitFor(patient);
    nodeTool('power-off', 'node1');
    await row(page, 'Map', /^node1 not heard of silent for .* ct:100/).waitFor(patient);
    await row(page, 'Map', /^node[23].*ct:100 started/).waitFor(patient);
    await row(page, 'Map', /^node1 off: its lease has ended/).waitFor(patient);
    await goTo(page, 'Timeline');
    await row(page, 'Failovers', /ct:100 node1 node[23] its lease has ended/).waitFor(patient);
    await page.getByRole('button', { name: 'Last failover' }).click();
    await page.getByText('so far').waitFor({ ...patient, state: 'detached' });
    const [failover] = await row(page, 'Failovers', /ct:100/).allTextContents();
    console.log(`# ${failover}`);
    await goTo(page, 'Summary');
    await page.getByText('Nodes: 2 online, 1 offline').waitFor(patient);
    assert.deepEqual(await findBarriers(page), []);
});

test('console_has_no_errors', () => assert.deepEqual(page.problems, []));
