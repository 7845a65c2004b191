# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the tools and the cluster tests share: where things are, messages, the build, waiting. Sourced, never run.
# The caller has set `top`, the root of the checkout.

# Status of a tool that could not do its work here, while nothing is broken: no root, or namespaces are not allowed.
# shellcheck disable=SC2034 # used by those who source this
STATUS_SKIP=77

# shellcheck disable=SC2154 # set by the caller
build=${HA_BUILD_DIR:-$top/build}

say() {
    printf '%s\n' "$*"
}

fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Milliseconds of a clock that only grows.
now_ms() {
    local up rest
    read -r up rest </proc/uptime
    printf '%s\n' "$((10#${up/./} * 10))"
}

# wait_until SECONDS COMMAND…: tries the command about 20 times a second until it succeeds; 1 when the time is over.
# The command is always tried once more after the time was over, so a slow machine does not cut it short.
wait_until() {
    local end=$(($(now_ms) + $1 * 1000)) late=no
    shift
    until "$@"; do
        [ "$late" = no ] || return 1
        [ "$(now_ms)" -lt "$end" ] || late=yes
        sleep 0.05
    done
}

# has_line PATTERN: does a line of the input match? It is read to its end: a reader that leaves early would end the writer
# by a signal, and with it the pipeline in failure.
has_line() {
    grep -E -- "$1" >/dev/null
}

is_root() {
    [ "$(id -u)" = 0 ]
}

# Configures the build folder when it is new and builds. Arguments go to `meson setup`.
build_all() {
    if [ ! -f "$build/build.ninja" ]; then
        meson setup "$@" "$build" "$top" || return 1
    fi
    ninja -C "$build"
}
