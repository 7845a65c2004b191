# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the tests of fence devices share: the device (tools/fence_node), whom to hit, and what proved that a node was dead.

# The switch of all nodes, working.
fence_device_make() {
    local number
    for number in 1 2 3; do
        node switch-fault "node$number" none
    done
    on node1 ha-cluster fence remove switch >/dev/null 2>&1 || true
    fence_device_add
    on node1 ha-cluster fence test >/dev/null || flunk "the fence device does not work"
    fence_marks_set
}

fence_device_add() {
    on node1 ha-cluster fence add switch --agent fence_node --nodes node1,node2,node3 --timeout 5 >/dev/null
}

fence_device_remove() {
    on node1 ha-cluster fence remove switch || flunk "the device cannot be removed"
}

# Where the nodes' logs end now, so that only what comes later is looked at.
fence_marks_set() {
    local number
    for number in 1 2 3; do
        wc -l <"$(fence_log "node$number")" >"$(fence_log "node$number").mark"
    done
}

fence_log() { # NODE
    printf '%s\n' "$HA_NODES_DIR/$1/disk/var/log/ha-crm.log"
}

# Lines of all CRMs since fence_marks_set.
fence_events() {
    local number log
    for number in 1 2 3; do
        log=$(fence_log "node$number")
        tail -n "+$(($(<"$log.mark") + 1))" "$log"
    done
}

# A node that is neither the master nor node1, which the tests ask. A first service makes one master.
fence_victim() {
    service_make ct:109 node1 >/dev/null
    case $(master_of node1) in
        node2) echo node3 ;;
        *) echo node2 ;;
    esac
}

service_runs() { # ID
    runs_once "$1" && service_is node1 "ct:$1" "$(nodes_of "$1")" started
}

fence_proof_is() { # NODE PROOF
    wait_for 10 "the proof that $1 is dead is '$2'" fence_has_event fence-confirmed "node=$1" "proof=$2"
    fence_marks_set
}

# fence_has_event NAME FIELD…: was there one with all these fields?
fence_has_event() {
    local lines field
    lines=$(fence_events | grep -F ": $1: ") || return 1
    shift
    for field in "$@"; do
        lines=$(grep -E "(: | )$field( |\$)" <<<"$lines") || return 1
    done
}

# Milliseconds after which a lease can be broken at the earliest: what 'ha-cluster timing' calls L.
fence_lease_ms() {
    on node1 ha-cluster timing --output-format json | grep -oE '"lease_ms":[0-9]+' | cut -d: -f2
}

fence_recovered_before_lease() { # ID START_MS
    local at
    read -r at _ <<<"$(last_start "$1")"
    note "a lease would have taken at least $(fence_lease_ms) ms"
    [ $((at - $2)) -lt "$(fence_lease_ms)" ] || flunk "the lease may have proved it"
}

fence_recovered_by_lease() { # ID START_MS
    local at
    read -r at _ <<<"$(last_start "$1")"
    [ $((at - $2)) -ge $(($(fence_lease_ms) - 1000)) ] || flunk "it was recovered before the lease could prove anything"
}

fence_victim_returns() { # NODE
    [ "$(power_of "$1")" != paused ] || node resume "$1"
    [ "$(power_of "$1")" != off ] || node power-on "$1"
    wait_for "$PATIENCE_S" "$1 is quorate again" is_quorate "$1"
    wait_for "$PATIENCE_S" "its LRM is back" has_status_line node1 "^lrm $1 \\((idle|active),"
}
