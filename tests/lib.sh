#!/usr/bin/env bash
# What tests written in shell share; sourced. $work is the test's own directory, which goes with it. A test may define
#     clean_up      ends what it started, before $work is removed
#     on_failure    shows what else is to be known when a check failed
# and ends with `summary`.
work=$(mktemp -d "/tmp/sekisho-$(basename "$0" .sh).XXXXXX") || exit 2
chmod 755 "$work" # ids of the agent and the collector pass through
passed=0
failed=0
export LC_ALL=C.UTF-8
# In a sandbox LeakSanitizer cannot look.
export ASAN_OPTIONS=${ASAN_OPTIONS-detect_leaks=0}

clean_up() { :; }
on_failure() { :; }
leave() {
	clean_up
	rm -rf "$work"
}
trap leave EXIT
trap 'exit 130' INT TERM

# ASan's library, if the module is one with ASan: a program without must load it before anything else.
asan_of() { # MODULE
	ldd "$1" | sed -n 's/.* => \(.*libasan[^ ]*\) .*/\1/p'
}

need_root() {
	[ "$(id -u)" = 0 ] || { echo "must be run by root"; exit 1; }
}

result() { # CODE WHAT
	if [ "$1" = 0 ]; then
		echo "ok      $2"
		passed=$((passed + 1))
	else
		echo "FAILED  $2"
		failed=$((failed + 1))
	fi
}

# What was said stays in $work/said, and is shown when it was not what it should be.
check() { # WHAT COMMAND...: it succeeds
	local what=$1
	shift
	ends 0 "$what" "$@"
}
ends() { # CODE WHAT COMMAND...
	local expected=$1 what=$2 code
	shift 2
	"$@" >"$work/said" 2>&1
	code=$?
	[ "$code" = "$expected" ]
	result $? "$what"
	[ "$code" != "$expected" ] || return 0
	echo "        exit $code:"
	sed 's/^/        | /' "$work/said"
	on_failure
}
says() { # EXPECTED WHAT COMMAND...: exactly this
	local expected=$1 what=$2 said
	shift 2
	said=$("$@" 2>&1)
	[ "$said" = "$expected" ]
	result $? "$what"
	[ "$said" = "$expected" ] || printf '        expected: %s\n        said:     %s\n' "$expected" "$said"
}
within() { # SECONDS COMMAND...: until it succeeds
	local end=$((SECONDS + $1))
	shift
	until "$@" >"$work/tried" 2>&1; do
		[ "$SECONDS" -lt "$end" ] || { cat "$work/tried"; return 1; }
		sleep 0.1
	done
	cat "$work/tried"
}

gone() { # PID
	! kill -0 "$1" 2>/dev/null
}
stop() { # PID: a child of this shell; its exit code
	kill -CONT "$1" 2>/dev/null
	kill "$1" 2>/dev/null
	within 10 gone "$1" || kill -KILL "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}
agent_main() { # $agent is the keeper, whose one child is main
	# shellcheck disable=SC2154 # the test's
	pgrep -P "$agent"
}
agent_child() { # NAME: main's child of this name
	pgrep -o -P "$(agent_main)" -x "$1"
}
listens() { # PORT
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

summary() {
	echo
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}
