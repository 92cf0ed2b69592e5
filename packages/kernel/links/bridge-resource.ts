/** A bridge as a device: there, a bridge, up, with its MTU and a MAC that stays. */
import type { Link } from '@podroute/linux/route/links.ts'
import {
  applyEach,
  type Observation,
  type Op,
  type Outcome,
  type Resource,
} from '@podroute/reconcile/resource.ts'
import type { LinksApi } from '../kernel.ts'
import type { KernelChanges } from '../monitors.ts'
import { LinkError } from './errors.ts'

export interface BridgeSettings {
  readonly mtu: number
  /**
   * The MAC of a new bridge. Set explicitly, because a bridge otherwise takes the lowest one of its ports: with every port that
   * comes or goes those behind the others would look for it again. A bridge that exists keeps the MAC that they know.
   */
  readonly mac: string
}

export interface BridgeOptions {
  /** Of the only link that is ever touched. */
  readonly name: string
  /** Whether a MAC is one that somebody sets explicitly, so that it stays when ports come and go: the kernel does not tell. */
  isExplicitMac(mac: string): boolean
  readonly changes?: KernelChanges
}

/** MTU 0 stands for a bridge that is down, whose MAC is not fixed, or that learns from link-local frames: it equals no settings. */
const UNSETTLED = 0

/** The kernel's value for a bridge that follows its ports and has none any more. */
const NO_MAC = '00:00:00:00:00:00'

/** The MAC that those behind the ports have in their neighbour entries. */
interface KnownMac {
  readonly index: number
  readonly mac: string
  /** Set explicitly, so that the kernel leaves it alone when ports come and go. */
  readonly fixed: boolean
}

export class BridgeResource implements Resource<string, BridgeSettings> {
  readonly name = 'bridge'
  readonly #links: LinksApi
  readonly #options: BridgeOptions
  #known: KnownMac | undefined

  constructor(links: LinksApi, options: BridgeOptions) {
    this.#links = links
    this.#options = options
  }

  equal(a: BridgeSettings, b: BridgeSettings): boolean {
    return a.mtu === b.mtu
  }

  async *list(): AsyncIterable<Iterable<readonly [string, BridgeSettings]>> {
    const link = await this.#links.get(this.#options.name)
    if (link?.kind === 'bridge') yield [[link.name, this.#observe(link)]]
  }

  apply(ops: readonly Op<string, BridgeSettings>[]): Promise<readonly Outcome[]> {
    return applyEach(ops, async (op) =>
      op.kind === 'remove' ? this.#remove(op.key) : this.#put(op.key, op.value),
    )
  }

  watch(touched: (key: string, observation?: Observation<BridgeSettings>) => void): Disposable {
    const { name, changes } = this.#options
    if (!changes) return { [Symbol.dispose]() {} }
    return changes.subscribe({
      onLink: (change, link) => {
        if (link.name !== name) return
        if (change === 'remove') touched(link.name, { kind: 'absent' })
        else touched(link.name, { kind: 'present', value: this.#observe(link) })
      },
    })
  }

  #observe(link: Link): BridgeSettings {
    if (this.#known?.index !== link.index)
      this.#known = { index: link.index, mac: link.mac, fixed: this.#options.isExplicitMac(link.mac) }
    // A pod could have the frames of another by a single LLDP frame with its MAC.
    const settled =
      link.up && this.#known.fixed && this.#known.mac === link.mac && link.linkLocalLearning !== true
    return { mtu: settled ? link.mtu : UNSETTLED, mac: link.mac }
  }

  /** The MAC of a bridge in use never changes: others would send to the old one until their neighbour entries expire. */
  async #put(name: string, settings: BridgeSettings): Promise<void> {
    const link = await this.#links.get(name)
    if (!link) return this.#make(name, settings)
    if (link.kind !== 'bridge')
      throw new LinkError('not-a-bridge', `${name} is a ${link.kind || 'device'}, not a bridge`)
    this.#observe(link)
    const { fixed, mac: known } = this.#known!
    const kept = fixed ? known : link.mac
    const mac = kept === NO_MAC ? settings.mac : kept
    // Setting a MAC, also the same one, makes the kernel forget the neighbours behind it.
    const change = fixed && mac === link.mac ? {} : { mac }
    await this.#links.set(link.index, {
      ...{ mtu: settings.mtu, up: true, linkLocalLearning: false },
      ...change,
    })
    this.#known = { index: link.index, mac, fixed: true }
  }

  /** A bridge that somebody removed comes back with the MAC that others know. */
  async #make(name: string, settings: BridgeSettings): Promise<void> {
    const mac = this.#known?.fixed ? this.#known.mac : settings.mac
    const { index } = await this.#links.add({
      ...{ kind: 'bridge', name, mtu: settings.mtu, mac, up: true },
      linkLocalLearning: false,
    })
    this.#known = { index, mac, fixed: true }
  }

  async #remove(name: string): Promise<void> {
    const link = await this.#links.get(name)
    if (link?.kind === 'bridge') await this.#links.remove(link.index)
  }
}
