# A first password is changed before anything else, with the second factor, and an account that has expired stays out.
# whole
resume_terminal
guest 'pam-auth-update --enable sekisho' || fail "pam-auth-update"
enrol_totp clerk
clerk=$totp_secret
guest 'chage -d 0 clerk' || fail "chage -d 0"
let_code_pass
console_type "" # the prompt that was shown before the machine was kept is not shown again
console_fresh=no
console_expect 'terminal login: ' 40 || fail "no login prompt: $console_text"
console_type clerk
for answer in 'assword: |Clerk-pass-1' "erification code: |$(code_now "$clerk")" 'urrent password: |Clerk-pass-1' \
	'ew password: |Counter-Pass-27' 'etype new password: |Counter-Pass-27'; do
	console_expect "${answer%|*}" 30 || fail "first password: ${answer%|*} is not asked for: $console_text"
	console_type "${answer#*|}"
done
console_expect '\$ $' 30 || fail "first password: changed, and no shell: $console_text"
log_out
let_code_pass
must_refuse "login: the first password, after its change" log_in clerk Clerk-pass-1 "$(code_now "$clerk")"
log_in clerk Counter-Pass-27 "$(code_now "$clerk")" || fail "login: the new password is refused"
log_out
guest "chage -E 2020-01-01 clerk" || fail "chage -E"
let_code_pass
must_refuse "login: an account that has expired" log_in clerk Counter-Pass-27 "$(code_now "$clerk")"
