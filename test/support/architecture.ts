/** The rules that test/architecture.test.ts checks: which package may use which, and where effects live. */

/** Package to the packages of ours that it may import. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'bgp-speaker-ts': [],
  linux: [],
  reconcile: [],
  cni: ['linux'],
  'service-proxy': ['reconcile', 'linux'],
  'pod-network': ['reconcile', 'bgp-speaker-ts', 'linux'],
  agent: ['pod-network', 'service-proxy', 'reconcile', 'bgp-speaker-ts', 'linux'],
  cli: ['pod-network', 'service-proxy', 'agent'],
}

/** Files that may use sockets, files, processes or native code; everything else is pure or is handed its effects. */
export const EFFECTS: readonly RegExp[] = []
