#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# in_node.sh COMMAND…: runs a command in a machine of its own: PID, network, mount, UTS, IPC and cgroup
# namespaces, in which real containers run with working control groups. Nothing stays behind.
# Prints a TAP skip where that is not possible.
set -u
skip() { echo "1..0 # SKIP $1"; exit 0; }
[ "$(id -u)" = 0 ] || skip "needs root"
NAME=ha-test-$$
# mount point and kind of each hierarchy that is mounted whole
HIERARCHIES=$(awk '
  { for (i = 7; i < NF; i++) if ($i == "-") { if (($(i+1) == "cgroup" || $(i+1) == "cgroup2") && $4 == "/")
    seen[$3] = $5 " " $(i+1) " " $(i+3) } }
  END { for (d in seen) print seen[d] }' /proc/self/mountinfo | sort)
[ -n "$HIERARCHIES" ] || skip "needs control groups"

cleanup() {
    while read -r folder _; do
        [ -d "$folder/$NAME" ] && find "$folder/$NAME" -depth -type d -exec rmdir {} \; 2>/dev/null
    done <<<"$HIERARCHIES"
}
trap cleanup EXIT

# The inner process enters the groups first, so that they become the roots of its cgroup namespace.
export HA_TEST_NODE=$NAME HA_TEST_HIERARCHIES=$HIERARCHIES
bash -c '
  while read -r folder kind options; do
      mkdir "$folder/$HA_TEST_NODE" || exit 77
      case ",$options," in *,cpuset,*)
          cat "$folder/cpuset.cpus" >"$folder/$HA_TEST_NODE/cpuset.cpus"
          cat "$folder/cpuset.mems" >"$folder/$HA_TEST_NODE/cpuset.mems";;
      esac
      echo $$ >"$folder/$HA_TEST_NODE/cgroup.procs" || exit 77
  done <<<"$HA_TEST_HIERARCHIES"
  exec unshare --mount --uts --ipc --net --pid --cgroup --fork --kill-child --mount-proc \
      --propagation private bash -c "
          ip link set lo up 2>/dev/null; hostname node1
          mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/tmp || exit 77
          mkdir /run/cg
          n=0
          while read -r folder kind options; do
              n=\$((n + 1)); mkdir /run/cg/\$n
              if [ \$kind = cgroup2 ]; then mount -t cgroup2 cgroup2 /run/cg/\$n || exit 77
              else mount -t cgroup -o \${options#rw,} cgroup /run/cg/\$n || exit 77; fi
          done <<<\"\$HA_TEST_HIERARCHIES\"
          mount -t sysfs sysfs /sys 2>/dev/null # with the interfaces of this network
          mount -t tmpfs tmpfs /sys/fs/cgroup || exit 77
          n=0
          while read -r folder kind options; do
              n=\$((n + 1)); mkdir -p \$folder; mount --move /run/cg/\$n \$folder 2>/dev/null || mount --bind /run/cg/\$n \$folder || exit 77
          done <<<\"\$HA_TEST_HIERARCHIES\"
          \"\$@\"; exit \$?" node "$@"
' node "$@"
status=$?
[ $status = 77 ] && skip "cannot make namespaces with control groups here"
exit $status
