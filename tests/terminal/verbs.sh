# shellcheck shell=bash
# The words scenarios are written in; README.md lists them. Sourced by scenario.sh after machine.sh and office.sh.

listed_keyboard=office-keyboard-1

fail() { # WHAT...
	echo "FAIL: $*" >&2
	exit 1
}

# --- machines -------------------------------------------------------------------------------------------------------

# A running, enrolled, enforcing terminal, as prepare.sh left it, within a second or two; with its collector.
resume_terminal() {
	office_copy
	collector_start
	machine_start "$SEKISHO_VM_READY/disk.img" -incoming "exec:cat '$SEKISHO_VM_READY/memory'"
	machine_resume
	set_clock
	console_fresh=yes
}

# The same terminal switched on: "present before boot". Arguments are QEMU's.
boot_terminal() {
	office_copy
	collector_start
	machine_start "$SEKISHO_VM_READY/disk.img" "$@"
	shell_wait 180 || fail "the terminal did not boot"
}

# A Debian without Sekisho: what the same plug does there.
boot_bare() {
	machine_start "$SEKISHO_VM_BASE/disk.img" "$@"
	shell_wait 180 || fail "the bare guest did not boot"
}

office_copy() {
	cp -r "$SEKISHO_VM_READY/office" "$office"
	collector_configure
}

reboot_guest() {
	guest '(sleep 1; systemctl --no-block reboot) >/dev/null 2>&1 &'
	shell_wait 180 || fail "the terminal did not come back"
	clock_offset=0
	# What the console still shows of before must not be taken for an answer.
	guest 'until [ "$(systemctl is-active serial-getty@ttyS1)" = active ]; do sleep 0.2; done; sleep 1'
	console_drain
	console_fresh=yes
}

# The guest's wall clock is the host's, plus $clock_offset seconds.
clock_offset=0
set_clock() {
	guest "date -s @$(($(date +%s) + clock_offset))" >/dev/null
}

# Tries a command of ours until it is true.
# An emulated machine on busy processors may take several times as long: no bound of the product's is measured with this.
eventually() { # SECONDS COMMAND...
	local until=$((${EPOCHREALTIME%.*} + 4 * $1))
	shift
	until "$@"; do
		[ "${EPOCHREALTIME%.*}" -lt "$until" ] || return 1
		sleep 0.4 # each try takes the guest's time from what is waited for
	done
}

guest_true() { # COMMAND: no output
	guest "$1" >/dev/null
}

# --- devices --------------------------------------------------------------------------------------------------------

qmp_object() { # EXECUTE key=value...
	local execute=$1
	shift
	jq -nc --arg execute "$execute" '{execute: $execute, arguments: ($ARGS.positional | map(
		capture("^(?<key>[^=]+)=(?<value>.*)$")) | from_entries)}' --args "$@"
}

# A stick's content, 8 MiB, and its place in the machine.
stick_image() { # ID
	[ -e "$machine/$1.img" ] || truncate -s 8M "$machine/$1.img"
	qmp "$(jq -nc --arg id "$1" --arg file "$machine/$1.img" '{execute: "blockdev-add", arguments:
		{driver: "raw", "node-name": ("image-" + $id), file: {driver: "file", filename: $file}}}')" >/dev/null
}

# plug DRIVER ID [key=value...]   on the first controller, unless bus= says otherwise. usb-storage and usb-uas get a
# stick's content of their own.
plug() {
	local driver=$1 id=$2 bus=xhci.0 argument rest=()
	shift 2
	for argument; do
		case $argument in
		bus=*) bus=${argument#bus=} ;;
		*) rest+=("$argument") ;;
		esac
	done
	case $driver in
	usb-storage)
		stick_image "$id"
		qmp "$(qmp_object device_add driver=usb-storage "id=$id" "bus=$bus" "drive=image-$id" "${rest[@]}")" >/dev/null
		;;
	usb-uas)
		# The disk hangs on the stick's inner bus, so the stick goes in when it is whole.
		stick_image "$id"
		qmp "$(qmp_object device_add driver=usb-uas "id=$id" "bus=$bus" "${rest[@]}")" >/dev/null
		qmp "$(qmp_object device_add driver=scsi-hd "id=$id-disk" "bus=$id.0" "drive=image-$id")" >/dev/null
		qmp '{"execute":"qom-set","arguments":{"path":"/machine/peripheral/'"$id"'","property":"attached","value":true}}' \
			>/dev/null
		;;
	qemu-xhci) qmp "$(qmp_object device_add driver=qemu-xhci "id=$id" "${rest[@]}")" >/dev/null ;;
	*) qmp "$(qmp_object device_add "driver=$driver" "id=$id" "bus=$bus" "${rest[@]}")" >/dev/null ;;
	esac
}

unplug() { # ID
	qmp "$(qmp_object device_del "id=$1")" >/dev/null
	if [ -e "$machine/$1.img" ]; then
		eventually 5 stick_image_gone "$1" || fail "$1 does not go"
	fi
}

stick_image_gone() { # ID
	qmp "$(qmp_object blockdev-del "node-name=image-$1")" >/dev/null 2>&1
}

# The terminal's own disk writes this often in a second, and no more; 0: as fast as it can.
disk_writes() { # COUNT
	qmp '{"execute":"block_set_io_throttle","arguments":{"device":"virtio0","bps":0,"bps_rd":0,"bps_wr":0,"iops":0,
		"iops_rd":0,"iops_wr":'"$1"'}}' >/dev/null
}

# Directories of the kernel's USB devices with this serial number, in the guest.
device_path() { # SERIAL
	guest "grep -lxF '$1' /sys/bus/usb/devices/*/serial 2>/dev/null | sed 's|/serial||'"
}

expect_plugged() { # SERIAL: the kernel has met it
	eventually 10 guest_true "grep -qxF '$1' /sys/bus/usb/devices/*/serial" || fail "the kernel does not see $1"
}

# It is there, not authorised, and stays so.
expect_not_authorised() { # SERIAL
	expect_plugged "$1"
	local state
	state=$(guest "cat \$(grep -lxF '$1' /sys/bus/usb/devices/*/serial | sed 's|serial\$|authorized|')")
	[ "$state" = 0 ] || fail "$1: authorized is '$state'"
}

# From here on every block device that comes is noted, by its uevent and by looking: nothing is missed in between.
watch_mark=
watch_storage() {
	watch_end
	watch_mark="sekisho-test: watch begins $EPOCHREALTIME"
	guest 'echo "'"$watch_mark"'" >/dev/kmsg; : >/run/watch.seen
		udevadm monitor --kernel --subsystem-match=block >/run/watch.uevents 2>&1 &
		echo $! >/run/watch.pids
		(exec 8<> <(:); while read -rt 0.05 -u 8 || true; do
			for block in /sys/block/*; do
				case ${block##*/} in vd* | loop*) ;; *) echo "${block##*/}" >>/run/watch.seen ;; esac
			done
		done) >/dev/null 2>&1 &
		echo $! >>/run/watch.pids
		until grep -q KERNEL /run/watch.uevents; do sleep 0.1; done' || fail "cannot watch"
}

watch_end() {
	guest '[ ! -e /run/watch.pids ] || kill $(cat /run/watch.pids); rm -f /run/watch.*' || fail "the watch had ended"
}

# What the watch saw of block devices that are not the terminal's own disk, and of drivers that were bound.
storage_seen() {
	guest 'cat /run/watch.seen; grep -E "KERNEL.* add .*/block/" /run/watch.uevents | grep -vE "/block/(vd|loop)"
		dmesg | sed "0,/'"$watch_mark"'/d" | grep -E "USB Mass Storage device detected|scsi host|\[sd[a-z]"
		ls -d /sys/bus/usb/drivers/usb-storage/*:* /sys/bus/usb/drivers/uas/*:* 2>/dev/null; true'
}

expect_no_block_device() {
	local seen
	guest_true '[ -s /run/watch.uevents ]' || fail "expect_no_block_device without watch_storage"
	seen=$(storage_seen)
	[ -z "$seen" ] || fail "storage was seen: $seen"
}

expect_block_device() { # the test's own check: without Sekisho the watch sees a stick, each way that it looks
	eventually 15 storage_fully_seen || fail "no stick appeared: $(storage_seen)"
}

storage_fully_seen() {
	local seen
	seen=$(storage_seen)
	grep -qx 'sd[a-z]' <<<"$seen" && grep -q '^KERNEL.*/block/sd' <<<"$seen" && grep -q 'scsi host' <<<"$seen" &&
		grep -q '^/sys/bus/usb/drivers/' <<<"$seen"
}

# What a keyboard delivers: presses "a" and counts the bytes that come out of the input devices.
key_bytes() {
	guest 'rm -f /run/keys; for event in /dev/input/event*; do
		timeout 3 cat "$event" >>/run/keys 2>/dev/null & done; sleep 0.3; true'
	qmp '{"execute":"send-key","arguments":{"keys":[{"type":"qcode","data":"a"}]}}' >/dev/null
	guest 'sleep 0.7; stat -c %s /run/keys 2>/dev/null || echo 0'
}

input_devices() { # names of keyboards as the kernel's input layer has them
	guest 'cat /sys/class/input/input*/name 2>/dev/null | grep -i keyboard; true'
}

# --- events ---------------------------------------------------------------------------------------------------------

event_filter() { # KIND field=value...
	local filter pair
	filter="select(.event == \"$1\""
	shift
	for pair; do
		filter+=" and (.${pair%%=*} | tostring) == $(jq -Rn --arg v "${pair#*=}" '$v')"
	done
	echo "$filter)"
}

journal_lines() {
	guest 'cat /var/lib/sekisho/journal/*.jsonl'
}

journal_has() { # KIND field=value...
	[ -n "$(journal_lines | jq -c "$(event_filter "$@")")" ]
}

expect_event() { # KIND field=value...
	eventually 10 journal_has "$@" || fail "no such event in the journal: $*"
}

expect_no_event() { # KIND field=value...
	! journal_has "$@" || fail "in the journal: $*"
}

collector_has() { # KIND field=value...
	[ -n "$(collector_sql 'SELECT line FROM events' | jq -c "$(event_filter "$@")")" ]
}

expect_event_at_collector() { # KIND field=value...
	eventually 20 collector_has "$@" || fail "no such event at the collector: $*"
}

terminal_shown() { # JQ-FILTER: of what the collector shows of the terminal
	collector_cmd terminals --json | jq -r ".terminals[] | select(.terminal == \"terminal-1\") | $1"
}

collector_shows() { # VALUE JQ-FILTER
	[ "$(terminal_shown "$2")" = "$1" ]
}

expect_terminal_state() { # STATE
	eventually 20 collector_shows "$1" .state || fail "the collector says $(terminal_shown .state), not $1"
}

# --- files ----------------------------------------------------------------------------------------------------------

# Copies a directory of this side into the guest, over a shared one: a disk would be refused.
send_directory() { # DIRECTORY PATH-IN-GUEST
	cp -r "$1/." "$machine/sent"
	guest_timeout=200 guest "modprobe 9pnet_virtio && mkdir -p /run/sent '$2' &&
		mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,ro sent /run/sent &&
		cp -r /run/sent/. '$2' && umount /run/sent && chown -R root:root '$2'" || fail "could not send $1"
	rm -rf "${machine:?}/sent"/*
}

# One text file; through the shell, so not for large ones.
send_file() { # FILE PATH-IN-GUEST
	guest "base64 -d >'$2' <<<'$(base64 -w0 "$1")'" || fail "could not send $1"
}

# --- login ----------------------------------------------------------------------------------------------------------

console_text=
console_fresh=no

console_type() { # TEXT
	printf '%s\r' "$1" >&"${channel_in[login]}"
}

# Reads what the console shows until it matches; then $console_text begins after that.
console_expect() { # REGEX [SECONDS]
	local until=$((${EPOCHREALTIME%.*} + ${2:-20})) piece
	until [[ $console_text =~ $1 ]]; do
		[ "${EPOCHREALTIME%.*}" -lt "$until" ] || return 1
		if read -r -N 1 -t 0.5 -d '' piece <&"${channel_out[login]}"; then
			console_text+=$piece
			printf '%s' "$piece" >>"$machine/login.log"
		fi
	done
	console_match=${BASH_REMATCH[0]}
	console_seen=${console_text%%"$console_match"*}
	console_text=${console_text#*"$console_match"}
}

# Answers the prompts of login, su or sudo. True when a shell (prompt "$" or "#") comes up, false when refused.
# $console_said: what was shown on the way. $console_pause: seconds before each answer, for who forgets what was typed before it asked.
# $console_wait: seconds a prompt may take.
console_answer() { # PASSWORD CODE [PIN]
	local asked=no
	# The emulated serial line now and then loses the first letter after a login has switched its echo.
	local prompt='assword: |assword for [a-z]+: |erification code: |PIN \([^)]*\): |incorrect|tries exceeded|failure|denied|[Ss]orry|not be completed|terminal login: |[$#] $'
	console_said=
	while console_expect "$prompt" "${console_wait:-30}"; do
		console_said+=$console_seen$console_match
		sleep "${console_pause:-0}"
		case $console_match in
		*assword*) console_type "$1"; asked=yes ;;
		*PIN*) console_type "${3-}" ;;
		*code*) console_type "$2" ;;
		*'$ ' | *'# ') return 0 ;;
		*) [ $asked = yes ] || fail "nothing was asked: $console_match"; return 1 ;;
		esac
	done
	fail "the console stopped at: $console_text"
}

# Forgets what the console has shown so far.
console_drain() {
	while read -r -N 1 -t 0.5 -d '' _ <&"${channel_out[login]}"; do :; done
	console_text=
}

# console login(1) on the second serial line.
log_in() { # USER PASSWORD CODE [PIN]
	# A prompt that was shown before the machine was kept is not shown again by itself.
	[ "$console_fresh" = no ] || console_type ""
	console_fresh=no
	console_expect 'terminal login: ' 40 || fail "no login prompt: $console_text"
	console_type "$1"
	console_answer "$2" "$3" "${4-}"
}

log_out() {
	console_type exit
}

# The code an authenticator app shows at the guest's time. next_code first lets one period of its clock go by, since a
# code is accepted once.
code_now() { # SECRET
	oathtool --totp -b "$1" --now "@$(($(date +%s) + clock_offset))"
}

let_code_pass() {
	clock_offset=$((clock_offset + 30))
	set_clock
}

# Enrols as an officer at the terminal does, confirming with the app's first code; $totp_secret is the secret shown.
enrol_totp() { # USER
	guest "rm -f /run/enrol; mkfifo /run/enrol
		(sekisho enrol totp $1 </run/enrol >/run/enrol.shown 2>&1; echo \$? >>/run/enrol.shown) >/dev/null 2>&1 &
		(sleep 60 >/run/enrol) >/dev/null 2>&1 &
		until grep -q Secret: /run/enrol.shown; do sleep 0.2; done"
	totp_secret=$(guest 'sed -n "s/^Secret: //p" /run/enrol.shown')
	guest "echo $(code_now "$totp_secret") >/run/enrol; until grep -qx '[0-9]*' /run/enrol.shown; do sleep 0.2; done
		tail -n 1 /run/enrol.shown | grep -qx 0" || fail "$1 could not be enrolled: $(guest 'cat /run/enrol.shown')"
}

must_refuse() { # WHAT COMMAND...
	if "${@:2}"; then
		fail "$1 is accepted"
	fi
}

# Back to the shell's prompt, whatever is being asked.
console_settle() {
	local attempt
	for attempt in 1 2 3 4 5; do
		printf '\003' >&"${channel_in[login]}"
		sleep 1
		console_text=
		console_type "echo settled-\$((40 + $attempt))"
		if console_expect "settled-4$attempt" 4 && console_expect '\$ $' 10; then
			return 0
		fi
	done
	fail "no shell prompt: $console_text"
}

# --- the agent ------------------------------------------------------------------------------------------------------

# Milliseconds until all processes run, none of them stopped, another in place of /run/old-pid, and the agent answers.
# Only what the shell itself can do, as starting programs would be most of what is measured.
agent_whole_after() { # PROCESS
	guest "begun=\${EPOCHREALTIME/./}
		whole() {
			local name pid found=' '
			for pid in \$(</sys/fs/cgroup/system.slice/sekishod.service/cgroup.procs); do
				read -r _ name state _ </proc/\$pid/stat || return 1
				# A stopped keeper is missed by who asks for the status.
				case \$state in T) sekisho status >/dev/null 2>&1; return 1 ;; Z) return 1 ;; esac
				[ \$name = '($1)' ] && [ \$pid = \$(</run/old-pid) ] && return 1
				found+=\"\$name \"
			done 2>/dev/null
			for name in sekishod main guard auth signer reporter; do
				[[ \$found == *\"(\$name)\"* ]] || return 1
			done
			sekisho status >/dev/null 2>&1
		}
		until whole; do
			[ \$((\${EPOCHREALTIME/./} - begun)) -lt 15000000 ] || { systemctl status sekishod; exit 1; }
			read -rt 0.05 <> <(:)
		done
		echo \$(((\${EPOCHREALTIME/./} - begun) / 1000))"
}

policy_is() { # VERSION WHEN
	eventually 5 policy_version_is "$1" || fail "$2: the policy in force is not $1: $(guest 'sekisho status --json')"
}

policy_version_is() {
	[ "$(guest 'sekisho status --json' | jq -r '[.. | .policy_version? // empty][0]')" = "$1" ]
}

keyboard_there() {
	[ -n "$(input_devices)" ]
}

keyboard_gone() {
	[ -z "$(input_devices)" ]
}

# QEMU's arguments for a stick that is in from the start.
stick_at_boot() { # ID SERIAL
	truncate -s 8M "$machine/$1.img"
	echo "-blockdev driver=file,filename=$machine/$1.img,node-name=file-$1 -blockdev driver=raw,file=file-$1,node-name=image-$1" \
		"-device usb-storage,id=$1,bus=xhci.0,drive=image-$1,serial=$2"
}

# --- ports that are not USB -----------------------------------------------------------------------------------------

# A medium that is full of the words MARKER-ID, as node image-ID.
marked_image() { # ID
	yes "MARKER-$1-" | head -c 8M >"$machine/$1.img" || true
	stick_image "$1"
}

# QEMU's arguments for a medium that is in from the start, as node image-ID, full of the words MARKER-ID.
marked_at_boot() { # ID [BYTES]
	yes "MARKER-$1-" | head -c "${2:-8M}" >"$machine/$1.img" || true
	echo "-blockdev driver=file,filename=$machine/$1.img,node-name=file-$1 -blockdev driver=raw,file=file-$1,node-name=image-$1"
}

# attach DRIVER ID [key=value...]: any device; one with a medium after marked_image ID and with drive=image-ID.
attach() {
	local driver=$1 id=$2
	shift 2
	qmp "$(qmp_object device_add "driver=$driver" "id=$id" "$@")" >/dev/null
}

# Installs SCSI's READ(10) for sg and bsg, which need no driver: no tool of Debian's minimal system can.
sg_reader_install() {
	guest 'cat >/run/sg-read <<"END"
use strict;
open(my $device, "+<", $ARGV[0]) or exit 1;
my ($data, $command, $sense) = ("\0" x 4096, pack("C10", 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0), "\0" x 32);
my ($at, $to, $from) = map { unpack("J", pack("P", $_)) } $data, $command, $sense;
my $header = pack("iiCCSIQQQIIix4QCCCCSSiII", ord("S"), -3, 10, 32, 0, 2048, $at, $to, $from, 3000, (0) x 13);
ioctl($device, 0x2285, $header);
print $data;
END'
}

# Which of the guest's device nodes give a marker away: by reading, and by SCSI commands.
marker_nodes() { # ID
	guest "for node in /dev/sd? /dev/sr? /dev/mmcblk? /dev/nvme?n? /dev/fd? /dev/sg*; do
		[ -e \$node ] || continue
		case \$node in
		/dev/sg*) timeout 10 perl /run/sg-read \$node 2>/dev/null ;;
		*) timeout 10 dd if=\$node bs=2048 count=1 iflag=direct 2>/dev/null ;;
		esac | grep -qa 'MARKER-$1-' && echo \$node
	done; true"
}

marker_is_read() { # ID
	[ -n "$(marker_nodes "$1")" ]
}

is_unreadable() { # ID
	[ -z "$(marker_nodes "$1")" ]
}

expect_unreadable() { # ID
	local nodes
	nodes=$(marker_nodes "$1")
	[ -z "$nodes" ] || fail "$1 can be read: $nodes"
}

expect_readable() { # ID
	eventually 10 marker_is_read "$1" || fail "$1 cannot be read: $(guest 'cat /proc/partitions; dmesg | tail -n 20')"
}

# Puts a policy in force that treats these ways so: ways_are VERSION mmc=allow optical=deny …
ways_are() { # VERSION way=treatment...
	local version=$1
	shift
	more_ways=$(printf '\n  %s' "${@/=/: }") policy_text "$version" >"$office/policy-$version.yaml"
	policy_sign "$office/policy-$version.yaml" "$office/policy-$version.p7"
	send_file "$office/policy-$version.p7" "/root/policy-$version.p7"
	guest "sekisho policy install /root/policy-$version.p7" || fail "policy $version was not accepted"
}
