#!/usr/bin/env bash
# Logins by My Number card: a whole agent, a real PAM stack, opensc-pkcs11.so, pcscd with the virtual reader of vsmartcard-vpcd,
# and cards in software (my_number_card.c) that OpenSC takes for My Number cards. pcscd runs among mounts and a network of its
# own; only its socket is seen outside. Answers are asserted on their text. The key for signatures is on every card, and never used.
set -u
top=${SEKISHO_TOP:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${SEKISHO_BUILD:-$top/build/release}
. "$top/tests/lib.sh"
need_root
root=$work/root
svc=$work/svc
pki=$work/pki
cards=$work/cards
reader=$work/reader
trust=$root/etc/sekisho/trust
opensc=$(find /usr/lib -name opensc-pkcs11.so 2>/dev/null | head -n 1)
asan=$(asan_of "$build/pam_module/pam_sekisho.so")
ids=$((67400 + ($$ % 200) * 6))
agent=
export PCSCLITE_CSOCK_NAME=$work/pcscd/pcscd.comm
export OPENSC_CONF=$top/packaging/config/opensc.conf
clean_up() {
	[ -z "$agent" ] || stop "$agent"
	kill "$(cat "$work/card.pid" 2>/dev/null)" "$(cat "$work/pcscd.pid" 2>/dev/null)" 2>/dev/null
}
on_failure() {
	[ ! -s "$work/out" ] || sed 's/^/        | /' "$work/out"
}

ok="pamtester: successfully authenticated"
refused="pamtester: Authentication failure"
not_yours="This card does not log in this user."
prompt="My Number card PIN (user authentication, 4 digits): "
removed="The card was taken out; put it in and try again."
locked="The My Number card's PIN for user authentication is locked"

told() { grep -qF -- "$1" "$work/out"; }
told_not() { ! told "$1"; }
journalled() { # PATTERN COUNT
	[ "$(cat "$root"/var/lib/sekisho/journal/*.jsonl | grep -cE "$1")" = "$2" ]
}
sekisho() {
	"$build/agent/sekisho" --root "$root" "$@"
}

# --- authorities, with the extensions of the real ones: a list for each municipality, of users alone
ca() { # NAME
	mkdir -p "$pki/$1"
	: >"$pki/$1/index"
	echo 1000 >"$pki/$1/serial"
	echo 01 >"$pki/$1/crlnumber"
	cat >"$pki/$1/conf" <<-END
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
		countryName = optional
		commonName = supplied
		[auth]
		keyUsage = critical, digitalSignature
		extendedKeyUsage = clientAuth
		crlDistributionPoints = mito
		[sign]
		keyUsage = critical, digitalSignature, nonRepudiation
		crlDistributionPoints = mito
		[mito]
		fullname = dirName:mito_point
		[mito_point]
		C = JP
		O = JPKI
		OU = CRL Distribution Points
		CN = Mito-shi CRLDP
		[tsukuba_point]
		C = JP
		O = JPKI
		OU = CRL Distribution Points
		CN = Tsukuba-shi CRLDP
		[mito_list]
		issuingDistributionPoint = critical, @mito_users
		[tsukuba_list]
		issuingDistributionPoint = critical, @tsukuba_users
		[mito_users]
		fullname = dirName:mito_point
		onlyuser = TRUE
		[tsukuba_users]
		fullname = dirName:tsukuba_point
		onlyuser = TRUE
	END
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$pki/$1/ca.key" -out "$pki/$1/ca.pem" -days 3650 \
		-subj "/C=JP/O=JPKI/OU=JPKI for $1" -addext "basicConstraints=critical,CA:true" \
		-addext "keyUsage=critical,keyCertSign,cRLSign" 2>/dev/null
}
lists() { # [OPENSSL-CA-OPTIONS...]: those of user authentication, Mito's and another's
	for place in tsukuba mito; do
		openssl ca -config "$pki/auth/conf" -gencrl -crlexts "${place}_list" "$@" 2>/dev/null
	done >"$trust/card-crl.pem"
}
utc() { date -u -d "$1" +%Y%m%d%H%M%SZ; }
certificate() { # CARD EF AUTHORITY EXTENSIONS KEY [OPENSSL-CA-OPTIONS...]
	local card=$1 ef=$2 ca=$3 extensions=$4 key=$5
	shift 5
	[ -e "$pki/$key.key" ] || openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$pki/$key.key" 2>/dev/null
	openssl req -new -key "$pki/$key.key" -subj "/C=JP/CN=$card" -out "$pki/request" 2>/dev/null
	openssl ca -config "$pki/$ca/conf" -batch -extensions "$extensions" -in "$pki/request" -out "$pki/new.pem" -notext \
		-days 365 "$@" 2>/dev/null || return 1
	cp "$pki/$key.key" "$cards/$card/$ef.key"
	openssl x509 -in "$pki/new.pem" -outform DER -out "$cards/$card/$ef.der"
}
card() { # NAME [OPENSSL-CA-OPTIONS...]: as it is issued; the options are for user authentication
	local name=$1
	shift
	mkdir -p "$cards/$name"
	certificate "$name" sign sign sign signature && certificate "$name" auth auth auth "$name" "$@" || return 1
	openssl x509 -in "$pki/auth/ca.pem" -outform DER -out "$cards/$name/auth-ca.der"
	openssl x509 -in "$pki/sign/ca.pem" -outform DER -out "$cards/$name/sign-ca.der"
	echo 1234 >"$cards/$name/auth-pin"
	echo SIGN1234 >"$cards/$name/sign-pin"
}
put_in() { # NAME: this card is in the reader now; "none"
	rm -f "$reader/in"
	within 10 eval '! opensc-tool --reader 0 --atr' >/dev/null 2>&1
	[ "$1" != none ] || return
	ln -s "$cards/$1" "$reader/in"
	within 10 opensc-tool --reader 0 --atr >/dev/null 2>&1
}
tries() { # CARD [LEFT]: the card's own count of wrong PINs
	if [ $# = 1 ]; then cat "$cards/$1/auth-tries"; else echo "$2" >"$cards/$1/auth-tries"; fi
}
uses() { # CARD WHAT: how often
	cat "$cards/$1/uses" /dev/null 2>/dev/null | grep -cx "$2"
}

# --- pcscd, the agent, and its logins
start_reader() {
	mkdir -p "$reader" "$work/pcscd"
	printf 'FRIENDLYNAME "Virtual"\nDEVICENAME /dev/null:0x8C7B\nLIBPATH %s\nCHANNELID 0x8C7B\n' \
		"$(find /usr/lib/pcsc -name libifdvpcd.so | head -n 1)" >"$work/reader.conf"
	# shellcheck disable=SC2016 # the inner shell's
	unshare --mount --net sh -c 'echo $$ >"$1/pcscd.pid"; ip link set lo up && mount -t tmpfs -o mode=755 none /run &&
		mkdir /run/pcscd && mount --bind "$1/pcscd" /run/pcscd || exit
		"$2" "$1/reader" 35963 & echo $! >"$1/card.pid"
		exec pcscd --foreground --config "$1/reader.conf"' - "$work" "$build/tests/unit/agent/my_number_card" >>"$work/log" 2>&1 &
	within 10 test -S "$PCSCLITE_CSOCK_NAME"
}
services() {
	mkdir -p "$svc"
	echo "auth required pam_deny.so" >"$svc/other"
	echo "auth required $build/pam_module/pam_sekisho.so socket=$root/run/sekisho/auth.sock timeout=60" >"$svc/card"
}
start_agent() { # LANGUAGE
	: >"$work/ready"
	LC_ALL=$1 "$build/agent/sekishod" --root "$root" --libexec "$build/libexec" --user-ids "$ids" --observe >>"$work/ready" 2>&1 &
	agent=$!
	within 30 grep -q 'sekishod: ' "$work/ready"
}
restart_agent() { # LANGUAGE
	stop "$agent"
	cat "$work/ready" >>"$work/log"
	start_agent "$1"
}
# pam_wrapper's processes trip over each other's directories now and then: such a one never got to libpam.
pam_typed() { # USER COMMAND...: what types the answers
	local user=$1 try
	shift
	for try in 1 2 3 4 5 6; do
		: >"$work/out" # asked() must not see what was asked before
		"$@" | LD_PRELOAD="$asan libpam_wrapper.so" PAM_WRAPPER=1 PAM_WRAPPER_SERVICE_DIR=$svc \
			timeout 60 pamtester card "$user" authenticate >"$work/out" 2>&1
		! grep -qE 'PIN|[Cc]ard |カード' "$work/out" || return # the agent was asked
		grep -q -e 'pwrap_' -e 'Initialization failure' "$work/out" || return
		sleep 0.$try
	done
}
pam() { # USER ANSWER...
	local user=$1
	shift
	pam_typed "$user" printf '%s\n' "$@"
}
asked() { # what the person does next, when the PIN is asked for
	within 10 grep -qF "$1" "$work/out"
	shift
	"$@"
}
enrol() { # USER PIN OPTIONS...
	local pin=$2
	sekisho enrol card "$1" "${@:3}" <<<"$pin" >"$work/out" 2>&1
}
policy() {
	sed -e "s/factors: .*/factors: [[card, pin]]/" -e "s/max_failures: .*/max_failures: 9/" \
		"$top/packaging/policies/mito-my-number.yaml" >"$work/policy.yaml"
	sekisho policy sign "$work/policy.yaml" --certificate "$work/office.pem" --key "$work/office.key" \
		--out "$work/policy.p7" >"$work/out" 2>&1 && sekisho policy install "$work/policy.p7" >>"$work/out" 2>&1
}
# Somebody wrote this certificate into a user's state, as a card that was enrolled.
enrol_by_force() { # USER OLD-CARD/EF CARD/EF
	"$build/tests/unit/agent/enrol_by_force" "$root/var/lib/sekisho-seal/storage.key" "$root/var/lib/sekisho/auth/$1" "$1" \
		"$cards/$2.der" "$cards/$3.der"
}
fault() { # WHAT CARD TEXT CAUSE: this card does not get to its PIN
	put_in "$2"
	pam games 1234
	check "$1: refused" told "$refused"
	check "$1: the person is told why" told "$3"
	check "$1: the PIN is not asked for" told_not "PIN (user"
	check "$1: journalled" journalled "\"login.refused\",\"user\":\"games\".*\"cause\":\"$4\"" 1
}

check "there is an OpenSC" test -n "$opensc"
mkdir -p "$root/etc/sekisho" "$cards" "$pki" "$trust" "$root/var/lib"
services
: >"$work/out"
: >"$work/log"
ca auth
ca sign
check "cards are made: two persons', one expired, one revoked" eval 'card hanako && card jiro &&
	card expired -startdate "$(utc "-6 years")" -enddate "$(utc "-1 day")" && card revoked &&
	openssl ca -config "$pki/auth/conf" -revoke "$pki/new.pem" 2>/dev/null'
check "... with the signature certificate in the place of the other" eval 'card swapped &&
	cp "$cards/swapped/sign.der" "$cards/swapped/auth.der" && cp "$cards/swapped/sign.key" "$cards/swapped/auth.key"'
# No authority makes it so: the certificate for signatures could log in, and is read without a PIN.
check "... whose signature key could log in" eval 'card open -startdate "$(utc "-6 years")" -enddate "$(utc "-1 day")" &&
	certificate open sign auth auth signature && : >"$cards/open/sign-public"'
cat "$pki/auth/ca.pem" "$pki/sign/ca.pem" >"$trust/card-ca.pem"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/office.key" -out "$work/office.pem" -days 30 \
	-subj "/CN=office" -addext "keyUsage=critical,digitalSignature" 2>/dev/null
install -m 0644 "$work/office.pem" "$trust/policy-signers.pem"
lists
printf 'mode: observe\ncard_module: %s\n' "$opensc" >"$root/etc/sekisho/agent.yaml"
check "pcscd starts" start_reader
check "the agent starts" start_agent C
[ $failed = 0 ] || { cat "$work/log" "$work/ready"; summary; exit 1; }
check "the policy is installed" policy

# enrolment
check "no card in the reader: not enrolled" eval '! enrol games 1234 && told "there is no card"'
put_in hanako
says jpki "OpenSC takes it for a My Number card" opensc-tool --reader 0 --name
check "with a slot for each PIN" eval 'pkcs11-tool --module "$opensc" -L | grep -c "JPKI (" | grep -qx 2'
check "the password for signatures does not enrol" eval '! enrol games SIGN1234 && told "has 4 digits"'
check "and is not shown to the card" test ! -e "$cards/hanako/uses"
check "a wrong PIN: not enrolled, and how many tries are left" eval '! enrol games 9999 && told "Two more wrong PINs lock the card."'
check "a good card is enrolled" eval 'enrol games 1234 && told "games is enrolled for card, token 1" && told "CN=hanako"'

# good
pam games 1234
check "the card and its PIN are accepted" told "$ok"
check "which PIN, was said" told "$prompt"
check "somebody stays with it" within 5 pgrep -P "$(agent_main)" -x card
env -u OPENSC_CONF opensc-tool --reader 0 -s 00A4040C0AD392F000260100000001 -s 00A4020C020017 \
	-s "802A008033$(printf '3031300d060960864801650304020105000420')$(printf '00%.0s' $(seq 32))00" >"$work/out" 2>&1
check "but the card is not open to others" told "SW1=0x69, SW2=0x82"
check "one signature to enrol, one to log in" eval '[ "$(uses hanako "auth sign")" = 2 ]'
put_in none
pam_typed games eval 'asked "Put your card" put_in hanako; echo; echo 1234'
check "a card that is put in when it is asked for is accepted" told "$ok"

# tries
pam games SIGN1234
check "the password for signatures is refused" told "The PIN for user authentication has 4 digits"
pam games 12345
check "and five digits are" told "The PIN for user authentication has 4 digits"
check "and the card was not asked" eval '[ "$(tries hanako)" = 3 ]'
pam games 9999
check "a wrong PIN: refused" told "$refused"
check "two tries are left" told "Wrong PIN. Two more wrong PINs lock the card. 8 more and this user is locked."
pam games 9999
check "which is said before the next" told "The PIN was wrong before; two tries are left."
check "one is left" told "One more wrong PIN locks the card."
pam games 1234
check "which is said too" told "One try is left for this card's PIN."
check "the right PIN is accepted" told "$ok"
check "and the card counts anew" eval '[ "$(tries hanako)" = 3 ]'
check "each wrong one is journalled" journalled '"login.refused","user":"games".*"cause":"wrong-pin"' 2
pam_typed games eval 'asked "PIN" tries hanako 0; echo 1234'
check "locked since it was put in: refused, and it is said" eval 'told "$locked;" && told "have it reset at the municipal office."'
check "journalled" journalled '"login.refused","user":"games".*"cause":"pin-locked"' 1
tries hanako 3
pam games 1234
check "(and unlocked at the office)" told "$ok"

# taken out
for deed in gone-at-verify gone-at-sign; do
	put_in hanako
	echo $deed >"$reader/deed"
	pam games 1234
	check "taken out ($deed): refused" told "$refused"
	check "taken out ($deed): it is said" told "$removed"
	check "taken out ($deed): it was" test ! -e "$reader/in"
done
put_in hanako
pam_typed games eval 'asked "PIN" put_in none; echo 1234'
check "taken out while the PIN is typed: refused" told "$refused"
check "and it is said" told "$removed"
put_in hanako
pam_typed games eval 'asked "PIN" put_in jiro; echo 1234'
check "another card for it while the PIN is typed: refused" told "$refused"
check "and never asked to sign" eval '[ "$(uses jiro "auth sign")" = 0 ]'
put_in hanako
check "journalled each time" journalled '"login.refused","user":"games".*"cause":"card-removed"' 4
pam games 9999
check "none of it counted as a wrong PIN" told "8 more and this user is locked."
pam games 1234
check "the card in again: accepted" told "$ok"

# whose card
put_in jiro
pam games 1234
check "another person's card, with its right PIN: refused" told "$not_yours"
check "journalled as what it was" journalled '"login.refused","user":"games".*"cause":"not-the-users-card"' 1
check "daemon has that card" enrol daemon 1234
pam daemon 1234
check "and is let in by it" told "$ok"

# a certificate that is not good
fault "an expired card" expired "outside its dates" card-expired
check "an expired card is not enrolled" eval '! enrol bin 1234 && told "outside its dates"'
fault "a revoked card" revoked "This card is revoked" card-revoked
put_in hanako
lists -crl_lastupdate "$(utc "-3 days")" -crl_nextupdate "$(utc "-2 hours")"
fault "an old list" hanako "revocation list for this card is too old" card-crl-too-old
openssl ca -config "$pki/auth/conf" -gencrl -crlexts tsukuba_list >"$trust/card-crl.pem" 2>/dev/null
fault "only another municipality's list" hanako "There is no revocation list" card-no-crl
lists
pam games 1234
check "with its own list again: accepted" told "$ok"

# the key for signatures
put_in swapped
check "a certificate for signatures is not enrolled" eval '! enrol bin 1234 && told "not for logging in"'
check "somebody writes another certificate into the state" enrol_by_force games hanako/auth swapped/auth
fault "a certificate for signatures that was enrolled by force" swapped "not for logging in" card-wrong-purpose
check "the card is not asked" test ! -e "$cards/swapped/uses"
check "somebody writes another certificate into the state" enrol_by_force daemon jiro/auth open/sign
put_in open
for pin in 1234 SIGN1234; do
	pam daemon $pin
	check "a key for signatures that could log in, and was enrolled ($pin): refused" told "$refused"
done
check "the card is not asked" test ! -e "$cards/open/uses"

# in Japanese
put_in hanako
check "somebody writes another certificate into the state" enrol_by_force games swapped/auth hanako/auth
check "the agent starts, in Japanese" restart_agent ja_JP.UTF-8
pam games 9999
check "two left" told "暗証番号が違います。あと2回間違えると、カードがロックされます。"
pam games 9999
check "which is said" told "前回、暗証番号が間違っていました。入力できるのは、あと2回です。"
check "one left" told "暗証番号が違います。あと1回間違えると、カードがロックされます。"
pam games 9999
check "which is said" told "暗証番号を入力できるのは、あと1回です。"
check "none left" told "マイナンバーカードの利用者証明用の暗証番号がロックされています。"
pam games 1234
check "a locked card: refused" told "$refused"
check "and it is said, before a PIN is asked for" eval 'told "市区町村の窓口で再設定を依頼してください。" && told_not "数字4桁"'
check "the card was tried three times, and not once more" eval '[ "$(tries hanako)" = 0 ]'
check "the agent starts, in English" restart_agent C
pam games 1234
check "a locked card, in English" told "$locked"

# no reader
kill "$(cat "$work/pcscd.pid")"
within 10 gone "$(cat "$work/pcscd.pid")"
pam games "" 1234
check "without pcscd: refused" told "$refused"
check "and it is said" told "There is no card in the reader."

check "on no card was the key for signatures used, or its PIN tried" eval '! grep -h "^sign" "$cards"/*/uses'
check "no PIN is in journal or log" eval '! grep -rqE "SIGN1234|\"(1234|9999)\"" "$work/log" "$work/ready" "$root/var/lib/sekisho/journal"'
check "no process of a card is left, for none is in" within 10 eval '[ -z "$(pgrep -P "$(agent_main)" -x card)" ]'

summary
