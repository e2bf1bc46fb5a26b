# A stick that was in before the terminal was switched on: no driver ever has it, from the kernel's first line on.
boot_terminal $(stick_at_boot s1 STICK-BOOT)
expect_event device.denied serial=STICK-BOOT verdict=deny
expect_not_authorised STICK-BOOT
expect_event_at_collector device.denied serial=STICK-BOOT
guest_true '! dmesg | grep -E "USB Mass Storage device detected|scsi host|\[sd[a-z]"' ||
	fail "storage was seen: $(guest 'dmesg | grep -E "Mass Storage|scsi host|\[sd[a-z]"')"
guest_true '! ls /sys/block/sd*' || fail "a block device is there"
