# shellcheck shell=bash
# Words for a session at the terminal's own screen, which the kernel shows, and its USB keyboard. Scenarios source it after tokens.sh.

# What is on the screen, a line each.
screen() {
	guest 'fold -w 80 /dev/vcs1 | sed "s/ *$//"'
}

screen_shows() { # REGEX
	[[ $(screen) =~ $1 ]]
}

expect_screen() { # REGEX
	eventually 15 screen_shows "$1" || fail "the screen does not show '$1': $(screen | sed '/^$/d')"
}

# Types a line at the keyboard.
keys() { # TEXT
	local i character code shift
	for ((i = 0; i < ${#1}; i++)); do
		character=${1:i:1} shift=
		case $character in
		[A-Z]) shift='{"type":"qcode","data":"shift"},' code=${character,} ;;
		-) code=minus ;;
		*) code=$character ;;
		esac
		qmp '{"execute":"send-key","arguments":{"hold-time":30,"keys":['"$shift"'{"type":"qcode","data":"'"$code"'"}]}}' >/dev/null
	done
	qmp '{"execute":"send-key","arguments":{"hold-time":30,"keys":[{"type":"qcode","data":"ret"}]}}' >/dev/null
}

# logind, a login prompt on the screen, and a locker that has no right of its own and starts at logind's word.
screen_ready() { # with the keyboard
	desktop_packages libpam-systemd vlock
	guest 'chmod u-s /usr/sbin/vlock-main
		printf "#!/bin/bash\ngrep -qm1 member=Lock <(dbus-monitor --system member=Lock); vlock\n" >/usr/local/bin/locker
		chmod 755 /usr/local/bin/locker
		systemctl unmask getty@tty1 2>/dev/null; systemctl start getty@tty1
		busctl monitor org.freedesktop.login1 >/run/heard 2>&1 &'
	plug usb-kbd k1 "serial=$listed_keyboard"
	eventually 10 keyboard_there || fail "no keyboard"
}

# The clerk's locker waits for logind's word. What was on the screen and on the bus is gone.
locker_ready() {
	guest 'printf "\033[H\033[2J" >/dev/tty1; : >/run/heard'
	keys locker
	eventually 10 guest_true 'pgrep -x dbus-monitor' || fail "no locker: $(screen | sed '/^$/d')"
}

expect_locked() { # CAUSE
	expect_event session.locked user=clerk "cause=$1"
	expect_screen 'now locked'
	guest_true 'grep -q Member=Lock /run/heard' || fail "logind was not heard: $(guest 'cat /run/heard')"
}

log_in_at_screen() { # PIN
	expect_screen 'terminal login:'
	keys clerk
	expect_screen 'Password:'
	keys Clerk-pass-1
	expect_screen 'PIN \('
	keys "$1"
	expect_screen 'clerk@terminal'
}

unlock() { # PIN
	keys ''
	expect_screen "clerk's Password:"
	sleep 2
	keys Clerk-pass-1
	expect_screen 'PIN \('
	sleep 2
	keys "$1"
	eventually 10 guest_true '! pgrep -x vlock-main' || fail "the locker does not unlock: $(screen | sed '/^$/d')"
}
