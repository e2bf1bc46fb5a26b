# Policies that must not come into force: broken, unsigned, a stranger's, older, damaged on disk, missing. Each would allow
# a stick. Nothing is authorised that was not; the last good one stays; status says so.
resume_terminal
watch_storage
cd "$office"

usb_storage=allow rules='allow serial "STICK-60"' policy_text 2 >two.yaml
rules= policy_text 3 >three.yaml
usb_storage=allow rules='allow serial "STICK-60"' policy_text 4 >four.yaml

refused() { # FILE WHY
	send_file "$1" /root/offer
	! guest 'sekisho policy install /root/offer' || fail "$2: accepted"
	expect_event policy.refused
	guest 'cp /root/offer /var/lib/sekisho/policy/offered.p7 && systemctl reload sekishod' || fail "reload"
	policy_is 3 "after $2"
	plug usb-storage s1 serial=STICK-60
	expect_not_authorised STICK-60
	sleep 1
	expect_not_authorised STICK-60
	unplug s1
	plug usb-kbd k1 "serial=$listed_keyboard"
	eventually 10 keyboard_there || fail "$2: the last good policy does not stay: no keyboard"
	unplug k1
	eventually 10 keyboard_gone || fail "$2: the keyboard does not go"
}

policy_sign three.yaml three.p7
send_file three.p7 /root/offer
guest 'sekisho policy install /root/offer' || fail "version 3 is not accepted"
policy_is 3 "at first"

refused four.yaml "an unsigned policy"
policy_sign four.yaml stranger.p7 stranger
refused stranger.p7 "a stranger's policy"
policy_sign two.yaml two.p7
refused two.p7 "an older policy"
openssl cms -sign -binary -nodetach -outform PEM -md sha256 -signer officer.pem -inkey officer.key \
	-in <(sed 's/^tier:.*/tier: everything/' four.yaml) -out broken.p7
refused broken.p7 "a broken policy"
policy_sign four.yaml four.p7
sed '10s/[A-M]/N/' four.p7 >damaged.p7
refused damaged.p7 "a damaged policy"
guest 'sekisho status --json' | jq -e '[.. | .policy_problem? // empty | select(. != "")] | length > 0' >/dev/null ||
	fail "status does not say that a policy was refused: $(guest 'sekisho status --json')"

# What is in force is damaged, then missing: nobody's last word, so nothing at all is allowed.
for loss in 'sed -i "8s/[A-Z]/b/g" /var/lib/sekisho/policy/*.p7' 'rm -f /var/lib/sekisho/policy/*.p7'; do
	guest "$loss; systemctl restart sekishod" || fail "the agent does not start without a policy"
	plug usb-storage s1 serial=STICK-60
	plug usb-kbd k1 "serial=$listed_keyboard"
	expect_plugged STICK-60
	expect_plugged "$listed_keyboard"
	sleep 2
	expect_not_authorised STICK-60
	expect_not_authorised "$listed_keyboard"
	guest 'sekisho status --json' | jq -e '[.. | .policy_state? // empty | select(. == "none")] | length > 0' >/dev/null ||
		fail "status does not say that there is no policy: $(guest 'sekisho status --json')"
	eventually 20 collector_shows none .policy.state || fail "the collector shows a policy: $(terminal_shown .policy)"
	unplug s1
	unplug k1
done
# And an old document does not come back in through that hole.
send_file two.p7 /root/offer
! guest 'sekisho policy install /root/offer' || fail "an older policy is accepted after the loss"
expect_no_block_device
