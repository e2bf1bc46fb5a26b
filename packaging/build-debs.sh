#!/bin/sh
# Builds sekisho-agent, libpam-sekisho and sekisho-collector from this tree.
#     packaging/build-debs.sh OUTDIR
# The tree itself is not written to. What it needs: packaging/dependencies.sh --install build debs
set -eu
[ $# = 1 ] || { echo "usage: build-debs.sh OUTDIR" >&2; exit 2; }
top=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)

release=$(sed -n 's/^project(sekisho VERSION \([0-9.]*\) .*/\1/p' "$top/CMakeLists.txt")
version=$(dpkg-parsechangelog -l "$top/packaging/debian/changelog" -S Version)
if [ "$release" != "$version" ]; then
	echo "build-debs.sh: CMakeLists.txt says version $release, packaging/debian/changelog $version" >&2
	exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
tree=$work/sekisho-$version
mkdir "$tree"
tar -C "$top" --exclude=./build --exclude=./out --exclude=./.git -cf - . | tar -C "$tree" -xf -
cp -a "$tree/packaging/debian" "$tree/debian"

cd "$tree"
DEB_BUILD_OPTIONS="noautodbgsym terse parallel=$(nproc)" dpkg-buildpackage -us -uc -b -rfakeroot >"$work/log" 2>&1 || {
	tail -n 60 "$work/log" >&2
	echo "build-debs.sh: dpkg-buildpackage failed; the end of its log is above" >&2
	exit 1
}
rm -f "$out"/sekisho-agent_*.deb "$out"/libpam-sekisho_*.deb "$out"/sekisho-collector_*.deb
cp "$work"/*.deb "$out/"
cp "$work/log" "$out/build.log"
for deb in "$out"/*.deb; do
	echo "$deb"
done
