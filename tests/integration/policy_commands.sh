#!/usr/bin/env bash
# `sekisho rules` and `sekisho policy`: what they print, where they point at errors, and their exit codes.
set -u
cd "$(dirname "$0")/../.." || exit 2
program=${SEKISHO_BUILD-$PWD/build/release}/agent/sekisho
profile=$PWD/packaging/policies/mito-my-number.yaml
. tests/lib.sh

# CODE TEXT COMMAND...: the exit code, and the text within what is said.
expect() {
	local expected=$1 text=$2 said got code
	shift 2
	said=$("$@" 2>&1)
	got=$?
	[ "$got" = "$expected" ] && [[ $said == *"$text"* ]]
	code=$?
	result $code "$*"
	[ $code = 0 ] || echo "        exit $got; wanted $expected and '$text' in: $said"
}
rules() { "$program" --root "$work/root" rules "$@"; }
policy() { "$program" --root "$work/root" policy "$@"; }

cd "$work" || exit 2
mkdir -p root/var/lib/sekisho/policy root/etc/sekisho/trust
cat >good.rules <<'EOF'
# what the desk uses
allow id 0627:0001 with-interface {03:01:01} if localtime(08:30-17:15)   # keyboard
allow with-interface equals { 08:*:* 08:*:* }
reject via-port "1-9"
EOF
printf 'allow\n\nallow serial "a" serial "b"\n' >bad.rules

expect 0 'allow id 0627:0001 with-interface 03:01:01 if localtime(08:30-17:15)' rules check good.rules
expect 1 'bad.rules:3:18: ' rules check bad.rules
expect 3 'absent.rules: ' rules check absent.rules
expect 0 $'allow id 0627:0001 with-interface 03:01:01 if' rules check /dev/stdin < <(cat good.rules)
[ -z "$(rules check bad.rules 2>/dev/null)" ]
result $? 'nothing of a refused file is printed'
expect 2 'usage: ' rules check
expect 2 'usage: ' rules check good.rules bad.rules
expect 2 'usage: ' rules
expect 2 'usage: ' rules guess good.rules
links() { ldd "$program" | grep -vE 'vdso|libc\.so|ld-linux|/libasan|/libubsan|/libm\.so|/libgcc_s'; }
expect 1 '' links

keyboard='id 0627:0001 with-interface 03:01:01'
export TZ=JST-9
expect 0 $'allow\t1' rules match good.rules --device "$keyboard" --at 2026-11-21T08:30:00+09:00
expect 1 $'block\timplicit' rules match good.rules --device "$keyboard" --at 2026-11-21T08:30:00Z
expect 0 $'allow\t1' rules match good.rules --device "$keyboard" --at 2016-12-31T23:59:60Z
expect 0 $'allow\t1' rules match good.rules --device "$keyboard" --at 2016-12-31T08:15:00.5Z
expect 0 $'allow\t2' rules match good.rules --device 'id 0781:5567 with-interface { 08:06:50 08:06:62 }'
expect 1 $'block\timplicit' rules match good.rules --device 'id 0781:5567 with-interface { 08:06:50 03:01:01 }'
expect 1 $'reject\t3' rules match good.rules --device 'id 1111:2222 via-port "1-9"'
expect 3 'bad.rules:3:18: ' rules match bad.rules --device "$keyboard"
expect 2 '--device:1:4: ' rules match good.rules --device 'id 0627'
expect 2 '--at: ' rules match good.rules --device "$keyboard" --at yesterday
expect 2 'usage: ' rules match good.rules

for office in a b c; do
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=office $office" \
		-keyout $office.key -out $office.pem 2>/dev/null || exit 2
done
cat a.pem b.pem >offices.pem
sed 's/^signers: 1/signers: 2/' "$profile" >two.yaml
sed 's/hid: allow/hid: perhaps/' "$profile" >bad.yaml

expect 0 'mito-2026 mito-my-number 1 ' policy check "$profile"
expect 1 'bad.yaml:34:8: ' policy check bad.yaml
expect 3 'absent.yaml: ' policy check absent.yaml
expect 1 'bad.yaml:34:8: ' policy sign bad.yaml --certificate a.pem --key a.key --out bad.p7
expect 1 'cannot be signed' policy sign two.yaml --certificate a.pem --key b.key --out wrong.p7
expect 2 'usage: ' policy sign two.yaml --certificate a.pem
expect 2 'usage: ' policy check two.yaml --json
expect 0 '' policy sign two.yaml --certificate a.pem --key a.key --out one.p7
expect 1 'one.p7: ' policy verify one.p7 --signers offices.pem
expect 0 '' policy sign one.p7 --certificate b.pem --key b.key --out two.p7
expect 0 'CN=office b' policy verify two.p7 --signers offices.pem
expect 1 'two.p7: ' policy verify two.p7 --signers c.pem
expect 0 'Verification successful' openssl cms -verify -inform PEM -in two.p7 -CAfile offices.pem -purpose any -out two.out
expect 0 '' cmp two.yaml two.out
expect 3 'in-force.p7' policy show
cp two.p7 root/var/lib/sekisho/policy/in-force.p7
cp offices.pem root/etc/sekisho/trust/policy-signers.pem
chmod 644 root/var/lib/sekisho/policy/in-force.p7 root/etc/sekisho/trust/policy-signers.pem
expect 0 $'1\tallow with-interface 09:*:*' policy show
expect 0 '"usb_storage": "deny"' policy show --json
expect 0 '' python3 -m json.tool <(policy show --json)
cp c.pem root/etc/sekisho/trust/policy-signers.pem
expect 1 'in-force.p7' policy show
expect 3 'not running' policy install two.p7
expect 3 'absent.p7: ' policy install absent.p7

summary
