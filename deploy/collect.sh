#!/bin/sh
# Makes the root file system of the image in the folder $1, of what is installed here: nft, libnftables, a shell,
# and the libraries that they and Node.js load.
set -eu
image=$1
mkdir -p "$image"
# Paths like /lib are links to their places under /usr, in the image too.
for name in bin sbin lib lib64; do
  [ -L "/$name" ] && cp -a "/$name" "$image/$name"
  mkdir -p "$image/usr/$name"
done
for name in etc/ssl/certs usr/local/bin opt proc sys dev run root tmp var; do
  mkdir -p "$image/$name"
done
chmod 1777 "$image/tmp"

copied=$(mktemp)
copy() {
  mkdir -p "$image$(dirname "$1")"
  cp -L "$1" "$image$1"
  realpath "$1" >>"$copied"
}
libnftables=$(ldconfig -p | sed -n 's/.*libnftables\.so\.1 .*=> //p' | head -n 1)
nft=$(command -v nft)
for program in /usr/local/bin/node "$nft" "$libnftables"; do
  ldd "$program" | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) (.*/\1/p'
done | sort -u | while read -r library; do
  copy "$library"
done
copy "$nft"
copy "$libnftables"
copy /etc/ssl/certs/ca-certificates.crt

busybox=$(command -v busybox)
cp "$busybox" "$image/usr/bin/busybox"
realpath "$busybox" >>"$copied"
for applet in $("$busybox" --list); do
  [ -e "$image/usr/bin/$applet" ] || ln -s busybox "$image/usr/bin/$applet"
done
# Which packages that is from, where scanners look in images without a package manager; deploy/sbom.ts does, too.
status=$image/var/lib/dpkg/status.d
mkdir -p "$status"
for package in ca-certificates $(xargs dpkg -S <"$copied" 2>/dev/null | sed -n 's/^\([^:, ]*\):.*/\1/p' | sort -u); do
  dpkg -s "$package" >"$status/$package"
done
mkdir -p "$image/usr/local/share"
/usr/local/bin/node --version >"$image/usr/local/share/node-version"
cp -L /etc/os-release "$image/etc/os-release"
printf 'root:x:0:0:root:/root:/bin/sh\n' >"$image/etc/passwd"
printf 'root:x:0:\n' >"$image/etc/group"
# The command line: `kubectl exec … -- podroute status`.
printf '#!/bin/sh\nexec /usr/local/bin/node /opt/podroute/podroute.mjs "$@"\n' >"$image/usr/local/bin/podroute"
chmod 755 "$image/usr/local/bin/podroute"
