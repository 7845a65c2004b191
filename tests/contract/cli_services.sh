#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cli_services.sh FOLDER-OF-BUILD: OCF services under HA on a machine by itself, with all daemons: defined, started,
# kept, stopped, forgotten. Runs in a machine of its own (in_node.sh). TAP, one line a step.
# shellcheck source=tests/contract/cli_steps.sh
. "$(dirname "$(readlink -f "$0")")/cli_steps.sh"
BUILD=$1 MANAGER=$1/cli/ha-manager

# becomes NAME SECONDS COMMAND…: the command succeeds within the time
becomes() {
    local name=$1 i; shift
    for ((i = $1 * 10; i > 0; i--)); do
        "${@:2}" && { report 0 "$name"; return; }
        sleep 0.1
    done
    out=$("$MANAGER" status --verbose 2>&1; cat $W/*.log)
    report 1 "$name"
}
# shellcheck disable=SC2317 # called by others
shows() { "$MANAGER" status 2>/dev/null | grep -qxF "service $1 (node1, $2)"; }
explains() { "$MANAGER" status --verbose 2>/dev/null | grep -qF "$1"; }
process() { cat $W/db1.pid 2>/dev/null; }
lives() { kill -0 "$(process)" 2>/dev/null; }
# shellcheck disable=SC2317 # likewise
is_another() { lives && [ "$(process)" != "$1" ]; }

W=/run/services
export HA_MANAGER_RUN_DIR=$W/run HA_MANAGER_STATE_DIR=$W/state OCF_ROOT=$W/ocf
mkdir -p $W/run $W/state $W/etc $W/ocf/resource.d/test
mount --bind $W/etc /etc/corosync 2>/dev/null
cat >$W/ocf/resource.d/test/daemon <<'END'
#!/bin/sh
pidfile=$OCF_RESKEY_pidfile
alive() { [ -f "$pidfile" ] && kill -0 "$(cat "$pidfile")" 2>/dev/null; }
case $1 in
meta-data) cat <<XML
<resource-agent name="daemon"><parameters>
<parameter name="pidfile" required="1"><shortdesc>Where its number is</shortdesc><content type="string"/></parameter>
<parameter name="mode"><content type="string" default=""/></parameter>
</parameters><actions><action name="start" timeout="30s"/><action name="stop" timeout="30s"/>
<action name="monitor" timeout="20s" interval="10s"/></actions></resource-agent>
XML
    ;;
start)
    [ "$OCF_RESKEY_mode" = broken ] && { echo 'reading the configuration'; echo 'line 7: no such thing'; exit 1; }
    alive && exit 0
    setsid sleep 100000 </dev/null >/dev/null 2>&1 &
    echo $! >"$pidfile";;
stop) alive && kill "$(cat "$pidfile")"; while alive; do sleep 0.01; done; rm -f "$pidfile" "$pidfile.sick";;
monitor) [ -e "$pidfile.sick" ] && exit 1; alive || exit 7;;
validate-all) ;;
*) exit 3;;
esac
END
chmod 755 $W/ocf/resource.d/test/daemon

pids=()
for daemon in watchdog/ha-watchdogd cluster/ha-clusterd crm/ha-crm lrm/ha-lrm; do
    HA_MANAGER_LOG=text "$BUILD/$daemon" 2>"$W/${daemon#*/}.log" &
    pids+=($!)
done
becomes "all daemons are there" 60 explains "lrm node1 (idle"

refuses "an agent that is not installed" 1 "agent 'test:none' is not installed on this node" \
    "$MANAGER" add ocf:db1 --agent test:none
refuses "no agent" 1 "key 'agent' is missing" "$MANAGER" add ocf:db1
refuses "an unknown parameter" 1 "agent 'test:daemon': unknown parameter 'pidfil': did you mean 'pidfile'?" \
    "$MANAGER" add ocf:db1 --agent test:daemon --param pidfil=/x
refuses "a missing parameter" 1 "agent 'test:daemon': missing parameters: 'pidfile' (Where its number is)" \
    "$MANAGER" add ocf:db1 --agent test:daemon
refuses "a parameter without value" 2 "'pidfile' is not of the form key=value" \
    "$MANAGER" add ocf:db1 --agent test:daemon --param pidfile
refuses "a bad name" 2 "expected letters, digits" "$MANAGER" add ocf:a/b --agent test:daemon
refuses "a unit without a service manager" 1 "no service manager (systemd) runs on node 'node1'" \
    "$MANAGER" add unit:nginx.service
does "add" "$MANAGER" add ocf:db1 --agent ocf:test:daemon --param pidfile=$W/db1.pid --verb-timeout start=40
becomes "it is started" 30 shows ocf:db1 started
lives; report $? "it runs"
before=$(process)
kill -9 "$before"
becomes "it is started again when it ended" 10 is_another "$before"
before=$(process)
: >$W/db1.pid.sick
becomes "it is started again when it does not work" 25 is_another "$before"
before=$(process)
refuses "a probe that is none" 2 "expected exec:/path/to/program" "$MANAGER" set ocf:db1 --probe ping
# shellcheck disable=SC2016 # the program's own variable
printf '#!/bin/sh\n[ ! -e %s/ill ] || { echo "$HA_SERVICE is ill"; exit 1; }\n' $W >$W/check
chmod 755 $W/check
does "set a probe" "$MANAGER" set ocf:db1 --probe "exec:$W/check" --probe_interval 1 --probe_failures 2
sleep 3
[ "$(process)" = "$before" ]; report $? "it is left alone while its probe is good"
: >$W/ill
becomes "its probe fails" 20 grep -q "probe-failed: .*ocf:db1 is ill" $W/ha-lrm.log
becomes "it is started again when its probe fails twice" 20 is_another "$before"
grep -q "unhealthy: .*its probe failed: '$W/check' ended with 1: ocf:db1 is ill" $W/ha-lrm.log
report $? "and the event says why"
rm $W/ill
does "no probe any more" "$MANAGER" set ocf:db1 --delete probe,probe_interval,probe_failures
refuses "set of an unknown parameter" 1 "unknown parameter 'modes': did you mean 'mode'?" \
    "$MANAGER" set ocf:db1 --param modes=x
does "set" "$MANAGER" set ocf:db1 --param mode=broken
does "set back" "$MANAGER" set ocf:db1 --delete param.mode
refuses "forgetting what may run" 1 "is not known to be stopped" "$MANAGER" remove ocf:db1 --forget
does "disable" "$MANAGER" set ocf:db1 --state disabled
becomes "it is disabled" 20 shows ocf:db1 disabled
if lives; then false; else true; fi; report $? "it does not run"
does "remove" "$MANAGER" remove ocf:db1
refuses "another definition in the place of one that is there" 1 "'ocf:db1' is defined already, on node 'node1'" \
    "$MANAGER" add ocf:db1 --agent test:daemon --param pidfile=$W/other.pid
does "add as it is defined" "$MANAGER" add ocf:db1
becomes "it is started again" 30 shows ocf:db1 started
does "break" "$MANAGER" set ocf:db1 --param mode=broken
kill -9 "$(process)"
becomes "a start that fails is explained" 60 \
    explains "failed ocf:db1 on node1: cannot start 'ocf:db1': start of 'test:daemon' failed: error (1): line 7: no such thing"
becomes "it is in error when it cannot be started" 60 shows ocf:db1 error
explains $'\treading the configuration'; report $? "with its last lines"
explains $'\tit failed on node1, node1'; report $? "and the nodes it failed on"
"$MANAGER" why ocf:db1 | grep -qF "It is in error, on node1: cannot start 'ocf:db1'"; report $? "why says the same"
"$MANAGER" why ocf:db1 | grep -qF "It failed on node1, node1, 2 of 2 times that max_relocate allows: used up."
report $? "and that its tries are used up"
"$MANAGER" what-if --lose node1 | grep -qF "The quorum is lost: 0 of 1 votes are left, 1 are needed."
report $? "what-if knows that nobody is left"
refuses "what-if without a question" 2 "give at least one of" "$MANAGER" what-if
refuses "what-if of a node that there is not" 1 "no node 'node7' in this cluster" "$MANAGER" what-if --lose node7
refuses "why of a service that there is not" 1 "no service 'ocf:none'" "$MANAGER" why ocf:none
does "the way out" "$MANAGER" set ocf:db1 --state disabled
becomes "it is disabled once more" 20 shows ocf:db1 disabled
does "repair" "$MANAGER" set ocf:db1 --delete param.mode
does "limit its restarts" "$MANAGER" set ocf:db1 --restart_limit 1 --max_relocate 0 --state started
becomes "it is started once more" 30 shows ocf:db1 started
becomes "it runs once more" 10 lives
before=$(process)
kill -9 "$before"
becomes "it is restarted once" 15 is_another "$before"
kill -9 "$(process)"
becomes "a restart too many is an error" 30 shows ocf:db1 error
explains "failed ocf:db1 on node1: it was restarted 2 times within 600 s"; report $? "and the status says why"
does "the way out again" "$MANAGER" set ocf:db1 --state disabled
becomes "it is disabled for the last time" 20 shows ocf:db1 disabled
does "forget" "$MANAGER" remove ocf:db1 --forget
does "define anew" "$MANAGER" add ocf:db1 --agent test:daemon --param pidfile=$W/other.pid --state disabled
kill "${pids[@]}" 2>/dev/null
wait
echo "1..$count"
exit $failed
