# SPDX-License-Identifier: Apache-2.0
"""Checks of compiled objects, which see what the source text hides: macros, headers, inlined functions."""

import json
import os
import re
import subprocess

from tidy_source import PURE, is_in

# What a pure layer may use of the C library, json-c and libcrypto. All else could be a clock, a file, a socket, a process,
# randomness or the environment; add a function here only when it is none of these.
ALLOWED = {
    'abort', 'bsearch', 'qsort', 'memchr', 'memcmp', 'memcpy', 'memmem', 'memmove', 'memset', 'strcasecmp', 'strchr', 'strcmp',
    'strcspn', 'strlen', 'strncasecmp', 'strncmp', 'strnlen', 'strpbrk', 'strrchr', 'strspn', 'strstr', 'snprintf', 'vsnprintf', 'free',
    'sqrt', 'floor', 'ceil', 'fabs', 'fmax', 'fmin', 'trunc', 'round', 'isfinite',
    '__assert_fail', '__stack_chk_fail', '_GLOBAL_OFFSET_TABLE_', '__memcpy_chk', '__memmove_chk', '__memset_chk',
    '__snprintf_chk', '__vsnprintf_chk',
}
ALLOWED_IN = {
    'common/base/alloc.c': {'calloc', 'realloc'},
    'common/base/json_reader.c': {
        'json_object_array_get_idx', 'json_object_array_length', 'json_object_get_boolean', 'json_object_get_double',
        'json_object_get_int64', 'json_object_get_object', 'json_object_get_string', 'json_object_get_type',
        'json_object_put', 'json_tokener_error_desc', 'json_tokener_free', 'json_tokener_get_error',
        'json_tokener_get_parse_end', 'json_tokener_new_ex', 'json_tokener_parse_ex', 'json_tokener_set_flags'},
    'common/base/digest.c': {'EVP_Digest', 'EVP_sha1', 'EVP_sha256', 'EVP_EncodeBlock', 'EVP_DecodeBlock'},
    'common/base/error.c': {'strerrordesc_np'},
    'common/base/parse.c': {'strtod'},
    'common/base/json_writer.c': {'strtod'},
}


class Objects:
    """The compiled objects of a build folder, by source file relative to the root of the tree."""

    def __init__(self, root, build):
        self.paths = {}
        with open(os.path.join(build, 'compile_commands.json'), encoding='utf-8') as file:
            commands = json.load(file)
        for command in commands:
            source = os.path.realpath(os.path.join(command['directory'], command['file']))
            name = os.path.relpath(source, os.path.realpath(root))
            output = os.path.join(command['directory'], command['output'])
            if os.path.exists(output) and not name.startswith('..'):
                self.paths.setdefault(name, output)


def run(command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def symbols(path):
    """(defined names, undefined names)."""
    defined, undefined = set(), set()
    for line in run(['nm', '--format=posix', path]).split('\n'):
        fields = line.split()
        if len(fields) >= 2:
            (undefined if fields[1] in 'Uwv' else defined).add(fields[0])
    return defined, undefined


def check_purity(objects):
    """Pure objects call nothing outside but what is allowed."""
    pure = {name: path for name, path in objects.paths.items() if is_in(name, PURE)}
    defined, undefined = set(), {}
    for name, path in pure.items():
        own, wanted = symbols(path)
        defined |= own
        undefined[name] = wanted
    problems = []
    for name in sorted(undefined):
        for symbol in sorted(undefined[name] - defined - ALLOWED - ALLOWED_IN.get(name, set())):
            problems.append(f'{name}:1: calls {symbol}, which a pure layer must not')
    if not pure:
        problems.append('nothing was compiled')
    return problems


def check_static_data(objects):
    """No object of the product keeps writable data outside its instances; main.c may."""
    problems = []
    for name, path in sorted(objects.paths.items()):
        if is_in(name, ('tests/', 'tools/')) or os.path.basename(name) == 'main.c':
            continue
        for line in run(['objdump', '--syms', path]).split('\n'):
            found = re.match(r'^[0-9a-f]+ (.......) (\S+)\s+([0-9a-f]+) (?:\.hidden )?(\S+)$', line)
            if not found or 'O' not in found.group(1):
                continue
            section, symbol = found.group(2), found.group(4)
            is_data = re.match(r'\.(t?data|t?bss)\b', section) and not section.startswith('.data.rel.ro')
            if is_data or section == '*COM*':
                problems.append(f'{name}:1: {symbol} is writable static data')
    return problems


def check_planted(objects):
    """Nothing of the planted bugs is in a program: no function, and none of their names."""
    problems = []
    for name, path in sorted(objects.paths.items()):
        if is_in(name, ('tests/', 'tools/')):
            continue
        defined, undefined = symbols(path)
        for symbol in sorted(defined | undefined):
            if re.search(r'\bplanted_|PLANTED_', symbol):
                problems.append(f'{name}:1: {symbol} is left of a planted bug')
    return problems


CHECKS = [
    ('purity', check_purity),
    ('planted', check_planted),
    ('static-data', check_static_data),
]
