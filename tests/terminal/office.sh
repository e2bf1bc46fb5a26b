# shellcheck shell=bash
# The office's side, outside the guest: the collector, the keys that sign policy, the authenticator app. Sourced;
# everything lies in $office (a directory), the collector listens on 127.0.0.1:$collector_port.

collector_program=${SEKISHO_COLLECTOR:-$SEKISHO_BUILD/collector/sekisho-collector}
sekisho_program=${SEKISHO_CLI:-$SEKISHO_BUILD/agent/sekisho}

# The collector's keys and database, and two officers who sign policy.
office_found() {
	local officer
	mkdir -p "$office"
	"$collector_program" init "$office/collector" --name collector.office.test --name localhost >/dev/null
	for officer in officer stranger; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$officer" \
			-keyout "$office/$officer.key" -out "$office/$officer.pem" 2>/dev/null
	done
}

collector_start() {
	"$collector_program" --config "$office/collector.yaml" serve --allow-root >>"$office/collector.log" 2>&1 &
	collector_pid=$!
	for _ in {1..100}; do
		(exec 3<>"/dev/tcp/127.0.0.1/$collector_port") 2>/dev/null && return 0
		kill -0 "$collector_pid" 2>/dev/null || break
		sleep 0.05
	done
	die "the collector did not start: $(tail -n 5 "$office/collector.log")"
}

collector_stop() {
	[ -n "${collector_pid-}" ] || return 0
	kill "$collector_pid" 2>/dev/null || true
	wait "$collector_pid" 2>/dev/null || true
	collector_pid=
}

# Written anew for each run: the port is whichever was free.
collector_configure() {
	printf 'dir: %s\nlisten: 127.0.0.1:%s\n' "$office/collector" "$collector_port" >"$office/collector.yaml"
}

collector_cmd() { # ARGUMENTS...
	"$collector_program" --config "$office/collector.yaml" "$@"
}

# One query of what the collector has stored. A statement that writes is refused.
collector_sql() { # SQL
	sqlite3 -readonly -cmd '.timeout 5000' "$office/collector/collector.db" "$1"
}

# Prints a policy ($tier: my_number) as YAML that allows the listed keyboard and hubs, nothing else; $rules adds to its rules, and with
# usb_storage=allow they may let a stick in.
policy_text() { # VERSION
	cat <<-END
		sekisho: policy-1
		id: test-office
		body: mito-2026
		version: $1
		tier: ${tier:-my_number}
		signers: 1
		ways:
		  usb_storage: ${usb_storage:-deny}
		  hid: allow
		  hub: allow${more_ways-}
		login:
		  factors: [password, totp]
		  max_failures: 3
		  totp: {digits: 6, step: 30, window: 1}
		report:
		  interval: ${report_interval:-60}
		rules: |
		  allow id 0627:0001 serial "$listed_keyboard"
	END
	printf '%s\n' "${rules-}" | sed 's/^/  /'
}

policy_sign() { # YAML OUT [SIGNER]
	local signer=${3:-officer}
	"$sekisho_program" policy sign "$1" --certificate "$office/$signer.pem" --key "$office/$signer.key" --out "$2"
}

# A port nobody listens on; below the range the kernel gives to clients.
free_port() {
	local port
	for _ in {1..50}; do
		port=$((20000 + RANDOM % 12000))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return 0; }
	done
	return 1
}
