# SPDX-License-Identifier: Apache-2.0
"""Checks of the source text. Each check is a function that takes a Tree and gives a list of problems, each one line:
'file:line: what is wrong'."""

import os
import re
import shutil
import subprocess

COLUMNS_MAX = 100
FILE_LINES_MAX = 700
FUNCTION_LINES_MAX = 80

# Folders and files that decide and do nothing else.
PURE = ('common/base/', 'common/model/', 'crm/core/', 'lrm/core/', 'cluster/replica/', 'watchdog/mux.', 'api/call/',
        'api/auth/access_document.', 'api/auth/rights.', 'api/auth/roles.', 'api/endpoints/usage_book.',
        'api/exec/exec_request.', 'api/exec/metric', 'api/http/parse/', 'api/notify/webhook_job.',
        'api/task/task_list.')

PURE_SYSTEM_HEADERS = {
    'assert.h', 'errno.h', 'float.h', 'inttypes.h', 'limits.h', 'math.h', 'stdarg.h', 'stdbool.h', 'stddef.h', 'stdint.h',
    'stdio.h', 'stdlib.h', 'string.h', 'strings.h',
}

# Headers of libraries, and the only places that may include them.
LIBRARY_HEADERS = [
    (r'corosync/', ('cluster/corosync/',)),
    (r'sqlite3\.h', ('cluster/storage/',)),
    (r'lxc/', ('lrm/agents/',)),
    (r'openssl/', ('common/base/digest.c', 'api/auth/signature.c', 'api/http/', 'cli/peer_client.c')),
    (r'event2/', ('api/http/',)),
    (r'curl/', ('api/notify/webhook.c', 'cli/peer_client.c')),
    (r'zlib\.h', ('api/http/compression.c',)),
    (r'security/', ('api/auth/pam_check.c',)),
    (r'crypt\.h', ('api/auth/password_hash.c',)),
    (r'systemd/', ('common/host/', 'tests/contract/fake_service_manager.c')),
    (r'uuid/', ('common/host/',)),
    (r'json-c/', ('common/base/json_reader.c',)),
    (r'pthread\.h|threads\.h', ()),
    (r'cmocka\.h', ('tests/lib/test.h',)),
]

# What decisions are made of: documents, and seams to the world.
PORTS = ('common/base/', 'common/model/', 'common/port/')

# What a folder may include of the project, from the first entry that fits.
LAYERS = [
    ('common/base/', ('common/base/',)),
    ('common/model/', ('common/base/', 'common/model/')),
    ('common/port/', PORTS),
    ('common/host/', ('common/',)),
    ('crm/core/', PORTS + ('crm/core/',)),
    ('crm/main.c', ('common/', 'crm/')),
    ('crm/host_fence.c', ('common/', 'crm/')),
    ('crm/', PORTS + ('crm/',)),
    # lrm/round.h says how an end is asked for, which the core decides about.
    ('lrm/core/', PORTS + ('lrm/core/', 'lrm/round.h')),
    ('lrm/', ('common/', 'lrm/')),
    ('cluster/replica/', PORTS + ('cluster/replica/',)),
    ('cluster/storage/', ('common/', 'cluster/replica/', 'cluster/storage/')),
    ('cluster/', ('common/', 'cluster/')),
    # Plays the master's rounds in memory, on the simulator's store and lease table.
    ('answers/', PORTS + ('answers/', 'crm/', 'sim/sim_lease.h', 'sim/sim_store.h')),
    ('watchdog/mux.', ('common/base/', 'common/model/', 'watchdog/mux.h')),
    ('watchdog/', ('common/', 'watchdog/')),
    # The API: what decides about calls is pure; what faces the network knows nothing of the cluster; crm and lrm are for
    # nobody there. cli has what tools and calls share.
    ('api/call/', PORTS + ('api/auth/rights.h', 'api/call/')),
    ('api/auth/', ('api/auth/', 'api/call/', 'common/')),
    ('api/notify/', ('api/notify/', 'common/')),
    ('api/task/', ('api/call/', 'api/task/', 'common/')),
    ('api/http/parse/', ('api/http/parse/', 'common/base/')),
    ('api/http/', ('api/http/', 'common/')),
    ('api/', ('answers/', 'api/auth/', 'api/call/', 'api/endpoints/', 'api/exec/', 'api/notify/', 'api/task/', 'cli/',
              'common/')),
    # Whole nodes: all of the product.
    ('sim/swarm/', ('cli/', 'cluster/', 'common/', 'crm/', 'lrm/', 'sim/', 'watchdog/')),
    ('sim/', ('common/', 'crm/', 'lrm/', 'sim/')),
    ('cli/', ('answers/', 'api/auth/', 'api/notify/', 'cli/', 'common/', 'lrm/agents/')),
    ('tools/', ('common/', 'tools/')),
    ('tests/', ('',)),
]

# Function, what to use in its place, and where it is allowed nevertheless.
BANNED = [
    ('strcpy', 'arena_strdup', ()), ('strcat', 'strbuf_append', ()), ('strncpy', 'arena_memdup', ()),
    ('strncat', 'strbuf_append_bytes', ()), ('sprintf', 'strbuf_appendf', ()), ('vsprintf', 'strbuf_vappendf', ()),
    ('strtok', 'parse_list', ()), ('strtok_r', 'parse_list', ()), ('atoi', 'parse_int64', ()), ('atol', 'parse_int64', ()),
    ('atoll', 'parse_int64', ()), ('atof', 'parse_double', ()), ('strtol', 'parse_int64', ('tests/',)), ('strtoll', 'parse_int64', ()),
    ('strtoul', 'parse_uint64', ()), ('strtoull', 'parse_uint64', ()),
    ('strtod', 'parse_double', ('common/base/parse.c', 'common/base/json_reader.c', 'common/base/json_writer.c')),
    ('sscanf', 'common/base/parse.h', ('tests/', 'tools/')), ('gets', 'a bounded read', ()), ('localtime', 'localtime_r', ()),
    ('gmtime', 'gmtime_r', ()), ('ctime', 'strftime', ()), ('asctime', 'strftime', ()), ('alloca', 'arena_alloc', ()),
    ('rand', 'prng_next', ()), ('srand', 'prng_init', ()), ('random', 'prng_next', ()), ('drand48', 'prng_next', ()),
    ('system', 'a child process without shell', ('tests/',)), ('popen', 'a child process without shell', ('tests/',)),
    ('setlocale', 'nothing: numbers are written in the C locale', ('cli/', 'tests/')),
    ('malloc', 'alloc_zero', ('common/base/alloc.c', 'tests/', 'tools/')),
    ('calloc', 'alloc_zero', ('common/base/alloc.c', 'tests/', 'tools/')),
    ('realloc', 'alloc_resize', ('common/base/alloc.c', 'tests/', 'tools/')),
    ('strdup', 'alloc_strdup', ('tests/', 'tools/')), ('strndup', 'alloc_memdup', ('tests/', 'tools/')),
]

# Only these may ask a clock (rule 13 of CONTRIBUTING.md).
CLOCKS = ['time', 'clock', 'clock_gettime', 'gettimeofday', 'timespec_get']
CLOCK_PLACES = ('common/host/', 'tests/', 'tools/')

# What belongs to one machine, one meeting or other people's programs. Split, so that this file does not find itself.
WORDS = [
    ('a path of one machine', re.compile(r'/wo' r'rk/|\.libr' r'ary\b|/home/[a-z]')),
    ('a number of an issue', re.compile(r'\bissue ?#?\d', re.I)),
    ('the name of another product', re.compile(r'prox' r'mox(?!er\b|-api\b)|\bp' r've\b(?!-manager-version)|pace' r'maker|keep' r'alived', re.I)),
]

# Words of the API that its clients know (the name of a realm, of a header), in the places that speak of it.
PROTOCOL_WORDS = re.compile(r'\bp' r've\b', re.I)
PROTOCOL_PLACES = ('api/', 'cli/', 'docs/', 'tests/')

# What is measured side by side and what speaks to ours has to be named (and so has the option that asks for it).
PEER_FILES = ('tests/bench/bench_peer.py', 'tests/bench/bench_failover', 'tools/bench', 'tests/cluster/clients/',
              'tests/cluster/test_api_clients')

C_NAMES = ('.c', '.h')
SCRIPT_NAMES = ('.py', '.sh')
# Data: nobody's prose, no licence line in each.
DATA_FOLDERS = ('tests/scenarios/', 'tests/golden/', 'tests/fuzz/corpus/')


class Tree:
    """The files of a source tree, without version control and build folders."""

    def __init__(self, root):
        self.root = root
        self.files = []
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(d for d in folders if d not in ('.git', '__pycache__') and not self.is_build(folder, d))
            for name in sorted(names):
                path = os.path.join(folder, name)
                if not os.path.islink(path):
                    self.files.append(os.path.relpath(path, root))
        self.texts = {}

    @staticmethod
    def is_build(folder, name):
        path = os.path.join(folder, name)
        return os.path.exists(os.path.join(path, 'build.ninja')) or name.startswith('build-')

    def text(self, name):
        if name not in self.texts:
            with open(os.path.join(self.root, name), encoding='utf-8', errors='replace') as file:
                self.texts[name] = file.read()
        return self.texts[name]

    def lines(self, name):
        return self.text(name).split('\n')

    def c_files(self):
        return [name for name in self.files if name.endswith(C_NAMES)]

    def is_script(self, name):
        return name.endswith(SCRIPT_NAMES) or self.text(name).startswith('#!')


def is_in(name, places):
    return any(name.startswith(place) for place in places)


def line_of(text, offset):
    return text.count('\n', 0, offset) + 1


def without_comments(text, keep_strings=False):
    """The text with comments (and the insides of strings) replaced by blanks, so that lines stay where they are."""
    pattern = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''

    def blank(match):
        found = match.group(0)
        if found[0] in '"\'':
            return found if keep_strings else found[0] + ' ' * (len(found) - 2) + found[0]
        return re.sub(r'[^\n]', ' ', found)
    return re.sub(pattern, blank, text, flags=re.S)


def check_licence(tree):
    problems = []
    for name in tree.files:
        base = os.path.basename(name)
        if is_in(name, DATA_FOLDERS) and not name.endswith(C_NAMES) and base != 'meson.build':
            continue
        is_source = name.endswith(C_NAMES + SCRIPT_NAMES + ('.in',)) or base in ('meson.build', 'meson_options.txt')
        if not is_source and not tree.is_script(name):
            continue
        # The second line of a script: the first one says which program runs or checks it.
        head = tree.lines(name)[:2 if tree.is_script(name) else 1]
        if not any('SPDX-License-Identifier: Apache-2.0' in line for line in head):
            problems.append(f'{name}:1: the line "SPDX-License-Identifier: Apache-2.0" is missing')
    return problems


def check_columns(tree):
    problems = []
    for name in tree.c_files():
        for number, line in enumerate(tree.lines(name), 1):
            # A string is not broken: it can be searched for as it is printed. Tables of tests have long ones.
            if len(line) > COLUMNS_MAX and not (is_in(name, ('tests/',)) or '"' in line):
                problems.append(f'{name}:{number}: {len(line)} columns, allowed are {COLUMNS_MAX}')
    for name in tree.files:
        if name.endswith(C_NAMES) or (not is_in(name, DATA_FOLDERS) and tree.is_script(name)):
            for number, line in enumerate(tree.lines(name), 1):
                if line != line.rstrip():
                    problems.append(f'{name}:{number}: blanks at the end of the line')
                if '\t' in line:
                    problems.append(f'{name}:{number}: a tab')
    return problems


def check_sizes(tree):
    problems = []
    for name in tree.c_files():
        lines = tree.lines(name)
        if len(lines) > FILE_LINES_MAX and not is_in(name, ('tests/',)):
            problems.append(f'{name}:1: {len(lines)} lines, allowed are {FILE_LINES_MAX}')
        start = None
        for number, line in enumerate(lines, 1):
            if line == '{':
                start = number
            elif line.startswith('}') and start is not None:
                if number - start > FUNCTION_LINES_MAX and not is_in(name, ('tests/',)):
                    problems.append(f'{name}:{start}: a function of {number - start} lines, '
                                    f'allowed are {FUNCTION_LINES_MAX}')
                start = None
    return problems


def includes_of(tree, name):
    """(line number, header, is of the project) in the order of the file."""
    return [entry[:3] for entry in includes_and_blocks(tree, name)]


def includes_and_blocks(tree, name):
    """The same with the number of the block: another directive in between starts a new one."""
    found, block = [], 0
    text = without_comments(tree.text(name), keep_strings=True)
    for match in re.finditer(r'^[ \t]*#[ \t]*(\w+)[ \t]*(?:([<"])([^>"\n]+)[>"])?', text, re.M):
        if match.group(1) == 'include' and match.group(2):
            found.append((line_of(text, match.start(1)), match.group(3), match.group(2) == '"', block))
        else:
            block += 1
    return found


def check_layers(tree):
    problems = []
    for name in tree.c_files():
        layer = next((entry for entry in LAYERS if name.startswith(entry[0])), None)
        if layer is None:
            problems.append(f'{name}:1: the folder belongs to no layer; see LAYERS in tests/tidy/tidy_source.py')
            continue
        for number, header, is_project in includes_of(tree, name):
            if is_project and header != 'ha_config.h' and not is_in(header, layer[1]):
                problems.append(f'{name}:{number}: {layer[0]} must not include {header}')
            if not is_project and is_in(name, PURE) and header not in PURE_SYSTEM_HEADERS and \
                    not any(re.match(pattern, header) and name in places for pattern, places in LIBRARY_HEADERS):
                problems.append(f'{name}:{number}: <{header}> has no place in a pure layer')
            for pattern, places in LIBRARY_HEADERS:
                if not is_project and re.match(pattern, header) and not is_in(name, places + ('tests/', 'tools/')):
                    problems.append(f'{name}:{number}: <{header}> is allowed only in {", ".join(places) or "no place"}')
    return problems


def check_includes(tree):
    problems = []
    known = set(tree.files)
    for name in tree.c_files():
        includes = includes_of(tree, name)
        if name.endswith('.h') and '#pragma once' not in tree.text(name):
            problems.append(f'{name}:1: "#pragma once" is missing')
        own = name[:-2] + '.h'
        if name.endswith('.c') and own in known and (not includes or includes[0][1] != own):
            problems.append(f'{name}:1: the first header must be the own one, {own}')
        rest = [entry for entry in includes_and_blocks(tree, name) if entry[1] != own]
        if [entry[2] for entry in rest] != sorted(entry[2] for entry in rest):
            problems.append(f'{name}:1: system headers come before those of the project')
        for key in sorted({(entry[3], entry[2]) for entry in rest}):
            block = [entry[1] for entry in rest if (entry[3], entry[2]) == key]
            if block != sorted(block) and name != 'tests/lib/test.h':
                problems.append(f'{name}:1: headers are not sorted: {", ".join(block)}')
        for number, header, is_project in includes:
            if is_project and header != 'ha_config.h' and header not in known:
                problems.append(f'{name}:{number}: {header} is not a path from the root of the tree')
    return problems


def check_calls(tree):
    problems = []
    banned = {function: (instead, places) for function, instead, places in BANNED}
    names = '|'.join(sorted(banned) + CLOCKS)
    for name in tree.c_files():
        text = without_comments(tree.text(name))
        for match in re.finditer(rf'(?<![\w.>])({names})\s*\(', text):
            function = match.group(1)
            line = line_of(text, match.start())
            if function in banned:
                instead, places = banned[function]
                if not is_in(name, places) and not is_declaration(text, match):
                    problems.append(f'{name}:{line}: {function}() is banned, use {instead}')
            elif not is_in(name, CLOCK_PLACES) and not is_declaration(text, match):
                problems.append(f'{name}:{line}: {function}() is allowed only in common/host')
    return problems


def is_declaration(text, match):
    """Whether what looks like a call declares a function or a member of that name."""
    before = text[max(0, match.start() - 40):match.start()]
    return re.search(r'(\b(?!return\b|else\b|case\b)\w+[\s*]+|\(\*)$', before) is not None


def check_names(tree):
    problems = []
    seen = {}
    for name in tree.c_files():
        base = os.path.basename(name)
        if base in ('main.c', 'round.c', 'round.h'):
            continue
        if base in seen:
            problems.append(f'{name}:1: the file name is taken by {seen[base]}')
        seen[base] = name
        if base != base.lower():
            problems.append(f'{name}:1: file names are in lower case')
    return problems


def check_words(tree):
    problems = []
    for name in tree.files:
        if name == 'LICENSE' or is_in(name, ('tests/fuzz/corpus/',)):
            continue
        for number, line in enumerate(tree.lines(name), 1):
            if is_in(name, PROTOCOL_PLACES):
                line = PROTOCOL_WORDS.sub('', line)
            for what, pattern in WORDS:
                if pattern.search(line) and not ('product' in what and name.startswith(PEER_FILES)):
                    problems.append(f'{name}:{number}: {what}')
    for name in tree.c_files():
        for number, line in enumerate(tree.lines(name), 1):
            if re.search(r'\b(TO' r'DO|FIX' r'ME|XX' r'X)\b', line):
                problems.append(f'{name}:{number}: unfinished work is no comment')
    return problems


def formatter():
    """The command of clang-format 14, or None."""
    for command in ('clang-format-14', 'clang-format'):
        if shutil.which(command):
            version = subprocess.run([command, '--version'], capture_output=True, text=True, check=False).stdout
            if re.search(r'\b14\.', version):
                return command
    return None


def check_format(tree):
    names = tree.c_files()
    if not names:
        return []
    result = subprocess.run([formatter(), '--dry-run', '-Werror', '--ferror-limit=1', *names], cwd=tree.root,
                            capture_output=True, text=True, check=False)
    lines = sorted({line.split(': error:')[0].rsplit(':', 1)[0] for line in result.stderr.split('\n')
                    if ': error:' in line})
    problems = [f'{line}: not as clang-format 14 writes it' for line in lines]
    if result.returncode != 0 and not problems:
        problems.append(f'.clang-format:1: {result.stderr.strip()}')
    return problems


CHECKS = [
    ('licence', check_licence),
    ('columns', check_columns),
    ('sizes', check_sizes),
    ('layers', check_layers),
    ('includes', check_includes),
    ('calls', check_calls),
    ('names', check_names),
    ('words', check_words),
]
