# What the agent costs, idle, beside USBGuard in the same guest: proportional set size of all processes, and how far
# systemd's own judgement finds each unit exposed. Also who the processes are.
resume_terminal
sleep 5
pss() { # PROCESS-NAME...: kB, of all of them together
	guest "for name in $*; do for pid in \$(pidof \$name); do cat /proc/\$pid/smaps_rollup; done; done |
		awk '/^Pss:/ {sum += \$2} END {print sum + 0}'"
}
rss() {
	guest "for name in $*; do for pid in \$(pidof \$name); do cat /proc/\$pid/smaps_rollup; done; done |
		awk '/^Rss:/ {sum += \$2} END {print sum + 0}'"
}
exposure() { # UNIT
	guest "systemd-analyze security --no-pager $1 | sed -n 's/.*exposure level for .*: \([0-9.]*\) .*/\1/p'"
}
ours="sekishod guard auth signer reporter"
guest 'ps -eo pid,ppid,user:14,nlwp,rss,args | grep -E "[s]ekisho|^ *PID"' | sed 's/^/FIGURE /'
guest 'for name in '"$ours"'; do for pid in $(pidof $name); do
	echo "$name: $(sed -n "s/^Uid:\t\([0-9]*\).*/uid \1/p; s/^Seccomp:\t/seccomp /p; s/^NoNewPrivs:\t/no_new_privs /p; s/^CapEff:\t/capabilities /p
		" /proc/$pid/status | tr "\n" " ")"; done; done' >"$directory/status"
sed 's/^/FIGURE /' "$directory/status"
[ "$(grep -c 'seccomp 2' "$directory/status")" = 6 ] || fail "not every process has its seccomp filter"
[ "$(grep -v '^sekishod' "$directory/status" | grep -c 'capabilities 0000000000000000')" = 4 ] || fail "a child has capabilities"
[ "$(grep -v '^sekishod' "$directory/status" | grep -oE 'uid [0-9]+' | sort -u | grep -vc 'uid 0')" = 4 ] ||
	fail "the children do not have a user each"
our_pss=$(pss "$ours")
our_rss=$(rss "$ours")
our_exposure=$(exposure sekishod.service)
each=$(for name in $ours; do echo "$name $(pss "$name")"; done | paste -sd' ')

guest 'systemctl stop sekishod; echo 1 >/sys/module/usbcore/parameters/authorized_default'
send_directory "$SEKISHO_VM_BASE/usbguard" /root/usbguard
guest_timeout=240 guest 'DEBIAN_FRONTEND=noninteractive dpkg -i /root/usbguard/*.deb' || fail "USBGuard was not installed"
guest 'usbguard generate-policy >/etc/usbguard/rules.conf; systemctl restart usbguard; systemctl is-active usbguard' ||
	fail "USBGuard does not run"
sleep 5
their_pss=$(pss usbguard-daemon)
their_rss=$(rss usbguard-daemon)
their_exposure=$(exposure usbguard.service)
[ "$our_pss" -gt 0 ] && [ "$their_pss" -gt 0 ] && [ -n "$our_exposure" ] && [ -n "$their_exposure" ] ||
	fail "not measured: $our_pss $their_pss $our_exposure $their_exposure"
echo "FIGURE PSS, kB: sekishod $our_pss ($each); usbguard-daemon $their_pss"
echo "FIGURE RSS, kB: sekishod $our_rss; usbguard-daemon $their_rss"
echo "FIGURE systemd-analyze security: sekishod.service $our_exposure; usbguard.service $their_exposure"
awk "BEGIN {exit !($our_exposure < $their_exposure)}" || fail "sekishod.service is more exposed than usbguard.service"
