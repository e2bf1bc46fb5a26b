# (e) How often each process wakes up in $MINUTES (10) idle minutes, with how many reports made in that time: enrolled and
# connected; then for a tenth of it without an enrolment, where there is no report and nobody may wake up; then for a
# fifth usbguard-daemon in the same guest. A wake-up is a voluntary switch of any of its threads. Longer than a scenario
# may take otherwise: SEKISHO_VM_LIMIT=1500.
# alone
minutes=${MINUTES:-10}
report_interval=${INTERVAL:-60}
. "$SEKISHO_TOP/tests/bench/guard/usbguard.sh"

switches() { # UNIT: "NAME COUNT" a process
	guest "for pid in \$(</sys/fs/cgroup/system.slice/$1.service/cgroup.procs); do
		echo \"\$(</proc/\$pid/comm) \$(cat /proc/\$pid/task/*/status | sed -n 's/^voluntary_ctxt_switches:\t//p' |
			awk '{sum += \$1} END {print sum}')\"; done | sort"
}
reports() {
	guest "sekisho status --json" | jq '.seq'
}
window() { # UNIT SECONDS: "NAME WAKE-UPS" a process, on one line
	switches "$1" >"$directory/before"
	sleep "$2"
	switches "$1" >"$directory/after"
	join "$directory/before" "$directory/after" | awk '{printf "%s%s %d", (NR > 1 ? ", " : ""), $1, $3 - $2}'
}

resume_terminal
policy_text 2 >"$directory/policy.yaml"
policy_sign "$directory/policy.yaml" "$directory/policy.p7"
send_file "$directory/policy.p7" /root/policy.p7
guest 'sekisho policy install /root/policy.p7' || fail "the policy was not accepted"
expect_terminal_state FRESH
sleep 15

before=$(reports)
sleep 5
woken=$(window sekishod $((minutes * 60)))
made=$(($(reports) - before))
echo "FIGURE enrolled, $minutes minutes, $made reports (one every $report_interval s is due): $woken"

guest 'systemctl stop sekishod; mv /var/lib/sekisho/enrolment /root/; systemctl start sekishod' ||
	fail "does not start without an enrolment"
sleep 15
woken=$(window sekishod $((minutes * 6)))
echo "FIGURE not enrolled, $((minutes * 6)) s: $woken"
[ -z "$(grep -oE ' [1-9][0-9]*' <<<"$woken")" ] || fail "somebody wakes up though nothing happens: $woken"

usbguard_instead
sleep 15
echo "FIGURE usbguard, $((minutes * 12)) s: $(window usbguard $((minutes * 12)))"
