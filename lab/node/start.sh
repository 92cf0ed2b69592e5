#!/bin/bash
# What every guest does after its root is mounted; the kernel command line carries podroute.* settings.
# The last thing it starts is the agent of the command channel, which says that the guest is ready.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
setting() {
  local word
  for word in $(</proc/cmdline); do
    [[ $word == "podroute.$1="* ]] && printf '%s' "${word#*=}" && return
  done
}

mount -t tmpfs -o mode=0755 tmpfs /run
mkdir -p /run/lock /dev/shm /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t devpts -o mode=0620,gid=5,ptmxmode=0666 devpts /dev/pts
ln -sf pts/ptmx /dev/ptmx
ln -sf /proc/self/fd /dev/fd
umount -l /sys/fs/cgroup 2>/dev/null
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf 2>/dev/null
mount --make-rshared /
echo '+cpu +memory +pids +io +cpuset' >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null

# The kernel loads its modules itself, through modprobe, from the unpacked package.
kernel=$(setting kernel)
mkdir -p /lib/modules
rm -rf "/lib/modules/$(uname -r)"
# Not a link: pods see it too.
mkdir "/lib/modules/$(uname -r)"
mount --bind "$kernel/lib/modules/$(uname -r)" "/lib/modules/$(uname -r)"
modprobe -q virtio_net
modprobe -q virtio_rng

# The kubelet wants a clock rate, which user-mode Linux does not name.
if ! grep -q '^cpu MHz' /proc/cpuinfo; then
  { sed '/^$/d' /proc/cpuinfo; printf 'cpu MHz\t\t: 1000.000\n\n'; } >/run/cpuinfo
  mount --bind /run/cpuinfo /proc/cpuinfo
fi

hostname "$(setting name)"
ip link set lo up
# User-mode Linux has its own name for them.
for link in /sys/class/net/vec*; do
  [ -e "$link" ] && ip link set "${link##*/}" name "eth${link##*/vec}"
done
files=$(setting files)
for share in $(setting shares | tr , ' '); do
  IFS=: read -r tag mode cache path <<<"$share"
  mkdir -p "$path"
  if [ "$files" = hostfs ]; then
    mount -t hostfs -o "$mode,$path" none "$path"
    continue
  fi
  mount -t 9p -o "trans=virtio,version=9p2000.L,msize=512000,cache=$cache,$mode" "$tag" "$path"
done

tools=$(setting tools)
port=$(setting port)
while :; do
  "$tools" agent "$port" </dev/null
  sleep 1
done &
cd /
# Bash reaps what is orphaned while it waits; it must never end.
while :; do
  wait
done
