#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cli_notify.sh HA-CLUSTERD HA-CLUSTER: 'ha-cluster notify …' against a real ha-clusterd on a machine by itself, with a
# script as program and a web server with a certificate of its own. Runs in a machine of its own (in_node.sh). TAP.
set -u
CLUSTERD=$1 CLUSTER=$2
export LC_ALL=C.UTF-8
count=0 failed=0

# report RESULT NAME: RESULT 0 is good; with what was printed when not
report() {
    count=$((count + 1))
    if [ "$1" = 0 ]; then
        echo "ok $count - $2"
    else
        echo "not ok $count - $2"
        echo "# ${out//$'\n'/$'\n'# }"
        failed=1
    fi
}
# prints NAME STATUS WORDS COMMAND…: exits so, with the words in its output
prints() {
    local name=$1 want=$2 words=$3
    shift 3
    out=$("$@" 2>&1 </dev/null) && status=0 || status=$?
    [ "$status" = "$want" ] && [[ $out == *"$words"* ]]
    report $? "$name"
}
# refuses NAME STATUS WORDS COMMAND…: likewise, and the targets stay the same
refuses() {
    local before
    before=$(notify list --output-format json)
    prints "$@"
    [ "$before" = "$(notify list --output-format json)" ]
    report $? "  and nothing changed"
}
notify() { "$CLUSTER" notify "$@"; }

folder=/run/session
export HA_MANAGER_RUN_DIR=$folder/run HA_MANAGER_STATE_DIR=$folder/state
mkdir -p $folder/run $folder/state $folder/etc $folder/out
chmod 777 $folder/out
mount --bind $folder/etc /etc/corosync 2>/dev/null
ip link set lo up 2>/dev/null
cat >$folder/page <<'PROGRAM'
#!/bin/sh
{ echo "$HA_EVENT $HA_TARGET $(id -un)"; cat; } >/run/session/out/told
PROGRAM
printf '#!/bin/sh\necho one\necho this is why\nexit 1\n' >$folder/fail
chmod 755 $folder/page $folder/fail
(umask 077; echo hunter2 >$folder/secret)

"$CLUSTERD" 2>$folder/clusterd.log &
daemon=$!
for _ in $(seq 100); do
    notify list >/dev/null 2>&1 && break
    sleep 0.1
done

refuses "mail without an address" 1 "target 'ops' of kind mail needs 'to'" notify add ops --kind mail
refuses "an address that is an option" 1 "is not a list of mail addresses" notify add ops --kind mail --to=-oX@y
refuses "a kind that is none" 2 "kind:" notify add ops --kind pigeon
refuses "a rule that is none" 1 "'loud' is no part of a rule" notify add ops --kind mail --to a@b --rule loud
refuses "a secret without encryption" 1 "over https only" \
    notify add chat --kind webhook --url http://example.org/ --secret-file $folder/secret
refuses "a secret of a program" 1 "only a webhook has a secret" \
    notify add page --kind exec --program $folder/page --secret-file $folder/secret
prints "mail added" 0 "target 'ops' added" \
    notify add ops --kind mail --to a@b --rule level=error --rule 'event=fence-* node=n1'
prints "program added" 0 "target 'page' added" notify add page --kind exec --program $folder/page
refuses "added twice" 1 "target 'page' exists" notify add page --kind exec --program $folder/page
prints "list" 0 '"rules":["level=error","event=fence-* node=n1"],"target":"ops"' notify list --output-format json
prints "rules replaced" 0 "" notify set ops --rule level=warning --rate 5
prints "list again" 0 '"rate":5,"rules":["level=warning"],"target":"ops"' notify list --output-format json
refuses "another kind's key" 1 "is of a target of kind webhook" notify set ops --url https://x
prints "program tried" 0 "target 'page' was told" notify test page
out=$(cat $folder/out/told)
[[ $out == "notify-test page "* && $out != *" root"* && $out == *'"text":"notify-test: node='* ]]
report $? "  and it was, without privileges"
prints "as a user" 0 "" notify set page --user root
prints "program tried again" 0 "was told" notify test page
out=$(cat $folder/out/told)
[[ $out == "notify-test page root"* ]]
report $? "  as that user"
prints "a program that fails" 0 "" notify set page --program $folder/fail
prints "says why" 1 "ha-cluster: this is why" notify test page
prints "unknown target" 1 "no target 'none', there are: ops, page" notify test none

# A web server with a certificate that only we know.
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    -keyout $folder/key.pem -out $folder/cert.pem 2>/dev/null
chmod 711 $folder; chmod 644 $folder/cert.pem
cat >$folder/server.py <<'SERVER'
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length'])).decode()
        print(self.headers['X-Token'], body, flush=True)
        self.send_response(204)
        self.end_headers()
    def log_message(self, *_): pass
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('/run/session/cert.pem', '/run/session/key.pem')
server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
SERVER
python3 $folder/server.py >$folder/served 2>/dev/null &
server=$!
for _ in $(seq 100); do
    [ ! -s $folder/served ] || break
    sleep 0.1
done
port=$(head -1 $folder/served)
prints "webhook added" 0 "added" \
    notify add chat --kind webhook --url "https://localhost:$port/x" --header X-Token --secret-file $folder/secret
prints "a certificate of an unknown" 1 "cannot post to the webhook: SSL" notify test chat
prints "known now" 0 "" notify set chat --cafile $folder/cert.pem
prints "webhook tried" 0 "was told" notify test chat
out=$(cat $folder/served)
[[ $out == *"hunter2 {"*'"event":"notify-test"'* ]]
report $? "  with the secret"
prints "of another name" 0 "" notify set chat --url "https://127.0.0.1:$port/x"
prints "not trusted" 1 "cannot post to the webhook: SSL" notify test chat
prints "the secret is not shown" 0 '"header":"X-Token"' notify list --output-format json
[[ $out != *hunter2* ]]
report $? "  anywhere"
refuses "it stays encrypted" 1 "over https only" notify set chat --url http://example.org/
kill $server
prints "completion" 0 "chat
ops
page" "$CLUSTER" complete-words notify remove ""
prints "remove" 0 "" notify remove chat
refuses "remove again" 1 "no target 'chat', there are: ops, page" notify remove chat

kill $daemon
wait $daemon 2>/dev/null
echo "1..$count"
exit $failed
