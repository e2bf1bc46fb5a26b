# shellcheck shell=bash
# Words for USB devices that are made of words (tools/plugged.c, over vhci-hcd). Scenarios source it.

# The tools in the guest, and the controller it plugs into. $made_bus: its bus.
usb_tools() {
	local tool
	mkdir -p "$machine/tools"
	for tool in plugged claim; do
		gcc -O2 -static -s -o "$machine/tools/$tool" "$here/tools/$tool.c" || fail "$tool.c does not compile"
	done
	cp "$here/tools/gadget" "$machine/tools/"
	send_directory "$machine/tools" /usr/local/sbin
	guest 'modprobe vhci-hcd' || fail "no vhci-hcd"
	made_bus=$(guest 'grep -lx 480 /sys/devices/platform/vhci_hcd.0/usb*/speed | sed "s|/speed||; s|.*/usb||"')
	[ -n "$made_bus" ] || fail "vhci-hcd has no bus"
	eventually 10 guest_true "grep -qx 0 /sys/bus/usb/devices/usb$made_bus/interface_authorized_default" ||
		fail "vhci-hcd's hub is not closed"
}

# A policy that lets in every device by its rules, and of kinds hid and hub, but for what is given, is in force.
usb_policy() { # VERSION [KIND=TREATMENT...]
	local version=$1 kind
	shift
	rules=allow policy_text "$version" | sed '/^$/d' >"$office/usb.yaml"
	for kind; do
		sed -i "/^  ${kind%%=*}: /d; s/^ways:\$/&\n  ${kind%%=*}: ${kind#*=}/" "$office/usb.yaml"
	done
	policy_sign "$office/usb.yaml" "$office/usb.p7"
	send_file "$office/usb.p7" /root/offer
	eventually 10 guest_true 'sekisho policy install /root/offer' || fail "policy $version is not accepted"
	policy_is "$version" "with policy $version"
}

# Plugs in devices, one for each WORDS, at ports 0, 1, … (eight at most), instead of what is there. When the agent has decided on
# all of them: $made_lines is what the journal has of them, $made_open the ports whose device is authorised.
make() { # WORDS...
	local port=0 words command=unmake made
	for words; do
		command+=$'\n'"plugged $port $words || exit 1"
		port=$((port + 1))
	done
	made=$(guest_timeout=200 guest "bus=$made_bus count=$port
		$made_in_guest
		$command
		made_decided") || fail "not plugged in or not decided on: $made"
	made_lines=$(sed '/^open/,$d' <<<"$made")
	made_open=$(sed -n 's/^open//p' <<<"$made")
}

# What make does in the guest. mawk has no length() of an array.
made_in_guest='
	lines() { cat /var/lib/sekisho/journal/*.jsonl; }
	here() { for ((i = 1; i <= 8; i++)); do [ ! -e "/sys/bus/usb/devices/$bus-$i" ] || return 0; done; return 1; }
	unmake() {
		for ((i = 1; i <= 8; i++)); do
			[ ! -e "/sys/bus/usb/devices/$bus-$i" ] || plugged $((i - 1))
		done
		for try in {1..300}; do
			here || break
			read -rt 0.1 <> <(:)
		done
		! here && from=$(lines | wc -l)
	}
	decided() {
		lines | tail -n "+$((from + 1))" | awk -v bus="$bus" -v count="$count" "
			match(\$0, \"\\\"device\\\":\\\"\" bus \"-[1-8]\\\"\") && /\"event\":\"device.(allowed|denied)\"/ {
				name = substr(\$0, RSTART, RLENGTH)
				found += !(name in seen)
				seen[name] = 1
			}
			END { exit found < count }"
	}
	made_decided() {
		for try in {1..400}; do
			! decided || break
			read -rt 0.1 <> <(:)
		done
		lines | tail -n "+$((from + 1))" | grep "\"device\":\"$bus-"
		echo "open$(cd /sys/bus/usb/devices && for ((i = 1; i <= 8; i++)); do
			[ ! -e "$bus-$i" ] || ! grep -qx 1 "$bus-$i/authorized" || echo -n " $((i - 1))"; done)"
		decided
	}'

# PORT: "REASON WAYS" of the decision on it, when all the journal says of it is that it is denied; else what it says.
made_denied_for() { # PORT
	jq -rs --arg device "$made_bus-$(($1 + 1))" 'map(select(.device == $device)) |
		if length > 0 and all(.event == "device.denied" and .verdict == "deny") then last | "\(.reason) \(.ways)"
		else map("\(.event) \(.verdict) \(.reason // .cause)") | join(", ") end' <<<"$made_lines"
}

unmake() { # everything
	guest "bus=$made_bus
		$made_in_guest
		unmake" || fail "what is plugged in does not go"
}

# From here on everything that a program could use of a device is noted by its uevent, and every driver that took one.
watch_usable() {
	local subsystem match=
	for subsystem in block net tty input hidraw sound video4linux usbmisc scsi bluetooth ieee80211 usb; do
		match+=" --subsystem-match=$subsystem"
	done
	guest "rm -f /run/usable; udevadm monitor --kernel --property$match >/run/usable 2>&1 &
		until grep -q KERNEL /run/usable; do sleep 0.1; done" || fail "cannot watch"
}

# usbfs is the agent that asks the device what it is; "usb" has the device as a whole, also while it is not authorised.
usable_seen() {
	guest "awk -v RS= -v FS='\n' '
		{ delete is; for (i = 1; i <= NF; i++) if (at = index(\$i, \"=\")) is[substr(\$i, 1, at - 1)] = substr(\$i, at + 1) }
		is[\"SUBSYSTEM\"] != \"usb\" && is[\"ACTION\"] == \"add\" { print is[\"DEVPATH\"] }
		is[\"SUBSYSTEM\"] == \"usb\" && is[\"ACTION\"] == \"bind\" && is[\"DRIVER\"] != \"usb\" && is[\"DRIVER\"] != \"usbfs\" {
			print is[\"DEVPATH\"], \"taken by\", is[\"DRIVER\"] }' /run/usable"
}
