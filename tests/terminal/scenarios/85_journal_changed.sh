# One byte of the journal is changed: `sekisho journal verify` says which line, and so does the collector.
resume_terminal
plug usb-storage s1 serial=STICK-85
expect_event_at_collector device.denied serial=STICK-85
guest 'sekisho journal verify' || fail "a whole journal is called broken"
line=3
guest "file=\$(ls /var/lib/sekisho/journal/*.jsonl | head -n 1); sed -i '${line}s/\"event\":\"\(.\)/\"event\":\"X/' \$file"
code=0
said=$(guest 'sekisho journal verify') || code=$?
[ "$code" = 1 ] || fail "journal verify: exit $code: $said"
where=$(grep -oE "^[0-9]{20}\.jsonl:($line|$((line + 1))):" <<<"$said") || fail "journal verify does not say where: $said"
guest 'systemctl restart sekishod' || fail "the agent does not start on a changed journal"
eventually 30 collector_shows broken .journal.state || fail "the collector does not say so: $(collector_cmd terminals)"
[ "$(terminal_shown '.journal.file + ":" + (.journal.line | tostring) + ":"')" = "$where" ] ||
	fail "the collector says another place than $where: $(collector_cmd terminals)"
collector_cmd terminals | grep -qF "${where%:}" || fail "terminals does not show it: $(collector_cmd terminals)"
