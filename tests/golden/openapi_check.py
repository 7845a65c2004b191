#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: openapi_check.py DOCUMENT

Whether the document of all calls is a sound OpenAPI 3.1 document: its schemas are JSON Schema, its parameters are complete,
and each part of a path in braces has one. Prints TAP."""

import json
import re
import sys

try:
    import jsonschema
except ImportError:
    jsonschema = None

VERBS = {'get', 'post', 'put', 'delete'}
PARAMETER = {'type': 'object', 'required': ['name', 'in', 'required', 'schema'], 'additionalProperties': False,
             'properties': {'name': {'type': 'string', 'minLength': 1}, 'in': {'enum': ['path', 'query']},
                            'required': {'type': 'boolean'}, 'schema': {'type': 'object', 'required': ['type', 'description']}}}
OPERATION = {'type': 'object', 'required': ['summary', 'responses', 'x-access'], 'additionalProperties': False,
             'properties': {'summary': {'type': 'string', 'minLength': 1}, 'parameters': {'type': 'array', 'items': PARAMETER},
                            'requestBody': {'type': 'object', 'required': ['content']},
                            'responses': {'type': 'object', 'required': ['200', 'default']},
                            'security': {'type': 'array', 'maxItems': 0}, 'x-access': {'type': 'string', 'minLength': 1}}}
DOCUMENT = {'type': 'object', 'required': ['openapi', 'info', 'paths', 'servers', 'security', 'components'],
            'properties': {'openapi': {'const': '3.1.0'},
                           'info': {'type': 'object', 'required': ['title', 'version']},
                           'paths': {'type': 'object', 'patternProperties': {
                               '^(/([a-z0-9_-]+|[{][a-z]+[}]))+$': {'type': 'object', 'additionalProperties': False,
                                                                   'properties': {verb: OPERATION for verb in VERBS}}},
                                     'additionalProperties': False}}}


def schemas(node):
    """All that stands under a key "schema", however deep."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            waiting += node.values()
            if isinstance(node.get('schema'), dict):
                yield node['schema']
        elif isinstance(node, list):
            waiting += node


def check_form(document):
    validator = jsonschema.Draft202012Validator(DOCUMENT)
    return [f'{"/".join(str(part) for part in error.path)}: {error.message[:300]}' for error in validator.iter_errors(document)]


def check_schemas(document):
    problems = []
    for schema in schemas(document['paths']):
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
        except jsonschema.SchemaError as error:
            problems.append(f'{error.message}: {json.dumps(schema)[:200]}')
    return problems


def check_paths(document):
    problems = []
    for path, operations in document['paths'].items():
        for verb, operation in operations.items():
            parameters = operation.get('parameters', [])
            names = [parameter['name'] for parameter in parameters]
            in_path = {parameter['name'] for parameter in parameters if parameter['in'] == 'path'}
            if in_path != set(re.findall(r'\{(\w+)\}', path)):
                problems.append(f'{verb} {path}: parameters of the path are {sorted(in_path)}')
            if len(names) != len(set(names)):
                problems.append(f'{verb} {path}: a parameter stands there twice')
    return problems


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    if jsonschema is None:
        print('1..0 # SKIP python3-jsonschema is not installed')
        return 0
    with open(arguments[1], encoding='utf-8') as file:
        document = json.load(file)
    checks = [('form', check_form), ('schemas', check_schemas), ('paths', check_paths)]
    print(f'1..{len(checks)}')
    good = True
    for number, (name, check) in enumerate(checks, 1):
        problems = check(document)
        good = good and not problems
        for problem in problems:
            print(f'# {problem}')
        print(f'{"not ok" if problems else "ok"} {number} - {name}')
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv))
