// Whether a received path is used: the import policy of its peer, then the validator of the speaker.
import { formatAddress } from '../address.ts'
import type { AttributeTable } from './attribute-table.ts'
import type { FamilyRib } from './family-rib.ts'
import type { IngestPeer } from './ingest-peer.ts'

export const REJECTED = -1

export class ImportRules {
  /** Why the last path was rejected: a rule's name, `otherwise`, or what the validator said. */
  reason = ''
  readonly #attributes: AttributeTable

  constructor(attributes: AttributeTable) {
    this.#attributes = attributes
  }

  /** Returns the attribute id after the policy, or REJECTED. */
  evaluate(
    { policy, validator, source }: Pick<IngestPeer, 'policy' | 'validator' | 'source'>,
    rib: FamilyRib,
    prefix: number,
    received: number,
  ): number {
    let result = received
    if (policy !== undefined) {
      result = policy.evaluate(received, source, rib.family, rib.prefixes, prefix)
      this.reason = policy.reason
    }
    if (result < 0 || validator === undefined) return result
    const reason = validator.refuse(rib.prefixes.text(prefix), this.#nextHop(result))
    if (reason === undefined) return result
    this.reason = reason
    return REJECTED
  }

  /** Of an IPv6 next hop the global address: a link-local one may follow it (RFC 2545 section 3). */
  #nextHop(attribute: number): string {
    return formatAddress(this.#attributes.nextHop(attribute).subarray(0, 16))
  }
}
