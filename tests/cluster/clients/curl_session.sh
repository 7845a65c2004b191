#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# curl_session.sh HOST PASSWORD SECRET: calls on the API of node1, whose ct:100 and ct:101 do not run and are not under HA; SECRET is
# that of the token root@pam!test. Prints status line, headers and body of each answer, without what changes from time to time;
# curl_session.expected has what must come, byte for byte.
set -euo pipefail
host=$1 password=$2 secret=$3
api=https://$host:8006
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
number=0

# Answers that take three seconds are waited for together.
ask() { # WORDS CURL-OPTION… URL
    local words=$1
    shift
    number=$((number + 1))
    {
        printf '=== %s\n' "$words"
        curl -sk -i --max-time 30 "$@" 2>&1 | tr -d '\r' | sed -e '/^Date: /d' -e "s/$host/HOST/g" \
            -e 's/"digest":"[0-9a-f]\{40\}"/"digest":"DIGEST"/g' \
            -e 's/"PVE:root@pam:[0-9A-F]\{8\}::[A-Za-z0-9+\/]*=*"/"TICKET"/' -e 's/"[0-9A-F]\{8\}:[A-Za-z0-9+\/]*=*"/"CSRF"/' \
            -e 's/"repoid":"[0-9a-f]\{8,\}"/"repoid":"REPOID"/' -e 's/"ha-manager":"[^"]*"/"ha-manager":"VERSION"/' \
            -e 's/"cap":{.*}},/"cap":{…},/' -e 's/^Content-Length: [1-9][0-9]*$/Content-Length: N/'
        printf '\n'
    } >"$scratch/$(printf '%03d' $number)"
}
slowly() {
    ask "$@" &
    number=$((number + 1))
}

login=$(curl -sk --data-urlencode "password=$password" -d username=root@pam "$api/api2/json/access/ticket")
ticket=$(grep -o '"ticket":"[^"]*"' <<<"$login" | cut -d'"' -f4)
csrf=$(grep -o '"CSRFPreventionToken":"[^"]*"' <<<"$login" | cut -d'"' -f4)
escaped=$(sed -e 's/%/%25/g' -e 's/:/%3A/g' -e 's/@/%40/g' -e 's/+/%2B/g' -e 's,/,%2F,g' -e 's/=/%3D/g' <<<"$ticket")
cookie="Cookie: PVEAuthCookie=$ticket"
proof="CSRFPreventionToken: $csrf"
token="Authorization: PVEAPIToken=root@pam!test=$secret"
resources=$api/api2/json/cluster/ha/resources
json='Content-Type: application/json'

# Who asks.
slowly 'no ticket' "$api/api2/json/nodes"
slowly 'no ticket, extjs' "$api/api2/extjs/nodes"
slowly 'a wrong ticket' -H 'Cookie: PVEAuthCookie=PVE:root@pam:00000000::AAAA' "$api/api2/json/nodes"
slowly 'a wrong token' -H 'Authorization: PVEAPIToken=root@pam!test=00000000-0000-0000-0000-000000000000' "$api/api2/json/nodes"
slowly 'a wrong password' -d 'username=root@pam&password=wrong' "$api/api2/json/access/ticket"
slowly 'a wrong password, extjs' -d 'username=root@pam&password=wrong' "$api/api2/extjs/access/ticket"
slowly 'a realm that is not there' -d 'username=root@ldap&password=wrong' "$api/api2/json/access/ticket"
slowly 'a change without CSRF token' -H "$cookie" -d sid=ct:100 "$resources"
slowly 'a change with a wrong CSRF token' -H "$cookie" -H 'CSRFPreventionToken: 00000000:AAAA' -X DELETE "$resources/ct:100"
ask 'the right password' --data-urlencode "password=$password" -d username=root@pam "$api/api2/json/access/ticket"
ask 'without password' -d username=root@pam "$api/api2/json/access/ticket"
ask 'a ticket' -H "$cookie" "$api/api2/json/version"
ask 'a ticket, percent-encoded, beside other cookies' -H "Cookie: a=b; PVEAuthCookie=$escaped; c=d" "$api/api2/json/version"
ask 'a token' -H "$token" "$api/api2/extjs/version"
ask 'realms, for all' "$api/api2/json/access/domains"

# Which way it comes.
ask 'HTTP/1.0' --http1.0 -H "$token" "$api/api2/json/cluster/config/apiversion"
ask 'plain HTTP' "http://$host:8006/api2/json/version"
ask 'plain HTTP, a change' -d a=b "http://$host:8006/api2/json/version"
ask 'another method' -H "$token" -X PATCH "$api/api2/json/version"
ask 'a format that is not there' -H "$token" "$api/api2/xml/version"
ask 'empty parts, _dc' -H "$token" "$api/api2/json//cluster/config//apiversion/?_dc=1700000000000"
ask 'a body with GET' -H "$token" -X GET -d a=b "$api/api2/json/version"
ask 'a body with DELETE' -H "$token" -X DELETE -d a=b "$resources/ct:100"
ask 'a body in chunks' -H "$token" -H 'Transfer-Encoding: chunked' -d sid=ct:100 "$resources"
head -c 600000 /dev/zero >"$scratch/large"
ask 'a body that is too large' -H "$token" -H 'Expect:' --data-binary "@$scratch/large" "$resources"
ask 'a path that is not there' -H "$token" "$api/api2/json/nothing"
ask 'a method that is not there' -H "$token" -d a=b "$api/api2/json/nodes"
ask 'a parameter twice' -H "$token" "$api/api2/json/cluster/resources?type=vm&type=node"

# What is asked.
ask 'a node that is not there' -H "$token" "$api/api2/json/nodes/nothing/status"
ask 'a name that is none' -H "$token" "$api/api2/json/nodes/a_b/status"
ask 'a resource that is not there' -H "$token" "$resources/ct:9"
ask 'a resource that is not there, extjs' -H "$token" "$api/api2/extjs/cluster/ha/resources/ct:9"
ask 'a guest that is elsewhere' -H "$token" "$api/api2/json/nodes/node2/lxc/100/config"
ask 'a task that is none' -H "$token" "$api/api2/json/nodes/node1/tasks/UPID:x/status"
ask 'a task that is not there' -H "$token" \
    "$api/api2/json/nodes/node1/tasks/UPID:node1:00000001:00000001:00000001:vzstart:100:root@pam:/status"
ask 'the next number' -H "$token" "$api/api2/json/cluster/nextid"
ask 'a number that is taken' -H "$token" "$api/api2/json/cluster/nextid?vmid=100"
ask 'what is below a path' -H "$token" "$api/api2/json/cluster/ha/status"

# What is changed.
ask 'nothing given' -H "$cookie" -H "$proof" -X POST "$resources"
ask 'nothing given, extjs' -H "$cookie" -H "$proof" -X POST "$api/api2/extjs/cluster/ha/resources"
ask 'all of it wrong' -H "$cookie" -H "$proof" -d 'sid=a%20b&max_restart=x&max_relocate=-1&state=on&failback=yes&more=1' "$resources"
ask 'a guest that is not there' -H "$token" -d sid=ct:9 "$resources"
ask 'a guest of another kind' -H "$token" -d sid=vm:100 "$resources"
ask 'by its number, in JSON' -H "$token" -H "$json" -d '{"sid":"100","state":"stopped","failback":true,"max_restart":3,"comment":"ä"}' "$resources"
ask 'twice' -H "$token" -d sid=ct:100 "$resources"
ask 'what was added' -H "$token" "$resources/100"
ask 'an old digest' -H "$token" -X PUT -d "max_restart=1&digest=$(printf '%040d' 0)" "$resources/ct:100"
ask 'set in the query, deleted in the body' -H "$token" -X PUT -d delete=comment,failback "$resources/ct%3A100?max_restart=4"
ask 'what was set' -H "$token" "$api/api2/extjs/cluster/ha/resources/100"
ask 'migrate nowhere' -H "$token" -X POST "$resources/100/migrate"
ask 'migrate to where it is' -H "$token" -d node=node1 "$resources/100/migrate"
ask 'migrate what is not under HA' -H "$token" -d node=node2 "$resources/ct:101/migrate"
ask 'a rule without nodes' -H "$token" -d 'rule=apart&type=node-affinity&resources=ct:100' "$api/api2/json/cluster/ha/rules"
ask 'a rule about what is not under HA' -H "$token" -d 'rule=apart&type=node-affinity&resources=ct:101&nodes=node1' "$api/api2/json/cluster/ha/rules"
ask 'a group' -H "$token" -d 'group=west&nodes=node1:2,node2&restricted=1' "$api/api2/json/cluster/ha/groups"
ask 'what it is' -H "$token" "$api/api2/json/cluster/ha/groups/west"
ask 'and no more' -H "$token" -X DELETE "$api/api2/json/cluster/ha/groups/west"
ask 'removed' -H "$token" -X DELETE "$resources/ct:100?purge=1"
ask 'removed twice' -H "$token" -X DELETE "$resources/ct:100"
ask 'log in by token' -H "$token" -d 'username=root@pam&password=x' "$api/api2/json/access/ticket"
ask 'join a cluster by token' -H "$token" -d "hostname=$host&password=x&fingerprint=$(printf 'AA:%.0s' {1..31})AA" "$api/api2/json/cluster/config/join"

wait
cat "$scratch"/[0-9]*
