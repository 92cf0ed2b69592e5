/** The bridge as a device: there, a bridge, up, with its MTU. */
import type { Links } from '@podroute/linux/route/links.ts'
import { DONE, type Op, type Outcome, type Resource, type Sighting } from '@podroute/reconcile/resource.ts'
import { PodNetworkError } from '../errors.ts'
import type { BridgePlan } from '../plan/bridge.ts'
import type { KernelChanges } from './kernel-changes.ts'

/** MTU 0 stands for a bridge that is down: it equals no plan. */
const DOWN = 0

export class BridgeResource implements Resource<string, BridgePlan> {
  readonly name = 'bridge'
  readonly #links: Links
  readonly #bridge: string
  readonly #changes: KernelChanges | undefined

  /** @param bridge name of the only link that is ever touched */
  constructor(links: Links, bridge: string, changes?: KernelChanges) {
    this.#links = links
    this.#bridge = bridge
    this.#changes = changes
  }

  equal(a: BridgePlan, b: BridgePlan): boolean {
    return a.mtu === b.mtu && a.mac === b.mac
  }

  async *list(): AsyncIterable<Iterable<readonly [string, BridgePlan]>> {
    const link = await this.#links.get(this.#bridge)
    if (link?.kind === 'bridge') yield [[link.name, { mtu: link.up ? link.mtu : DOWN, mac: link.mac }]]
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

  watch(touched: (key: string, sighting?: Sighting<BridgePlan>) => void): Disposable {
    if (!this.#changes) return { [Symbol.dispose]() {} }
    return this.#changes.subscribe({
      onLink: (change, link) => {
        if (link.name !== this.#bridge) return
        if (change === 'remove') touched(link.name, { kind: 'absent' })
        else touched(link.name, { kind: 'present', value: { mtu: link.up ? link.mtu : DOWN, mac: link.mac } })
      },
    })
  }

  async #put(name: string, plan: BridgePlan): Promise<void> {
    const link = await this.#links.get(name)
    if (!link) await this.#links.add({ kind: 'bridge', name, mtu: plan.mtu, mac: plan.mac, up: true })
    else if (link.kind !== 'bridge')
      throw new PodNetworkError('not-a-bridge', `${name} is a ${link.kind || 'device'}, not a bridge`)
    else await this.#links.set(link.index, { mtu: plan.mtu, mac: plan.mac, up: true })
  }

  async #remove(name: string): Promise<void> {
    const link = await this.#links.get(name)
    if (link?.kind === 'bridge') await this.#links.remove(link.index)
  }
}
