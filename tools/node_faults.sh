# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Faults of test nodes for tools/node, which sources this: standing still, networks that carry one way, lose packets or fall
# apart, full disks, jumping wall clocks. What a node suffers is kept in files of its folder, so that it outlasts a power-off.
# shellcheck disable=SC2154 # tools/node sets what is shared

# --- freezing ----------------------------------------------------------------------------------------------------------

# Sets `freezer` to the folder of the hierarchy that can freeze, and `freezer_type`; fails when none can.
freezer_find() {
    local entry folder type options
    freezer=
    for entry in "${hierarchies[@]}"; do
        read -r folder type options <<<"$entry"
        case ,$options, in *,freezer,*) freezer=$folder freezer_type=cgroup; return 0 ;; esac
        [ "$type" != cgroup2 ] || freezer=$folder freezer_type=cgroup2
    done
    [ -n "$freezer" ] && [ -d "$freezer/$cluster" ] && [ -f "$freezer/$cluster/cgroup.freeze" ]
}

cgroup_freeze() {
    if [ "$freezer_type" = cgroup ]; then echo FROZEN >"$1/freezer.state"; else echo 1 >"$1/cgroup.freeze"; fi
}

cgroup_thaw() {
    if [ "$freezer_type" = cgroup ]; then echo THAWED >"$1/freezer.state"; else echo 0 >"$1/cgroup.freeze"; fi
}

cgroup_is_frozen() {
    if [ "$freezer_type" = cgroup ]; then
        [ "$(<"$1/freezer.state")" = FROZEN ]
    else
        grep -q '^frozen 1' "$1/cgroup.events"
    fi
}

# A paused node has this mark: its freezer, or `signal` when there is none and its processes were stopped by signals.
node_is_paused() {
    [ -f "$state/$1/paused" ]
}

# Gives the real-time processes the time a real scheduler would: they run until they wait for something.
real_time_settle() { # PIDS
    local try process line calm=0
    for ((try = 0; try < 50 && calm < 2; try++)); do
        sleep 0.005
        calm=$((calm + 1))
        for process in $1; do
            read -r line 2>/dev/null <"/proc/$process/stat" || continue
            case ${line##*) } in R* | D*) calm=0 ;; esac
        done
    done
}

# Was the init killed while it cannot die, being frozen? Then a real-time process has just reset the node.
init_is_doomed() { # PID
    local key mask
    while read -r key mask; do
        case $key in SigPnd: | ShdPnd:) [ $((0x$mask & 0x100)) = 0 ] || return 0 ;; esac
    done <"/proc/$1/status"
    return 1
}

# A frozen process dies only when it is thawed, and none may run a step before it does.
node_kill_frozen() {
    local process folder
    for process in $(node_processes "$freezer/$cluster/$1"); do
        kill -KILL "$process" 2>/dev/null || true
    done
    cgroup_thaw "$freezer/$cluster/$1"
    for folder in "$freezer/$cluster/$1"/*/; do
        cgroup_thaw "$folder" 2>/dev/null || true
    done
}

node_pause() {
    local process
    if freezer_find; then
        cgroup_freeze "$freezer/$cluster/$1"
        wait_until 10 cgroup_is_frozen "$freezer/$cluster/$1" || fail "'$1' does not freeze"
        echo freezer >"$state/$1/paused"
        return
    fi
    node_cgroups "$1"
    for process in 1 2 3; do # a process made while the first round ran is met by the next
        # shellcheck disable=SC2046 # words wanted
        kill -STOP $(node_processes "${folders[0]}") 2>/dev/null || true
    done
    echo signal >"$state/$1/paused"
}

node_resume() { # NODE PID
    local folder real_time how
    how=$(<"$state/$1/paused")
    node_cgroups "$1"
    real_time=$(node_processes "${folders[0]}/rt.scope")
    rm -f "$state/$1/paused"
    if [ "$how" = signal ]; then
        # shellcheck disable=SC2086 # words wanted
        [ -z "$real_time" ] || kill -CONT $real_time 2>/dev/null || true
        real_time_settle "$real_time"
        # shellcheck disable=SC2046 # words wanted
        kill -CONT $(node_processes "${folders[0]}") 2>/dev/null || true
        return
    fi
    freezer_find
    # Children frozen by themselves stay so when the node's root is thawed.
    for folder in "$freezer/$cluster/$1"/*/; do
        case $folder in */rt.scope/) ;; *) cgroup_freeze "$folder" ;; esac
    done
    cgroup_thaw "$freezer/$cluster/$1"
    real_time_settle "$real_time"
    if init_is_doomed "$2" 2>/dev/null; then
        node_kill_frozen "$1"
        return
    fi
    for folder in "$freezer/$cluster/$1"/*/; do
        cgroup_thaw "$folder" 2>/dev/null || true # gone with a container that ended just now
    done
}

# --- network ---------------------------------------------------------------------------------------------------------

# What the switch drops, from the files of all nodes: `cut` (empty: the cable is pulled, else `in` or `out`), `loss` (percent,
# each way) and `split` (the node is on the other side). In one transaction, so that there is no moment without rules.
switch_rules_apply() {
    local node file rules='' aside=''
    for node in $(node_names); do
        file=$state/$node
        case $(cat "$file/cut" 2>/dev/null) in
            in) rules+="oifname \"$node\" drop"$'\n' ;;
            out) rules+="iifname \"$node\" drop"$'\n' ;;
        esac
        if [ -f "$file/loss" ]; then
            rules+="oifname \"$node\" numgen random mod 100 < $(<"$file/loss") drop"$'\n'
            rules+="iifname \"$node\" numgen random mod 100 < $(<"$file/loss") drop"$'\n'
        fi
        [ ! -f "$file/split" ] || aside+="${aside:+, }\"$node\""
    done
    if [ -n "$aside" ]; then
        rules+="iifname { $aside } oifname != { $aside } drop"$'\n'
        rules+="iifname != { $aside } oifname { $aside } drop"$'\n'
    fi
    nsenter --net="/proc/$switch_pid/ns/net" nft -f - <<TEXT || fail "the switch takes no rules; is nftables installed?"
table bridge faults
delete table bridge faults
table bridge faults {
chain forward {
type filter hook forward priority 0; policy accept;
$rules}
}
TEXT
}

node_cut() { # NODE both|in|out
    local ruled=no
    [ ! -s "$state/$1/cut" ] || ruled=yes
    rm -f "$state/$1/cut"
    case $2 in
        both)
            : >"$state/$1/cut"
            ! node_is_on "$1" || switch_ip link set "$1" down
            # What was cut one way before has a rule, which nobody would take away later.
            [ $ruled = no ] || switch_rules_apply
            ;;
        *)
            printf '%s\n' "$2" >"$state/$1/cut"
            ! node_is_on "$1" || switch_ip link set "$1" up
            switch_rules_apply
            ;;
    esac
}

node_cable_is_pulled() {
    [ -f "$state/$1/cut" ] && [ ! -s "$state/$1/cut" ]
}

node_heal() {
    local ruled=no
    if [ -s "$state/$1/cut" ] || [ -f "$state/$1/loss" ] || [ -f "$state/$1/split" ]; then
        ruled=yes
    fi
    rm -f "$state/$1/cut" "$state/$1/loss" "$state/$1/split"
    ! node_is_on "$1" || switch_ip link set "$1" up
    [ $ruled = no ] || switch_rules_apply
}

node_lose() { # NODE PERCENT
    printf '%s\n' "$2" >"$state/$1/loss"
    switch_rules_apply
}

nodes_split() { # NODE…
    local node
    rm -f "$state"/node*/split
    for node in "$@"; do
        : >"$state/$node/split"
    done
    switch_rules_apply
}

# The cable is pulled and plugged in again and again; at the end it is plugged in.
node_flap() { # NODE TIMES MILLISECONDS
    local time pause
    pause=$(($3 / 1000)).$(printf '%03d' $(($3 % 1000)))
    for ((time = 0; time < $2; time++)); do
        node_cut "$1" both
        sleep "$pause"
        node_heal "$1"
        sleep "$pause"
    done
}

node_network_print() {
    local words=
    if [ -f "$state/$1/cut" ]; then
        words="cut$(sed 's/^/ /' "$state/$1/cut")"
    fi
    [ ! -f "$state/$1/split" ] || words="${words:+$words, }split"
    [ ! -f "$state/$1/loss" ] || words="${words:+$words, }loss $(<"$state/$1/loss") %"
    printf '%s\n' "${words:-connected}"
}

# --- disk --------------------------------------------------------------------------------------------------------------

# A disk of limited size for the node's /var/lib: a file system in a file, which node_boot mounts.
node_disk_make() { # NODE MEBIBYTES
    local file=$state/$1/disk/lib.img
    [ ! -f "$file" ] || return 0
    truncate -s "$2M" "$file.new"
    mkfs.ext4 -q -m 0 -E lazy_itable_init=0,nodiscard "$file.new" || fail "cannot make a file system for '$1'"
    mv "$file.new" "$file"
}

# A power-off ends the mount a moment later; a second one beside it would ruin the file system.
node_disk_is_free() {
    [ ! -f "$state/$1/disk/lib.img" ] || [ -z "$(losetup -j "$state/$1/disk/lib.img")" ]
}

node_disk_fill() {
    [ -f "$state/$1/disk/lib.img" ] || fail "'$1' has no disk of its own: 'tools/node up N --disk MEBIBYTES'"
    # In a process of its own, since it goes into the node; that it ends with "no space left" is its success.
    (node_exec "$1" dd if=/dev/zero of=/var/lib/.filler bs=64K conv=fsync 2>/dev/null) || true
    (node_exec "$1" sh -c 'cat /dev/zero >>/var/lib/.filler' 2>/dev/null) || true
}

node_disk_free() {
    (node_exec "$1" rm -f /var/lib/.filler)
}

# --- clock -------------------------------------------------------------------------------------------------------------

# How far the node's wall clock is off, in seconds, for tools/wall_clock.c, which looks at the file all the time: it is
# written in place and keeps its size. CLOCK_MONOTONIC and CLOCK_BOOTTIME stay true, as on a machine whose clock is set.
node_clock_set() { # NODE SECONDS
    [ -f "$state/$1/disk/clock" ] || fail "'$1' has no clock of its own: 'tools/node up N --clock'"
    printf '%+15d\n' "$2" 1<>"$state/$1/disk/clock"
}
