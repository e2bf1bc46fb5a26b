#!/bin/sh
# What tests/lint.sh remembers as clean is looked at again as soon as anything it was checked with changes.
# usage: check_lint_keys.sh SOURCE-DIRECTORY
set -eu
keys=$1/tests/lint_keys.py
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p core agent build/made
printf '#include "core/a.h"\n' >agent/x.c
printf '#include <libpackage.h>\n' >agent/y.c
printf '#  include "b.h"\n#include "made.h"\n' >core/a.h
: >core/b.h
: >build/made/made.h
: >settings
database() { # FLAG
	printf '[{"file": "%s/agent/x.c", "command": "cc %s -c agent/x.c"}]' "$work" "$1" >build/compile_commands.json
}
database -O2

key() { # FILE
	printf 'agent/x.c\nagent/y.c\n' | "$keys" build settings "${version:-1}" | sed -n "s| $1\$||p"
}

changes() { # WHAT one|both: x has another key now, and y has one or keeps its own
	now_x=$(key agent/x.c)
	now_y=$(key agent/y.c)
	[ "$now_x" != "$x" ] || { echo "not noticed: $1"; exit 1; }
	case $2 in
	both) [ "$now_y" != "$y" ] ;;
	one) [ "$now_y" = "$y" ] ;;
	esac || { echo "another file: $1"; exit 1; }
	x=$now_x
	y=$now_y
}

x=$(key agent/x.c)
y=$(key agent/y.c)
[ ${#x} = 32 ] && [ ${#y} = 32 ] && [ "$x" = "$(key agent/x.c)" ] || { echo "no keys, or not the same twice"; exit 1; }
echo 'int x;' >>agent/x.c
changes "the file" one
echo 'int a(void);' >>core/a.h
changes "an included header" one
echo 'int b(void);' >>core/b.h
changes "a header that a header includes" one
echo 'int made(void);' >build/made/made.h
changes "a header made by the build" one
echo 'int b(void);' >agent/b.h
echo '#include "b.h"' >>agent/x.c
changes "another include" one
echo 'int c(void);' >>agent/b.h
changes "a header beside the file" one
database -O0
changes "the compiler's flags" one
echo other >settings
changes "the checkers' settings" both
version=2
changes "the checkers" both
