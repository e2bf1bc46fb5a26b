#!/bin/sh
# Every header compiles alone, so that nobody has to know what must come before it.
# usage: check_headers.sh SOURCE-DIRECTORY [COMPILER]
set -eu
cd "$1"
compiler=${2:-cc}
failed=0
for header in core/*.h policy/*.h agent/*.h pam_module/*.h collector/*.h; do
	[ -e "$header" ] || continue
	if ! printf '#include "%s"\n' "$header" |
		"$compiler" -std=c17 -D_GNU_SOURCE -DSEKISHO_VERSION='"0"' -I. -I/usr/include/postgresql -Wall -Wextra \
			-Werror -fsyntax-only -x c -; then
		echo "$header does not compile alone" >&2
		failed=1
	fi
done
exit $failed
