/**
 * Addresses that this node's pods were given, until the API server shows them too: a pod's status says them a second after it has
 * started. Each address is the last one's that it was given to. Pure.
 */
import type { Pod } from '@podroute/cluster/objects/pod.ts'
import { type Announcement, speaksOf } from './announcement.ts'

export class AnnouncedPods {
  readonly #byKey = new Map<string, Announcement>()
  readonly #byAddress = new Map<string, string>()

  /** @param known of an earlier run of the agent */
  constructor(known: Iterable<Announcement> = []) {
    for (const announcement of known) this.add(announcement)
  }

  /** Returns the keys of pods whose addresses it changed. */
  add(announcement: Announcement): readonly string[] {
    const { key, addresses } = announcement
    const changed = new Set([key])
    for (const address of addresses) {
      const former = this.#byAddress.get(address)
      if (former !== undefined && former !== key) changed.add(former)
    }
    for (const former of changed) this.remove(former)
    this.#byKey.set(key, announcement)
    for (const address of addresses) this.#byAddress.set(address, key)
    return [...changed]
  }

  remove(key: string): boolean {
    const known = this.#byKey.get(key)
    if (!known) return false
    this.#byKey.delete(key)
    for (const address of known.addresses)
      if (this.#byAddress.get(address) === key) this.#byAddress.delete(address)
    return true
  }

  /** Whether one was forgotten: the API server says it all now, or something newer, or the pod is gone. */
  podChanged(key: string, before: Pod | undefined, after: Pod | undefined): boolean {
    const known = this.#byKey.get(key)
    if (!known) return false
    const isOver = after ? this.#isOver(known, after) : before !== undefined && speaksOf(known, before)
    return isOver && this.remove(key)
  }

  of(pod: Pod): readonly string[] {
    const known = this.#byKey.get(pod.key)
    return known && speaksOf(known, pod) ? known.addresses : []
  }

  list(): readonly Announcement[] {
    return [...this.#byKey.values()]
  }

  /** One with other addresses alone has started again since. */
  #isOver(known: Announcement, pod: Pod): boolean {
    if (!speaksOf(known, pod) || pod.addresses.length === 0) return false
    const shown = known.addresses.filter((address) => pod.addresses.includes(address))
    return shown.length === known.addresses.length
  }
}
