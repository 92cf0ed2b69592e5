/**
 * Remembers the ports of the bridge, so that they are put back after somebody took them out or deleted the bridge. Only the kernel knows
 * them: the CNI plugins make them, and a pod's interface is not made a second time.
 */
import type { BridgePortSettings } from '@podroute/kernel/links/bridge-port-resource.ts'
import type { KernelChanges } from '@podroute/kernel/monitors.ts'
import type { Link, Links } from '@podroute/linux/route/links.ts'
import type { Observation } from '@podroute/reconcile/resource.ts'

/** What is used of the table of ports. */
export interface PortTable {
  set(key: string, value: BridgePortSettings): void
  delete(key: string): void
  desired(): ReadonlyMap<string, BridgePortSettings>
  touch(key: string, observation?: Observation<BridgePortSettings>): void
}

export interface BridgePortsOptions {
  readonly table: PortTable
  readonly bridge: string
  /** What is to be set of each port. */
  plan(): BridgePortSettings
  /** The bridge was made anew: what the kernel ties to its index is as it is by default. */
  bridgeMade(): void
  /** Calls back a little later: the port of a pod that goes leaves its bridge, and is gone a moment after that. */
  later(action: () => void): void
}

export class BridgePorts {
  readonly #options: BridgePortsOptions
  #bridge: number | undefined
  /** Ports that have left the bridge, and are not known to be gone. */
  readonly #lost = new Set<string>()

  constructor(options: BridgePortsOptions) {
    this.#options = options
  }

  /** Takes what is there for what must be there, and forgets ports whose links are gone. */
  update(links: readonly Link[]): void {
    const { table } = this.#options
    const bridge = links.find((link) => this.#isBridge(link))
    if (bridge) this.#bridgeSeen(bridge)
    else this.#bridge = undefined
    const names = new Set(links.map((link) => link.name))
    for (const name of table.desired().keys()) if (!names.has(name)) this.#forget(name)
    for (const link of links) this.#changed(link)
  }

  /** What is to be set of each port is another now. */
  planChanged(): void {
    const { table, plan } = this.#options
    for (const name of table.desired().keys()) table.set(name, plan())
  }

  /** Follows the kernel until disposed of. */
  watch(changes: Pick<KernelChanges, 'subscribe'>, links: Pick<Links, 'list'>): Disposable {
    return changes.subscribe({
      onLink: (change, link) => {
        if (change === 'add') this.#changed(link)
        else this.#removed(link)
      },
      onOverrun: () =>
        void links.list().then(
          (all) => this.update(all),
          () => {},
        ),
    })
  }

  #changed(link: Link): void {
    const { table, plan } = this.#options
    if (this.#isBridge(link)) this.#bridgeSeen(link)
    if (link.kind !== 'veth') return
    if (link.master !== 0 && link.master === this.#bridge) {
      this.#lost.delete(link.name)
      table.set(link.name, plan())
      // The CNI plugin has set it, or is about to: nothing is to be written.
      table.touch(link.name, { kind: 'present', value: plan() })
    } else if (table.desired().has(link.name)) {
      if (link.master === 0) this.#miss(link.name)
      else this.#forget(link.name)
    }
  }

  #removed(link: Link): void {
    if (link.index === this.#bridge) this.#bridge = undefined
    else if (link.kind === 'veth') this.#forget(link.name)
  }

  #isBridge(link: Link): boolean {
    return link.name === this.#options.bridge && link.kind === 'bridge'
  }

  #bridgeSeen(link: Link): void {
    const known = this.#bridge === link.index
    this.#bridge = link.index
    if (known) return
    this.#options.bridgeMade()
    for (const name of this.#options.table.desired().keys()) this.#miss(name)
  }

  #miss(name: string): void {
    this.#lost.add(name)
    this.#options.later(() => this.#putBack())
  }

  #putBack(): void {
    const { table, plan } = this.#options
    for (const name of this.#lost) {
      table.touch(name, { kind: 'absent' })
      // What failed while there was no bridge is tried again at once.
      table.set(name, plan())
    }
    this.#lost.clear()
  }

  #forget(name: string): void {
    this.#lost.delete(name)
    if (!this.#options.table.desired().has(name)) return
    this.#options.table.touch(name, { kind: 'absent' })
    this.#options.table.delete(name)
  }
}
