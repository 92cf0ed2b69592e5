/** Follows the ports of pods, so that the table has what each may send from though nobody but the CNI plugin knows it. */

import type { KernelChanges } from '@podroute/kernel/monitors.ts'
import type { ElementKey, SetElement } from '@podroute/kernel/nft/element.ts'
import { elementKey } from '@podroute/kernel/nft/element.ts'
import type { Link, Links } from '@podroute/linux/route/links.ts'
import { elementsOf, sourcesOf } from './port-elements.ts'

/** What is used of the table of elements. */
export interface ElementTable {
  set(key: ElementKey, element: SetElement): void
  delete(key: ElementKey): void
  sweep(): number
}

export class SourcePorts {
  readonly #table: ElementTable
  /** Keys of the elements by the name of the port. */
  readonly #keys = new Map<string, readonly ElementKey[]>()
  /** Ports of pods that pass unchecked, by their names. */
  readonly #unknown = new Set<string>()
  readonly #bridge: string
  #bridgeIndex = 0

  constructor(table: ElementTable, bridge: string) {
    this.#table = table
    this.#bridge = bridge
  }

  /** Ports of the pod network's bridge that say nothing of their addresses. */
  get unknown(): number {
    return this.#unknown.size
  }

  /** All links: what an earlier run or the CNI plugin left of ports that are gone goes. */
  update(links: readonly Link[]): void {
    const names = new Set(links.map((link) => link.name))
    for (const name of [...this.#keys.keys(), ...this.#unknown]) if (!names.has(name)) this.#forget(name)
    const bridge = links.find((link) => link.name === this.#bridge)
    if (bridge) this.#bridgeIndex = bridge.index
    for (const link of links) this.#changed(link)
    this.#table.sweep()
  }

  /** Follows the kernel until disposed of. */
  watch(changes: Pick<KernelChanges, 'subscribe'>, links: Pick<Links, 'list'>): Disposable {
    return changes.subscribe({
      onLink: (change, link) => (change === 'add' ? this.#changed(link) : this.#forget(link.name)),
      onOverrun: () =>
        void links.list().then(
          (all) => this.update(all),
          () => {},
        ),
    })
  }

  #changed(link: Link): void {
    if (link.name === this.#bridge) this.#bridgeIndex = link.index
    if (link.kind !== 'veth') return
    const sources = sourcesOf(link)
    const elements = sources ? elementsOf(link.index, sources) : []
    const keys = elements.map(elementKey)
    for (const key of this.#keys.get(link.name) ?? []) if (!keys.includes(key)) this.#table.delete(key)
    for (const element of elements) this.#table.set(elementKey(element), element)
    if (keys.length > 0) this.#keys.set(link.name, keys)
    else this.#keys.delete(link.name)
    const unknown = keys.length === 0 && link.master !== 0 && link.master === this.#bridgeIndex
    if (unknown) this.#unknown.add(link.name)
    else this.#unknown.delete(link.name)
  }

  #forget(name: string): void {
    for (const key of this.#keys.get(name) ?? []) this.#table.delete(key)
    this.#keys.delete(name)
    this.#unknown.delete(name)
  }
}
