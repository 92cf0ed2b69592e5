/** The ports of a bridge that are links of one kind, by name, with what is set of each. */
import type { Link } from '@podroute/linux/route/links.ts'
import { applyEach, type Op, type Outcome, type Resource } from '@podroute/reconcile/resource.ts'
import type { LinksApi } from '../kernel.ts'
import { LinkError } from './errors.ts'

export interface BridgePortSettings {
  /** Whether a frame may go back out of the port that it came from. */
  readonly hairpin: boolean
}

export interface BridgePortOptions {
  /** Name of the bridge. */
  readonly bridge: string
  /** Of the links that are ours, `veth`. What else hangs on the bridge is its owner's business. */
  readonly kind: string
}

export class BridgePortResource implements Resource<string, BridgePortSettings> {
  readonly name = 'bridge-ports'
  readonly #links: LinksApi
  readonly #bridge: string
  readonly #kind: string

  constructor(links: LinksApi, { bridge, kind }: BridgePortOptions) {
    this.#links = links
    this.#bridge = bridge
    this.#kind = kind
  }

  equal(a: BridgePortSettings, b: BridgePortSettings): boolean {
    return a.hairpin === b.hairpin
  }

  async *list(): AsyncIterable<Iterable<readonly [string, BridgePortSettings]>> {
    const links = await this.#links.list()
    const bridge = links.find((link) => isBridge(link, this.#bridge))
    const ports = bridge ? links.filter((link) => this.#isPort(link, bridge)) : []
    const settings = await this.#links.bridgePorts()
    yield ports.map(({ name, index }) => [name, { hairpin: settings.get(index)?.hairpin ?? false }])
  }

  async read(keys: readonly string[]): Promise<ReadonlyMap<string, BridgePortSettings>> {
    const bridge = await this.#findBridge()
    const found = new Map<string, BridgePortSettings>()
    if (!bridge) return found
    const settings = await this.#links.bridgePorts()
    for (const key of keys) {
      const link = await this.#links.get(key)
      if (link && this.#isPort(link, bridge))
        found.set(key, { hairpin: settings.get(link.index)?.hairpin ?? false })
    }
    return found
  }

  apply(ops: readonly Op<string, BridgePortSettings>[]): Promise<readonly Outcome[]> {
    return applyEach(ops, async (op) =>
      op.kind === 'remove' ? this.#remove(op.key) : this.#put(op.key, op.value),
    )
  }

  async #put(name: string, { hairpin }: BridgePortSettings): Promise<void> {
    const bridge = await this.#findBridge()
    if (!bridge) throw new LinkError('no-bridge', `there is no bridge ${this.#bridge} yet`)
    const port = await this.#links.get(name)
    if (!port) throw new LinkError('no-port', `there is no link ${name}`)
    // What somebody has put elsewhere meanwhile stays there.
    if (port.master !== 0 && port.master !== bridge.index) return
    if (port.master === 0) await this.#links.set(port.index, { master: bridge.index })
    await this.#links.setBridgePort(port.index, { hairpin })
  }

  async #remove(name: string): Promise<void> {
    const [bridge, port] = [await this.#findBridge(), await this.#links.get(name)]
    if (bridge && port && this.#isPort(port, bridge)) await this.#links.set(port.index, { master: 0 })
  }

  async #findBridge(): Promise<Link | undefined> {
    const link = await this.#links.get(this.#bridge)
    return link && isBridge(link, this.#bridge) ? link : undefined
  }

  #isPort(link: Link, bridge: Link): boolean {
    return link.master === bridge.index && link.kind === this.#kind
  }
}

const isBridge = (link: Link, name: string) => link.name === name && link.kind === 'bridge'
