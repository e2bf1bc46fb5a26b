# Console login(1), su and sudo ask for password and TOTP: neither alone is enough, a code works once, three wrong ones
# lock, and the lock survives a reboot.
resume_terminal
enrol_totp clerk
clerk=$totp_secret
let_code_pass
enrol_totp root
root=$totp_secret
guest 'pam-auth-update --enable sekisho' || fail "pam-auth-update"

log_in clerk Clerk-pass-1 000000 && fail "login: a wrong code is accepted"
log_in clerk wrong-pass-1 "$(code_now "$clerk")" && fail "login: a wrong password is accepted"
let_code_pass
code=$(code_now "$clerk")
log_in clerk Clerk-pass-1 "$code" || fail "login: password and code are refused"
expect_event login.accepted user=clerk service=login

console_type 'sudo -k id -un'
console_answer Clerk-pass-1 "$code" && [[ $console_text$console_seen == *root* ]] && fail "sudo: the same code is accepted again"
console_settle
let_code_pass
console_type 'sudo -k; sudo id -un'
console_answer Clerk-pass-1 "$(code_now "$clerk")" || fail "sudo: password and code are refused"
[[ $console_seen == *root* ]] || fail "sudo did not run: $console_seen"
console_type 'su -c "id -un"'
console_answer Root-pass-1 "" ; [[ $console_seen != *$'\n'root* ]] || fail "su: the password alone is accepted"
console_settle
let_code_pass
console_type 'su -c "id -un"'
console_answer Root-pass-1 "$(code_now "$root")" || fail "su: password and code are refused"
[[ $console_seen == *$'\n'root* ]] || fail "su did not run: $console_seen"
log_out

log_in clerk Clerk-pass-1 "$(code_now "$clerk")" && fail "login: the code that sudo took is accepted again"
for attempt in 1 2 3; do
	log_in clerk Clerk-pass-1 00000$attempt && fail "login: a wrong code is accepted"
done
expect_event login.locked user=clerk
let_code_pass
log_in clerk Clerk-pass-1 "$(code_now "$clerk")" && fail "a locked user enters"
reboot_guest
let_code_pass
log_in clerk Clerk-pass-1 "$(code_now "$clerk")" && fail "a locked user enters after a reboot"
guest 'sekisho unlock clerk' || fail "unlock"
let_code_pass
log_in clerk Clerk-pass-1 "$(code_now "$clerk")" || fail "an unlocked user is refused"
expect_event_at_collector login.locked user=clerk
