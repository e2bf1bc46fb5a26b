# Switched on with a BOT stick, a UAS stick and an SD card in, each with a mark in its first sector, and with an initramfs
# that Debian's own tools made on the installed terminal: no byte of a mark can be read, neither in the initramfs nor
# before guard has decided, by somebody who tries all the time; a USB keyboard types the disk's password all the same.
# A policy that then lets one of the sticks in lets its driver in, too. `boot-lock` puts its parameter into what GRUB boots
# by, and takes it out. The same initramfs without what our hook put in shows all marks, and (SEKISHO_VM_WHOLE=1) with that
# parameter only the card's.
# whole
mark=MARK-OF-THE-STICK-$$
made=$directory/initrd
kernel_extra="root=/dev/vda rw"

# The terminal's disk as it is, with somebody who reads in the initramfs and, from systemd's first moment, after it.
tree=$directory/root
cp --sparse=always "$SEKISHO_VM_READY/disk.img" "$directory/disk.img"
e2fsck -fy -E journal_only "$directory/disk.img" >/dev/null || [ $? = 1 ] || fail "the terminal's disk"
mkdir "$tree"
debugfs -R "rdump / $tree" "$directory/disk.img" >/dev/null 2>&1
rm "$directory/disk.img"
grep -qx 'mode: enforce' "$tree/etc/sekisho/agent.yaml" || fail "the terminal does not enforce"
cat >"$tree/etc/initramfs-tools/scripts/init-premount/reader" <<'END'
#!/bin/sh
[ "$1" != prereqs ] || exit 0
# True when every mark was read.
look() {
	for block in /sys/class/block/*; do
		block=${block##*/}
		case "$block $seen " in vd* | loop* | ram* | *" $block "*) continue ;; esac
		dd if="/dev/$block" bs=512 count=1 2>/dev/null | grep -q MARK-OF-THE-STICK || continue
		seen="$seen $block"
		echo "initramfs: mark read from $block" >/dev/console
	done
	[ "$(echo $seen | wc -w)" = 3 ]
}
plugged() {
	[ "$(cat /sys/bus/usb/devices/*/serial | grep -c POWER-ON)" = 3 ] && ls /sys/bus/mmc/devices/* >/dev/null
}
# Until all that is plugged in has come, and then for a while: `marks` says that they are to be read.
since=
turn=0
while [ $turn -lt 600 ]; do
	[ -n "$since" ] || ! plugged 2>/dev/null || since=$turn
	[ -z "$since" ] || ! look || break
	grep -q marks /proc/cmdline || [ -z "$since" ] || [ $turn -lt $((since + 30)) ] || break
	turn=$((turn + 1))
	sleep 0.1
done
echo "initramfs: plugged in: ${since:+yes}" >/dev/console
echo "initramfs: block devices: $(ls /sys/class/block | grep -vE '^(vd|loop|ram)' | tr '\n' ' ')." >/dev/console
echo "initramfs: password?" >/dev/console
read -r typed </dev/tty1
echo "initramfs: typed: $typed" >/dev/console
look
exit 0
END
cat >"$tree/etc/initramfs-tools/scripts/init-bottom/reader" <<'END'
#!/bin/sh
[ "$1" != prereqs ] || exit 0
mkdir -p /run/systemd/system/sysinit.target.wants
cat >/run/reader <<'SCRIPT'
while :; do
	for block in /sys/class/block/*; do
		case ${block##*/} in vd* | loop* | ram*) continue ;; esac
		echo "${block##*/}" >>/run/reader.blocks
		dd if="/dev/${block##*/}" bs=512 count=1 2>/dev/null | grep -q MARK-OF-THE-STICK &&
			echo "${block##*/}" >>/run/reader.marks
	done
	echo >>/run/reader.turns
	read -rt 0.02 <> <(:)
done
SCRIPT
cat >/run/systemd/system/reader.service <<'UNIT'
[Unit]
DefaultDependencies=no
[Service]
ExecStart=/bin/bash /run/reader
UNIT
ln -s ../reader.service /run/systemd/system/sysinit.target.wants/reader.service
END
chmod 755 "$tree"/etc/initramfs-tools/scripts/*/reader
# What it holds is listed: the choice of Debian's default, all drivers, takes half a minute to pack.
sed -i 's/^MODULES=.*/MODULES=list/' "$tree/etc/initramfs-tools/initramfs.conf"
printf '%s\n' virtio_pci virtio_blk ext4 xhci_pci usb_storage uas sd_mod sdhci_pci mmc_block >>"$tree/etc/initramfs-tools/modules"
version=$(ls "$tree/lib/modules")
chroot "$tree" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin mkinitramfs -o /initrd "$version" || fail mkinitramfs
mv "$tree/initrd" "$made"
rm -rf "$tree"
truncate -s %4 "$made"
mkdir -p "$directory/without"/{scripts/init-top,usr/lib/modprobe.d}
: >"$directory/without/usr/lib/modprobe.d/sekisho.conf"
printf '#!/bin/sh\n' >"$directory/without/scripts/init-top/sekisho"
chmod 755 "$directory/without/scripts/init-top/sekisho"
(cat "$made" && cd "$directory/without" && find . -mindepth 1 | cpio --quiet -o -H newc) >"$made.without"

for medium in s1 s2 card; do
	truncate -s 8M "$machine/$medium.img"
	printf '%s %s' "$mark" "$medium" | dd of="$machine/$medium.img" conv=notrunc status=none
done
media="$(stick_at_boot s1 STICK-POWER-ON)
	-blockdev driver=file,filename=$machine/s2.img,node-name=file-s2 -blockdev driver=raw,file=file-s2,node-name=image-s2
	-device usb-uas,id=s2,bus=xhci.0,serial=STICK-POWER-ON-UAS -device scsi-hd,bus=s2.0,drive=image-s2
	-device usb-kbd,id=k2,bus=xhci.0,serial=KEYBOARD-POWER-ON
	-device usb-kbd,id=k1,bus=xhci.0,serial=$listed_keyboard
	-device sdhci-pci -drive if=none,id=card,format=raw,file=$machine/card.img -device sd-card,drive=card"

console_says() { # REGEX
	grep -aqE "$1" "$machine/console.log"
}
switch_on() { # INITRD [KERNEL-PARAMETERS]
	rm -f "$machine/console.log"
	# shellcheck disable=SC2086
	initrd=$1 kernel_extra="$kernel_extra ${2-}" machine_start "$SEKISHO_VM_READY/disk.img" $media
	eventually 60 console_says 'initramfs: password\?' || fail "the initramfs does not ask: $(tail -n 20 "$machine/console.log")"
	console_says 'initramfs: plugged in: yes' || fail "in the initramfs, not all that is plugged in has come"
}
in_the_initramfs() {
	grep -a 'initramfs:' "$machine/console.log"
}

switch_on "$made.without" marks
for medium in sda sdb mmcblk0; do
	console_says "initramfs: mark read from $medium" || fail "without the hook, no mark is read from $medium: $(in_the_initramfs)"
done
machine_stop

office_copy
collector_start
switch_on "$made"
console_says 'initramfs: block devices: \.' || fail "with the hook: $(in_the_initramfs)"
for key in s e k i ret; do
	qmp '{"execute":"send-key","arguments":{"keys":[{"type":"qcode","data":"'$key'"}]}}' >/dev/null
	sleep 0.3
done
eventually 10 console_says 'initramfs: typed: seki' || fail "the keyboard does not type in the initramfs"
shell_wait 180 || fail "the terminal did not boot"
expect_event device.denied serial=STICK-POWER-ON
expect_event device.denied serial=STICK-POWER-ON-UAS
expect_event device.denied serial=KEYBOARD-POWER-ON
expect_event device.allowed "serial=$listed_keyboard"
expect_not_authorised STICK-POWER-ON
expect_not_authorised STICK-POWER-ON-UAS
expect_not_authorised KEYBOARD-POWER-ON
eventually 10 keyboard_there || fail "the listed keyboard is no input device"
guest_true '[ "$(wc -l </run/reader.turns)" -gt 20 ]' || fail "nobody tried to read"
guest_true '! [ -e /run/reader.blocks ] && ! [ -e /run/reader.marks ]' ||
	fail "after the initramfs: $(guest 'sort -u /run/reader.blocks; cat /run/reader.marks')"
! console_says "mark read" || fail "a mark was read"
guest_true '! dmesg | grep -E "USB Mass Storage device detected|scsi host|\[sd[a-z]|mmcblk"' || fail "a driver had a medium"
guest_true '! modprobe usb-storage && ! grep -qE "^(usb_storage|uas|mmc_block) " /proc/modules' || fail "a driver can be loaded"

usb_storage=allow rules='allow serial "STICK-POWER-ON"' policy_text 2 >"$office/policy-2.yaml"
policy_sign "$office/policy-2.yaml" "$office/policy-2.p7"
send_file "$office/policy-2.p7" /root/policy-2.p7
guest 'sekisho policy install /root/policy-2.p7' || fail "the policy was not accepted"
expect_event device.allowed serial=STICK-POWER-ON
eventually 15 guest_true 'grep -q ^sd /run/reader.marks' || fail "an allowed stick cannot be read"
guest_true '! grep -qE "^mmc_block " /proc/modules' || fail "a driver of a way that is denied"

lock_is() { # STATUS-JSON CODE
	local shown
	shown=$(guest 'sekisho boot-lock status --json; echo $?' | tr '\n' ' ')
	[ "$shown" = "$1 $2 " ] || fail "boot-lock status: $shown"
}
lock_is '{"loader":"grub","configured":false,"parameter":false,"initramfs":true,"closed":true}' 1
guest 'sekisho boot-lock enable --by officer-1' || fail "boot-lock enable"
expect_event boot.locked by=officer-1
lock_is '{"loader":"grub","configured":true,"parameter":false,"initramfs":true,"closed":true}' 1
parameter=$(guest 'grep -E "^[[:space:]]+linux" /boot/grub/grub.cfg' | tr ' ' '\n' | grep usbcore | sort | uniq -c)
[ "$(wc -l <<<"$parameter")" = 1 ] || fail "GRUB boots with: $parameter"
guest 'sekisho boot-lock disable' || fail "boot-lock disable"
expect_event boot.unlocked
guest_true '! grep -q usbcore /boot/grub/grub.cfg && ! ls /etc/default/grub.d/sekisho.cfg' || fail "GRUB's configuration after disable"
lock_is '{"loader":"grub","configured":false,"parameter":false,"initramfs":true,"closed":true}' 1
guest 'rm /etc/default/grub; rm -r /usr/share/initramfs-tools/hooks/sekisho'
guest_true '[ "$(LC_ALL=C sekisho boot-lock status 2>&1 | grep -c "neither GRUB nor systemd-boot")" = 1 ]' || fail "no boot loader, not said"
guest_true ': >/etc/default/grub; ! sekisho boot-lock enable 2>/run/refused && grep -q without-keyboard /run/refused &&
	! [ -e /etc/default/grub.d/sekisho.cfg ]' || fail "enable without the hook: $(guest 'cat /run/refused')"
machine_stop

if [ -n "${SEKISHO_VM_WHOLE-}" ]; then # a third start, half a minute more
	switch_on "$made.without" "${parameter##* }"
	console_says 'initramfs: block devices: mmcblk0 \.' || fail "with the parameter alone: $(in_the_initramfs)"
	! console_says 'mark read from sd' || fail "a stick's mark was read"
fi
