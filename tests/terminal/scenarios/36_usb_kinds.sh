# Every kind of USB device, really plugged in: QEMU's own devices, gadgets of dummy_hcd, and devices of words where neither has
# the kind. Denied at first, with nothing to be used of it; usable when the policy allows its kind and only then; denied
# again, and gone, when the policy no longer allows it. The policies let in every device by their rules. One is also given
# to everybody by a vendor's rule of udev's: a clerk's program sends it nothing before it is let in, or after.
mouse=05010902a1010901a100050919012903150025019503750181029501750581030501093009311581257f750895028106c0c0
fido=06d0f10901a1010920150026ff007508954081020921150026ff00750895409102c0
first="usb_storage hub usb_serial audio smartcard security_key bluetooth"
second="usb_network mtp_ptp usb_printer video other"

# SERIAL | KIND | what there is of it below its directory in sysfs when it can be used; "claim": a program can take it
devices() {
	cat <<-END
		stick | usb_storage | *:*/host*/target*/*/block/sd*
		stick-uas | usb_storage | *:*/host*/target*/*/block/sd*
		phone-ptp | mtp_ptp | claim
		network | usb_network | *:*/net/*
		serial-ids | other | *:*/ttyUSB*
		reader | smartcard | claim
		speaker | audio | *:*/sound/card*
		gadget-rndis | usb_network | *:*/net/*
		gadget-ecm | usb_network | *:*/net/*
		gadget-ncm | usb_network | *:*/net/*
		gadget-eem | usb_network | *:*/net/*
		gadget-acm | usb_serial | *:*/tty/ttyACM*
		gadget-midi | audio | *:*/sound/card*
		gadget-printer | usb_printer | *:*/usbmisc/lp*
		camera | video | claim
		radio | bluetooth | *:*/bluetooth/hci*
		key | security_key | *:*/*/hidraw/hidraw*
		phone-mtp | mtp_ptp | claim
		phone-mtp2 | mtp_ptp | claim
	END
}

plug_all() {
	local functions=(rndis ecm ncm eem acm midi printer)
	mkdir -p "$machine/phone"
	echo "MARKER-ON-THE-PHONE" >"$machine/phone/file"
	plug usb-storage s1 serial=stick
	plug usb-uas s2 serial=stick-uas
	printf MARKER-ON-A-STICK | dd of="$machine/s1.img" conv=notrunc status=none
	plug usb-mtp m1 serial=phone-ptp "rootdir=$machine/phone" desc=phone
	qmp '{"execute":"netdev_add","arguments":{"type":"hubport","id":"n1","hubid":1}}' >/dev/null
	plug usb-net n1 serial=network netdev=n1
	qmp '{"execute":"chardev-add","arguments":{"id":"c1","backend":{"type":"null","data":{}}}}' >/dev/null
	plug usb-serial c1 serial=serial-ids chardev=c1 always-plugged=on
	plug usb-ccid r1 serial=reader
	plug usb-audio a1 serial=speaker
	guest_timeout=200 guest "number=0
		modprobe -a libcomposite ${functions[*]/#/usb_f_}
		modprobe dummy_hcd num=${#functions[@]}
		for function in ${functions[*]}; do
			gadget \$number \$function || exit 1
			number=\$((number + 1))
		done" || fail "no gadgets"
	make "id=1d50:0001 serial=camera class=ef:02:01 if=0e:01:00 ep=83:03 if=0e:02:00" \
		"id=1d50:0002 serial=radio class=e0:01:01 if=e0:01:01 ep=81:03 ep=82:02 ep=02:02 if=e0:01:01 ep=83:01 ep=03:01" \
		"id=1d50:0003 serial=key if=03:00:00 report=$fido ep=81:03 ep=02:03" \
		"id=1d50:0004 serial=phone-mtp if=ff:ff:00 mtp ep=81:02 ep=02:02 ep=83:03" \
		"id=1d50:0005 serial=phone-mtp2 if=ff:ff:00 mtp2 ep=81:02 ep=02:02 ep=83:03"
}

# One line a device: its serial number, "authorized" and, as far as they are there, "interfaces", "driver", "usable". The
# shell alone reads sysfs: starting programs would take an emulated machine seconds.
shown() {
	guest "shopt -s nullglob
	declare -A place
	for path in /sys/bus/usb/devices/*/serial; do
		read -r serial 2>/dev/null <\"\$path\" && place[\$serial]=\${path%/serial}
	done
	while IFS='|' read -r serial _ usable; do
		serial=\${serial% } seen=gone
		if cd \"\${place[\$serial]:-/none}\" 2>/dev/null && read -r seen <authorized; then
			name=\${PWD##*/}
			set -- *:*; [ \$# = 0 ] || seen+=' interfaces'
			set -- *:*/driver; [ \$# = 0 ] || seen+=' driver'
			if [ \"\$usable\" = ' claim' ]; then
				read -r bus <busnum; read -r number <devnum
				printf -v node /dev/bus/usb/%03d/%03d \"\$bus\" \"\$number\"
				! claim \"\$node\" 0 2>/dev/null || seen+=' usable'
			else
				set -- \$usable; [ \$# = 0 ] || seen+=' usable'
			fi
		fi
		echo \"\$serial \$seen\"
	done <<<'$(devices)'"
}

# KINDS: devices of these kinds and no others can be used.
kinds_are() {
	local serial kind usable state bad=
	now=$(shown)
	while IFS='|' read -r serial kind usable; do
		serial=${serial% } kind=${kind# } kind=${kind% }
		state=$(sed -n "s/^$serial //p" <<<"$now")
		if [[ " $1 " == *" $kind "* ]]; then
			[[ $state == 1*usable ]] || bad+="$serial: $state (to be used); "
		else
			[ "$state" = 0 ] || bad+="$serial: $state (to be denied); "
		fi
	done < <(devices)
	[ -z "$bad" ]
}

# Whether a clerk's program can send the camera something, for which it needs neither driver nor `authorized`.
clerk_can_send() {
	guest_true 'cd $(dirname $(grep -lx camera /sys/bus/usb/devices/*/serial)) && udevadm settle &&
		runuser -u clerk -- claim $(printf /dev/bus/usb/%03d/%03d $(cat busnum devnum)) send'
}
clerk_cannot_send() {
	! clerk_can_send
}

policy_number=1
allow() { # KINDS
	local kind arguments=(hub=deny)
	for kind in $1; do
		arguments+=("$kind=allow")
	done
	policy_number=$((policy_number + 1))
	usb_policy "$policy_number" "${arguments[@]}"
	eventually 15 kinds_are "$1" || fail "with '$1' allowed: $now"
}

. "$here/usb.sh"
resume_terminal
usb_tools
usb_policy 2 hub=deny
policy_number=2
guest 'echo "SUBSYSTEM==\"usb\", ATTR{idVendor}==\"1d50\", MODE:=\"0666\", TAG+=\"uaccess\"" >/etc/udev/rules.d/50-vendor.rules
	udevadm control --reload' || fail "udev has no vendor's rule"
plug_all
eventually 15 kinds_are "" || fail "by default: $now"
eventually 10 clerk_cannot_send || fail "a clerk can send something to a denied device"
guest_true 'cd $(dirname $(grep -lx camera /sys/bus/usb/devices/*/serial)) &&
	! udevadm info -q property $(printf /dev/bus/usb/%03d/%03d $(cat busnum devnum)) | grep CURRENT_TAGS.*uaccess' ||
	fail "whoever sits there is given a denied device"
while IFS='|' read -r serial kind _; do
	expect_event device.denied "serial=${serial% }" reason=way-denied
done < <(devices)

allow "$first"
guest_true 'udevadm settle; cd /sys/bus/usb/devices/; node=$(echo */*:*/*/hidraw/hidraw*) && node=/dev/${node##*/} && [ -e $node ] &&
	! udevadm info -q property $node | grep CURRENT_TAGS.*uaccess && ! runuser -u clerk -- sh -c ": >$node"' ||
	fail "a clerk can write to a security key"
guest_true 'grep -q MARKER-ON-A-STICK /dev/disk/by-id/*stick* || grep -q MARKER-ON-A-STICK /dev/sd?' || fail "the stick cannot be read"
eventually 10 clerk_cannot_send || fail "a clerk can send something to a device of a kind that is not allowed"
allow "$second"
eventually 10 clerk_can_send || fail "udev's rules do not count for an allowed device"
node=$(guest 'cd $(dirname $(grep -lx phone-ptp /sys/bus/usb/devices/*/serial)) && printf /dev/bus/usb/%03d/%03d $(cat busnum devnum)')
guest "claim $node 0 mtp" | grep -q MARKER-ON-THE-PHONE || fail "the phone cannot be read"
allow ""
eventually 10 clerk_cannot_send || fail "a clerk can send something to a device that is denied again"
must_refuse "reading the phone" guest_true "claim $node 0 mtp"
