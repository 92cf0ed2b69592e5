// A machine for the plugins to run on, as the suite sees it: the fake one in Node, or network namespaces and the executable.

/** One call of a plugin. */
export interface Call {
  readonly command: string
  readonly config: unknown
  readonly containerId?: string
  /** A container's namespace, or any text. */
  readonly netns?: string
  readonly interfaceName?: string
  readonly args?: string
  /** Replaces everything: for wrong environments. */
  readonly environment?: Readonly<Record<string, string>>
}

export interface Answer {
  readonly status: number
  /** Standard output as JSON; undefined when there is none. */
  readonly json: Json | undefined
  readonly output: string
  readonly error: string
}

/** What the plugins print, loosely. */
export interface Json {
  readonly cniVersion?: string
  readonly code?: number
  readonly msg?: string
  readonly details?: string
  readonly supportedVersions?: string[]
  readonly interfaces?: { name: string; mac?: string; sandbox?: string }[]
  readonly ips?: { version?: string; address: string; gateway?: string; interface?: number }[]
  readonly routes?: { dst: string; gw?: string }[]
  readonly dns?: object
  readonly ip4?: { ip: string; gateway?: string; routes?: { dst: string; gw?: string }[] }
  readonly ip6?: { ip: string; gateway?: string }
}

export interface LinkView {
  readonly name: string
  readonly kind: string
  readonly mac: string
  readonly mtu: number
  readonly up: boolean
  readonly promiscuous: boolean
  /** Name of the bridge. */
  readonly master: string | undefined
  readonly alias: string
  readonly hairpin: boolean
  readonly isolated: boolean
  /** Global addresses, 'address/length'. */
  readonly addresses: readonly string[]
}

/** 'default via 10.1.0.1' or '10.2.0.0/16 via …', without what the kernel adds itself. */
export type RouteView = string

/** Where to look: the host, or a container by its namespace's path. */
export type Place = 'host' | string

export interface World {
  readonly name: string
  run(plugin: string, call: Call): Answer
  /** Has plugins see another boot of the machine from now on; its files stay. */
  reboot(): void
  /** Creates a container's namespace and returns its path. */
  addContainer(name: string): string
  removeContainer(path: string): void
  links(place: Place): LinkView[]
  routes(place: Place): RouteView[]
  /** The comments of the rules in the host's nftables chain, in order; none when there is no such chain. */
  ruleComments(family: 'ip' | 'ip6' | 'inet' | 'bridge', table: string, chain: string): string[]
  /** Of /proc/sys/net. */
  setting(place: Place, name: string): string
  setSetting(place: Place, name: string, value: string): void
  addLink(place: Place, name: string, kind: 'bridge' | 'vxlan'): void
  addAddress(place: Place, link: string, prefix: string): void
  removeLink(place: Place, name: string): void
  /** A directory for the leases. */
  readonly data: string
  exists(path: string): boolean
  read(path: string): string
  write(path: string, text: string): void
  list(path: string): string[]
  remove(path: string): void
  dispose(): void
}
