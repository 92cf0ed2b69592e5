/** Which slices belong to which Service, and which Services changed since they were last planned. */
import type { Service, ServiceKey, Slice } from './types.ts'

const FIRST = 'default/kubernetes'

export class ServiceIndex {
  readonly #services = new Map<ServiceKey, Service>()
  readonly #slices = new Map<string, Slice>()
  readonly #slicesOf = new Map<ServiceKey, readonly Slice[]>()
  readonly #dirty = new Set<ServiceKey>()

  setService(service: Service): void {
    this.#services.set(service.key, service)
    this.#dirty.add(service.key)
  }

  removeService(key: ServiceKey): void {
    if (this.#services.delete(key)) this.#dirty.add(key)
  }

  /** A slice may move to another Service: both are dirty then. */
  setSlice(slice: Slice): void {
    const before = this.#slices.get(slice.key)
    if (before && before.service !== slice.service) this.removeSlice(slice.key)
    this.#slices.set(slice.key, slice)
    const siblings = this.#others(slice)
    this.#slicesOf.set(slice.service, [...siblings, slice].sort(byKey))
    this.#dirty.add(slice.service)
  }

  removeSlice(key: string): void {
    const slice = this.#slices.get(key)
    if (!slice) return
    this.#slices.delete(key)
    const siblings = this.#others(slice)
    if (siblings.length === 0) this.#slicesOf.delete(slice.service)
    else this.#slicesOf.set(slice.service, siblings)
    this.#dirty.add(slice.service)
  }

  service(key: ServiceKey): Service | undefined {
    return this.#services.get(key)
  }

  services(): Iterable<Service> {
    return this.#services.values()
  }

  /** The slices of a Service, whether it exists or not; always in the same order, whichever came first. */
  slices(key: ServiceKey): readonly Slice[] {
    return this.#slicesOf.get(key) ?? []
  }

  /** It is to be planned again. */
  touch(key: ServiceKey): void {
    if (this.#services.has(key)) this.#dirty.add(key)
  }

  touchAll(which: (service: Service) => boolean = () => true): void {
    for (const service of this.#services.values()) if (which(service)) this.#dirty.add(service.key)
  }

  /**
   * At most so many of the Services that changed; they count as clean from here on. `default/kubernetes` comes first: all else
   * waits for it.
   */
  takeDirty(most: number): ServiceKey[] {
    const keys = this.#dirty.has(FIRST) ? [FIRST] : []
    for (const key of this.#dirty) {
      if (keys.length >= most) break
      if (key !== FIRST) keys.push(key)
    }
    for (const key of keys) this.#dirty.delete(key)
    return keys
  }

  #others({ service, key }: Slice): readonly Slice[] {
    return (this.#slicesOf.get(service) ?? []).filter((slice) => slice.key !== key)
  }

  get dirtyCount(): number {
    return this.#dirty.size
  }

  get size(): { readonly services: number; readonly slices: number } {
    return { services: this.#services.size, slices: this.#slices.size }
  }
}

function byKey(a: Slice, b: Slice): number {
  return a.key < b.key ? -1 : 1
}
