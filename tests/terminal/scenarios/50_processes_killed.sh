# Each process of the agent is killed, and stopped, at the moment a stick goes in: the stick is never usable, and within
# 5 s the agent is whole again, with another process in that place. "sekishod" is the keeper, main's parent.
# alone
resume_terminal
watch_storage
slowest=0
for process in sekishod main guard auth signer reporter; do
	for signal in KILL STOP; do
		serial=STICK-$process-$signal
		guest "for pid in \$(</sys/fs/cgroup/system.slice/sekishod.service/cgroup.procs); do
			[ \$(</proc/\$pid/comm) != $process ] || echo \$pid; done >/run/old-pid
			kill -$signal \$(</run/old-pid)" ||
			fail "$process does not run"
		plug usb-storage s1 "serial=$serial"
		took=$(agent_whole_after "$process") || fail "$process after SIG$signal: not whole: $took"
		echo "$process, SIG$signal: whole after $took ms"
		[ "$took" -le 5000 ] || fail "$process after SIG$signal: whole only after $took ms"
		[ "$took" -le "$slowest" ] || slowest=$took
		expect_event device.denied "serial=$serial"
		expect_not_authorised "$serial"
		expect_no_block_device
		unplug s1
	done
done
expect_event_at_collector process.died process=guard
expect_terminal_state FRESH
echo "FIGURE whole again after $slowest ms at most"
