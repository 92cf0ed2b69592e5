#!/bin/sh
# First process of a node: mounts the machine's root read-only, by 9p or hostfs, puts a tmpfs over it, and goes on there.
export PATH=/bin
busybox mount -t devtmpfs dev /dev
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
for module in /modules/*.ko; do
  [ -e "$module" ] || continue
  busybox insmod "$module" || echo "node: cannot insert $module"
done
fail() {
  echo "node: $1"
  busybox poweroff -f
}
for name in $(busybox cat /proc/cmdline); do
  case "$name" in
    podroute.start=*) start="${name#podroute.start=}" ;;
    podroute.files=*) files="${name#podroute.files=}" ;;
  esac
done
case "$files" in
  hostfs) busybox mount -t hostfs -o ro,/ none /lower ;;
  *) busybox mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro hostroot /lower ;;
esac || fail 'no host root'
busybox mount -t tmpfs -o mode=0755,size=90% tmpfs /upper || fail 'no tmpfs'
busybox mkdir /upper/up /upper/work
busybox mount -t overlay -o lowerdir=/lower,upperdir=/upper/up,workdir=/upper/work overlay /root || fail 'no overlay'
busybox mount --move /dev /root/dev
busybox mount --move /proc /root/proc
busybox mount --move /sys /root/sys
exec busybox switch_root /root /bin/bash "$start"
