# SPDX-License-Identifier: Apache-2.0
"""The campaign language (docs/campaign.md) on real nodes: reads a file by the simulator's own parser, carries out its steps with
tools/node and the tools of the product, and refuses before anything is made what real nodes cannot do. Every settle is judged as
the end of a round of the fault campaign."""
import heapq
import itertools
import os
import subprocess
import tempfile
import time

from node_cluster import BUILD, now

# What a node may stand still without that it may find its authority over, by profile: half of what it rides out.
TOLERATED_S = {'fast': 1.1, 'balanced': 2.7, 'patient': 30.0}

REFUSED = {
    'hang-guest': 'a container that does not stop needs a program of its own',
    'start-fails': 'needs a container that is broken on purpose',
    'start-slow': 'needs a container that is slow on purpose',
    'stop-slow': 'needs a container that is slow on purpose',
    'blind': 'needs an ha-crm that cannot read on purpose',
    'disk-slow': 'the disks of test nodes are files',
    'disk-lost': 'a node without its disk has to be taken out and to join again',
    'fence-device': 'the campaign configures no fence device',
    'node-join': 'the nodes are made at the start',
    'node-leave': 'the nodes are made at the start',
    'node-reinstall': 'the nodes are made at the start',
    'reboot': 'a test node has no orderly reboot of its own; use power-off and power-on',
}


class ScriptRefused(Exception):
    pass


class Script:
    def __init__(self, path):
        self.cluster, self.rounds = {}, [[]]
        for line in self.normalised(path).splitlines():
            words = line.split()
            if words[0] == 'cluster':
                self.cluster = dict(zip(words[1::2], words[2::2]))
                continue
            at, step = float(words[0]), words[1:]
            if step[0] in REFUSED:
                raise ScriptRefused(f"'{' '.join(step)}' cannot be done on real nodes: {REFUSED[step[0]]}")
            self.rounds[-1].append((at, step))
            if step[0] == 'settle':
                self.rounds.append([])
        self.rounds.pop()
        self.nodes, self.services = int(self.cluster['nodes']), int(self.cluster['services'])
        self.profile, self.seed = self.cluster['profile'], self.cluster['seed']
        self.lease_loss = self.cluster.get('lease-loss', 'stop')
        if self.cluster.get('fence-devices') == 'on':
            raise ScriptRefused(f"'fence-devices on' cannot be done on real nodes: {REFUSED['fence-device']}")

    @staticmethod
    def normalised(path):
        """The one parser is the simulator's."""
        with tempfile.TemporaryDirectory() as folder:
            os.symlink(os.path.realpath(os.path.join(path, 'campaign') if os.path.isdir(path) else path),
                       os.path.join(folder, 'campaign'))
            done = subprocess.run((os.path.join(BUILD, 'ha-simulator'), 'replay', '--text', folder), check=False,
                                  capture_output=True, text=True)
        if done.returncode != 0:
            raise ScriptRefused(done.stderr.strip())
        return done.stdout


class Player:
    """Carries out the steps of one round; `round_` is what a fault of the campaign gets."""

    def __init__(self, round_, profile):
        self.round, self.cluster = round_, round_.cluster
        self.tolerated_s = TOLERATED_S[profile]
        self.later, self.order = [], itertools.count()
        self.guards_lost = {}

    def after(self, seconds, act):
        heapq.heappush(self.later, (now() + seconds, next(self.order), act))

    def wait_until(self, at):
        while self.later and self.later[0][0] <= at:
            when, _, act = heapq.heappop(self.later)
            time.sleep(max(0, when - now()))
            act()
        time.sleep(max(0, at - now()))

    def play(self, steps):
        began = now()
        for at, step in steps:
            self.wait_until(began + at)
            if step[0] == 'settle':
                break
            getattr(self, 'do_' + step[0].replace('-', '_'))(*step[1:])
        # What was to end by itself ends now.
        while self.later:
            heapq.heappop(self.later)[2]()

    # --- power, network, pauses

    def do_power_off(self, node):
        self.round.isolated(node)
        self.round.step(f'power-off {node}', 'power-off', node)

    def do_power_on(self, node):
        self.round.step(f'power-on {node}', 'power-on', node)

    def do_cut(self, node, way=None):
        self.round.isolated(node)
        self.round.step(f'cut {node} {way or ""}', 'cut', node, *([f'--{way}'] if way else []))

    def do_mend(self, node):
        self.round.step(f'heal {node}', 'heal', node)

    def do_split(self, *nodes):
        for node in self.cluster.names:
            self.round.isolated(node)
        self.round.step(f'split {" ".join(nodes)}', 'split', *nodes)

    def do_heal(self):
        for node in self.cluster.names:
            self.round.step(f'heal {node}', 'heal', node)

    def do_loss(self, percent):
        for node in self.cluster.names:
            self.round.isolated(node)
            self.round.step(f'loss {node} {percent} %', 'loss', node, percent)

    def do_pause(self, node, seconds):
        if float(seconds) > self.tolerated_s:
            self.round.may_be_reset.add(node)
        self.round.step(f'pause {node} for {seconds} s', 'pause', node)
        self.after(float(seconds), lambda: self.round.step(f'resume {node}', 'resume', node))

    # --- daemons, disks, clocks

    def lose(self, node, daemon, is_held):
        if daemon in ('corosync', 'clusterd'):
            self.round.isolated(node)
            if is_held:  # ha-lrm may wait for its answer for too long
                self.round.may_be_reset.add(node)
        elif daemon in ('lrm', 'watchdogd'):
            lost = self.guards_lost.setdefault(node, [])
            lost.append(daemon)
            if is_held or len(lost) > 1:
                self.round.may_be_reset.add(node)

    @staticmethod
    def program(daemon):
        return daemon if daemon == 'corosync' else f'ha-{daemon}'

    def do_kill(self, node, daemon):
        self.lose(node, daemon, False)
        self.round.kill(node, self.program(daemon))

    def do_hold(self, node, daemon, seconds):
        program = self.program(daemon)
        self.lose(node, daemon, True)
        self.round.do(f'stop {program} on {node} for {seconds} s', node, 'pkill', '-STOP', '-x', program)
        self.after(float(seconds), lambda: self.round.do(f'continue {program} on {node}', node, 'pkill', '-CONT', '-x', program))

    def do_disk_full(self, node, switch):
        verb = 'fill-disk' if switch == 'on' else 'free-disk'
        self.round.step(f'{verb} {node}', verb, node)
        if switch == 'on':
            self.after(3600, lambda: self.round.step(f'free-disk {node}', 'free-disk', node))

    def do_wall_clock(self, node, seconds):
        self.round.step(f'clock {node} {seconds}', 'clock', node, seconds)

    # --- guests and orders

    def do_kill_guest(self, sid):
        for node, pid in self.cluster.running().get(sid.split(':')[1], []):
            self.round.say(f'kill -9 the first process of container {sid} on {node}')
            self.round.kill_pid(pid)

    def do_set(self, sid, key, value):
        if key != 'state':
            self.round.operate(f'ha-manager set {sid} --{key} {value}')
        elif value in ('ignored', 'disabled'):
            self.round.operate(f'ha-manager set {sid} --state {value}')
            self.round.wanted.pop(sid, None)
        else:
            self.round.set_state(sid, value)

    def do_add(self, sid):
        self.round.operate(f'ha-guest create {sid} --storage shared')
        self.round.operate(f'ha-manager add {sid} --state started')
        self.round.wanted[sid] = 'started'

    def do_remove(self, sid):
        self.round.operate(f'ha-manager remove {sid}')
        self.round.wanted.pop(sid, None)

    def do_migrate(self, sid, node):
        self.round.operate(f'ha-manager migrate {sid} {node}')

    def do_relocate(self, sid, node):
        self.round.operate(f'ha-manager relocate {sid} {node}')

    def do_stop(self, sid):
        if self.round.operate(f'ha-manager crm-command stop {sid} 60') == 'done':
            self.round.wanted[sid] = 'stopped'
        else:
            self.round.wanted[sid] = None

    def do_rule(self, *words):
        self.round.operate('ha-manager rules ' + ' '.join(words))

    def do_maintenance(self, node, switch):
        verb = 'enable' if switch == 'on' else 'disable'
        self.round.operate(f'ha-manager crm-command node-maintenance {verb} {node}')

    def do_disarm(self):
        self.round.operate('ha-manager crm-command disarm-ha freeze')

    def do_arm(self):
        self.round.operate('ha-manager crm-command arm-ha')

    def do_expected(self, node, votes, force=None):
        status, text = self.round.do(f'expected {votes} on {node}', node, 'ha-cluster', 'expected', votes,
                                     *(['--force'] if force else []), check=False)
        self.round.say(f'  status {status}: {" ".join(text.split())}')
        if status == 0:
            self.round.forced_at = now()
