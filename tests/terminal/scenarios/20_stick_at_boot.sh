# A stick that was in before the terminal was switched on: no driver ever has it, from the kernel's first line on. A listed
# keyboard that was in works.
boot_terminal $(stick_at_boot s1 STICK-BOOT) -device "usb-kbd,id=k1,bus=xhci.0,serial=$listed_keyboard"
expect_event device.denied serial=STICK-BOOT verdict=deny
expect_not_authorised STICK-BOOT
expect_event device.allowed "serial=$listed_keyboard"
eventually 10 keyboard_there || fail "the listed keyboard is no input device"
[ "$(key_bytes)" -gt 0 ] || fail "a key of the listed keyboard does not arrive"
expect_event_at_collector device.denied serial=STICK-BOOT
guest_true '! dmesg | grep -E "USB Mass Storage device detected|scsi host|\[sd[a-z]"' ||
	fail "storage was seen: $(guest 'dmesg | grep -E "Mass Storage|scsi host|\[sd[a-z]"')"
guest_true '! ls /sys/block/sd*' || fail "a block device is there"
