# A session at the terminal's own screen locks when the card that opened it is taken out of its reader; a locker that runs as its
# user unlocks it with the card and both factors.
# whole
. "$here/tokens.sh"
. "$here/screen.sh"

resume_terminal
card_authority
card_issued hanako 1234
token_policy 2 '[card, pin]'
screen_ready
card_reader
card_in hanako
enrol_token card clerk 1234
guest 'pam-auth-update --enable sekisho' || fail "pam-auth-update"

log_in_at_screen 1234
locker_ready
card_out
expect_locked card-removed
card_in hanako
unlock 1234
