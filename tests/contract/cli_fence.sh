#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cli_fence.sh HA-CLUSTERD HA-CLUSTER: 'ha-cluster fence …' against a real ha-clusterd on a machine by itself, with a small
# script as agent. Runs in a machine of its own (in_node.sh). TAP, one line a step.
# shellcheck source=tests/contract/cli_steps.sh
. "$(dirname "$(readlink -f "$0")")/cli_steps.sh"
CLUSTERD=$1 CLUSTER=$2

all() { fence list --output-format json; }
fence() { "$CLUSTER" fence "$@"; }

folder=/run/session
machine_make $folder
export HA_MANAGER_FENCE_DIR=$folder/agents
mkdir -p $folder/agents
node=$(hostname)

# The agent: its power is a file, its password must be right.
cat >$folder/agents/fence_test <<'AGENT'
#!/bin/bash
declare -A option
while IFS='=' read -r key value; do option[$key]=$value; done
power=/run/session/power
case ${option[action]} in
    metadata)
        echo '<resource-agent name="fence_test"><parameters><parameter name="action" required="1"/>'
        echo '<parameter name="ip" required="1"/><parameter name="password"/><parameter name="mode"/></parameters>'
        echo '<actions><action name="on"/><action name="off"/><action name="status"/></actions></resource-agent>'
        exit 0
        ;;
esac
[ "${option[password]:-}" = hunter2 ] || { echo "password '${option[password]:-}' is wrong" >&2; exit 1; }
[ "${option[mode]:-}" != hang ] || sleep 1000
case ${option[action]} in
    monitor) exit 0 ;;
    status) [ "$(cat $power)" = on ] || exit 2 ;;
    on | off) echo "${option[action]}" >$power; echo "Success" ;;
esac
AGENT
chmod 755 $folder/agents/fence_test
echo on >$folder/power
(umask 077; printf 'password=hunter2\n' >$folder/secret; printf 'password=swordfish\n' >$folder/wrong)
printf 'password=hunter2\n' >$folder/open
chmod 644 $folder/open

ends "without ha-clusterd it says so" 1 "ha-cluster: ha-clusterd is not running" fence list
clusterd_start "$CLUSTERD" fence options --self-test never

ends "no devices at first" 1 "no fence devices are configured" fence test
refuses "an agent that is not there" 1 "no fence agent 'fence_none' on this node" fence add d1 --agent fence_none --nodes "$node"
refuses "a path as agent" 2 "agent: '/bin/sh' is no name of a fence agent" fence add d1 --agent /bin/sh --nodes "$node"
refuses "an unknown node" 1 "no node 'other' in this cluster" fence add d1 --agent fence_test --nodes other --param ip=1
refuses "a missing parameter" 1 "missing parameters: 'ip'" fence add d1 --agent fence_test --nodes "$node"
refuses "a misspelt parameter" 1 "unknown parameter 'mod': did you mean 'mode'?" \
    fence add d1 --agent fence_test --nodes "$node" --param ip=1 --param mod=x
refuses "a secret on the command line" 2 "use --secret password" \
    fence add d1 --agent fence_test --nodes "$node" --param ip=1 --param password=hunter2
refuses "a secret without a terminal" 2 "secret: there is no terminal to ask on: use --secret-file" \
    fence add d1 --agent fence_test --nodes "$node" --param ip=1 --secret password
refuses "a secret file that others can read" 2 "is not a file that only you can read" \
    fence add d1 --agent fence_test --nodes "$node" --param ip=1 --secret-file $folder/open
refuses "a level that is none" 2 "level: 10 is too large" fence add d1 --agent fence_test --nodes "$node" --level 10
prints "add" "fence device 'd1' added" fence add d1 --agent fence_test --nodes "$node" --param ip=1 --secret-file $folder/wrong
refuses "add again" 1 "exists already" fence add d1 --agent fence_test --nodes "$node" --param ip=1
ends "test of a device with a wrong password" 1 "password '***' is wrong" fence test
[[ $out != *swordfish* ]]; report $? "  whose words do not show it"
prints "its result is kept" "password '***' is wrong" fence list
on_terminal "password of" hunter2 "$CLUSTER" fence set d1 --secret password
[ "$status" = 0 ] && [[ $out == *"password of 'd1': "* && $out != *hunter2* ]]; report $? "a secret asked for on the terminal"
prints "test" '"result":"passed"' fence test --output-format json
prints "test, as a table" "│ d1     │ status" fence test d1
prints "list shows the names of secrets" '"secrets":["password"]' fence list --output-format json
[[ $out != *hunter2* ]]; report $? "  and not the secrets"
prints "status" '"power":"on"' fence status --output-format json
refuses "off of the own node" 1 "is this one: switch it off from another node" fence off "$node" --yes
refuses "off without a terminal" 1 "is not switched off without --yes" fence off "$node" --force
on_terminal "Type the" something "$CLUSTER" fence off "$node" --force
[ "$status" = 1 ] && [ "$(cat $folder/power)" = on ] && [[ $out == *"'something' is not '$node'"* ]]
report $? "off with another name typed switches nothing"
on_terminal "Type the" "$node" "$CLUSTER" fence off "$node" --force
[ "$status" = 0 ] && [ "$(cat $folder/power)" = off ]; report $? "off with the name typed"
prints "status of a node that is off" '"power":"off"' fence status "$node" --output-format json
ends "test finds a device that calls a member off" 1 "the device cannot be trusted" fence test
prints "on" "node '$node' is switched on" fence on "$node"
prints "off with --yes" "node '$node' is off" fence off "$node" --yes --force
prints "on again" "is switched on" fence on "$node"
prints "a second device, in the same level" "added" \
    fence add d0 --agent fence_test --nodes "$node" --param ip=1 --param mode=hang --timeout 1 --secret-file $folder/secret
ends "  all devices of a level must do it" 1 "could not be switched off: it may still be on" fence off "$node" --yes --force
prints "set: the other one first" "" fence set d1 --level 2
prints "  a device that hangs leaves it to the next level" "did not end its 'off' in time" fence off "$node" --yes --force
ends "  test of a device that hangs" 1 '"exit_status":-1' fence test d0 --output-format json
prints "set: disabled" "" fence set d0 --disabled
prints "  is passed over" "is switched on" fence on "$node"
prints "  also when all are tried" '"device":"d1"' fence test --output-format json
[[ $out != *'"d0"'* ]]; report $? "  by tests"
prints "set: delete" "" fence set d0 --delete mode,disabled
refuses "set: delete what is not there" 1 "has no parameter or secret 'mode'" fence set d0 --delete mode
prints "options" '{"self_test_interval_s":0}' fence options --output-format json
prints "options set" "" fence options --self-test 1d
prints "options" '{"self_test_interval_s":86400}' fence options --output-format json
refuses "options with a bad interval" 2 "self-test: '5s' is not 'never' and no time from 1m to 365d" fence options --self-test 5s
prints "completion" "d0
d1" "$CLUSTER" complete-words fence remove ""
prints "remove" "" fence remove d0
refuses "remove again" 1 "no fence device 'd0', there are: d1" fence remove d0

steps_end
