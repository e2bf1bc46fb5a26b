#!/usr/bin/env bash
# Device rules against USBGuard's, as a table with ratios (ours / theirs):
#   - one decision at 10 to 100,000 rules: rule_set_match() against MemoryRuleSet::getFirstMatchingRule(), which is what
#     usbguard-daemon calls; median over devices half of which some rule lists. Resident memory of the two programs while
#     they hold the rules, their text freed.
#   - loading, whole process: `sekisho rules check` against `usbguard-rule-parser -f`, which both print every rule; the
#     fastest of five, of forty where the rules are few.
#     tests/bench/guard/rules.sh [BUILD]         (BUILD: build/release)
# Wants Debian's usbguard and libusbguard-dev, installed, or unpacked with dpkg -x into a directory named by
# USBGUARD_ROOT (with what they need that is not installed). Without them only our own figures are printed.
set -euo pipefail
cd "$(dirname "$0")/../../.."
build=${1:-build/release}
root=${USBGUARD_ROOT:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --preset release -B "$build" >/dev/null
cmake --build "$build" --target sekisho rules_decide >/dev/null
sekisho=$build/agent/sekisho
ours=$build/tests/bench/guard/rules_decide
theirs=
parser=$(command -v "$root/usr/bin/usbguard-rule-parser" || true)
[ -z "$root" ] || export LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu
if [ -n "$parser" ] && [ -e "$root/usr/include/usbguard/Rule.hpp" ]; then
	theirs=$work/rules_decide_usbguard
	library=$(find "${root:-/}"/usr/lib/x86_64-linux-gnu -maxdepth 1 -name 'libusbguard.so.*' | head -n 1)
	g++ -O2 -std=c++17 -I"$root/usr/include" tests/bench/guard/rules_decide_usbguard.cpp -o "$theirs" "$library" \
		-Wl,--allow-shlib-undefined
else
	echo "usbguard: not found, so there is nothing to compare with (see the head of $0)"
fi

# Device I, as a rule of each kind describes it, is the one that rule I lists.
attributes='function hash(n) { return sprintf("%043d=", n) }
function device(i) {
	return sprintf("id %04x:%04x serial \"SN%08d\" name \"Device %d\" hash \"%s\" parent-hash \"%s\" via-port \"%d-%d.%d\"" \
		" with-interface { 03:01:01 03:00:00 } with-connect-type \"hotplug\"", 4096 + i % 500, int(i / 500), i, i,
		hash(i), hash(i % 50), 1 + i % 4, 1 + i % 12, int(i / 48))
}
function interface(i) { return sprintf("%02x:%02x:%02x", int(i / 65536) + 16, int(i / 256) % 256, i % 256) }'

rules() { # KIND COUNT
	awk -v kind="$1" -v count="$2" "$attributes"'
	BEGIN {
		for (i = 0; i < count; i++) {
			if (kind == "whole") print "allow " device(i)
			if (kind == "vendor") printf "allow id 0781:%04x serial \"SN%08d\"\n", i % 7, i
			if (kind == "name") printf "allow name \"Device %d\"\n", i
			if (kind == "port") printf "allow via-port \"%d-%d.%d\"\n", 1 + i % 4, 1 + i % 12, int(i / 48)
			if (kind == "interface") print "allow with-interface " interface(i)
		}
	}'
}

devices() { # KIND COUNT
	awk -v kind="$1" -v count="$2" "$attributes"'
	BEGIN {
		for (k = 0; k < 100; k++) {
			i = int(k * count / 100)
			if (kind == "vendor") printf "id 0781:%04x serial \"SN%08d\"\n", i % 7, i
			else if (kind == "interface") print "id 1234:5678 with-interface " interface(i)
			else print device(i)
			print "id 1234:5678 serial \"unlisted\" name \"Unlisted " k "\" hash \"" hash(900000 + k) "\" parent-hash \"" hash(k) \
				"\" via-port \"9-9\" with-interface { 08:06:50 08:06:62 } with-connect-type \"hotplug\""
		}
	}'
}

# The clock is bash's own: `date` is a process too, and takes as long as what is measured.
fastest() { # TIMES COMMAND...: milliseconds
	local times=$1 best='' start end
	shift
	while [ $((times--)) -gt 0 ]; do
		start=${EPOCHREALTIME/[^0-9]/}
		"$@" >/dev/null
		end=${EPOCHREALTIME/[^0-9]/}
		[ -n "$best" ] && [ $((end - start)) -ge "$best" ] || best=$((end - start))
	done
	awk -v us="$best" 'BEGIN { printf "%.1f", us / 1e3 }'
}

ratio() { # OURS THEIRS
	awk -v a="$1" -v b="$2" 'BEGIN { if (b > 0) printf "%.4g", a / b; else printf "-" }'
}

decide() { # KIND COUNT ROUNDS-OF-THEIRS
	local median worst memory found their_median=- their_memory=- their_found=-
	rules "$1" "$2" >"$work/rules"
	devices "$1" "$2" >"$work/devices"
	read -r median worst memory found < <("$ours" "$work/rules" "$work/devices" 200)
	[ -z "$theirs" ] || [ "$3" = 0 ] ||
		read -r their_median _ their_memory their_found < <("$theirs" "$work/rules" "$work/devices" "$3")
	[ "$their_found" = - ] || [ "$their_found" = "$found" ] || echo "they found $their_found, we $found" >&2
	printf '%-10s %7d %9.2f %9.2f %11s %8s %10.1f %10s %6s\n' "$1" "$2" \
		"$(awk -v n="$median" 'BEGIN { print n / 1000 }')" "$(awk -v n="$worst" 'BEGIN { print n / 1000 }')" \
		"$([ "$their_median" = - ] && echo - || awk -v n="$their_median" 'BEGIN { printf "%.2f", n / 1000 }')" \
		"$(ratio "$median" "$their_median")" "$(awk -v n="$memory" 'BEGIN { print n / 1024 }')" \
		"$([ "$their_memory" = - ] && echo - || awk -v n="$their_memory" 'BEGIN { printf "%.1f", n / 1024 }')" \
		"$(ratio "$memory" "$their_memory")"
}

load() { # COUNT
	local mine other=- times=5
	[ "$1" -gt 1000 ] || times=40 # short ones are easily disturbed
	rules whole "$1" >"$work/rules"
	mine=$(fastest "$times" "$sekisho" rules check "$work/rules")
	[ -z "$theirs" ] || other=$(fastest "$times" "$parser" -f "$work/rules")
	printf '%-10s %7d %9s %11s %8s\n' whole "$1" "$mine" "$other" "$(ratio "$mine" "$other")"
}

echo 'one decision'
printf '%-10s %7s %9s %9s %11s %8s %10s %10s %6s\n' rules number 'us' 'p99 us' 'usbguard us' ratio MB 'usbguard MB' ratio
decide whole 10 100
decide whole 1000 20
decide whole 10000 4
decide whole 100000 1
for kind in vendor name port interface; do
	decide "$kind" 100000 0
done
echo
echo 'loading, whole process'
printf '%-10s %7s %9s %11s %8s\n' rules number ms 'usbguard ms' ratio
for count in 10 1000 10000 100000; do
	load "$count"
done
