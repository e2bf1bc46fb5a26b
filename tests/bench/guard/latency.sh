# (a) From the kernel's uevent to the verdict in effect, for a keyboard that is allowed, beside usbguard-daemon in the same
# guest: the median of $PLUGS (50) plugs each, in the kernel's own time, by probes in it. It begins with the uevent of the
# device and ends when a driver is given its interface. What the kernel alone needs for that, from the write into
# `authorized` to the driver, is taken from usbguard-daemon's plugs, which opens everything at one go; the rest is what
# the agents themselves need.
# alone
plugs=${PLUGS:-50}
tracing=/sys/kernel/tracing

trace_prepare() {
	guest "mountpoint -q $tracing || mount -t tracefs tracefs $tracing
		cd $tracing && echo 'p:bench/uevent dev_uevent name=+0(+0(%di)):string action=+0(+24(%si)):string' >kprobe_events &&
		echo 'p:bench/authorise usb_authorize_device' >>kprobe_events && echo 'p:bench/driver usbhid_probe' >>kprobe_events &&
		echo 'action == \"ACTION=add\"' >events/bench/uevent/filter && echo 1 >events/bench/enable && echo 1 >tracing_on" ||
		fail "the kernel has no probes"
}
# "ALL KERNEL" in µs, a line a plug.
trace_times() {
	awk '
		function stamp() {match($0, /[0-9]+\.[0-9]+: /); return substr($0, RSTART, RLENGTH - 2) * 1000000}
		/ uevent: .*name="[0-9]+-[0-9.]+" action="ACTION=add"/ {begun = stamp(); authorised = 0}
		/ authorise: / && !authorised {authorised = stamp()}
		/ driver: / && begun && authorised {printf "%d %d\n", stamp() - begun, stamp() - authorised; begun = 0}'
}
# Looks seldom and starts no program, so as not to be what is measured.
keyboard_bound() { # TEST
	guest 'for ((i = 0; i < 300; i++)); do set -- /sys/bus/usb/drivers/usbhid/*:*; [ '"$1"' "$1" ] && exit 0
		read -rt 0.2 <> <(:); done; exit 1'
}
median_of() { # COLUMN FILE
	sort -n -k "$1,$1" "$2" | awk -v column="$1" '{all[NR] = $column} END {print all[int((NR + 1) / 2)]}'
}
measure() { # NAME: leaves the medians in $median and $median_kernel
	local i
	guest "echo >$tracing/trace"
	for ((i = 0; i < plugs; i++)); do
		plug usb-kbd "k$i" "serial=$listed_keyboard"
		keyboard_bound -e || fail "$1 does not allow the keyboard"
		unplug "k$i"
		keyboard_bound '! -e' || fail "the keyboard does not go"
	done
	guest "cat $tracing/trace" >"$directory/trace-$1"
	trace_times <"$directory/trace-$1" | sort -n >"$directory/$1"
	[ "$(wc -l <"$directory/$1")" = "$plugs" ] || fail "$1: $(wc -l <"$directory/$1") of $plugs plugs were seen"
	median=$(median_of 1 "$directory/$1")
	median_kernel=$(median_of 2 "$directory/$1")
	echo "FIGURE $1: median $median µs, least $(head -n 1 "$directory/$1" | cut -d' ' -f1), most $(tail -n 1 "$directory/$1" |
		cut -d' ' -f1), of $plugs; from the device's authorisation on $median_kernel"
}

resume_terminal
. "$SEKISHO_TOP/tests/bench/guard/usbguard.sh"
sleep 3
trace_prepare
measure sekisho
ours=$median
usbguard_instead "allow id 0627:0001 serial \"$listed_keyboard\" with-interface equals { 03:01:01 }"
measure usbguard
echo "FIGURE ratio: $(awk "BEGIN {printf \"%.2f; of what the agents add to the kernel's own %d µs %.2f\",
	$ours / $median, $median_kernel, ($ours - $median_kernel) / ($median - $median_kernel)}")"
