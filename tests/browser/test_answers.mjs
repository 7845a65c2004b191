// SPDX-License-Identifier: Apache-2.0
// What if, and why, in a browser, against made-up answers.
//     HA_DASHBOARD=BUILD/api/dashboard HA_BROWSER_PACKAGES=BUILD/tests/browser/packages node test_answers.mjs
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { findBarriers, goTo, logIn, openBrowser, openPage, overflow, whySkip } from './browser.mjs';
import { Fixture, refuse } from './fixture.mjs';
import { World } from './world.mjs';

const skip = whySkip() || (fs.statSync(path.join(process.env.HA_DASHBOARD, 'preact.js')).size === 0
    && 'the dashboard was built without its libraries');
const MIB = 1024 ** 2;

let browser;
before(async () => { if (!skip) browser = await openBrowser(); });
after(async () => { await browser?.close(); });

// A cluster that answers these two questions, and notes what it was asked.
class AskedWorld extends World {
    asked = [];

    read(name, parameters) {
        if (name === '/cluster/ha/what-if') return this.whatIf(parameters);
        if (name === '/cluster/ha/resources/ct:101/why') {
            return { sid: 'ct:101', words: ['It is wanted to run.', 'It runs on node1.'], history: [{}], rules: [],
                places: [{ node: 'node1', rank: 1, words: 'choice 1' }, { node: 'node2', rank: 0, words: 'its state is maintenance' }] };
        }
        if (name === '/cluster/ha/resources/vm:103/why') refuse(500, 'the store cannot be read');
        return super.read(name, parameters);
    }

    whatIf(parameters) {
        this.asked.push(parameters);
        const isKept = parameters.lose !== 'node1,node2';
        return {
            words: [isKept ? 'The quorum stays: 2 of 3 votes are left, 2 are needed.' : 'The quorum is lost.'], settled: true, bound: 6.5,
            quorum: { votes: 3, votes_left: 2, votes_needed: 2, kept: isKept, forced: false },
            services: [{ sid: 'ct:101', from: 'node1', to: 'node3', state: 'started', ran: true, runs: true, seconds: 6 },
                { sid: 'vm:103', from: 'node1', state: 'recovery', ran: true, runs: false, reason: 'node3: storage \'disk\' is not there' }],
            nodes: [{ node: 'node1', services: 2, services_after: 0, memory: 512 * MIB, memory_after: 0, memory_max: 4096 * MIB },
                { node: 'node3', services: 0, services_after: 1, memory: 0, memory_after: 256 * MIB }],
        };
    }
}

const farm = () => new AskedWorld({
    nodes: ['node1', 'node2', 'node3'],
    guests: [{ sid: 'ct:101', name: 'db', node: 'node1' }, { sid: 'vm:103', name: 'win', node: 'node3' }],
    services: [{ sid: 'ct:101' }, { sid: 'vm:103' }],
});

function pageTest(name, options, work) {
    test(name, { skip }, async () => {
        const fixture = await new Fixture(farm(), process.env.HA_DASHBOARD).start();
        const page = await openPage(browser, options.context, options.expected);
        try {
            await logIn(page, fixture.url, 'secret');
            await goTo(page, 'HA');
            await work(page, fixture.world);
            assert.deepEqual(page.problems, []);
        } finally {
            await page.context().close();
            fixture.stop();
        }
    });
}

for (const [name, context] of [['light', { colorScheme: 'light' }], ['dark', { colorScheme: 'dark' }],
    ['phone', { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true }]]) {
    pageTest(`what_if_on_${name}_shows_who_goes_where`, { context }, async (page, world) => {
        const panel = page.getByRole('region', { name: 'What if' });
        assert.equal(await panel.getByRole('button', { name: 'Ask' }).isDisabled(), true);
        await panel.getByRole('checkbox', { name: 'node1' }).check();
        await panel.getByRole('button', { name: 'Ask' }).click();
        await panel.getByText('The quorum stays: 2 of 3 votes are left, 2 are needed.').waitFor();
        const rows = panel.getByRole('table', { name: 'Services that would change' });
        await rows.getByRole('row', { name: /ct:101 (node1 )?node3 runs 6\.0 s/ }).waitFor();
        await rows.getByRole('row', { name: /vm:103 (node1 )?nowhere does not run.*storage 'disk' is not there/ }).waitFor();
        await panel.getByRole('table', { name: 'Nodes before and after' })
            .getByRole('row', { name: /node1 2 0/ }).waitFor();
        assert.deepEqual(world.asked, [{ lose: 'node1' }]);
        assert.deepEqual(await findBarriers(page), []);
        assert.equal(await overflow(page), 0);
    });
}

pageTest('what_if_asks_for_each_kind_and_forgets_the_last_answer', {}, async (page, world) => {
    const panel = page.getByRole('region', { name: 'What if' });
    await panel.getByRole('checkbox', { name: 'node1' }).check();
    await panel.getByRole('checkbox', { name: 'node2' }).check();
    await panel.getByRole('button', { name: 'Ask' }).click();
    await panel.getByText('The quorum would be lost.').waitFor();
    await panel.getByLabel('What happens').selectOption('expected');
    assert.equal(await panel.getByRole('table').count(), 0);
    await panel.getByRole('button', { name: 'Ask' }).click();
    await panel.getByRole('table').first().waitFor();
    await panel.getByLabel('What happens').selectOption('maintenance');
    await panel.getByRole('button', { name: 'Ask' }).click();
    await panel.getByRole('table').first().waitFor();
    assert.deepEqual(world.asked, [{ lose: 'node1,node2' }, { lose: 'node1,node2', expected: '1' }, { maintenance: 'node1,node2' }]);
});

pageTest('why_shows_sentences_and_places', {}, async (page) => {
    await page.getByRole('radio', { name: 'Select ct:101' }).check();
    await page.getByRole('button', { name: 'Why' }).click();
    const dialog = page.getByRole('dialog', { name: 'Why: ct:101 db' });
    await dialog.getByText('It runs on node1.').waitFor();
    await dialog.getByRole('row', { name: 'node2 its state is maintenance' }).waitFor();
    assert.deepEqual(await findBarriers(page), []);
    await dialog.getByRole('button', { name: 'Close' }).click();
    await dialog.waitFor({ state: 'detached' });
});

pageTest('why_is_asked_on_the_guests_page_too', {}, async (page) => {
    await page.goto(`${page.url().split('#')[0]}#/guest/ct:101`);
    await page.getByRole('button', { name: 'Why' }).click();
    const dialog = page.getByRole('dialog', { name: 'Why: ct:101 db' });
    await dialog.getByText('It runs on node1.').waitFor();
    assert.deepEqual(await findBarriers(page), []);
});

pageTest('why_that_cannot_be_answered_says_so', { expected: [/status of 500/] }, async (page) => {
    await page.getByRole('radio', { name: 'Select vm:103' }).check();
    await page.getByRole('button', { name: 'Why' }).click();
    await page.getByRole('alert').getByText('the store cannot be read').waitFor();
});
