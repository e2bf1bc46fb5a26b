# A session at the terminal's own screen locks when the security key that opened it is pulled out, and when nobody types: logind says
# so to the session, the journal says why. A locker that runs as its user unlocks it with both factors. The keyboard is a USB
# keyboard that the policy lists, the screen the kernel's.
# whole
. "$here/tokens.sh"
. "$here/screen.sh"

resume_terminal
idle_lock=600 token_policy 2 '[key, pin]'
screen_ready
key_made 2468
enrol_token key clerk 2468
guest 'pam-auth-update --enable sekisho' || fail "pam-auth-update"

log_in_at_screen 2468
locker_ready
key_out
expect_locked key-removed
key_in
unlock 2468

keys exit
# The kernel notes a terminal's last use in steps of eight seconds.
idle_lock=25 token_policy 3 '[key, pin]'
guest 'printf "\033[H\033[2J" >/dev/tty1'
keys ''
log_in_at_screen 2468
locker_ready
expect_locked idle
unlock 2468
