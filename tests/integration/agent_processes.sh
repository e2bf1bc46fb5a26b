#!/usr/bin/env bash
# sekishod and its four children on this machine, observing, in a root of their own: dropped ids and filters in /proc, each
# killed and stopped in turn, sleep without end, reload, a second instance, rude clients, and an end that leaves nothing.
set -u
top=${SEKISHO_TOP:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${SEKISHO_BUILD:-$top/build/release}
. "$top/tests/lib.sh"
root=$work/root
journal=$root/var/lib/sekisho/journal
base=61001
agent=

clean_up() {
	[ -z "$agent" ] || stop "$agent"
}
on_failure() {
	tail -n 5 "$work/log" | sed 's/^/        | /'
}

agent_start() { # NOTIFY-SOCKET
	NOTIFY_SOCKET=${1-} "$build/agent/sekishod" --root "$root" --observe \
		--libexec "$build/libexec" --user-ids $base >>"$work/log" 2>&1 &
	agent=$!
}

tree() { # every process of the agent
	echo "$agent $(agent_main) $(pgrep -P "$(agent_main)")" | tr '\n' ' '
}
field() { # PID NAME: of /proc/PID/status, white space made one space
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status" | tr -s '\t ' ' ' | sed 's/ $//'
}
is() { # TEXT WANTED
	[ "$1" = "$2" ] || { echo "        | '$1' is not '$2'"; return 1; }
}

ask() { # VERB: what control.sock answers
	python3 - "$root/run/sekisho/control.sock" "$1" <<'PY'
import socket, struct, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(3)
s.connect(sys.argv[1])
s.send(struct.pack('>HHIB', 0x5347, 0x0201, 1, int(sys.argv[2])))
out = b''
while piece := s.recv(140000):
    out += piece[12:]
sys.stdout.write(out.decode())
PY
}
# Every process up, told ready, and known to the signer as such.
whole() {
	ask 1 2>/dev/null | tr -d '\n' | grep -q '"running": *"main guard auth signer reporter"'
}
journal_has() { # REGEX: in one line
	cat "$journal"/*.jsonl | grep -qE "$1"
}
journal_count() { # REGEX
	cat "$journal"/*.jsonl 2>/dev/null | grep -cE "$1"
}

need_root
mkdir "$root"
touch "$work/log"

# --- start, and what systemd is told
python3 - "$work/notify" >"$work/notified" <<'PY' &
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1] + '.new')
os.rename(sys.argv[1] + '.new', sys.argv[1])
while True:
    print(s.recv(4096).decode(), flush=True)
PY
listener=$!
within 3 test -S "$work/notify"
agent_start "$work/notify"
check "all five processes are up within 10 s" within 10 whole
check "systemd is told READY" within 2 grep -q '^READY=1$' "$work/notified"

# --- ids and filters
main=$(agent_main)
check "main: root with three capabilities" is "$(field "$main" CapEff) $(field "$main" CapBnd)" \
	"00000000000000e0 00000000000000e0"
check "main: filtered" is "$(field "$main" Seccomp) $(field "$main" NoNewPrivs)" "2 1"
check "keeper: no capability" is "$(field "$agent" CapEff)$(field "$agent" CapPrm)$(field "$agent" CapBnd)" \
	"$(printf '0%.0s' {1..48})"
check "keeper: filtered" is "$(field "$agent" Seccomp) $(field "$agent" NoNewPrivs)" "2 1"
offset=0
for name in guard auth signer reporter; do
	pid=$(agent_child $name)
	id=$((base + offset))
	offset=$((offset + 1))
	check "$name: user $id" is "$(field "$pid" Uid); $(field "$pid" Gid)" "$id $id $id $id; $id $id $id $id"
	check "$name: no capability" is "$(field "$pid" CapEff)$(field "$pid" CapPrm)" "$(printf '0%.0s' {1..32})"
	check "$name: filtered" is "$(field "$pid" Seccomp) $(field "$pid" NoNewPrivs)" "2 1"
	check "$name: descriptors of its own only" test "$(ls "/proc/$pid/fd" | wc -l)" -lt 16
done
check "auth: reads the policy by _sekisho's group" is "$(field "$(agent_child auth)" Groups)" "$base"
check "guard: no group beside" is "$(field "$(agent_child guard)" Groups)" ""

# --- a second instance
"$build/agent/sekishod" --root "$root" --observe --libexec "$build/libexec" --user-ids $base >"$work/second" 2>&1
check "a second instance refuses" is "$? $(grep -c 'running already' "$work/second")" "1 1"
check "... and leaves the first alone" whole
"$build/agent/sekishod" --rot "$root" >"$work/usage" 2>&1
check "an unknown option is an error" is "$?" "2"

# --- each process killed, and stopped
for name in guard auth signer reporter; do
	for signal in KILL STOP; do
		old=$(agent_child $name)
		kill -$signal "$old"
		replaced() { ! kill -0 "$old" 2>/dev/null && [ -n "$(agent_child $name)" ] && [ "$(agent_child $name)" != "$old" ]; }
		check "$name after SIG$signal: another one, whole within 5 s" within 5 eval replaced '&&' whole
	done
	check "$name: its deaths are in the journal" within 2 \
		journal_has "\"event\":\"process.died\",\"process\":\"$name\",\"cause\":\"signal 9\""
	check "$name: its stop too" within 2 \
		journal_has "\"event\":\"process.died\",\"process\":\"$name\",\"cause\":\"stopped\""
done

# --- a malformed message from a sibling ends the sender; who is asked and does not answer is ended
old=$(agent_child guard)
kill -SYS "$old" # as the kernel would
check "a process that ends by SIGSYS is told so" within 5 journal_has '"process":"guard","cause":"signal 31"'
check "... and whole again" within 5 whole

# --- reload
before=$(grep -c '^RELOADING=1$' "$work/notified")
kill -HUP "$agent"
told() { [ "$(grep -c '^RELOADING=1$' "$work/notified")" -gt "$before" ]; }
check "SIGHUP: systemd is told" within 3 told
check "SIGHUP: still whole" within 3 whole
printf 'mode: observe\nsurprise: yes\n' >"$root/etc/sekisho/agent.yaml"
kill -HUP "$agent"
check "SIGHUP: a bad configuration is named" within 3 grep -q 'etc/sekisho/agent.yaml:2: ' "$work/log"
rm "$root/etc/sekisho/agent.yaml"

# --- rude clients
check "a client without a question is not waited for" python3 - "$root/run/sekisho/control.sock" <<'PY'
import socket, struct, sys, time
def connect():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(5)
    s.connect(sys.argv[1])
    return s
silent = [connect() for _ in range(16)]
time.sleep(0.2)
assert connect().recv(100) == b''              # one too many
assert all(s.recv(100) == b'' for s in silent) # sent away after 2 s
for wrong in (b'', b'x', struct.pack('>HHIB', 0x5347, 0x0201, 1, 0), struct.pack('>HHIB', 0x5347, 0x0201, 1, 99),
        struct.pack('>HHIBB', 0x5347, 0x0201, 2, 1, 1), struct.pack('>HHIB', 0x5347, 8, 1, 1), b'y' * 70000):
    s = connect()
    if wrong:
        s.send(wrong)
    else:
        s.shutdown(socket.SHUT_WR)
    assert s.recv(100) == b'', wrong
PY
check "devices are told" is "$(ask 2 | head -c 1)" "["
check "only root may ask" is "$(stat -c %a:%u "$root/run/sekisho/control.sock")" "600:0"
check "everybody may log in" is "$(stat -c %a:%u "$root/run/sekisho/auth.sock")" "666:0"
check "still whole" whole

# --- nobody wakes up by the clock
switches() { # of all six together
	local pid
	for pid in $(tree); do
		field "$pid" voluntary_ctxt_switches
	done | awk '{sum += $1} END {print sum}'
}
sleep 1
before=$(switches)
sleep 6
check "nobody wakes up in six idle seconds" is "$(($(switches) - before))" 0

# --- main dies or is stopped: nothing of it lives on, and a new one takes over
children=$(tree)
none_left() { # dead, whether or not somebody reaps them
	local pid
	for pid in $children; do
		! grep -q '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$pid/status" 2>/dev/null || return 1
	done
}
for victim in keeper main; do
	for signal in KILL STOP; do
		children=$(tree)
		disown "$agent"
		[ $victim = main ] && old=$(agent_main) || old=$agent
		kill -$signal "$old"
		# A keeper is missed when somebody asks for the status.
		[ "$victim $signal" != "keeper STOP" ] || whole
		check "$victim after SIG$signal: everything ends with it" within 4 none_left
		agent_start
		check "... and another one: whole within 5 s" within 5 whole
	done
done

# --- the end
children=$(tree)
kill -TERM "$agent"

check "SIGTERM: ended within 5 s" within 5 gone "$agent"
wait "$agent"
check "... with 0" is "$?" "0"
agent=
check "... and nothing left running" none_left
check "... told by the journal" is "$(journal_count '"event":"agent.stopping"')" "1"
check "... and no socket left" is "$(ls "$root/run/sekisho")" "sekishod.lock"
check "systemd was told nothing by the children" is "$(grep -cE '^(STOPPING|READY|WATCHDOG|RELOADING|MONOTONIC|STATUS)' \
	"$work/notified")" "$(wc -l <"$work/notified")"
kill "$listener"
wait "$listener" 2>/dev/null

# --- a guard that asks for what it may and then for what it may not, at an enforcing main with a sysfs of the test's own
mkdir -p "$work/libexec" "$root/sys/bus/usb/devices/1-2"
ln -s "$build"/libexec/{auth,signer,reporter} "$work/libexec/"
echo 0 >"$root/sys/bus/usb/devices/1-2/authorized"
mkdir -p "$root/sys/bus/usb/devices/usb1"
echo 1 >"$root/sys/bus/usb/devices/usb1/interface_authorized_default"
echo 5 >"$root/sys/bus/usb/devices/1-2/devnum"
ln -s "$build/tests/unit/agent/rude_guard" "$work/libexec/guard"
: >"$work/log"
"$build/agent/sekishod" --root "$root" --libexec "$work/libexec" --user-ids $base >>"$work/log" 2>&1 &
agent=$!
check "another devnum in the port is not authorised" within 5 grep -q '^guard: other devnum 5$' "$work/log"
check "the device that was judged is" within 5 grep -q '^guard: authorise 0$' "$work/log"
check "... in sysfs" is "$(cat "$root/sys/bus/usb/devices/1-2/authorized")" 1
check "... with its interfaces closed" is "$(cat "$root/sys/bus/usb/devices/usb1/interface_authorized_default")" 0
check "who asks for what is another's is killed" within 5 grep -q 'guard: request refused' "$work/log"
check "... without an answer" is "$(grep -c '^guard: forbidden' "$work/log")" 0
check "... and it is in the journal" within 3 \
	journal_has '"event":"message.refused","process":"guard","cause":"request refused"'
kill -TERM "$agent"
check "... and main ends as ever" within 5 gone "$agent"
agent=

summary
