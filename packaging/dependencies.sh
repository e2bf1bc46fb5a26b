#!/bin/sh
# The one list of Debian packages that building and testing need.
#     packaging/dependencies.sh GROUP...             prints them
#     packaging/dependencies.sh --install GROUP...   installs those that are missing (root)
# Groups: build (Build-Depends of debian/control, less debhelper), debs, test, terminal.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

build_depends() {
	sed -n '/^Build-Depends:/,/^$/s/^ \([a-z0-9][a-z0-9.+-]*\).*/\1/p' "$here/debian/control" |
		grep -v -e '^debhelper-compat$' -e '^dh-sequence-'
}

group() {
	case $1 in
	build) echo gcc libc6-dev; build_depends ;;
	debs) echo dpkg-dev debhelper fakeroot lintian mmdebstrap ;;
	test) # programs the tests run, and the checks of lint.sh and the fuzzers
		echo libcmocka-dev libpam-wrapper pamtester oathtool umockdev dbus-daemon openssl sqlite3 curl jq socat \
			libzbar0 libcbor-dev softhsm2 opensc opensc-pkcs11 pcscd vsmartcard-vpcd swtpm procps iproute2 bsdutils python3-minimal python3 git
		echo clang libclang-rt-14-dev llvm-14 clang-format clang-tidy cppcheck shellcheck mandoc systemd ;;
	terminal) echo qemu-system-x86 mmdebstrap kmod cpio busybox-static e2fsprogs dosfstools mtools fdisk zstd python3 ;;
	*) echo "dependencies.sh: unknown group: $1" >&2; return 1 ;;
	esac
}

install=no
if [ "${1-}" = --install ]; then
	install=yes
	shift
fi
[ $# -gt 0 ] || { echo "usage: dependencies.sh [--install] build|debs|test|terminal ..." >&2; exit 2; }
for name; do
	group "$name" >/dev/null || exit 2
done
packages=$(for name; do group "$name"; done | tr ' ' '\n' | sort -u)
if [ "$install" = no ]; then
	echo "$packages"
	exit 0
fi

missing=
for package in $packages; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
	echo "dependencies.sh: missing, and only root can install them:$missing" >&2
	exit 3
fi
export DEBIAN_FRONTEND=noninteractive
lock="-o DPkg::Lock::Timeout=300"
# shellcheck disable=SC2086
apt-get $lock install -y -q --no-install-recommends $missing </dev/null || {
	apt-get $lock update -q </dev/null # no package lists yet, or old ones
	apt-get $lock install -y -q --no-install-recommends $missing </dev/null
}
