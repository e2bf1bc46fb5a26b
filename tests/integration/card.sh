#!/usr/bin/env bash
# Logins by IC card: a whole agent, a real PAM stack, real PKCS#11 tokens (SoftHSM), an authority of openssl(1). Everything
# that may be wrong with a card, and every way in that must stay shut. Answers are asserted on their text.
set -u
top=${SEKISHO_TOP:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${SEKISHO_BUILD:-$top/build/release}
. "$top/tests/lib.sh"
. "$top/tests/lib_login.sh"
pki=$work/pki
cards=$work/cards
softhsm=$(find /usr/lib -name libsofthsm2.so 2>/dev/null | head -n 1)
export SOFTHSM2_CONF=$work/softhsm2.conf
export RUDE_DEED=$work/deed RUDE_DONE=$work/open/done RUDE_CERTIFICATE=$work/hanako.der RUDE_STATE=$root/var/lib/sekisho/auth/games
not_yours="This card does not log in this user."

# --- authorities and cards
ca() { # NAME
	mkdir -p "$pki/$1"
	: >"$pki/$1/index"
	echo 1000 >"$pki/$1/serial"
	echo 01 >"$pki/$1/crlnumber"
	cat >"$pki/$1/conf" <<END
[ca]
default_ca = this
[this]
database = $pki/$1/index
serial = $pki/$1/serial
crlnumber = $pki/$1/crlnumber
new_certs_dir = $pki/$1
certificate = $pki/$1/ca.pem
private_key = $pki/$1/ca.key
default_md = sha256
default_crl_days = 30
policy = any
unique_subject = no
[any]
commonName = supplied
[login]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
[plain]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
[signing]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature, nonRepudiation
[server]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
END
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$pki/$1/ca.key" -out "$pki/$1/ca.pem" \
		-days 3650 -subj "/CN=Authority $1" -addext "basicConstraints=critical,CA:true" \
		-addext "keyUsage=critical,keyCertSign,cRLSign" 2>/dev/null
}
crl() { # CA OPENSSL-CA-OPTIONS...: prints the list
	local name=$1
	shift
	openssl ca -config "$pki/$name/conf" -gencrl "$@" 2>/dev/null
}
utc() { date -u -d "$1" +%Y%m%d%H%M%SZ; }

key_of() { # KIND OUT
	case $1 in
	p256) openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$2" ;;
	p384) openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out "$2" ;;
	rsa) openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$2" ;;
	weak) openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out "$2" ;;
	esac 2>/dev/null
}
# A token of its own for each card; $cards/NAME.pem is its certificate. Keys may be shared, so that only the certificate differs.
card() { # NAME CA EXTENSIONS KEY-KIND [OPENSSL-CA-OPTIONS...]
	local name=$1 ca=$2 extensions=$3 kind=$4
	shift 4
	mkdir -p "$cards/$name"
	[ -e "$pki/$kind.key" ] || key_of "$kind" "$pki/$kind.key"
	openssl req -new -key "$pki/$kind.key" -subj "/CN=$name" -out "$pki/request" 2>/dev/null
	openssl ca -config "$pki/$ca/conf" -batch -extensions "$extensions" -in "$pki/request" -out "$cards/$name.pem" -notext \
		-days 365 "$@" 2>/dev/null || return 1
	openssl x509 -in "$cards/$name.pem" -outform DER -out "$pki/der"
	openssl pkcs8 -topk8 -nocrypt -in "$pki/$kind.key" -out "$pki/pkcs8"
	put_in "$name"
	softhsm2-util --init-token --free --label "$name" --so-pin 12345678 --pin 1234 >/dev/null &&
		softhsm2-util --import "$pki/pkcs8" --token "$name" --label key --id a1 --pin 1234 >/dev/null &&
		pkcs11-tool --module "$softhsm" --token-label "$name" --login --pin 1234 --write-object "$pki/der" --type cert \
			--id a1 --label cert >/dev/null 2>&1 && chown -R $((ids + 5)) "$cards/$name"
}
put_in() { # NAME: this card is in the reader now; "none"
	mkdir -p "$cards/$1"
	printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$cards/$1" >"$SOFTHSM2_CONF"
}

# --- logins
enrol() { # USER PIN OPTIONS...
	local pin=$2
	sekisho enrol card "$1" "${@:3}" <<<"$pin" >"$work/out" 2>&1
}
policy() { # FACTORS CRL-GRACE-HOURS MAX-FAILURES
	next_policy -e "s/factors: .*/factors: $1\\n  crl_grace_hours: $2/" -e "s/max_failures: .*/max_failures: $3/"
}
fresh_crl() { crl good >"$trust/card-crl.pem"; }
fault() { # WHAT CARD TEXT CAUSE: this card does not get to its PIN
	put_in "$2"
	pam card games 1234
	check "$1: refused" told "$refused"
	check "$1: the person is told why" told "$3"
	check "$1: the PIN is not asked for" told_not "Card PIN"
	check "$1: journalled" journalled "\"login.refused\",\"user\":\"games\".*\"cause\":\"$4\"" 1
}

check "there is a SoftHSM" test -n "$softhsm"
mkdir -p "$cards" "$pki"
service card 60
ca good
ca other
check "cards are made: P-256, P-384, RSA" eval 'card hanako good login p256 && card jiro good login p384 && card saburo good login rsa'
check "... another authority's, expired, not yet valid, revoked" eval 'card stranger other login p256 &&
	card expired good login p256 -startdate "$(utc "-2 years")" -enddate "$(utc "-1 day")" &&
	card early good login p256 -startdate "$(utc "+2 days")" -enddate "$(utc "+1 year")" && card revoked good login p256 &&
	openssl ca -config "$pki/good/conf" -revoke "$cards/revoked.pem" 2>/dev/null'
check "... without extended usage, for signing, for a server, weak" eval 'card plain good plain p256 && card signing good signing p256 &&
	card server good server p256 && card weak good login weak'
put_in none
signer office
install -m 0644 "$work/office.pem" "$trust/policy-signers.pem"
install -m 0644 "$pki/good/ca.pem" "$trust/card-ca.pem"
fresh_crl
printf 'mode: observe\ncard_module: %s\n' "$softhsm" >"$root/etc/sekisho/agent.yaml"
check "the agent starts" start_agent
[ $failed = 0 ] || { cat "$work/log"; summary; exit 1; }

# enrolment
check "without a policy that takes cards none is enrolled" eval '! enrol games 1234'
check "and it says why" told "the policy does not take tokens of this kind"
check "a policy with card and PIN is installed" policy "[[card, pin]]" 0 3
check "no card in the reader: not enrolled" eval '! enrol games 1234 && told "there is no card"'
put_in hanako
check "a wrong PIN: not enrolled" eval '! enrol games not-pin-1 && told "wrong PIN"'
check "an empty PIN: not enrolled" eval '! enrol games "" && told "No PIN was typed"'
put_in revoked
check "a revoked card is not enrolled" eval '! enrol games 1234 && told "This card is revoked"'
put_in stranger
check "another authority's card is not enrolled" eval '! enrol games 1234 && told "not a card for this terminal"'
put_in hanako
check "a good card is enrolled" eval 'enrol games 1234 --by t.yamada --label green && told "games is enrolled for card, token 1"'
check "its holder is shown" told "CN=hanako"
check "journalled, with who did it" journalled '"token.enrolled","user":"games","factor":"card","token":1,"by":"t.yamada"' 1
check "the same card is not enrolled twice" eval '! enrol games 1234 --add'
check "enrol list shows it" eval 'sekisho enrol list games | grep -qE "^1 +card .* green$"'

# good
put_in hanako
pam card games 1234
check "P-256: the card and its PIN are accepted" told "$ok"
check "journalled with factor and token" journalled '"login.accepted","user":"games","service":"card".*"factor":"card","token":1' 1
put_in jiro
check "a second card is enrolled" enrol games 1234 --add
pam card games 1234
check "P-384: accepted" told "$ok"
put_in saburo
check "a third one" enrol games 1234 --add
pam card games 1234
check "RSA: accepted" told "$ok"
put_in plain
check "one without extended usage" enrol games 1234 --add
pam card games 1234
check "digitalSignature alone: accepted" told "$ok"

# PIN
put_in hanako
pam card games ""
check "an empty PIN is refused" told "No PIN was typed."
check "and does not count" eval '! told "more and this user is locked"'
pam card games "$(printf '%070d' 1)"
check "a PIN no card could have is refused" told "No PIN was typed."
pam card games not-pin-1
check "a wrong PIN is refused" told "Wrong PIN."
check "with the card's own word, and the tries left" told "takes fewer tries now. 2 more and this user is locked."
check "journalled" journalled '"login.refused","user":"games".*"cause":"wrong-pin"' 1
pam card games 1234
check "the next one is warned that it was wrong" told "The PIN was wrong before"
check "and is let in" told "$ok"
pam card games not-pin-1
pam card games not-pin-2
check "the count began anew" told "1 more and this user is locked."
pam card games not-pin-3
check "the third wrong PIN locks" told "$maxtries"
pam card games 1234
check "a locked user is refused with the right PIN" told "$maxtries"
check "the lock is an event" journalled '"login.locked","user":"games"' 1
check "unlock" sekisho unlock games
pam card games 1234
check "and in again" told "$ok"
check "no PIN is in journal or log" eval '! grep -rqE "not-pin" "$work/log" "$root/var/lib/sekisho/journal"'

# whose card
put_in hanako
for user in daemon nobody-there; do
	pam card $user 1234
	check "$user, with a card that is not theirs: refused" told "$refused"
	cp "$work/out" "$work/out.$user"
done
check "an unenrolled and an unknown user see the same" cmp "$work/out.daemon" "$work/out.nobody-there"
check "the same as with another's card" told "$not_yours"
put_in jiro
check "daemon has jiro's card" enrol daemon 1234
put_in hanako
pam card daemon 1234
check "another's card with its right PIN does not let in" told "$not_yours"
check "what is told is no other than for an unknown user" cmp "$work/out" "$work/out.nobody-there"
check "journalled as what it was" journalled '"login.refused","user":"daemon".*"cause":"not-the-users-card"' 2
check "the right card does" eval "put_in jiro; pam card daemon 1234; told \"\$ok\""

# a certificate that is not good
fault "another authority's card" stranger "This is not a card for this terminal." card-untrusted
fault "an expired card" expired "outside its dates" card-expired
check "a card that is not valid yet" eval 'put_in early; pam card games 1234; told "outside its dates"'
fault "a revoked card" revoked "This card is revoked" card-revoked
fault "a certificate for signatures" signing "not for logging in" card-wrong-purpose
check "a server's certificate" eval 'put_in server; pam card games 1234; told "not for logging in"'
fault "a weak key" weak "The card's key is too weak." card-weak-key
fault "no card" none "There is no card in the reader." no-card
# ... though it was good when it was enrolled
put_in hanako
openssl ca -config "$pki/good/conf" -revoke "$cards/hanako.pem" 2>/dev/null
fresh_crl
pam card games 1234
check "an enrolled card that was revoked since is refused" told "This card is revoked"
sed -i "s/^R\\(.*CN=hanako\\)$/V\\1/; s/^\\(V\t[^\t]*\t\\)[^\t]*/\\1/" "$pki/good/index"
fresh_crl
pam card games 1234
check "(and is good again by the next list)" told "$ok"

# the list of revoked cards
mv "$trust/card-crl.pem" "$work/crl"
fault "no list" hanako "There is no revocation list" card-no-crl
crl other >"$trust/card-crl.pem"
pam card games 1234
check "another authority's list is none" told "There is no revocation list"
crl good -crl_lastupdate "$(utc "-3 days")" -crl_nextupdate "$(utc "-2 hours")" >"$trust/card-crl.pem"
fault "a list past its date, without grace" hanako "revocation list for this card is too old" card-crl-too-old
check "a policy with 24 hours of grace" policy "[[card, pin]]" 24 3
pam card games 1234
check "a list within grace: accepted" told "$ok"
check "and an alarm is journalled" journalled '"card.crl_old","user":"games","service":"card"' 1
put_in revoked
pam card games 1234
check "a card revoked in a list within grace is revoked" told "This card is revoked"
put_in hanako
crl good -crl_lastupdate "$(utc "-9 days")" -crl_nextupdate "$(utc "-25 hours")" >"$trust/card-crl.pem"
pam card games 1234
check "a list beyond grace: refused" told "revocation list for this card is too old"
crl good | sed 's/^MI/MJ/' >"$trust/card-crl.pem"
pam card games 1234
check "a damaged list is none" told "There is no revocation list"
fresh_crl
chmod 666 "$trust/card-ca.pem"
pam card games 1234
check "an authority file that others may write is not believed" told "This is not a card for this terminal."
chmod 644 "$trust/card-ca.pem"

# codes beside cards
check "a policy with cards or codes" policy "[[card, pin], [password, totp]]" 0 3
secret=$(sekisho enrol totp games --no-confirm 2>/dev/null | sed -n 's/^Secret: //p')
code() { oathtool --totp --base32 --now "$(date -u -d "@$(($(date +%s) + 30 * $1))" '+%Y-%m-%d %H:%M:%S UTC')" "$secret"; }
put_in none
pam card games "$(code 0)"
check "without a card the code is asked for and accepted" told "$ok"
put_in hanako
pam card games 1234
check "with one in the reader its PIN" told "$ok"
pam card games "" "$(code 1)"
check "or, where it is left empty, the code" told "$ok"
put_in revoked
pam card games 1
check "with a revoked card the person is told, and asked for the code" eval 'told "This card is revoked" && told "Verification code"'
put_in none
printf '%s\n' "" | sekisho unlock games >/dev/null 2>&1
pam card daemon 123456
cp "$work/out" "$work/out.daemon"
pam card nobody-else 123456
check "who has only a card sees with a code what an unknown user sees" cmp "$work/out" "$work/out.daemon"

# a voucher instead of the card (voucher.sh has the rest)
check "a policy with cards or vouchers" policy "[password, card, pin]\\n  voucher: allow" 0 3
prompt="Put your card into the reader and press Enter, or type your voucher's code: "
put_in none
pam card games 0123456789012345
check "without a card a voucher's code can be typed" told "$prompt"
check "which is judged" told "Wrong verification code; 2 more"
pam card games ""
check "none counts for nothing" told "There is no card in the reader."
put_in hanako
pam card games 1234
check "and the card lets in as ever" told "$ok"

# the module
put_in hanako
printf 'mode: observe\ncard_module: /nonexistent.so\n' >"$root/etc/sekisho/agent.yaml"
check "a policy with cards alone" policy "[[card, pin]]" 0 3
pam card games 1234
check "a module that is not there: refused, and it is said" told "No card can be read here"
install -d -m 0777 "$work/open"
openssl x509 -in "$cards/hanako.pem" -outform DER -out "$work/hanako.der"
printf 'mode: observe\ncard_module: %s\n' "$build/tests/unit/agent/rude_module.so" >"$root/etc/sekisho/agent.yaml"
for deed in exec write kill crash lie; do
	echo $deed >"$work/deed"
	pam card games 1234
	check "a module that does worse ($deed): refused" told "$refused"
done
echo signature >"$work/deed"
pam card games 1234
check "a slot for the signatures of a My Number card is none" told "There is no card in the reader."
check "nothing that it tried came about" test ! -e "$RUDE_DONE"
printf 'mode: observe\ncard_module: %s\n' "$softhsm" >"$root/etc/sekisho/agent.yaml"
pam card games 1234
check "the agent is whole, and the card lets in" told "$ok"
check "no process of a card is left" within 10 eval '[ -z "$(pgrep -P "$(agent_main)" -x card)" ]'

summary
