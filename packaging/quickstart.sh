#!/usr/bin/env bash
# Shows Sekisho at work on this machine (Debian 12, root), without changing it:
#     packaging/quickstart.sh [--once]
# Installs the packages building needs, builds into build/quickstart, and in a temporary directory starts a collector on a free
# loopback port and this machine's agent, observing only; shows the verified status and the clause report, again
# and again until ^C. --once ends after the first. The directory and everything started go away in any case.
set -u
cd "$(dirname "$0")/.." || exit 2
top=$PWD
build=$top/build/quickstart
ids=61184 # of no account: systemd's range for users that exist while a service runs
terminal=$(hostname | tr -cd 'A-Za-z0-9-' | cut -c1-32)
terminal=${terminal:-terminal}
work=
pids=()

case ${LC_ALL:-${LC_MESSAGES:-${LANG:-}}} in
ja*) japanese=yes ;;
*) japanese=no ;;
esac
say() { # JAPANESE ENGLISH
	if [ $japanese = yes ]; then echo "$1"; else echo "$2"; fi
}

once=no
case $# in
0) ;;
1) [ "$1" = --once ] && once=yes ;;
esac
if [ $# -gt 1 ] || { [ $# = 1 ] && [ $once = no ]; }; then
	echo "usage: packaging/quickstart.sh [--once]" >&2
	exit 2
fi
if [ "$(id -u)" != 0 ]; then
	say "rootで実行してください" "must be run by root" >&2
	exit 3
fi

ended() { # PID: within 5 seconds
	local tries
	for ((tries = 0; tries < 50; tries++)); do
		kill -0 "$1" 2>/dev/null || return 0
		sleep 0.1
	done
	return 1
}

# The agent before the collector, each by its id, gently first.
clean_up() {
	local i pid
	trap '' INT TERM HUP
	for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
		pid=${pids[i]}
		kill "$pid" 2>/dev/null
		ended "$pid" || kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	pids=()
	[ -z "$work" ] || rm -rf "$work"
	work=
}
trap clean_up EXIT
trap 'echo; say "終了します。何も残しません。" "Ending; nothing stays."; exit 130' INT TERM HUP

# ^C goes to the whole foreground group: what is started here ends by clean_up(), or with this script.
start() { # LOG COMMAND...
	local log=$1
	shift
	setsid setpriv --pdeathsig TERM "$@" >"$log" 2>&1 </dev/null &
	pids+=($!)
}

fail() { # LOG
	echo
	say "失敗しました。ログの末尾:" "Failed. The end of the log:" >&2
	tail -n 25 "$1" >&2
	exit 1
}

number=0
step() { # JAPANESE ENGLISH COMMAND...
	local text begun=$SECONDS
	text=$(say "$1" "$2")
	shift 2
	number=$((number + 1))
	printf '  %d/7  %s ... ' "$number" "$text"
	if ! "$@" >"$work/step.log" 2>&1 </dev/null; then
		fail "$work/step.log"
	fi
	[ $((SECONDS - begun)) -lt 2 ] && echo ok || echo "ok ($((SECONDS - begun)) s)"
}

packages() {
	packaging/dependencies.sh --install build && { command -v openssl >/dev/null || apt-get install -y openssl; }
}

# One at a time, when two are started at once.
compile() {
	mkdir -p "$build"
	(
		flock 9
		cmake -G Ninja -S . -B "$build" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DSEKISHO_TESTS=OFF && cmake --build "$build"
	) 9>"$build/lock"
}

collector() {
	"$build/collector/sekisho-collector" --config "$work/collector.yaml" "$@"
}
sekisho() {
	"$build/agent/sekisho" --root "$work/terminal" "$@"
}

# A port that was free a moment ago; should another take it first, the next is tried.
start_collector() {
	install -d -m 0700 "$work/collector"
	"$build/collector/sekisho-collector" init "$work/collector" --name localhost --user $((ids + 4)) || return 1
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		port=$((20000 + RANDOM % 12000))
		printf 'dir: %s\nlisten: 127.0.0.1:%s\n' "$work/collector" "$port" >"$work/collector.yaml"
		start "$work/collector.log" "$build/collector/sekisho-collector" --config "$work/collector.yaml" serve
		wait_for 5 "${pids[-1]}" answers && return 0
		wait "${pids[-1]}"
		unset 'pids[-1]'
	done
	cat "$work/collector.log"
	return 1
}
answers() {
	(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null
}

wait_for() { # SECONDS PID COMMAND...: while PID lives
	local end=$((SECONDS + $1)) pid=$2
	shift 2
	while [ "$SECONDS" -le "$end" ]; do
		kill -0 "$pid" 2>/dev/null || return 1
		"$@" && return 0
		sleep 0.1
	done
	return 1
}

sign_policy() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=quickstart office" \
		-keyout "$work/office.key" -out "$work/office.pem" &&
		install -d -m 0755 "$work/terminal/etc/sekisho/trust" &&
		install -m 0644 "$work/office.pem" "$work/terminal/etc/sekisho/trust/policy-signers.pem" &&
		install -m 0644 "$work/collector/ca.pem" "$work/terminal/etc/sekisho/trust/collector-ca.pem" &&
		sekisho policy sign packaging/policies/mito-my-number.yaml --certificate "$work/office.pem" \
			--key "$work/office.key" --out "$work/policy.p7"
}

start_agent() {
	start "$work/agent.log" "$build/agent/sekishod" --root "$work/terminal" --observe --user-ids "$ids" \
		--libexec "$build/libexec"
	agent=${pids[-1]}
	if wait_for 20 "$agent" agent_answers && sekisho policy install "$work/policy.p7"; then
		return 0
	fi
	cat "$work/agent.log"
	return 1
}
agent_answers() {
	sekisho status >/dev/null 2>&1
}

enrol() {
	local token
	token=$(collector token new --name "$terminal") || return 1
	sekisho enrol terminal --collector "https://localhost:$port" --name "$terminal" --token-file - <<<"$token"
}

fresh() {
	collector poll "$terminal" --timeout 5 >/dev/null 2>&1
	collector terminals | grep -w "$terminal" | grep -qw FRESH
}
wait_fresh() {
	wait_for 40 "$agent" fresh && return 0
	collector terminals
	tail -n 15 "$work/agent.log" "$work/collector.log"
	return 1
}

show() {
	echo
	say "━━ この端末 (sekisho status)" "━━ This terminal (sekisho status)"
	sekisho status
	echo
	say "━━ コレクターが検証した状態 (sekisho-collector terminals)" \
		"━━ As the collector verified it (sekisho-collector terminals)"
	collector terminals
	echo
	say "━━ 条文ごとの遵守状況 (sekisho-collector report --body mito-2026)" \
		"━━ Clause by clause (sekisho-collector report --body mito-2026)"
	collector report --body mito-2026 --terminal "$terminal" --format csv | clauses
}

# The report's rows as text: what has evidence with it, the others counted. All cells of the CSV are quoted.
clauses() {
	awk -F '","' -v others="$(say "その他" "others")" '
		function wrapped(text,    words, n, i, line) {
			n = split(text, words, " ")
			for (i = 1; i <= n; i++) {
				if (line != "" && length(line) + length(words[i]) > 68) {
					printf "         %s\n", line
					line = ""
				}
				line = line (line == "" ? "" : " ") words[i]
			}
			if (line != "")
				printf "         %s\n", line
		}
		NR == 1 {next}
		{
			sub(/"\r?$/, "")
			sub(/^"/, "", $1)
			count[$8]++
		}
		$8 ~ /^(met|unmet|attested)$/ {
			printf "%-8s %s %s %s\n", $8, $1, $2, $4
			wrapped($9)
		}
		END {
			printf "%s:", others
			for (state in count)
				if (state !~ /^(met|unmet|attested)$/)
					printf " %s %d", state, count[state]
			printf "\n"
		}'
}

work=$(mktemp -d "${TMPDIR:-/tmp}/sekisho-quickstart.XXXXXX") || exit 1
chmod 755 "$work" # its users pass through
mkdir -p "$work/terminal"
say "関所: この端末を監視のみで動かします。システムは変更しません。" \
	"Sekisho on this machine, only observing: the system is not changed."
step "ビルドに要るパッケージ" "packages that building needs" packages
step "ビルド" "building" compile
step "コレクター" "a collector on loopback" start_collector
step "水戸市のポリシーに署名" "Mito's policy, signed by a throwaway office key" sign_policy
step "エージェント（監視のみ）" "the agent, observing" start_agent
step "一度限りのトークンで登録" "enrolment with a one-time token" enrol
step "検証済みの状態を待つ" "waiting for a verified status" wait_fresh
show
[ $once = yes ] && exit 0
while sleep 5; do
	kill -0 "$agent" 2>/dev/null || fail "$work/agent.log"
	fresh
	clear 2>/dev/null
	say "5秒ごとに更新。^C で終わり、何も残りません。" "Renewed every 5 seconds; ^C ends it, and nothing stays."
	show
done
