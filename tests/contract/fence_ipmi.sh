#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# fence_ipmi.sh FENCE-PROBE: real code on both sides: the agent fence_ipmilan against OpenIPMI's simulated management
# controller, whose power is a file. Off, on, a wrong password, a controller that does not answer. Skipped where the
# packages fence-agents, ipmitool and openipmi are not installed. TAP.
set -u
probe=$1
for program in /usr/sbin/fence_ipmilan ipmi_sim ipmitool; do
    command -v "$program" >/dev/null || { echo "1..0 # SKIP no $program (packages fence-agents, ipmitool, openipmi)"; exit 0; }
done
folder=$(mktemp -d)
port=$((20000 + $$ % 20000))
count=0 failed=0
sim=
trap '[ -z "$sim" ] || kill "$sim" 2>/dev/null; rm -rf "$folder"' EXIT

report() { # RESULT NAME
    count=$((count + 1))
    if [ "$1" = 0 ]; then
        echo "ok $count - $2"
    else
        echo "not ok $count - $2"
        echo "# ${out//$'\n'/$'\n'# }"
        failed=1
    fi
}

# What the controller runs: chassis get power | chassis set power 0|1
cat >"$folder/chassis" <<SCRIPT
#!/bin/sh
op=\$1
shift
while [ \$# -gt 0 ]; do
    what=\$1
    shift
    case \$op:\$what in
        get:power) echo "power:\$(cat $folder/power)" ;;
        get:*) echo "\$what:0" ;;
        set:power) echo "\$1" >$folder/power; shift ;;
        set:*) shift ;;
    esac
done
SCRIPT
chmod 755 "$folder/chassis"
cat >"$folder/lan.conf" <<CONF
name "node1"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 $port
    priv_limit admin
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa123456789abcd01
  endlan
  chassis_control "$folder/chassis"
  user 1 true "" "" user 10 none md2 md5 straight
  user 2 true "admin" "hunter2" admin 10 none md2 md5 straight
CONF
cat >"$folder/sim.emu" <<'EMU'
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
mc_enable 0x20
EMU
mkdir "$folder/state"
echo 1 >"$folder/power"
ipmi_sim -n -d -c "$folder/lan.conf" -f "$folder/sim.emu" -s "$folder/state" >"$folder/sim.log" 2>&1 </dev/null &
sim=$!

# ask ACTION PASSWORD [TIMEOUT]: the result in $out
ask() {
    out=$(printf 'device: ipmi\n\tagent fence_ipmilan\n\tnodes node1\n\ttimeout %s\n%s\n' "${3:-20}" \
        "$(printf '\tparam.%s\n' 'ip 127.0.0.1' "ipport $port" 'username admin' 'lanplus 1' 'cipher 3')" |
        "$probe" "$1" node1 "password=$2" 2>&1)
}

ready=1
for _ in $(seq 50); do
    ask status hunter2
    case $out in on*) ready=0; break ;; esac
    sleep 0.1
done
report $ready "status of a node that is on"
ask check hunter2
[[ $out == ok* ]]; report $? "its parameters fit what the agent says of itself"
ask monitor hunter2
[[ $out == ok* ]]; report $? "monitor"
ask off hunter2
[[ $out == off* ]] && [ "$(cat "$folder/power")" = 0 ]; report $? "off, and its status says so"
ask status hunter2
[[ $out == off* ]]; report $? "status of a node that is off"
ask off hunter2
[[ $out == off* ]]; report $? "off again"
ask on hunter2
[[ $out == ok* ]] && [ "$(cat "$folder/power")" = 1 ]; report $? "on"
ask off swordfish
[[ $out == failed* && $out != *swordfish* ]] && [ "$(cat "$folder/power")" = 1 ]
report $? "a wrong password switches nothing and is not shown"
kill "$sim"
wait "$sim" 2>/dev/null
sim=
ask off hunter2 2
[[ $out == failed* ]]; report $? "a controller that does not answer fails within the timeout"
out=$(pgrep -f "^ipmitool .*-p $port " || true)
[ -z "$out" ]; report $? "nothing of the agents is left"
echo "1..$count"
exit $failed
