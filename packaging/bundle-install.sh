#!/bin/sh
# Installs Sekisho from this directory, without any network.
#     ./install [--enable-login] [--card] [--collector]     (root)
# --card          also what reads IC cards (pcscd, OpenSC)
# --collector     the collector instead of the agent and the login module
# --enable-login  asks for the second factor at every login from now on: only once tokens are enrolled
set -eu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH

case ${LC_ALL:-${LC_MESSAGES:-${LANG:-}}} in
ja*) japanese=yes ;;
*) japanese=no ;;
esac
say() { # JAPANESE ENGLISH
	if [ $japanese = yes ]; then echo "$1"; else echo "$2"; fi
}
refuse() {
	say "install: $1" "install: $2" >&2
	exit 1
}

packages="sekisho-agent libpam-sekisho"
collector=no
login=no
card=no
for option; do
	case $option in
	--collector) packages=sekisho-collector; collector=yes ;;
	--enable-login) login=yes ;;
	--card) card=yes ;;
	*) echo "usage: ./install [--enable-login] [--card] [--collector]" >&2; exit 2 ;;
	esac
done
if [ $collector = yes ] && [ $login$card != nono ]; then
	echo "usage: ./install [--enable-login] [--card] [--collector]" >&2
	exit 2
fi
[ $card = no ] || packages="$packages opensc-pkcs11 pcscd"

cd "$(dirname "$0")"
bundle=$(pwd)
[ "$(id -u)" = 0 ] || refuse "rootで実行してください" "must be run by root"
[ -s SHA256SUMS ] || refuse "SHA256SUMSがありません" "there is no SHA256SUMS"

# Every file must be listed, and every listed file be whole, before anything here is used.
for file in *; do
	[ "$file" = SHA256SUMS ] || awk -v name="$file" '$2 == name {found = 1} END {exit !found}' SHA256SUMS ||
		refuse "一覧にないファイルです: $file" "not in SHA256SUMS: $file"
done
sha256sum --quiet --strict -c SHA256SUMS >&2 ||
	refuse "チェックサムが一致しません。何も変更していません" "checksums do not match; nothing was changed"

# An apt that knows only this directory: what the system has stays, unless these packages need a newer one.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$work/lists/partial" "$work/archives/partial"
echo "deb [trusted=yes] file:$bundle ./" >"$work/sources.list"
cat >"$work/apt.conf" <<END
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "$work/lists";
Dir::Cache "$work";
APT::Install-Recommends "no";
APT::Sandbox::User "root";
APT::Get::Assume-Yes "yes";
Acquire::Languages "none";
END
export APT_CONFIG="$work/apt.conf" DEBIAN_FRONTEND=noninteractive
case $bundle in
*[!A-Za-z0-9/._-]*) refuse "パスに使えない文字があります: $bundle" "move it to a path of plain letters: $bundle" ;;
esac
apt-get -qq update
# shellcheck disable=SC2086
apt-get -qq -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold --no-remove install $packages </dev/null
unset APT_CONFIG

if [ $collector = yes ]; then
	say "集約サーバーを導入しました。次の手順:
  1. sekisho-collector init /var/lib/sekisho-collector --name HOST   (鍵と証明書を作ります)
  2. systemctl start sekisho-collector
  3. sekisho-collector token new              (端末の登録に使う一度限りのトークン)" \
		"The collector is installed. Next:
  1. sekisho-collector init /var/lib/sekisho-collector --name HOST   (makes its keys and certificates)
  2. systemctl start sekisho-collector
  3. sekisho-collector token new              (a one-time token for enrolling a terminal)"
	exit 0
fi
if [ $login = yes ]; then
	pam-auth-update --enable sekisho
fi
say "端末エージェントを導入しました（observe: 記録だけで、何も遮断しません）。次の手順:
  1. /etc/sekisho/trust/ に policy-signers.pem と collector-ca.pem を置く
  2. sekisho policy install ポリシー.p7
  3. sekisho enrol terminal --collector https://HOST:8443 --token-file ファイル
  4. sekisho enrol totp 利用者  （全員の登録後: pam-auth-update --enable sekisho）
  5. /etc/sekisho/agent.yaml を mode: enforce にし、systemctl reload sekishod" \
	"The agent is installed (observe: it records and blocks nothing). Next:
  1. put policy-signers.pem and collector-ca.pem into /etc/sekisho/trust/
  2. sekisho policy install POLICY.p7
  3. sekisho enrol terminal --collector https://HOST:8443 --token-file FILE
  4. sekisho enrol totp USER   (once everybody is enrolled: pam-auth-update --enable sekisho)
  5. set mode: enforce in /etc/sekisho/agent.yaml, then systemctl reload sekishod"
