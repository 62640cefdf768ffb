#!/usr/bin/env bash
# Builds what is installed without a compiler, for Linux, in .build/dist:
#
#   prefixtune-VERSION-linux-ARCH.tar.gz   unpacked anywhere; brings every library but the C library
#   prefixtune_VERSION_ARCH.deb            for the release of Debian or Ubuntu that builds it, on that release's libraries
#
# Both hold the same program. Swift's runtime is linked into it: Linux systems have no package of that. The C libraries are Debian's
# shared ones, as in every other build, so that nothing is slower: oneDNN, Oniguruma and sentencepiece have no static ones there,
# oneDNN and our kernels must share one libgomp, Foundation's libcurl and we one libcrypto. In the archive they lie beside the
# program, which looks there first (DT_RPATH, which holds for the libraries of these libraries, too). The package depends on
# Debian's instead, so that apt brings the repairs of libcurl and OpenSSL.
set -euo pipefail
cd "$(dirname "$0")/.."

[ "$(uname -s)" = Linux ] || { echo "error: make dist builds for Linux; elsewhere use make install PREFIX=…" >&2; exit 1; }
out=.build/dist
options=(-c release --product prefixtune --static-swift-stdlib --scratch-path "$out/build" -Xlinker --disable-new-dtags)
swift build "${options[@]}"
products=$(swift build "${options[@]}" --show-bin-path)
# The same commit makes the same files.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH

version=$("$products/prefixtune" --version | awk 'NR == 1 { print $1 }')
name=prefixtune-$version-linux-$(uname -m)
tree=$out/$name
package=$out/package
rm -rf "$tree" "$package" "$out"/*.tar.gz "$out"/*.deb
bash Tools/install.sh "$tree" "$products"
program=$tree/libexec/prefixtune/prefixtune
strip "$program"

documents=$tree/share/doc/prefixtune
mkdir -p "$documents/licences"
cp Tools/dist/copyright LICENSE CHANGELOG.md README.md "$documents/"
cp Tools/dist/ICU-LICENSE "$documents/licences/icu"
for folder in "$out"/build/checkouts/*/; do
    for file in "$folder"LICENSE.txt "$folder"LICENSE; do
        [ -e "$file" ] && cp "$file" "$documents/licences/$(basename "$folder")" && break
    done
    for file in "$folder"NOTICE.txt; do [ ! -e "$file" ] || cp "$file" "$documents/licences/$(basename "$folder")-notice"; done
done
cp "$(dirname "$(readlink -f "$(command -v swift)")")/../share/swift/LICENSE.txt" "$documents/licences/swift"
chmod -R u=rwX,go=rX "$tree"

# The package: this tree below /usr. dpkg-shlibdeps names the packages of the program's libraries with the versions it needs.
mkdir -p "$package/root/DEBIAN" "$package/debian"
cp -a "$tree" "$package/root/usr"
mv "$package/root/usr/share/zsh/site-functions" "$package/root/usr/share/zsh/vendor-completions"
find "$package/root/usr/share/man" -type f -exec gzip -9n {} +
printf 'Source: prefixtune\n\nPackage: prefixtune\nArchitecture: any\n' >"$package/debian/control"
depends=$(cd "$package" && dpkg-shlibdeps -O "root/usr/libexec/prefixtune/prefixtune" | sed -n 's/^shlibs:Depends=//p')
architecture=$(dpkg --print-architecture)
{
    sed '/^Description:/,$d' Tools/dist/control
    printf 'Version: %s\nArchitecture: %s\nDepends: %s\n' "$version" "$architecture" "$depends"
    printf 'Installed-Size: %s\n' "$(du -ks "$package/root/usr" | cut -f1)"
    sed -n '/^Description:/,$p' Tools/dist/control
} >"$package/root/DEBIAN/control"
dpkg-deb --root-owner-group --build "$package/root" "$out/prefixtune_${version}_$architecture.deb" >/dev/null

# The archive: with the libraries, but for the C library's own. Debian's packages know who owns a file by its true path, on some
# systems without the leading /usr.
for library in $(ldd "$program" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }'); do
    file=$(readlink -f "$library")
    owner=$(dpkg-query -S "$file" 2>/dev/null || dpkg-query -S "${file#/usr}")
    owner=${owner%%: *}
    [ "${owner%%:*}" != libc6 ] || continue
    install -m 644 "$file" "$tree/libexec/prefixtune/$(basename "$library")"
    cp -L "/usr/share/doc/${owner%%:*}/copyright" "$documents/licences/${owner%%:*}"
    dpkg-query -W -f '${Package} ${Version} (source: ${source:Package} ${source:Version})\n' "$owner" >>"$documents/PACKAGES"
done
sort -u -o "$documents/PACKAGES" "$documents/PACKAGES"
# These texts are named by path in what Debian's packages say.
cp -rL /usr/share/common-licenses "$documents/licences/common-licenses"
needed=$(objdump -T "$tree"/libexec/prefixtune/{prefixtune,*.so*} | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C "$out" -cf - "$name" | gzip -9n >"$out/$name.tar.gz"

(cd "$out" && ls -l --block-size=1 "$name.tar.gz" ./*.deb | awk '{ print $NF, $5 / 1e6, "MB" }')
echo "The archive needs glibc ${needed#GLIBC_} or newer; the package: $depends"
