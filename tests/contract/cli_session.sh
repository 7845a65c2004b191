#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cli_session.sh HA-CLUSTERD HA-MANAGER HA-GUEST: the tools against a real ha-clusterd on a machine by itself, with a
# real container. Runs in a machine of its own (in_node.sh). TAP, one line a step.
# shellcheck source=tests/contract/cli_steps.sh
. "$(dirname "$(readlink -f "$0")")/cli_steps.sh"
CLUSTERD=$1 MANAGER=$2 GUEST=$3

all() { "$MANAGER" config; "$GUEST" list --output-format json; "$GUEST" storage list --output-format json; }

machine_make /run/session
mkdir -p /run/session/shared

run "$MANAGER" status
[ "$status" = 1 ] && [[ $out == "ha-manager: ha-clusterd is not running"* ]] && [ "$(wc -l <<<"$out")" = 1 ]
report $? "without ha-clusterd every command says so"

clusterd_start "$CLUSTERD" "$MANAGER" status

prints "a machine by itself is quorate" "quorum OK" "$MANAGER" status
does "storage add" "$GUEST" storage add shared1 --path /run/session/shared --shared
refuses "storage twice" 1 "storage 'shared1' exists already" "$GUEST" storage add shared1 --path /x
refuses "storage with a bad path" 2 "path: 'x' is not an absolute path" "$GUEST" storage add s2 --path x
prints "storage list" "shared1" "$GUEST" storage list
does "create on a storage" "$GUEST" create ct:100 --storage shared1 --hostname web --memory 64
[ -x /run/session/shared/ct-100/sbin/init ]; report $? "its root file system is there"
does "create on the local storage" "$GUEST" create ct:101
refuses "create twice" 1 "guest 'ct:100' exists already" "$GUEST" create ct:100
refuses "create with a bad number" 2 "sid: invalid service id 'ct:7'" "$GUEST" create ct:7
refuses "create on an unknown storage" 1 "storage 'none' is not defined" "$GUEST" create ct:102 --storage none
refuses "create with bad memory" 1 "memory: 'lots'" "$GUEST" create ct:102 --memory lots
[ ! -e /run/session/state/storage/ct-102 ]; report $? "nothing stays of a refused create"
refuses "create with a missing rootfs" 1 "rootfs: cannot use '/none'" "$GUEST" create ct:102 --rootfs /none
refuses "create of an unknown type" 1 "only containers" "$GUEST" create unit:x.service
prints "config of a guest" "rootfs: shared1:ct-100" "$GUEST" config 100
does "set" "$GUEST" set ct:100 --cores 1 --delete memory
prints "list" "│ ct:100 │" "$GUEST" list

does "create a machine with a disk" "$GUEST" create vm:102 --memory 64 --scsi0 shared1:1,cache=writeback --net0 virtio
prints "its disk has a name" "scsi0: shared1:vm-102-disk-0.raw,cache=writeback,size=1G" "$GUEST" config vm:102
prints "and it has an identity" "uuid: " "$GUEST" config vm:102
[ "$(stat -c %s /run/session/shared/vm-102-disk-0.raw)" = 1073741824 ]; report $? "the disk is there"
refuses "machine and container share numbers" 1 "guest 'vm:102' exists already" "$GUEST" create ct:102
refuses "machine with what is a container's" 2 "storage: is for containers only" "$GUEST" create vm:103 --storage shared1
refuses "container with what is a machine's" 1 "unknown key 'scsi0'" "$GUEST" set ct:101 --scsi0 shared1:1
refuses "machine with a bad disk" 1 "scsi1: cache: 'big'" "$GUEST" set vm:102 --scsi1 shared1:1,cache=big
refuses "machine with a storage that is not there" 1 "scsi1: storage 'none' is not defined" "$GUEST" set vm:102 --scsi1 none:1
[ "$(find /run/session/shared -name '*vm-102*' | wc -l)" = 1 ]; report $? "nothing stays of refused changes"
does "another disk" "$GUEST" set vm:102 --virtio3 shared1:1 --sockets 2
prints "has the next name" "virtio3: shared1:vm-102-disk-1.raw,size=1G" "$GUEST" config vm:102
refuses "no move to cancel" 1 "guest 'vm:102' is not being moved live" "$GUEST" cancel-move vm:102
does "destroy the machine" "$GUEST" destroy vm:102
[ -z "$(find /run/session/shared -name '*vm-102*')" ]; report $? "its disks are gone"

does "start" "$GUEST" start 100
prints "it runs" '"state":"running"' "$GUEST" list --output-format json
does "start again changes nothing" "$GUEST" start 100
refuses "destroy while it runs" 1 "is running: stop it first" "$GUEST" destroy 100
does "stop" "$GUEST" stop 100 --timeout 10
prints "it is stopped" '"sid":"ct:100","state":"stopped"' "$GUEST" list --output-format json

does "add" "$MANAGER" add ct:100 --max_relocate 2 --comment "a web server"
refuses "add twice" 1 "resource 'ct:100' is already under HA" "$MANAGER" add 100
refuses "add a missing guest" 1 "guest 'ct:999' does not exist" "$MANAGER" add ct:999
refuses "add an unknown number" 1 "no guest has the number 999" "$MANAGER" add 999
refuses "add with the wrong type" 1 "'ct:101' is not of type 'vm'" "$MANAGER" add 101 --type vm
refuses "bad option" 2 "max_restart: 'x' is not a whole number" "$MANAGER" add ct:101 --max_restart x
refuses "unknown option" 2 "foo: unknown option" "$MANAGER" set ct:100 --foo 1
prints "config" $'ct:100\n\tcomment a web server\n\tmax_relocate 2' "$MANAGER" config
prints "config as json" '"max_relocate":2' "$MANAGER" config --output-format json
prints "status" "service ct:100 ($(hostname), queued)" "$MANAGER" status
prints "status as yaml" "type: quorum" "$MANAGER" status --output-format yaml
prints "status in full" '"manager_status"' "$MANAGER" status --verbose
does "set a resource" "$MANAGER" set ct:100 --state stopped --delete comment
refuses "set with an old digest" 1 "digest" "$MANAGER" set ct:100 --state started --digest 00
refuses "set what is not under HA" 1 "resource 'ct:101' is not under HA" "$MANAGER" set ct:101 --state stopped
refuses "wrong node" 1 "no node 'node9' in this cluster, there are: $(hostname)" "$MANAGER" migrate ct:100 node9
refuses "move what is not under HA" 1 "'ct:101' is not under HA" "$MANAGER" relocate ct:101 "$(hostname)"
prints "command without a master" "no master is active now" "$MANAGER" relocate ct:100 "$(hostname)"
refuses "destroy under HA" 1 "is under HA: remove it there first" "$GUEST" destroy ct:100
prints "start under HA is a request" "its requested state is now 'started'" "$GUEST" start ct:100
prints "and the cluster's to carry out" "state started" "$MANAGER" config
does "rule" "$MANAGER" rules add node-affinity web --resources ct:100 --nodes "$(hostname)":2
prints "rules" "in use" "$MANAGER" rules config
refuses "rule of an unknown node" 1 "no node 'node9'" "$MANAGER" rules add node-affinity r2 --resources ct:100 --nodes node9
refuses "rule without effect" 1 "rule 'r2'" "$MANAGER" rules add resource-affinity r2 --resources ct:100 --affinity positive
does "remove" "$MANAGER" remove ct:100
prints "remove takes it out of its rules" "[]" "$MANAGER" rules list --output-format json
refuses "remove twice" 1 "resource 'ct:100' is not under HA" "$MANAGER" remove ct:100
does "destroy" "$GUEST" destroy ct:100
[ -z "$(ls -A /run/session/shared)" ]; report $? "nothing stays on the storage"
does "add before purge" "$MANAGER" add ct:101
does "destroy with purge" "$GUEST" destroy ct:101 --purge
prints "nothing is left" "" "$MANAGER" config
prints "status of nothing" "quorum OK" "$MANAGER" status

start_ns=$(date +%s%N)
for _ in 1 2 3 4 5 6 7 8 9 10; do "$MANAGER" status >/dev/null; done
took_ms=$((($(date +%s%N) - start_ns) / 10000000))
out="status takes $took_ms ms"
[ $took_ms -lt 200 ]; report $? "status answers at once"

steps_end
