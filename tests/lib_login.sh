#!/usr/bin/env bash
# What tests of logins share: a whole agent of its own root, an office that signs policies, and PAM services with the module in
# them. Sourced after tests/lib.sh by a test that has $top and $build; what it starts itself and is to end goes into $pids.
# shellcheck disable=SC2034,SC2154 # for the test, and from it
need_root
root=$work/root
svc=$work/svc
trust=$root/etc/sekisho/trust
libexec=$build/libexec
office=office # who signs policies: $work/$office.pem and .key
version=0     # of the policy installed last
ids=$((66000 + ($$ % 500) * 7))
asan=$(asan_of "$build/pam_module/pam_sekisho.so")
agent=
pids=

ok="pamtester: successfully authenticated"
refused="pamtester: Authentication failure"
maxtries="pamtester: Have exhausted maximum number of retries for service"

clean_up() {
	[ -z "$agent" ] || stop "$agent"
	for pid in $pids; do
		kill "$pid" 2>/dev/null
	done
}
on_failure() {
	[ ! -s "$work/out" ] || sed 's/^/        | /' "$work/out"
}

told() { # TEXT: the last login or command said it
	grep -qF -- "$1" "$work/out"
}
told_not() { ! told "$1"; }
journalled() { # PATTERN COUNT
	[ "$(cat "$root"/var/lib/sekisho/journal/*.jsonl | grep -cE "$1")" = "$2" ]
}
sekisho() {
	"$build/agent/sekisho" --root "$root" "$@"
}

ready() { # COUNT: agents so far
	[ "$(grep -c 'ready (observing' "$work/log")" = "$1" ]
}
start_agent() {
	local before
	before=$(grep -c 'ready (observing' "$work/log")
	"$build/agent/sekishod" --root "$root" --libexec "$libexec" --user-ids "$ids" --observe >>"$work/log" 2>&1 &
	agent=$!
	within 30 ready $((before + 1))
}
stop_agent() {
	stop "$agent"
	agent=
}

service() { # NAME SECONDS: a PAM service that is nothing but the module
	for type in auth account session password; do
		echo "$type required $build/pam_module/pam_sekisho.so socket=$root/run/sekisho/auth.sock timeout=$2"
	done >"$svc/$1"
}
# As $as (a command), or root; $operation, or authenticate. pam_wrapper's processes trip over each other's directories now and
# then: such a one never got to libpam, and no agent asked it for anything.
pam() { # SERVICE USER ANSWER...
	local service=$1 user=$2 try
	shift 2
	for try in 1 2 3 4 5 6; do
		# shellcheck disable=SC2086 # words, or nothing
		printf '%s\n' "$@" | LD_PRELOAD="$asan libpam_wrapper.so" PAM_WRAPPER=1 PAM_WRAPPER_SERVICE_DIR=$svc \
			timeout 60 ${as-} pamtester "$service" "$user" ${operation-authenticate} >"${out-$work/out}" 2>&1
		! grep -qE 'PIN|[Cc]ard |ecurity key|ode:|is locked' "${out-$work/out}" || return
		grep -q -e 'pwrap_' -e 'Initialization failure' "${out-$work/out}" || return
		sleep 0.$try
	done
}

signer() { # NAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$1" \
		-addext "keyUsage=critical,digitalSignature" -keyout "$work/$1.key" -out "$work/$1.pem" 2>/dev/null
}
sign_policy() { # $work/policy.yaml, which is installed
	sekisho policy sign "$work/policy.yaml" --certificate "$work/$office.pem" --key "$work/$office.key" \
		--out "$work/policy.p7" >"$work/out" 2>&1 && sekisho policy install "$work/policy.p7" >>"$work/out" 2>&1
}
next_policy() { # SED-OPTIONS...: Mito's, changed
	version=$((version + 1))
	sed -e "s/^version: .*/version: $version/" "$@" "$top/packaging/policies/mito-my-number.yaml" >"$work/policy.yaml"
	sign_policy
}

mkdir -p "$root/var/lib" "$root/etc/sekisho" "$trust" "$svc"
echo "auth required pam_deny.so" >"$svc/other"
: >"$work/out"
: >"$work/log"
