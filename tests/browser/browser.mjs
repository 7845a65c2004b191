// SPDX-License-Identifier: Apache-2.0
// Chromium for the tests: one browser, a page with everything that goes wrong on it noted, and axe's opinion of it.
// The packages are fetched by npm as package-lock.json pins them, into HA_BROWSER_PACKAGES, once.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

export const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const here = import.meta.dirname;
const packages = process.env.HA_BROWSER_PACKAGES ?? '';
const load = packages === '' ? null : createRequire(path.join(packages, 'package.json'));

function fetchPackages() {
    const lock = fs.readFileSync(path.join(here, 'package-lock.json'));
    const stamp = path.join(packages, 'fetched-lock.json');
    if (fs.existsSync(stamp) && fs.readFileSync(stamp).equals(lock)) return;
    fs.mkdirSync(packages, { recursive: true });
    for (const name of ['package.json', 'package-lock.json']) fs.copyFileSync(path.join(here, name), path.join(packages, name));
    execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline',
        '--fetch-retries=1', '--fetch-timeout=30000'],
        { cwd: packages, stdio: ['ignore', 'ignore', 'pipe'], timeout: 120000 });
    fs.writeFileSync(stamp, lock);
}

// Why these tests cannot run here, or false.
export function whySkip() {
    if (!fs.existsSync(CHROMIUM)) return `${CHROMIUM} is not installed (tools/setup dashboard)`;
    if (!load) return 'HA_BROWSER_PACKAGES is not set';
    try {
        fetchPackages();
    } catch (problem) {
        return `npm cannot fetch playwright-core: ${String(problem.stderr ?? problem.message).trim().split('\n')[0]}`;
    }
    return false;
}

export async function openBrowser() {
    const { chromium } = load('playwright-core');
    return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
        '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
}

// expected: what may stand on the console, such as the browser's own word of a call that was refused on purpose.
export async function openPage(browser, options = {}, expected = []) {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1360, height: 860 }, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(20000);
    page.problems = [];
    const isExpected = (text) => expected.some((pattern) => pattern.test(text));
    page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type()) && !isExpected(message.text())) page.problems.push(message.text());
    });
    page.on('pageerror', (error) => page.problems.push(String(error.stack ?? error)));
    return page;
}

export async function logIn(page, url, password, user = 'root') {
    await page.goto(url);
    await page.getByLabel('User name').fill(user);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Login' }).click();
    await page.getByRole('heading', { name: 'Datacenter' }).waitFor();
}

export async function goTo(page, name) {
    const menu = page.getByRole('button', { name: 'Menu' });
    if (await menu.isVisible() && await menu.getAttribute('aria-expanded') === 'false') await menu.click();
    await page.getByRole('navigation', { name: 'Datacenter' }).getByRole('link', { name, exact: true }).click();
    await page.getByRole('heading', { name, level: 2, exact: true }).waitFor();
}

// axe's findings that hinder people: [text]. The page must be at rest.
export async function findBarriers(page) {
    const source = fs.readFileSync(load.resolve('axe-core/axe.min.js'), 'utf8');
    await page.evaluate(source); // by the debugger, which the page's policy does not bind
    const results = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    return results.violations.filter((violation) => ['serious', 'critical'].includes(violation.impact))
        .flatMap((violation) => violation.nodes.map((node) => `${violation.id}: ${node.html.slice(0, 160)} ${
            node.any.map((check) => check.message).join('; ')}`));
}

// How many pixels the page is wider than its window.
export const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

// Waits until a condition that the test can look at holds.
export async function waitFor(what, condition, milliseconds = 20000) {
    const end = Date.now() + milliseconds;
    for (;;) {
        if (await condition()) return;
        if (Date.now() > end) throw new Error(`waited in vain for: ${what}`);
        await new Promise((done) => { setTimeout(done, 100); });
    }
}
