// Which paths the peers of an update group are sent, and with which next hop.
import { isLinkLocal } from '../../address.ts'
import type { Family } from '../../config.ts'
import type { WireOptions } from '../../packet/wire-attributes.ts'
import type { PolicyEngine } from '../../policy/engine.ts'
import { ATTRIBUTE_FLAG, type AttributeTable } from '../attribute-table.ts'
import type { FamilyRib } from '../family-rib.ts'
import { loweredStale } from '../long-lived.ts'
import type { Source } from '../source.ts'
import type { GroupConfig } from './group-key.ts'

export const NOTHING = -1

export class ExportRules {
  /** Why the last path was rejected; '': by a rule of the protocol that is not counted. */
  reason = ''
  readonly #config: GroupConfig
  readonly #policy: PolicyEngine | undefined
  readonly #attributes: AttributeTable

  constructor(config: GroupConfig, policy: PolicyEngine | undefined, attributes: AttributeTable) {
    this.#config = config
    this.#policy = policy
    this.#attributes = attributes
  }

  /** Returns the attribute id that is sent for a path, or NOTHING. */
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

  /** Returns the next hop to send; undefined, with `reason` set, when there is none that the peers can use. */
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
    // A link-local next hop is valid on its own link only (RFC 2545 section 3).
    return learned.length === 0 || isLinkLocal(learned) ? self[family] : learned
  }

  /** How a path's attributes are encoded for the group. */
  options(source: Source): WireOptions {
    const { external, options, clusterId } = this.#config
    if (external || source.kind !== 'ibgp') return options
    return { ...options, reflect: { originatorId: source.routerId, clusterId } }
  }

  /** Lowers the preference of long-lived stale paths for peers without that capability (RFC 9494 section 4.6). */
  #asTold(attribute: number): number {
    const stale = (this.#attributes.flags[attribute]! & ATTRIBUTE_FLAG.LLGR_STALE) !== 0
    return stale && this.#config.longLived === 'lower' ? loweredStale(this.#attributes, attribute) : attribute
  }

  /** Whether the protocol allows to send the path (RFC 4271 section 9.2, RFC 4456, RFC 1997, RFC 9494 section 4.3, RFC 9234 section 5). */
  #mayPass(source: Source, attribute: number): boolean {
    // Well-known communities restrict received routes. On our own routes they are meant for the receivers.
    if (source.kind === 'local') return true
    const flags = this.#attributes.flags[attribute]!
    if ((flags & ATTRIBUTE_FLAG.NO_ADVERTISE) !== 0) return false
    if ((flags & ATTRIBUTE_FLAG.LLGR_STALE) !== 0 && this.#config.longLived === 'withhold') return false
    if (this.#config.withholdsOtc && (flags & ATTRIBUTE_FLAG.ONLY_TO_CUSTOMER) !== 0) return false
    if (this.#config.external) return (flags & ATTRIBUTE_FLAG.NO_EXPORT) === 0
    return source.kind !== 'ibgp' || source.client || this.#config.client
  }
}
