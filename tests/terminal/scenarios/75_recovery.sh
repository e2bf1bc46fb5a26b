# Nobody can log in: the agent does not start, one user is locked, the other's token is lost. README's way back, by the
# machine's own console alone: rescue boot without the agent, root's password, mend, restart. Then both log in with both
# factors, and the journal is whole and tells what was done.
cp --sparse=always "$SEKISHO_VM_READY/disk.img" "$machine/disk.img"
kept_terminal() { # QEMU-ARGUMENTS...: the terminal, on a disk that outlives the machine
	disk_options=cache=unsafe machine_start "$machine/disk.img" "$@"
}

powered_off() {
	! kill -0 "$machine_pid" 2>/dev/null
}

at_rescue() { # COMMAND: typed at the rescue console; done, and well, when this returns
	console_type "$1 && echo rescue-do''ne || echo rescue-fai''led"
	console_expect 'rescue-(done|failed)' 60 || fail "rescue: '$1' does not end: $console_text"
	[ "$console_match" = rescue-done ] || fail "rescue: '$1': $console_seen"
	console_expect '# $' 20 || fail "rescue: no prompt after '$1'"
}

# Locked out, both of them. What the last boot logged is kept, as Debian does.
office_copy
collector_start
kept_terminal -incoming "exec:cat '$SEKISHO_VM_READY/memory'"
machine_resume
set_clock
console_fresh=yes
guest 'sed -i s/volatile/persistent/ /etc/systemd/journald.conf.d/test.conf && mkdir -p /var/log/journal && systemctl restart systemd-journald && journalctl --flush' || fail "journald"
guest 'pam-auth-update --enable sekisho' || fail "pam-auth-update"
enrol_totp clerk
clerk=$totp_secret
enrol_totp root
for attempt in 1 2 3; do
	must_refuse "a wrong code" log_in clerk Clerk-pass-1 00000$attempt
done
expect_event login.locked user=clerk
guest 'mv /var/lib/sekisho/auth /var/lib/sekisho/auth.away; : >/var/lib/sekisho/auth; systemctl --no-block restart sekishod'
eventually 20 guest_true '[ "$(systemctl show -P NRestarts sekishod)" -gt 0 ]' || fail "the agent starts without its state"
must_refuse "root, without an agent" log_in root Root-pass-1 123456
guest 'systemctl --no-block poweroff'
eventually 30 powered_off || fail "the terminal does not switch itself off"
machine_stop

# In GRUB: what is appended to the line. The officer's keyboard is none that the policy lists; his console is the login line.
kernel_line=${kernel_line/ttyS0/ttyS1}
kernel_extra="quiet systemd.unit=rescue.target systemd.mask=sekishod.service"
kept_terminal -device usb-kbd,id=k1,bus=xhci.0,serial=keyboard-from-the-drawer
kernel_line=${kernel_line/ttyS1/ttyS0}
kernel_extra=
clock_offset=0
console_text=
console_expect 'Control-D to continue\): ' 180 || fail "no rescue prompt: $console_text"
sleep 2 # it throws away what was typed before it reads
console_type Root-pass-1
console_expect '# ' 60 || fail "rescue: root's password is refused: $console_text"
at_rescue 'systemctl start test-shell' # not the officer: to look, and to press a key
shell_wait 60
set_clock
guest_true '! ls /proc/[0-9]*/exe -l 2>/dev/null | grep sekishod' || fail "rescue: the agent runs"
eventually 20 keyboard_there || fail "rescue: the keyboard from the drawer is not taken"
[ "$(key_bytes)" -gt 0 ] || fail "rescue: a key of the keyboard from the drawer does not arrive"
at_rescue 'journalctl -b -1 -u sekishod --no-pager | grep var/lib/sekisho/auth'
at_rescue 'rm /var/lib/sekisho/auth'
at_rescue 'mv /var/lib/sekisho/auth.away /var/lib/sekisho/auth'
must_refuse "rescue: unlocking without an agent, and so without a trace" guest 'sekisho unlock clerk --by hanako'
console_type 'sekishod --observe >/run/sekishod.log 2>&1 &'
eventually 20 guest_true 'sekisho status' || fail "rescue: the agent does not run by hand: $(guest 'cat /run/sekishod.log')"
at_rescue 'sekisho unlock clerk --by hanako'
console_type 'sekisho enrol totp root --replace --by hanako'
console_expect 'Secret: [A-Z2-7]{32}' 30 || fail "rescue: enrolment: $console_text"
root=${console_match#Secret: }
console_expect 'authenticator: ' 10 || fail "rescue: enrolment asks for no code: $console_text"
console_type "$(code_now "$root")"
console_expect 'root is enrolled' 20 || fail "rescue: root is not enrolled: $console_text"
console_type 'systemctl poweroff'
eventually 30 powered_off || fail "rescue: the terminal does not switch itself off"
machine_stop

kept_terminal
shell_wait 180 || fail "the terminal did not boot"
console_text=
console_fresh=yes
let_code_pass # enrolment took one
log_in clerk Clerk-pass-1 "$(code_now "$clerk")" || fail "clerk is refused after the recovery"
log_out
log_in root Root-pass-1 "$(code_now "$root")" || fail "root is refused after the recovery"
guest 'sekisho journal verify' || fail "the journal is not whole after the recovery"
for event in "login.locked user=clerk" "user.unlocked user=clerk by=hanako" "token.enrolled user=root by=hanako" \
	"login.accepted user=clerk" "login.accepted user=root"; do
	# shellcheck disable=SC2086 # words
	expect_event_at_collector $event
done
expect_terminal_state FRESH
[ "$(journal_lines | jq -r .boot | sort -u | wc -l)" = 3 ] || fail "the journal does not tell the three boots apart"
