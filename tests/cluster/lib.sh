# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the cluster tests share. Every test is a script that sources this, asks for the cluster it needs and then acts and
# observes. What a container does is seen from outside by tools/observer only; what the programs say is checked beside it.
# Nothing sleeps to let time pass: wait_for waits for a condition and has a deadline.
set -euo pipefail
top=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
# shellcheck source=tools/lib.sh
. "$top/tools/lib.sh"

# Not the folder of 'tools/node', so that tests do not meet nodes that somebody plays with.
export HA_NODES_DIR=${HA_NODES_DIR:-$top/build-nodes-test}
export HA_BUILD_DIR=$build
observer=$build/tools/observer
observer_log=$build/meson-logs/cluster-observer.log

# shellcheck disable=SC2034 # used by the tests
# Seconds within which a service must be recovered, whatever happened. What was measured is printed.
RECOVERY_MAX_S=25
# What may take long only because the machine is slow: elections, joins, boots.
PATIENCE_S=60

# --- reports -----------------------------------------------------------------------------------------------------------

note() {
    printf '# %s\n' "$*"
}

# The test ends here; the runner prints the nodes' logs.
flunk() {
    note "FAILED: $*"
    exit 1
}

# --- acting ------------------------------------------------------------------------------------------------------------

node() {
    "$top/tools/node" "$@"
}

on() { # NODE CMD…
    local where=$1
    shift
    "$top/tools/node" exec "$where" -- "$@"
}

# The host's pids of a program in a node, by the node's own process namespace.
pids_on() { # NODE NAME
    on "$1" pidof "$2" || true
}

kill_on() { # NODE NAME: kill -9 of the daemon, which the node's init starts again
    local pids
    pids=$(pids_on "$1" "$2")
    [ -n "$pids" ] || flunk "no $2 runs on $1"
    # shellcheck disable=SC2086 # a list
    on "$1" kill -9 $pids
}

hold_on() { # NODE NAME: ends the daemon; the node's init does not start it until release_on
    on "$1" mkdir -p /run/node_init
    on "$1" touch "/run/node_init/hold-$2"
    kill_on "$1" "$2"
}

release_on() { # NODE NAME
    on "$1" rm "/run/node_init/hold-$2"
}

# --- observing ---------------------------------------------------------------------------------------------------------

running_now() {
    "$observer" --once "$cgroup"
}

# Nodes on which the container runs now, one a line.
nodes_of() { # ID
    running_now | awk -v id="$1" '$2 == id {print $1}'
}

pid_of() { # ID
    running_now | awk -v id="$1" '$2 == id {print $3}'
}

runs_once() { # ID
    [ "$(nodes_of "$1" | wc -l)" = 1 ]
}

runs_on() { # ID NODE
    [ "$(nodes_of "$1")" = "$2" ]
}

runs_elsewhere() { # ID NODE: exactly once, and not there
    local nodes
    nodes=$(nodes_of "$1")
    [ "$(printf '%s' "$nodes" | grep -c .)" = 1 ] && [ "$nodes" != "$2" ]
}

runs_nowhere() { # ID
    [ -z "$(nodes_of "$1")" ]
}

# When the observer saw the container's last start, in milliseconds, and where.
last_start() { # ID
    awk -v id="$1" '$2 == "start" && $4 == id {line = $1 " " $3} END {print line}' "$observer_log"
}

# Says how long after START_MS the container started again; flunks above RECOVERY_MAX_S.
report_recovery() { # ID START_MS WHAT
    local at where
    read -r at where <<<"$(last_start "$1")"
    note "$3: on $where after $(((at - $2) / 1000)).$(printf '%03d' $(((at - $2) % 1000))) s"
    [ $((at - $2)) -le $((RECOVERY_MAX_S * 1000)) ] || flunk "recovery took longer than $RECOVERY_MAX_S s"
}

# When the observer saw the container end on the node last, in milliseconds; empty: not yet.
last_end() { # ID NODE
    awk -v id="$1" -v node="$2" '$2 == "end" && $3 == node && $4 == id {at = $1} END {print at}' "$observer_log"
}

# A node that is marked so and is not reset stays marked: /run is new with each boot.
boot_mark() { # NODE
    on "$1" touch /run/marked
}

boot_is_same() { # NODE
    on "$1" test -e /run/marked
}

power_of() { # NODE
    node status | awk -v node="$1" '$1 == node {print $2}'
}

# --- what the programs say ---------------------------------------------------------------------------------------------

status_on() { # NODE
    on "$1" ha-manager status 2>&1
}

has_status_line() { # NODE PATTERN
    status_on "$1" | has_line "$2"
}

is_quorate() { # NODE
    has_status_line "$1" '^quorum OK$'
}

has_master() { # NODE: as seen from there
    has_status_line "$1" '^master node[0-9]+ \((active|idle),'
}

master_of() { # NODE: as seen from there
    status_on "$1" | sed -n 's/^master \(node[0-9]*\) (.*/\1/p'
}

service_is() { # NODE SID WHERE STATE: WHERE may be a pattern
    has_status_line "$1" "^service $2 \($3, $4\)"
}

# wait_for SECONDS WORDS CMD…: the test fails with these words when the command does not succeed in time.
wait_for() {
    local seconds=$1 words=$2
    shift 2
    wait_until "$seconds" "$@" || flunk "not within $seconds s: $words"
}

# For how long something must stay true: longer than any lease lives. The condition is looked at all the time.
holds_for() { # SECONDS WORDS CMD…
    local end=$(($(now_ms) + $1 * 1000)) words=$2
    shift 2
    while [ "$(now_ms)" -lt "$end" ]; do
        "$@" || flunk "did not stay so: $words"
        sleep 0.1
    done
}

has_event() { # NODE DAEMON EVENT: told since the last events_forget
    on "$1" grep -q "$3" "/var/log/$2.log"
}

events_forget() { # NODE DAEMON
    on "$1" sh -c ": >/var/log/$2.log"
}

# --- clusters ----------------------------------------------------------------------------------------------------------

# shellcheck disable=SC2034 # used by the tests
shared_storage=shared
node_options=() # of 'node up', for the clusters that a test makes

cluster_create() { # COUNT [OPTION…]: a new cluster with that many nodes and the shared storage; options of 'create'
    local number count=$1
    shift
    node down >/dev/null
    node up "$count" "${node_options[@]}" >/dev/null
    cgroup=$(node cgroup)
    wait_for "$PATIENCE_S" "ha-clusterd of node1 answers" has_status_line node1 '^quorum '
    on node1 ha-cluster create test "$@" >/dev/null
    wait_for "$PATIENCE_S" "node1 is quorate" is_quorate node1
    for number in $(seq 2 "$count"); do
        cluster_add "node$number"
    done
    on node1 ha-guest storage add "$shared_storage" --path /mnt/shared --shared 1 >/dev/null
}

cluster_add() { # NODE: joins the cluster of node1
    local invitation
    invitation=$(on node1 ha-cluster add-node "$1" "10.77.0.${1#node}")
    on "$1" ha-cluster join "$invitation" >/dev/null
    wait_for "$PATIENCE_S" "$1 is in the cluster" is_quorate "$1"
}

# The cluster of COUNT nodes as a test wants to find it: all on, connected, quorate, no services, no guests. The
# one of the test before is used when it comes to that.
cluster_need() { # COUNT
    local sid
    cgroup=$(node cgroup)
    if ! cluster_mend "$1"; then
        note "making a new cluster of $1 nodes"
        cluster_create "$1"
    fi
    for sid in $(on node1 ha-manager config | grep -E '^[a-z]+:'); do
        on node1 ha-manager remove "$sid"
    done
    for sid in $(on node1 ha-guest list --noborder 1 --noheader 1 | grep -oE '^(ct|vm):[0-9]+'); do
        guest_remove "$sid"
    done
}

cluster_mend() { # COUNT
    local number name
    [ "$(node status | grep -c '^node')" = "$1" ] || return 1
    for number in $(seq "$1"); do
        name=node$number
        [ "$(power_of "$name")" != paused ] || node resume "$name"
        node heal "$name"
        [ "$(power_of "$name")" != off ] || node power-on "$name"
    done
    for number in $(seq "$1"); do
        wait_until "$PATIENCE_S" is_quorate "node$number" || return 1
    done
}

guest_make() { # SID NODE
    on "$2" ha-guest create "$1" --storage "$shared_storage" >/dev/null
}

guest_remove() { # SID
    local where
    where=$(on node1 ha-guest list --noborder 1 --noheader 1 | awk -v sid="$1" '$1 == sid {print $2}')
    wait_until "$PATIENCE_S" on "$where" ha-guest stop "$1" --timeout 0 >/dev/null 2>&1 || true
    on "$where" ha-guest destroy "$1" >/dev/null
}

# A container under HA that runs on NODE.
service_make() { # SID NODE [OPTION…]
    local sid=$1 where=$2
    shift 2
    guest_make "$sid" "$where"
    on "$where" ha-manager add "$sid" "$@"
    wait_for "$PATIENCE_S" "$sid runs on $where" runs_on "${sid#*:}" "$where"
    wait_for "$PATIENCE_S" "$sid is started on $where" service_is "$where" "$sid" "$where" started
}
