#!/usr/bin/env bash
# Runs one scenario in a directory of its own and leaves nothing running; run.sh calls it, with the environment set.
#     scenario.sh FILE DIRECTORY
# After a failure the directory also holds the guest's system log and kernel log.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
scenario=$1
directory=$2
# shellcheck disable=SC2034 # machine.sh and office.sh work there
machine=$directory/machine office=$directory/office
mkdir -p "$machine"
. "$here/machine.sh"
. "$here/office.sh"
. "$here/verbs.sh"
collector_port=$(free_port)

keep_guest_logs() {
	[ -n "${machine_pid-}" ] && kill -0 "$machine_pid" 2>/dev/null || return 0
	guest_timeout=15
	guest 'journalctl --no-pager -o short-precise' >"$directory/guest-log" 2>&1 || true
	guest 'cat /var/lib/sekisho/journal/*.jsonl' >"$directory/guest-journal" 2>&1 || true
	guest 'dmesg' >"$directory/guest-kernel" 2>&1 || true
}

finish() {
	local code=$?
	trap - EXIT INT TERM
	set +e
	[ "$code" = 0 ] || keep_guest_logs
	machine_stop
	collector_stop
	# shellcheck disable=SC2046 # what else the scenario has started
	kill $(jobs -p) 2>/dev/null
	exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM

. "$scenario"
