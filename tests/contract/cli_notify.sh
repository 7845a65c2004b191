#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cli_notify.sh HA-CLUSTERD HA-CLUSTER HA-NOTIFY-SEND: 'ha-cluster notify …' against a real ha-clusterd on a machine by
# itself, with a script as program and a web server with a certificate of its own. Runs in a machine of its own
# (in_node.sh). TAP.
# shellcheck source=tests/contract/cli_steps.sh
. "$(dirname "$(readlink -f "$0")")/cli_steps.sh"
CLUSTERD=$1 CLUSTER=$2 POSTER=$3

all() { notify list --output-format json; }
notify() { "$CLUSTER" notify "$@"; }

folder=/run/session
machine_make $folder
mkdir -p $folder/out
chmod 777 $folder/out
ip link set lo up 2>/dev/null
cat >$folder/page <<'PROGRAM'
#!/bin/sh
{ echo "$HA_EVENT $HA_TARGET $(id -un)"; cat; } >/run/session/out/told
PROGRAM
printf '#!/bin/sh\necho one\necho this is why\nexit 1\n' >$folder/fail
chmod 755 $folder/page $folder/fail
(umask 077; echo hunter2 >$folder/secret)

clusterd_start "$CLUSTERD" notify list

refuses "mail without an address" 1 "target 'ops' of kind mail needs 'to'" notify add ops --kind mail
refuses "an address that is an option" 1 "is not a list of mail addresses" notify add ops --kind mail --to=-oX@y
refuses "a kind that is none" 2 "kind:" notify add ops --kind pigeon
refuses "a rule that is none" 1 "'loud' is no part of a rule" notify add ops --kind mail --to a@b --rule loud
refuses "a secret without encryption" 1 "over https only" \
    notify add chat --kind webhook --url http://example.org/ --secret-file $folder/secret
refuses "a secret of a program" 1 "only a webhook has a secret" \
    notify add page --kind exec --program $folder/page --secret-file $folder/secret
prints "mail added" "target 'ops' added" \
    notify add ops --kind mail --to a@b --rule level=error --rule 'event=fence-* node=n1'
prints "program added" "target 'page' added" notify add page --kind exec --program $folder/page
refuses "added twice" 1 "target 'page' exists" notify add page --kind exec --program $folder/page
prints "list" '"rules":["level=error","event=fence-* node=n1"],"target":"ops"' notify list --output-format json
prints "rules replaced" "" notify set ops --rule level=warning --rate 5
prints "list again" '"rate":5,"rules":["level=warning"],"target":"ops"' notify list --output-format json
refuses "another kind's key" 1 "is of a target of kind webhook" notify set ops --url https://x
prints "program tried" "target 'page' was told" notify test page
out=$(cat $folder/out/told)
[[ $out == "notify-test page "* && $out != *" root"* && $out == *'"text":"notify-test: node='* ]]
report $? "  and it was, without privileges"
prints "as a user" "" notify set page --user root
prints "program tried again" "was told" notify test page
out=$(cat $folder/out/told)
[[ $out == "notify-test page root"* ]]
report $? "  as that user"
prints "a program that fails" "" notify set page --program $folder/fail
ends "says why" 1 "ha-cluster: this is why" notify test page
ends "unknown target" 1 "no target 'none', there are: ops, page" notify test none

# A web server with a certificate that only we know.
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    -keyout $folder/key.pem -out $folder/cert.pem 2>/dev/null
chmod 711 $folder; chmod 644 $folder/cert.pem
# Where one without privileges gets at it, wherever it was built.
install -m 711 "$POSTER" $folder/ha-notify-send
export HA_MANAGER_NOTIFY_SEND=$folder/ha-notify-send
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
prints "webhook added" "added" \
    notify add chat --kind webhook --url "https://localhost:$port/x" --header X-Token --secret-file $folder/secret
ends "a certificate of an unknown" 1 "cannot post to the webhook: SSL" notify test chat
prints "known now" "" notify set chat --cafile $folder/cert.pem
prints "webhook tried" "was told" notify test chat
out=$(cat $folder/served)
[[ $out == *"hunter2 {"*'"event":"notify-test"'* ]]
report $? "  with the secret"
prints "of another name" "" notify set chat --url "https://127.0.0.1:$port/x"
ends "not trusted" 1 "cannot post to the webhook: SSL" notify test chat
ends "without the program that posts" 1 "cannot run '/nowhere'" env HA_MANAGER_NOTIFY_SEND=/nowhere "$CLUSTER" notify test chat
prints "the secret is not shown" '"header":"X-Token"' notify list --output-format json
[[ $out != *hunter2* ]]
report $? "  anywhere"
refuses "it stays encrypted" 1 "over https only" notify set chat --url http://example.org/
kill $server
prints "completion" "chat
ops
page" "$CLUSTER" complete-words notify remove ""
prints "remove" "" notify remove chat
refuses "remove again" 1 "no target 'chat', there are: ops, page" notify remove chat

prints "what was changed is in the history" "" "$CLUSTER" backup $folder/copy
out=$(grep -ao '{[^{}]*"event\\*":\\*"notify-changed.*' $folder/copy || cat $folder/copy)
[[ $out == *notify-changed* && $out == *'rule=level=warning rate=5'* || $out == *'rate=5 rule=level=warning'* ]] &&
    [[ $out == *'rule=level=error;event=fence-'* && $out == *root@pam* && $out == *removed* && $out == *'secret'* ]]
report $? "  with who and what"
[[ $(grep -a notify-changed $folder/copy | grep -c 'localhost:\|hunter2') = 0 ]]
report $? "  and neither secrets nor addresses that may be ones"
steps_end
