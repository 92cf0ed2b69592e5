// The network of docs/routers.md: a switch, with namespaces of nodes and routers at it.
import { ip } from './link.ts'

let count = 0

export interface Site {
  readonly netns: string
  readonly ipv4: string
  readonly ipv6: string
}

/** What is behind routers. */
export const BEHIND = ['192.0.2.0/24', '2001:db8:7::/64'] as const

export class RouterNetwork {
  /** Namespace of the switch. */
  readonly hub: string
  readonly #sites: Site[] = []
  readonly #isOwn: boolean

  /** @param switched namespace with a bridge `nodes` that is there already; absent: one of its own */
  constructor(switched?: string) {
    this.hub = switched ?? `pr-net-${process.pid}-${count++}`
    this.#isOwn = switched === undefined
    if (!this.#isOwn) return
    ip('netns', 'add', this.hub)
    ip('-n', this.hub, 'link', 'add', 'nodes', 'type', 'bridge', 'forward_delay', '0')
    ip('-n', this.hub, 'link', 'set', 'nodes', 'up')
  }

  /** A namespace at the switch by `eth0`, with the addresses of this host number: 172.31.0.HOST and fd31::HOST. */
  add(host: number): Site {
    const site = { netns: `${this.hub}-${host}`, ipv4: `172.31.0.${host}`, ipv6: `fd31::${host}` }
    this.#sites.push(site)
    ip('netns', 'add', site.netns)
    const port = `port${host}`
    ip('-n', this.hub, 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', site.netns)
    ip('-n', this.hub, 'link', 'set', port, 'master', 'nodes', 'up')
    const [v4, v6] = [`${site.ipv4}/24`, `${site.ipv6}/64`]
    ip('-n', site.netns, 'link', 'set', 'lo', 'up')
    ip('-n', site.netns, 'address', 'add', v4, 'dev', 'eth0')
    ip('-n', site.netns, 'address', 'add', v6, 'dev', 'eth0', 'nodad')
    ip('-n', site.netns, 'link', 'set', 'eth0', 'up')
    return site
  }

  /** The same, with the networks behind at `eth1`. */
  addRouter(host: number): Site {
    const site = this.add(host)
    const far = this.behind(site)
    ip('-n', site.netns, 'link', 'add', 'eth1', 'type', 'veth', 'peer', 'name', far, 'netns', this.hub)
    ip('-n', this.hub, 'link', 'set', far, 'up')
    ip('-n', site.netns, 'address', 'add', '192.0.2.1/24', 'dev', 'eth1')
    ip('-n', site.netns, 'address', 'add', '2001:db8:7::1/64', 'dev', 'eth1', 'nodad')
    ip('-n', site.netns, 'link', 'set', 'eth1', 'up')
    return site
  }

  /** The far end of a router's `eth1`. */
  behind({ ipv4 }: Site): string {
    return `behind${ipv4.split('.').at(-1)}`
  }

  /** Pulls the cable of one out of the switch: neither end sees its link go. */
  unplug({ ipv4 }: Site): void {
    ip('-n', this.hub, 'link', 'set', `port${ipv4.split('.').at(-1)}`, 'nomaster')
  }

  /** Puts it in again. */
  plug({ ipv4 }: Site): void {
    ip('-n', this.hub, 'link', 'set', `port${ipv4.split('.').at(-1)}`, 'master', 'nodes')
  }

  close(): void {
    for (const { netns } of this.#sites) ip('netns', 'delete', netns)
    if (this.#isOwn) ip('netns', 'delete', this.hub)
  }
}
