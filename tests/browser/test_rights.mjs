// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test from 'node:test';
import { CHANGE_HA, MOVE_GUEST, ROOT, isAllowed, lack } from '../../api/dashboard/rights.js';

const PERMISSIONS = {
    '/': { 'Sys.Audit': 1, 'VM.Audit': 1 },
    '/vms': { 'VM.Audit': 1, 'VM.PowerMgmt': 1, 'VM.Migrate': 0 },
    '/vms/100': { 'VM.Audit': 0, 'VM.Migrate': 0 },
};

test('nearest_path_that_says_something_counts', () => {
    const rows = [
        ['/', 'Sys.Audit', true], ['/', 'Sys.Console', false], ['/nodes/node1', 'Sys.Audit', true],
        ['/vms/101', 'VM.PowerMgmt', true], ['/vms/100', 'VM.PowerMgmt', false],
        ['/vms', 'VM.Migrate', true], ['/vms/101', 'VM.Migrate', false], // it does not hold below
        ['/vms/100', 'VM.Migrate', true], ['/vms/1000', 'VM.PowerMgmt', true], ['/vms/101', 'Sys.Audit', false],
    ];
    for (const [path, privilege, expected] of rows) {
        assert.equal(isAllowed(PERMISSIONS, path, privilege), expected, `${path} ${privilege}`);
    }
    assert.equal(isAllowed({}, '/vms/100', 'VM.Audit'), false);
});

test('what_is_missing_is_named_and_nothing_while_nothing_is_known', () => {
    assert.equal(lack(PERMISSIONS, 'ann@pve', CHANGE_HA), 'You need the right Sys.Console on /.');
    assert.equal(lack(PERMISSIONS, 'ann@pve', MOVE_GUEST(101)), 'You need the right VM.Migrate on /vms/101.');
    assert.equal(lack(PERMISSIONS, 'ann@pve', MOVE_GUEST(100)), '');
    assert.equal(lack(PERMISSIONS, 'ann@pve', undefined), '');
    assert.equal(lack(undefined, 'ann@pve', CHANGE_HA), '');
    assert.equal(lack(PERMISSIONS, 'ann@pve', ROOT), 'Only root@pam may do this.');
    assert.equal(lack(PERMISSIONS, ROOT, ROOT), '');
});
