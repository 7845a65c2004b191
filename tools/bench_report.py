#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench_report.py NAME table|json: shows rows of figures, given as lines of JSON on standard input, each as soon as it
is known, with the machine they were measured on."""
import json
import os
import platform
import sys


def read_field(path, key):
    try:
        with open(path, encoding='utf-8') as lines:
            for line in lines:
                name, _, value = line.partition(':')
                if name.strip() == key:
                    return value.strip()
    except OSError:
        pass
    return 'unknown'


def describe_machine():
    return {
        'cpu': read_field('/proc/cpuinfo', 'model name'),
        'cpus': os.cpu_count(),
        'memory_mib': int((read_field('/proc/meminfo', 'MemTotal').split() + ['0'])[0].replace('unknown', '0')) // 1024,
        'kernel': platform.release(),
        'architecture': platform.machine(),
    }


def text_of(value):
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    return '%.3f' % value if isinstance(value, float) else '-' if value is None else str(value)


def columns_of(row):
    """What goes into a table: all but figures that have parts."""
    return {key: value for key, value in row.items() if not isinstance(value, dict)}


def main():
    name, form = sys.argv[1:]
    machine = describe_machine()
    figures = []
    if form == 'table':
        print('%s: %s' % (name, ', '.join('%s %s' % item for item in machine.items())))
    head = None
    for line in sys.stdin:
        row = json.loads(line)
        if form == 'table':
            columns = columns_of(row)
            texts = [(key.ljust(len(text_of(value))), text_of(value).rjust(len(key))) for key, value in columns.items()]
            if head != list(columns):
                head = list(columns)
                print('  '.join(key for key, _ in texts))
            print('  '.join(text for _, text in texts), flush=True)
        figures.append(row)
    if form == 'json':
        # Who asks for one measurement finds its first row at the top.
        first = figures[0] if figures and 'runs' in figures[0] and 'p50_s' in figures[0] else {}
        print(json.dumps({**first, 'name': name, 'machine': machine, 'figures': figures}, sort_keys=True))
    return 0 if figures else 1


if __name__ == '__main__':
    sys.exit(main())
