# Reports that are not the terminal's own words on its own connection: forged, replayed, re-bound. Each is refused, changes
# nothing, and is shown.
resume_terminal
expect_terminal_state FRESH
thief=$directory/thief
mkdir -p "$thief"
as_thief() { # OPERATION...: against the collector, from outside, with what lies in $thief
	"$SEKISHO_BUILD/tests/unit/collector/report_client" localhost "$collector_port" "$office/collector/ca.pem" "$thief" "$@"
}
expect_answer() { # ANSWER WHAT OPERATION...
	local said
	said=$(as_thief "${@:3}")
	[ "$said" = "$1" ] || fail "$2: the collector said '$said', not '$1'"
	collector_sql "SELECT reason FROM refusals" | grep -qx "${1#* }" || fail "$2 is not recorded"
}
stored() {
	collector_sql "SELECT count(*) FROM reports WHERE seq > $last"
}

# What was sent before, taken from the wire: it was the terminal's, on another connection.
last=$(collector_sql 'SELECT max(seq) FROM reports')
collector_sql "SELECT jws FROM reports WHERE seq = $last" | tr -d '\n' >"$thief/taken"
# The thief even has the terminal's key; the terminal itself is held still, so that it does not answer in between.
guest 'cat /var/lib/sekisho/signer/terminal.key' >"$thief/key.pem"
qmp '{"execute":"stop"}' >/dev/null
last=$(collector_sql 'SELECT max(seq) FROM reports')
collector_sql "SELECT json_object('ueid', ueid, 'seq', $last, 'count', chain_count, 'head', chain_hash, 'boot',
	'00000000-0000-4000-8000-000000000000', 'receipt_key', 'none') FROM terminals JOIN reports ON terminal = id
	WHERE seq = $last" >"$thief/client.json"

expect_answer '403 replayed' "a replayed report" send taken
terminal_shown .last_refusal | grep -q replayed || fail "the replay is not shown"
expect_answer '403 bad-signature' "a forged report" report forged=1,keep=1
expect_terminal_state BAD_SIGNATURE
terminal_shown .last_refusal | grep -q bad-signature || fail "the forgery is not shown"
expect_answer '403 re-bound' "a re-bound report" report exporter=other,keep=1
terminal_shown .last_refusal | grep -q re-bound || fail "the re-bound report is not shown"
[ "$(stored)" = 0 ] || fail "one of them was stored"
qmp '{"execute":"cont"}' >/dev/null
set_clock
collector_cmd poll terminal-1 >/dev/null || fail "the terminal itself is not believed any more"
expect_terminal_state FRESH
[ "$(collector_sql 'SELECT count(*) FROM clones')" = 0 ] || fail "the terminal itself became a clone"
