#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""coverage.py SIMULATOR TRANSITIONS SCENARIOS: every transition and every check of rules happens in some scenario.

TRANSITIONS is the program that prints the tables which the code enforces. The scenarios are replayed, since their
events.jsonl leaves some kinds of events out; that the replay is as expected is tested beside this."""
import json
import os
import re
import subprocess
import sys

# What no scenario can bring about, with the reason. Keep it empty if you can.
UNREACHABLE = {
    # test_service_step.c; swarms come across it.
    ('Services', 'request_stop', 'relocate'): 'needs a move whose answer gets lost within some milliseconds',
}

# The checks of a set of rules, in their order: a text of their reasons.
RULE_CHECKS = [
    ('one rule about nodes a resource', r"resource '.*' is used in another node affinity rule"),
    ('company is two at least', r'no effect with less than two resources'),
    ('a node for each that must be apart', r'more resources than the cluster has nodes'),
    ('not together and apart', r'shares two or more resources with one of the opposite affinity'),
    ('company and one priority', r'node affinity rule with more than one priority'),
    ('company and one place', r'belong together are in more than one node affinity rule'),
    ('enough nodes for those that must be apart', r'fewer nodes in node affinity rules than they are'),
]


def read_tables(program):
    """machine → list of (from, to)"""
    tables = {}
    machine = None
    for line in subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines():
        if line.startswith('## '):
            machine = line[3:]
            tables[machine] = []
        row = re.match(r'\| `(\w+)` \| `(\w+)` \|', line)
        if row:
            tables[machine].append(row.groups())
    return tables


def transition_of(event):
    """(machine, from, to), or None"""
    kind = event['event']
    if kind == 'service-state':
        return 'Services', event['from'], event['to']
    if kind == 'disarm-freeze':
        return 'Services', event['from'], 'freeze'
    if kind == 'node-state':
        return 'Nodes', event['from'], event['to']
    if kind == 'daemon-state':
        return 'ha-' + event['at'].split('/')[1], event['from'], event['to']
    return None


def replay(simulator, folder):
    result = subprocess.run([simulator, 'run', '--events', folder], check=True, capture_output=True, text=True)
    return [json.loads(line) for line in result.stdout.splitlines()]


def main():
    simulator, transitions, scenarios = sys.argv[1:]
    seen = set()
    reasons = set()
    for name in sorted(os.listdir(scenarios)):
        folder = os.path.join(scenarios, name)
        if not os.path.exists(os.path.join(folder, 'cmdlist')):
            continue
        for event in replay(simulator, folder):
            seen.add(transition_of(event))
            if event['event'] == 'rule-dropped':
                reasons.add(event['reason'])
    results = []
    tables = read_tables(transitions)
    results.append((len(tables) == 4 and all(tables.values()), 'there are four tables'))
    for machine, rows in tables.items():
        for row in rows:
            move = (machine, *row)
            why = UNREACHABLE.get(move)
            happened = move in seen
            text = '%s: %s to %s' % move + (' (cannot happen: %s)' % why if why else '')
            results.append((happened != (why is not None), text))
    unknown = sorted(move for move in seen if move and (move[1], move[2]) not in tables[move[0]])
    results.append((not unknown, 'nothing else happens' + ''.join(' %s %s %s' % move for move in unknown)))
    for name, pattern in RULE_CHECKS:
        results.append((any(re.search(pattern, reason) for reason in reasons), 'rules: ' + name))
    others = sorted(r for r in reasons if not any(re.search(pattern, r) for _, pattern in RULE_CHECKS))
    results.append((not others, 'rules: no other check ' + '; '.join(others)))
    print('1..%d' % len(results))
    for number, (good, text) in enumerate(results, 1):
        print('%sok %d - %s' % ('' if good else 'not ', number, text))
    return 0 if all(good for good, _ in results) else 1


if __name__ == '__main__':
    sys.exit(main())
