#!/bin/sh
# Includes point downwards only: agent, pam_module, collector -> policy -> core; programs never include each other; and
# every include of ours names its layer.
# usage: check_includes.sh SOURCE-DIRECTORY
set -eu
cd "$1"

# Prints each include in LAYER's files that is not of one of the layers named after it.
offences() {
	layer=$1
	shift
	allowed=$(printf '%s|' "$@")
	grep -Hn '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$layer"/*.[ch] 2>/dev/null |
		grep -Ev "include[[:space:]]*\"(${allowed%|})/[^/]+\"" || true
}

found=$(
	offences core core
	offences policy policy core
	offences agent agent policy core
	offences pam_module pam_module core
	offences collector collector policy core
)
# The module that every login loads has libc and libpam, nothing of OpenSSL or jansson.
found=$found$(grep -HnE 'include[[:space:]]*["<](openssl/|jansson|cjose|core/(cms|encode|journal|jws|key|pem))' \
	pam_module/*.[ch] 2>/dev/null || true)
if [ -n "$found" ]; then
	echo "includes that point the wrong way:" >&2
	echo "$found" >&2
	exit 1
fi
