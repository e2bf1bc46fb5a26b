#!/usr/bin/env bash
# Builds everything and runs every test:
#     tests/run.sh          all of it, with the virtual terminal (25 minutes on 2 cores at most)
#     tests/run.sh quick    without packages and the virtual terminal (3 minutes, once built)
# Installs what it needs (packaging/dependencies.sh) when it is root. Logs: build/test-logs/. The last line is
# "N passed, N failed"; the exit code is 0 only when something ran and nothing failed.
set -u
cd "$(dirname "$0")/.." || exit 2
top=$PWD
logs=$top/build/test-logs
passed=0
failed=0
declare -A running=() begun=() limits=() # of a step: its process, when it began, its seconds

case ${1-} in
'') quick=no ;;
quick) quick=yes ;;
*) echo "usage: tests/run.sh [quick]" >&2; exit 2 ;;
esac
[ $# -le 1 ] || { echo "usage: tests/run.sh [quick]" >&2; exit 2; }

# `timeout` hands a signal on to the whole group of what it runs.
stop() {
	trap '' INT TERM HUP
	if [ ${#running[@]} -gt 0 ]; then
		kill "${running[@]}" 2>/dev/null
		wait "${running[@]}" 2>/dev/null
	fi
	echo "run.sh: interrupted" >&2
	echo "$passed passed, $((failed + 1)) failed"
	exit 130
}
trap stop INT TERM HUP

# What a log says was counted: a closing line as ours, ctest's summary, or the step itself.
count() { # LOG CODE
	local line good=0 bad=0
	line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$1" | tail -n 1)
	if [ -n "$line" ]; then
		good=${line%% *}
		bad=${line#*, }
		bad=${bad%% *}
	elif line=$(grep -E '^[0-9]+% tests passed, [0-9]+ tests failed out of [0-9]+$' "$1"); then
		read -r bad good < <(sed -E 's/.*, ([0-9]+) tests failed out of ([0-9]+)$/\1 \2/' <<<"$line")
		good=$((good - bad))
	elif grep -q '^No tests were found' "$1"; then
		bad=1
	elif [ "$2" = 0 ]; then
		good=1
	fi
	if [ "$2" != 0 ] && [ "$bad" = 0 ] || [ $((good + bad)) = 0 ]; then
		bad=$((bad + 1))
	fi
	passed=$((passed + good))
	failed=$((failed + bad))
	[ "$bad" = 0 ]
}

begin() { # NAME SECONDS COMMAND...
	local name=$1 limit=$2
	shift 2
	timeout -k 10 "$limit" "$@" </dev/null >"$logs/$name.log" 2>&1 &
	running[$name]=$!
	begun[$name]=$SECONDS
	limits[$name]=$limit
}

end() { # NAME
	local name=$1 log=$logs/$1.log code
	printf '%-28s ' "$name"
	wait "${running[$name]}"
	code=$?
	unset "running[$name]"
	if count "$log" "$code"; then
		echo "ok ($((SECONDS - begun[$name])) s)"
		return 0
	fi
	[ "$code" != 124 ] && [ "$code" != 137 ] || echo "run.sh: ended after ${limits[$name]} s" >>"$log"
	echo "FAILED, exit $code ($((SECONDS - begun[$name])) s); the end of $log:"
	tail -n 40 "$log" | sed 's/^/    | /'
	return 1
}

step() { # NAME SECONDS COMMAND...
	begin "$@"
	end "$1"
}

build() { # PRESET
	cmake --preset "$1" && cmake --build --preset "$1"
}

rm -rf "$logs"
mkdir -p "$logs"
export LC_ALL=C.UTF-8 SEKISHO_TOP=$top SEKISHO_BUILD=$top/build/release
export -f build

groups="build test"
[ $quick = yes ] || groups="$groups debs terminal"
# shellcheck disable=SC2086
step dependencies 900 packaging/dependencies.sh --install $groups
for preset in release dev fuzz; do
	step "build-$preset" 600 bash -c "build $preset"
done
for preset in release dev; do
	step "unit-$preset" 300 ctest --test-dir "build/$preset" -j 2 --timeout 120 --output-on-failure
done
step lint 600 tests/lint.sh
# What integration tests do most is wait: the longest run beside the others, and what fuzzes beside them all.
begin fuzz 900 nice -n 10 tests/fuzz/run.sh 5
beside="key my_number report"
for name in $beside; do
	begin "integration-$name" 300 "tests/integration/$name.sh"
done
for script in tests/integration/*.sh; do
	name=$(basename "$script" .sh)
	[[ " $beside " == *" $name "* ]] || step "integration-$name" 180 "$script"
done
for name in $beside; do
	end "integration-$name"
done
end fuzz
if [ $quick = no ]; then
	step packages 600 tests/packages/run.sh build/packages
	step terminal 1200 tests/terminal/run.sh
fi
echo
echo "$((SECONDS / 60)) min $((SECONDS % 60)) s; logs: build/test-logs/"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
