// SPDX-License-Identifier: Apache-2.0
// Makes the pictures of docs/dashboard.md anew, from a made-up cluster in which a node is lost.
//     HA_DASHBOARD=BUILD/api/dashboard HA_BROWSER_PACKAGES=DIR node screenshots.mjs FOLDER
import path from 'node:path';
import { goTo, logIn, openBrowser, openPage } from './browser.mjs';
import { Fixture } from './fixture.mjs';
import { World } from './world.mjs';

const folder = process.argv[2];
const guest = (sid, name, node, more = {}) => ({ sid, name, node, ...more });
const world = new World({
    local: 'node2', leaseMs: 6000, nodes: ['node1', 'node2', 'node3', 'node4'],
    guests: [guest('ct:100', 'web', 'node1'), guest('ct:101', 'db', 'node1'), guest('ct:102', 'mail', 'node2'), guest('vm:103', 'erp', 'node3'),
        guest('ct:104', 'cache', 'node3'), guest('ct:105', 'build', 'node4'), guest('vm:106', 'files', 'node4'),
        guest('ct:107', 'test', 'node2', { status: 'stopped' })],
    services: ['ct:100', 'ct:101', 'ct:102', 'vm:103', 'ct:104', 'ct:105', 'vm:106'].map((sid) => ({ sid })),
});
const fixture = await new Fixture(world, process.env.HA_DASHBOARD).start();
const browser = await openBrowser();
const view = { viewport: { width: 1280, height: 800 } };
const light = await openPage(browser, { ...view, colorScheme: 'light' });
await logIn(light, fixture.url, 'secret');
const dark = await openPage(browser, { ...view, colorScheme: 'dark' });
await logIn(dark, fixture.url, 'secret');
await goTo(dark, 'Timeline');
world.change('POST', '/cluster/ha/resources/vm:106/migrate', { node: 'node3' });
await light.waitForTimeout(1900);
world.task('vzstart', '105', 'node4');
world.task('vzshutdown', '107', 'node2');
world.powerOff('node1');
await light.waitForTimeout(2200);
world.change('POST', '/cluster/ha/resources/ct:104/relocate', { node: 'node4' });
await light.waitForTimeout(600);
await light.screenshot({ path: path.join(folder, 'dashboard-light.png') });
await light.waitForTimeout(5500);
await dark.getByRole('button', { name: 'Last failover' }).click();
await dark.waitForTimeout(400);
await dark.screenshot({ path: path.join(folder, 'dashboard-dark.png') });
await browser.close();
fixture.stop();
