# A security key that the kernel meets as a USB device: udev gives it to the agent alone, and
# login(1), sudo, su, a greeter and a locker that runs as its user take it with its PIN; not with a wrong one, not when it is pulled
# out halfway, and nobody is let in while auth is dead. Without the key a code does.
. "$here/tokens.sh"

resume_terminal
token_policy 2 '[key, pin]'
greeter_and_locker
key_made 2468
enrol_token key clerk 2468
enrol_token key root 2468
enrol_totp clerk
guest 'pam-auth-update --enable sekisho' || fail "pam-auth-update"

must_refuse "login: a wrong PIN" log_in clerk Clerk-pass-1 "" 1111
[[ $console_said == *"Wrong PIN. 7 more"* ]] || fail "login: the tries left are not told: $console_said"
log_in clerk Clerk-pass-1 "" 2468 || fail "login: password, key and PIN are refused: $console_said"
[[ $console_said == *"(7 tries left"* ]] || fail "login: the tries left are not shown: $console_said"
expect_event login.accepted user=clerk service=login factor=key

becomes 'sudo -k echo as-root-$((6 * 7))' Clerk-pass-1 "" 2468 || fail "sudo: password, key and PIN are refused: $console_said"
must_refuse "su: a wrong PIN" becomes 'su -c "echo as-root-\$((6 * 7))"' Root-pass-1 "" 1111
console_settle
becomes 'su -c "echo as-root-\$((6 * 7))"' Root-pass-1 "" 2468 || fail "su: password, key and PIN are refused: $console_said"

must_refuse "a greeter: a wrong PIN" greeter clerk Clerk-pass-1 1111
greeter clerk Clerk-pass-1 2468 || fail "a greeter: password, key and PIN are refused: $greeter_said"
expect_event login.accepted user=clerk service=lightdm factor=key

unlock_console Clerk-pass-1 "" 2468 || fail "the locker: password, key and PIN are refused: $console_said"

# Asked for its PIN, and gone before it is typed.
console_type 'su -c id'
console_expect 'Password: ' && console_type Root-pass-1 && console_expect 'PIN \([^)]*\): ' || fail "su does not ask"
key_out
console_type 2468
console_expect 'The security key was taken out' || fail "a key that is pulled out is not told: $console_text"
console_settle
expect_event login.refused user=root service=su cause=key-removed

# Without it, the code.
let_code_pass
greeter clerk Clerk-pass-1 "$(code_now "$totp_secret")" || fail "a greeter: password and code are refused: $greeter_said"
let_code_pass
unlock_console Clerk-pass-1 "$(code_now "$totp_secret")" || fail "the locker: password and code are refused: $console_said"
log_out

key_in
# By nothing but the shell itself, and before anybody else: no auth lives long enough to answer. Login gives up before the module does.
guest '(renice -n -20 $BASHPID; until [ -e /run/alive ]; do
	mapfile -t pids </sys/fs/cgroup/system.slice/sekishod.service/cgroup.procs
	for pid in "${pids[@]}"; do read -r name </proc/$pid/comm && [ "$name" = auth ] && kill -KILL $pid; done
	read -rt 0.1 <> <(:); done) >/dev/null 2>&1 &
	sed -i "s/^LOGIN_TIMEOUT.*/LOGIN_TIMEOUT 25/" /etc/login.defs'
console_wait=100
must_refuse "auth is dead" log_in clerk Clerk-pass-1 "" 2468
console_wait=
guest 'touch /run/alive; sed -i "s/^LOGIN_TIMEOUT.*/LOGIN_TIMEOUT 60/" /etc/login.defs'
console_fresh=yes # the prompt that login ended with was read already
eventually 10 log_in clerk Clerk-pass-1 "" 2468 || fail "auth is back, and login refuses: $console_said"
