#!/usr/bin/env bash
# A forgotten card: an officer's voucher, taken by a whole agent of its own root, and its code through a real PAM stack. Every
# other voucher and every second use is refused. Answers are asserted on their text.
set -u
top=${SEKISHO_TOP:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${SEKISHO_BUILD:-$top/build/release}
. "$top/tests/lib.sh"
. "$top/tests/lib_login.sh"
vouchers=$root/var/lib/sekisho/voucher
office=yamada
version=100

policy() { # FACTORS WORD
	next_policy -e "s/factors: .*/factors: $1/" -e "s/max_failures: 3/max_failures: 5\n  voucher: $2/"
}
in_status() { # JQ
	sekisho status --json | jq -e "$1"
}
issue() { # FILE OPTIONS...: the code goes to $digits
	local file=$work/$1
	shift
	sekisho voucher new --terminal window-01 --user games --certificate "$work/yamada.pem" --key "$work/yamada.key" \
		--out "$file" "$@" >"$work/out" 2>&1 || return
	digits=$(sed -nE 's/^ +([0-9]{4}   [0-9]{4}   [0-9]{4}   [0-9]{4})$/\1/p' "$work/out")
	[ -n "$digits" ]
}
take() { # FILE
	sekisho voucher take "$work/$1" --by jiro >"$work/out" 2>&1
}
day() { # WORDS
	date -d "$1" +%F
}

# Nothing here is to happen at midnight.
[ "$(date +%H%M)" != 2359 ] || sleep 61

service login 20
signer yamada
signer sato
check "the agent starts" start_agent
[ $failed = 0 ] || { cat "$work/log"; summary; exit 1; }
install -m 644 "$work/yamada.pem" "$trust/policy-signers.pem"
mkdir -p "$root/var/lib/sekisho/enrolment"
printf '{"collector":"https://localhost:1","terminal":"window-01","ueid":"%s","receipt_key":"-"}' \
	"$(printf '\001sixteen-bytes-ok' | base64 | tr '+/' '-_' | tr -d =)" >"$root/var/lib/sekisho/enrolment/enrolment.json"
sekisho enrol totp games --no-confirm >/dev/null 2>&1

# what the policy says
check "a policy without vouchers is installed" policy "[password, totp]" deny
check "an officer issues a voucher" issue first.p7
check "its code is shown in groups" told "$digits"
check "it stands in the voucher in no form" test "$(grep -cF "${digits// /}" "$work/first.p7")" = 0
check "issuing is journalled where an agent runs" journalled '"voucher.issued","user":"games","terminal":"window-01","day":"'"$(day today)"'"' 1
ends 1 "no voucher is taken where the policy denies them" take first.p7
check "and that is said" told "the policy in force does not allow vouchers"
pam login games "$digits"
check "its code is a wrong code then" told "Wrong verification code; 4 more"
ends 1 "vouchers without a password in each combination are no policy" policy "[card, pin]" allow
check "which is said" told "needs the password in every combination"
check "a policy with vouchers is installed" policy "[password, totp]" allow
check "policy show has it" test "$(sekisho policy show --json | jq -r .login.voucher)" = allow
pam login games "$digits"
check "the code of a voucher that was not taken is wrong" told "Wrong verification code; 3 more"

# which one is taken
check "another terminal's voucher" sekisho voucher new --terminal window-02 --user games --certificate "$work/yamada.pem" \
	--key "$work/yamada.key" --out "$work/elsewhere.p7"
ends 1 "is refused" take elsewhere.p7
check "and it is said why" told "is for another terminal"
check "tomorrow's voucher" issue tomorrow.p7 --day "$(day tomorrow)"
ends 1 "is refused" take tomorrow.p7
check "and it is said why" told "is not for today"
ends 1 "none is issued for yesterday" issue yesterday.p7 --day "$(day yesterday)"
check "somebody else's voucher" sekisho voucher new --terminal window-01 --user games --certificate "$work/sato.pem" \
	--key "$work/sato.key" --out "$work/sato.p7"
ends 1 "is refused" take sato.p7
ends 1 "so is a policy that an officer signed" take policy.p7
ends 1 "and what is not signed" take policy.yaml
check "a voucher for nobody" sekisho voucher new --terminal window-01 --user nobody --certificate "$work/yamada.pem" \
	--key "$work/yamada.key" --out "$work/nobody.p7"
ends 1 "is refused" take nobody.p7
check "and it is said why" told "nobody: is not enrolled"
check "nothing was taken so far" journalled '"voucher.taken"' 0
check "the first one is taken" take first.p7
check "until when is said" told "it counts once, until midnight"
check "which is journalled with its officer" journalled '"voucher.taken","user":"games","day":"'"$(day today)"'","voucher":"[0-9a-f]{32}","officer":"CN=yamada","by":"jiro"' 1
ends 1 "not a second time" take first.p7
check "and that is said" told "has been taken before"
check "the status shows it" within 5 in_status '.state.auth.vouchers == "games"'
check "the state has no code" test "$(grep -caF "${digits// /}" "$root/var/lib/sekisho/auth/games")" = 0

# what its code does
issue second.p7
second=$digits
pam login games "$second"
check "a voucher's code that was not taken is wrong" told "Wrong verification code; 2 more"
pam login no-such-user "$second"
check "a name that is not enrolled meets the same" told "Wrong verification code; 4 more"
check "taking the second" take second.p7
check "ends the first, which was not used" journalled '"voucher.ended","user":"games".*"cause":"replaced"' 1
stop "$agent"
check "the agent is started anew" start_agent
pam login games "$second"
check "the code lets in" told "$ok"
check "which is journalled" journalled '"voucher.used","user":"games","service":"login".*"voucher":"[0-9a-f]{32}"' 1
check "and so is the login" journalled '"login.accepted","user":"games".*"factor":"voucher"' 1
operation=open_session pam login games
check "and the session" journalled '"session.opened","user":"games".*"factor":"voucher"' 1
pam login games "$second"
check "once" told "This voucher has been used"
check "and no more" told "$refused"
kill -KILL "$(agent_child auth)"
within 10 agent_child auth >/dev/null
pam login games "$second"
check "also after a restart" told "This voucher has been used"
ends 1 "nor is it taken again" take second.p7
sekisho revoke games all >/dev/null 2>&1
sekisho enrol totp games --no-confirm >/dev/null 2>&1
ends 1 "not by a user who was enrolled anew either" take second.p7
pam login games "$second"
check "for whom its code is wrong" told "Wrong verification code; 4 more"

# instead of a card
check "a policy of cards is installed" policy "[password, card, pin]" allow
check "a third voucher" issue third.p7
check "is taken" take third.p7
pam login games "$digits"
check "and lets in where there is no card" told "$ok"
check "asked for as such" told "oucher"
pam login games 123456
check "a token that the policy does not take is not told" told "Wrong verification code; 4 more"

# its end
check "one is in force" test -e "$vouchers/$(day today).games"
mv "$vouchers/$(day today).games" "$vouchers/$(day yesterday).games"
check "the status is asked the day after" within 5 in_status '.state.auth.vouchers == ""'
check "the end is journalled" journalled '"voucher.ended","user":"games","day":"'"$(day yesterday)"'","cause":"day-over"' 1
check "once" test ! -e "$vouchers/$(day yesterday).games"
stop "$agent"
touch "$vouchers/$(day yesterday).games"
check "an agent that was off at midnight starts" start_agent
check "and journals the end then" within 10 journalled '"voucher.ended","user":"games","day":"'"$(day yesterday)"'","cause":"day-over"' 2
check "so it is gone" within 10 test ! -e "$vouchers/$(day yesterday).games"
check "a fourth voucher" issue fourth.p7
check "is taken" take fourth.p7
rm "$vouchers/$(day today).games"
pam login games "$digits"
check "one that ended lets nobody in" told "$refused"
check "a fifth voucher" issue fifth.p7
check "is taken" take fifth.p7
check "and ended by hand" sekisho voucher end games --by hanako
check "which is journalled" journalled '"voucher.ended","user":"games","day":"'"$(day today)"'","cause":"by-hand","by":"hanako"' 1
touch "$vouchers/$(day today).games"
pam login games "$digits"
rm -f "$vouchers/$(day today).games"
check "its code is wrong then, also for a login that had begun" told "Wrong verification code"
ends 1 "there is nothing to end then" sekisho voucher end games
check "the journal is whole" sekisho journal verify
summary
