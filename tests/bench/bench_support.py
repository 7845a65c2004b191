# SPDX-License-Identifier: Apache-2.0
"""What measurements on test nodes share: a cluster that is taken down again, percentiles, rows."""
import contextlib
import json
import math
import os
import signal
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), '..', 'cluster'))

from node_cluster import BUILD, Cluster, CommandFailed, now, run  # noqa: E402, F401

SKIP = 77


def percentile(values, percent):
    """The smallest of the values that is not below that share of them."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def row_print(row):
    print(json.dumps(row), flush=True)


def say(words):
    print(words, file=sys.stderr, flush=True)


@contextlib.contextmanager
def cluster_of(count, profile, *options, interval_ms=20):
    """A new cluster of test nodes in a folder of its own, down again at the end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if os.geteuid() != 0:
        say('root is needed (namespaces, cgroups)')
        sys.exit(SKIP)
    os.environ.setdefault('HA_NODES_DIR', os.path.join(os.path.dirname(BUILD), 'build-nodes-bench'))
    os.environ['HA_BUILD_DIR'] = BUILD
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(count, folder)
        try:
            cluster.create(profile, *options, interval_ms=interval_ms)
            yield cluster
            violations = cluster.end()
            if violations != 0:
                raise CommandFailed(f'the observer counted {violations} violations')
        finally:
            cluster.end()
            cluster.down()
