// SPDX-License-Identifier: Apache-2.0
// The dashboard in a browser, against a made-up cluster. Everything is found by role and name, as people and screen
// readers find it.
//     HA_DASHBOARD=BUILD/api/dashboard HA_BROWSER_PACKAGES=BUILD/tests/browser/packages node test_pages.mjs
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { findBarriers, goTo, logIn, openBrowser, openPage, overflow, waitFor, whySkip } from './browser.mjs';
import { Fixture } from './fixture.mjs';
import { World } from './world.mjs';

const skip = whySkip() || (fs.statSync(path.join(process.env.HA_DASHBOARD, 'preact.js')).size === 0
    && 'the dashboard was built without its libraries');
const PAGES = ['Summary', 'Cluster', 'HA', 'Map', 'Timeline', 'Affinity Rules', 'Fencing', 'Guests', 'Storage', 'Tasks', 'Permissions'];
const REFUSED = /Failed to load resource: the server responded with a status of (401|500|503|400|595)/;

let browser;
before(async () => { if (!skip) browser = await openBrowser(); });
after(async () => { await browser?.close(); });

const farm = () => new World({
    nodes: ['node1', 'node2', 'node3'],
    guests: [{ sid: 'ct:100', name: 'web', node: 'node1' }, { sid: 'ct:101', name: 'db', node: 'node1' }, { sid: 'vm:103', name: 'win', node: 'node3' },
        { sid: 'ct:105', name: 'build', node: 'node2', status: 'stopped' }],
    services: [{ sid: 'ct:101' }, { sid: 'vm:103' }],
});

// One test with a server and a page of its own.
function pageTest(name, options, work) {
    test(name, { skip }, async () => {
        const fixture = await new Fixture((options.world ?? farm)(), process.env.HA_DASHBOARD).start();
        const page = await openPage(browser, options.context, options.expected);
        try {
            if (!options.isLoggedOut) await logIn(page, fixture.url, 'secret');
            await work(page, fixture, fixture.world);
            assert.deepEqual(page.problems, []);
        } finally {
            await page.context().close();
            fixture.stop();
        }
    });
}

const row = (page, table, name) => page.getByRole('table', { name: table, exact: true }).getByRole('row', { name });

pageTest('login_with_wrong_password_says_so_and_right_one_enters', { isLoggedOut: true, expected: [REFUSED] }, async (page, fixture) => {
    await page.goto(fixture.url);
    await page.getByLabel('Password').fill('wrong');
    await page.getByRole('button', { name: 'Login' }).click();
    await page.getByRole('alert').getByText('Login failed').waitFor();
    assert.deepEqual(await findBarriers(page), []);
    await logIn(page, fixture.url, 'secret');
    const [cookie] = await page.context().cookies();
    assert.deepEqual([cookie.name, cookie.secure, cookie.sameSite], ['PVEAuthCookie', true, 'Lax']);
});

pageTest('reload_stays_logged_in_and_logout_ends_it', {}, async (page) => {
    await page.reload();
    await page.getByRole('heading', { name: 'Datacenter' }).waitFor();
    await page.getByRole('button', { name: 'Logout' }).click();
    await page.getByRole('button', { name: 'Login' }).waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'Login' }).waitFor();
});

for (const [name, context] of [
    ['light', { colorScheme: 'light' }], ['dark', { colorScheme: 'dark' }],
    ['phone', { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true }],
]) {
    pageTest(`all_pages_on_${name}_fit_and_have_no_barriers`, { context, world: () => {
        const world = farm();
        world.entry('node1/crm', 'fence-begin', { node: 'node3' }, Date.now() / 1000 - 40);
        world.task('vzstart', '100', 'node1');
        return world;
    } }, async (page) => {
        for (const place of PAGES) {
            await goTo(page, place);
            await page.getByText('Loading…').first().waitFor({ state: 'detached' });
            assert.ok(await overflow(page) <= 0, `${place} is wider than its window by ${await overflow(page)}`);
            assert.deepEqual(await findBarriers(page), [], place);
        }
    });
}

pageTest('summary_and_ha_have_the_tables_that_people_know', {}, async (page) => {
    await page.getByText('Cluster: farm, Quorate: Yes').waitFor();
    await row(page, 'Nodes', /node3.*Yes.*10\.77\.0\.3/).waitFor();
    await goTo(page, 'HA');
    await row(page, 'Status', /quorum OK/).waitFor();
    await row(page, 'Status', /master node1 \(active/).waitFor();
    const head = page.getByRole('table', { name: 'Resources' }).getByRole('columnheader');
    const names = await head.allTextContents();
    for (const name of ['ID', 'State', 'Node', 'Name', 'Max. Restart', 'Max. Relocate', 'Failback', 'Description']) assert.ok(names.includes(name), name);
});

pageTest('resource_is_added_edited_moved_and_removed', {}, async (page, fixture, world) => {
    await goTo(page, 'HA');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    const dialog = page.getByRole('dialog', { name: 'Add: Resource' });
    await dialog.getByLabel('VM/CT').selectOption('ct:100');
    await dialog.getByLabel('Max. Relocate').fill('2');
    assert.deepEqual(await findBarriers(page), []);
    await dialog.getByRole('button', { name: 'Add' }).click();
    await dialog.waitFor({ state: 'detached' });
    await row(page, 'Resources', /ct:100 started node1 web started 1 2/).waitFor();
    assert.equal(world.services.get('ct:100').max_relocate, 2);

    await row(page, 'Resources', /ct:100/).click();
    await page.getByRole('button', { name: 'Edit' }).click();
    await page.getByRole('dialog').getByLabel('Comment').fill('front end');
    await page.getByRole('dialog').getByRole('button', { name: 'OK' }).click();
    await row(page, 'Resources', /ct:100.*front end/).waitFor();

    await page.getByRole('button', { name: 'Migrate' }).click();
    await page.getByRole('dialog').getByLabel('Target node').selectOption('node2');
    await page.getByRole('dialog').getByRole('button', { name: 'Migrate' }).click();
    await row(page, 'Resources', /ct:100 relocate.*node1 to node2/).waitFor();
    await row(page, 'Resources', /ct:100 started node2/).waitFor();

    await page.getByRole('button', { name: 'Remove' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await row(page, 'Resources', /ct:100/).waitFor({ state: 'detached' });
    assert.ok(fixture.requests.includes('DELETE /cluster/ha/resources/ct:100'));
});

pageTest('dialog_is_used_by_keyboard_alone', {}, async (page, fixture, world) => {
    await goTo(page, 'HA');
    const edit = page.getByRole('button', { name: 'Edit' });
    await page.getByRole('radio', { name: 'Select ct:101' }).focus();
    await page.keyboard.press('Space');
    await edit.focus();
    await page.keyboard.press('Enter');
    const restart = page.getByRole('dialog').getByLabel('Max. Restart');
    await waitFor('the first field has the focus', () => restart.evaluate((field) => field === document.activeElement));
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.ok(await edit.evaluate((button) => button === document.activeElement), 'the focus is back');
    await page.keyboard.press('Enter');
    await page.keyboard.type('3'); // the number is not selected: 31 is not allowed
    assert.ok(await page.getByRole('dialog').getByRole('button', { name: 'OK' }).isDisabled());
    await restart.fill('3');
    await page.keyboard.press('Enter');
    await waitFor('the change has arrived', () => String(world.services.get('ct:101').max_restart) === '3');
});

pageTest('refusal_is_shown_where_it_happened_in_the_servers_words', { expected: [REFUSED] }, async (page, fixture, world) => {
    await goTo(page, 'HA');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('VM/CT').selectOption('ct:100');
    world.addResource = () => { throw Object.assign(new Error('Parameter verification failed.'), { status: 400, errors: { max_restart: 'no more today', sid2: 'odd' } }); };
    await dialog.getByRole('button', { name: 'Add' }).click();
    await dialog.getByRole('alert').getByText('Parameter verification failed.').waitFor();
    await dialog.getByText('no more today').waitFor();
    assert.equal(await dialog.getByLabel('Max. Restart').getAttribute('aria-invalid'), 'true');
});

pageTest('node_off_is_followed_from_countdown_to_recovery', {}, async (page, fixture, world) => {
    world.change('POST', '/cluster/ha/resources', { sid: 'ct:100', max_relocate: '2' });
    await goTo(page, 'Map');
    await page.getByRole('button', { name: 'As a table' }).click();
    await row(page, 'Map', /node1 \(master\) online lease held.*ct:100 started/).waitFor();
    world.powerOff('node1');
    await row(page, 'Map', /node1 not heard of silent for \d+ s? ?\S* \d/).waitFor();
    await row(page, 'Map', /node2 \(master\).*ct:100 started/).waitFor();
    await row(page, 'Map', /node1 off: its lease has ended/).waitFor();
    await page.getByText(/node1 is fenced, by lease|is recovered from node1/).first().waitFor({ state: 'attached' }); // read out
    await goTo(page, 'Timeline');
    await row(page, 'Failovers', /ct:100 node1 node2 its lease has ended.*\d s$/).waitFor({ state: 'visible' }).catch(() => {});
    await row(page, 'Failovers', /ct:100 node1 node2 its lease has ended/).waitFor();
    await row(page, 'Events', /ct:100 is recovered from node1 to node2/).waitFor();
    await page.getByRole('button', { name: 'Last failover' }).click();
    await goTo(page, 'Summary');
    await page.getByText('Nodes: 2 online, 1 offline').waitFor();
    await row(page, 'Last failovers', /ct:100/).waitFor();
});

pageTest('page_goes_on_by_polling_when_the_stream_breaks', { expected: [REFUSED, /ERR_|EventSource/] }, async (page, fixture, world) => {
    await page.getByRole('status').getByText('Live').waitFor();
    fixture.breakStream();
    await page.getByRole('status').getByText('Polling').waitFor();
    world.node('node3').isOnline = false;
    await page.getByText('Nodes: 2 online, 1 offline').waitFor();
});

pageTest('guest_is_shut_down_and_its_task_can_be_read', {}, async (page) => {
    await goTo(page, 'Guests');
    await row(page, 'Guests', /ct:100/).click();
    assert.ok(await page.getByRole('button', { name: 'Start' }).isDisabled());
    await page.getByRole('button', { name: 'Shutdown' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Shutdown' }).click();
    await row(page, 'Guests', /ct:100 web Container node1 stopped/).waitFor();
    await page.getByRole('button', { name: 'Show log' }).click();
    const viewer = page.getByRole('dialog', { name: /Task viewer: CT 100: Shutdown/ });
    await viewer.getByRole('log', { name: 'Output' }).getByText('TASK OK').waitFor();
    assert.deepEqual(await findBarriers(page), []);
    await viewer.getByRole('button', { name: 'Close' }).click();
    await goTo(page, 'Tasks');
    await row(page, 'Tasks', /CT 100: Shutdown OK/).waitFor();
});

pageTest('guest_and_node_have_pages_of_their_own', {}, async (page) => {
    await page.getByRole('link', { name: /101 \(db\)/ }).click();
    await page.getByRole('heading', { name: 'Container 101 (db) on node node1' }).waitFor();
    await page.getByText('hostname').waitFor();
    assert.deepEqual(await findBarriers(page), []);
    await page.getByRole('navigation').getByRole('link', { name: /node3/ }).click();
    await page.getByRole('heading', { name: 'Node node3' }).waitFor();
    await row(page, 'Guests', /vm:103/).waitFor();
    assert.deepEqual(await findBarriers(page), []);
});

pageTest('long_table_is_filtered', { world: () => new World({ nodes: ['node1', 'node2'],
    guests: Array.from({ length: 40 }, (_, i) => ({ sid: `ct:${200 + i}`, name: i % 10 === 3 ? `web${i}` : `db${i}`, node: i % 2 ? 'node1' : 'node2' })) }) }, async (page) => {
    await goTo(page, 'Guests');
    await page.getByLabel('Filter').fill('web node1');
    await page.getByText('4 of 40').waitFor();
    await row(page, 'Guests', /ct:213 web13/).waitFor();
    assert.equal(await row(page, 'Guests', /ct:/).count(), 4);
    assert.deepEqual(await findBarriers(page), []);
});

pageTest('maintenance_and_disarming_ask_first', {}, async (page, fixture, world) => {
    await goTo(page, 'HA');
    await page.getByRole('button', { name: 'Enter maintenance: node1' }).click();
    await page.getByRole('dialog').getByText(/1 service will move.*ct:101/s).waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Enter maintenance' }).click();
    await row(page, 'Maintenance', /node1 maintenance/).waitFor();
    await page.getByRole('button', { name: 'Disarm HA' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Disarm HA' }).click();
    await page.getByText(/HA is disarmed: no node is fenced/).waitFor();
    assert.equal(world.armed, 'disarmed');
});

pageTest('third_node_joins_by_the_string_that_was_copied', { context: { permissions: ['clipboard-read', 'clipboard-write'] } }, async (page) => {
    await goTo(page, 'Cluster');
    await page.getByRole('button', { name: 'Join Information' }).click();
    await page.getByRole('button', { name: 'Copy Information' }).click();
    const text = await page.evaluate(() => navigator.clipboard.readText());
    const fixture = await new Fixture(new World({ local: 'node3', nodes: ['node1', 'node2', 'node3'], isStandalone: true }), process.env.HA_DASHBOARD).start();
    const other = await openPage(browser, {}, [REFUSED]);
    try {
        await logIn(other, fixture.url, 'secret');
        await other.getByText('Standalone node – no cluster defined').waitFor();
        await goTo(other, 'Cluster');
        assert.ok(await other.getByRole('button', { name: 'Join Information' }).isDisabled());
        await other.getByRole('button', { name: 'Join Cluster' }).click();
        const dialog = other.getByRole('dialog', { name: 'Cluster Join' });
        await dialog.getByLabel('Information').fill('nonsense');
        await dialog.getByText('this is not join information').waitFor();
        await dialog.getByLabel('Information').fill(text);
        assert.equal(await dialog.getByLabel('Peer Address').inputValue(), '10.77.0.2');
        await dialog.getByLabel('Password').fill('wrong');
        await dialog.getByRole('button', { name: "Join 'farm'" }).click();
        await dialog.getByRole('alert').getByText('10.77.0.2: authentication failure').waitFor();
        assert.deepEqual(await findBarriers(other), []);
        await dialog.getByLabel('Password').fill('peer-secret');
        await dialog.getByRole('button', { name: "Join 'farm'" }).click();
        await other.getByRole('dialog', { name: /Task viewer: Join cluster/ }).getByText('TASK OK').waitFor();
        await other.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
        await row(other, 'Nodes', /node3 3 1 10\.77\.0\.3/).waitFor();
        assert.deepEqual(other.problems, []);
    } finally {
        await other.context().close();
        fixture.stop();
    }
});

const AUDITOR = { '/': { 'Sys.Audit': 1, 'VM.Audit': 1, 'Datastore.Audit': 1 } };

pageTest('auditor_sees_all_and_can_press_nothing_that_changes', { world: () => Object.assign(farm(), { user: 'watch@pam', permissions: AUDITOR }) },
    async (page, fixture, world) => {
        const cannot = async (name, words) => {
            const button = page.getByRole('button', { name, exact: true });
            await waitFor(`${name} is disabled`, () => button.first().isDisabled());
            for (const one of await button.all()) {
                assert.ok(await one.isDisabled(), name);
                assert.equal(await one.getAttribute('title'), words, name);
            }
        };
        await goTo(page, 'HA');
        await row(page, 'Resources', /ct:101/).click();
        for (const name of ['Arm HA', 'Disarm HA', 'Add', 'Edit', 'Remove', 'Migrate', 'Enter maintenance: node1']) {
            await cannot(name, 'You need the right Sys.Console on /.');
        }
        await row(page, 'Resources', /ct:101/).dblclick();
        assert.equal(await page.getByRole('dialog').count(), 0);
        assert.deepEqual(await findBarriers(page), []);
        await goTo(page, 'Affinity Rules');
        await cannot('Add', 'You need the right Sys.Console on /.');
        await goTo(page, 'Guests');
        await row(page, 'Guests', /ct:100/).click();
        for (const name of ['Start', 'Shutdown', 'Stop', 'Reboot']) await cannot(name, 'You need the right VM.PowerMgmt on /vms/100.');
        await cannot('Migrate', 'You need the right VM.Migrate on /vms/100.');
        await goTo(page, 'Cluster');
        await cannot('Create Cluster', 'Only root@pam may do this.');
        assert.ok(await page.getByRole('button', { name: 'Join Information' }).isEnabled());
        // A right that is given is used at once.
        world.permissions = { ...AUDITOR, '/vms/100': { 'VM.Audit': 1, 'VM.PowerMgmt': 1 } };
        world.entry('node1/tool', 'permission-changed', { kind: 'acl', name: '/vms/100', what: 'changed', user: 'root@pam' });
        await goTo(page, 'Guests');
        await row(page, 'Guests', /ct:100/).click();
        await waitFor('Shutdown is enabled', () => page.getByRole('button', { name: 'Shutdown' }).isEnabled());
        assert.ok(await page.getByRole('button', { name: 'Start' }).isDisabled()); // it runs
        await cannot('Migrate', 'You need the right VM.Migrate on /vms/100.');
        await row(page, 'Guests', /ct:101/).click();
        await cannot('Shutdown', 'You need the right VM.PowerMgmt on /vms/101.');
        assert.deepEqual(fixture.requests.filter((request) => !request.startsWith('GET')), ['POST /access/ticket']);
    });

pageTest('colours_are_switched_and_remembered', { context: { colorScheme: 'light' } }, async (page) => {
    const back = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const light = await back();
    await page.getByRole('button', { name: 'Dark' }).click();
    const dark = await back();
    assert.notEqual(dark, light);
    await page.reload();
    await page.getByRole('heading', { name: 'Datacenter' }).waitFor();
    assert.equal(await back(), dark);
});
