# (d) What the agent holds in memory, idle, beside usbguard-daemon in the same guest: proportional set size, and what no
# other process shares and nobody can take back (private dirty), which is not ours to give back page by page. Then once
# more with $RULES (100,000) rules, each about another device.
# alone
count=${RULES:-100000}
. "$SEKISHO_TOP/tests/bench/guard/usbguard.sh"

# "PSS DIRTY" in kB of the processes of a unit, and into the log each of them.
memory_of() { # UNIT [PROCESS...]
	local unit=$1
	shift
	guest "for pid in \$(</sys/fs/cgroup/system.slice/$unit.service/cgroup.procs); do
		echo \"\$(</proc/\$pid/comm) \$(sed -n 's/^Pss: *\([0-9]*\).*/\1/p; s/^Private_Dirty: *\([0-9]*\).*/\1/p' \
			/proc/\$pid/smaps_rollup | paste -sd' ')\"; done" >"$directory/memory-$unit"
	sed "s/^/$unit: /" "$directory/memory-$unit" >&2
	awk -v only=" $* " '{if (only == "  " || index(only, " " $1 " ")) {pss += $2; dirty += $3}} END {print pss, dirty}' \
		"$directory/memory-$unit"
}
ratio() { # OURS THEIRS
	awk "BEGIN {printf \"%.2f\", $1 / $2}"
}
tell() { # WHAT
	local what=$1
	echo "FIGURE $what: all processes $all_pss kB PSS ($all_dirty dirty), guard and main with its keeper $core_pss ($core_dirty); " \
		"usbguard-daemon $their_pss ($their_dirty)"
	echo "FIGURE $what: ratio of PSS $(ratio "$all_pss" "$their_pss"), guard and main $(ratio "$core_pss" "$their_pss"); " \
		"of private dirty $(ratio "$all_dirty" "$their_dirty"), guard and main $(ratio "$core_dirty" "$their_dirty")"
}
ours_look() {
	read -r all_pss all_dirty < <(memory_of sekishod)
	read -r core_pss core_dirty < <(memory_of sekishod sekishod main guard)
}
numbered() { # FORMAT: one line a rule
	seq 0 $((count - 1)) | awk -v format="$1\n" '{printf format, 4096 + $1 % 500, int($1 / 500), $1}'
}

resume_terminal
expect_terminal_state FRESH
sleep 10
ours_look
idle="$all_pss $all_dirty $core_pss $core_dirty"

numbered '  allow id %04x:%04x serial "SN%08d"' >"$directory/numbered"
{ policy_text 2; cat "$directory/numbered"; } >"$directory/policy.yaml"
policy_sign "$directory/policy.yaml" "$directory/policy.p7"
mkdir "$directory/policy"
mv "$directory/policy.p7" "$directory/policy/"
send_directory "$directory/policy" /root/policy
guest_timeout=240 guest 'sekisho policy install /root/policy/policy.p7' || fail "the policy was not accepted"
expect_terminal_state FRESH
sleep 20
ours_look
loaded="$all_pss $all_dirty $core_pss $core_dirty"

usbguard_instead
read -r their_pss their_dirty < <(memory_of usbguard)
read -r all_pss all_dirty core_pss core_dirty <<<"$idle"
tell idle

mkdir "$directory/rules"
numbered 'allow id %04x:%04x serial "SN%08d"' >"$directory/rules/rules.conf"
send_directory "$directory/rules" /root/rules
guest 'cat /root/rules/rules.conf >>/etc/usbguard/rules.conf'
guest_timeout=240 usbguard_rules
# It answers no question about so many; it has them when it does nothing any more.
guest_timeout=240 guest 'pid=$(pidof usbguard-daemon); spent() { cut -d" " -f14,15 /proc/$pid/stat; }
	until before=$(spent); sleep 5; [ "$(spent)" = "$before" ]; do :; done' || fail "USBGuard does not come to rest"
sleep 10
read -r their_pss their_dirty < <(memory_of usbguard)
read -r all_pss all_dirty core_pss core_dirty <<<"$loaded"
tell "$count rules"
