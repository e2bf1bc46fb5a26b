#!/usr/bin/env bash
# A real agent and a real collector on loopback: enrolment, fresh states, polls, a collector that is away, processes that die,
# a journal that somebody changes.
set -u
cd "$(dirname "$0")/../.." || exit 2
# A network of its own, whose only cable can be pulled.
if [ -z "${REPORT_NETWORK-}" ] && unshare --net true 2>/dev/null; then
	REPORT_NETWORK=own exec unshare --net "tests/integration/$(basename "$0")"
fi
[ "${REPORT_NETWORK-}" != own ] || ip link set lo up || exit 2
. tests/lib.sh
build=${SEKISHO_BUILD-$PWD/build/release}
root=$work/terminal
state=$root/var/lib/sekisho
ids=61300
server=
agent=

clean_up() {
	[ -z "$agent" ] || stop "$agent"
	[ -z "$server" ] || stop "$server"
	[ "$failed" = 0 ] || tail -n 30 "$work/agent.log" "$work/collector.log"
}
need_root

collector() {
	"$build/collector/sekisho-collector" --config "$work/collector.yaml" "$@"
}
sekisho() {
	"$build/agent/sekisho" --root "$root" "$@"
}
serve() {
	"$build/collector/sekisho-collector" --config "$work/collector.yaml" serve >>"$work/collector.log" 2>&1 &
	server=$!
	within 10 listens "$port"
}
start_agent() {
	"$build/agent/sekishod" --root "$root" --observe --user-ids "$ids" --libexec "$build/libexec" >>"$work/agent.log" 2>&1 &
	agent=$!
	within 10 sekisho status
}
enrol() { # NAME [OPTION...]: token from standard input
	sekisho enrol terminal --collector "https://localhost:$port" --token-file - --name "$1" "${@:2}"
}
shown() { # TERMINAL FILTER
	collector terminals --json | jq -c --arg t "$1" ".terminals[] | select(.terminal == \$t) | $2"
}
is() { # EXPECTED COMMAND...
	local expected=$1 said
	shift
	said=$("$@" 2>&1)
	echo "$said"
	[ "$said" = "$expected" ]
}
outbox_count() {
	find "$state/outbox/outgoing" -name '*.jws' | wc -l
}
alive() { # NAME NOT-THIS-PID
	local pid
	pid=$(agent_child "$1") && [ "$pid" != "$2" ] && sekisho status --json | jq -e --arg p "$1" '.state.agent.running | contains($p)'
}
# What the collector holds of a terminal: each report once and in order, the journal's lines byte for byte.
holds_all() { # TERMINAL
	python3 - "$work/collector/collector.db" "$1" "$state/journal" <<'PYTHON'
import glob, sqlite3, sys
database, name, journal = sys.argv[1:]
rows = lambda query: list(sqlite3.connect(f"file:{database}?mode=ro", uri=True).execute(query, (name,)))
terminal = "terminal = (SELECT id FROM terminals WHERE name = ?)"
seqs = [seq for seq, in rows(f"SELECT seq FROM reports WHERE {terminal} ORDER BY received, seq")]
assert seqs == list(range(1, len(seqs) + 1)), seqs
lines = [line for line, in rows(f"SELECT line FROM events WHERE {terminal} ORDER BY seq, report, position")]
files = "".join(open(file).read() for file in sorted(glob.glob(journal + "/*.jsonl"))).splitlines()
assert lines == files, (len(lines), len(files), lines[-2:], files[-2:])
for table in ("breaks", "clones"):
    assert not rows(f"SELECT 1 FROM {table} WHERE {terminal}"), table
print(len(seqs), "reports,", len(lines), "events")
PYTHON
}
exactly_once() { # TERMINAL
	[ "$(outbox_count)" = 0 ] && holds_all "$1"
}

mkdir -p "$root"
for _ in 1 2 3 4 5; do
	port=$((20000 + RANDOM % 12000))
	listens "$port" || break
done
install -d -m 0700 "$work/collector"
printf 'dir: %s\nlisten: 127.0.0.1:%s\n' "$work/collector" "$port" >"$work/collector.yaml"
check "a collector is made" "$build/collector/sekisho-collector" init "$work/collector" --name localhost --user $((ids + 9))
ca=$work/collector/ca.pem
check "it serves" serve
check "the agent runs" start_agent
for name in signer reporter; do
	check "... $name is confined" grep -q '^Seccomp:[[:space:]]*2$' "/proc/$(agent_child $name)/status"
	check "... $name has no capability" grep -q '^CapEff:[[:space:]]*0*$' "/proc/$(agent_child $name)/status"
done
signer_links() { ldd "$build/libexec/signer" | grep -E 'libssl|libevent'; }
ends 1 "... signer links no network library" signer_links

# --- enrolment ---
check "before it, the state says so" is false jq .enrolled <(sekisho status --json)
token=$(collector token new --name t1)
ends 2 "a token on the command line is refused" sekisho enrol terminal --collector "https://localhost:$port" --token "$token"
ends 2 "an http: URL is refused" sekisho enrol terminal --collector "http://localhost:$port" --token-file - --ca "$ca"
ends 2 "without a CA certificate nothing is sent" enrol t1 <<<"$token"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=other \
	-keyout "$work/other.key" -out "$work/other.pem" 2>/dev/null
ends 3 "a collector of another CA is not spoken to" enrol t1 --ca "$work/other.pem" <<<"$token"
ends 1 "a wrong token is refused" enrol t1 --ca "$ca" <<<"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
check "a failed enrolment leaves none" is false jq .enrolled <(sekisho status --json)
ends 0 "the right token enrols" enrol t1 --ca "$ca" <<<"$token"
ends 1 "it works once" enrol t1 --replace --ca "$ca" <<<"$token"
ends 1 "an enrolled terminal is not enrolled again unasked" enrol t1 --ca "$ca" <<<"$token"
check "the key is the signer's alone" is "600 $((ids + 2)) $((ids + 2))" stat -c '%a %u %g' "$state/signer/terminal.key"
check "the enrolment is journalled" grep -q '"event":"terminal.enrolled"' "$state"/journal/*.jsonl

# --- reports ---
check "the terminal is FRESH" within 15 is '"FRESH"' shown t1 .state
ends 0 "a poll is answered" collector poll t1 --timeout 10
check "what the collector holds is what the terminal has" within 10 exactly_once t1
check "no port is open" is 0 grep -c " $(printf %04X:  0)" <(ss -Hltnp | grep -E "pid=($(pgrep -P "$(pgrep -P "$agent")" -d '|')|$(pgrep -P "$agent")|$agent),")

# --- how often ---
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=office \
	-keyout "$work/office.key" -out "$work/office.pem" 2>/dev/null
install -m 644 "$work/office.pem" "$root/etc/sekisho/trust/policy-signers.pem"
install_policy() { # VERSION INTERVAL
	sed "s/^version: .*/version: $1/; s/^  interval: .*/  interval: $2/" packaging/policies/mito-my-number.yaml >"$work/policy.yaml" &&
		rm -f "$work/policy.p7" &&
		sekisho policy sign "$work/policy.yaml" --certificate "$work/office.pem" --key "$work/office.key" --out "$work/policy.p7" &&
		sekisho policy install "$work/policy.p7"
}
newer() { [ "$(shown t1 .seq)" -gt "$seq" ]; }
check "no policy: the collector is patient for" is 180 shown t1 .fresh_seconds
check "a policy: a report at least every 10 s" install_policy 1 10
check "... is in the state" within 5 is 10 shown t1 .facts.policy.report_interval
check "... and the collector is no less patient" is 180 shown t1 .fresh_seconds
for _ in 1 2; do
	seq=$(shown t1 .seq)
	begun=$(date +%s%N)
	check "... nothing happens, and a report comes" within 20 newer
done
took=$((($(date +%s%N) - begun) / 1000000))
[ "$took" -gt 8000 ] && [ "$took" -lt 13000 ]
result $? "... after 10 s (it was $took ms)"
check "a policy: every hour" install_policy 2 3600
check "... and the collector waits for three" within 5 is 10800 shown t1 .fresh_seconds
ends 0 "... a poll is answered all the same" collector poll t1 --timeout 10

# --- the cable is pulled ---
connected() { ss -Htn state established "( sport = :$port )" | grep -q . && ss -Htn state established "( dport = :$port )" | grep -q .; }
all_gone() { ! ss -Htn state established "( sport = :$port or dport = :$port )" | grep -q .; }
if [ "${REPORT_NETWORK-}" = own ]; then
	check "both ends hold one connection" within 10 connected
	ip link set lo down
	begun=$SECONDS
	check "the cable is pulled: both ends notice within 35 s" within 35 all_gone
	echo "        ($((SECONDS - begun)) s)"
	ip link set lo up
	check "... it is back: and so is the connection" within 30 connected
	check "... nothing was lost" within 20 exactly_once t1
	check "... the terminal is FRESH" within 10 is '"FRESH"' shown t1 .state
else
	echo "skipped the pulled cable: no network namespaces here"
fi

# --- the collector is away ---
stop "$server"
pending() { [ "$(outbox_count)" -ge "$wanted" ]; }
wanted=0
for name in guard auth guard; do
	pid=$(agent_child $name)
	wanted=$((wanted + 1))
	kill -KILL "$pid"
	check "collector away: $name died and is back" within 10 alive "$name" "$pid"
	check "... $wanted reports are kept" within 10 pending
done
pid=$(agent_child reporter)
kill -KILL "$pid"
check "... reporter died and is back" within 10 alive reporter "$pid"
check "... what was kept is kept" pending
pid=$(agent_child signer)
kill -KILL "$pid"
check "... signer died and is back" within 10 alive signer "$pid"
before=$(outbox_count)
stop "$agent"
: >"$state/outbox/incoming/00000000000000000099.jws"
check "... the agent started again" start_agent
[ "$(outbox_count)" -ge "$before" ]
result $? "... what was kept is kept"
check "... what was cut short is gone" is 0 bash -c "find '$state/outbox/incoming' -type f | wc -l"
serve
kill -HUP "$agent"
check "the collector is back: every report arrives once, in order" within 20 exactly_once t1
sed 's/^/        /' "$work/said"
check "... and the terminal is FRESH" within 10 is '"FRESH"' shown t1 .state
ends 0 "... and a poll is answered" collector poll t1 --timeout 10

# --- what may not be said ---
# As root's client on the control socket: an event that is guard's to tell, and one that is none.
say_wrongly() {
	python3 - "$root/run/sekisho/control.sock" "$1" <<'PYTHON'
import socket, struct, sys
frame = lambda kind, payload: struct.pack(">HHI", 0x5347, kind, len(payload)) + payload
client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
client.settimeout(5)
client.connect(sys.argv[1])
client.send(frame(0x0201, b"\x03"))
client.send(frame(10, struct.pack(">I", 1) + bytes.fromhex(sys.argv[2])))
assert client.recv(4096) == b"", "answered"
PYTHON
}
refused() { grep -c '"event":"message.refused","process":"admin"' "$state"/journal/*.jsonl; }
check "an event of another's is not taken" say_wrongly 000600
check "an event of no kind is not taken" say_wrongly ffff00
check "... both refusals are journalled" is 2 refused
check "... no such event is" is 0 grep -c '"event":"device.allowed"' "$state"/journal/*.jsonl

# --- the collector comes and goes ---
for _ in 1 2 3; do
	stop "$server"
	serve
done
kill -HUP "$agent"
check "a collector that comes and goes loses nothing" within 20 exactly_once t1

# --- the journal is changed ---
ends 0 "the journal verifies" sekisho journal verify
ends 3 "a directory without a journal is none" sekisho journal verify "$work"
cp -a "$root" "$work/copy"
ends 0 "a copy verifies without an agent" "$build/agent/sekisho" --root "$work/copy" journal verify
for copied in "$work"/copy/var/lib/sekisho/journal/*.jsonl; do
	sed -i '$d' "$copied"
	sed -i '$d' "$copied"
done
ends 1 "... not when reported lines are cut off its end" "$build/agent/sekisho" --root "$work/copy" journal verify
rm -rf "$work/copy"
file=$(basename "$(find "$state/journal" -name '*.jsonl' | sort | head -n 1)")
python3 - "$state/journal/$file" <<'PYTHON'
import sys
with open(sys.argv[1], "r+b") as file:
    second = file.read().split(b"\n")[1]
    file.seek(0)
    at = file.read().index(second) + second.index(b'"event":"') + 9
    file.seek(at)
    file.write(b"X")
PYTHON
ends 1 "one byte changed: verify says no" sekisho journal verify
mv "$work/said" "$work/verified"
check "... and where" grep -q "^$file:2: " "$work/verified"
broken() { sekisho status --json | jq -e --arg f "$file" '.state.journal | .journal_state == "broken" and .file == $f and .line == 2'; }
check "... the status says broken, and where" broken
check "... it is journalled" grep -q '"event":"journal.broken"' "$state"/journal/*.jsonl
collector_says() { shown t1 .journal | jq -e --arg f "$file" '.state == "broken" and .file == $f and .line == 2'; }
check "... and the collector says so" within 15 collector_says
pid=$(agent_child signer)
kill -KILL "$pid"
check "... signer died and is back" within 10 alive signer "$pid"
check "... the status still says so" within 10 broken
check "... told once" is 1 bash -c "cat '$state'/journal/*.jsonl | grep -c '\"event\":\"journal.broken\"'"

# --- enrolled anew ---
token=$(collector token new)
printf '%s\n' "$token" >"$work/token"
ends 3 "a collector under another name is not spoken to" sekisho enrol terminal --collector "https://127.0.0.1:$port" \
	--token-file "$work/token" --name t2 --replace
check "... and what was enrolled stays" is '"t1"' jq .terminal <(sekisho status --json)
ends 0 "enrolled anew, by its name" enrol t2 --replace <"$work/token"
check "... it is FRESH" within 15 is '"FRESH"' shown t2 .state
few() { shown t2 .seq | jq -e '. > 0 and . < 20'; }
check "... and sends from 1" few

summary
