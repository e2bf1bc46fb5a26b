# Fifty devices at once, behind hubs behind hubs, and sixteen at a time that come and go (SEKISHO_VM_CYCLES times: 4; 63 are a
# thousand plugs): each is refused and told of, none is a block device for a moment, and guard and main are as large
# afterwards as before.
# whole
resume_terminal
watch_storage

process_pid() { # NAME
	guest "for pid in \$(</sys/fs/cgroup/system.slice/sekishod.service/cgroup.procs); do
		[ \"\$(</proc/\$pid/comm)\" != $1 ] || echo \$pid; done"
}
policy_put() { # VERSION
	policy_text "$1" >"$office/policy-$1.yaml"
	policy_sign "$office/policy-$1.yaml" "$office/policy-$1.p7"
	send_file "$office/policy-$1.p7" "/root/policy-$1.p7"
	guest "sekisho policy install /root/policy-$1.p7" || fail "policy $1 was not accepted"
}
journal_count() { # KIND SERIAL-BEGINNING
	guest "cat /var/lib/sekisho/journal/*.jsonl | grep -F '\"$1\"' | grep -oE '\"serial\": ?\"$2[^\"]*' | sort -u | wc -l"
}
journal_count_is() { # NUMBER KIND SERIAL-BEGINNING
	[ "$(journal_count "$2" "$3")" = "$1" ]
}
unenforced() {
	guest 'sekisho status --json' | jq '[.. | .devices_unenforced? // empty][0]'
}

main=$(process_pid main)
guard=$(process_pid guard)
[ -n "$main" ] && [ -n "$guard" ] || fail "the agent does not run"

# --- fifty at once: nothing behind a hub exists before the policy lets the hub in ---
for hub in 1 1.1 1.1.1 1.1.1.1 2 3 4; do
	plug usb-hub "hub-${hub//./-}" "port=$hub"
done
number=0
for hub in 1 1.1 1.1.1 1.1.1.1 2 3 4; do
	for port in 2 3 4 5 6 7 8; do
		number=$((number + 1))
		case $((number % 2)) in
		0) plug usb-kbd "storm-$number" "port=$hub.$port" "serial=STORM-$number-" ;;
		*) plug usb-storage "storm-$number" "port=$hub.$port" "serial=STORM-$number-" ;;
		esac
	done
done
plug usb-kbd storm-50 port=4.1 serial=STORM-50-
rules='allow id 0409:55aa' policy_put 2
eventually 30 journal_count_is 50 device.denied STORM- || fail "of 50 only $(journal_count device.denied STORM-) were denied"
guest_true 'for serial in /sys/bus/usb/devices/*/serial; do case $(<$serial) in STORM-*)
	[ "$(<${serial%serial}authorized)" = 0 ] || { echo $serial; exit 1; } ;; esac; done' || fail "one of 50 is authorised"
[ "$(guest 'sekisho devices --json' | jq '[.[] | select(.verdict == "deny")] | length')" = 50 ] || fail "not 50 are known"
policy_put 3
eventually 30 journal_count_is 50 device.removed STORM- || fail "of 50 only $(journal_count device.removed STORM-) were removed"
expect_no_block_device
for hub in 4 3 2 1; do
	qmp "$(qmp_object device_del "id=hub-$hub")" >/dev/null
done

# --- sixteen at a time, each another stick ---
rounds=${SEKISHO_VM_CYCLES:-4}
plugs=$((16 * rounds))
guest_true 'modprobe dummy_hcd num=16 && modprobe libcomposite && modprobe usb_f_mass_storage && cd /sys/kernel/config/usb_gadget &&
	for i in {0..15}; do
		truncate -s 1M /run/gadget-$i && mkdir -p $i/strings/0x409 $i/configs/c.1 $i/functions/mass_storage.0 &&
		echo 0x0951 >$i/idVendor && echo 0x1666 >$i/idProduct && echo stick >$i/strings/0x409/product &&
		echo /run/gadget-$i >$i/functions/mass_storage.0/lun.0/file && ln -s $i/functions/mass_storage.0 $i/configs/c.1/ ||
		exit 1
	done' || fail "no gadgets"
# ROUNDS NAME: all in, until each is in the journal as denied, all out
cycles() {
	guest_timeout=900 guest 'SECONDS=0; cd /sys/kernel/config/usb_gadget
		for ((round = 0; round < '"$1"'; round++)); do
			for i in {0..15}; do
				echo '"$2"'-$round-$i- >$i/strings/0x409/serialnumber
				echo dummy_udc.$i >$i/UDC || exit 1
			done
			until [ "$(cat /var/lib/sekisho/journal/*.jsonl | grep -c "device.denied.*'"$2"'-$round-")" = 16 ]; do
				[ $SECONDS -lt 850 ] || { echo "round $round"; exit 1; }
			done
			for i in {0..15}; do echo >$i/UDC; done
		done'
}
# What a process holds, once nothing is under way: kB of memory of its own, and descriptors
size_of() { # PID
	guest "awk '/^RssAnon:/ {print \$2}' /proc/$1/status; ls /proc/$1/fd | wc -l" | paste -sd' '
}
sizes() {
	guest_true 'sleep 2; sekisho status'
	echo "$(size_of "$guard") $(size_of "$main")"
}
cycles 4 WARM || fail "the first sixteen: $(unenforced)"
read -r guard_memory guard_files main_memory main_files <<<"$(sizes)"
begun=$EPOCHREALTIME
cycles "$rounds" CYCLE || fail "not every stick was denied"
took=$(((${EPOCHREALTIME/./} - ${begun/./}) / 1000000))
eventually 20 journal_count_is $plugs device.removed CYCLE- || fail "of $plugs only $(journal_count device.removed CYCLE-) were removed"
[ "$(journal_count device.denied CYCLE-)" = $plugs ] || fail "of $plugs only $(journal_count device.denied CYCLE-) are in the journal"
read -r guard_memory_after guard_files_after main_memory_after main_files_after <<<"$(sizes)"
echo "FIGURE $plugs plugs in $took s; guard $guard_memory -> $guard_memory_after kB, $guard_files -> $guard_files_after files;" \
	"main $main_memory -> $main_memory_after kB, $main_files -> $main_files_after files"
[ "$guard_files_after" = "$guard_files" ] && [ "$main_files_after" = "$main_files" ] || fail "descriptors were left open"
[ "$guard_memory_after" -le $((guard_memory + 64)) ] && [ "$main_memory_after" -le $((main_memory + 64)) ] || fail "memory was left behind"

# --- and some that are gone before anybody has looked ---
guest_true 'cd /sys/kernel/config/usb_gadget; for round in {0..5}; do for i in {0..15}; do
		echo HALFWAY-$round-$i- >$i/strings/0x409/serialnumber; echo dummy_udc.$i >$i/UDC; done
	read -rt 0.$((RANDOM % 4))$((RANDOM % 10)) <> <(:)
	for i in {0..15}; do echo >$i/UDC; done; done'
eventually 20 guest_true '! grep -qs HALFWAY /sys/bus/usb/devices/*/serial' || fail "a gadget stays"
[ "$(unenforced)" = 0 ] || fail "something is not enforced: $(guest 'sekisho status --json')"
[ "$(guest 'sekisho devices --json' | jq length)" = 0 ] || fail "guard knows what is not there: $(guest 'sekisho devices --json')"
expect_no_block_device
[ "$(process_pid main)" = "$main" ] && [ "$(process_pid guard)" = "$guard" ] || fail "somebody died"
guest_true 'sekisho journal verify' || fail "the journal is broken"
expect_terminal_state FRESH
