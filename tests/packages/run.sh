#!/usr/bin/env bash
# The packages' life: built, bundled, lintian; then in a minimal Debian 12 without network: a damaged bundle refused,
# installed, login switched on, upgraded, removed, purged (inside.sh). Root.
#     tests/packages/run.sh [DIR]     (DIR: build/packages; afterwards it holds debs/ and bundle/)
set -u
cd "$(dirname "$0")/../.." || exit 2
mkdir -p "${1:-build/packages}"
directory=$(cd "${1:-build/packages}" && pwd)
passed=0
failed=0

result() { # CODE WHAT
	if [ "$1" = 0 ]; then
		echo "ok      $2"
		passed=$((passed + 1))
	else
		echo "FAILED  $2"
		failed=$((failed + 1))
	fi
}

finish() {
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
	exit
}

exposure() { # UNIT: tenths, so that 2.4 is 24
	systemd-analyze security --offline=true "packaging/systemd/$1" |
		sed -n 's/.*exposure level for .*: \([0-9]*\)\.\([0-9]\).*/\1\2/p'
}

rm -rf "$directory/debs" "$directory/bundle" # nobody shall test old ones
packaging/build-debs.sh "$directory/debs"
result $? "three packages built"
[ "$failed" = 0 ] || finish
lintian --allow-root --fail-on error --tag-display-limit 0 "$directory"/debs/*.deb
result $? "lintian: no error"
SEKISHO_DEBS=$directory/debs packaging/build-bundle.sh "$directory/bundle"
result $? "offline bundle"
level=$(exposure sekishod.service)
[ "${level:-99}" -lt 29 ]
result $? "sekishod.service is exposed less than usbguard.service (2.9): tenths $level"
level=$(exposure sekisho-gate.service)
[ "${level:-99}" -lt 29 ]
result $? "so is sekisho-gate.service: tenths $level"
level=$(exposure sekisho-medium@.service)
[ "${level:-99}" -lt 29 ]
result $? "so is sekisho-medium@.service, which mounts: tenths $level"
level=$(exposure sekisho-collector.service)
[ "${level:-99}" -le 20 ]
result $? "sekisho-collector.service is exposed 2.0 at most: tenths $level"

# The same minimal system for a week; systemd, udev and dbus as on any terminal.
base=$directory/base.tar
if [ -z "$(find "$base" -mtime -7 2>/dev/null)" ]; then
	mmdebstrap --quiet --variant=minbase --include=systemd,udev,dbus,libpam-runtime bookworm "$base.new.tar" && mv "$base.new.tar" "$base"
	result $? "minimal Debian 12 made"
fi
root=$(mktemp -d)
trap 'rm -rf --one-file-system "$root"' EXIT
trap 'exit 130' INT TERM
tar -C "$root" -xf "$base" --exclude='./dev/*'
rm -rf "$root"/etc/apt/sources.list* "$root"/var/lib/apt/lists/*
for device in null zero full random urandom; do
	cp -a "/dev/$device" "$root/dev/"
done
cp -r "$directory/bundle" "$root/srv/bundle"
cp tests/packages/inside.sh "$root/srv/inside.sh"

# No network, its own processes: whatever is left over ends with the name space.
unshare --net --mount --pid --fork --kill-child sh -c '
	mount -t proc proc "$1/proc" && exec chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root \
		bash /srv/inside.sh' sh "$root" </dev/null >"$directory/inside.log" 2>&1
code=$?
cat "$directory/inside.log"
line=$(grep -E '^[0-9]+ ok, [0-9]+ wrong$' "$directory/inside.log")
if [ -n "$line" ]; then
	read -r good _ bad _ <<<"$line"
	passed=$((passed + good))
	failed=$((failed + bad))
else
	result 1 "inside.sh came to its end (exit $code)"
fi
finish
