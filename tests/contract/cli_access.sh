#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cli_access.sh HA-CLUSTERD HA-CLUSTER: users, tokens, roles and permissions against a real ha-clusterd on a machine by
# itself (in_node.sh). TAP, one line a step.
# shellcheck source=tests/contract/cli_steps.sh
. "$(dirname "$(readlink -f "$0")")/cli_steps.sh"
CLUSTERD=$1 CLUSTER=$2

all() {
    for what in user group token role acl; do
        "$CLUSTER" $what list --output-format json
    done
}
is_quorate() { "$CLUSTER" status --output-format json | grep -q '"quorate":true'; }

machine_make /run/session
clusterd_start "$CLUSTERD" is_quorate

prints "root is always there" "root@pam" "$CLUSTER" user list
printf 'correct horse\nnot this\n' >/run/session/password
does "user add with a password" "$CLUSTER" user add ann@pve --password-file /run/session/password --comment 'Ann A.'
prints "user add without one says so" "has no password yet" "$CLUSTER" user add bob@pve
does "user add of the machine" "$CLUSTER" user add joe@pam
refuses "user add twice" 1 "already exists" "$CLUSTER" user add ann@pve --password-file /run/session/password
refuses "user add of no realm" 2 "does not look like a valid user name" "$CLUSTER" user add ann
refuses "user add of another realm" 2 "no such realm 'ldap'" "$CLUSTER" user add ann@ldap
refuses "a password on the command line" 2 "password" "$CLUSTER" user add x@pve --password secret
refuses "root cannot be disabled" 1 "cannot be disabled" "$CLUSTER" user set root@pam --enable 0
refuses "root cannot be removed" 1 "cannot be removed" "$CLUSTER" user remove root@pam
out=$(printf 'another horse\n' | "$CLUSTER" user password bob@pve --password-file - 2>&1); report $? "password from standard input"
refuses "password that is too short" 1 "at least 8" "$CLUSTER" user password bob@pve --password-file <(echo short)
refuses "password of the machine's user" 1 "change it there" "$CLUSTER" user password joe@pam --password-file /run/session/password
refuses "password without a terminal" 1 "--password-file" "$CLUSTER" user password bob@pve
does "group add" "$CLUSTER" group add ops --comment operators
does "user set with a group" "$CLUSTER" user set ann@pve --groups ops --email ann@example.com
refuses "a group that is not there" 1 "no such group 'none'" "$CLUSTER" user set ann@pve --groups none
prints "group list" "ann@pve" "$CLUSTER" group list
prints "token add shows the secret" "secret" "$CLUSTER" token add ann@pve lap --privsep 0
secret=$(sed -n 's/.*│ *secret *│ *\([0-9a-f-]*\) *│.*/\1/p' <<<"$out")
[ ${#secret} = 36 ]; report $? "a secret of 36 characters"
run "$CLUSTER" token list; [[ $out == *'ann@pve!lap'* && $out != *"$secret"* ]]; report $? "token list shows no secret"
refuses "token add twice" 1 "already exists" "$CLUSTER" token add ann@pve lap
does "role add" "$CLUSTER" role add Mine --privs VM.Audit,VM.Console
refuses "role with what is no privilege" 1 "invalid privilege 'No.Such'" "$CLUSTER" role add Bad --privs No.Such
refuses "role that is built in" 1 "cannot be modified" "$CLUSTER" role set Operator --privs VM.Audit
does "acl set" "$CLUSTER" acl set / --role Operator --group ops
does "acl set of a guest" "$CLUSTER" acl set /vms/100 --role Mine --user bob@pve --propagate 0
does "acl set of a token" "$CLUSTER" acl set / --role Auditor --token 'ann@pve!lap'
refuses "acl set of a path that is none" 2 "invalid ACL path" "$CLUSTER" acl set /elsewhere --role Mine --user bob@pve
refuses "acl set for nobody" 2 "give --user" "$CLUSTER" acl set / --role Mine
refuses "acl set of an unknown role" 1 "role 'None' does not exist" "$CLUSTER" acl set / --role None --user bob@pve
prints "acl list" "/vms/100" "$CLUSTER" acl list
refuses "role remove while in use" 1 "in use" "$CLUSTER" role remove Mine
does "acl remove" "$CLUSTER" acl remove /vms/100 --role Mine --user bob@pve
does "role remove" "$CLUSTER" role remove Mine
prints "completion of users" "ann@pve" "$CLUSTER" complete-words user remove ''
prints "completion of roles" "Operator" "$CLUSTER" complete-words acl set / --role ''

kept=$(all)
run "$CLUSTER" backup /run/session/first; run grep -a history/ /run/session/first
[[ $out == *permission-changed* && $out == *user-changed* && $out == *ann@pve* && $out != *horse* ]]
report $? "changes are in the history"
prints "backup" "keys" "$CLUSTER" backup /run/session/backup
run cat /run/session/backup; [[ $out != *horse* && $out != *"$secret"* && $out == *secret/user/ann@pve* ]]
report $? "the backup has hashes, no secrets"
does "user remove" "$CLUSTER" user remove ann@pve
run "$CLUSTER" acl list; [[ $out != *ann@pve* ]]; report $? "with its permissions"
does "group remove" "$CLUSTER" group remove ops
prints "restore" "restored" "$CLUSTER" restore /run/session/backup
[ "$(all)" = "$kept" ]; report $? "restore brings all of it back"

steps_end
