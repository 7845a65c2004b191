# SPDX-License-Identifier: Apache-2.0
"""The same power cut with Pacemaker as the manager, on the same Corosync with the same configuration, nodes and power switch,
so that there is something to compare with. Its resource is ocf:pacemaker:Dummy, whose start makes a file: less than a
container needs. Needs the Debian packages pacemaker, pacemaker-cli-utils and
resource-agents; they are not part of tools/setup."""
import os
import random
import time

from bench_support import cluster_of, now
from node_cluster import DAEMONS

STATE_FILE = 'run/resource-agents/bench-dummy.state'
LIMIT_S = 180
CIB = '''<configuration>
<crm_config><cluster_property_set id="options">
<nvpair id="o1" name="stonith-enabled" value="true"/><nvpair id="o2" name="stonith-action" value="off"/>
<nvpair id="o3" name="no-quorum-policy" value="stop"/>
</cluster_property_set></crm_config>
<rsc_defaults><meta_attributes id="defaults"><nvpair id="d1" name="resource-stickiness" value="100"/></meta_attributes></rsc_defaults>
<nodes/>
<resources>
<primitive id="switch" class="stonith" type="fence_node"><instance_attributes id="switch-p">
<nvpair id="switch-c" name="pcmk_host_check" value="static-list"/><nvpair id="switch-h" name="pcmk_host_list" value="{nodes}"/>
</instance_attributes></primitive>
<primitive id="bench" class="ocf" provider="pacemaker" type="Dummy">
<instance_attributes id="bench-p"><nvpair id="bench-s" name="state" value="/run/resource-agents/bench-dummy.state"/></instance_attributes>
<operations><op id="bench-m" name="monitor" interval="10s" timeout="20s"/></operations></primitive>
</resources><constraints/></configuration>'''
# The agent is looked for in /usr/sbin, which is the machine's and not to be written to: the node sees it with the agent in it.
START = '''set -e
mkdir -p /run/peer/sbin /run/crm /run/resource-agents /var/log/pacemaker
cp /usr/local/sbin/fence_node /run/peer/sbin/
[ -x /usr/sbin/fence_node ] || mount -t overlay overlay -o lowerdir=/run/peer/sbin:/usr/sbin /usr/sbin
for folder in cib pengine blackbox cores; do
    install -d -o hacluster -g haclient -m 750 /var/lib/pacemaker/$folder
done
chown hacluster:haclient /var/lib/pacemaker /var/log/pacemaker /run/crm
export PCMK_logfacility=none PCMK_logfile=/var/log/pacemaker/pacemaker.log
setsid pacemakerd </dev/null >/var/log/pacemakerd.out 2>&1 &'''


def is_installed():
    return os.path.exists('/usr/sbin/pacemakerd') and os.path.exists('/usr/lib/ocf/resource.d/pacemaker/Dummy')


def start(cluster, node):
    """Our daemons make room; Corosync stays as they have set it up."""
    cluster.on(node, 'mkdir', '-p', '/run/node_init')
    for daemon in DAEMONS:
        if daemon != 'corosync':
            cluster.on(node, 'touch', f'/run/node_init/hold-{daemon}')
            cluster.on(node, 'pkill', '-9', '-x', daemon, check=False)
    cluster.wait(LIMIT_S, f'Corosync of {node} is quorate',
                 lambda: 'Quorate:          Yes' in cluster.on(node, 'corosync-quorumtool', '-s', check=False)[1])
    cluster.on(node, 'bash', '-c', START)


def online_count(cluster, node):
    text = cluster.on(node, 'crm_mon', '-1', '--inactive', check=False)[1]
    return sum(len(line.split('[')[1].split(']')[0].split()) for line in text.splitlines()
               if 'Online: [' in line)


def init_pid(cluster, node):
    with open(os.path.join(cluster.disk(node), '..', 'init'), encoding='utf-8') as file:
        return file.read().split()[0]


def place_of(cluster, pids):
    return [node for node, pid in pids.items() if os.path.exists(f'/proc/{pid}/root/{STATE_FILE}')]


def controller_of(cluster):
    for node in cluster.names:
        status, text = cluster.on(node, 'crmadmin', '-D', '-q', check=False)
        if status == 0 and text.strip():
            return text.split()[-1]
    return None


def settle(cluster):
    """All nodes are online and the resource runs once; returns the nodes' first processes."""
    for node in cluster.names:
        cluster.wait(LIMIT_S, f'{node} sees all online', lambda node=node: online_count(cluster, node) == len(cluster.names))
    pids = {node: init_pid(cluster, node) for node in cluster.names}
    cluster.wait(LIMIT_S, 'the resource runs once', lambda: len(place_of(cluster, pids)) == 1)
    return pids


def move_to(cluster, pids, node):
    if place_of(cluster, pids) != [node]:
        cluster.on(node, 'crm_resource', '--move', '-r', 'bench', '-N', node)
        cluster.wait(LIMIT_S, f'the resource runs on {node}', lambda: place_of(cluster, pids) == [node])
        cluster.on(node, 'crm_resource', '--clear', '-r', 'bench')


def one_run(cluster, number, say):
    pids = settle(cluster)
    controller = controller_of(cluster)
    as_controller = number % 2 == 1 and controller is not None
    victim = controller if as_controller else random.choice([node for node in cluster.names if node != controller])
    move_to(cluster, pids, victim)
    time.sleep(random.uniform(2, 4))
    pids.pop(victim)
    begin = cluster.kill_node(victim)
    while not place_of(cluster, pids):
        if now() > begin + LIMIT_S:
            raise TimeoutError('the resource does not run again')
        time.sleep(0.002)
    total = now() - begin
    say(f'pacemaker run {number}: {victim}{" (controller)" if as_controller else ""} {total:.3f} s')
    cluster.node('power-off', victim)
    cluster.node('power-on', victim)
    start(cluster, victim)
    return {'master': as_controller, 'total': total, 'phases': {}}


def measure(options, say):
    """The runs, or None where Pacemaker is not installed."""
    if not is_installed():
        say('pacemaker is not installed: left out')
        return None
    with cluster_of(options.nodes, options.profile) as cluster:
        for node in cluster.names:
            start(cluster, node)
        cluster.wait(LIMIT_S, 'all nodes are online', lambda: online_count(cluster, 'node1') == len(cluster.names))
        cluster.on('node1', 'cibadmin', '--replace', '--scope', 'configuration', '--xml-text',
                   CIB.format(nodes=' '.join(cluster.names)))
        return [one_run(cluster, number, say) for number in range(1, options.runs + 1)]
