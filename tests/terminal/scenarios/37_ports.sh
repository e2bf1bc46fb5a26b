# Every way out that is not USB and can be plugged while the terminal runs: denied without a byte read, let in when the
# policy allows its kind, denied again when it no longer does. Radios are switched off, however often somebody switches
# them on. What can be written (a magneto-optical disk) is written only while it is allowed.
rules='allow serial "STICK-ALLOWED"' usb_storage=allow
resume_terminal
sg_reader_install
ways_are 2
for bus in scsi sdio mmc; do
	[ "$(guest "cat /sys/bus/$bus/drivers_autoprobe 2>/dev/null || echo 0")" = 0 ] || fail "the bus $bus is open"
done

# A controller for disks is a way out itself.
watch_storage
attach virtio-scsi-pci storage
expect_event device.denied ways=ata_hotplug reason=way-denied
marked_image disk1
attach scsi-hd disk1 bus=storage.0 drive=image-disk1 serial=DISK-1
marked_image nvme1
attach nvme nvme1 drive=image-nvme1 serial=NVME-1
expect_event device.denied ways=nvme_hotplug reason=way-denied
guest 'modprobe scsi_debug ptype=7 dev_size_mb=8'
expect_event device.denied ways=optical reason=way-denied
guest_true 'ls /dev/sg0 && ! cat </dev/sg0 && ! ls /sys/block/sd*' || fail "a magneto-optical disk can be used"
expect_unreadable disk1
expect_unreadable nvme1
guest_true '! grep -E "KERNEL.* add .*/block/" /run/watch.uevents | grep -E "/block/(sd|sr|nvme)"' || fail "storage was seen: $(storage_seen)"

# Radios.
guest 'modprobe mac80211_hwsim radios=1; modprobe hci_vhci
	perl -e "open(F, qq(+<), qq(/dev/vhci)); syswrite(F, pack(qq(CC), 0xff, 0)); sleep 600" >/dev/null 2>&1 &'
radio_is() { # TYPE SOFT
	[ "$(guest "for radio in /sys/class/rfkill/*; do [ \$(cat \$radio/type) != $1 ] || cat \$radio/soft; done")" = "$2" ]
}
unblock='perl -e "open(F, qq(+<), qq(/dev/rfkill)); syswrite(F, pack(qq(LCCCC), 0, \$ARGV[0], 3, 0, 0))"'
expect_event device.denied ways=wifi reason=way-denied
expect_event device.denied ways=bluetooth reason=way-denied
eventually 5 radio_is wlan 1 || fail "wireless LAN is on"
eventually 5 radio_is bluetooth 1 || fail "Bluetooth is on"
guest "$unblock 1; $unblock 2"
eventually 5 radio_is wlan 1 || fail "wireless LAN stays on"
eventually 5 radio_is bluetooth 1 || fail "Bluetooth stays on"
guest_true '! ip link set wlan0 up' || fail "wireless LAN can be used"

# Allowed: the controller, and then each disk on it by itself. A disc is not a disk, and one radio not the other.
ways_are 3 ata_hotplug=allow nvme_hotplug=allow wifi=allow
expect_event device.allowed ways=ata_hotplug serial=DISK-1
expect_readable disk1
expect_readable nvme1
marked_image disc1
attach scsi-cd disc1 bus=storage.0 drive=image-disc1 serial=DISC-1
expect_event device.denied ways=optical "name=QEMU QEMU CD-ROM"
expect_unreadable disc1
marked_image disk2
attach scsi-hd disk2 bus=storage.0 drive=image-disk2 serial=DISK-2
expect_readable disk2
eventually 5 radio_is wlan 0 || fail "wireless LAN is not let in"
guest 'ip link set wlan0 up' || fail "wireless LAN cannot be used"
radio_is bluetooth 1 || fail "Bluetooth goes on with wireless LAN"

# All but one radio. The magneto-optical disk is written now.
ways_are 4 ata_hotplug=allow nvme_hotplug=allow optical=allow bluetooth=allow
expect_event device.allowed ways=optical "name=QEMU QEMU CD-ROM"
expect_readable disc1
write_disk='for disk in /sys/block/sd*; do
	grep -q scsi_debug $disk/device/model || continue
	yes MARKER-burnt- | dd of=/dev/${disk##*/} bs=4096 count=1 iflag=fullblock oflag=direct && exit 0
done; exit 1'
eventually 10 guest_true "($write_disk) 2>/dev/null" || fail "an allowed magneto-optical disk cannot be written"
expect_readable burnt
eventually 5 radio_is bluetooth 0 || fail "Bluetooth is not let in"
radio_is wlan 1 || fail "wireless LAN is not denied again"

# Denied again: what was let in is gone, and with its driver loaded by now a new one does not get in either.
ways_are 5
for medium in disk1 disk2 disc1 nvme1 burnt; do
	eventually 10 is_unreadable $medium || fail "$medium can still be read: $(marker_nodes $medium)"
done
guest_true "! ($write_disk) 2>/dev/null" || fail "the magneto-optical disk can still be written"
marked_image nvme2
attach nvme nvme2 drive=image-nvme2 serial=NVME-2
eventually 10 guest_true 'ls /sys/bus/pci/devices/*/driver_override | xargs grep -l sekisho-denied | wc -l | grep -qx 3' ||
	fail "not every controller is denied"
expect_unreadable nvme2
unplug disk2
unplug nvme1
expect_event device.removed id=1b36:0010
eventually 5 radio_is bluetooth 1 || fail "Bluetooth is not denied again"

# USB's own disks are the USB device's affair.
plug usb-storage s1 serial=STICK-ALLOWED
expect_event device.allowed serial=STICK-ALLOWED
eventually 10 guest_true 'ls /sys/block/sd*' || fail "an allowed stick has no disk"
guest 'sekisho devices --json' | jq -e '[.. | objects | select(.port? == "pci")] | length >= 2' >/dev/null ||
	fail "devices does not list ports"
[ "$(guest 'sekisho status --json' | jq -r '[.. | .ways_unwatched? // empty][0]')" = "" ] ||
	fail "unwatched: $(guest 'sekisho status --json')"
expect_event_at_collector device.denied ways=nvme_hotplug
