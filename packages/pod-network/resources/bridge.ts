/** The bridge as a device: there, a bridge, up, with its MTU and a MAC that stays. */
import type { LinksApi } from '@podroute/kernel/kernel.ts'
import type { KernelChanges } from '@podroute/kernel/monitors.ts'
import type { Link } from '@podroute/linux/route/links.ts'
import { DONE, type Observation, type Op, type Outcome, type Resource } from '@podroute/reconcile/resource.ts'
import type { BridgePlan } from '../bridge/bridge.ts'
import { PodNetworkError } from '../errors.ts'

/** MTU 0 stands for a bridge that is down or whose MAC is not fixed: it equals no plan. */
const UNSETTLED = 0

/** The kernel's value for a bridge that follows its ports and has none any more. */
const NO_MAC = '00:00:00:00:00:00'

/** What the CNI plugins and `plan/bridge.ts` set explicitly; the kernel draws all of a port's MAC. */
const EXPLICIT_MAC = /^0a:58:/

/** The MAC that the pods of a bridge know as their gateway's. */
interface KnownMac {
  readonly index: number
  readonly mac: string
  /** Set explicitly, so that the kernel leaves it alone when ports come and go. */
  readonly fixed: boolean
}

export class BridgeResource implements Resource<string, BridgePlan> {
  readonly name = 'bridge'
  readonly #links: LinksApi
  readonly #bridge: string
  readonly #changes: KernelChanges | undefined
  #known: KnownMac | undefined

  /** @param bridge name of the only link that is ever touched */
  constructor(links: LinksApi, bridge: string, changes?: KernelChanges) {
    this.#links = links
    this.#bridge = bridge
    this.#changes = changes
  }

  equal(a: BridgePlan, b: BridgePlan): boolean {
    return a.mtu === b.mtu
  }

  async *list(): AsyncIterable<Iterable<readonly [string, BridgePlan]>> {
    const link = await this.#links.get(this.#bridge)
    if (link?.kind === 'bridge') yield [[link.name, this.#observe(link)]]
  }

  async apply(ops: readonly Op<string, BridgePlan>[]): Promise<readonly Outcome[]> {
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

  watch(touched: (key: string, observation?: Observation<BridgePlan>) => void): Disposable {
    if (!this.#changes) return { [Symbol.dispose]() {} }
    return this.#changes.subscribe({
      onLink: (change, link) => {
        if (link.name !== this.#bridge) return
        if (change === 'remove') touched(link.name, { kind: 'absent' })
        else touched(link.name, { kind: 'present', value: this.#observe(link) })
      },
    })
  }

  #observe(link: Link): BridgePlan {
    if (this.#known?.index !== link.index)
      this.#known = { index: link.index, mac: link.mac, fixed: EXPLICIT_MAC.test(link.mac) }
    const settled = link.up && this.#known.fixed && this.#known.mac === link.mac
    return { mtu: settled ? link.mtu : UNSETTLED, mac: link.mac }
  }

  /** The MAC of a bridge with pods never changes: they would send to the old one until their neighbour entries expire. */
  async #put(name: string, plan: BridgePlan): Promise<void> {
    const link = await this.#links.get(name)
    if (!link) return this.#make(name, plan)
    if (link.kind !== 'bridge')
      throw new PodNetworkError('not-a-bridge', `${name} is a ${link.kind || 'device'}, not a bridge`)
    this.#observe(link)
    const { fixed, mac: known } = this.#known!
    const kept = fixed ? known : link.mac
    const mac = kept === NO_MAC ? plan.mac : kept
    // Setting a MAC, also the same one, makes the kernel forget the neighbours behind it.
    const change = fixed && mac === link.mac ? {} : { mac }
    await this.#links.set(link.index, { mtu: plan.mtu, up: true, ...change })
    this.#known = { index: link.index, mac, fixed: true }
  }

  /** A bridge that somebody removed comes back with the MAC that its pods know. */
  async #make(name: string, plan: BridgePlan): Promise<void> {
    const mac = this.#known?.fixed ? this.#known.mac : plan.mac
    const { index } = await this.#links.add({ kind: 'bridge', name, mtu: plan.mtu, mac, up: true })
    this.#known = { index, mac, fixed: true }
  }

  async #remove(name: string): Promise<void> {
    const link = await this.#links.get(name)
    if (link?.kind === 'bridge') await this.#links.remove(link.index)
  }
}
