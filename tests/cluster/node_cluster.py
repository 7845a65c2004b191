# SPDX-License-Identifier: Apache-2.0
"""A cluster of test nodes for programs: the fault campaign and measurements. Everything goes through tools/node,
tools/observer and the tools of the product. Nothing here decides whether what is seen is right."""
import datetime
import json
import os
import re
import signal
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BUILD = os.environ.get('HA_BUILD_DIR') or os.path.join(TOP, 'build')
DAEMONS = ('ha-watchdogd', 'ha-clusterd', 'ha-crm', 'ha-lrm', 'corosync')
WRITER_PERIOD_MS = 100
PREFIX = 'campaign'


def now():
    """Seconds of a clock that only grows; the observer's and the writers' lines have the same."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class CommandFailed(Exception):
    pass


def run(*command, check=True, timeout=120):
    """(exit status, output and errors together)"""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=timeout, check=False)
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(f'{" ".join(command)}: not done within {timeout} s') from error
    text = done.stdout.decode('utf-8', 'replace')
    if check and done.returncode != 0:
        raise CommandFailed(f'{" ".join(command)}: status {done.returncode}: {text.strip()}')
    return done.returncode, text


class Writer:
    """A client in a node that writes all the time and notes what was acknowledged."""

    def __init__(self, cluster, node, path):
        self.cluster, self.node, self.path = cluster, node, path
        self.process = None
        self.offset = 0
        self.done, self.refused, self.open = {}, set(), set()  # numbers; of `done` also when it was read here

    def start(self):
        if self.process and self.process.poll() is None:
            return
        with open(self.path, 'ab') as output:
            self.process = subprocess.Popen(
                self.cluster.exec_command(self.node, '/run/node/image/store_client', 'write', f'{PREFIX}/{self.node}',
                                          str(WRITER_PERIOD_MS)),
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.DEVNULL, start_new_session=True)

    def read(self):
        """Takes in what it has noted since the last time, whole lines only."""
        if not os.path.exists(self.path):
            return
        with open(self.path, 'rb') as file:
            file.seek(self.offset)
            data = file.read()
        data = data[:data.rfind(b'\n') + 1]
        self.offset += len(data)
        for line in data.decode().splitlines():
            words = line.split()
            number = int(words[1])
            if words[0] == 'sent':
                self.open.add(number)
            elif words[0] == 'done':
                self.done[number] = now()
                self.open.discard(number)
            elif words[0] == 'refused':
                self.refused.add(number)
                self.open.discard(number)

    def forget(self, last):
        self.done = {number: at for number, at in self.done.items() if number > last}
        self.refused = {number for number in self.refused if number > last}
        self.open = {number for number in self.open if number > last}


class Cluster:
    def __init__(self, count, folder):
        self.names = [f'node{number}' for number in range(1, count + 1)]
        self.folder = folder
        self.tool = os.path.join(TOP, 'tools', 'node')
        self.observer = os.path.join(BUILD, 'tools', 'observer')
        self.observer_log = os.path.join(folder, 'observer.log')
        self.observer_process = None
        self.observer_offset = 0
        self.standstill_log = os.path.join(folder, 'standstill.log')
        self.standstill_process = None
        self.cgroup = ''
        self.writers = {}
        self.log_offsets = {}

    # --- acting

    def node(self, *arguments, check=True):
        return run(self.tool, *arguments, check=check)[1]

    def exec_command(self, node, *command):
        return (self.tool, 'exec', node, '--') + command

    def on(self, node, *command, check=True):
        return run(*self.exec_command(node, *command), check=check)

    def create(self, profile, *options, interval_ms=20):
        self.node('down')
        self.node('up', str(len(self.names)), '--json-log', *options)
        self.cgroup = self.node('cgroup').strip()
        self.wait(60, 'ha-clusterd of node1 answers', lambda: 'quorum ' in self.status('node1'))
        self.on('node1', 'ha-cluster', 'create', 'campaign', '--profile', profile)
        self.wait(60, 'node1 is quorate', lambda: self.is_quorate('node1'))
        for node in self.names[1:]:
            invitation = self.on('node1', 'ha-cluster', 'add-node', node, f'10.77.0.{node[4:]}')[1].strip()
            self.on(node, 'ha-cluster', 'join', invitation.splitlines()[-1])
            self.wait(60, f'{node} is in the cluster', lambda node=node: self.is_quorate(node))
        # The votes have just changed, so that an outcome may be unknown: asked for until it is seen.
        self.wait(60, 'the shared storage is known', lambda: self.on(
            'node1', 'ha-guest', 'storage', 'add', 'shared', '--path', '/mnt/shared', '--shared', '1', check=False)[0] == 0
            or 'shared' in self.on('node1', 'ha-guest', 'storage', 'list', check=False)[1])
        with open(self.observer_log, 'wb') as output:
            self.observer_process = subprocess.Popen((self.observer, '--interval', str(interval_ms), self.cgroup),
                                                     stdout=output, stdin=subprocess.DEVNULL)
        with open(self.standstill_log, 'wb') as output:
            self.standstill_process = subprocess.Popen(
                (sys.executable, os.path.join(TOP, 'tests', 'cluster', 'standstill.py'), self.node('path').strip()),
                stdout=output, stdin=subprocess.DEVNULL)
        for node in self.names:
            self.writers[node] = Writer(self, node, os.path.join(self.folder, f'writer-{node}.log'))

    def service_create(self, sid, node, state):
        self.on(node, 'ha-guest', 'create', sid, '--storage', 'shared')
        self.on(node, 'ha-manager', 'add', sid, '--state', state, '--max_restart', '10', '--max_relocate', '10')

    def kill_node(self, node):
        """The power cut at this very moment, of which the time is returned; `node power-off` then tidies up."""
        with open(os.path.join(self.disk(node), '..', 'init'), encoding='utf-8') as file:
            pid, start = file.read().split()
        with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
            if file.read().rpartition(')')[2].split()[19] != start:
                raise CommandFailed(f'{node} has ended before')
        at = now()
        os.kill(int(pid), signal.SIGKILL)
        return at

    def end(self):
        """The observer's verdict: the number of times a container ran twice, over everything."""
        violations = None
        if self.standstill_process:
            self.standstill_process.terminate()
            self.standstill_process.wait()
            self.standstill_process = None
        if self.observer_process:
            self.observer_process.terminate()
            self.observer_process.wait()
            self.observer_process = None
            with open(self.observer_log, encoding='utf-8') as lines:
                last = lines.read().splitlines()[-1:]
            words = last[0].split() if last else []
            violations = int(words[4]) if len(words) == 5 and words[1] == 'summary' else None
        return violations

    def standstills(self, since):
        """When the machine itself stood still since then, and how long."""
        with open(self.standstill_log, encoding='utf-8') as lines:
            return [line.rstrip() for line in lines if float(line.split()[0]) >= since]

    def down(self):
        self.node('down', check=False)

    # --- observing

    def wait(self, seconds, words, condition):
        end = now() + seconds
        while not condition():
            if now() > end:
                raise CommandFailed(f'not within {seconds} s: {words}')
            time.sleep(0.1)

    def power(self):
        """Node: (power, network), as tools/node tells it."""
        table = {}
        for line in self.node('status').splitlines()[1:]:
            found = re.match(r'(\S+)\s+(off \(\w+\)|\S+)\s+(.*)$', line)
            table[found.group(1)] = (found.group(2), found.group(3).strip())
        return table

    def status(self, node):
        return self.on(node, 'ha-manager', 'status', check=False)[1]

    def is_quorate(self, node):
        return re.search(r'^quorum OK$', self.status(node), re.M) is not None

    def master(self):
        for node in self.names:
            found = re.search(r'^master (\S+) \((active|idle)', self.status(node), re.M)
            if found:
                return found.group(1)
        return None

    def running(self):
        """Container id: nodes on which it runs, by the kernel's tables."""
        table = {}
        for line in run(self.observer, '--once', self.cgroup)[1].splitlines():
            node, guest, pid = line.split()
            table.setdefault(guest, []).append((node, int(pid)))
        return table

    def violations(self):
        """Lines of the observer since the last call that tell of a container that ran twice."""
        with open(self.observer_log, 'rb') as file:
            file.seek(self.observer_offset)
            data = file.read()
        data = data[:data.rfind(b'\n') + 1]
        self.observer_offset += len(data)
        return [line for line in data.decode().splitlines() if ' violation ' in line]

    def starts(self, guest):
        """(when, node) of each start of a container that the observer has seen."""
        found = []
        with open(self.observer_log, encoding='utf-8') as lines:
            for line in lines:
                words = line.split()
                if line.endswith('\n') and len(words) == 5 and words[1] == 'start' and words[3] == guest:
                    found.append((int(words[0]) / 1000, words[2]))
        return found

    def events(self, node, daemon, since):
        """Events that a daemon told since then, with `at_s` in seconds of now()'s clock."""
        offset = time.time() - now()
        found = []
        with open(os.path.join(self.disk(node), f'var/log/{daemon}.log'), encoding='utf-8', errors='replace') as lines:
            for line in lines:
                try:
                    event = json.loads(line)
                    stamp = datetime.datetime.fromisoformat(event['t'].replace('Z', '+00:00'))
                except (ValueError, KeyError, TypeError):
                    continue
                event['at_s'] = stamp.timestamp() - offset
                if event['at_s'] >= since:
                    found.append(event)
        return found

    def crashes(self):
        """What the nodes' inits noted since the last call of programs that ended by a signal of their own making."""
        found = []
        for node in self.names:
            path = os.path.join(self.disk(node), 'var/log/node_init.log')
            try:
                with open(path, 'rb') as file:
                    file.seek(self.log_offsets.get(node, 0))
                    data = file.read()
            except OSError:
                continue
            self.log_offsets[node] = self.log_offsets.get(node, 0) + len(data)
            found += [f'{node}: {line}' for line in data.decode('utf-8', 'replace').splitlines()
                      if re.search(r'ended by signal (4|6|7|8|11)$', line)]
        return found

    def disk(self, node):
        return os.path.join(self.node('path').strip(), node, 'disk')

    def rows(self, node):
        """Numbers of the rows that the node shows, for each writer; None when it does not answer."""
        status, text = self.on(node, '/run/node/image/store_client', 'read', PREFIX, check=False)
        if status != 0:
            return None
        table = {name: set() for name in self.names}
        for line in text.splitlines():
            key, value = line.split()
            _, writer, number = key.split('/')
            if number == value:
                table[writer].add(int(number))
        return table

    # --- whole again

    def whole(self, may_be_reset):
        """Ends all faults. Returns nodes that were found ended and should not be: (node, how)."""
        wrong = []
        for node, (power, network) in self.power().items():
            if power == 'paused':
                self.node('resume', node)
            if network != 'connected':
                self.node('heal', node)
        for node, (power, _) in self.power().items():
            if power == 'off (reset)' and node not in may_be_reset or power in ('off (halt)', 'off (crash)'):
                wrong.append((node, power))
            if power.startswith('off'):
                self.node('power-on', node, check=False)
        return wrong
