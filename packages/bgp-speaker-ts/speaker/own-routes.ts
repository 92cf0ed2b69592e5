// The speaker's own announcements.
import { formatPrefix, parsePrefix } from '../address.ts'
import { checkAnnouncement } from '../config/config-check.ts'
import type { Announcement } from '../config.ts'
import { internAttributes } from '../policy/engine.ts'
import type { FamilyRib } from '../rib/family-rib.ts'
import type { Rib } from '../rib/rib.ts'
import { LOCAL } from '../rib/source.ts'
import { toAttributes } from './paths.ts'

export class OwnRoutes {
  readonly #rib: Rib
  readonly #announced = new Map<string, Announcement>()

  constructor(rib: Rib) {
    this.#rib = rib
  }

  /** @throws BgpConfigError */
  announce(route: Announcement): void {
    checkAnnouncement(route)
    const prefix = parsePrefix(route.prefix)!
    const rib = this.#ribOf(prefix.bytes.length)
    const attribute = internAttributes(this.#rib.attributes, toAttributes(route))
    const id = rib.prefixes.find(prefix, true)
    let path = rib.lookup(id, LOCAL, 0)
    if (path < 0) path = rib.insert(id, LOCAL, 0)
    rib.paths.received[path] = rib.paths.attribute[path] = attribute
    this.#rib.attributes.released++
    rib.touch(id)
    this.#announced.set(formatPrefix(prefix), { ...route, prefix: formatPrefix(prefix) })
    this.#rib.schedule()
  }

  withdraw(cidr: string): void {
    const prefix = parsePrefix(cidr)
    if (prefix === undefined || !this.#announced.delete(formatPrefix(prefix))) return
    const rib = this.#ribOf(prefix.bytes.length)
    rib.remove(rib.lookup(rib.prefixes.find(prefix, false), LOCAL, 0))
    this.#rib.schedule()
  }

  all(): readonly Announcement[] {
    return [...this.#announced.values()]
  }

  #ribOf(addressLength: number): FamilyRib {
    return this.#rib.families[addressLength === 4 ? 'ipv4-unicast' : 'ipv6-unicast']
  }
}
