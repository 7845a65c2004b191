# SPDX-License-Identifier: Apache-2.0
"""The faults of the campaign. Each is a function of a Round that acts, lasts and ends what only it can end; all else is
healed after the round. What a node may suffer from it is told to the round: `may_be_reset`, and `forced` for a quorum by an
operator's word."""
import time

from node_cluster import DAEMONS, now

# A node that stands still so long may find its authority over (profile fast: A is 3 s).
PAUSE_TOLERATED_S = 2.0
# What the others are known to wait before they may believe that a silent node is dead (profile fast: L is 6 s).
LEASE_S = 6.0


def last(round_, low=1.0, high=9.0):
    duration = round(round_.random.uniform(low, high), 1)
    round_.say(f'for {duration} s')
    time.sleep(duration)


def power_off(round_):
    node = round_.choose_node()
    round_.isolated(node)
    round_.step(f'power-off {node}', 'power-off', node)
    last(round_)


def cut(round_):
    node = round_.choose_node()
    round_.isolated(node)
    round_.step(f'cut {node}', 'cut', node)
    last(round_, 1, 12)


def cut_one_way(round_):
    node, way = round_.choose_node(), round_.random.choice(('in', 'out'))
    round_.isolated(node)
    round_.step(f'cut --{way} {node}', 'cut', node, f'--{way}')
    last(round_, 1, 12)


def split(round_):
    nodes = round_.random.sample(round_.cluster.names, round_.random.randint(1, len(round_.cluster.names) // 2))
    for node in nodes:
        round_.isolated(node)
    round_.step(f'split {" ".join(nodes)}', 'split', *nodes)
    last(round_, 1, 12)


def switch_off(round_):
    for node in round_.cluster.names:
        round_.isolated(node)
        round_.step(f'cut {node}', 'cut', node)
    last(round_, 1, 12)


def pause(round_):
    node = round_.choose_node()
    duration = round_.random.choice((1, 1.5, 2, 3, 4, 6, 8, 12, 20, 30))
    if duration > PAUSE_TOLERATED_S:
        round_.may_be_reset.add(node)
    round_.step(f'pause {node} for {duration} s', 'pause', node)
    time.sleep(duration)
    round_.step(f'resume {node}', 'resume', node)
    last(round_, 0.5, 3)


def kill_daemon(round_):
    node, daemon = round_.choose_node(), round_.random.choice(DAEMONS)
    if daemon in ('corosync', 'ha-clusterd'):
        round_.isolated(node)
    times = round_.random.choice((1, 1, 1, 3))
    for _ in range(times):
        round_.kill(node, daemon)
        time.sleep(round_.random.uniform(0.1, 1.5) if times > 1 else 0)
    last(round_, 0.5, 5)


def kill_guards(round_):
    """The LRM and the watchdog's daemon at once: the one case in which a healthy node may reset itself."""
    node = round_.choose_node()
    round_.may_be_reset.add(node)
    round_.kill(node, 'ha-watchdogd')
    round_.kill(node, 'ha-lrm')
    last(round_, 1, 6)


def hold_daemon(round_):
    """It dies and is not started again for some time."""
    node, daemon = round_.choose_node(), round_.random.choice(DAEMONS)
    if daemon in ('ha-lrm', 'ha-watchdogd'):
        round_.may_be_reset.add(node)
    elif daemon != 'ha-crm':
        round_.isolated(node)
    round_.do(f'hold {daemon} on {node}', node, 'mkdir', '-p', '/run/node_init')
    round_.do('', node, 'touch', f'/run/node_init/hold-{daemon}')
    round_.kill(node, daemon)
    last(round_, 1, 9)
    round_.do(f'release {daemon} on {node}', node, 'rm', '-f', f'/run/node_init/hold-{daemon}')


def fill_disk(round_):
    node = round_.choose_node()
    round_.step(f'fill-disk {node}', 'fill-disk', node)
    if round_.random.random() < 0.3:
        round_.kill(node, 'ha-clusterd')
        round_.isolated(node)
    last(round_, 2, 9)
    round_.step(f'free-disk {node}', 'free-disk', node)


def turn_clock(round_):
    nodes = round_.random.choice(([round_.choose_node()], round_.cluster.names))
    seconds = round_.random.choice((-3600, 3600))
    for node in nodes:
        round_.step(f'clock {node} {seconds}', 'clock', node, str(seconds))
    last(round_, 1, 6)


def lose_packets(round_):
    node = round_.choose_node()
    round_.isolated(node)
    round_.step(f'loss {node} 5 %', 'loss', node, '5')
    last(round_, 4, 12)


def flap(round_):
    node = round_.choose_node()
    round_.isolated(node)
    times, period = round_.random.randint(3, 10), round(round_.random.uniform(0.05, 1.5), 2)
    round_.say(f'flap {node} {times} times {period} s')
    for _ in range(times):
        round_.step('', 'cut', node)
        time.sleep(period)
        round_.step('', 'heal', node)
        time.sleep(period)


def kill_container(round_):
    running = round_.cluster.running()
    guest = round_.random.choice(sorted(running) or ['none'])
    for node, pid in running.get(guest, []):
        round_.say(f'kill -9 the first process of container {guest} on {node}')
        round_.kill_pid(pid)
    last(round_, 0.5, 3)


def move(round_):
    sid, node = round_.random.choice(sorted(round_.wanted)), round_.choose_node()
    round_.operate(f'ha-manager migrate {sid} {node}')
    last(round_, 0.1, 3)


def change_state(round_):
    """What is asked for changes while other things happen; what was acknowledged counts."""
    sid, state = round_.random.choice(sorted(round_.wanted)), round_.random.choice(('started', 'started', 'stopped'))
    round_.set_state(sid, state)
    last(round_, 0.1, 3)


def expected_while_cut(round_):
    """An operator at a node that is cut off makes it quorate by force, while the others are well: must be refused."""
    node = round_.choose_node()
    round_.isolated(node)
    round_.step(f'cut {node}', 'cut', node)
    time.sleep(round_.random.uniform(0, LEASE_S - 2))
    status, text = round_.do(f'expected 1 on {node}', node, 'ha-cluster', 'expected', '1', check=False)
    round_.say(f'  status {status}: {" ".join(text.split())}')
    if status == 0:
        round_.wrong(f"'ha-cluster expected 1' was taken by {node}, which was cut off from others that are alive")
    last(round_, 1, 6)


def expected_on_whole(round_):
    """The same in a cluster where nothing is broken: whatever it answers, nothing may come of it."""
    node = round_.choose_node()
    status, text = round_.do(f'expected 1 on {node}', node, 'ha-cluster', 'expected', '1', check=False)
    round_.say(f'  status {status}: {" ".join(text.split())}')
    last(round_, 1, 4)


def expected_on_last(round_):
    """All but one lose power. Its operator asks again and again; once it is taken, the node goes on alone."""
    node = round_.choose_node()
    for other in round_.cluster.names:
        round_.isolated(other)
        if other != node:
            round_.step(f'power-off {other}', 'power-off', other)
    gone = now()
    round_.forced_at = gone
    while now() < gone + 3 * LEASE_S:
        status, text = round_.do('', node, 'ha-cluster', 'expected', '1', check=False)
        if status == 0:
            round_.say(f'expected 1 on {node} was taken after {now() - gone:.1f} s')
            break
        time.sleep(0.5)
    else:
        round_.wrong(f"'ha-cluster expected 1' is refused {3 * LEASE_S} s after all others lost power: "
                     f'{" ".join(text.split())}')
    last(round_, 2, 9)


# How often each comes, in relation to the others.
FAULTS = (
    (power_off, 4), (cut, 3), (cut_one_way, 3), (split, 3), (switch_off, 1), (pause, 4), (kill_daemon, 5), (kill_guards, 1),
    (hold_daemon, 2), (fill_disk, 3), (turn_clock, 3), (lose_packets, 3), (flap, 3), (kill_container, 1), (move, 2),
    (change_state, 2), (expected_while_cut, 2), (expected_on_whole, 1), (expected_on_last, 1),
)
