# A USB controller that is added while the terminal runs, with a stick already in it (a dock, a Thunderbolt card).
resume_terminal
watch_storage
hubs=$(guest 'ls -d /sys/bus/usb/devices/usb* | wc -l')
plug qemu-xhci dock
plug usb-storage s1 bus=dock.0 serial=STICK-IN-DOCK
eventually 20 guest_true "[ \$(ls -d /sys/bus/usb/devices/usb* | wc -l) -gt $hubs ]" || fail "the controller did not come"
expect_event device.denied serial=STICK-IN-DOCK
expect_not_authorised STICK-IN-DOCK
[ "$(guest 'cat /sys/bus/usb/devices/usb*/authorized_default' | sort -u)" = 0 ] || fail "a root hub is open"
plug usb-uas s2 bus=dock.0 serial=STICK-IN-DOCK-2
expect_event device.denied serial=STICK-IN-DOCK-2
expect_not_authorised STICK-IN-DOCK-2
expect_no_block_device
expect_event_at_collector device.denied serial=STICK-IN-DOCK
