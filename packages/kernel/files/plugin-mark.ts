/** In the usage text of every build of the CNI plugins (packages/cni/native/main.c): how a file is known to be ours. */
export const PLUGIN_MARK = 'usage: podroute-cni install DIR'
