# The gauntlet: hostile devices, one a line, at a terminal whose policy lets in every device by its rules and only hid, hub
# and security_key by its kinds, and where a keyboard already works. None becomes usable, not for a moment: no disk, network,
# serial line, input, sound, video, printer; each is told of. A line is
# WHAT | REASON KINDS | WORDS of tools/plugged.c; to extend it, add one.
boot=05010906a101050719e029e71500250175019508810295017508810395067508150025650507190029658100c0
mouse=05010902a1010901a100050919012903150025019503750181029501750581030501093009311581257f750895028106c0c0
fido=06d0f10901a1010920150026ff007508954081020921150026ff00750895409102c0
acm="if=02:02:01 extra=0524001001042402020524060001 ep=83:03 if=0a:00:00 ep=81:02 ep=02:02"
ecm="if=02:06:00 extra=05240010010524060001"
mac=02005e000001
lines() {
	cat <<-END
		a stick | way-denied usb_storage | if=08:06:50 ep=81:02 ep=02:02
		a stick by UAS | way-denied usb_storage | if=08:06:50 ep=81:02 ep=02:02 alt=08:06:62 ep=81:02 ep=02:02 ep=83:02 ep=04:02
		a stick by UAS alone | way-denied usb_storage | if=08:06:62 ep=81:02 ep=02:02 ep=83:02 ep=04:02
		a stick whose device has a class of its vendor | way-denied usb_storage | class=ff if=08:06:50 ep=81:02 ep=02:02
		a stick whose device says it is Bluetooth | way-denied usb_storage | class=e0:01:01 if=08:06:50 ep=81:02 ep=02:02
		a stick as the last interface there can be | way-denied usb_storage | if=08:06:50 number=1f ep=81:02 ep=02:02
		a stick in what says it is a mouse of two parts | way-denied usb_storage hid | class=ef:02:01 extra=080b000203000000 if=03:01:02 report=$mouse ep=81:03 if=08:06:50 ep=82:02 ep=03:02
		a floppy by USB | way-denied usb_storage | if=08:04:00 ep=81:02 ep=02:02 ep=83:03
		an optical drive by USB | way-denied usb_storage | if=08:02:50 ep=81:02 ep=02:02
		storage in the second setting of a mouse | way-denied usb_storage hid | if=03:01:02 report=$mouse ep=81:03 alt=08:06:50 ep=82:02 ep=03:02
		a stick with the ids of a disk that ignores its class | way-denied other | id=0421:0019 if=ff:00:00 ep=81:02 ep=02:02
		a keyboard that drivers for disks know by its ids | second-keyboard hid | id=0525:a140 if=03:01:01 ep=81:02 ep=02:02
		a keyboard | second-keyboard hid | if=03:01:01 report=$boot ep=81:03
		a keyboard that does not say so | second-keyboard hid | if=03:00:00 report=$boot ep=81:03
		a keyboard that says it is a mouse | second-keyboard hid | if=03:01:02 report=$boot ep=81:03
		a mouse whose second interface is a keyboard | second-keyboard hid | if=03:01:02 report=$mouse ep=81:03 if=03:00:00 report=$boot ep=82:03
		a mouse that is a keyboard in its other setting | second-keyboard hid | if=03:01:02 report=$mouse ep=81:03 alt=03:01:01 ep=81:03
		a mouse at first, a keyboard in its second configuration | second-keyboard hid | if=03:01:02 report=$mouse ep=81:03 config if=03:01:01 report=$boot ep=81:03
		a keyboard with a stick | way-denied usb_storage hid | if=03:01:01 report=$boot ep=81:03 if=08:06:50 ep=82:02 ep=03:02
		a mouse with a stick | way-denied usb_storage hid | if=03:01:02 report=$mouse ep=81:03 if=08:06:50 ep=82:02 ep=03:02
		a security key with a keyboard in its report | second-keyboard hid | if=03:00:00 report=$fido$boot ep=81:03 ep=02:03
		a security key and a keyboard | second-keyboard hid | if=03:00:00 report=$fido ep=81:03 ep=02:03 if=03:01:01 report=$boot ep=83:03
		a security key and a stick | way-denied usb_storage hid | if=03:00:00 report=$fido ep=81:03 ep=02:03 if=08:06:50 ep=83:02 ep=04:02
		a security key with a card and a keyboard | way-denied hid smartcard | if=03:01:01 report=$boot ep=81:03 if=03:00:00 report=$fido ep=82:03 ep=02:03 if=0b:00:00 ep=83:02 ep=04:02
		a device that never says what it is | way-denied other | slow if=03:00:00 report=$boot ep=81:03
		a report descriptor that is cut | way-denied other | if=03:00:00 report=06d0f10901a1 ep=81:03
		a hub that is a stick as well | way-denied usb_storage hub | class=09 if=09:00:00 ep=81:03 if=08:06:50 ep=82:02 ep=03:02
		a hub by its class, a stick by its interface | way-denied usb_storage hub | class=09 if=08:06:50 ep=82:02 ep=03:02
		a hub at first, a stick in its second configuration | way-denied usb_storage hub | class=09 if=09:00:00 ep=81:03 config if=08:06:50 ep=81:02 ep=02:02
		a phone by PTP | way-denied mtp_ptp | if=06:01:01 ep=81:02 ep=02:02 ep=83:03
		a phone by MTP, by its string | way-denied other | if=ff:ff:00 text=MTP ep=81:02 ep=02:02 ep=83:03
		a phone by MTP, by OS descriptor | way-denied other | if=ff:ff:00 mtp ep=81:02 ep=02:02 ep=83:03
		a phone by MTP, by OS descriptor of version 2 | way-denied other | if=ff:ff:00 mtp2 ep=81:02 ep=02:02 ep=83:03
		a phone with a keyboard | way-denied hid other | if=ff:ff:00 mtp ep=81:02 ep=02:02 if=03:01:01 report=$boot ep=83:03
		a phone as an accessory | way-denied other | id=18d1:2d00 if=ff:ff:00 text=Accessory ep=81:02 ep=02:02
		RNDIS as Microsoft had it | way-denied usb_network | if=02:02:ff extra=0524001001052406000104240200 ep=83:03 if=0a:00:00 ep=81:02 ep=02:02
		RNDIS as a wireless controller | way-denied usb_network | if=e0:01:03 extra=0524001001052406000104240200 ep=83:03 if=0a:00:00 ep=81:02 ep=02:02
		RNDIS over Ethernet | way-denied usb_network | if=ef:04:01 ep=83:03 if=0a:00:00 ep=81:02 ep=02:02
		ECM | way-denied usb_network | name=E serial=$mac $ecm extra=0d240f0200000000ea05000000 ep=83:03 if=0a:00:00 alt=0a:00:00 ep=81:02 ep=02:02
		NCM | way-denied usb_network | name=N serial=$mac if=02:0d:00 extra=052400100105240600010d240f0200000000ea0500000006241a000100 ep=83:03 if=0a:00:01 alt=0a:00:01 ep=81:02 ep=02:02
		EEM | way-denied usb_network | if=02:0c:07 ep=81:02 ep=02:02
		MBIM | way-denied usb_network | if=02:0e:00 ep=83:03 if=0a:00:02 alt=0a:00:02 ep=81:02 ep=02:02
		files by OBEX | way-denied other | if=02:0b:00 if=0a:00:00 alt=0a:00:00 ep=81:02 ep=02:02
		data of nobody | way-denied other | if=0a:00:00 ep=81:02 ep=02:02
		a modem | way-denied usb_serial | $acm
		a modem with a mouse | way-denied usb_serial hid | $acm if=03:01:02 report=$mouse ep=84:03
		a serial adapter by its ids | way-denied other | id=0403:6001 if=ff:ff:ff ep=81:02 ep=02:02
		a mouse with a serial adapter's ids | way-denied other | id=0403:6001 if=03:01:02 ep=81:02 ep=02:02
		a network adapter by its ids | way-denied other | id=0b95:7720 if=ff:ff:00 ep=83:03 ep=81:02 ep=02:02
		a printer | way-denied usb_printer | if=07:01:02 ep=81:02 ep=02:02
		a printer by IPP | way-denied usb_printer | if=07:01:04 ep=81:02 ep=02:02
		a headset | way-denied audio | if=01:01:00 extra=092401000109000101 if=01:02:00
		MIDI | way-denied audio | if=01:01:00 extra=092401000109000101 if=01:03:00 ep=81:02 ep=02:02
		a camera | way-denied video | class=ef:02:01 if=0e:01:00 ep=83:03 if=0e:02:00
		Bluetooth by its ids | way-denied other | id=0a5c:21e8 class=ff:01:01 if=ff:01:01 ep=81:03 ep=82:02 ep=02:02
		wireless LAN by its ids | way-denied other | id=0cf3:9271 if=ff:00:00 ep=81:02 ep=02:02
		Bluetooth | way-denied bluetooth | class=e0:01:01 if=e0:01:01 ep=81:03 ep=82:02 ep=02:02 if=e0:01:01
		a card reader with a stick | way-denied usb_storage smartcard | if=0b:00:00 ep=81:02 ep=02:02 if=08:06:50 ep=83:02 ep=04:02
		firmware upgrade | way-denied other | if=fe:01:01
		test and measurement | way-denied other | if=fe:03:01 ep=81:02 ep=02:02
		a billboard with a stick | way-denied usb_storage other | class=11 if=11:00:00 if=08:06:50 ep=82:02 ep=03:02
		a mouse at first, a stick in its second configuration | way-denied usb_storage hid | if=03:01:02 report=$mouse ep=81:03 config if=08:06:50 ep=81:02 ep=02:02
		no serial number | way-denied usb_storage | serial16= if=08:06:50 ep=81:02 ep=02:02
		a serial number that is no UTF-16 | way-denied usb_storage | serial16=00d800d800d8 if=08:06:50 ep=81:02 ep=02:02
		a serial number with a new line and an escape | way-denied usb_storage | serial16=0a001b005b0032004a00 if=08:06:50 ep=81:02 ep=02:02
		a copy of the office keyboard | second-keyboard hid | id=0627:0001 serial=$listed_keyboard if=03:01:01 report=$boot ep=81:03
		the office keyboard's serial number | way-denied usb_storage | id=0627:0001 serial=$listed_keyboard if=08:06:50 ep=81:02 ep=02:02
		two interfaces claimed, one there | unreadable hid | interfaces=2 if=03:01:02 report=$mouse ep=81:03
		one claimed, a stick behind it | unreadable usb_storage hid | interfaces=1 if=03:01:02 report=$mouse ep=81:03 if=08:06:50 ep=82:02 ep=03:02
		a descriptor without length | unreadable other | if=03:01:02 report=$mouse ep=81:03 extra=0004
		an interface twice | unreadable hid | if=03:01:02 report=$mouse ep=81:03 if=08:06:50 ep=82:02 ep=03:02 number=0
		an interface the kernel cannot count | unreadable other | if=03:01:02 report=$mouse ep=81:03 number=40
		more claimed than there is | unreadable other | total=ff if=03:01:02 report=$mouse ep=81:03
		too many interfaces | way-denied other | $(for _ in {1..24}; do printf 'if=ff:00:00 '; done)
		nothing | unreadable other | class=ff
	END
}

watch_sees_keyboards() { # HOW-MANY
	[ "$(usable_seen | grep -vF /vhci_hcd | grep -c 'taken by usbhid$')" = "$1" ] && usable_seen | grep -q '/input/input'
}

. "$here/usb.sh"
resume_terminal
usb_tools
cd "$office"
usb_policy 2 security_key=allow
watch_usable
plug usb-kbd k1 "serial=$listed_keyboard"
eventually 10 watch_sees_keyboards 1 || fail "the office keyboard does not work, or the watch is blind: $(usable_seen)"
number=0
wrong=0
slow=0
names=() expected=() words=()

# Eight at once.
round() {
	local port got
	[ "${#words[@]}" -gt 0 ] || return 0
	make "${words[@]}"
	for port in "${!words[@]}"; do
		got=$(made_denied_for "$port")
		[[ " $made_open " != *" $port "* ]] || got+=" but authorised"
		# HID that does not answer in time is `other`, and on a busy emulated machine eight at once may not.
		if [ "$got" = "way-denied hid other" ] && [ "${expected[port]}" = "second-keyboard hid" ]; then
			slow=$((slow + 1))
		elif [ "$got" != "${expected[port]}" ]; then
			echo "${names[port]}: $got (expected: ${expected[port]})"
			wrong=$((wrong + 1))
		fi
	done
	names=() expected=() words=()
}

while IFS='|' read -r what decision rest <&9; do
	number=$((number + 1))
	names+=("$what") expected+=("$(sed 's/^ *//; s/ *$//' <<<"$decision")")
	words+=("id=$(printf '1d50:%04x' "$number") serial=G$number $rest")
	[ "${#words[@]}" -lt 8 ] || round
done 9< <(lines)
round
[ "$wrong" = 0 ] || fail "$wrong were decided on otherwise"
[ "$slow" -le 2 ] || fail "$slow keyboards were not asked in time"
[ "$number" -ge 30 ] || fail "only $number devices"
keyboard_there || fail "the office keyboard works no more"
unmake
# What the watch tells of the office keyboard plugged in anew came after all that it tells of the others.
unplug k1
plug usb-kbd k2 "serial=$listed_keyboard"
eventually 10 watch_sees_keyboards 2 || fail "the office keyboard does not work any more"
seen=$(usable_seen | grep -F /vhci_hcd || true)
[ -z "$seen" ] || fail "usable, if only for a moment: $seen"

# What a name does to the terminal of whoever reads it: an escape, one of a single character, and writing turned around.
make "id=1d50:00fe serial=name name16=2e201b005b0032004a009b0032004a00 if=08:06:50 ep=81:02 ep=02:02"
[ "$(made_denied_for 0)" = "way-denied usb_storage" ] || fail "a device with a rude name: $(made_denied_for 0)"
guest 'sekisho devices; sekisho devices --json; sekisho journal show; sekisho journal show --json' >"$machine/shown"
grep -q 1d50:00fe "$machine/shown" || fail "nothing is shown"
! LC_ALL=C grep -aqP '\x1b|\xc2\x9b|\xe2\x80\xae' "$machine/shown" || fail "a name reaches the terminal as it is"

# A phone says what it is anew each time somebody touches its screen: what was let in is no word for what comes after it to the
# same port with the same ids and serial number.
phone="id=1d50:00ff serial=phone"
make "$phone if=03:00:00 report=$fido ep=81:03 ep=02:03"
[ "$made_open" = " 0" ] || fail "a security key is not let in: $made_lines"
while IFS='|' read -r what decision rest <&9; do
	make "$phone $rest"
	[ "$(made_denied_for 0)" = "$decision" ] && [ -z "$made_open" ] ||
		fail "a phone that is $what: $(made_denied_for 0), authorised: '$made_open'"
done 9<<-END
	PTP now|way-denied mtp_ptp|if=06:01:01 ep=81:02 ep=02:02 ep=83:03
	a network now|way-denied usb_network|class=ef:04:01 if=e0:01:03 ep=81:03 if=0a:00:00 ep=82:02 ep=02:02
	the security key and a disk|way-denied usb_storage hid|if=03:00:00 report=$fido ep=81:03 ep=02:03 if=08:06:50 ep=83:02 ep=04:02
END
unmake
seen=$(usable_seen | grep -F /vhci_hcd | grep -vE '/hidraw|/hiddev|taken by usbhid|/0003:1D50' || true)
[ -z "$seen" ] || fail "a phone was usable, if only for a moment: $seen"
echo "FIGURE $number hostile devices, each denied and told of as expected, none usable for a moment"
