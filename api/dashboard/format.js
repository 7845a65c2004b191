// SPDX-License-Identifier: Apache-2.0
// Numbers and times as operators read them. Pure: no page, no clock.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

export function bytes(value) {
    if (!Number.isFinite(value)) return '–';
    let unit = 0;
    while (value >= 1024 && unit < UNITS.length - 1) {
        value /= 1024;
        unit++;
    }
    return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(value >= 10 ? 1 : 2)} ${UNITS[unit]}`;
}

// A share of 0 to 1.
export function percent(share, digits = 1) {
    return Number.isFinite(share) ? `${(share * 100).toFixed(digits)} %` : '–';
}

export function shareOf(used, all) {
    return Number.isFinite(used) && all > 0 ? used / all : NaN;
}

const two = (number) => String(number).padStart(2, '0');

// Seconds as "3 days 04:05:06".
export function uptime(seconds) {
    if (!Number.isFinite(seconds) || seconds < 0) return '–';
    const whole = Math.floor(seconds);
    const days = Math.floor(whole / 86400);
    const clock = `${two(Math.floor(whole / 3600) % 24)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
    return days === 0 ? clock : `${days} ${days === 1 ? 'day' : 'days'} ${clock}`;
}

// A duration in milliseconds, with as many digits as help: "850 ms", "6.5 s", "2 min 5 s", "3 h 4 min".
export function duration(milliseconds) {
    if (!Number.isFinite(milliseconds)) return '–';
    if (milliseconds < 0) return `−${duration(-milliseconds)}`;
    if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
    const seconds = milliseconds / 1000;
    if (seconds < 100) return `${seconds < 20 ? seconds.toFixed(1) : Math.round(seconds)} s`;
    const whole = Math.round(seconds);
    if (whole < 3600) return joined(Math.floor(whole / 60), 'min', whole % 60, 's');
    if (whole < 86400) return joined(Math.floor(whole / 3600), 'h', Math.floor(whole / 60) % 60, 'min');
    return joined(Math.floor(whole / 86400), 'd', Math.floor(whole / 3600) % 24, 'h');
}

function joined(big, bigUnit, small, smallUnit) {
    return small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`;
}

// Of a countdown: tenths of seconds, never below zero.
export function countdown(milliseconds) {
    return `${(Math.max(0, milliseconds) / 1000).toFixed(1)} s`;
}

// Seconds since 1970, in the time zone of the reader.
export function clockTime(seconds, withFraction = false) {
    if (!Number.isFinite(seconds)) return '–';
    const date = new Date(seconds * 1000);
    const text = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
    return withFraction ? `${text}.${String(date.getMilliseconds()).padStart(3, '0')}` : text;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

export function dateTime(seconds) {
    if (!Number.isFinite(seconds)) return '–';
    const date = new Date(seconds * 1000);
    return `${MONTHS[date.getMonth()]} ${two(date.getDate())} ${clockTime(seconds)}`;
}

// Sorts "node2" before "node10".
const collator = new Intl.Collator('en', { numeric: true });
export const compareNames = (one, other) => collator.compare(one, other);

export function count(number, one, many = `${one}s`) {
    return `${number} ${number === 1 ? one : many}`;
}

// Cuts a text to what fits, with a sign that something is missing.
export function shorten(text, length) {
    if (length < 1) return '';
    return text.length <= length ? text : `${text.slice(0, Math.max(1, length - 1))}…`;
}
