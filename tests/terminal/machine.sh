# shellcheck shell=bash
# One virtual terminal: a QEMU process, its QMP monitor, the root shell on a virtio-serial port and the login console
# on the second serial line. Sourced; everything of a machine lies in $machine (a directory).
#   machine_start DISK [QEMU-ARGUMENTS...]   DISK is read only, unless $disk_options says otherwise
#   machine_save / machine_start … -incoming the whole running machine as a file, and back
#   machine_stop
# The accelerator is in $SEKISHO_VM_ACCEL ("tcg" or "kvm", found out by run.sh).

kernel_line="console=ttyS0 panic=1 net.ifnames=0 module_blacklist=kvm,kvm_amd,powernow_k8,pcspkr,ata_piix,floppy"

die() {
	echo "$*" >&2
	exit 1
}

# $collector_port: where a connection to 10.0.2.100:8443 ends on this side. Nothing else is reachable from the guest.
machine_start() {
	local disk=$1 accelerator="tcg,thread=multi" cpu=max
	shift
	[ "${SEKISHO_VM_ACCEL:-tcg}" = tcg ] || { accelerator=kvm; cpu=host; }
	mkdir -p "$machine/sent"
	rm -f "$machine"/*.sock
	qemu-system-x86_64 -name sekisho-test -accel "$accelerator" -cpu "$cpu" -smp "${SEKISHO_VM_CPUS:-1}" -m 1024 \
		-machine pc,i8042=off,vmport=off,hpet=off -nodefaults -display none -rtc base=utc \
		-kernel "$SEKISHO_VM_BASE/vmlinuz" -initrd "${initrd:-$SEKISHO_VM_BASE/initrd}" -append "$kernel_line${kernel_extra:+ $kernel_extra}" \
		-drive "file=$disk,format=raw,if=virtio,${disk_options:-snapshot=on,cache=unsafe}" \
		-chardev "file,id=console,path=$machine/console.log" -serial chardev:console \
		-chardev "socket,id=login,path=$machine/login.sock,server=on,wait=off" -serial chardev:login \
		-netdev "user,id=net,restrict=on,guestfwd=tcp:10.0.2.100:8443-cmd:socat -t0.1 - TCP4:127.0.0.1:${collector_port:-1}" \
		-device virtio-net-pci,netdev=net,romfile= \
		-device virtio-serial-pci \
		-chardev "socket,id=shell,path=$machine/shell.sock,server=on,wait=off" \
		-device virtserialport,chardev=shell,name=shell \
		-fsdev "local,id=sent,path=$machine/sent,security_model=none,readonly=on" \
		-device virtio-9p-pci,fsdev=sent,mount_tag=sent \
		-device qemu-xhci,id=xhci,p2=8,p3=8 \
		-qmp "unix:$machine/qmp.sock,server=on,wait=off" "$@" >"$machine/qemu.log" 2>&1 &
	machine_pid=$!
	until [ -S "$machine/qmp.sock" ] && [ -S "$machine/shell.sock" ]; do
		kill -0 "$machine_pid" 2>/dev/null || die "QEMU did not start: $(cat "$machine/qemu.log")"
		sleep 0.05
	done
	channel_open qmp
	channel_open shell
	channel_open login
	qmp_raw '{"execute":"qmp_capabilities"}' >/dev/null
}

machine_stop() {
	local name
	[ -n "${machine_pid-}" ] || return 0
	kill "$machine_pid" 2>/dev/null || true
	wait "$machine_pid" 2>/dev/null || true
	machine_pid=
	for name in qmp shell login; do
		channel_close $name
	done
}

# Stops the machine for good and leaves its memory and devices in FILE; its disk image is then of the same moment.
machine_save() { # FILE
	local status
	qmp '{"execute":"stop"}' >/dev/null
	qmp '{"execute":"migrate-set-parameters","arguments":{"max-bandwidth":100000000000}}' >/dev/null
	qmp "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"exec:cat >'$1'\"}}" >/dev/null
	for _ in {1..300}; do
		status=$(qmp '{"execute":"query-migrate"}' | jq -r .status)
		[ "$status" = active ] || [ "$status" = setup ] || break
		sleep 0.1
	done
	[ "$status" = completed ] || die "saving the machine: $status"
	machine_stop
}

machine_resume() { # after machine_start … -incoming
	for _ in {1..300}; do
		[ "$(qmp '{"execute":"query-status"}' | jq -r .status)" = inmigrate ] || break
		sleep 0.1
	done
	qmp '{"execute":"cont"}' >/dev/null
}

# A channel is a kept connection to one of the machine's sockets, read and written through two pipes.
declare -A channel_in channel_out channel_pid
channel_open() { # NAME
	local in out
	rm -f "$machine/$1.in" "$machine/$1.out"
	mkfifo "$machine/$1.in" "$machine/$1.out"
	socat "UNIX-CONNECT:$machine/$1.sock" - <"$machine/$1.in" >"$machine/$1.out" 2>/dev/null &
	channel_pid[$1]=$!
	exec {in}>"$machine/$1.in" {out}<"$machine/$1.out"
	channel_in[$1]=$in
	channel_out[$1]=$out
}

channel_close() { # NAME
	local in=${channel_in[$1]-} out=${channel_out[$1]-}
	[ -n "$in" ] || return 0
	exec {in}>&- {out}<&-
	kill "${channel_pid[$1]}" 2>/dev/null || true
	wait "${channel_pid[$1]}" 2>/dev/null || true
	unset "channel_in[$1]" "channel_out[$1]" "channel_pid[$1]"
}

# Sends one QMP command and prints the line that answers it; events between are dropped.
qmp_raw() { # JSON
	local line
	echo "$1" >&"${channel_in[qmp]}"
	while read -r -t 30 line <&"${channel_out[qmp]}"; do
		case $line in
		'{"return"'* | '{"error"'*) echo "$line"; return 0 ;;
		esac
	done
	die "the machine's monitor does not answer: $1"
}

# The same; prints the answer's content, and is false on an error, which it tells.
qmp() { # JSON
	local answer
	answer=$(qmp_raw "$1")
	case $answer in
	'{"return"'*) jq -c .return <<<"$answer" ;;
	*) echo "QMP: $1 -> $(jq -r .error.desc <<<"$answer")" >&2; return 1 ;;
	esac
}

# Waits for the shell of a machine that boots.
shell_wait() { # SECONDS
	local line
	while read -r -t "$1" line <&"${channel_out[shell]}"; do
		[ "$line" != ready ] || return 0
	done
	echo "the guest did not come up within $1 s" >&2
	return 1
}

# Runs a command as root in the guest; prints what it printed and returns its exit code. $guest_timeout: seconds.
guest() { # COMMAND
	local number=$EPOCHREALTIME answered code output
	printf '%s %q\n' "$number" "$1" >&"${channel_in[shell]}"
	while read -r -t "${guest_timeout:-60}" answered code output <&"${channel_out[shell]}"; do
		[ "$answered" = "$number" ] || continue # of a command that took too long
		base64 -d <<<"$output"
		return "$code"
	done
	echo "the guest did not answer within ${guest_timeout:-60} s: $1" >&2
	return 99
}
