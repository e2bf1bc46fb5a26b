# A listed keyboard types; one that is not listed never becomes an input device.
resume_terminal
plug usb-kbd k1 "serial=$listed_keyboard"
expect_event device.allowed "serial=$listed_keyboard"
eventually 10 keyboard_there || fail "the listed keyboard is no input device"
bytes=$(key_bytes)
[ "$bytes" -gt 0 ] || fail "a key of the listed keyboard does not arrive"
unplug k1
eventually 10 keyboard_gone || fail "the keyboard does not go"

plug usb-kbd k2 serial=keyboard-from-home
expect_event device.denied serial=keyboard-from-home
expect_not_authorised keyboard-from-home
[ "$(key_bytes)" = 0 ] || fail "a key of the unlisted keyboard arrives"
keyboard_gone || fail "the unlisted keyboard is an input device: $(input_devices)"
expect_event_at_collector device.denied serial=keyboard-from-home
