/** The ports of the bridge: the host's ends of the pods' interfaces by name, with what is set of each. */
import type { LinksApi } from '@podroute/kernel/kernel.ts'
import type { Link } from '@podroute/linux/route/links.ts'
import { DONE, type Op, type Outcome, type Resource } from '@podroute/reconcile/resource.ts'
import { PodNetworkError } from '../errors.ts'

export interface PortPlan {
  /** Whether a frame may go back out of the port that it came from, as the CNI plugin sets it. */
  readonly hairpin: boolean
}

export class BridgePortResource implements Resource<string, PortPlan> {
  readonly name = 'bridge-ports'
  readonly #links: LinksApi
  readonly #bridge: string

  constructor(links: LinksApi, bridge: string) {
    this.#links = links
    this.#bridge = bridge
  }

  equal(a: PortPlan, b: PortPlan): boolean {
    return a.hairpin === b.hairpin
  }

  async *list(): AsyncIterable<Iterable<readonly [string, PortPlan]>> {
    const links = await this.#links.list()
    const bridge = links.find((link) => isBridge(link, this.#bridge))
    const ports = bridge ? links.filter((link) => isPort(link, bridge)) : []
    const settings = await this.#links.bridgePorts()
    yield ports.map(({ name, index }) => [name, { hairpin: settings.get(index)?.hairpin ?? false }])
  }

  async read(keys: readonly string[]): Promise<ReadonlyMap<string, PortPlan>> {
    const bridge = await this.#findBridge()
    const found = new Map<string, PortPlan>()
    if (!bridge) return found
    const settings = await this.#links.bridgePorts()
    for (const key of keys) {
      const link = await this.#links.get(key)
      if (link && isPort(link, bridge))
        found.set(key, { hairpin: settings.get(link.index)?.hairpin ?? false })
    }
    return found
  }

  async apply(ops: readonly Op<string, PortPlan>[]): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = []
    for (const op of ops) {
      try {
        if (op.kind === 'remove') await this.#remove(op.key)
        else await this.#put(op.key, op.value)
        outcomes.push(DONE)
      } catch (error) {
        outcomes.push({ ok: false, error: error as Error })
      }
    }
    return outcomes
  }

  async #put(name: string, { hairpin }: PortPlan): Promise<void> {
    const bridge = await this.#findBridge()
    if (!bridge) throw new PodNetworkError('no-bridge', `there is no bridge ${this.#bridge} yet`)
    const port = await this.#links.get(name)
    if (!port) throw new PodNetworkError('no-port', `there is no link ${name}`)
    // What somebody has put elsewhere meanwhile stays there.
    if (port.master !== 0 && port.master !== bridge.index) return
    if (port.master === 0) await this.#links.set(port.index, { master: bridge.index })
    await this.#links.setBridgePort(port.index, { hairpin })
  }

  async #remove(name: string): Promise<void> {
    const [bridge, port] = [await this.#findBridge(), await this.#links.get(name)]
    if (bridge && port && isPort(port, bridge)) await this.#links.set(port.index, { master: 0 })
  }

  async #findBridge(): Promise<Link | undefined> {
    const link = await this.#links.get(this.#bridge)
    return link && isBridge(link, this.#bridge) ? link : undefined
  }
}

const isBridge = (link: Link, name: string) => link.name === name && link.kind === 'bridge'
/** Pods have veths. What else hangs on the bridge is its owner's business. */
const isPort = (link: Link, bridge: Link) => link.master === bridge.index && link.kind === 'veth'
