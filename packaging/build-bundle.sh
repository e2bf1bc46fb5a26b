#!/bin/sh
# Builds the packages and puts them into a directory from which a terminal without any network installs:
#     packaging/build-bundle.sh OUTDIR
# OUTDIR gets the .debs, what reads IC cards, every package they need that a minimal Debian 12 (debootstrap's minbase) lacks, a package index,
# SHA256SUMS and `install`. SEKISHO_DEBS=DIR takes the three .debs from there instead of building them.
# The packages come from where this machine takes its own Debian 12 from.
set -eu
[ $# = 1 ] || { echo "usage: build-bundle.sh OUTDIR" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
if [ -e "$1" ] && [ -n "$(ls -A "$1")" ] && [ ! -e "$1/SHA256SUMS" ]; then
	echo "build-bundle.sh: $1 is not empty and not a bundle" >&2
	exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
bundle=$work/bundle
apt=$work/apt
mkdir -p "$bundle" "$apt/lists/partial" "$apt/archives/partial" "$apt/etc"

if [ -n "${SEKISHO_DEBS-}" ]; then
	cp "$SEKISHO_DEBS"/sekisho-agent_*.deb "$SEKISHO_DEBS"/libpam-sekisho_*.deb \
		"$SEKISHO_DEBS"/sekisho-collector_*.deb "$bundle/"
else
	"$here/build-debs.sh" "$work/debs" >/dev/null
	cp "$work"/debs/*.deb "$bundle/"
fi
(cd "$bundle" && dpkg-scanpackages -m . >Packages 2>/dev/null)

# An apt of its own that knows Debian 12 and our packages and believes that nothing is installed.
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
sources=$(apt-get indextargets --format "deb [signed-by=$keyring] \$(REPO_URI) \$(RELEASE) main" 'Created-By: Packages' |
	grep -E ' bookworm(-updates|-security)? main$' | sort -u)
if [ -z "$sources" ]; then
	echo "build-bundle.sh: this machine has no Debian 12 (bookworm) in its apt sources" >&2
	exit 3
fi
cat >"$apt/etc/sources.list" <<END
$sources
deb [trusted=yes] file:$bundle ./
END
: >"$apt/status"
cat >"$apt/apt.conf" <<END
Dir::Etc::sourcelist "$apt/etc/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State::status "$apt/status";
Dir::State::lists "$apt/lists";
Dir::State::extended_states "$apt/extended_states";
Dir::Cache "$apt";
APT::Architecture "$(dpkg --print-architecture)";
APT::Install-Recommends "no";
APT::Sandbox::User "root";
Acquire::Languages "none";
Debug::NoLocking "yes";
END
export APT_CONFIG="$apt/apt.conf"
apt-get -q update >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }

# What `apt-get install` would fetch on that empty system: a line "'URI' FILE SIZE HASH" each.
closure() {
	apt-get -qq --print-uris -y install "$@" | sed -n "s/^'\([^']*\)' \([^ ]*\) .*/\2 \1/p" | sort
}

minimal=$(apt-cache dumpavail | awk '/^Package: /{p=$2} /^Priority: required$/{print p} /^Essential: yes$/{print p}' |
	sort -u)
# shellcheck disable=SC2086
closure apt $minimal >"$work/have"
# shellcheck disable=SC2086
closure apt $minimal sekisho-agent libpam-sekisho sekisho-collector opensc-pkcs11 pcscd >"$work/want"
join -v 2 -j 1 "$work/have" "$work/want" | awk '$2 !~ /^file:/ {sub(/_.*/, "", $1); print $1}' >"$work/missing"
[ -s "$work/missing" ] || { echo "build-bundle.sh: apt resolved nothing" >&2; exit 1; }
# shellcheck disable=SC2046
(cd "$bundle" && apt-get -qq download $(cat "$work/missing") >"$work/log" 2>&1) || { cat "$work/log" >&2; exit 1; }

cp "$here/bundle-install.sh" "$bundle/install"
chmod 755 "$bundle/install"
(cd "$bundle" && dpkg-scanpackages -m . >Packages 2>/dev/null && chmod 644 ./*.deb &&
	sha256sum -- *.deb Packages install >SHA256SUMS)
rm -rf "$1"
mkdir -p "$(dirname "$1")"
cp -r "$bundle" "$1"
du -sh "$1" | awk '{print $2 ": " $1}'
