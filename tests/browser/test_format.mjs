// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test from 'node:test';
import { bytes, compareNames, countdown, duration, percent, shareOf, shorten, uptime } from '../../api/dashboard/format.js';

const rows = (name, of, table) => test(name, () => {
    for (const [input, expected] of table) assert.equal(of(...[].concat(input)), expected, `of ${input}`);
});

rows('bytes_of_any_size_have_a_fitting_unit', bytes, [[0, '0 B'], [1023, '1023 B'], [1024, '1.00 KiB'], [1536 * 1024, '1.50 MiB'],
    [34359738368, '32.0 GiB'], [2 ** 50 * 200, '200 PiB'], [undefined, '–']]);
rows('percent_of_unknown_is_a_dash', percent, [[0.125, '12.5 %'], [[0.999, 0], '100 %'], [NaN, '–']]);
rows('uptime_counts_days', uptime, [[0, '00:00:00'], [86399, '23:59:59'], [86400, '1 day 00:00:00'], [273606, '3 days 04:00:06'], [undefined, '–']]);
rows('duration_has_as_many_digits_as_help', duration, [[0, '0 ms'], [850, '850 ms'], [6500, '6.5 s'], [69900, '70 s'], [125000, '2 min 5 s'],
    [3600000, '1 h'], [11040000, '3 h 4 min'], [90000000, '1 d 1 h'], [-1500, '−1.5 s'], [undefined, '–']]);
rows('countdown_never_goes_below_zero', countdown, [[3449, '3.4 s'], [-20, '0.0 s']]);
rows('shorten_tells_that_something_is_missing', shorten, [[['ct:100', 6], 'ct:100'], [['ct:100 web', 7], 'ct:100…'], [['ct:100', 0], '']]);

test('share_of_nothing_is_unknown', () => assert.ok(Number.isNaN(shareOf(1, 0))));
test('names_with_numbers_sort_by_them', () => assert.deepEqual(['node10', 'node2', 'ct:9'].sort(compareNames), ['ct:9', 'node2', 'node10']));
