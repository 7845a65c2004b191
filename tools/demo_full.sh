# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The longer story of tools/demo: a container, a virtual machine and a service of an OCF agent under HA together. The
# machine's guest (tests/lib/vm_guest.c) counts on its disk, fifty times a second, and notes there for ever when anybody else
# has written, when a write got lost, or when its memory is older than the disk: it sees a double run from within.
# shellcheck disable=SC2154 # what tools/demo sets

vm_sid=vm:101
ocf_sid=ocf:app
ocf_group=ha-manager.ocf.app.payload
vm_elf=$build/tests/lib/vm_guest.elf
CRASH_MAX_MS=3000

# Why it cannot be told here, or nothing.
full_refusal() {
    if ! command -v qemu-system-x86_64 >/dev/null; then
        printf 'qemu-system-x86 is not installed\n'
    elif [ ! -f "$vm_elf" ]; then
        printf '%s is not built\n' "$vm_elf"
    elif [ ! -x /usr/lib/ocf/resource.d/heartbeat/anything ]; then
        printf 'the OCF agent heartbeat:anything is not installed\n'
    fi
}

# --- what the machine's disk says ---

vm_word() { # BYTE: eight bytes, in hex
    od -A n -t x8 -j "$1" -N 8 "$nodes_folder/shared/vm-101-disk-0.raw" 2>/dev/null | tr -d ' '
}

vm_instance() { # which start of it counts now
    vm_word 8
}

vm_is_another() { # INSTANCE
    [ "$(vm_instance)" != "$1" ]
}

vm_number() {
    printf '%d\n' "0x$(vm_word 16)"
}

vm_counts() { # it has gone on since the last look
    local number
    number=$(vm_number)
    [ "$number" != "${vm_number_last:-0}" ] || return 1
    vm_number_last=$number
}

vm_disk_is_whole() {
    [ "$(vm_word 512)" = 0000000000000000 ] || story_failed "the guest of $vm_sid has seen another writer, or a lost write"
}

# --- where they are ---

# The first process of a control group on each node that has one: "node2 4711".
places_of() { # GROUP
    local name
    for name in $(node status | awk '/^node/ && $2 == "on" {print $1}'); do
        on "$name" sh -c "cat /sys/fs/cgroup/pids/$1/cgroup.procs /sys/fs/cgroup/$1/cgroup.procs 2>/dev/null" \
            </dev/null 2>/dev/null | awk -v node="$name" 'NR == 1 {print node, $1}' || true
    done
}

nodes_of() { # GROUP
    places_of "$1" | awk '{print $1}'
}

group_is_on() { # GROUP NODE: there and nowhere else
    [ "$(nodes_of "$1")" = "$2" ]
}

group_is_new() { # GROUP NODE PID
    local place
    place=$(places_of "$1")
    [ -n "$place" ] && [ "$place" != "$2 $3" ]
}

group_left() { # GROUP NODE: runs on exactly one other node
    local where
    where=$(nodes_of "$1")
    [ "$(printf '%s' "$where" | grep -c .)" = 1 ] && [ "$where" != "$2" ]
}

is_started() { # SID NODE
    has_status_line "$witness" "^service $1 \($2, started\)"
}

# --- the story ---

full_services_create() {
    cp "$vm_elf" "$nodes_folder/shared/vm_guest.elf"
    run_on node2 ha-guest create $vm_sid --ide0 shared:1 --memory 64 --vga none --kvm 0 --agent 1,type=isa \
        --kernel /mnt/shared/vm_guest.elf --append "count fill agent"
    run_on node2 ha-manager add $vm_sid --probe agent --probe_interval 2 --probe_timeout 2 --probe_failures 2
    run_on node2 ha-manager add $ocf_sid --agent heartbeat:anything --param binfile=/bin/sleep \
        --param cmdline_options=86400 --param pidfile=/run/app.pid --param errlogfile=/dev/null
    wait_for "$PATIENCE_S" "$vm_sid is started" is_started $vm_sid node2
    wait_for "$PATIENCE_S" "$vm_sid counts on its disk" vm_counts
    wait_for "$PATIENCE_S" "$ocf_sid is started" is_started $ocf_sid node2
    group_is_on $ocf_group node2 || story_failed "$ocf_sid does not run on node2 alone"
    outcome "a container, a virtual machine and an OCF service run under HA"
    status_show "$witness"
}

full_crash() { # SID GROUP NODE
    local pid begin took
    read -r _ pid <<<"$(places_of "$2")"
    [ -n "$pid" ] || story_failed "$1 has no processes"
    begin=$(now_ms)
    run_on "$3" kill -9 "$pid"
    wait_for "$PATIENCE_S" "$1 runs again" group_is_new "$2" "$3" "$pid"
    took=$(($(now_ms) - begin))
    outcome "$1, killed: runs again on $3 after $(seconds "$took") s"
    [ "$took" -le $CRASH_MAX_MS ] || story_failed "that took longer than $CRASH_MAX_MS ms"
    wait_for "$PATIENCE_S" "$1 is started" is_started "$1" "$3"
}

full_crashes() {
    local instance
    full_crash "$sid" "lxc.payload.$id" node1
    instance=$(vm_instance)
    full_crash $vm_sid ha-manager.101.vm node2
    wait_for "$PATIENCE_S" "$vm_sid counts again" vm_is_another "$instance"
    full_crash $ocf_sid $ocf_group node2
    vm_disk_is_whole
}

# Its process is there and QEMU is well: only who asks inside can tell.
full_hang() {
    local instance begin order
    instance=$(vm_instance)
    wait_for "$PATIENCE_S" "the guest agent of $vm_sid answers" has_probe_good
    order=$(mktemp)
    { printf HAVMHANG; dd if="$nodes_folder/shared/vm-101-disk-0.raw" bs=1 skip=8 count=8 status=none; } >"$order"
    begin=$(now_ms)
    printf 'The guest is told to hang: its processor stands still, QEMU goes on.\n'
    dd if="$order" of="$nodes_folder/shared/vm-101-disk-0.raw" bs=512 seek=2 conv=notrunc status=none
    rm -f "$order"
    wait_for "$PATIENCE_S" "$vm_sid is started again" vm_is_another "$instance"
    outcome "$vm_sid hung, its guest agent was silent: started again after $(seconds $(($(now_ms) - begin))) s"
    wait_for "$PATIENCE_S" "$vm_sid is started" is_started $vm_sid node2
    vm_disk_is_whole
}

has_probe_good() {
    on node1 ha-manager status --verbose 1 2>/dev/null | has_line "^probe $vm_sid on node2: good"
}

full_migrate() {
    local instance begin
    instance=$(vm_instance)
    begin=$(now_ms)
    run_on node1 ha-manager migrate $vm_sid node3
    wait_for "$PATIENCE_S" "$vm_sid is started on node3" is_started $vm_sid node3
    outcome "$vm_sid moved live to node3 in $(seconds $(($(now_ms) - begin))) s"
    wait_for "$PATIENCE_S" "it counts there" vm_counts
    [ "$(vm_instance)" = "$instance" ] || story_failed "$vm_sid was started anew"
    wait_for "$PATIENCE_S" "it runs on node3 alone" group_is_on ha-manager.101.vm node3
    vm_disk_is_whole
    outcome "its guest went on counting, and has seen no other writer and no lost write"
}

# All three on one node, which then loses power.
full_node_loss() {
    local begin instance where
    run_on node1 ha-manager relocate "$sid" node3
    run_on node1 ha-manager relocate $ocf_sid node3
    wait_for "$PATIENCE_S" "$sid is started on node3" is_started "$sid" node3
    wait_for "$PATIENCE_S" "$ocf_sid is started on node3" is_started $ocf_sid node3
    status_show "$witness"
    instance=$(vm_instance)
    begin=$(now_ms)
    node power-off node3
    wait_for "$PATIENCE_S" "$vm_sid counts elsewhere" vm_is_another "$instance"
    outcome "node3 lost power: $vm_sid counts elsewhere after $(seconds $(($(now_ms) - begin))) s"
    wait_for "$PATIENCE_S" "$ocf_sid runs elsewhere" group_left $ocf_group node3
    outcome "node3 lost power: $ocf_sid runs on $(nodes_of $ocf_group) after $(seconds $(($(now_ms) - begin))) s"
    wait_for "$PATIENCE_S" "$sid runs elsewhere" runs_once
    where=$(nodes_of_container)
    outcome "node3 lost power: $sid runs on $where after $(seconds $(($(now_ms) - begin))) s"
    [ $(($(now_ms) - begin)) -le $((RECOVERY_MAX_S * 1000)) ] || story_failed "recovery took longer than $RECOVERY_MAX_S s"
    wait_for "$PATIENCE_S" "$sid is started" is_started "$sid" "$where"
    vm_disk_is_whole
    status_show "$witness"
}

full_node_returns() {
    node power-on node3
    wait_for "$PATIENCE_S" "node3 is quorate" has_status_line node3 '^quorum OK'
    wait_for "$PATIENCE_S" "the LRM of node3 is back" has_status_line "$witness" '^lrm node3 \((idle|active),'
    wait_for "$PATIENCE_S" "$vm_sid counts" vm_counts
    vm_disk_is_whole
    outcome "node3 is a member again; the guest of $vm_sid has seen no other writer and no lost write"
}

story_of_all_kinds() {
    local refusal
    refusal=$(full_refusal)
    [ -z "$refusal" ] || fail "$refusal"
    witness=node1
    chapter "$count machines are switched on"
    nodes_start
    chapter "They become a cluster"
    cluster_create
    chapter "A container, a virtual machine and an OCF service are put under HA"
    service_create
    full_services_create
    chapter "Each of them crashes"
    full_crashes
    chapter "The virtual machine hangs"
    full_hang
    chapter "The virtual machine moves while it runs"
    full_migrate
    chapter "All three go to node3, and node3 loses power"
    full_node_loss
    chapter "Power returns"
    full_node_returns
}
