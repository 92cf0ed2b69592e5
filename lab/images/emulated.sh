#!/bin/bash
# emulated.sh aarch64|x86_64 COMMAND...: root in a user namespace, whose kernel starts programs of the architecture by QEMU.
set -eu
declare -A MACHINES=([aarch64]=b7 [x86_64]=3e)
machine=$1
shift
qemu=$(command -v "qemu-$machine-static") || { echo "qemu-$machine-static is missing: install qemu-user-static" >&2; exit 1; }
# The beginning of an ELF file: 64 bits, little endian, a program or a library of the machine.
magic="\\x7fELF\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\x${MACHINES[$machine]}\\x00"
mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkfifo "$work/started" "$work/mapped"
# The whole range of identities, which only who is outside may write: `--map-root-user` gives one.
unshare --user --mount --pid --fork --kill-child bash -euc '
  echo > "$1/started"; read -r _ < "$1/mapped"
  mount -t proc proc /proc
  mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
  printf "%s" ":emulated:M::$2:$3:$4:F" > /proc/sys/fs/binfmt_misc/register
  shift 4
  exec "$@"' emulated "$work" "$magic" "$mask" "$qemu" "$@" &
read -r _ < "$work/started"
child=$(cat "/proc/$!/task/$!/children")
for map in uid_map gid_map; do echo "0 0 65536" > "/proc/${child% }/$map"; done
echo > "$work/mapped"
wait $!
