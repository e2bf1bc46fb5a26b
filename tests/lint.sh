#!/usr/bin/env bash
# Checks that need no running program: formatting, clang-tidy, cppcheck, man pages, shell scripts.
#     tests/lint.sh [format|tidy|cppcheck|man|shell]...     (all of them)
# clang-tidy and cppcheck remember in build/lint what was clean, and look again only at what changed since.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
cache=build/lint
database=build/release
passed=0
failed=0
mkdir -p "$cache"

mapfile -t sources < <(find core policy agent pam_module collector tests -name '*.c' -not -path '*/build/*' | sort)
mapfile -t headers < <(find core policy agent pam_module collector tests -name '*.h' | sort)
mapfile -t pages < <(find core policy agent pam_module collector -name '*.[1-8]' | sort)
mapfile -t scripts < <(grep -rlE '^#!(/usr)?/bin/(env )?(ba)?sh( |$)' --exclude-dir=build --exclude-dir=.git . |
	xargs -r awk 'FNR == 1 && /^#!/ {print FILENAME}' | sort)

result() { # NAME CODE
	if [ "$2" = 0 ]; then
		echo "$1: clean"
		passed=$((passed + 1))
	else
		echo "$1: FAILED"
		failed=$((failed + 1))
	fi
}

# What was clean stays so until the file, a header it includes, its compiler flags, a checker, its settings or any installed
# package changes (lint_keys.py).
read_keys() {
	printf '%s\n' "${sources[@]}" |
		tests/lint_keys.py "$database" .clang-tidy tests/lint.sh tests/cppcheck.h "$(dpkg-query -W)" >"$keys"
}

# Lines `STAMP FILE` as arguments for check_file, those without the stamp.
unseen() { # CHECKER
	local key file
	while read -r key file; do
		[ -e "$cache/$1-$key" ] || printf '%s\0' "$cache/$1-$key" "$file"
	done
}

# No stamp where something was edited meanwhile: the key may not be that of what was checked.
check_file() { # CHECKER STAMP FILE
	local edited
	"run_$1" "$3" && edited=$(find . -newer "$begun" -type f \( -name '*.[ch]' -o -name .clang-tidy \
		-o -name compile_commands.json -o -path ./tests/lint.sh \) -print -quit) || return 1
	[ -n "$edited" ] || : >"$2"
}

check_files() { # CHECKER <KEYS
	unseen "$1" | xargs -0 -r -n 2 -P 2 bash -c 'check_file "$@"' _ "$1"
}

# The database is gcc's: clang 14 wants its own permission for what gcc takes without one (cmake/hardening.cmake).
# max-nodes: with the analyser's own 225,000 a few files take half the time of all, and it finds nothing more in them.
run_tidy() {
	local said code
	said=$(clang-tidy --quiet -p "$database" "$1" 2>&1 \
		--extra-arg=-enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang \
		--extra-arg=-Xclang --extra-arg=-analyzer-config --extra-arg=-Xclang --extra-arg=max-nodes=50000)
	code=$?
	[ "$code" = 0 ] || grep -vE '^[0-9]+ (warning|error)s? (generated|treated)' <<<"$said"
	return "$code"
}

# uninitvar: of every report looked at, none was true; gcc and clang's analyser look for the same with more sense.
run_cppcheck() {
	cppcheck --quiet --std=c11 --enable=warning,portability,performance --inline-suppr --error-exitcode=1 \
		--suppress=missingIncludeSystem --suppress=uninitvar -I. -D_GNU_SOURCE --include=tests/cppcheck.h "$1" 2>&1
}

# A checker that finds nothing in this is not checking anything.
plant() {
	cat <<-'END'
		#include "core/error.h"
		#include "core/buffer.h"

		int planted(int at);

		int planted(int at)
		{
			int places[2] = {0, 0};

			places[2] = at;
			return at = places[at];
		}
	END
}

finds() { # CHECKER
	local seen=0
	plant >"$planted"
	! "run_$1" "$planted" >/dev/null || seen=1
	rm "$planted"
	[ "$seen" = 0 ] || { echo "$1 does not see a planted fault"; return 1; }
}

# What is not compiled here (a fuzz target, an absent part) has no flags for clang-tidy.
compiled() {
	local key file
	while read -r key file; do
		! grep -qF "\"file\": \"$PWD/$file\"" "$database/compile_commands.json" || echo "$key $file"
	done
}

lint_format() {
	clang-format --dry-run -Werror "${sources[@]}" "${headers[@]}" 2>&1 | grep -E 'error:' | cut -d: -f1 | sort | uniq -c
	[ "${PIPESTATUS[0]}" = 0 ]
}

lint_tidy() {
	finds tidy && compiled <"$keys" | check_files tidy
}

lint_cppcheck() {
	finds cppcheck && check_files cppcheck <"$keys"
}

lint_man() {
	[ ${#pages[@]} -gt 0 ] && mandoc -T lint -W warning "${pages[@]}"
}

# The virtual terminal's scripts source each other by names they make up, and leave variables for one another.
lint_shell() {
	local script
	for script in "${scripts[@]}"; do
		case $script in
		./tests/terminal/*) echo SC1090,SC1091,SC2034 ;;
		*) echo SC1091 ;;
		esac
		echo "$script"
	done | xargs -r -n 2 shellcheck -S warning -x -e
}

[ -e "$database/compile_commands.json" ] || cmake --preset release >/dev/null || exit 3
begun=$(mktemp) && keys=$(mktemp) || exit 3
planted=$cache/planted.c
trap 'rm -f "$begun" "$keys" "$planted"' EXIT
read_keys && [ -s "$keys" ] || exit 3
find "$cache" -type f -mtime +30 -delete
export begun database
export -f check_file run_tidy run_cppcheck
[ $# -gt 0 ] || set -- format tidy cppcheck man shell
for name; do
	declare -F "lint_$name" >/dev/null || { echo "lint.sh: unknown check: $name" >&2; exit 2; }
	"lint_$name"
	result "$name" $?
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
