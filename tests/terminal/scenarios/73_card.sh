# A My Number card in a USB reader, Debian's pcscd and OpenSC, all from the offline bundle: login(1), sudo, su, a greeter and a
# locker that runs as its user take it with its PIN; not with a wrong one, and not when it is taken out halfway. Its key for
# signatures is never used.
. "$here/tokens.sh"
resume_terminal
card_authority
card_issued hanako 1234
token_policy 2 '[card, pin]'
greeter_and_locker
card_reader
card_in hanako
enrol_token card clerk 1234
enrol_token card root 1234
guest 'pam-auth-update --enable sekisho' || fail "pam-auth-update"

must_refuse "login: a wrong PIN" log_in clerk Clerk-pass-1 "" 1111
[[ $console_said == *"Two more wrong PINs lock the card."* ]] || fail "login: the tries left are not told: $console_said"
[ "$(card_tries hanako)" = 2 ] || fail "the card counts otherwise"
log_in clerk Clerk-pass-1 "" 1234 || fail "login: password, card and PIN are refused: $console_said"
[[ $console_said == *"The PIN was wrong before; two tries are left."* ]] || fail "login: the tries left are not shown: $console_said"
expect_event login.accepted user=clerk service=login factor=card

becomes 'sudo -k echo as-root-$((6 * 7))' Clerk-pass-1 "" 1234 || fail "sudo: password, card and PIN are refused: $console_said"
becomes 'su -c "echo as-root-\$((6 * 7))"' Root-pass-1 "" 1234 || fail "su: password, card and PIN are refused: $console_said"
greeter clerk Clerk-pass-1 1234 || fail "a greeter: password, card and PIN are refused: $greeter_said"
expect_event login.accepted user=clerk service=lightdm factor=card
unlock_console Clerk-pass-1 "" 1234 || fail "the locker: password, card and PIN are refused: $console_said"

# Asked for its PIN, and gone before it is typed.
console_type 'su -c id'
console_expect 'Password: ' && console_type Root-pass-1 && console_expect 'PIN \([^)]*\): ' || fail "su does not ask"
card_out
console_type 1234
console_expect 'The card was taken out' || fail "a card that is taken out is not told: $console_text"
console_settle
expect_event login.refused user=root service=su cause=card-removed
! grep -q '^sign' "$machine/cards/hanako/uses" || fail "the key for signatures was used"
