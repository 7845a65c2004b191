#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cli_guests.sh FOLDER-OF-BUILD: what ha-guest does to real containers on a machine by itself, with all daemons: limits,
# interfaces, mounts, exec, copies, imports; under HA and not; and what HA makes of what is done by hand. Runs in a
# machine of its own (in_node.sh). TAP, one line a step.
# shellcheck source=tests/contract/cli_steps.sh
. "$(dirname "$(readlink -f "$0")")/cli_steps.sh"
BUILD=$1 MANAGER=$1/cli/ha-manager GUEST=$1/cli/ha-guest

# says NAME WORDS COMMAND…: succeeds with one line that has these words
says() {
    local name=$1 words=$2; shift 2
    run "$@"; [ "$status" = 0 ] && [[ $out == *"$words"* ]] && [ "$(wc -l <<<"$out")" = 1 ]; report $? "$name"
}
all() { for sid in $(guests); do "$GUEST" config "$sid"; done; }
guests() { "$GUEST" list --noheader 1 --noborder 1 | grep -oE '(ct|vm):[0-9]+'; }
becomes() { # becomes NAME SECONDS COMMAND…
    local name=$1 i; shift
    for ((i = $1 * 10; i > 0; i--)); do
        "${@:2}" && { report 0 "$name"; return; }
        sleep 0.1
    done
    out=$("$MANAGER" status --verbose 2>&1; tail -n 5 $W/*.log)
    report 1 "$name"
}
# shellcheck disable=SC2317 # called by others
shows() { "$MANAGER" status 2>/dev/null | grep -qxF "service $1 (node1, $2)"; }
# shellcheck disable=SC2317 # likewise
explains() { "$MANAGER" status --verbose 2>/dev/null | grep -qF "$1"; }
# group FILE-V1 FILE-V2: a setting of the running container 100
group() {
    local file
    for file in "$@"; do
        find /sys/fs/cgroup -path "*/lxc.payload.100/$file" -print -quit
    done | head -n 1 | xargs -r cat
}
# init NUMBER: the first process of the running container
init() {
    local file pid
    while read -r file; do
        while read -r pid; do
            [ "$(awk '/^NSpid:/ {print $NF}' "/proc/$pid/status" 2>/dev/null)" = 1 ] && { echo "$pid"; return; }
        done <"$file"
    done < <(find /sys/fs/cgroup -path "*/lxc.payload.$1/*cgroup.procs")
}
# shellcheck disable=SC2317 # called by others
lives() { [ -n "$(init "$1")" ]; }
# shellcheck disable=SC2317 # likewise
gone() { [ -z "$(init "$1")" ]; }
# shellcheck disable=SC2317 # likewise
is_another() { local now; now=$(init 100); [ -n "$now" ] && [ "$now" != "$1" ]; }

W=/run/guests
export HA_MANAGER_RUN_DIR=$W/run HA_MANAGER_STATE_DIR=$W/state
mkdir -p $W/run $W/state $W/etc $W/shared $W/other $W/data $W/conf
mount --bind $W/etc /etc/corosync 2>/dev/null
ip link add br0 type bridge && ip link set br0 up && ip address add 10.99.0.1/24 dev br0
report $? "a bridge"
pids=()
for daemon in watchdog/ha-watchdogd cluster/ha-clusterd crm/ha-crm lrm/ha-lrm; do
    HA_MANAGER_LOG=text "$BUILD/$daemon" 2>"$W/${daemon#*/}.log" &
    pids+=($!)
done
becomes "all daemons are there" 60 explains "lrm node1 (idle"
does "storages" "$GUEST" storage add shared --path $W/shared --shared
does "another" "$GUEST" storage add other --path $W/other

# --- Limits, interfaces, mounts.
does "create with everything" "$GUEST" create ct:100 --storage shared --hostname web --memory 96 --cores 2 \
    --cpulimit 0.5 --cpuunits 200 --mp0 shared:1,mp=/data --mp1 $W/data,mp=/srv/ro,ro=1 --nameserver 10.99.0.1 \
    --searchdomain example.org --net0 name=eth0,bridge=br0,ip=10.99.0.5/24,gw=10.99.0.1,mtu=1400 \
    --net1 name=lan,bridge=br0,link_down=1 --tags web --onboot 1 --startup order=1
prints "its mount has a folder" "mp0: shared:ct-100-disk-0,mp=/data,size=1G" "$GUEST" config ct:100
[[ $out == *"net0: name=eth0,bridge=br0,ip=10.99.0.5/24,gw=10.99.0.1,mtu=1400,hwaddr=02:"* ]]
report $? "and its interface an address of its own"
echo outside >$W/data/file
does "start" "$GUEST" start ct:100
[[ $(group memory.limit_in_bytes memory.max) == 100663296 ]]; report $? "its memory is limited"
[[ $(group cpu.cfs_quota_us cpu.max) =~ ^50000($| 100000$) ]]; report $? "its processor time is limited"
[[ $(group cpu.shares cpu.weight) == 200 ]]; report $? "it has its weight"
prints "exec runs in it" "web" "$GUEST" exec ct:100 -- hostname
prints "its memory is a mount of its own" "outside" "$GUEST" exec ct:100 -- cat /srv/ro/file
"$GUEST" exec ct:100 -- sh -c 'echo x >/srv/ro/new' 2>/dev/null; [ ! -e $W/data/new ]; report $? "which is read-only"
does "the other one is not" "$GUEST" exec ct:100 -- sh -c 'echo kept >/data/file'
[ "$(cat $W/shared/ct-100-disk-0/file)" = kept ]; report $? "and lies on its storage"
prints "its interface has its address" "10.99.0.5/24" "$GUEST" exec ct:100 -- ip address show eth0
[[ $out == *"mtu 1400"* ]]; report $? "and its MTU"
busybox ping -c 1 -W 5 10.99.0.5 >/dev/null; report $? "it answers through the bridge"
prints "the way out" "default via 10.99.0.1" "$GUEST" exec ct:100 -- ip route
run "$GUEST" exec ct:100 -- ip link show lan; [[ $out == *lan* && $out != *"state UP"* ]]; report $? "the other interface is down"
prints "its resolver" "nameserver 10.99.0.1" "$GUEST" exec ct:100 -- cat /etc/resolv.conf
[[ $out == *"search example.org"* ]]; report $? "and its domain"
run "$GUEST" exec ct:100 -- sh -c 'exit 7'; [ "$status" = 7 ] && [ -z "$out" ]; report $? "exec passes the exit status on"
run "$GUEST" exec ct:100 -- /none; [ "$status" = 127 ]; report $? "and that of a program that is not there"
# shellcheck disable=SC2016 # the container's own variable
out=$(printf 'echo in:$(hostname)\nexit 3\n' | "$GUEST" console ct:100 2>&1); status=$?
[ "$status" = 3 ] && [[ $out == *in:web* ]]; report $? "console is a shell"
# What is typed before the terminal is the container's is dropped.
out=$( (sleep 1; printf 'stty size\n'; sleep 1; printf 'exit\n') | script -qec "stty cols 99 rows 33; $GUEST console ct:100" /dev/null 2>&1)
[[ $out == *"33 99"* ]]; report $? "with a terminal of its own"
refuses "exec without a program" 2 "command: is required" "$GUEST" exec ct:100
refuses "clone of one that runs" 1 "guest 'ct:100' runs: stop it first" "$GUEST" clone ct:100 105
refuses "move of one that runs" 1 "no node 'node2' in this cluster" "$GUEST" migrate ct:100 node2
refuses "move to where it is" 1 "is on node 'node1' already" "$GUEST" relocate ct:100 node1

# --- Start, stop, shutdown, reboot by hand.
before=$(init 100)
does "reboot" "$GUEST" reboot ct:100
is_another "$before"; report $? "it runs again"
does "shutdown" "$GUEST" shutdown ct:100
gone 100; report $? "it is stopped"
refuses "reboot of one that does not run" 1 "guest 'ct:100' does not run" "$GUEST" reboot ct:100
refuses "exec in one that does not run" 1 "guest 'ct:100' does not run" "$GUEST" exec ct:100 -- true
does "stop of one that does not run" "$GUEST" stop ct:100
refuses "a bridge that is not there" 1 "net0: there is no bridge 'br9' on node 'node1'" \
    bash -c "$GUEST create ct:109 --storage other --net0 bridge=br9 && $GUEST start ct:109; s=\$?; $GUEST destroy ct:109; exit \$s"
does "protect" "$GUEST" set ct:100 --protection 1
refuses "destroy of a protected one" 1 "guest 'ct:100' is protected" "$GUEST" destroy ct:100
does "protect no longer" "$GUEST" set ct:100 --protection 0

# --- An address from outside.
printf 'start 10.99.0.50\nend 10.99.0.59\ninterface br0\nlease_file %s\npidfile %s\noption subnet 255.255.255.0
option router 10.99.0.1\noption dns 10.99.0.2\n' $W/leases $W/udhcpd.pid >$W/udhcpd.conf
: >$W/leases
busybox udhcpd -f $W/udhcpd.conf >$W/udhcpd.log 2>&1 &
pids+=($!)
does "create with dhcp" "$GUEST" create ct:111 --storage other --net0 bridge=br0,ip=dhcp
does "start with dhcp" "$GUEST" start ct:111
# shellcheck disable=SC2317 # called by others
has_address() { "$GUEST" exec ct:111 -- ip address show eth0 | grep -q 'inet 10.99.0.5'; }
becomes "it gets an address" 20 has_address
prints "and a way out" "default via 10.99.0.1" "$GUEST" exec ct:111 -- ip route
prints "and a resolver" "nameserver 10.99.0.2" "$GUEST" exec ct:111 -- cat /etc/resolv.conf
does "stop what has it" "$GUEST" stop ct:111
does "destroy what had it" "$GUEST" destroy ct:111

# --- A container whose root has no rights.
does "create for another root" "$GUEST" create ct:110 --storage other --unprivileged 1
printf 'root:100000:65536\n' >$W/subuid
mount --bind $W/subuid /etc/subuid && mount --bind $W/subuid /etc/subgid
chmod 711 $W $W/other && chown -R 100000:100000 $W/other/ct-110
does "start with another root" "$GUEST" start ct:110
[ "$(awk '/^Uid:/ {print $2}' "/proc/$(init 110)/status")" = 100000 ]; report $? "its root is somebody else outside"
prints "and root inside" "uid=0" "$GUEST" exec ct:110 -- id
does "stop it" "$GUEST" stop ct:110
does "destroy it" "$GUEST" destroy ct:110

# --- Copies.
ln -s loop $W/shared/ct-100/loop; ln $W/shared/ct-100/etc/hosts $W/shared/ct-100/etc/hosts2
chown 33:44 $W/shared/ct-100/var; chmod 2750 $W/shared/ct-100/var
truncate -s 64M $W/shared/ct-100/var/sparse
setfattr -n user.test -v kept $W/shared/ct-100/var 2>/dev/null
mkdir $W/other/.ct-105.clone-node1; : >$W/other/.ct-105.clone-node1/rest
does "clone" "$GUEST" clone ct:100 105 --name copy --storage other
copy=$W/other/ct-105
[ "$(stat -c %u:%g:%a $copy/var)" = 33:44:2750 ] && [ "$(readlink $copy/loop)" = loop ] && [ ! -e $copy/rest ] &&
    [ "$(stat -c %i $copy/etc/hosts)" = "$(stat -c %i $copy/etc/hosts2)" ]
report $? "owners, modes and links are as they were"
[ "$(stat -c %s $copy/var/sparse)" = 67108864 ] && [ "$(stat -c %b $copy/var/sparse)" -lt 100 ]; report $? "holes stay holes"
! getfattr -n user.test $W/shared/ct-100/var >/dev/null 2>&1 || getfattr -n user.test $copy/var >/dev/null 2>&1
report $? "attributes are kept"
[ "$(cat $W/other/ct-105-disk-0/file)" = kept ]; report $? "its mount is copied"
prints "the copy's name" "hostname: copy" "$GUEST" config ct:105
[[ $out == *"rootfs: other:ct-105"* && $out == *"mp1: $W/data,mp=/srv/ro,ro=1"* ]]; report $? "and volumes"
"$GUEST" config ct:100 >$W/original
[ "$(grep -o 'hwaddr=.*' <<<"$out")" != "$(grep -o 'hwaddr=.*' $W/original)" ]; report $? "and addresses of its own"
does "the copy starts" "$GUEST" start ct:105
does "the copy stops" "$GUEST" stop ct:105
refuses "clone twice" 1 "guest 'ct:105' exists already" "$GUEST" clone ct:100 105
refuses "clone to another type" 2 "newid: 'vm:106' is not a number, or ct and a number" "$GUEST" clone ct:100 vm:106
refuses "clone to a storage that is not there" 1 "storage 'none' is not defined" "$GUEST" clone ct:100 106 --storage none
[ -z "$(find $W/shared $W/other -name '*106*')" ]; report $? "nothing stays of a refused clone"
head -c 300M /dev/zero | tr '\0' x >$W/shared/ct-100/var/large
"$GUEST" clone ct:100 107 --storage other >$W/clone.log 2>&1 &
cloning=$!
for ((i = 0; i < 100; i++)); do [ -d $W/other/.ct-107.clone-node1 ] && break; sleep 0.05; done
kill -TERM $cloning; wait $cloning; status=$?
out=$(cat $W/clone.log; ls -a $W/other)
[ "$status" = 1 ] && [ -z "$(find $W/other -name '*107*')" ] && ! guests | grep -q ct:107; report $? "an interrupted clone leaves nothing"
"$GUEST" clone ct:100 107 --storage other >$W/clone.log 2>&1 &
cloning=$!
for ((i = 0; i < 100; i++)); do [ -d $W/other/.ct-107.clone-node1 ] && break; sleep 0.05; done
kill -KILL $cloning; wait $cloning 2>/dev/null
! guests | grep -q ct:107; report $? "one that is cut defines nothing"
rm $W/shared/ct-100/var/large
does "and the next one is whole" "$GUEST" clone ct:100 107 --storage other
[ ! -e $W/other/.ct-107.clone-node1 ] && [ ! -e $W/other/ct-107/var/large ]; report $? "without what was left"
does "destroy the copies" "$GUEST" destroy ct:105
does "all of them" "$GUEST" destroy ct:107
[ -z "$(ls -A $W/other)" ] && [ -e $W/data/file ]; report $? "only what was theirs is gone"
does "a machine" "$GUEST" create vm:120 --memory 32 --scsi0 shared:1 --net0 virtio=52:54:00:00:00:01 --kvm 0
printf data | dd of=$W/shared/vm-120-disk-0.raw bs=1 seek=1000000 conv=notrunc status=none
does "clone of a machine" "$GUEST" clone vm:120 121 --name second
cmp $W/shared/vm-120-disk-0.raw $W/shared/vm-121-disk-0.raw; report $? "its disk is the same"
prints "its definition is not" "name: second" "$GUEST" config vm:121
[[ $out == *"scsi0: shared:vm-121-disk-0.raw,size=1G"* && $out == *"net0: virtio"* && $out != *"52:54:00:00:00:01"* ]]
report $? "nor its address"
does "destroy the machine" "$GUEST" destroy vm:121
does "and the first" "$GUEST" destroy vm:120

# --- Existing configuration files.
mkdir -p $W/shared/images/130
cp -a $W/shared/ct-100 $W/shared/images/130/subvol-130-disk-0.subvol
cat >$W/conf/130.conf <<'END'
#a web server%3A nginx
#
arch: amd64
cores: 1
features: nesting=1,mount=nfs
hostname: imported
lock: backup
memory: 64
net0: name=eth0,bridge=br0,firewall=1,hwaddr=BC:24:11:00:00:01,ip=dhcp,type=veth
ostype: debian
rootfs: store:130/subvol-130-disk-0.subvol,size=0T
swap: 0
unused0: store:130/old.raw

[before]
arch: amd64
colour: red
END
refuses "import from a storage that has another name" 1 \
    "$W/conf/130.conf:11: rootfs: storage 'store' is not defined: say what it is called here with --storage store=NAME" \
    "$GUEST" import $W/conf/130.conf
sed 's/^memory.*/memory: much/' $W/conf/130.conf >$W/conf/131.conf
refuses "import of a wrong value" 1 "/131.conf:8: memory: 'much' is not a size" \
    bash -c "$GUEST import $W/conf/131.conf --storage shared 2>&1 | grep -v ^warning: >&2; exit \${PIPESTATUS[0]}"
run "$GUEST" import $W/conf/130.conf --storage store=shared
[ "$status" = 0 ] && [[ $out == *"'ct:130' is defined on node 'node1'"* ]]; report $? "import"
[[ $out == *"warning: $W/conf/130.conf:5: features: 'mount=nfs' has no effect here"* && $out == *":7: lock:"* &&
    $out == *":9: net0: 'firewall=1'"* && $out == *":13: unused0:"* && $out == *":15: [before]:"* ]]
report $? "what it leaves out is named"
prints "its files were found" "rootfs: shared:images/130/subvol-130-disk-0.subvol,size=0T" "$GUEST" config ct:130
[[ $out == *"description: a web server: nginx"* ]]; report $? "its comment is kept"
does "it starts" "$GUEST" set ct:130 --halt-signal SIGUSR1
does "it starts, really" "$GUEST" start ct:130
prints "it is what it was" "imported" "$GUEST" exec ct:130 -- hostname
does "it stops" "$GUEST" shutdown ct:130
refuses "import twice" 1 "guest 'ct:130' exists already" "$GUEST" import $W/conf/130.conf --storage shared
does "destroy what was imported" "$GUEST" destroy ct:130

# --- Under HA: everything is asked of the cluster.
does "add" "$MANAGER" add ct:100 --state stopped
becomes "it is stopped" 30 shows ct:100 stopped
says "start" "'ct:100' is under HA: its requested state is now 'started'" "$GUEST" start ct:100
becomes "HA starts it" 30 shows ct:100 started
becomes "it runs" 10 lives 100
before=$(init 100)
does "reboot under HA" "$GUEST" reboot ct:100
is_another "$before"; report $? "it runs again, by HA"
shows ct:100 started; report $? "and stays started"
refuses "clone under HA" 1 "guest 'ct:100' runs" "$GUEST" clone ct:100 105
says "shutdown" "'ct:100' is under HA: the master was asked to stop it, within 20 s" "$GUEST" shutdown ct:100 --timeout 20
becomes "HA stops it" 40 shows ct:100 stopped
gone 100; report $? "it does not run"
refuses "reboot of one that HA has stopped" 1 "is under HA, and not started: its state is 'stopped'" "$GUEST" reboot ct:100
does "clone of one that HA has stopped" "$GUEST" clone ct:100 105 --storage other
does "destroy that copy" "$GUEST" destroy ct:105
prints "migrate is the master's" "" "$GUEST" migrate ct:100 node1

# --- What is done by hand to a service is noticed.
lxc-start -P $W/state/lxc -n 100 2>/dev/null
becomes "started by hand while it is to be stopped: it is stopped" 40 gone 100
shows ct:100 stopped; report $? "and still is"
says "start once more" "requested state" "$GUEST" start ct:100
becomes "HA starts it again" 30 lives 100
before=$(init 100)
lxc-stop -P $W/state/lxc -n 100 -k
becomes "stopped by hand while it is to run: it is started" 30 is_another "$before"

# --- Taken out, ignored, disabled: the guest stays as it is.
becomes "it is started by now" 30 shows ct:100 started
before=$(init 100)
does "ignore" "$MANAGER" set ct:100 --state ignored
becomes "HA has let go of it" 20 shows ct:100 ignored
[ "$(init 100)" = "$before" ]; report $? "an ignored guest runs on"
does "stop of an ignored guest" "$GUEST" stop ct:100
gone 100; report $? "is done at once, here"
sleep 5
gone 100; report $? "and HA leaves it so"
does "start of an ignored guest" "$GUEST" start ct:100
before=$(init 100)
does "taken back" "$MANAGER" set ct:100 --state started
becomes "HA looks after it again" 30 shows ct:100 started
[ "$(init 100)" = "$before" ]; report $? "and found it running"
does "remove" "$MANAGER" remove ct:100
becomes "HA does not know it any more" 20 bash -c "! $MANAGER status | grep -q ct:100"
sleep 3
[ "$(init 100)" = "$before" ]; report $? "a removed guest runs on"
does "add again" "$MANAGER" add ct:100
becomes "HA has it again" 30 shows ct:100 started
[ "$(init 100)" = "$before" ]; report $? "as it ran"
does "disable" "$MANAGER" set ct:100 --state disabled
becomes "it is disabled" 30 shows ct:100 disabled
gone 100; report $? "a disabled guest is stopped"
[ -x $W/shared/ct-100/sbin/init ] && "$GUEST" config ct:100 >/dev/null; report $? "and nothing else is done to it"
does "remove a disabled one" "$MANAGER" remove ct:100
does "destroy" "$GUEST" destroy ct:100
rm -r $W/shared/images
[ -z "$(ls -A $W/shared)" ]; report $? "nothing stays on the storage"

kill "${pids[@]}" 2>/dev/null
wait
echo "1..$count"
exit $failed
