# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the tests of the tools (cli_….sh) share: steps, each a line of TAP, and a machine by itself to take them on, which
# in_node.sh made. A test sources this, says with all() what refused commands must not change, and ends with steps_end.
set -u
export LC_ALL=C.UTF-8
count=0 failed=0 out='' status=0

# report RESULT NAME: RESULT 0 is good; with what was printed when not
report() {
    count=$((count + 1))
    if [ "$1" = 0 ]; then
        echo "ok $count - $2"
    else
        echo "not ok $count - $2"
        echo "# ${out//$'\n'/$'\n'# }"
        failed=1
    fi
}
# run COMMAND…: output in $out, status in $status
run() {
    out=$("$@" 2>&1 </dev/null) && status=0 || status=$?
}
# does NAME COMMAND…: prints nothing and exits 0
does() {
    local name=$1; shift
    run "$@"; [ "$status" = 0 ] && [ -z "$out" ]; report $? "$name"
}
# prints NAME WORDS COMMAND…: exits 0 with the words in its output
prints() {
    local name=$1 words=$2; shift 2
    run "$@"; [ "$status" = 0 ] && [[ $out == *"$words"* ]]; report $? "$name"
}
# ends NAME STATUS WORDS COMMAND…: exits so, with the words in its output
ends() {
    local name=$1 want=$2 words=$3; shift 3
    run "$@"; [ "$status" = "$want" ] && [[ $out == *"$words"* ]]; report $? "$name"
}
# refuses NAME STATUS WORDS COMMAND…: likewise, in one line beside warnings when it is no matter of usage, and nothing changes
refuses() {
    local name=$1 want=$2 words=$3 before; shift 3
    before=$(all)
    run "$@"
    [ "$status" = "$want" ] && [[ $out == *"$words"* ]] && { [ "$want" != 1 ] || [ "$(grep -vc '^warning: ' <<<"$out")" = 1 ]; } &&
        [ "$before" = "$(all)" ]
    report $? "$name"
}
all() { :; }
# on_terminal QUESTION ANSWER COMMAND…: with somebody at a terminal who types the answer when asked
on_terminal() {
    local question=$1 answer=$2
    shift 2
    : >"$machine/screen"
    out=$({
        for _ in $(seq 200); do
            ! grep -qF "$question" "$machine/screen" || break
            sleep 0.05
        done
        printf '%s\n' "$answer"
    } | script -qec "$*" "$machine/typescript" 2>&1 | tee "$machine/screen"; exit "${PIPESTATUS[1]}") && status=0 || status=$?
}

# machine_make FOLDER: where the daemons have what is theirs; the machine is in no cluster
machine_make() {
    machine=$1
    export HA_MANAGER_RUN_DIR=$machine/run HA_MANAGER_STATE_DIR=$machine/state
    mkdir -p "$machine/run" "$machine/state" "$machine/etc"
    mount --bind "$machine/etc" /etc/corosync 2>/dev/null
}
# clusterd_start PROGRAM COMMAND…: the command works when it is ready
clusterd_start() {
    "$1" 2>"$machine/clusterd.log" &
    daemon=$!
    shift
    for _ in $(seq 100); do
        "$@" >/dev/null 2>&1 && break
        sleep 0.1
    done
}
steps_end() {
    kill "$daemon"
    wait "$daemon" 2>/dev/null
    echo "1..$count"
    exit $failed
}
