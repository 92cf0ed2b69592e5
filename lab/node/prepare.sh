#!/bin/bash
# Makes a booted guest a machine that can be a Kubernetes node: its network, its images, what containerd and the kubelet are told beside
# what lab/join tells them. /etc/cni/net.d and /opt/cni/bin are empty: the pod network is the cluster's business.
#
# Environment: NODE IPV4 IPV6 (empty: none of that family) GATEWAY4 GATEWAY6 IMAGES (folder of unpacked images) KUBELET_CONF (a file)
# PAUSE_IMAGE
set -eu

for folder in /var/lib/containerd /var/lib/kubelet /var/lib/cni /opt/cni /etc/cni /etc/kubernetes /var/log; do
  mkdir -p "$folder"
  mount -t tmpfs -o mode=0755 tmpfs "$folder"
done
mount --make-rshared /
mkdir -p /etc/cni/net.d /var/log/pods /var/log/containers

ip link set eth0 up
if [ -n "$IPV4" ]; then
  ip address add "$IPV4/24" dev eth0
  ip route add default via "$GATEWAY4"
fi
if [ -n "$IPV6" ]; then
  ip address add "$IPV6/64" dev eth0 nodad
  ip -6 route add default via "$GATEWAY6"
fi

rm -f /etc/resolv.conf /etc/machine-id
echo 'options timeout:1' >/etc/resolv.conf
printf '127.0.0.1 localhost\n::1 localhost\n' >/etc/hosts
for address in $IPV4 $IPV6; do
  echo "$address $NODE" >>/etc/hosts
done
md5sum <<<"$NODE" | cut -c1-32 >/etc/machine-id

# The images: databases are copied, layers and content stay where they are.
store=/var/lib/containerd
snapshots=io.containerd.snapshotter.v1.overlayfs
mkdir -p $store/io.containerd.metadata.v1.bolt $store/$snapshots/snapshots
cp "$IMAGES/io.containerd.metadata.v1.bolt/meta.db" $store/io.containerd.metadata.v1.bolt/
cp "$IMAGES/$snapshots/metadata.db" $store/$snapshots/
for layer in "$IMAGES/$snapshots/snapshots"/*; do
  ln -s "$layer" $store/$snapshots/snapshots/
done
content=io.containerd.content.v1.content
mkdir -p $store/$content /run/content/upper /run/content/work
mount -t overlay -o "lowerdir=$IMAGES/$content,upperdir=/run/content/upper,workdir=/run/content/work" overlay $store/$content

mkdir -p /etc/containerd
cat >/etc/containerd/config.toml <<CONFIG
version = 2
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs"]
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE_IMAGE"
  stats_collect_period = 60
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      # In C: it starts in a fraction of the time of runc, and it is started several times for every pod and exec.
      BinaryName = "/usr/bin/crun"
      SystemdCgroup = false
CONFIG

mkdir /etc/kubernetes/kubelet.conf.d
cp "$KUBELET_CONF" /etc/kubernetes/kubelet.conf.d/lab.conf
