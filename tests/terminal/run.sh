#!/usr/bin/env bash
# The virtual terminal's scenarios, on a real kernel:
#     tests/terminal/run.sh [SCENARIO...]      all of scenarios/, or those whose names begin so: run.sh 10 70; or files
# Needs root, a release build (build/release) and the offline bundle (build/packages/bundle, else built here). One line a
# scenario, then "N passed, N failed". What a failed one left lies in $SEKISHO_VM_DIR/failed/NAME.
#   SEKISHO_VM_DIR     where images and logs go (build/terminal)
#   SEKISHO_VM_JOBS    machines at once (2)
#   SEKISHO_VM_CPUS    processors of each (1: emulated ones keep each other waiting)
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
export SEKISHO_VM_DIR=${SEKISHO_VM_DIR:-$top/build/terminal}
mkdir -p "$SEKISHO_VM_DIR"
SEKISHO_VM_DIR=$(cd "$SEKISHO_VM_DIR" && pwd)
export SEKISHO_TOP=$top SEKISHO_BUILD=${SEKISHO_BUILD:-$top/build/release}
export SEKISHO_VM_BASE=$SEKISHO_VM_DIR/base SEKISHO_VM_READY=$SEKISHO_VM_DIR/ready
export SEKISHO_BUNDLE=${SEKISHO_BUNDLE:-$top/build/packages/bundle}
export LC_ALL=C.UTF-8
limit=${SEKISHO_VM_LIMIT:-300} # seconds for a scenario; the slowest is far below
passed=0
failed=0
declare -A running=() started=() # by pid: scenario, and when it began

finish() {
	local pid
	trap - EXIT INT TERM
	for pid in "${!running[@]}"; do
		kill "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	[ -z "${work-}" ] || rm -rf "$work"
	exit "$1"
}
trap 'finish 130' INT TERM
trap 'finish $?' EXIT

begin() { # FILE
	local name
	name=$(basename "$1" .sh)
	rm -rf "${work:?}/$name"
	mkdir -p "$work/$name"
	timeout -k 20 "$limit" bash "$here/scenario.sh" "$1" "$work/$name" >"$work/$name/log" 2>&1 </dev/null &
	running[$!]=$name
	started[$!]=$SECONDS
}

# Waits for one scenario to end and tells how.
end() {
	local pid code name
	wait -n -p pid "${!running[@]}"
	code=$?
	name=${running[$pid]}
	unset "running[$pid]"
	if [ "$code" = 0 ]; then
		echo "ok      $name ($((SECONDS - started[$pid])) s)"
		grep '^FIGURE ' "$work/$name/log" | sed 's/^FIGURE /        /'
		passed=$((passed + 1))
		rm -rf "${work:?}/$name"
		return 0
	fi
	echo "not ok  $name ($((SECONDS - started[$pid])) s, exit $code; $SEKISHO_VM_DIR/failed/$name)"
	tail -n 15 "$work/$name/log" | sed 's/^/    | /'
	failed=$((failed + 1))
	rm -f "$work/$name"/machine/*.img
	rm -rf "$SEKISHO_VM_DIR/failed/$name"
	mkdir -p "$SEKISHO_VM_DIR/failed"
	mv "$work/$name" "$SEKISHO_VM_DIR/failed/"
	return 1
}

summary() {
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
	exit
}

# /dev/kvm may open and yet run nothing: only a kernel that prints something counts.
accelerator() {
	local pid
	[ -w /dev/kvm ] || { echo tcg; return; }
	qemu-system-x86_64 -accel kvm -cpu host -m 256 -nodefaults -display none -no-reboot \
		-kernel "$SEKISHO_VM_BASE/vmlinuz" -append "console=ttyS0 earlyprintk=ttyS0 panic=-1" \
		-serial "file:$work/kvm.log" >/dev/null 2>&1 &
	pid=$!
	for _ in {1..30}; do
		grep -qs 'Linux version' "$work/kvm.log" && break
		sleep 0.1
	done
	kill "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	if grep -qs 'Linux version' "$work/kvm.log"; then echo kvm; else echo tcg; fi
}

[ "$(id -u)" = 0 ] || { echo "run.sh: must be run by root" >&2; exit 3; }
work=$(mktemp -d -p "$SEKISHO_VM_DIR" run.XXXXXX)
scenarios=()
if [ $# = 0 ]; then
	# One that costs more than it tells every day says so by a line "# whole".
	for file in "$here"/scenarios/*.sh; do
		[ -z "${SEKISHO_VM_WHOLE-}" ] && grep -qx '# whole' "$file" || scenarios+=("$file")
	done
else
	for name; do
		[ ! -f "$name" ] || { scenarios+=("$(realpath "$name")"); continue; }
		for file in "$here/scenarios/$name"*.sh; do
			[ -e "$file" ] || { echo "run.sh: no scenario $name" >&2; exit 2; }
			scenarios+=("$file")
		done
	done
fi

begun=$SECONDS
"$here/base.sh" "$SEKISHO_VM_DIR" || { echo "not ok  base image"; failed=1; summary; }
echo "ok      base image ($((SECONDS - begun)) s)"
passed=1
if [ ! -e "$SEKISHO_BUNDLE/SHA256SUMS" ]; then
	"$top/packaging/build-bundle.sh" "$SEKISHO_BUNDLE" >"$SEKISHO_VM_DIR/bundle.log" 2>&1 ||
		{ tail -n 20 "$SEKISHO_VM_DIR/bundle.log"; echo "not ok  offline bundle"; failed=1; summary; }
fi
export SEKISHO_VM_ACCEL=${SEKISHO_VM_ACCEL:-$(accelerator)}
echo "        accelerator: $SEKISHO_VM_ACCEL"

# The terminal that is ready is reused while everything it was made from is the same.
key=$(cat "$SEKISHO_VM_BASE/key" "$SEKISHO_BUNDLE/SHA256SUMS" "$here"/{prepare,machine,office}.sh \
	"$SEKISHO_BUILD/collector/sekisho-collector" <(echo "$SEKISHO_VM_ACCEL ${SEKISHO_VM_CPUS-}") | sha256sum)
if [ "$(cat "$SEKISHO_VM_READY/key" 2>/dev/null)" != "$key" ]; then
	rm -rf "$SEKISHO_VM_READY"
	begin "$here/prepare.sh"
	end || summary
	echo "$key" >"$SEKISHO_VM_READY/key"
fi

# A scenario that measures time says so by a line "# alone", and has the processors for itself.
for file in "${scenarios[@]}"; do
	jobs=${SEKISHO_VM_JOBS:-2}
	! grep -qx '# alone' "$file" || jobs=1
	while [ "${#running[@]}" -ge "$jobs" ]; do
		end
	done
	begin "$file"
	[ "$jobs" != 1 ] || end
done
while [ "${#running[@]}" -gt 0 ]; do
	end
done
summary
