#!/usr/bin/env bash
# Builds the minimal Debian 12 that the terminal tests boot: kernel, initramfs and disk, nothing of Sekisho in it.
#     tests/terminal/base.sh [DIR]      (root; DIR: ${SEKISHO_VM_DIR:-build/terminal})
# Leaves DIR/base/{vmlinuz,initrd,disk.img} and packages that a scenario installs by itself: USBGuard's in DIR/base/usbguard for the
# comparison, those of a desktop in DIR/base/desktop. Does nothing when what it would build from is unchanged.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
directory=${1:-${SEKISHO_VM_DIR:-$here/../../build/terminal}}
mkdir -p "$directory"
directory=$(cd "$directory" && pwd)

# What a Debian installation without any task has, as far as the tests or the product can meet it.
PACKAGES=udev,kmod,systemd,systemd-sysv,dbus,login,passwd,sudo,procps,iproute2,libpam-modules,libpam-runtime,initramfs-tools,busybox-static,grub2-common
# Debian's own that logins are tested with, and that need nothing else than what is there; of lightdm only its PAM service.
DESKTOP="libpam-systemd lightdm pamtester vlock"
# For the root disk and the command channel, in load order.
INITRAMFS_MODULES="virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk crc16
	crc32c_generic libcrc32c mbcache jbd2 ext4 virtio_console"
# Drivers no virtual terminal of ours has hardware for: two thirds of the kernel package.
UNUSED_DRIVERS="gpu net/ethernet infiniband staging iio isdn hwmon mtd edac leds video/fbdev platform"

kernel_package() {
	apt-cache depends linux-image-amd64 | awk '$1 == "Depends:" && $2 ~ /^linux-image-6/ {print $2; exit}'
}

# Old package lists name versions that the mirror no longer has.
download() { # PACKAGE
	apt-get -qq -o APT::Sandbox::User=root download "$1" 2>/dev/null ||
		{ apt-get -qq update && apt-get -qq -o APT::Sandbox::User=root download "$1"; }
}

unpack_kernel() { # PACKAGE INTO
	(cd "$2" && download "$1" && dpkg -x ./*.deb kernel && rm ./*.deb)
}

make_initramfs() { # KERNEL-TREE OUT
	local tree=$1 out=$2 stage module
	stage=$(mktemp -d -p "$work")
	mkdir -p "$stage"/{bin,lib,dev,mnt}
	cp "$(command -v busybox)" "$stage/bin/busybox"
	cp "$here/guest/initramfs-init" "$stage/init"
	for module in $INITRAMFS_MODULES; do
		find "$tree/lib/modules" -name "$module.ko" -exec cp {} "$stage/lib/" \;
		[ -e "$stage/lib/$module.ko" ] && echo "$module"
	done >"$stage/modules"
	(cd "$stage" && find . | cpio --quiet -o -H newc) >"$out"
}

trim_modules() { # KERNEL-TREE VERSION
	local driver
	for driver in $UNUSED_DRIVERS; do
		rm -rf "$1/lib/modules/$2/kernel/drivers/$driver"
	done
	# Of media, only what sound cards need.
	find "$1/lib/modules/$2/kernel/drivers/media" -mindepth 1 -maxdepth 1 -not -name mc -exec rm -rf {} +
	# Of wireless LAN only what is no hardware: mac80211_hwsim.
	rm -rf "$1/lib/modules/$2/kernel/drivers/net/wireless/"*/
	rm -rf "$1/lib/modules/$2/kernel/sound/soc" "$1/lib/modules/$2/kernel/fs/xfs"
	depmod -b "$1" "$2"
}

# Accounts: root and the clerk have passwords, because console login, su and sudo are tested with them.
furnish_root() { # ROOT
	local root=$1
	install -m755 "$here/guest/test-shell" "$root/usr/local/sbin/test-shell"
	install -m644 "$here/guest/test-shell.service" "$here/guest/test-network.service" "$root/etc/systemd/system/"
	chroot "$root" systemctl -q enable test-shell.service test-network.service serial-getty@ttyS1.service
	chroot "$root" systemctl -q mask serial-getty@ttyS0.service getty@tty1.service apt-daily.timer \
		apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
		systemd-tmpfiles-clean.timer systemd-networkd.service systemd-timesyncd.service
	echo terminal >"$root/etc/hostname"
	printf '127.0.0.1 localhost terminal\n10.0.2.100 collector.office.test\n' >"$root/etc/hosts"
	: >"$root/etc/fstab"
	# The boot loader's configuration as its package's own start would make it; nothing boots by it.
	cp "$root/usr/share/grub/default/grub" "$root/etc/default/grub"
	mkdir -p "$root/boot/grub"
	echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
	mkdir -p "$root/etc/systemd/journald.conf.d"
	printf '[Journal]\nStorage=volatile\nRateLimitBurst=0\n' >"$root/etc/systemd/journald.conf.d/test.conf"
	chroot "$root" useradd -m -s /bin/bash -G sudo clerk
	printf 'root:Root-pass-1\nclerk:Clerk-pass-1\n' | chroot "$root" chpasswd
	rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,locale,man}/*
}

kernel=$(kernel_package)
if [ -z "$kernel" ]; then # no package lists yet
	apt-get -qq update
	kernel=$(kernel_package)
fi
[ -n "$kernel" ] || { echo "base.sh: no linux-image-amd64 known to apt" >&2; exit 1; }
key=$(cat "$here/base.sh" "$here"/guest/* <(echo "$kernel") | sha256sum | cut -d' ' -f1)
if [ "$(cat "$directory/base/key" 2>/dev/null)" = "$key" ]; then
	exit 0
fi

work=$(mktemp -d -p "$directory" base.XXXXXX)
trap 'rm -rf "$work"' EXIT
mkdir "$work/root" "$work/out"
unpack_kernel "$kernel" "$work" &
unpacking=$!
mkdir -p "$work/out/usbguard/partial" "$work/out/desktop"
mmdebstrap --quiet --variant=minbase --include="$PACKAGES" --customize-hook="APT_CONFIG=\$MMDEBSTRAP_APT_CONFIG \
	apt-get -qq -y --no-install-recommends -o APT::Sandbox::User=root -o Dir::Cache::archives='$work/out/usbguard' --download-only install usbguard >/dev/null" \
	--customize-hook="cd '$work/out/desktop' && APT_CONFIG=\$MMDEBSTRAP_APT_CONFIG apt-get -qq -o APT::Sandbox::User=root download $DESKTOP" \
	bookworm "$work/root.tar"
rm -rf "$work/out/usbguard/partial" "$work/out/usbguard/lock"
tar -C "$work/root" -xf "$work/root.tar" --exclude='./dev/*'
wait "$unpacking"
version=$(ls "$work/kernel/lib/modules")
cp "$work/kernel/boot/vmlinuz-$version" "$work/out/vmlinuz"
make_initramfs "$work/kernel" "$work/out/initrd"
trim_modules "$work/kernel" "$version"
cp -a "$work/kernel/lib/modules" "$work/root/usr/lib/"
cp "$work/kernel/boot/config-$version" "$work/kernel/boot/vmlinuz-$version" "$work/root/boot/" # for mkinitramfs and update-grub
furnish_root "$work/root"
truncate -s 2G "$work/out/disk.img"
mkfs.ext4 -q -O ^metadata_csum -E lazy_itable_init=1,root_owner=0:0 -d "$work/root" "$work/out/disk.img"
echo "$key" >"$work/out/key"
rm -rf "$directory/base"
mv "$work/out" "$directory/base"
