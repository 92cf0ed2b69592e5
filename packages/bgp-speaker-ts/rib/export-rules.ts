// What may be told of a path to the peers of one update group, and with which next hop.
import { isLinkLocal } from '../address.ts'
import type { Family } from '../config.ts'
import type { WireOptions } from '../packet/wire-attributes.ts'
import type { PolicyEngine } from '../policy/engine.ts'
import { ATTRIBUTE_FLAG, type AttributeTable } from './attribute-table.ts'
import type { FamilyRib } from './family-rib.ts'
import type { GroupConfig } from './group-key.ts'
import { loweredStale } from './long-lived.ts'
import type { Source } from './source.ts'

export const NOTHING = -1

export class ExportRules {
  /** Why the last path is not told; '': for no reason that is worth a word. */
  reason = ''
  readonly #config: GroupConfig
  readonly #policy: PolicyEngine | undefined
  readonly #attributes: AttributeTable

  constructor(config: GroupConfig, policy: PolicyEngine | undefined, attributes: AttributeTable) {
    this.#config = config
    this.#policy = policy
    this.#attributes = attributes
  }

  /** The attribute id to tell of a path, or NOTHING. */
  decide(rib: FamilyRib, prefix: number, attribute: number, source: Source): number {
    this.reason = ''
    if (!this.#mayPass(source, attribute)) return NOTHING
    const result = this.#policy?.evaluate(attribute, source, rib.family, rib.prefixes, prefix) ?? attribute
    if (result < 0) {
      this.reason = this.#policy!.reason
      return NOTHING
    }
    const told = this.#asTold(result)
    return this.nextHop(rib.family, result, source) === undefined ? NOTHING : told
  }

  /** The next hop to tell; undefined, with a reason: there is none that the peers could use. */
  nextHop(family: Family, attribute: number, source: Source): Uint8Array | undefined {
    const nextHop = this.#chooseNextHop(family, attribute, source)
    if (nextHop === undefined) {
      this.reason = 'no-next-hop'
      return undefined
    }
    const fits =
      family === 'ipv4-unicast' ? nextHop.length === 4 || this.#config.ipv4OverIpv6 : nextHop.length >= 16
    if (fits) return nextHop
    this.reason = 'next-hop-family'
    return undefined
  }

  #chooseNextHop(family: Family, attribute: number, source: Source): Uint8Array | undefined {
    const { self, nextHopSelf, external } = this.#config
    if (nextHopSelf && (external || source.kind !== 'ibgp')) return self[family]
    const learned = this.#attributes.nextHop(attribute)
    // A link-local one means nothing on another link (RFC 2545 section 3).
    return learned.length === 0 || isLinkLocal(learned) ? self[family] : learned
  }

  /** How a path's attributes are written. */
  options(source: Source): WireOptions {
    const { external, options, clusterId } = this.#config
    if (external || source.kind !== 'ibgp') return options
    return { ...options, reflect: { originatorId: source.routerId, clusterId } }
  }

  /** RFC 9494 section 4.6: for whoever knows nothing of them, long-lived stale paths are made unattractive. */
  #asTold(attribute: number): number {
    const stale = (this.#attributes.flags[attribute]! & ATTRIBUTE_FLAG.LLGR_STALE) !== 0
    return stale && this.#config.longLived === 'lower' ? loweredStale(this.#attributes, attribute) : attribute
  }

  /** RFC 4271 9.2, RFC 4456, RFC 1997, RFC 9494 4.3. */
  #mayPass(source: Source, attribute: number): boolean {
    // The well-known communities are about routes that were received: on our own they are meant for who is told.
    if (source.kind === 'local') return true
    const flags = this.#attributes.flags[attribute]!
    if ((flags & ATTRIBUTE_FLAG.NO_ADVERTISE) !== 0) return false
    if ((flags & ATTRIBUTE_FLAG.LLGR_STALE) !== 0 && this.#config.longLived === 'withhold') return false
    if (this.#config.external) return (flags & ATTRIBUTE_FLAG.NO_EXPORT) === 0
    return source.kind !== 'ibgp' || source.client || this.#config.client
  }
}
