# What is in a port when the terminal is switched on: an SD card, a disc, a floppy disk and an NVMe disk in a slot are denied
# without a byte read, let in when the policy allows their kinds, and denied again. A built-in disk is the terminal's own; one
# that comes to the same port later is not. So is a card that is put into the slot later.
# whole
kernel_line=${kernel_line/,floppy/}
boot_terminal $(marked_at_boot sd1) $(marked_at_boot ata1) $(marked_at_boot disc1) $(marked_at_boot nvme1) \
	$(marked_at_boot floppy1 1474560) \
	-device sdhci-pci -device sd-card,id=sd1,bus=sd-bus,drive=image-sd1 \
	-device ich9-ahci,id=ahci -device ide-hd,bus=ahci.0,drive=image-ata1,serial=ATA-1 \
	-device ide-cd,bus=ahci.1,drive=image-disc1,serial=DISC-1 \
	-device nvme,drive=image-nvme1,serial=NVME-1 -device floppy,unit=0,drive=image-floppy1
sg_reader_install
removable='sd1 disc1 nvme1 floppy1'
expect_event device.denied ways=mmc reason=way-denied
expect_event device.denied ways=optical reason=way-denied
expect_event device.denied ways=nvme_hotplug reason=way-denied
guest_true "! ls /dev/fd0" || fail "a denied floppy drive has its driver"
for medium in $removable; do
	expect_unreadable $medium
done
guest_true '! modprobe floppy && ! ls /dev/fd0' || fail "somebody may load the driver of a denied drive"
expect_readable ata1

# The disk in its port goes and comes.
guest 'echo 1 >/sys/block/sda/device/delete; for host in /sys/class/scsi_host/*; do echo "- - -" >$host/scan; done'
expect_event device.denied ways=ata_hotplug serial=ATA-1
expect_unreadable ata1

ways_are 2 mmc=allow optical=allow nvme_hotplug=allow floppy=allow ata_hotplug=allow
for medium in $removable ata1; do
	expect_readable $medium
done
ways_are 3
for medium in $removable ata1; do
	eventually 10 is_unreadable $medium || fail "$medium can still be read: $(marker_nodes $medium)"
done

# Another card in the slot.
qmp "$(qmp_object blockdev-remove-medium id=sd1)" >/dev/null
expect_event device.removed device="$(guest 'grep -h . /var/lib/sekisho/journal/*.jsonl' | jq -r "$(event_filter device.denied ways=mmc) | .device" | head -n 1)"
marked_image sd2
qmp "$(qmp_object blockdev-insert-medium id=sd1 node-name=image-sd2)" >/dev/null
denied_cards() {
	[ "$(journal_lines | jq -c "$(event_filter device.denied ways=mmc)" | wc -l)" -ge 3 ]
}
eventually 10 denied_cards || fail "the other card was not told of"
expect_unreadable sd2
[ "$(guest 'sekisho status --json' | jq -r '[.. | .ways_unwatched? // empty][0]')" = "" ] ||
	fail "unwatched: $(guest 'sekisho status --json')"
expect_event_at_collector device.denied ways=mmc
