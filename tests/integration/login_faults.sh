#!/usr/bin/env bash
# What can go wrong at a login that is not the person's fault, through libpam at a whole agent of its own root: who gives up, a crowd,
# a full disk, an agent that is away; in the language of who asks. And that no secret is written down by any of it.
set -u
top=${SEKISHO_TOP:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${SEKISHO_BUILD:-$top/build/release}
. "$top/tests/lib.sh"
. "$top/tests/lib_login.sh"
state=$root/var/lib/sekisho
disk=
leave() {
	clean_up
	[ -z "$disk" ] || umount "$state"
	rm -rf "$work"
}

away="The login service does not answer; ask the administrator."
wrong="Wrong verification code"

enrol() { # USER: prints the new secret
	sekisho enrol totp "$1" --no-confirm --replace 2>/dev/null | sed -n 's/^Secret: //p'
}
code() { # SECRET: of the next step, good for 30 seconds and more
	oathtool --totp --base32 --now "$(date -u -d '30 seconds' '+%Y-%m-%d %H:%M:%S UTC')" "$1"
}
speaking() { # LOCALE COMMAND...; bash itself complains of one that is not installed
	local said=$1
	shift
	{ if [ -n "$said" ]; then export LC_ALL=$said; else unset LC_ALL; fi; } 2>/dev/null
	"$@"
	{ export LC_ALL=C.UTF-8; } 2>/dev/null
}

# The state lies on a file system of its own, which can be filled without harm.
mkdir -p "$state"
chmod 755 "$work" "$root" "$root/var" "$root/var/lib"
if mount -t tmpfs -o size=32m,mode=755 tmpfs "$state" 2>/dev/null; then
	disk=yes
else
	echo "        no file system can be mounted here: a full disk is not tried"
fi
for name in totp login lightdm; do
	service $name 20
done
echo "auth required $build/pam_module/pam_sekisho.so socket=$root/run/sekisho/auth.sock timeout=20" >"$svc/svc"
check "the agent starts" start_agent
[ $failed = 0 ] || { cat "$work/log"; summary; exit 1; }
secret=$(enrol games)

# who gives up
printf '' | LD_PRELOAD="$asan libpam_wrapper.so" PAM_WRAPPER=1 PAM_WRAPPER_SERVICE_DIR=$svc timeout 60 \
	pamtester totp games authenticate >"$work/out" 2>&1
check "who types nothing and leaves is refused" told "$refused"
check "which is journalled" within 5 journalled '"login.refused","user":"games","service":"totp".*"cause":"no-answer"' 1
pam totp games "$(printf '1%.0s' $(seq 400))"
check "400 digits are a wrong code" told "$wrong; 2 more"
pam totp games "$(printf '1%.0s' $(seq 65000))"
check "65,000 are none" told "$refused"
check "and journalled" within 5 journalled '"login.refused","user":"games","service":"totp".*"cause":"no-answer"' 2
check "the next wrong code counts as the second" eval 'pam totp games 000000; told "$wrong; 1 more"'
check "and shows the terminal's clock, by which codes go" told "Codes go by the clock; this terminal's says $(date +%Y-%m-%d),"
pam totp games "$(code "$secret")"
check "a right one is taken" told "$ok"

# 200 at once
secret=$(enrol games)
now=$(code "$secret")
crowd=()
for i in $(seq 100); do
	crowd+=(games "$now" "nobody$i" 000000)
done
"$build/tests/unit/pam_module/pam_crowd" "$svc" svc "${crowd[@]}" >"$work/out" 2>&1
counted=$(awk '{n[$3]++} END {print n["success"]+0, NR, n["other"]+0}' "$work/out")
echo "        $(awk '{n[$3]++} END {for (a in n) printf "%s %d  ", a, n[a]}' "$work/out")"
check "of 200 logins at once one has the code, and every one has an answer" test "$counted" = "1 200 0"
check "who is turned away is told" eval '! grep " unavail " "$work/out" | grep -qvE "Too many logins at once|cannot be checked just now|does not answer"'
secret=$(enrol games)
pam totp games "$(code "$secret")"
check "and the next one is served" told "$ok"

# In time too a name that nobody has is like one that is enrolled: taken in turn, so that what else the machine does falls on both.
timed() { # USER: microseconds of a login with a wrong code
	local begun=${EPOCHREALTIME/./}
	"$build/tests/unit/pam_module/pam_crowd" "$svc" svc "$1" 000000 >"$work/timed" 2>&1
	echo $((${EPOCHREALTIME/./} - begun))
}
median() {
	sort -n "$1" | sed -n "$((($(wc -l <"$1") + 1) / 2))p"
}
rm -f "$work"/time.*
for i in $(seq 41); do
	sekisho unlock games >/dev/null 2>&1
	timed "settles$i" >/dev/null # what unlocking sets going falls on this one
	[ $((i % 2)) = 0 ] || timed games >>"$work/time.enrolled"
	timed "unknown$i" >>"$work/time.unknown"
	[ $((i % 2)) = 1 ] || timed games >>"$work/time.enrolled"
done
enrolled=$(median "$work/time.enrolled")
unknown=$(median "$work/time.unknown")
echo "        a wrong code, median of 41: $enrolled us of who is enrolled, $unknown us of nobody"
check "a wrong code takes as long for a name that is not enrolled" test $(((enrolled - unknown) * (enrolled - unknown) * 16)) -lt $((enrolled * enrolled))

# the disk is full
if [ -n "$disk" ]; then
	secret=$(enrol games)
	mkdir "$state/filled"
	dd if=/dev/zero of="$state/filled/up" bs=64k status=none 2>/dev/null
	dd if=/dev/zero of="$state/filled/rest" bs=512 status=none 2>/dev/null
	check "the disk is full" test "$(df --output=avail "$state" | tail -n 1 | tr -d ' ')" = 0
	accepted=$(cat "$state"/journal/*.jsonl | grep -c '"login.accepted"')
	pam totp games "$(code "$secret")"
	check "a full disk keeps nobody out" told "$ok"
	check "nor out of the journal" journalled '"login.accepted"' $((accepted + 1))
	pam totp games "$(code "$secret")"
	check "nor does it let a code count twice" told "This verification code has been used"
	for i in 1 2 3; do pam totp games 000000; done
	check "and three wrong codes lock" told "$maxtries"
	check "by root he is unlocked" sekisho unlock games
	stop_agent
	check "the agent starts on a full disk" start_agent
	pam totp games 000000
	check "and judges" told "$wrong; 2 more"
	rm "$state"/filled/*
	secret=$(enrol games)
	pam totp games "$(code "$secret")"
	check "with room again all is well" told "$ok"
fi

# main dies, and everything with it, in the midst of a login
secret=$(enrol games)
sleep 3 | LD_PRELOAD="$asan libpam_wrapper.so" PAM_WRAPPER=1 PAM_WRAPPER_SERVICE_DIR=$svc timeout 60 \
	pamtester totp games authenticate >"$work/out" 2>&1 &
waiting=$!
within 5 grep -q "Verification code" "$work/out"
kill -KILL "$(agent_main)"
wait "$agent" 2>/dev/null
wait $waiting
check "who was being asked when main died is refused" told_not "$ok"
pam totp games "$(code "$secret")"
check "so is who comes then, and is told" eval 'told "Authentication service cannot retrieve" && told "$away"'
check "the agent starts again" start_agent
pam totp games "$(code "$secret")"
check "and serves" told "$ok"

# in the language of who asks
speaking ja_JP.UTF-8 pam lightdm games 000000
check "a Japanese greeter hears Japanese" told "確認コードが違います。あと2回間違えるとロックされます。"
check "and asks in it" told "確認コード: "
speaking '' pam lightdm games 000000
check "one that says nothing hears what the agent speaks" told "$wrong; 1 more"
speaking ja_JP.UTF-8 pam lightdm games 000000
check "the lock, in Japanese" told "この利用者はロックされています。"
sekisho unlock games >"$work/out" 2>&1
stop_agent
speaking ja_JP.UTF-8 start_agent
speaking '' pam lightdm games 000000
check "a Japanese agent speaks Japanese to who says nothing" told "確認コードが違います。"
speaking en_US.UTF-8 pam lightdm games 000000
check "and English to who asks for it" told "$wrong; 1 more"
stop_agent

# nobody there
speaking '' pam totp games 000000
check "without an agent the person is told so" told "$away"
speaking ja_JP.UTF-8 pam totp games 000000
check "in Japanese too" told "ログインの確認サービスが応答しません。情報システム管理者に連絡してください。"

check "no code and no secret is in journal or log" eval '! grep -rqF -e "$secret" -e "$now" -e 1111111111 "$work/log" "$state/journal" "$state/outbox"'
summary
