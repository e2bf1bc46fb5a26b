#!/usr/bin/env bash
# A login by a time-based code and by a counted one, whole pamtester process, beside pam_permit (the floor), pam_oath and
# google-authenticator, among 10, 1,000 and 100,000 enrolled users: wall clock (median), processor time and bytes written, the agent's
# own included.
#     tests/bench/login/login.sh [BUILD [ROUNDS]]         (build/release, 100)
# They are asked in turn, so that what else the machine does falls on all alike; pam_oath afterwards. Wants root, pamtester, oathtool
# and python3; the peers from Debian's libpam-oath and libpam-google-authenticator, installed, or unpacked with dpkg -x into a
# directory named by LOGIN_PEERS_ROOT. No module takes a TOTP code twice: before each such login every state is put back, on the disk.
set -euo pipefail
cd "$(dirname "$0")/../../.."
build=$(realpath "${1:-build/release}")
rounds=${2:-100}
peers=${LOGIN_PEERS_ROOT:-}
work=$(mktemp -d /var/tmp/sekisho-bench.XXXXXX)
root=$work/root
state=$root/var/lib/sekisho/auth
seed=3132333435363738393031323334353637383930
agent=
leave() {
	[ -z "$agent" ] || kill "$agent" 2>/dev/null || true
	[ -z "$agent" ] || wait "$agent" 2>/dev/null || true
	rm -rf "$work"
}
trap leave EXIT

[ "$(id -u)" = 0 ] || { echo "must be run by root"; exit 1; }
chmod 755 "$work"
mkdir -p "$root" "$work/pam.d"
sekisho() {
	"$build/agent/sekisho" --root "$root" "$@"
}
start() {
	"$build/agent/sekishod" --root "$root" --libexec "$build/libexec" --user-ids 64400 --observe >"$work/log" 2>&1 &
	agent=$!
	for _ in $(seq 100); do
		! grep -q ready "$work/log" || return 0
		sleep 0.1
	done
	cat "$work/log"
	return 1
}
module() { # NAME: its path, or nothing
	find "$peers"/lib/x86_64-linux-gnu/security "$peers"/usr/lib/x86_64-linux-gnu/security -name "$1" -print -quit 2>/dev/null || true
}

start
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=office" \
	-keyout "$work/office.key" -out "$work/office.pem" 2>/dev/null
install -m 644 "$work/office.pem" "$root/etc/sekisho/trust/policy-signers.pem"
sed 's/factors: .*/factors: [[password, totp], [password, hotp]]/' packaging/policies/mito-my-number.yaml >"$work/policy.yaml"
sekisho policy sign "$work/policy.yaml" --certificate "$work/office.pem" --key "$work/office.key" --out "$work/policy.p7" >/dev/null
sekisho policy install "$work/policy.p7" >/dev/null
sleep 1
echo $seed >"$work/seed"
sekisho enrol hotp games --secret-file "$work/seed" --no-confirm >/dev/null
cp "$state/games" "$work/enrolled"

oath=$(module pam_oath.so)
google=$(module pam_google_authenticator.so)
services="permit sekisho"
echo "auth required pam_permit.so" >"$work/pam.d/permit"
echo "auth required $build/pam_module/pam_sekisho.so socket=$root/run/sekisho/auth.sock" >"$work/pam.d/sekisho"
cp "$work/pam.d/permit" "$work/pam.d/other"
if [ -n "$oath" ]; then
	services="$services oath"
	echo "auth required $oath usersfile=$work/users.oath window=10 digits=6" >"$work/pam.d/oath"
fi
if [ -n "$google" ]; then
	services="$services google"
	echo "auth required $google secret=$work/google user=root no_strict_owner allowed_perm=0600" >"$work/pam.d/google"
	printf '%s\n" HOTP_COUNTER 1\n" WINDOW_SIZE 17\n' "$(printf '%s' $seed | xxd -r -p | base32)" >"$work/google"
	chmod 600 "$work/google"
fi

enrol() { # COUNT: games among so many
	find "$state" -name 'user*' -delete
	cp "$work/enrolled" "$state/games"
	python3 - "$state" "$work/enrolled" "$1" <<-'END'
		import os, sys
		directory, state, count = sys.argv[1], open(sys.argv[2], "rb").read(), int(sys.argv[3])
		for i in range(count - 1):
		    fd = os.open(f"{directory}/user{i:06d}", os.O_WRONLY | os.O_CREAT, 0o600)
		    os.write(fd, state)
		    os.close(fd)
	END
	awk -v count="$1" -v seed=$seed 'BEGIN {
		for (i = 0; i < count - 1; i++) printf "HOTP user%06d - %s\n", i, seed
		printf "HOTP games - %s\n", seed }' >"$work/users.oath"
	chmod 600 "$work/users.oath"
	[ ! -e "$work/google" ] || sed -i 's/HOTP_COUNTER.*/HOTP_COUNTER 1/' "$work/google"
	sync
}

measure() { # USERS CODES
	# shellcheck disable=SC2016,SC2086 # the inner shell's; words
	unshare --mount sh -c 'mount --bind "$1" /etc/pam.d && shift && exec "$@"' - "$work/pam.d" \
		python3 tests/bench/login/measure.py "$1" "$2" "$(pgrep -P "$agent")" $services
}

# What is put back: the states of people who have a time-based token and have not used it yet.
prepare_totp() { # USERS
	sekisho revoke games all >/dev/null
	sekisho enrol totp games --secret-file "$work/seed" --no-confirm >/dev/null
	cp "$state/games" "$work/enrolled"
	enrol "$1"
	sed -i 's,^HOTP,HOTP/T30,' "$work/users.oath"
	printf '%s\n" TOTP_AUTH\n" DISALLOW_REUSE\n" WINDOW_SIZE 3\n' "$(printf '%s' $seed | xxd -r -p | base32)" >"$work/google"
	for file in "$state/games" "$work/users.oath" "$work/google"; do
		cp "$file" "$work/before-$(basename "$file")"
		echo "$work/before-$(basename "$file") $file"
	done >"$work/states"
}

echo "time-based codes"
for count in 10 1000 100000; do
	prepare_totp $count
	measure $count "totp:$seed:$rounds:$work/states"
done
sekisho revoke games all >/dev/null
sekisho enrol hotp games --secret-file "$work/seed" --no-confirm >/dev/null
cp "$state/games" "$work/enrolled"
[ ! -e "$work/google" ] || printf '%s\n" HOTP_COUNTER 1\n" WINDOW_SIZE 17\n' "$(printf '%s' $seed | xxd -r -p | base32)" >"$work/google"
echo "counted codes"
oathtool --hotp -c 1 -w "$rounds" $seed >"$work/codes"
for count in 10 1000 100000; do
	enrol $count
	measure $count "$work/codes"
done
