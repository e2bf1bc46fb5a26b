#!/usr/bin/env bash
# README's first command: shows FRESH and the clause report, twice at once as well; interrupted it leaves nothing running
# and nothing on the disk. The system's own directories stay as they are.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/lib.sh
export TMPDIR=$work/tmp
mkdir "$TMPDIR"
children=()
clean_up() {
	[ ${#children[@]} = 0 ] || kill "${children[@]}" 2>/dev/null
	wait
}
# What a quickstart could leave: its directories, its processes (which name it), anything of ours in the system.
traces() {
	find "$TMPDIR" -mindepth 1 -maxdepth 1
	ps -eo args= | grep -F "$TMPDIR/" | grep -vF 'grep -F'
	system_state | grep -vxFf "$work/system"
	return 0
}
system_state() {
	stat -c '%n %Y' /run/sekisho /var/lib/sekisho /etc/sekisho 2>/dev/null
}
clean() { # WHAT
	traces >"$work/traces"
	[ ! -s "$work/traces" ]
	result $? "$1"
	sed 's/^/    | /' "$work/traces"
}
shown() { # LOG
	grep -q FRESH "$1" && grep -q 'mito-2026' "$1" && grep -qE '(met|unmet|unknown)' "$1"
}

system_state >"$work/system"
[ -s "$work/system" ] || echo none >"$work/system"

packaging/quickstart.sh --once >"$work/first" 2>&1
result $? "quickstart.sh --once ends with 0"
shown "$work/first"
result $? "... having shown FRESH and the clauses" || true
[ "$failed" = 0 ] || sed 's/^/    | /' "$work/first"
[ "$(awk 'length > 80' "$work/first" | wc -l)" = 0 ]
result $? "... in 80 columns"
clean "... and left nothing"

for name in left right; do
	packaging/quickstart.sh --once >"$work/$name" 2>&1 &
	children+=($!)
done
for i in 0 1; do
	wait "${children[i]}"
	result $? "two at the same time: $((i + 1))"
done
children=()
clean "... and left nothing"

# As a terminal's ^C does it: a process group of its own, which gets the signal whole. A job in the background would ignore
# SIGINT, so python gives it back its meaning.
in_group() {
	exec python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.setsid()
os.execv(sys.argv[1], sys.argv[1:])' "$@"
}
for signal in INT TERM; do
	for after in 0.2 2 5; do
		in_group packaging/quickstart.sh >"$work/log" 2>&1 &
		child=$!
		children=("$child")
		until kill -0 -- "-$child" 2>/dev/null; do sleep 0.05; done
		sleep "$after"
		kill -"$signal" -- "-$child"
		within 15 gone "$child" || kill -KILL "$child"
		wait "$child"
		[ $? = 130 ]
		result $? "SIG$signal after $after s ends it"
		children=()
		clean "... and left nothing"
	done
done

packaging/quickstart.sh --twice >"$work/log" 2>&1
[ $? = 2 ]
result $? "an unknown option is refused"
summary
