#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: selftest.py SOURCE

Plants one violation after the other in a small tree that is in order, and requires that the check it is meant for finds
it, and no other check does. Prints TAP."""

import json
import os
import shutil
import subprocess
import sys
import tempfile

import tidy_events
import tidy_object
import tidy_source

LICENCE = '// SPDX-License-Identifier: Apache-2.0\n'

# A tree in order. Paths matter: they decide which rules hold.
GOOD = {
    'meson.build': '# SPDX-License-Identifier: Apache-2.0\n',
    'tool.sh': '#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\necho "$@"\n',
    'docs/events.md': '# Events\n\n| event | fields |\n|---|---|\n| `service-state` | |\n| `quorum-lost`, `quorum-regained` | |\n',
    'common/base/map.h': LICENCE + '#pragma once\n\nint map_size(int count);\n',
    'common/base/map.c': LICENCE + '#include "common/base/map.h"\n\n#include <string.h>\n\n'
                                   'int map_size(int count)\n{\n    return count + (int)strlen("a, strcpy(b)");\n}\n',
    'common/model/guest.h': LICENCE + '#pragma once\n\n#include "common/base/map.h"\n\nint guest_size(void);\n',
    'common/model/guest.c': LICENCE + '#include "common/model/guest.h"\n\n#include <errno.h>\n#include <string.h>\n\n'
                                      '#include "common/base/map.h"\n\n'
                                      'static const char *const guest_names[] = {"a", "b"};\n\n'
                                      'int guest_size(void)\n{\n    return map_size((int)strlen(guest_names[0]));\n}\n',
    'common/host/host_clock.c': LICENCE + '#include <time.h>\n\nint host_clock_read(struct timespec *now);\n\n'
                                          'int host_clock_read(struct timespec *now)\n{\n'
                                          '    return clock_gettime(CLOCK_BOOTTIME, now);\n}\n',
    'crm/main.c': LICENCE + 'static int runs;\n\nint main(void)\n{\n    return runs++;\n}\n',
    'crm/round.c': LICENCE + 'struct event;\nstruct event *event_new(void *arena, int level, const char *name);\n\n'
                             'static struct event *tell(void *arena, const char *name)\n{\n'
                             '    return event_new(arena, 1, name);\n}\n\n'
                             'struct event *round_tell(void *arena, int quorate);\n'
                             'struct event *round_tell(void *arena, int quorate)\n{\n'
                             '    (void)event_new(arena, 1, "service-state");\n'
                             '    return tell(arena, quorate ? "quorum-regained" : "quorum-lost");\n}\n',
    'lrm/round.c': LICENCE,
}


def put(name, text):
    return lambda files: files.update({name: text})


def append(name, text):
    return lambda files: files.update({name: files[name] + text})


def replace(name, old, new):
    def change(files):
        assert old in files[name], (name, old)
        files[name] = files[name].replace(old, new, 1)
    return change


BASE = 'common/base/map.c'
MODEL = 'common/model/guest.c'
HEAD = '#include <string.h>\n'

# (check, what is planted, how)
PLANTED = [
    ('licence', 'source without licence', replace(BASE, LICENCE, '')),
    ('licence', 'script without licence', replace('tool.sh', '# SPDX-License-Identifier: Apache-2.0\n', '')),
    ('licence', 'meson.build without licence', put('meson.build', "project('x')\n")),
    ('columns', 'long line', append(BASE, '// ' + 'x' * 98 + '\n')),
    ('columns', 'blank at the end', append(BASE, '// x \n')),
    ('columns', 'tab', append(BASE, '\t// x\n')),
    ('sizes', 'long file', append(BASE, '// x\n' * 700)),
    ('sizes', 'long function', append(MODEL, '\nvoid guest_long(void);\nvoid guest_long(void)\n{\n' + '    ;\n' * 90 + '}\n')),
    ('layers', 'base includes model', replace(BASE, HEAD, HEAD + '\n#include "common/model/guest.h"\n')),
    ('layers', 'model includes host',
     lambda f: (put('common/host/loop.h', LICENCE + '#pragma once\n')(f),
                replace(MODEL, '#include "common/base/map.h"\n',
                        '#include "common/base/map.h"\n#include "common/host/loop.h"\n')(f))),
    ('layers', 'lrm includes crm',
     lambda f: (put('crm/view.h', LICENCE + '#pragma once\n')(f), append('lrm/round.c', '#include "crm/view.h"\n')(f))),
    ('layers', 'crm includes lrm',
     lambda f: (put('lrm/view.h', LICENCE + '#pragma once\n')(f),
                replace('crm/round.c', LICENCE, LICENCE + '#include "lrm/view.h"\n')(f))),
    ('layers', 'clock header in a pure layer', replace(MODEL, HEAD, HEAD + '#include <time.h>\n')),
    ('layers', 'socket header in a pure layer', replace(MODEL, HEAD, HEAD + '#include <sys/socket.h>\n')),
    ('layers', 'sqlite outside storage', append('lrm/round.c', '#include <sqlite3.h>\n')),
    ('layers', 'corosync outside corosync', append('lrm/round.c', '#include <corosync/cpg.h>\n')),
    ('layers', 'libsystemd outside host', append('lrm/round.c', '#include <systemd/sd-event.h>\n')),
    ('layers', 'liblxc outside agents', append('lrm/round.c', '#include <lxc/lxccontainer.h>\n')),
    ('layers', 'threads', append('lrm/round.c', '#include <pthread.h>\n')),
    ('layers', 'api includes crm',
     lambda f: (put('crm/view.h', LICENCE + '#pragma once\n')(f),
                put('api/exec/x.c', LICENCE + '#include "crm/view.h"\n')(f))),
    ('layers', 'network side of the api includes cli',
     lambda f: (put('cli/session.h', LICENCE + '#pragma once\n')(f),
                put('api/http/x.c', LICENCE + '#include "cli/session.h"\n')(f))),
    ('layers', 'clock header in checks of calls', put('api/call/x.c', LICENCE + '#include <time.h>\n')),
    ('layers', 'libevent outside http', put('api/exec/x.c', LICENCE + '#include <event2/event.h>\n')),
    ('layers', 'file in no layer', put('misc/x.c', LICENCE)),
    ('includes', 'own header not first',
     replace(MODEL, '#include "common/model/guest.h"\n\n#include <errno.h>', '#include <errno.h>')),
    ('includes', 'headers not sorted', replace(MODEL, '#include <errno.h>\n#include <string.h>',
                                              '#include <string.h>\n#include <errno.h>')),
    ('includes', 'project header before system header',
     replace(MODEL, '#include <errno.h>\n#include <string.h>\n\n#include "common/base/map.h"\n',
             '#include "common/base/map.h"\n\n#include <errno.h>\n#include <string.h>\n')),
    ('includes', 'header without guard', replace('common/base/map.h', '#pragma once\n\n', '')),
    ('calls', 'strcpy', append(MODEL, 'void guest_x(char *a);\nvoid guest_x(char *a)\n{\n    strcpy(a, "b");\n}\n')),
    ('calls', 'atoi', append(MODEL, 'int guest_x(char *a);\nint guest_x(char *a)\n{\n    return atoi(a);\n}\n')),
    ('calls', 'malloc', append('lrm/round.c', 'void *x(void);\nvoid *x(void)\n{\n    return malloc(1);\n}\n')),
    ('calls', 'clock outside host', append('lrm/round.c', 'long x(void);\nlong x(void)\n{\n    return time(NULL);\n}\n')),
    ('names', 'name taken', put('lrm/guest.h', LICENCE + '#pragma once\n')),
    ('words', 'path of a machine', append(MODEL, '// see /wo' 'rk/x\n')),
    ('words', 'number of an issue', append(MODEL, '// iss' 'ue 12\n')),
    ('words', 'another product', append('docs/events.md', 'As Prox' 'mox does.\n')),
    ('words', 'unfinished work', append(MODEL, '// TO' 'DO: more\n')),
    ('events', 'event not described', replace('crm/round.c', '"service-state"', '"service-moved"')),
    ('events', 'event not described, through a wrapper', replace('crm/round.c', '"quorum-lost"', '"quorum-gone"')),
    ('events', 'event described and not emitted', append('docs/events.md', '| `lock-lost` | |\n')),
    ('events', 'event described twice', append('docs/events.md', '| `service-state` | |\n')),
    ('events', 'event whose name cannot be found',
     replace('crm/round.c', '(void)event_new(arena, 1, "service-state");',
             '(void)event_new(arena, 1, "service-state");\n    (void)event_new(arena, 1, round_name());')),
    ('events', 'no list of events', lambda f: f.pop('docs/events.md')),
    ('format', 'not formatted', append(MODEL, 'int guest_x( int a );\n')),
]

OBJECTS = [
    ('purity', 'a file is opened', append(MODEL, '#include <stdio.h>\nvoid *guest_x(void);\nvoid *guest_x(void)\n'
                                                 '{\n    return fopen("x", "r");\n}\n')),
    ('purity', 'the clock is read through a macro',
     append(MODEL, '#include <time.h>\n#define NOW ti##me(0)\nlong guest_x(void);\nlong guest_x(void)\n{\n    return NOW;\n}\n')),
    ('purity', 'the environment is read', append(BASE, '#include <stdlib.h>\nchar *map_x(void);\nchar *map_x(void)\n'
                                                       '{\n    return getenv("x");\n}\n')),
    ('planted', 'a bug that can be switched on', append('lrm/round.c', 'int planted_is(int bug);\nint x(void);\n'
                                                                       'int x(void)\n{\n    return planted_is(1);\n}\n')),
    ('static-data', 'a counter', append(MODEL, 'int guest_x(void);\nint guest_x(void)\n'
                                               '{\n    static int count;\n    return count++;\n}\n')),
    ('static-data', 'an initialised variable outside a pure layer', append('lrm/round.c', 'int x;\nint y = 1;\n')),
]


def write(files, root):
    for name, text in files.items():
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)


def build(files, root):
    """Compiles the C files and writes compile_commands.json, as meson does."""
    folder = os.path.join(root, 'build-x')
    os.makedirs(folder)
    commands = []
    for number, name in enumerate(sorted(name for name in files if name.endswith('.c'))):
        output = f'{number}.o'
        subprocess.run(['cc', '-w', '-fPIC', '-O1', '-D_GNU_SOURCE', '-I', root, '-c', os.path.join(root, name), '-o',
                        os.path.join(folder, output)], check=True)
        commands.append({'directory': folder, 'file': os.path.join(root, name), 'output': output})
    with open(os.path.join(folder, 'compile_commands.json'), 'w', encoding='utf-8') as file:
        json.dump(commands, file)
    return tidy_object.Objects(root, folder)


def source_failures(files, source):
    with tempfile.TemporaryDirectory() as root:
        write(files, root)
        shutil.copy(os.path.join(source, '.clang-format'), root)
        tree = tidy_source.Tree(root)
        failures = {name for name, check in tidy_source.CHECKS + tidy_events.CHECKS if check(tree)}
        if tidy_source.formatter() and tidy_source.check_format(tree):
            failures.add('format')
        return failures


def object_failures(files):
    with tempfile.TemporaryDirectory() as root:
        write(files, root)
        objects = build(files, root)
        return {name for name, check in tidy_object.CHECKS if check(objects)}


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    cases = [('', 'a tree in order', lambda files: None, False), ('', 'objects in order', lambda files: None, True)]
    cases += [(check, what, change, False) for check, what, change in PLANTED]
    cases += [(check, what, change, True) for check, what, change in OBJECTS]
    print(f'1..{len(cases)}')
    good = True
    for number, (check, what, change, is_object) in enumerate(cases, 1):
        files = dict(GOOD)
        change(files)
        failures = object_failures(files) if is_object else source_failures(files, arguments[1])
        # What is planted need not be pretty: only its own check counts, besides the format.
        wanted = {check} if check else set()
        skip = check == 'format' and not tidy_source.formatter()
        ok = skip or failures - {'format'} == wanted - {'format'} and wanted <= failures
        print(f'{"ok" if ok else "not ok"} {number} - {check or "none"}: {what}'
              + (' # SKIP clang-format 14 is not installed' if skip else ''))
        if not ok:
            print(f'# found by: {", ".join(sorted(failures)) or "nothing"}')
        good = good and ok
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv))
