# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The power switch for tools/node, which sources this: starting and ending tools/power_switch, and its faults.
# shellcheck disable=SC2154 # tools/node sets what is shared

power_switch_is_on() {
    process_is_ours "$state/power-switch" power_switch bash
}

power_switch_start() {
    local folder=$state/shared/.power-switch
    ! power_switch_is_on || return 0
    mkdir -p "$folder"
    [ -p "$folder/request" ] || mkfifo -m 600 "$folder/request"
    # A session of its own, so that all it started ends with it.
    setsid "$top/tools/power_switch" "$state" </dev/null >/dev/null 2>&1 9>&- &
    wait_until 5 power_switch_has_session $! || fail "cannot start the power switch"
    printf '%s %s\n' "$!" "$(process_start_time "$!")" >"$state/power-switch"
}

power_switch_has_session() { # PID
    local line name
    read -r name 2>/dev/null <"/proc/$1/comm" || return 1
    read -r line 2>/dev/null <"/proc/$1/stat" || return 1
    line=${line##*) }
    # shellcheck disable=SC2086 # words wanted
    set -- "$1" $line
    [ "$name" = power_switch ] && [ "$5" = "$1" ] # its session's number is its own
}

power_switch_stop() {
    ! power_switch_is_on || kill -KILL -- "-$pid"
    rm -f "$state/power-switch"
}

# power_switch_fault NODE KIND [SECONDS]
power_switch_fault() {
    case $2 in
        none) rm -f "$state/$1/switch-fault" ;;
        hang | fail | lie | blind) printf '%s\n' "$2" >"$state/$1/switch-fault" ;;
        slow)
            case ${3:-3} in *[!0-9.]*) fail_usage "'$3' is not a number of seconds" ;; esac
            printf 'slow %s\n' "${3:-3}" >"$state/$1/switch-fault"
            ;;
        *) fail_usage "a switch can hang, fail, lie, be blind or slow [SECONDS], or none of it: not '$2'" ;;
    esac
}
