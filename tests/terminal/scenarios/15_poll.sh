# The office asks the terminal now: the answer is a report made after the question, and it is fresh.
resume_terminal
expect_terminal_state FRESH
before=$(collector_sql 'SELECT max(seq) FROM reports')
asked() {
	collector_cmd poll terminal-1 --json >"$directory/poll.json"
}
eventually 20 asked || fail "the poll was not answered: $(cat "$directory/poll.json")" # it may just be connecting
[ "$(jq .poll.seq "$directory/poll.json")" -gt "$before" ] || fail "the answer is older than the question"
echo "FIGURE poll answered in $(jq .poll.took_ms "$directory/poll.json") ms"
