# Console login(1), su and sudo ask for password and TOTP: neither alone is enough, a code works once, three wrong ones
# lock, and the lock survives a reboot.
resume_terminal
guest 'pam-auth-update --enable sekisho' || fail "pam-auth-update"
must_refuse "login: a user without a token" log_in clerk Clerk-pass-1 123456
enrol_totp clerk
clerk=$totp_secret
enrol_totp root
root=$totp_secret
let_code_pass # enrolment took one

must_refuse "login: the password and a wrong code" log_in clerk Clerk-pass-1 000000
must_refuse "login: a wrong password and the code" log_in clerk wrong-pass-1 "$(code_now "$clerk")"
code=$(code_now "$clerk")
log_in clerk Clerk-pass-1 "$code" || fail "login: password and code are refused"
expect_event login.accepted user=clerk service=login

console_type 'sudo -k echo as-root-$((6 * 7))'
must_refuse "sudo: the code that login took" console_answer Clerk-pass-1 "$code"
console_settle
expect_event login.refused user=clerk service=sudo cause=code-used
let_code_pass
code=$(code_now "$clerk")
console_type 'sudo -k echo as-root-$((6 * 7))'
console_answer Clerk-pass-1 "$code" && [[ $console_seen == *as-root-42* ]] ||
	fail "sudo: password and code are refused: $console_seen"

console_type 'su -c "echo as-root-\$((6 * 7))"'
must_refuse "su: the password alone" console_answer Root-pass-1 ""
console_settle
console_type 'su -c "echo as-root-\$((6 * 7))"'
console_answer Root-pass-1 "$(code_now "$root")" && [[ $console_seen == *as-root-42* ]] ||
	fail "su: password and code are refused: $console_seen"
log_out

must_refuse "login: the code that sudo took" log_in clerk Clerk-pass-1 "$code"
for attempt in 1 2 3; do
	must_refuse "login: a wrong code" log_in clerk Clerk-pass-1 00000$attempt
done
expect_event login.locked user=clerk
let_code_pass
must_refuse "login: a locked user" log_in clerk Clerk-pass-1 "$(code_now "$clerk")"
reboot_guest
must_refuse "login: a locked user, after a reboot" log_in clerk Clerk-pass-1 "$(code_now "$clerk")"
guest 'sekisho unlock clerk' || fail "unlock"
let_code_pass
log_in clerk Clerk-pass-1 "$(code_now "$clerk")" || fail "login: an unlocked user is refused"
expect_event_at_collector login.locked user=clerk

# A clock that is years behind lets nobody in, and says why.
log_out
let_code_pass
guest "date -s '2001-02-03 04:05:06'" >/dev/null
must_refuse "login: a clock years behind" log_in clerk Clerk-pass-1 "$(code_now "$clerk")"
[[ $console_said == *"This terminal's clock is set back"* ]] || fail "login: it is not said that the clock is: $console_said"
set_clock
log_in clerk Clerk-pass-1 "$(code_now "$clerk")" || fail "login: with the clock right again: $console_said"
