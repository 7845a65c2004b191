# SPDX-License-Identifier: Apache-2.0
"""Which events the product emits, read from the source text: the names given to event_new() and to every function that
hands its own argument on to it. A name that cannot be found this way is a problem, since nobody could look it up."""

import re

from tidy_source import is_in, line_of, without_comments

# Give events on that others emitted.
FORWARDERS = ('api/exec/exec_history.c', 'common/host/event_forward.c')
NOT_PRODUCT = ('tests/', 'tools/')

FUNCTION = re.compile(r'^(?P<head>[a-z][\w \*]*?)\b(?P<name>\w+)\((?P<parameters>[^;{}()]*(?:\([^()]*\)[^;{}()]*)*)\)\s*\n\{',
                      re.M)
TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|[(){}\[\],;]')


def arguments_of(text, offset):
    """The arguments of a call, from behind its opening bracket."""
    found, depth, start = [], 0, offset
    for match in TOKEN.finditer(text, offset):
        token = match.group(0)
        if token in '([{':
            depth += 1
        elif token in ')]}' and depth > 0:
            depth -= 1
        elif token == ')':
            return found + [text[start:match.start()].strip()]
        elif token == ',' and depth == 0:
            found.append(text[start:match.start()].strip())
            start = match.end()
    return found


class Function:
    def __init__(self, file, text, match):
        self.file = file
        self.name = match.group('name')
        self.is_static = 'static' in match.group('head').split()
        self.parameters = [re.sub(r'.*[\s\*]', '', p.strip()) for p in match.group('parameters').split(',')]
        end = text.find('\n}', match.end())
        self.body = text[match.end():end if end >= 0 else len(text)]
        self.line = line_of(text, match.end())


class Events:
    def __init__(self, tree):
        self.emitted = {}  # name → first place
        self.problems = []
        self.functions = []
        for name in tree.c_files():
            if name.endswith('.c') and not is_in(name, NOT_PRODUCT + FORWARDERS):
                text = without_comments(tree.text(name), keep_strings=True)
                self.functions += [Function(name, text, match) for match in FUNCTION.finditer(text)]
        self.wrappers = {('', 'event_new'): 2}  # (file if static, name) → position of the event's name
        changed = True
        while changed:
            changed = any([self.find_wrapper(function) for function in self.functions])
        for function in self.functions:
            self.collect(function)

    def calls(self, function):
        """(argument that names the event, line) of each call that emits one."""
        for (file, wrapper), position in list(self.wrappers.items()):
            if file not in ('', function.file):
                continue
            if file == '' and (function.file, wrapper) in self.wrappers:
                continue
            for match in re.finditer(rf'(?<![\w.>]){wrapper}\s*\(', function.body):
                arguments = arguments_of(function.body, match.end())
                if position < len(arguments):
                    yield arguments[position], function.line + function.body.count('\n', 0, match.start())

    def find_wrapper(self, function):
        key = (function.file if function.is_static else '', function.name)
        if key in self.wrappers:
            return False
        for argument, _ in self.calls(function):
            if argument in function.parameters:
                self.wrappers[key] = function.parameters.index(argument)
                return True
        return False

    def collect(self, function):
        for argument, line in self.calls(function):
            if argument in function.parameters:
                continue
            text = argument
            if re.fullmatch(r'\w+', argument):
                text = ' '.join(re.findall(rf'\b{argument}\s*=\s*([^;]*);', function.body))
            names = re.findall(r'"([^"]*)"', text)
            if not names:
                self.problems.append(f'{function.file}:{line}: cannot tell which event "{argument}" is')
            for name in names:
                self.emitted.setdefault(name, f'{function.file}:{line}')


def check_events(tree):
    if 'docs/events.md' not in tree.files:
        return ['docs/events.md:1: the file is missing']
    events = Events(tree)
    problems = list(events.problems)
    documented = {}
    for number, line in enumerate(tree.lines('docs/events.md'), 1):
        row = re.match(r'^\|([^|]*)\|', line)
        for event in re.findall(r'`([a-z0-9-]+)`', row.group(1)) if row else []:
            if event in documented:
                problems.append(f'docs/events.md:{number}: event {event} is described twice')
            documented[event] = number
    problems += [f'{place}: event {event} is not described in docs/events.md'
                 for event, place in sorted(events.emitted.items()) if event not in documented]
    problems += [f'docs/events.md:{number}: nothing emits event {event}'
                 for event, number in sorted(documented.items()) if event not in events.emitted]
    return problems


CHECKS = [('events', check_events)]
