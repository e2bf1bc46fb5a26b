#!/usr/bin/env bash
# Logins by FIDO2 security key: a whole agent, a real PAM stack, libfido2, and security keys in software (soft_key.c) that speak
# CTAPHID and CTAP2 over FIFOs, good and bad. Only the process fido2 is another than the installed one, in where it looks for
# keys (fido2_device_fifo.c). Answers are asserted on their text.
set -u
top=${SEKISHO_TOP:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${SEKISHO_BUILD:-$top/build/release}
. "$top/tests/lib.sh"
. "$top/tests/lib_login.sh"
keys=$work/keys
libexec=$work/libexec
export SEKISHO_TEST_KEYS=$work/plugged
not_yours="This security key does not log in this user."

# --- keys
key() { # NAME PIN [finger]
	mkdir -p "$keys/$1"
	"$build/tests/unit/agent/soft_key" "$keys/$1" "${@:2}" 2>>"$work/log" &
	pids="$pids $!"
	within 5 test -e "$keys/$1/to"
}
plug() { # NAME...: these are plugged in now
	rm -f "$work"/plugged/*
	for name; do
		ln -s "$keys/$name" "$work/plugged/$name"
	done
}
deed() { # NAME WHAT
	echo "$2" >"$keys/$1/deed"
}

# --- logins
enrol() { # USER PIN OPTIONS...
	local pin=$2
	sekisho enrol key "$1" "${@:3}" <<<"$pin" >"$work/out" 2>&1
}
policy() { # FACTORS [BODY]
	next_policy -e "s/factors: .*/factors: $1/" -e "s/^body: .*/body: ${2:-mito-2026}/"
}
unlock() { sekisho unlock games >"$work/said" 2>&1; }
# A key that answers, but not as it should: refused, with the cause in the journal, and the next good answer lets in.
bad() { # WHAT DEED CAUSE COUNT
	deed one "$2"
	pam key games 1234
	check "$1: refused" told "$refused"
	check "$1: the person is told" told "$not_yours"
	check "$1: journalled" journalled "\"login.refused\",\"user\":\"games\".*\"cause\":\"$3\"" "$4"
	deed one good
	pam key games 1234
	check "$1: in again without it" told "$ok"
}

mkdir -p "$keys" "$work/plugged" "$libexec"
ln -s "$build"/libexec/* "$libexec"
ln -sf "$build/tests/libexec/fido2" "$libexec/fido2"
service key 60
check "keys are made" eval 'key one 1234 && key two 5678 && key bare "" && key other 4321 && key spare 1234 && key touch 2468 finger'
signer office
install -m 0644 "$work/office.pem" "$trust/policy-signers.pem"
echo 'mode: observe' >"$root/etc/sekisho/agent.yaml"
check "the agent starts" start_agent
[ $failed = 0 ] || { cat "$work/log"; summary; exit 1; }

# what is installed looks for hidraw alone
check "the installed program knows of no other place for keys" eval '! grep -q SEKISHO_TEST_KEYS "$build/libexec/fido2"'
check "(the test's does)" grep -q SEKISHO_TEST_KEYS "$build/tests/libexec/fido2"

# enrolment
plug one
check "without a policy that takes keys none is enrolled" eval '! enrol games 1234 && told "the policy does not take tokens of this kind"'
check "a policy with key and PIN is installed" policy "[[key, pin]]"
plug
check "no key: not enrolled" eval '! enrol games 1234 && told "There is no security key."'
plug one two
check "two keys at once: not enrolled" eval '! enrol games 1234 && told "Leave only one security key in."'
plug bare
check "a key without PIN: not enrolled" eval '! enrol games 1234 && told "This security key has no PIN yet."'
plug one
check "a wrong PIN: not enrolled" eval '! enrol games not-pin-1 && told "Wrong PIN."'
check "and it said how many tries there were" told "PIN: 8 tries left"
check "an empty PIN: not enrolled" eval '! enrol games "" && told "no PIN was typed"'
for wrong in no-up:key-not-touched no-uv:key-not-verified wrong-rp:key-other-party backed-up:key-data-broken; do
	deed one "${wrong%:*}"
	check "a key with ${wrong%:*} is not enrolled" eval '! enrol games 1234 && told "(${wrong#*:})"'
done
deed one bad-signature
check "a key that cannot sign is not enrolled" eval '! enrol games 1234 && told "key-bad-signature"'
deed one good
check "a good key is enrolled" eval 'enrol games 1234 --by t.yamada --label blue && told "games is enrolled for key, token 1"'
check "journalled, with who did it" journalled '"token.enrolled","user":"games","factor":"key","token":1,"by":"t.yamada"' 1
check "the same key is not enrolled twice" eval '! enrol games 1234 --add && told "this key is enrolled already"'
check "enrol list shows it" eval 'sekisho enrol list games | grep -qE "^1 +key .* blue$"'

# good
pam key games 1234
check "the key, its PIN and a touch are accepted" told "$ok"
check "the tries left are shown" told "Security key PIN (8 tries left)"
check "a touch is asked for" told "Touch the security key"
check "journalled with factor and token" journalled '"login.accepted","user":"games","service":"key".*"factor":"key","token":1' 1
plug two
check "a second key is enrolled" enrol games 5678 --add --label green
pam key games 5678
check "and accepted" told "$ok"
check "as what it is" journalled '"login.accepted","user":"games".*"factor":"key","token":2' 1
plug one
pam key games 1234
check "the first still is" told "$ok"

# PIN
pam key games ""
check "an empty PIN is refused" told "No PIN was typed."
pam key games "$(printf '%070d' 1)"
check "a PIN no key could have is refused" told "No PIN was typed."
pam key games not-pin-1
check "a wrong PIN is refused" told "$refused"
check "with what is left" told "Wrong PIN. 7 more and the security key is locked. 2 more and this user is locked."
check "journalled" journalled '"login.refused","user":"games".*"cause":"wrong-pin"' 1
pam key games 1234
check "the next one sees what is left" told "Security key PIN (7 tries left)"
check "and is let in" told "$ok"
pam key games not-pin-1
pam key games not-pin-2
check "the count began anew" told "1 more and this user is locked."
pam key games not-pin-3
check "the third wrong PIN locks the user" told "$maxtries"
check "the lock is an event" journalled '"login.locked","user":"games"' 1
pam key games 1234
check "a locked user is refused with the right PIN" told "$maxtries"
check "unlock" unlock
for n in 1 2 3 4; do pam key games 1234; done
check "a key wants to be plugged in anew after three wrong PINs in a row" told "Take the security key out"
check "which locks nobody, however often" told "$refused"
check "journalled" journalled '"login.refused","user":"games".*"cause":"pin-blocked"' 4
deed one replug
pam key games 1234
check "plugged in anew it lets in" told "$ok"
deed one good

# PIN retries exhausted: another key, eight times
plug spare
check "a spare key is enrolled" enrol games 1234 --add --label spare
for n in 1 2 3 4 5 6 7 8; do
	deed spare replug
	pam key games "wrong-$n"
	unlock
done
check "the eighth wrong PIN locks the key" told "The security key is locked; ask the administrator. 2 more"
pam key games 1234
check "a key whose tries are used up is locked" told "The security key is locked; ask the administrator."
check "its PIN is not asked for" told_not "Security key PIN"
check "journalled" journalled '"login.refused","user":"games".*"cause":"pin-locked"' 1
plug one
pam key games 1234
check "the other key lets in" told "$ok"
check "no PIN is in journal or log" eval '! grep -rqE "not-pin|wrong-[0-9]" "$work/log" "$root/var/lib/sekisho/journal"'

# whose key
for user in daemon nobody-there; do
	pam key $user 1234
	check "$user, with a key that is not theirs: refused" told "$refused"
	cp "$work/out" "$work/out.$user"
done
check "an unenrolled and an unknown user see the same" cmp "$work/out.daemon" "$work/out.nobody-there"
check "the same as with another's key" told "$not_yours"
plug other
check "daemon has a key" enrol daemon 4321
plug one
pam key daemon 1234
check "another's key with its right PIN does not let in" told "$not_yours"
check "what is told is no other than for an unknown user" cmp "$work/out" "$work/out.nobody-there"
check "journalled as what it was" journalled '"login.refused","user":"daemon".*"cause":"not-the-users-key"' 2
plug other
pam key daemon 4321
check "the right key does" told "$ok"

# signatures that are not good
plug one
bad "user presence off" no-up key-not-touched 1
bad "user verification off" no-uv key-not-verified 1
bad "a bad signature" bad-signature key-bad-signature 1
bad "signed for another relying party" wrong-rp key-other-party 1
bad "a credential that is backed up" backed-up key-data-broken 1
bad "signed by another credential than it says" other-credential key-data-broken 2
bad "a counter that goes back" counter-back key-counted-back 1
check "... which is an alarm" journalled '"key.counted_back","user":"games","service":"key".*"token":1' 1

# keys that do not come to an end
deed one untouched
pam key games 1234
check "not touched: refused, and said" eval 'told "$refused" && told "The security key was not touched"'
deed one garbage
pam key games 1234
check "no CBOR: refused, and said" eval 'told "$refused" && told "The security key does not answer"'
deed one unplug
pam key games 1234
check "pulled out halfway: refused, and said" eval 'told "$refused" && told "The security key was taken out"'
check "journalled" journalled '"login.refused","user":"games".*"cause":"key-removed"' 1
plug two
pam key games 5678
check "none of it counts against the user" told "$ok"
plug bare
pam key games 1234
check "a key without PIN is refused" told "This security key has no PIN yet."
plug two other
pam key games 5678
check "two keys at once are refused" told "Leave only one security key in."
plug
pam key games "" 1
check "no key: refused, after time to put one in" eval 'told "Put your security key in" && told "There is no security key."'

# codes beside keys
check "a policy with keys or codes" policy "[[key, pin], [password, totp]]"
secret=$(sekisho enrol totp games --no-confirm 2>/dev/null | sed -n 's/^Secret: //p')
code() { oathtool --totp --base32 --now "$(date -u -d "@$(($(date +%s) + 30 * $1))" '+%Y-%m-%d %H:%M:%S UTC')" "$secret"; }
pam key games "$(code 0)"
check "without a key the code is asked for and accepted" told "$ok"
plug two
pam key games 5678
check "with one its PIN" told "$ok"
pam key games "" "$(code 1)"
check "or, where it is left empty, the code" told "$ok"

# fingerprints
check "a policy with key and PIN, or key and fingerprint" policy "[[key, pin], [key, fingerprint]]"
plug touch
check "a key that knows a fingerprint is enrolled" enrol games 2468 --add --label finger
pam key games ""
check "its fingerprint is asked for where the PIN is left empty" eval 'told "empty: fingerprint" && told "Put your finger on the security key"'
check "and accepted" told "$ok"
pam key games 2468
check "as is its PIN" told "$ok"
deed touch wrong-finger
pam key games ""
check "a wrong finger is refused" eval 'told "$refused" && told "Wrong fingerprint."'
check "journalled" journalled '"login.refused","user":"games".*"cause":"wrong-fingerprint"' 1
deed touch finger-blocked
pam key games ""
check "a blocked finger is refused" told "No fingerprint is read now; type the PIN."
deed touch no-uv
pam key games ""
check "a finger that the key does not vouch for is refused" told "$not_yours"
deed touch good
plug two
pam key games ""
check "a key without a fingerprint has to show its PIN" eval 'told "No PIN was typed." && told_not "empty: fingerprint"'
check "a policy with key and fingerprint alone" policy "[[key, fingerprint]]"
pam key games 5678
check "then it does not let in" told "This security key knows no fingerprint."
plug touch
pam key games
check "and the other is asked for no PIN" eval 'told "$ok" && told_not "PIN"'
check "a policy with key and PIN alone" policy "[[key, pin]]"
pam key games ""
check "then no fingerprint lets in" eval 'told "No PIN was typed." && told_not "Put your finger"'
plug two

# a voucher instead of the key (voucher.sh has the rest)
check "a policy with keys or vouchers" policy "[password, key, pin]\\n  voucher: allow"
plug
pam key games 0123456789012345
check "without a key a voucher's code can be typed" told "Put your security key in and press Enter, or type your voucher's code: "
check "which is judged" told "Wrong verification code"
pam key games ""
check "none counts for nothing" told "There is no security key."
plug two
pam key games 5678
check "and the key lets in as ever" told "$ok"
check "a policy with key and PIN alone again" policy "[[key, pin]]"

# another body, another relying party
check "the policy of another body" policy "[[key, pin]]" hokuto-2025
pam key games 5678
check "a key enrolled under the other body does not let in" told "$not_yours"
check "the first body's again" policy "[[key, pin]]"
pam key games 5678
check "(and is good again)" told "$ok"

# the installed program: looks for hidraw within its sandbox, and lives
ln -sf "$build/libexec/fido2" "$libexec/fido2"
pam key games "" 1
check "the installed program finds no key here" eval 'told "Put your security key in" && told "There is no security key."'
ln -sf "$build/tests/libexec/fido2" "$libexec/fido2"

# revoked
check "revoke" sekisho revoke games 2 --by jiro
pam key games 5678
check "a revoked key does not let in" told "$not_yours"
check "enrol list knows" eval '! sekisho enrol list games | grep -q green'
check "it can be enrolled again" eval 'enrol games 5678 --add && told "token 6"'
check "and takes the place of all, itself too" eval 'enrol games 5678 --replace && told "token 7"'
pam key games 5678
check "and is accepted" told "$ok"

# a key that never answers
deed two silent
begun=$SECONDS
pam key games 5678
check "no answer: refused" told "$refused"
check "and it came to an end" test $((SECONDS - begun)) -lt 45
deed two good
pam key games 5678
check "and is good again" told "$ok"
check "no process of a key is left but who stays with the one each user was let in by" within 10 \
	eval '[ "$(pgrep -c -P "$(agent_main)" -x fido2)" -le 2 ]'

summary
