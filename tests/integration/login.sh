#!/usr/bin/env bash
# Logins through a real PAM stack (pam_wrapper, pamtester) at a whole agent of its own root. Every answer is asserted on its
# text: pamtester's exit code is the same for "denied" and "did not work".
set -u
top=${SEKISHO_TOP:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${SEKISHO_BUILD:-$top/build/release}
. "$top/tests/lib.sh"
. "$top/tests/lib_login.sh"
state=$root/var/lib/sekisho/auth

unavailable="pamtester: Authentication service cannot retrieve authentication info"
wrong="Wrong verification code"
used="This verification code has been used"
locked="This user is locked after wrong codes"

services() {
	local module=$build/pam_module/pam_sekisho.so
	local options=socket=$root/run/sekisho/auth.sock

	echo "games:correct horse:svc" >"$work/passdb"
	service totp 20
	echo "auth required $module $options timeout=2" >"$svc/hasty"
	for type in account session; do
		echo "$type required $module $options timeout=5"
	done >"$svc/cron"
	# As pam-auth-update writes it, with another password database than the machine's.
	cat >"$svc/svc" <<END
auth [success=1 default=ignore] /usr/lib/x86_64-linux-gnu/pam_wrapper/pam_matrix.so passdb=$work/passdb
auth requisite pam_deny.so
auth required pam_permit.so
auth required $module $options timeout=20
END
}

enrol() { # OPTIONS...: prints the new secret of games
	sekisho enrol totp games --no-confirm "$@" 2>"$work/out" | tee "$work/shown" | sed -n 's/^Secret: //p'
}
reads_as_enrolled() { # FILE: what an authenticator app reads from the QR code in it
	local uri
	uri="otpauth://totp/Sekisho:games@$(hostname)?secret=$(sed -n 's/^Secret: \([A-Z2-7]*\).*/\1/p' "$1")"
	uri="$uri&issuer=Sekisho&algorithm=SHA1&digits=6&period=30"
	"$top/tests/integration/read_qr.py" <"$1" >"$work/read" && cat "$work/read" && [ "$(cat "$work/read")" = "$uri" ]
}
code() { # STEPS: the code so many steps from now
	oathtool --totp --base32 --now "$(date -u -d "@$(($(date +%s) + 30 * $1))" '+%Y-%m-%d %H:%M:%S UTC')" "$secret"
}
# Codes are of the present, past and next step: with 20 s left none of them changes sides while it is used.
settle() {
	while [ $(($(date +%s) % 30)) -ge 20 ]; do sleep 0.5; done
}
services
check "the agent starts" start_agent
[ $failed = 0 ] || { cat "$work/log"; summary; exit 1; }

# enrolment
secret=$(enrol --by hanako)
check "enrol prints a secret of 160 bits" test ${#secret} = 32
check "its QR code says the same to a camera" reads_as_enrolled "$work/shown"
check "enrol is journalled, with who did it" journalled '"token.enrolled","user":"games","factor":"totp","token":1,"by":"hanako"' 1
check "a second enrolment needs --replace" test -z "$(enrol)"
check "and says so" told "is enrolled already"
script -qec "$build/agent/sekisho --root $root enrol totp games --no-confirm --replace" /dev/null >"$work/shown" </dev/null
check "so does it on a terminal with colours" reads_as_enrolled "$work/shown"
sekisho revoke games all --by jiro >"$work/out" 2>&1
secret=$(enrol --by hanako)
sekisho enrol list games >"$work/out" 2>&1
check "enrol list shows the token, when and by whom" grep -qE '^1 +totp +- +20.*Z +hanako$' "$work/out"
check "and no secret" told_not "$secret"
check "the secret is root's" test "$(stat -c '%u %a %s' "$state/games")" = "0 600 8192"

# password and TOTP
settle
pam svc games "correct horse"
check "password alone is refused" told_not "$ok"
now=$(code 0)
pam svc games "correct horse" "$now"
check "password and code are accepted" told "$ok"
pam svc games "correct horse" "$now"
check "the same code again is refused" told "$refused"
check "and the person is told why" told "$used"
pam svc games "wrong horse" "$(code 1)"
check "a wrong password never gets to the code" told_not "Verification code"
pam totp games "$(code -1)"
check "an older code than the last is refused" told "$used"
pam totp games "$(code 1)"
check "the next code is accepted" told "$ok"
check "accepted logins are in the journal" journalled '"login.accepted","user":"games"' 2

# a spare token, and what is not used
spare=$(enrol --add --label spare --by jiro)
check "a second token is enrolled beside the first" test ${#spare} = 32
pam totp games "$(oathtool --totp --base32 --now "$(date -u -d "@$(($(date +%s) - 30))" '+%Y-%m-%d %H:%M:%S UTC')" "$spare")"
check "its codes are accepted" told "$ok"
check "and the journal says which token it was" journalled '"login.accepted","user":"games".*"factor":"totp","token":2' 1
sekisho enrol list games --json >"$work/out" 2>&1
check "enrol list --json has both" test "$(jq -r 'map("\(.token) \(.kind) \(.by) \(.label) \(has("last_used"))") | join("; ")' "$work/out")" = "1 totp hanako  true; 2 totp jiro spare true"
sekisho enrol idle >"$work/out" 2>&1
check "what was used today is not idle" test ! -s "$work/out"
sekisho revoke games 2 --by hanako >"$work/out" 2>&1
check "the spare one is revoked" told "games: token 2 is revoked"
check "and journalled" journalled '"token.revoked","user":"games","factor":"totp","token":2,"by":"hanako"' 1
check "there is no such token any more" test "$(sekisho revoke games 2 >/dev/null 2>&1; echo $?)" = 1
sekisho enrol list games >"$work/out" 2>&1
check "the first one stays" grep -qE '^1 +totp ' "$work/out"

# lockout
settle
secret=$(enrol --replace)
pam totp games 000000
check "a wrong code is refused" told "$refused"
check "with the tries left" told "$wrong; 2 more"
pam totp games ""
check "so is none" told "$wrong; 1 more"
pam totp games 000000
check "the third locks" told "$maxtries"
check "and says what to do" told "$locked"
check "the lock is journalled" journalled '"login.locked","user":"games"' 1
pam totp games "$(code 0)"
check "a right code is refused then" told "$maxtries"
operation=acct_mgmt pam totp games
check "the account stage refuses a locked user" told "pamtester: Permission denied"
operation=chauthtok pam totp games
check "so does the password stage" told "pamtester: Permission denied"
operation=acct_mgmt pam cron games
check "what cron runs for him goes on" told "pamtester: account management done"
operation="open_session close_session" pam cron games
check "and is no session for the journal" journalled '"session.opened","user":"games","service":"cron"' 0
kill -KILL "$(agent_child auth)"
within 10 agent_child auth >/dev/null
pam totp games "$(code 0)"
check "the lock outlives auth" told "$maxtries"
stop_agent
start_agent
pam totp games "$(code 0)"
check "and the agent" told "$maxtries"
check "unlock needs a user" test "$(sekisho unlock nobody >/dev/null 2>&1; echo $?)" = 1
sekisho unlock games --by hanako >"$work/out" 2>&1
check "unlock says so" told "games is unlocked"
check "and is journalled" journalled '"user.unlocked","user":"games","by":"hanako"' 1
settle
pam totp games "$(code 0)"
check "the unlocked user logs in" told "$ok"

# other stages
operation=acct_mgmt pam totp games
check "the account stage takes a user who is not locked" told "pamtester: account management done"
operation="open_session close_session" pam totp games
check "a session opens and closes" told "pamtester: session has successfully been closed"
check "and both are journalled" journalled '"session.(opened|closed)","user":"games","service":"totp"' 2
operation=chauthtok pam totp games
check "passwd is not hindered" told "pamtester: authentication token altered successfully"

operation=open_session pam totp games
check "the next one shows the last login" grep -qE 'Last login: 20[0-9-]{8} [0-9:]{5} - \(totp\)' "$work/out"
check "its event says which token was shown" journalled '"session.opened","user":"games","service":"totp","factor":"totp","token":[0-9]+' 1

# who may be here, and when
person() {
	sekisho enrol person games "$@" >"$work/out" 2>&1
}
days() { # NUMBER: that many days from now
	date -d "$1 days" +%F
}
ended="You could use this terminal until $(days -2)"
check "a contractor has a last day" test "$(person --class contractor; echo $?)" = 1
check "which is said" told "this class has a last day"
check "and is one there is" test "$(person --class contractor --last-day 2027-02-29; echo $?)" = 2
check "not before the first" test "$(person --first-day 2027-04-01 --last-day 2027-03-31; echo $?)" = 1
check "nothing was changed by that" journalled '"person.changed"' 0
check "a last day is set" person --class contractor --last-day "$(days -2)" --by hanako
check "and shown" told "games  contractor  -  $(days -2)"
check "and journalled" journalled '"person.changed","user":"games","person_class":"contractor","first_day":"-","last_day":"'"$(days -2)"'","by":"hanako"' 1
operation=acct_mgmt pam totp games
check "after it the account stage refuses" told "pamtester: User account has expired"
check "and says so" told "$ended"
settle
secret=$(enrol --replace)
pam totp games "$(code 0)"
check "so does the auth stage, which is all that a locker asks" told "$refused"
check "and says so too" told "$ended"
check "which is journalled" journalled '"login.refused","user":"games".*"cause":"after-last-day"' 2
pam totp games 000000
check "who does not have the code hears nothing of it" told_not "until"
check "a first day to come" person --first-day "$(days 2)" --last-day "$(days 9)"
operation=acct_mgmt pam totp games
check "refuses too" told "You may use this terminal from $(days 2)"
check "today is within" person --first-day "$(days -1)" --last-day "$(days 1)"
operation=acct_mgmt pam totp games
check "and lets in" told "pamtester: account management done"
pam totp games "$(code 1)"
check "with the code" told "$ok"
check "the days go" person --class personnel --first-day none --last-day none
check "enrol person --json" test "$(sekisho enrol person games --json | jq -r '[.user, .class, has("last_day")] | join(" ")')" = "games personnel false"

# names that are not enrolled
for i in 1 2; do
	pam totp no-such-user 000000
	sed 's/no-such-user/USER/' "$work/out" >"$work/unknown.$i"
	secret=$(enrol --replace)
	[ $i = 1 ] || pam totp games 000000
	pam totp games 000000
	sed 's/games/USER/' "$work/out" >"$work/known.$i"
	check "an unknown user sees what a user sees, try $i" cmp -s "$work/known.$i" "$work/unknown.$i"
done
pam totp root 000000
check "a user without TOTP is refused like one" told "$wrong; 2 more"
check "the journal knows the difference" journalled '"login.refused".*"cause":"not-enrolled"' 3
for name in '../etc/passwd' '.decoy' 'x y' '-rf' "$(printf 'a%.0s' $(seq 200))"; do
	pam totp "$name" 000000
	check "the name '${name:0:20}' is refused after a question" told "$wrong"
done
check "nothing but states is in the directory" test "$(find "$state" -mindepth 1 -printf '%f\n' | sort | paste -sd ' ')" = ".decoy games"

# a state that is damaged
secret=$(enrol --replace)
settle
generation() { od -An -tu1 -j $(($1 * 4096 + 15)) -N 1 "$state/games" | tr -d ' '; }
newer=$([ "$(generation 0)" -gt "$(generation 1)" ] && echo 0 || echo 1)
pam totp games 000000
newer=$((1 - newer))
cp "$state/games" "$work/games"
printf 'torn' | dd of="$state/games" bs=1 seek=$((newer * 4096 + 100)) conv=notrunc status=none
pam totp games "$(code 0)"
check "after a torn write the record before counts" told "$ok"
printf 'torn' | dd of="$state/games" bs=1 seek=100 conv=notrunc status=none
printf 'torn' | dd of="$state/games" bs=1 seek=4196 conv=notrunc status=none
pam totp games "$(code 1)"
check "with no whole record nobody enters" told "$unavailable"
check "and the journal says why" journalled '"login.refused","user":"games".*"cause":"state-unusable"' 1
truncate -s 100 "$state/games"
pam totp games "$(code 1)"
check "nor with a cut file" told "$unavailable"
cp "$work/games" "$work/others"
rm "$state/games"
ln -s "$work/others" "$state/games"
pam totp games "$(code 1)"
check "nor with a link" told "$unavailable"
rm "$state/games"
install -m 644 "$work/games" "$state/games"
pam totp games "$(code 1)"
check "nor with a file that others may read" told "$unavailable"
rm "$state/games"

# clients that are not root: a screen locker
chmod 755 "$work" "$root"
secret=$(enrol)
settle
locker="setpriv --reuid=games --regid=games --clear-groups"
as=$locker pam totp games "$(code 0)"
check "a user's own locker asks for his code" told "$ok"
secret_of_games=$secret
as="setpriv --reuid=daemon --regid=daemon --clear-groups" pam totp games "$(code 1)"
check "another user is refused without a question" told_not "Verification code"
check "as an authentication failure" told "$refused"
as=$locker operation=open_session pam totp games
check "a locker cannot open sessions" told "Permission denied"
secret=$secret_of_games

# auth gone, auth hanging: while nobody is there to replace it
hold() {
	main=$(agent_main)
	kill -STOP "$agent" "$main"
}
let_go() {
	kill -CONT "$main" "$agent"
}
settle
hold
victim=$(agent_child auth)
kill -KILL "$victim"
pam hasty games "$(code 1)"
check "without auth nobody enters" told "$unavailable"
operation=acct_mgmt pam cron games
check "but cron, which the policy calls unattended, goes on" told "pamtester: account management done"
let_go
within 10 agent_child auth >/dev/null
pam totp games "$(code 1)"
check "once it is back logins are served" told "$ok"
victim=$(agent_child auth)
hold
kill -STOP "$victim"
pam hasty games 000000
check "a hanging auth lets nobody in" told "$unavailable"
let_go
replaced() { [ -n "$(agent_child auth)" ] && [ "$(agent_child auth)" != "$victim" ]; }
check "and is replaced" within 15 replaced
pam totp games 000000
check "by one that serves" told "$wrong"

# one user cannot take all the workers
secret=$(enrol --replace)
settle
holders=()
answered() { grep -qE 'Verification code|pamtester:' "$work/held.$i"; }
for i in 1 2 3 4 5 6; do
	# shellcheck disable=SC2086
	sleep 6 | LD_PRELOAD="$asan libpam_wrapper.so" PAM_WRAPPER=1 PAM_WRAPPER_SERVICE_DIR=$svc timeout 10 \
		$locker pamtester totp games authenticate >"$work/held.$i" 2>&1 &
	holders+=($!)
	within 2 answered
done
cat "$work"/held.* >"$work/out"
check "a user gets four workers at once" test "$(grep -o 'Verification code' "$work/out" | wc -l)" = 4
check "and no more" test "$(grep -c "$unavailable" "$work/out")" = 2
pam totp games "$(code 0)"
check "root logs in all the same" told "$ok"
wait "${holders[@]}"
as=$locker pam totp games "$(code 1)"
check "and the user once they are free" told "$ok"

# what the policy asks
signer office
install -m 644 "$work/office.pem" "$trust/policy-signers.pem"
check "a policy is installed: 8 digits, one try" next_policy -e 's/max_failures: 3/max_failures: 1\n  unattended: [atd]/' \
	-e 's/digits: 6/digits: 8/'
only_atd() {
	[ "$(ls "$root/var/lib/sekisho/unattended")" = atd ]
}
check "it does not call cron unattended" within 5 only_atd
pam totp games "$(code 1)"
check "a token that is weaker than the policy is refused" told "weaker than the policy asks"
check "enrolling fewer digits is refused" test -z "$(enrol --replace --digits 6)"
check "and says so" told "the policy asks for a longer code"
secret=$(enrol --replace --algorithm sha256)
check "the policy's digits are enrolled" test ${#secret} = 52
settle
code() {
	oathtool --totp=sha256 --digits 8 --base32 --now \
		"$(date -u -d "@$(($(date +%s) + 30 * $1))" '+%Y-%m-%d %H:%M:%S UTC')" "$secret"
}
pam totp games "$(code 0)"
check "8 digits by SHA-256 are accepted" told "$ok"
pam totp games 00000000
check "one wrong code locks" told "$maxtries"

# counted codes
check "a policy with two combinations is installed" next_policy -e 's/factors: .*/factors: [[password, totp], [password, hotp]]/'
sekisho revoke games all >"$work/out" 2>&1
seed=3132333435363738393031323334353637383930
echo $seed >"$work/seed"
sekisho enrol hotp games --secret-file "$work/seed" --no-confirm --label pendant >"$work/out" 2>&1
check "a HOTP token is enrolled from its seed" told "games is enrolled for HOTP, token 1"
pam totp games 755224
check "its first code is accepted" told "$ok"
pam totp games 755224
check "and not again" told "$wrong"
pam totp games "$(oathtool --hotp -c 9 $seed)"
check "a code a few presses ahead is accepted" told "$ok"
pam totp games "$(oathtool --hotp -c 50 $seed)"
check "one far ahead is not" told "$wrong"
pam totp games "$(oathtool --hotp -c 51 $seed)"
check "with the one after it the token is back" told "$ok"
sekisho revoke games all >"$work/out" 2>&1
check "a policy with one combination is installed" next_policy -e 's/max_failures: 3/max_failures: 1/' -e 's/digits: 6/digits: 8/'
check "a token of a kind it does not name is not enrolled" test "$(sekisho enrol hotp games --no-confirm >"$work/out" 2>&1; echo $?)" = 1
check "and says why" told "the policy does not take tokens of this kind"

# confirmation
show() { "$build/agent/sekisho" --root "$root" enrol totp games --replace >"$work/shown" 2>"$work/out"; }
mkfifo "$work/typed"
: >"$work/shown" # what was shown before is another secret
show <"$work/typed" &
shower=$!
exec 3>"$work/typed"
echo 00000000 >&3
within 30 grep -q '^Secret' "$work/shown"
secret=$(sed -n 's/^Secret: //p' "$work/shown")
settle
now=$(oathtool --totp --digits 8 --base32 "$secret")
printf '%s\n\n' "$now" >&3 # the second line ends it, should the first be refused
wait $shower
check "enrolment is confirmed by a code" grep -q "games is enrolled" "$work/shown"
check "after a wrong one" told "wrong code"
exec 3>&-
pam totp games "$now"
check "which is spent" told "$used"
echo "" | show
check "without the code nothing is enrolled" told "not confirmed, not enrolled"

# revocation
sekisho revoke games all --by hanako >"$work/out" 2>&1
check "revoke says so" told "every token of games is revoked"
check "and is journalled" journalled '"token.revoked","user":"games","factor":"totp","token":[0-9]+,"by":"hanako"' 2
pam totp games "$(code 1)"
check "the revoked token is worth nothing, and one try locks" told "$maxtries"
check "revoking twice is refused" test "$(sekisho revoke games all >/dev/null 2>&1; echo $?)" = 1
check "no secret and no code is in the log" sh -c "! grep -qF -e '$secret' -e '$(code 0)' '$work/log'"

# stacks that change
stack() { # LINE...: the auth stack of login
	printf 'auth %s\n' "$@" >"$root/etc/pam.d/login"
}
wakeups() {
	awk '/^voluntary_ctxt_switches/ {print $2}' "/proc/$(agent_child auth)/status"
}
asleep() {
	local before
	before=$(wakeups)
	sleep 1
	[ -n "$before" ] && [ "$(wakeups)" = "$before" ]
}
mkdir -p "$root/etc/pam.d"
stack "required pam_unix.so" "required pam_sekisho.so"
check "a stack that asks for the second factor is seen to come" within 5 journalled '"login.drifted","pam_stacks":"login","pam_bypassed":""' 1
check "nobody wakes up while nothing changes" within 5 asleep
stack "sufficient pam_unix.so" "required pam_sekisho.so"
check "one that goes round it is an event" within 5 journalled '"login.drifted","pam_stacks":"","pam_bypassed":"login"' 1
sekisho status >"$work/out" 2>&1
check "and in the status" grep -q 'LOGINS OPEN.*login' "$work/out"
stack "[success=ok default=ignore] pam_sekisho.so" "required pam_unix.so"
sleep 1.5
check "so does one that ignores it: nothing has changed for the journal" journalled '"login.drifted"' 2
stack "required pam_unix.so" "required pam_sekisho.so"
check "and its end" within 5 journalled '"login.drifted","pam_stacks":"login","pam_bypassed":""' 2

# without an agent nothing is changed
stop_agent
check "without an agent enrol answers 3" test "$(sekisho enrol totp games --no-confirm >/dev/null 2>&1; echo $?)" = 3
check "and enrols nobody" test ! -e "$state/games"
pam hasty games 000000
check "and nobody enters" told "$unavailable"
operation=acct_mgmt pam totp games
check "nor by the account stage alone" told "$unavailable"
operation="acct_mgmt open_session" pam cron games
check "cron goes on" told "pamtester: successfully opened a session"

summary
