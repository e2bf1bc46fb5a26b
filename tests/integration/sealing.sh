#!/usr/bin/env bash
# How enrolled secrets are kept: a whole agent of its own root, logins through a real PAM stack (pam_wrapper, pamtester), and
# a software TPM (swtpm) that comes, hangs, goes, and is another one. Answers are asserted on their text.
set -u
top=${SEKISHO_TOP:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${SEKISHO_BUILD:-$top/build/release}
. "$top/tests/lib.sh"
need_root
root=$work/root
svc=$work/svc
state=$root/var/lib/sekisho/auth
key=$root/var/lib/sekisho-seal/storage.key
agent=
tpm=
clean_up() {
	[ -z "$agent" ] || stop "$agent"
	[ -z "$tpm" ] || stop_tpm
}
on_failure() {
	tail -n 5 "$work/log" "$work/out" 2>/dev/null | sed 's/^/        | /'
}

ok="pamtester: successfully authenticated"
refused="pamtester: Authentication failure"
unavailable="pamtester: Authentication service cannot retrieve authentication info"
sentence="This terminal cannot read what is enrolled; ask the administrator."

start_agent() {
	: >"$work/log"
	"$build/agent/sekishod" --root "$root" --libexec "$build/libexec" --user-ids "$ids" --observe >>"$work/log" 2>&1 &
	agent=$!
	within 30 grep -q 'ready' "$work/log"
}
stop_agent() {
	stop "$agent"
	agent=
}
restart_agent() {
	stop_agent
	start_agent
}
start_tpm() { # STATE: the TPM with these seeds
	mkdir -p "$root/dev" "$work/$1"
	"$top/tests/integration/tpm_pty.py" "$root/dev/tpmrm0" "$work/$1" "$work/swtpm.pid" 2>>"$work/tpm.log" &
	tpm=$!
	within 10 test -e "$root/dev/tpmrm0"
}
stop_tpm() {
	kill -CONT "$(cat "$work/swtpm.pid")" 2>/dev/null
	stop "$tpm"
	tpm=
}
pam() { # USER ANSWER... ; the operation is $operation, or authenticate
	local user=$1 try
	shift
	for try in 1 2 3 4 5 6; do
		printf '%s\n' "$@" | LD_PRELOAD="$asan libpam_wrapper.so" PAM_WRAPPER=1 PAM_WRAPPER_SERVICE_DIR=$svc \
			timeout 40 pamtester "${service-svc}" "$user" "${operation-authenticate}" >"$work/out" 2>&1
		grep -q -e 'pwrap_' -e 'Initialization failure' "$work/out" || return
		sleep 0.$try
	done
}
told() { # TEXT: the last login, or command, said it
	grep -qF -- "$1" "$work/out"
}
sekisho() {
	"$build/agent/sekisho" --root "$root" "$@" >"$work/out" 2>&1
}
enrol() { # OPTIONS...: games, by a counted code, whose next is number 0 again
	next=0
	sekisho enrol hotp games --secret-file "$work/seed" --no-confirm "$@"
}
logs_in() {
	pam games "$(oathtool --hotp -c "$next" "$seed")"
	told "$ok" && next=$((next + 1))
}
sealed() { # HOW: the status says it
	sekisho status --json
	[ "$(jq -r .state.auth.sealed "$work/out")" = "$1" ]
}
journalled() { # PATTERN COUNT
	[ "$(cat "$root"/var/lib/sekisho/journal/*.jsonl | grep -cE "$1")" = "$2" ]
}
hex() { # FILE [OD-OPTIONS...]
	od -An -v -tx1 "${@:2}" "$1" | tr -d ' \n'
}
holds() { # FILE HEX: these bytes
	hex "$1" | grep -q "$2"
}
ends_with() { # CODE ARGUMENTS...: sekisho
	local code=$1
	shift
	sekisho "$@"
	[ $? = "$code" ]
}
refused_to() { # USER: with the sentence, before any question
	pam "$1" 000000
	told "$unavailable" && told "$sentence" && ! told "Verification code"
}

asan=$(asan_of "$build/pam_module/pam_sekisho.so")
ids=$((62000 + ($$ % 400) * 4))
seed=3132333435363738393031323334353637383930
mkdir -p "$svc" "$root/etc/sekisho/trust"
echo $seed >"$work/seed"
for type in auth account; do
	echo "$type required $build/pam_module/pam_sekisho.so socket=$root/run/sekisho/auth.sock timeout=30"
done | tee "$svc/cron" >"$svc/svc"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=office" \
	-keyout "$work/office.key" -out "$work/office.pem" 2>/dev/null
install -m 644 "$work/office.pem" "$root/etc/sekisho/trust/policy-signers.pem"
sed 's/factors: .*/factors: [[password, hotp]]/' "$top/packaging/policies/mito-my-number.yaml" >"$work/policy.yaml"

# without a TPM
check "the agent starts" start_agent
[ $failed = 0 ] || { cat "$work/log"; summary; exit 1; }
sekisho policy sign "$work/policy.yaml" --certificate "$work/office.pem" --key "$work/office.key" --out "$work/policy.p7"
check "a policy takes counted codes" sekisho policy install "$work/policy.p7"
check "without a TPM the host keeps the key" sealed host
check "which is journalled" journalled '"secrets.sealed","sealed":"host","cause":"made"' 1
sekisho status
check "and said to people" grep -qE '^secrets +sealed by a key file of this terminal' "$work/out"
check "auth's user alone can read it" test "$(stat -c '%u %a' "$key" "$(dirname "$key")" | paste -sd ' ')" = "$((ids + 1)) 400 $((ids + 1)) 700"
check "it is not among what is backed up" test -z "$(find "$root/var/lib/sekisho" -name '*.key' -path '*seal*')"
check "somebody is enrolled" enrol
check "a login" logs_in
check "no secret lies open" test -z "$(holds "$state/games" $seed && echo open)"
check "nor anything else of it" test -z "$(strings "$state/games" | grep -e root -e svc)"
cp "$state/games" "$state/daemon"
pam daemon "$(oathtool --hotp -c $next $seed)"
check "a state copied to another user lets nobody in" told "$unavailable"
check "and is journalled" journalled '"login.refused","user":"daemon".*"cause":"state-unusable"' 1
rm "$state/daemon"
echo half >"$key.new"
cp "$key" "$work/host.key"
check "what a power cut leaves" restart_agent
check "does not matter" logs_in

# a TPM appears
stop_agent
check "a TPM" start_tpm one
start_agent
check "takes over the key at the next start" sealed tpm
check "which is journalled" journalled '"secrets.sealed","sealed":"tpm","cause":"moved"' 1
check "nothing is lost by it" logs_in
host=$(hex "$work/host.key" -j 12 -N 32)
check "the key was in the host's file" holds "$work/host.key" "$host"
check "and is not in the TPM's" test -z "$(holds "$key" "$host" && echo open)"
auth=$(agent_child auth)
check "no library of the TPM's stays" test -z "$(cat /proc/"$agent"/maps /proc/"$(agent_main)"/maps /proc/"$auth"/maps | grep tss2)"
check "nor a process" test -z "$(pgrep -P "$(agent_main)" -x seal)"
cp "$key" "$work/tpm.key"
kill -KILL "$auth"
within 10 agent_child auth >/dev/null
check "auth that was killed gets it again" logs_in
check "without a word" journalled '"secrets.sealed"' 2

# it hangs, it is away
kill -STOP "$(cat "$work/swtpm.pid")"
kill -KILL "$(agent_child auth)"
begun=$SECONDS
check "while the TPM hangs nobody enters" refused_to games
check "which is answered in time" test $((SECONDS - begun)) -le 15
check "nor does a name that is not enrolled" refused_to no-such-user
check "which sees the same" told "$sentence"
check "the status says so" sealed unreadable
check "and the journal" journalled '"secrets.unreadable","cause":"away"' 1
check "the logins too" journalled '"login.refused","user":"(games|no-such-user)".*"cause":"secrets-unreadable"' 2
stop_tpm
check "nor when it is gone" refused_to games
operation=acct_mgmt service=cron pam games
check "what cron runs goes on" told "pamtester: account management done"
check "root's commands cannot read it either" ends_with 1 enrol list games
check "and say why" told "The TPM that sealed the enrolled secrets is not there, or refuses."
start_tpm one
check "once it is back they log in, without a restart" within 20 logs_in
check "the status says so too" sealed tpm
check "and the journal" journalled '"secrets.sealed","sealed":"tpm","cause":"found"' 1

# another TPM: this one was cleared, or the disk is in another machine
stop_tpm
check "auth that has the key goes on without the TPM" logs_in
kill -HUP "$agent"
within 10 grep -q 'The TPM that sealed' "$work/log"
check "also when everything is read again" logs_in
check "and says nothing new" journalled '"event":"secrets.unreadable"' 1
check "another TPM" start_tpm two
restart_agent
check "does not open it" sealed unreadable
check "which is journalled" journalled '"secrets.unreadable","cause":"foreign"' 1
check "nobody enters" refused_to games
check "root's commands say why" ends_with 1 enrol list games
check "in a sentence" told "The enrolled secrets were sealed by another TPM, or this one was cleared."
check "enrolling anew needs a new key" ends_with 1 enrol hotp games --replace --secret-file "$work/seed" --no-confirm
check "reseal makes one" sekisho reseal --by hanako
check "which is journalled" journalled '"secrets.resealed","by":"hanako"' 1
check "and sealed by this TPM" within 20 sealed tpm
check "the old one is kept beside" cmp "$work/tpm.key" "$key.before"
check "reseal does nothing without need" ends_with 1 reseal
check "and says so" told "the enrolled secrets can be read; nothing was done"
pam games "$(oathtool --hotp -c $next $seed)"
check "what was enrolled before lets nobody in" told "$unavailable"
check "a name that is not enrolled is asked and refused as always" test "$(pam no-such-user 000000; told "$refused"; echo $?)" = 0
check "they are enrolled again" enrol
check "and log in" logs_in

# its file
stop_agent
cp -a "$key" "$work/kept"
chmod 440 "$key"
start_agent
check "a key that others may read is not used" sealed unreadable
check "which is journalled" journalled '"secrets.unreadable","cause":"broken"' 1
check "nor replaced" cmp "$key" "$work/kept"
stop_agent
chmod 400 "$key"
printf X | dd of="$key" bs=1 seek=60 conv=notrunc status=none
start_agent
check "nor one that was changed" sealed unreadable
stop_agent
cp -a "$work/kept" "$key"
start_agent
check "with its file they log in" logs_in

summary
