# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the cluster tests with virtual machines share: machines whose guest (tests/lib/vm_guest.c) counts on a disk on the
# shared storage, where this looks from outside. The guest itself notes there, for ever, when somebody else writes to its
# disk, when a write got lost, or when its memory is older than its disk.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"

vm_guest=$build/tests/lib/vm_guest.elf
vm_words="count fill" # what the guest shall do

vm_need() { # what is needed besides a cluster
    command -v qemu-system-x86_64 >/dev/null || { note "qemu-system-x86 is not installed"; exit "$STATUS_SKIP"; }
    [ -f "$vm_guest" ] || flunk "$vm_guest is not built"
}

vm_disk() { # SID
    printf '%s/shared/vm-%s-disk-0.raw\n' "$(node path)" "${1#*:}"
}

vm_word() { # SID BYTE: eight bytes of its disk, in hex
    od -A n -t x8 -j "$2" -N 8 "$(vm_disk "$1")" | tr -d ' '
}

# Which start of the machine counts now.
vm_instance() { # SID
    vm_word "$1" 8
}

vm_number() { # SID
    printf '%d\n' "0x$(vm_word "$1" 16)"
}

vm_counts() { # SID: it has gone on since the last look
    local number
    number=$(vm_number "$1")
    [ "$number" != "${vm_number_last:-0}" ] || return 1
    vm_number_last=$number
}

# INV-1, in the eyes of the guest: never has anybody else written there, no write got lost.
vm_check_disk() { # SID
    [ "$(vm_word "$1" 512)" = 0000000000000000 ] || flunk "the guest of $1 has seen another writer on its disk"
}

# Nodes on which QEMU runs for the machine, one a line. During a live move these are two.
vm_nodes() { # SID
    local name
    for name in $(node status | awk '/^node/ && $2 == "on" {print $1}'); do
        if on "$name" pgrep -f "guest=vm${1#*:} " >/dev/null 2>&1; then
            printf '%s\n' "$name"
        fi
    done
}

vm_pid() { # SID NODE
    on "$2" pgrep -f "guest=vm${1#*:} " 2>/dev/null | head -n 1
}

vm_runs_on() { # SID NODE
    [ "$(vm_nodes "$1")" = "$2" ]
}

# A machine that is not under HA and does not run. Further words are options of 'create'.
vm_create() { # SID NODE [OPTION…]
    local sid=$1 where=$2
    shift 2
    cp "$vm_guest" "$(node path)/shared/vm_guest.elf"
    on "$where" ha-guest create "$sid" --ide0 "$shared_storage:1" --memory 64 --vga none --kvm 0 \
        --kernel /mnt/shared/vm_guest.elf --append "$vm_words" "$@" >/dev/null
    vm_number_last=0
}

# A machine under HA that counts.
vm_make() { # SID NODE [OPTION…]
    local sid=$1 where=$2
    vm_create "$@"
    on "$where" ha-manager add "$sid"
    wait_for "$PATIENCE_S" "$sid is started on $where" service_is "$where" "$sid" "$where" started
    wait_for "$PATIENCE_S" "$sid counts" vm_counts "$sid"
}

# The guest hangs: its processor stands still, QEMU goes on. Only with the word "agent".
vm_hang() { # SID
    local disk order
    disk=$(vm_disk "$1")
    order=$(mktemp)
    { printf HAVMHANG; dd if="$disk" bs=1 skip=8 count=8 status=none; } >"$order"
    dd if="$order" of="$disk" bs=512 seek=2 conv=notrunc status=none
    rm -f "$order"
}

vm_is_another() { # SID INSTANCE
    [ "$(vm_instance "$1")" != "$2" ]
}

# --- a live move of vm:101 from node2 to node3 in which something breaks ---

vm_is_being_received() { # NODE
    has_event node2 ha-lrm 'move-progress' && [ -n "$(vm_pid vm:101 "$1")" ]
}

vm_is_started() {
    has_status_line node1 '^service vm:101 \(node[0-9]+, started\)'
}

# The machine on node2, half-way to node3.
vm_move_begin() {
    if ! service_is node1 vm:101 node2 started; then
        on node1 ha-manager relocate vm:101 node2
        wait_for "$PATIENCE_S" "vm:101 is started on node2" service_is node1 vm:101 node2 started
    fi
    wait_for 20 "it runs on node2 only" vm_runs_on vm:101 node2
    wait_for 20 "it counts" vm_counts vm:101
    instance=$(vm_instance vm:101)
    events_forget node2 ha-lrm
    on node1 ha-manager migrate vm:101 node3
    wait_for "$PATIENCE_S" "the move is under way" vm_is_being_received node3
}

# Whatever became of the move: it is started, once, and counts.
vm_move_end() { # WHAT
    wait_for "$PATIENCE_S" "$1: vm:101 is started" vm_is_started
    wait_for "$PATIENCE_S" "$1: it counts" vm_counts vm:101
    wait_for "$PATIENCE_S" "$1: it runs once" vm_runs_once
    wait_for 20 "$1: it counts on" vm_counts vm:101
    vm_check_disk vm:101
    if [ "$(vm_instance vm:101)" = "$instance" ]; then
        note "$1: it went on, on $(vm_nodes vm:101)"
    else
        note "$1: it was started anew on $(vm_nodes vm:101)"
    fi
}

vm_runs_once() {
    [ "$(vm_nodes vm:101 | wc -l)" = 1 ]
}

vm_went_on() {
    [ "$(vm_instance vm:101)" = "$instance" ] || flunk "it was started anew"
}

vm_node_is_back() { # NODE
    [ "$(power_of "$1")" != off ] || node power-on "$1"
    is_quorate "$1"
}
