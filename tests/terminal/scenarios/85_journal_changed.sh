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
grep -qE "jsonl:($line|$((line + 1)))\b" <<<"$said" || fail "journal verify does not say where: $said"
guest 'systemctl restart sekishod' || fail "the agent does not start on a changed journal"
eventually 30 broken_at_collector || fail "the collector does not say where: $(collector_cmd terminals)"
collector_cmd terminals
