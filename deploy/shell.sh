# What a shell in the pod says at its start (ENV of the image): kubectl -n kube-system exec -it ds/podroute -- sh
cat <<'TEXT'
This is podroute's pod on the node, with the node's network. What can be asked:

  podroute status        is it well, and why not
  podroute --help        all that the agent shows: peers, routes, services, policies …
  ip route               routes to the pods of other nodes; those of podroute are "proto 179"
  ip address             the bridge of the pods, kube-bridge
  nft list ruleset       masquerading, policies, what pods may send from
  cat /proc/net/ip_vs    virtual servers: a Service's address and its endpoints, in hexadecimal
  cat /etc/cni/net.d/*   what the container runtime was told of the pod network

TEXT
