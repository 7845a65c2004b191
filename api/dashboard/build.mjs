// SPDX-License-Identifier: Apache-2.0
// Makes the dashboard's files: copies ours, fetches the two libraries that package-lock.json pins (by npm, which
// checks their digests), turns their names into paths, and packs everything once more with gzip, so that ha-apid only
// has to send files. Nothing is bundled or minified: what the browser runs is what stands in the tree.
//
//     node build.mjs --source DIR --output DIR --work DIR [--required] FILE…
//
// Without --required a machine on which the libraries cannot be had gets a page that says so, and the build goes on.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import zlib from 'node:zlib';

const { values: options, positionals: files } = parseArgs({
    allowPositionals: true,
    options: {
        source: { type: 'string' },
        output: { type: 'string' },
        work: { type: 'string' },
        required: { type: 'boolean', default: false },
    },
});

// Output, where npm puts it.
const LIBRARIES = {
    'preact.js': 'preact/dist/preact.mjs',
    'hooks.js': 'preact/hooks/dist/hooks.mjs',
    'htm.js': 'htm/dist/htm.mjs',
};
const LICENCES = { htm: 'htm/LICENSE', preact: 'preact/LICENSE' };
const PATHS = { preact: './preact.js', 'preact/hooks': './hooks.js', htm: './htm.js' };

function fetchLibraries() {
    const lock = fs.readFileSync(path.join(options.source, 'package-lock.json'));
    const stamp = path.join(options.work, 'fetched-lock.json');
    if (fs.existsSync(stamp) && fs.readFileSync(stamp).equals(lock)) return;
    fs.mkdirSync(options.work, { recursive: true });
    for (const name of ['package.json', 'package-lock.json']) {
        fs.copyFileSync(path.join(options.source, name), path.join(options.work, name));
    }
    execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline',
        '--fetch-retries=1', '--fetch-timeout=30000'],
        { cwd: options.work, stdio: ['ignore', 'pipe', 'pipe'], timeout: 120000 });
    fs.copyFileSync(path.join(options.work, 'package-lock.json'), stamp);
}

function module(name) {
    return fs.readFileSync(path.join(options.work, 'node_modules', name), 'utf8');
}

function library(name) {
    return module(LIBRARIES[name])
        .replace(/\bfrom\s*(["'])([^"'.][^"']*)\1/g, (whole, quote, from) => {
            if (!PATHS[from]) throw new Error(`${name} needs '${from}', which is not shipped`);
            return `from ${quote}${PATHS[from]}${quote}`;
        })
        .replace(/\n?\/\/# sourceMappingURL=.*\n?$/, '\n');
}

function licences() {
    const parts = Object.entries(LICENCES).map(([name, file]) => {
        const version = JSON.parse(module(`${name}/package.json`)).version;
        return `${name} ${version}\n${'='.repeat(name.length + version.length + 1)}\n\n${module(file).trim()}\n`;
    });
    return `The dashboard ships these libraries, unchanged but for the paths of their imports.\n\n${parts.join('\n\n')}`;
}

const NOT_BUILT = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>ha-manager</title>
<h1>The dashboard is not part of this build</h1>
<p>Its libraries could not be fetched when ha-manager was built. The API and the command line work without it.
Build again with npm and its registry in reach; <code>-Ddashboard=enabled</code> makes this an error.</p>
</html>
`;

function content(name, isComplete) {
    if (name === 'licences.txt') return isComplete ? licences() : '';
    if (LIBRARIES[name]) return isComplete ? library(name) : '';
    if (name === 'index.html' && !isComplete) return NOT_BUILT;
    return fs.readFileSync(path.join(options.source, name));
}

let isComplete = true;
try {
    fetchLibraries();
} catch (problem) {
    isComplete = false;
    const words = String(problem.stderr ?? '').trim().split('\n').slice(0, 3).join('\n') || problem.message;
    console.error(`dashboard: npm could not fetch its libraries:\n${words}`);
    if (options.required) process.exit(1);
    console.error('dashboard: goes on without it (-Ddashboard=enabled makes this an error)');
}
fs.mkdirSync(options.output, { recursive: true });
for (const name of files) {
    const bytes = Buffer.from(content(name, isComplete));
    fs.writeFileSync(path.join(options.output, name), bytes);
    fs.writeFileSync(path.join(options.output, `${name}.gz`), zlib.gzipSync(bytes, { level: 9 }));
}
