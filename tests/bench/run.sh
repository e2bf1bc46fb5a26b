#!/usr/bin/env bash
# Every figure of README's table, each beside its peer in the same run:
#     tests/bench/run.sh [guard | login]
# For a machine that does nothing else; about 40 minutes, 13 of which are idle ones that wake-ups are counted in. Wants what
# `packaging/dependencies.sh --install build test debs terminal` installs, root, a release build, and for the login's the peers that
# tests/bench/login/*.sh name. Goes on after a benchmark that fails, and is false then.
set -u
cd "$(dirname "$0")/../.." || exit 2
failed=no

bench() { # COMMAND...
	echo "== $*"
	"$@" || failed=yes
}

guard() {
	export SEKISHO_VM_CPUS=2
	bench tests/bench/guard/rules.sh
	bench tests/terminal/run.sh tests/bench/guard/latency.sh tests/bench/guard/memory.sh
	bench env SEKISHO_VM_LIMIT=1500 tests/terminal/run.sh tests/bench/guard/wakeups.sh
}

login() {
	bench tests/bench/login/login.sh
	bench tests/bench/login/card.sh
}

case ${1-} in
'') guard; login ;;
guard) guard ;;
login) login ;;
*) echo "usage: tests/bench/run.sh [guard | login]" >&2; exit 2 ;;
esac
[ $failed = no ]
