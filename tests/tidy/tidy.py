#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: tidy.py SOURCE [BUILD]

Runs all checks and prints TAP. Without a build folder the checks of objects are skipped; so they are for builds with
sanitizers or coverage, whose objects have data and calls of their own (pass no build folder then)."""

import sys

import tidy_events
import tidy_object
import tidy_source


def report(number, name, problems, skip=None):
    for problem in problems:
        print(f'# {problem}')
    result = 'not ok' if problems else 'ok'
    print(f'{result} {number} - {name}' + (f' # SKIP {skip}' if skip else ''))
    return not problems


def main(arguments):
    if len(arguments) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    tree = tidy_source.Tree(arguments[1])
    print(f'1..{len(tidy_source.CHECKS + tidy_events.CHECKS + tidy_object.CHECKS) + 1}')
    number, good = 0, True
    for name, check in tidy_source.CHECKS + tidy_events.CHECKS:
        number += 1
        good = report(number, name, check(tree)) and good
    number += 1
    if tidy_source.formatter():
        good = report(number, 'format', tidy_source.check_format(tree)) and good
    else:
        report(number, 'format', [], 'clang-format 14 is not installed')
    objects = tidy_object.Objects(arguments[1], arguments[2]) if len(arguments) == 3 else None
    for name, check in tidy_object.CHECKS:
        number += 1
        if objects:
            good = report(number, name, check(objects)) and good
        else:
            report(number, name, [], 'needs a plain build folder')
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv))
