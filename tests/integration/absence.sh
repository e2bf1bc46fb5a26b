#!/usr/bin/env bash
# A token that is taken out, and a person who goes: a whole agent, a real PAM stack, a bus of its own with Debian's own policy for
# logind, and the machine's systemd-logind on it, which has a /run of its own. What a display manager and pam_systemd would have
# told logind is put there as logind keeps it. Keys are software (soft_key.c), cards a module's (rude_module.c).
set -u
top=${SEKISHO_TOP:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${SEKISHO_BUILD:-$top/build/release}
. "$top/tests/lib.sh"
. "$top/tests/lib_login.sh"
keys=$work/keys
libexec=$work/libexec
logind=
softhsm=$(find /usr/lib -name libsofthsm2.so 2>/dev/null | head -n 1)
export SOFTHSM2_CONF=$work/softhsm2.conf PULLED_MODULE=$softhsm PULLED_BY=$work/pulled
export SEKISHO_TEST_KEYS=$work/plugged
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$work/bus
clean_up() {
	[ -z "$agent" ] || stop "$agent"
	for pid in $logind $pids; do
		kill "$pid" 2>/dev/null
	done
}
on_failure() {
	[ ! -s "$work/out" ] || sed 's/^/        | /' "$work/out"
	tail -5 "$work/log" | sed 's/^/        log: /'
}

locked() { # CAUSE COUNT
	journalled "\"session.locked\",\"user\":\"games\",\"cause\":\"$1\"" "$2"
}
heard() { # SESSION COUNT: Lock, by whoever listens on the bus
	[ "$(grep -c "Path=/org/freedesktop/login1/session/_3$1 .*Member=Lock\$" "$work/heard")" = "$2" ]
}
# --- keys
key() { # NAME PIN
	rm -rf "${keys:?}/$1"
	mkdir -p "$keys/$1"
	"$build/tests/unit/agent/soft_key" "$keys/$1" "$2" 2>>"$work/log" &
	echo $! >"$keys/$1.pid"
	pids="$pids $!"
	within 20 test -e "$keys/$1/to"
}
plug() { # NAME...
	rm -f "$work"/plugged/*
	for name; do
		ln -s "$keys/$name" "$work/plugged/$name"
	done
}
pull() { # NAME
	kill "$(cat "$keys/$1.pid")"
	plug
}

# --- a card
card() {
	mkdir -p "$work/pki/new" "$work/card"
	: >"$work/pki/index"
	echo 01 >"$work/pki/crlnumber"
	cat >"$work/pki/conf" <<END
[ca]
default_ca = one
[one]
database = $work/pki/index
new_certs_dir = $work/pki/new
rand_serial = yes
crlnumber = $work/pki/crlnumber
certificate = $work/pki/ca.pem
private_key = $work/pki/ca.key
default_md = sha256
default_crl_days = 30
policy = any
[any]
commonName = supplied
[login]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
END
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/pki/ca.key" -out "$work/pki/ca.pem" \
		-days 365 -subj "/CN=Authority" -addext "basicConstraints=critical,CA:true" \
		-addext "keyUsage=critical,keyCertSign,cRLSign" &&
		openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/pki/key" -subj "/CN=games" \
			-out "$work/pki/request" &&
		openssl ca -config "$work/pki/conf" -batch -extensions login -in "$work/pki/request" -out "$work/pki/pem" -notext -days 9 &&
		openssl ca -config "$work/pki/conf" -gencrl -out "$trust/card-crl.pem" &&
		openssl x509 -in "$work/pki/pem" -outform DER -out "$work/pki/der" &&
		install -m 0644 "$work/pki/ca.pem" "$trust/card-ca.pem" &&
		softhsm2-util --init-token --free --label games --so-pin 12345678 --pin 1234 &&
		softhsm2-util --import "$work/pki/key" --token games --label key --id a1 --pin 1234 &&
		pkcs11-tool --module "$softhsm" --token-label games --login --pin 1234 --write-object "$work/pki/der" --type cert \
			--id a1 --label cert && chown -R $((ids + 5)) "$work/card" && chmod 755 "$work/card"
}
says_slot() { # BYTE: n, a card elsewhere; p, this one is pulled out
	timeout 20 sh -c 'echo "$1" >"$2"' sh "$1" "$PULLED_BY"
}
module() { # PATH
	printf 'mode: observe\ncard_module: %s\n' "$1" >"$root/etc/sekisho/agent.yaml"
}

# --- the bus and logind
bus_calls() {
	busctl --timeout=5 call org.freedesktop.login1 "$@"
}
bus_answers() { busctl --timeout=5 list --acquired; }
logind_answers() {
	bus_calls /org/freedesktop/login1 org.freedesktop.login1.Manager ListSessions
}
start_bus() {
	cat >"$work/bus.conf" <<END
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=$work/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
  </policy>
  <include>/usr/share/dbus-1/system.d/org.freedesktop.login1.conf</include>
</busconfig>
END
	dbus-daemon --config-file="$work/bus.conf" --nofork --nopidfile 2>>"$work/log" &
	pids="$pids $!"
	within 20 bus_answers || return 1
	busctl monitor --match "type='signal',interface='org.freedesktop.login1.Session'" >"$work/heard" 2>>"$work/log" &
	pids="$pids $!"
	within 20 grep -q Monitoring "$work/log"
}
start_logind() {
	unshare -m sh -c 'mount --make-rprivate / && mount --bind "$1" /run && exec /lib/systemd/systemd-logind' \
		sh "$work/run" 2>>"$work/log" &
	logind=$!
	within 20 logind_answers
}
restart_logind() {
	[ -z "$logind" ] || stop "$logind"
	start_logind
}

# A process that will open session NUMBER, which logind knows: as TYPE, at seat SEAT.
leader() { # NUMBER TYPE SEAT
	local vt=0
	[ "$3" = "" ] || vt=$1
	rm -f "$work/go.$1"
	mkfifo "$work/go.$1"
	# shellcheck disable=SC2016 # the shell's own
	LC_ALL=C.UTF-8 sh -c 'read -r answer <"$2"
		export LD_PRELOAD="$3 libpam_wrapper.so" PAM_WRAPPER=1 PAM_WRAPPER_SERVICE_DIR=$4
		exec pamtester key games authenticate open_session <"$5"' \
		sh "$1" "$work/go.$1" "$asan" "$svc" "$work/answers" >"$work/out" 2>&1 &
	leader=$!
	mkfifo -m 600 "$work/run/systemd/sessions/$1.ref"
	eval "exec $((20 + $1))<>$work/run/systemd/sessions/$1.ref" # logind ends a session whose FIFO has no writer
	cat >"$work/run/systemd/sessions/$1" <<END
UID=$(id -u games)
USER=games
ACTIVE=1
STATE=active
REMOTE=0
TYPE=$2
CLASS=user
FIFO=/run/systemd/sessions/$1.ref
SEAT=$3
TTY=tty$1
SERVICE=key
LEADER=$leader
VTNR=$vt
END
	printf 'NAME=games\nSTATE=active\nSTOPPING=no\n' >"$work/run/systemd/users/$(id -u games)"
	restart_logind
}
# pam_wrapper's processes trip over each other's directories now and then: such a one never got to libpam.
log_in() { # NUMBER TYPE SEAT ANSWERS...
	local try number=$1
	printf '%s\n' "${@:4}" >"$work/answers"
	for try in 1 2 3; do
		leader "$number" "$2" "$3" || return 1
		echo go >"$work/go.$number"
		wait "$leader"
		grep -q -e 'pwrap_' -e 'Initialization failure' "$work/out" || break
		rm "$work/run/systemd/sessions/$number.ref"
		sleep 0.$try
	done
	told "$ok" && told "opened a session"
}
# The user's own locker: it is not root, and opens no session.
unlock() { # ANSWERS...
	as="setpriv --reuid=games --regid=games --clear-groups" pam key "${who-games}" "$@"
	told "$ok"
}
desktop() { # NUMBER METHOD VALUE: what the session's own desktop tells logind
	setpriv --reuid=games --regid=games --clear-groups busctl --timeout=5 call org.freedesktop.login1 \
		"/org/freedesktop/login1/session/_3$1" org.freedesktop.login1.Session "$2" b "$3"
}
helpers() { pgrep -P "$(agent_main)" -x absence; }
count() { # COUNT PROCESS
	[ "$(pgrep -c -P "$(agent_main)" -x "$2")" = "$1" ]
}
wakes() { # PID
	sed -n 's/^voluntary_ctxt_switches:[[:space:]]*//p' "/proc/$1/status"
}
policy() { # FACTORS
	next_policy -e "s/factors: .*/factors: $1\n  idle_lock: 10/"
}

mkdir -p "$keys" "$work/plugged" "$libexec" \
	"$work"/run/systemd/{sessions,users,seats,inhibit,machines} "$work/run/user" "$work/run/udev/data"
ln -s "$build"/libexec/* "$libexec"
ln -sf "$build/tests/libexec/fido2" "$libexec/fido2"
service key 60
check "keys are made" eval 'key one 1234 && key two 5678 && key three 1234'
signer office
install -m 0644 "$work/office.pem" "$trust/policy-signers.pem"
module "$build/tests/unit/agent/pulled_module.so"
printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$work/card" >"$SOFTHSM2_CONF"
mkfifo -m 666 "$PULLED_BY"
check "a bus" start_bus
check "logind is on it" start_logind
check "the agent starts" start_agent
[ $failed = 0 ] || { cat "$work/log"; summary; exit 1; }
check "a policy with keys or codes, idle after 10 s" policy "[[key, pin], [password, totp]]"
plug one
check "a key is enrolled" eval 'sekisho enrol key games <<<1234 >"$work/out" 2>&1'
plug two
check "and another" eval 'sekisho enrol key games --add <<<5678 >"$work/out" 2>&1'
plug three
check "and a third" eval 'sekisho enrol key games --add <<<1234 >"$work/out" 2>&1'
plug one

# a key is pulled out
check "a login by key opens a session" log_in 1 x11 seat0 1234
check "somebody stays to lock it" within 20 count 1 absence
check "under its user's id" test "$(ps -o uid= -p "$(helpers)" | tr -d ' ')" = "$(id -u games)"
check "and somebody with the key" within 20 count 1 fido2
sleep 1
before="$(wakes "$(helpers)") $(wakes "$(pgrep -P "$(agent_main)" -x fido2)") $(wakes "$(agent_main)")"
sleep 2
check "neither wakes up while nothing happens" test \
	"$(wakes "$(helpers)") $(wakes "$(pgrep -P "$(agent_main)" -x fido2)") $(wakes "$(agent_main)")" = "$before"
check "nothing was locked so far" heard 1 0
pull one
check "pulled out: logind tells the session to lock" within 20 heard 1 1
check "which is journalled with its cause" within 20 locked key-removed 1
check "nobody stays with a key that is gone" count 0 fido2

# the user's own locker
plug two
who=root check "the locker cannot ask for another user" eval '! unlock 5678 && told "Authentication failure"'
check "it unlocks with key and PIN" unlock 5678
check "by its user's id, which is journalled" journalled '"login.accepted","user":"games".*"by":"uid '"$(id -u games)"'","factor":"key"' 1
check "somebody stays with the key now" within 20 count 1 fido2
check "logind begins anew" restart_logind
pull two
check "pulled out: locked again" within 20 heard 1 2
check "and journalled" within 20 locked key-removed 2

# a card is taken out
plug
check "a policy with cards too" policy "[[card, pin], [key, pin], [password, totp]]"
check "a card is made" card
check "and enrolled" eval 'sekisho enrol card games <<<1234 >"$work/out" 2>&1'
check "it unlocks" unlock 1234
check "somebody stays with it" within 20 count 1 card
desktop 1 SetLockedHint false
says_slot n
check "another slot is none of its business" eval 'sleep 0.5; within 5 count 1 card && locked card-removed 0'
says_slot p
check "taken out: locked" within 20 locked card-removed 1
check "by logind" within 20 heard 1 3
module "$softhsm"
check "a module that tells of no removal unlocks too" unlock 1234
check "and it is said what that means" within 20 journalled '"session.unguarded","user":"games","cause":"no-removal-told"' 1
check "without a lock" locked card-removed 1

# a second session, with no token to be pulled out
secret=$(sekisho enrol totp games --add --no-confirm 2>/dev/null | sed -n 's/^Secret: //p')
plug
check "a code opens a session that came over the network" log_in 2 tty "" "" "$(oathtool --totp --base32 "$secret")"
check "which nobody has to lock" within 20 count 1 absence

# idle
plug three
check "unlocked with a key" unlock 1234
desktop 1 SetIdleHint true
idle_at=$SECONDS
check "its user cannot end who locks" eval '! setpriv --reuid=games --regid=games --clear-groups kill -KILL "$(helpers)"'
check "nor stop it" eval '! setpriv --reuid=games --regid=games --clear-groups kill -STOP "$(helpers)"'
kill -KILL "$(helpers)"
check "one that died is there again" within 20 count 1 absence
sleep 3
check "who is idle is not locked at once" locked idle 0
check "but at the policy's limit" within 20 locked idle 1
check "not before" test $((SECONDS - idle_at)) -ge 9
check "by logind" within 20 heard 1 4
check "and not again" eval 'desktop 1 SetLockedHint true; sleep 0.5; locked idle 1'
check "the one over the network never" heard 2 0

# the session ends, as far as logind can end one without systemd
rm "$work/run/systemd/sessions/1"
check "logind begins anew, and does not know the session" restart_logind
check "when the session is over nobody stays" within 20 count 0 absence
check "with it or with a key" within 20 count 0 fido2

check "nothing else was said to be unguarded" journalled '"session.unguarded"' 1

summary
