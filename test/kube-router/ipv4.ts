/** Imported before the lab's addresses are: kube-router's nodes, pods and Services are of IPv4 alone here. */
process.env.PODROUTE_LAB_FAMILY = '4'
