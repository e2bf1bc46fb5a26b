# Each of the five processes is killed, and stopped, at the moment a stick goes in: the stick is never usable, and within
# 5 s the agent is whole again, with another process in that place.
# alone
resume_terminal
watch_storage
slowest=0
for process in sekishod guard auth signer reporter; do
	for signal in KILL STOP; do
		serial=STICK-$process-$signal
		guest "pidof -s $process >/run/old-pid && kill -$signal \$(cat /run/old-pid)" ||
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
