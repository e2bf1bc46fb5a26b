# shellcheck shell=bash
# Words for tokens: a security key at a virtual controller of the guest's, a My Number card in QEMU's reader. Scenarios source it.

# A policy that takes codes, and besides these combinations, and lets in the tokens' devices, is in force. $idle_lock: seconds.
token_policy() { # VERSION COMBINATIONS
	rules='allow id 1d6b:0100 serial "gadget-hid" with-interface equals { 03:00:00 }
allow id 08e6:4433 serial "office-reader" with-interface equals { 0b:00:00 }' \
		more_ways=$'\n  security_key: allow\n  smartcard: allow' policy_text "$1" |
		sed "s/factors: .*/factors: [$2, [password, totp]]${idle_lock:+\n  idle_lock: $idle_lock}/" >"$office/tokens.yaml"
	policy_sign "$office/tokens.yaml" "$office/tokens.p7"
	send_file "$office/tokens.p7" /root/offer
	guest 'sekisho policy install /root/offer' || fail "policy $1 is not accepted"
}

# Debian's own packages that base.sh keeps beside the image.
desktop_packages() { # NAME...
	local name
	mkdir -p "$machine/debs"
	for name; do
		cp "$SEKISHO_VM_BASE/desktop/${name}"_*.deb "$machine/debs/"
	done
	send_directory "$machine/debs" /root/debs
	guest 'dpkg -i /root/debs/*.deb && rm -r /root/debs' || fail "$* cannot be installed"
}

# A greeter's PAM service, and a locker that has no right of its own.
greeter_and_locker() {
	desktop_packages pamtester vlock
	send_file <(packaged lightdm etc/pam.d/lightdm) /etc/pam.d/lightdm
	guest 'chmod u-s /usr/sbin/vlock-main'
}

# What a greeter does when it has been given these answers.
greeter() { # USER ANSWER...
	local user=$1
	shift
	greeter_said=$(guest "printf '%s\n' $* | pamtester lightdm $user authenticate acct_mgmt open_session close_session")
}

# In the shell on the console: a command that prints as-root-42 once it was answered.
becomes() { # COMMAND PASSWORD CODE [PIN]
	console_type "$1"
	console_answer "${@:2}" && [[ $console_said == *as-root-42* ]]
}

# The locker, and its answers.
unlock_console() { # PASSWORD CODE [PIN]
	console_type vlock
	console_expect 'ENTER' || fail "the locker does not lock: $console_text"
	console_type ""
	console_pause=2 console_answer "$@"
}

# One file of such a package.
packaged() { # NAME PATH
	dpkg-deb --fsys-tarfile "$SEKISHO_VM_BASE/desktop/$1"_*.deb | tar -xO "./$2"
}

# The key (tests/integration/soft_key.c) is a process in the guest behind a USB gadget, which its kernel meets at dummy_hcd.
key_report=06d0f10901a1010920150026ff007508954081020921150026ff00750895409102c0
key_made() { # PIN
	mkdir -p "$machine/tools"
	cp "$here/tools/gadget" "$SEKISHO_BUILD/tests/unit/agent/soft_key" "$machine/tools/"
	send_directory "$machine/tools" /usr/local/sbin
	guest "modprobe -a libcomposite usb_f_hid dummy_hcd &&
		gadget 0 hid protocol=0 subclass=0 report_length=64 report_desc=$key_report &&
		mkdir -p /run/key && ln -s /dev/hidg0 /run/key/to && ln -s /dev/hidg0 /run/key/from || exit
		soft_key /run/key $1 >/run/key/log 2>&1 &"
	key_there || fail "no security key: $(guest 'cat /run/key/log; ls -l /dev/hid*')"
}

key_in() {
	guest 'echo 0 >/sys/devices/platform/dummy_hcd.0/usb*/*-0:1.0/usb*-port1/disable'
	key_there || fail "the key does not come back"
}

key_out() {
	guest 'echo 1 >/sys/devices/platform/dummy_hcd.0/usb*/*-0:1.0/usb*-port1/disable'
}

# udev has given it to the process fido2.
key_there() {
	eventually 10 guest_true 'stat -c %G /dev/hidraw* | grep -qx _sekisho-fido2'
}

key_deed() { # WHAT it does wrong from now on; "": nothing
	guest "echo '$1' >/run/key/deed"
}

enrol_token() { # card|key USER PIN; pcscd takes a moment to see what was put in
	eventually 10 guest_true "sekisho enrol $1 $2 <<<'$3' >/run/enrolled 2>&1" ||
		fail "$2's $1 cannot be enrolled: $(guest 'cat /run/enrolled')"
}

# --- a card

card_authority() {
	mkdir -p "$office/card/new"
	: >"$office/card/index"
	echo 01 >"$office/card/crlnumber"
	cat >"$office/card/conf" <<-END
		[ca]
		default_ca = this
		[this]
		database = $office/card/index
		new_certs_dir = $office/card/new
		rand_serial = yes
		crlnumber = $office/card/crlnumber
		certificate = $office/card/ca.pem
		private_key = $office/card/ca.key
		default_md = sha256
		default_crl_days = 30
		policy = any
		[any]
		commonName = supplied
		[login]
		keyUsage = critical, digitalSignature
		extendedKeyUsage = clientAuth
	END
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$office/card/ca.key" -out "$office/card/ca.pem" -days 30 -subj "/CN=JPKI" \
		-addext "basicConstraints=critical,CA:true" -addext "keyUsage=critical,keyCertSign,cRLSign" 2>/dev/null
}

# A My Number card (tests/integration/my_number_card.c), not in the reader.
card_issued() { # NAME PIN
	local card=$machine/cards/$1
	mkdir -p "$card"
	openssl req -new -newkey rsa:2048 -nodes -keyout "$card/auth.key" -subj "/CN=$1" -out "$card/request" 2>/dev/null &&
		openssl ca -config "$office/card/conf" -batch -extensions login -in "$card/request" -out "$card/pem" -notext -days 9 2>/dev/null &&
		openssl x509 -in "$card/pem" -outform DER -out "$card/auth.der" &&
		openssl x509 -in "$office/card/ca.pem" -outform DER -out "$card/auth-ca.der" || fail "no card for $1"
	for file in .key .der -ca.der; do
		cp "$card/auth$file" "$card/sign$file"
	done
	echo "$2" >"$card/auth-pin"
	echo SIGN1234 >"$card/sign-pin"
}

# The reader is plugged in, empty; what cards need is installed, and their authority is trusted. The journal takes so long to have
# the reader that pcscd comes to it first, while it is still closed.
card_reader() {
	local port
	port=$(free_port)
	send_directory "$SEKISHO_BUNDLE" /root/bundle
	guest_timeout=240 guest 'cd /root/bundle && ./install --card && rm -rf /root/bundle' || fail "the bundle's install --card failed"
	send_file "$office/card/ca.pem" /etc/sekisho/trust/card-ca.pem
	openssl ca -config "$office/card/conf" -gencrl -out "$office/card/crl.pem" 2>/dev/null
	send_file "$office/card/crl.pem" /etc/sekisho/trust/card-crl.pem
	qmp "$(jq -nc --arg path "$machine/card.sock" '{execute: "chardev-add", arguments: {id: "card", backend: {type: "socket",
		data: {addr: {type: "unix", data: {path: $path}}, server: true, wait: false}}}}')" >/dev/null
	guest 'systemctl start pcscd'
	disk_writes 3
	plug usb-ccid reader serial=office-reader
	expect_event device.allowed serial=office-reader
	disk_writes 0
	qmp "$(qmp_object device_add driver=ccid-card-passthru id=slot bus=reader.0 chardev=card)" >/dev/null
	mkdir -p "$machine/reader"
	python3 "$here/tools/card_in_reader.py" "$port" "$machine/card.sock" >"$machine/reader.log" 2>&1 &
	"$SEKISHO_BUILD/tests/unit/agent/my_number_card" "$machine/reader" "$port" >>"$machine/reader.log" 2>&1 &
}

card_in() { # NAME
	ln -s "$machine/cards/$1" "$machine/reader/in"
}

card_out() {
	rm "$machine/reader/in"
}

card_tries() { # NAME: its own count, where a PIN was tried
	cat "$machine/cards/$1/auth-tries"
}
