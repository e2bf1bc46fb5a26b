# A stick plugged into a running terminal, by either storage protocol: refused before a driver sees it, and told of.
resume_terminal
watch_storage

plug usb-storage s1 serial=STICK-BOT
expect_event device.denied serial=STICK-BOT verdict=deny
expect_not_authorised STICK-BOT

plug usb-uas s2 serial=STICK-UAS
expect_event device.denied serial=STICK-UAS verdict=deny
expect_not_authorised STICK-UAS

expect_event_at_collector device.denied serial=STICK-BOT
expect_event_at_collector device.denied serial=STICK-UAS
unplug s1
expect_event device.removed serial=STICK-BOT
expect_no_block_device
