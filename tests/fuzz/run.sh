#!/usr/bin/env bash
# Runs every fuzz target of build/fuzz for some seconds, two at a time, on copies of tests/fuzz/seeds/TARGET.
#     tests/fuzz/run.sh [SECONDS] [TARGET...]     (SECONDS: 20; an hour by hand: 3600)
# What makes a target fail lies in build/fuzz-run/TARGET/ afterwards.
set -u
cd "$(dirname "$0")/../.." || exit 2
seconds=${1:-20}
[ $# = 0 ] || shift
run=$PWD/build/fuzz-run
children=()
trap 'kill "${children[@]}" 2>/dev/null; wait; exit 130' INT TERM

targets() {
	find build/fuzz/tests/fuzz -maxdepth 1 -type f -name 'fuzz_*' -perm -u+x -printf '%f\n' 2>/dev/null | sort
}

fuzz() { # TARGET
	local target=$1 directory=$run/$1 seeds=tests/fuzz/seeds/${1#fuzz_} dictionary=tests/fuzz/${1#fuzz_}.dict
	local options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1)
	mkdir -p "$directory/corpus"
	[ ! -d "$seeds" ] || cp -r "$seeds/." "$directory/corpus/"
	[ ! -e "$dictionary" ] || options+=(-dict="$dictionary")
	exec timeout -k 5 $((seconds + 60)) "build/fuzz/tests/fuzz/$target" "${options[@]}" \
		-artifact_prefix="$directory/" "$directory/corpus" >"$directory/log" 2>&1
}

judge() { # TARGET PID
	local executed
	if wait "$2"; then
		executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$run/$1/log")
		if [ "${executed:-0}" -gt 0 ]; then
			echo "$1: clean, $executed inputs in $seconds s"
			passed=$((passed + 1))
			return
		fi
	fi
	echo "$1: FAILED"
	tail -n 30 "$run/$1/log" | sed 's/^/    | /'
	failed=$((failed + 1))
}

passed=0
failed=0
[ $# -gt 0 ] || mapfile -t list < <(targets)
[ $# = 0 ] || list=("$@")
for ((i = 0; i < ${#list[@]}; i += 2)); do
	pair=("${list[@]:i:2}")
	children=()
	for target in "${pair[@]}"; do
		rm -rf "${run:?}/$target"
		fuzz "$target" &
		children+=($!)
	done
	for j in "${!pair[@]}"; do
		judge "${pair[j]}" "${children[j]}"
	done
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
