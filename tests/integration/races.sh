#!/usr/bin/env bash
# Logins that race and logins that are killed, through libpam at a whole agent of its own root:
#     races.sh [ROUNDS [KILLS]]     one code from 8 processes at once, so often; auth, and then its workers, killed so often
# By hand: races.sh 200 500.
set -u
top=${SEKISHO_TOP:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${SEKISHO_BUILD:-$top/build/release}
rounds=${1:-10}
kills=${2:-15}
. "$top/tests/lib.sh"
. "$top/tests/lib_login.sh"
state=$root/var/lib/sekisho/auth
on_failure() {
	[ ! -s "$work/odd" ] || sed 's/^/        | /' "$work/odd"
}

seed=3132333435363738393031323334353637383930
used="This verification code has been used"

times() { # NUMBER WORD...: the words, so often
	for _ in $(seq "$1"); do echo "${@:2}"; done
}
crowd() { # [USER CODE]...: "USER CODE ANSWER TEXT" for each
	"$build/tests/unit/pam_module/pam_crowd" "$svc" svc "$@"
}
enrol() { # prints the new secret of games
	sekisho enrol totp games --no-confirm --replace 2>/dev/null | sed -n 's/^Secret: //p'
}
totp() { # the code of the next step: good for 30 seconds and more
	oathtool --totp --base32 --now "$(date -u -d '30 seconds' '+%Y-%m-%d %H:%M:%S UTC')" "$1"
}
hotp() { # COUNTER
	oathtool --hotp -c "$1" $seed
}
odd() { # WHAT: and the round's answers with it
	{ echo "$1"; cat "$work/round"; } >>"$work/odd"
}

install_policy() {
	signer office && install -m 644 "$work/office.pem" "$trust/policy-signers.pem" &&
		next_policy -e 's/factors: .*/factors: [[password, totp], [password, hotp]]/'
}

race() { # one code, 8 processes
	local code
	code=$(totp "$(enrol)")
	crowd games "$code" games "$code" games "$code" games "$code" \
		games "$code" games "$code" games "$code" games "$code" >"$work/round" 2>&1
	[ "$(grep -c ' success ' "$work/round")" = 1 ] && [ "$(grep -c " auth_err $used" "$work/round")" = 7 ]
}

race_counted() { # a used one is a wrong one, and the third of them locks
	local code
	code=$(hotp "$counter")
	crowd daemon "$code" daemon "$code" daemon "$code" daemon "$code" \
		daemon "$code" daemon "$code" daemon "$code" daemon "$code" >"$work/round" 2>&1
	sekisho unlock daemon >/dev/null
	[ "$(grep -c ' success ' "$work/round")" = 1 ] && [ "$(grep -c ' auth_err \| maxtries ' "$work/round")" = 7 ]
}

kill_auth() {
	kill -KILL "$auth"
}
kill_workers() {
	# shellcheck disable=SC2046 # words
	kill -KILL $(cat "/proc/$auth/task/$auth/children")
}
# main waits longer before each restart: a new agent does not.
restart() {
	[ $((killed % 4)) = 3 ] || return 0
	stop "$agent"
	start_agent >/dev/null
}
serves() {
	auth=$(agent_child auth) && crowd nobody 0 | grep -q 'Wrong\|locked'
}

# Six processes with one TOTP code and one with the next counted code; a kill in the midst of it; and everything again. The
# person with the counted codes only ever types right ones.
siege() { # WHAT
	local totp_code counted next good
	totp_code=$(totp "$(enrol)")
	counted=$(hotp "$counter")
	next=$(hotp $((counter + 1)))
	counter=$((counter + 2))
	crowd games "$totp_code" games "$totp_code" games "$totp_code" daemon "$counted" \
		games "$totp_code" games "$totp_code" games "$totp_code" >"$work/round" 2>&1 &
	sleep "$(printf '0.%06d' $((lasts * RANDOM / 32768)))"
	"$1" 2>/dev/null
	wait $!
	grep -q unavail "$work/round" && hit=$((hit + 1))
	[ "$1" != kill_auth ] || restart
	within 20 serves >/dev/null
	good=$(grep -c '^daemon .* success' "$work/round")
	{
		crowd games "$totp_code"
		crowd daemon "$counted"
		crowd daemon "$next"
	} >>"$work/round" 2>&1
	[ "$(grep -c '^games .* success' "$work/round")" -le 1 ] || odd "a TOTP code was accepted twice"
	[ "$(grep -c "^daemon $counted success" "$work/round")" -le 1 ] || odd "a counted code was accepted twice"
	[ "$good" = 0 ] || [ "$(grep -c "^daemon $counted auth_err" "$work/round")" = 1 ] || odd "a counter was lost"
	grep -q "^daemon $next success" "$work/round" || odd "who typed a right code was refused"
	! grep -qE ' maxtries | other ' "$work/round" || odd "somebody was locked out"
	tail -n 3 "$work/round" | grep -q unavail && odd "auth was not back"
	tail -n 3 "$work/round" | head -n 1 | grep -qE " success |$used" || odd "a TOTP code was lost"
}
measure() { # how long such a crowd takes, microseconds
	local begun=${EPOCHREALTIME/./}
	for _ in 1 2 3 4 5; do
		crowd nobody 0 nobody 0 nobody 0 nobody 0 nobody 0 nobody 0 nobody 0 >"$work/round"
	done
	lasts=$(((${EPOCHREALTIME/./} - begun) / 5))
}
besiege() { # WHAT
	: >"$work/odd"
	hit=0
	measure
	for killed in $(seq $((kills * 3))); do
		[ $((killed % 20)) != 0 ] || measure # the machine may have more to do by now, or less
		siege "$1"
		[ "$killed" -lt "$kills" ] || [ $hit = 0 ] || break
	done
	echo "        $1: $killed times, $hit in the midst of a login that lasts $((lasts / 1000)) ms"
	[ ! -s "$work/odd" ]
}

echo "auth required $build/pam_module/pam_sekisho.so socket=$root/run/sekisho/auth.sock timeout=20" >"$svc/svc"
check "the agent starts" start_agent
[ $failed = 0 ] || { cat "$work/log"; summary; exit 1; }
check "a policy takes both kinds of code" install_policy

once=0
: >"$work/odd"
for round in $(seq "$rounds"); do
	if race; then once=$((once + 1)); else odd "round $round"; fi
done
check "one code from 8 processes at once is accepted once, $rounds times of $rounds (was $once)" test $once = "$rounds"

# many at once, and prompts that nobody answers
# shellcheck disable=SC2046 # words
crowd $(times 200 games "$(totp "$(enrol)")") >"$work/out" 2>&1
check "200 logins at once: one is accepted" test "$(grep -c ' success ' "$work/out")" = 1
check "and all others are answered" test "$(grep -c " auth_err $used" "$work/out")" = 199
hold() { # NUMBER USER COMMAND...: so many prompts that nobody answers
	# shellcheck disable=SC2046 # words
	"${@:3}" "$build/tests/unit/pam_module/pam_crowd" "$svc" svc $(times "$1" "$2" -) >"$work/held" 2>&1 &
	holder=$!
	sleep 2
}
let_go() {
	kill "$holder"
	wait "$holder" 2>/dev/null
	sleep 1
}
lasted() { # COMMAND...: sets $seconds
	local begun=$SECONDS
	"$@"
	seconds=$((SECONDS - begun))
}
enters() {
	crowd games "$(totp "$(enrol)")" >"$work/out" 2>&1
	grep -q ' success ' "$work/out"
}
chmod 755 "$work" "$root"
hold 200 games setpriv --reuid=games --regid=games --clear-groups
lasted enters
check "a user with 200 prompts keeps nobody out" told ' success '
check "nor waiting ($seconds s)" test "$seconds" -le 5
let_go
hold 100 nobody env
check "100 prompts of root's programs keep somebody waiting, not out" enters
check "which is in the log" grep -q "the one that waited longest was ended" "$work/log"
let_go

echo $seed >"$work/seed"
check "a token of counted codes" sekisho enrol hotp daemon --secret-file "$work/seed" --no-confirm
once=0
: >"$work/odd"
for counter in $(seq 0 $((rounds - 1))); do
	if race_counted; then once=$((once + 1)); else odd "counter $counter"; fi
done
check "so is one counted code (was $once)" test $once = "$rounds"
counter=$rounds
auth=$(agent_child auth)
for what in kill_workers kill_auth; do
	besiege $what >"$work/besieged"
	result=$?
	cat "$work/besieged"
	check "${what/_/ing } breaks nothing, $kills times" test $result = 0
	check "and hit logins" grep -q ", [1-9][0-9]* in the midst" "$work/besieged"
done
check "nothing but states is in the directory" test "$(find "$state" -mindepth 1 -printf '%f\n' | sort | paste -sd ' ')" = ".decoy daemon games"

summary
