/** The ports of the bridge: the host's ends of the pods' interfaces by name, each with the bridge that it hangs on. */
import type { Link, Links } from '@podroute/linux/route/links.ts'
import { DONE, type Op, type Outcome, type Resource } from '@podroute/reconcile/resource.ts'
import { PodNetworkError } from '../errors.ts'

export class BridgePortResource implements Resource<string, string> {
  readonly name = 'bridge-ports'
  readonly #links: Links
  readonly #bridge: string
  readonly #hairpin: () => boolean

  /** @param hairpin whether a frame may go back out of the port that it came from, as the CNI plugin sets it */
  constructor(links: Links, bridge: string, hairpin: () => boolean) {
    this.#links = links
    this.#bridge = bridge
    this.#hairpin = hairpin
  }

  equal(a: string, b: string): boolean {
    return a === b
  }

  async *list(): AsyncIterable<Iterable<readonly [string, string]>> {
    const links = await this.#links.list()
    const bridge = links.find((link) => isBridge(link, this.#bridge))
    const ports = bridge ? links.filter((link) => isPort(link, bridge)) : []
    yield ports.map((link) => [link.name, this.#bridge])
  }

  async read(keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const bridge = await this.#findBridge()
    const found = new Map<string, string>()
    for (const key of bridge ? keys : []) {
      const link = await this.#links.get(key)
      if (link && bridge && isPort(link, bridge)) found.set(key, this.#bridge)
    }
    return found
  }

  async apply(ops: readonly Op<string, string>[]): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = []
    for (const op of ops) {
      try {
        if (op.kind === 'remove') await this.#remove(op.key)
        else await this.#put(op.key)
        outcomes.push(DONE)
      } catch (error) {
        outcomes.push({ ok: false, error: error as Error })
      }
    }
    return outcomes
  }

  async #put(name: string): Promise<void> {
    const bridge = await this.#findBridge()
    if (!bridge) throw new PodNetworkError('no-bridge', `there is no bridge ${this.#bridge} yet`)
    const port = await this.#links.get(name)
    if (!port) throw new PodNetworkError('no-port', `there is no link ${name}`)
    // What somebody has put elsewhere meanwhile stays there.
    if (port.master !== 0) return
    await this.#links.set(port.index, { master: bridge.index })
    await this.#links.setBridgePort(port.index, { hairpin: this.#hairpin() })
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
