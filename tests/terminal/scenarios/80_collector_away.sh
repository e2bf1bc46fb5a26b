# The collector is away while sticks come and go, is killed in the middle once, and comes back: every report is there
# once, in order, and every event once.
resume_terminal
collector_stop
for n in 1 2 3; do
	plug usb-storage s1 "serial=STICK-AWAY-$n"
	expect_event device.denied "serial=STICK-AWAY-$n"
	unplug s1
	sleep 4
done
waiting=$(guest 'ls /var/lib/sekisho/outbox/outgoing | wc -l')
[ "$waiting" -gt 0 ] || fail "nothing waits in the outbox"
collector_start
sleep 0.5
kill -KILL "$collector_pid"
wait "$collector_pid" || true
sleep 2
collector_start
expect_event_at_collector device.denied serial=STICK-AWAY-1
expect_event_at_collector device.denied serial=STICK-AWAY-3
eventually 20 guest_true '[ -z "$(ls -A /var/lib/sekisho/outbox/outgoing)" ]' || fail "the outbox does not empty"
expect_terminal_state FRESH

[ "$(collector_sql 'SELECT max(seq) - min(seq) + 1 - count(*) FROM reports')" = 0 ] || fail "a report is missing"
[ "$(collector_sql 'SELECT min(seq) FROM reports')" = 1 ] || fail "the first report is missing"
journal_lines >"$directory/at-terminal"
collector_sql 'SELECT line FROM events ORDER BY report, position' >"$directory/at-collector"
lines=$(wc -l <"$directory/at-collector")
head -n "$lines" "$directory/at-terminal" | cmp - "$directory/at-collector" || fail "the events differ from the journal"
[ "$(collector_sql "SELECT count(*) FROM breaks")" = 0 ] || fail "a break was seen"
[ "$(collector_sql "SELECT count(*) FROM clones")" = 0 ] || fail "a clone was seen"
echo "FIGURE $waiting reports waited, $lines events arrived once, in order"
