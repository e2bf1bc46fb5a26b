#!/usr/bin/env bash
# A login by IC card, whole pamtester process, beside pam_permit (the floor) and pam_pkcs11 with the same SoftHSM token, the same
# authority and the same list of revoked cards: wall clock (median), processor time and bytes written, the agent's own included.
#     tests/bench/login/card.sh [BUILD [ROUNDS]]         (build/release, 100)
# They are asked in turn, so that what else the machine does falls on all alike. Wants root, pamtester, softhsm2, opensc and
# python3; the peer from Debian's libpam-pkcs11, installed, or unpacked with dpkg -x into a directory named by LOGIN_PEERS_ROOT.
set -euo pipefail
cd "$(dirname "$0")/../../.."
build=$(realpath "${1:-build/release}")
rounds=${2:-100}
peers=${LOGIN_PEERS_ROOT:-}
work=$(mktemp -d /var/tmp/sekisho-bench.XXXXXX)
root=$work/root
agent=
softhsm=$(find /usr/lib -name libsofthsm2.so -print -quit)
pkcs11=$(find "$peers"/lib/x86_64-linux-gnu/security "$peers"/usr/lib/x86_64-linux-gnu/security -name pam_pkcs11.so -print -quit \
	2>/dev/null || true)
export SOFTHSM2_CONF=$work/softhsm2.conf
leave() {
	[ -z "$agent" ] || kill "$agent" 2>/dev/null || true
	[ -z "$agent" ] || wait "$agent" 2>/dev/null || true
	rm -rf "$work"
}
trap leave EXIT

[ "$(id -u)" = 0 ] || { echo "must be run by root"; exit 1; }
chmod 755 "$work"
mkdir -p "$root/etc/sekisho" "$work/pam.d" "$work/token" "$work/ca" "$work/crl"
sekisho() {
	"$build/agent/sekisho" --root "$root" "$@"
}

# The office's authority and one card.
: >"$work/index"
echo 01 | tee "$work/serial" >"$work/crlnumber"
cat >"$work/ca.conf" <<END
[ca]
default_ca = this
[this]
database = $work/index
serial = $work/serial
crlnumber = $work/crlnumber
new_certs_dir = $work
certificate = $work/ca.pem
private_key = $work/ca.key
default_md = sha256
default_days = 30
default_crl_days = 30
policy = any
[any]
commonName = supplied
[login]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
END
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/ca.key" -out "$work/ca.pem" -days 30 -subj "/CN=Authority" \
	-addext "keyUsage=critical,keyCertSign,cRLSign" 2>/dev/null
openssl req -newkey rsa:2048 -nodes -keyout "$work/card.key" -out "$work/request" -subj "/CN=games" 2>/dev/null
openssl ca -config "$work/ca.conf" -batch -extensions login -in "$work/request" -out "$work/card.pem" -notext 2>/dev/null
openssl ca -config "$work/ca.conf" -gencrl -out "$work/crl.pem" 2>/dev/null
openssl x509 -in "$work/card.pem" -outform DER -out "$work/card.der"
openssl pkcs8 -topk8 -nocrypt -in "$work/card.key" -out "$work/card.pkcs8"
printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$work/token" >"$SOFTHSM2_CONF"
softhsm2-util --init-token --free --label card --so-pin 12345678 --pin 1234 >/dev/null
softhsm2-util --import "$work/card.pkcs8" --token card --label key --id a1 --pin 1234 >/dev/null
pkcs11-tool --module "$softhsm" --token-label card --login --pin 1234 --write-object "$work/card.der" --type cert --id a1 \
	--label cert >/dev/null 2>&1
chown -R 64405 "$work/token"

printf 'mode: observe\ncard_module: %s\n' "$softhsm" >"$root/etc/sekisho/agent.yaml"
"$build/agent/sekishod" --root "$root" --libexec "$build/libexec" --user-ids 64400 --observe >"$work/log" 2>&1 &
agent=$!
for _ in $(seq 100); do
	! grep -q ready "$work/log" || break
	sleep 0.1
done
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=office" \
	-keyout "$work/office.key" -out "$work/office.pem" 2>/dev/null
install -m 644 "$work/office.pem" "$root/etc/sekisho/trust/policy-signers.pem"
install -m 644 "$work/ca.pem" "$root/etc/sekisho/trust/card-ca.pem"
install -m 644 "$work/crl.pem" "$root/etc/sekisho/trust/card-crl.pem"
sed 's/factors: .*/factors: [[card, pin]]/' packaging/policies/mito-my-number.yaml >"$work/policy.yaml"
sekisho policy sign "$work/policy.yaml" --certificate "$work/office.pem" --key "$work/office.key" --out "$work/policy.p7" >/dev/null
sekisho policy install "$work/policy.p7" >/dev/null
sleep 1
sekisho enrol card games <<<1234 >/dev/null
services="permit sekisho"
echo "auth required pam_permit.so" | tee "$work/pam.d/other" >"$work/pam.d/permit"
echo "auth required $build/pam_module/pam_sekisho.so socket=$root/run/sekisho/auth.sock" >"$work/pam.d/sekisho"

# The peer, checking as much: chain, list, signature; the user's name is the certificate's.
if [ -n "$pkcs11" ]; then
	services="$services pkcs11"
	echo "auth required $pkcs11 config_file=$work/pam_pkcs11.conf" >"$work/pam.d/pkcs11"
	cp "$work/ca.pem" "$work/ca/"
	cp "$work/crl.pem" "$work/crl/"
	openssl rehash "$work/ca"
	openssl rehash "$work/crl"
	cat >"$work/pam_pkcs11.conf" <<-END
		pam_pkcs11 {
			nullok = false;
			use_pkcs11_module = softhsm;
			pkcs11_module softhsm {
				module = $softhsm;
				slot_num = 0;
				ca_dir = $work/ca;
				crl_dir = $work/crl;
				cert_policy = ca, crl_offline, signature;
			}
			use_mappers = cn;
			mapper cn {
				module = internal;
				ignorecase = true;
				mapfile = "none";
			}
		}
	END
fi
for _ in $(seq "$rounds"); do
	echo 1234
done >"$work/pins"
# shellcheck disable=SC2016,SC2086 # the inner shell's; words
unshare --mount sh -c 'mount --bind "$1" /etc/pam.d && shift && exec "$@"' - "$work/pam.d" \
	python3 tests/bench/login/measure.py 1 "$work/pins" "$(pgrep -P "$agent")" $services
