/** The rules that test/architecture.test.ts checks: which package may use which, and where effects live. */

/** Package to the packages of ours that it may import, features aside. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  address: [],
  'bgp-speaker-ts': [],
  linux: ['address'],
  reconcile: [],
  cluster: ['reconcile', 'address'],
  kernel: ['reconcile', 'linux', 'address'],
  feature: ['cluster', 'kernel', 'reconcile', 'address'],
  cni: ['linux'],
  // The list of features is the one file that names them.
  agent: ['feature', 'cluster', 'kernel', 'reconcile', 'linux', 'address'],
  ui: ['reconcile'],
  cli: ['agent', 'feature', 'reconcile', 'ui', 'linux', 'address'],
}

/** What every feature may import: never another feature. */
export const FEATURE_MAY_IMPORT: readonly string[] = [
  ...['feature', 'cluster', 'kernel', 'reconcile', 'bgp-speaker-ts', 'linux', 'address'],
]

/** Packages that are a feature of the agent: each has its definition in `feature.ts`. A new one is such a folder, and a line in the list. */
export function featuresIn(files: readonly string[]): string[] {
  const names = files.map((file) => /^packages\/([\w-]+)\/feature\.ts$/.exec(file)?.[1])
  return names.filter((name) => name !== undefined && name !== 'feature').sort() as string[]
}

/** The one file of the agent that names the features. */
export const FEATURE_LIST = 'packages/agent/features.ts'

/** Files that may use sockets, files, processes or native code; everything else is pure or is handed its effects. */
export const EFFECTS: readonly RegExp[] = [
  // The kernel.
  /^packages\/linux\/(sys|modules|netns|sysctl|tcp|tcp-idle|http-server|unix-server|legacy-iptables)\.ts$/,
  /^packages\/linux\/nft\/(command|library)\.ts$/,
  // BGP's sockets with options that Node.js lacks.
  /^packages\/pod-network\/bgp\/transport\.ts$/,
  // BGP's sockets, where the caller brings none of its own; BFD's socket and its thread.
  /^packages\/bgp-speaker-ts\/transport-node\.ts$/,
  /^packages\/bgp-speaker-ts\/bfd\/(bfd|worker|socket)[\w-]*\.ts$/,
  // Files that the node's other programs read.
  /^packages\/kernel\/files\/files\.ts$/,
  // The API server, the configuration, and the node's resolvers.
  /^packages\/agent\/(create-agent|prepare-node|state-file|cleanup\/(?:node-cleanup|plugins)|doctor\/gather|reserved\/resolvers|config\/file-watch)\.ts$/,
  /^packages\/cluster\/api\/(client|servers)\.ts$/,
  // The memory of the startup snapshot.
  /^packages\/agent\/snapshot-pages\.ts$/,
  // The user's kubectl.
  /^packages\/cli\/kubectl\/kubectl\.ts$/,
  // The page's server.
  /^packages\/ui\/server\/server\.ts$/,
  // The admin socket's other end.
  /^packages\/cli\/(client|command)\.ts$/,
  // What is put into an archive of a node, and that archive.
  /^packages\/cli\/bundle\/node-files\.ts$/,
  // Captured packets.
  /^packages\/cli\/capture\/sink\.ts$/,
  // What /proc shows.
  /^packages\/kernel\/proc\.ts$/,
  // Builds the CNI plugins; runs on the developer's machine.
  /^packages\/cni\/sysroot\.ts$/,
]

/** Source files of a folder, tests left out: more belong into folders by what they do. */
export const LARGEST_FOLDER = 20

/** What it exports is for programs that are not here. */
export const LIBRARY = /^packages\/bgp-speaker-ts\//

/** Exports that only tests use, and why they stay. */
export const UNUSED_YET: readonly string[] = [
  // Tests make namespaces.
  ...['createNetns', 'removeNetns'].map((name) => `packages/linux/netns.ts ${name}`),
  // Writing objects with their versions: the features to come need it.
  'packages/cluster/api/patch.ts onlyVersion',
]
