// The session as ingest sees it: what the RIB needs to take in its routes, and counts of them. It has no closures, because there may be thousands of sessions.
import { isLoopback, parseScoped } from '../../address.ts'
import type { Family, PeerConfig, RouteValidator } from '../../config.ts'
import type { UpdateContext } from '../../packet/attribute-scan.ts'
import type { PolicyEngine } from '../../policy/engine.ts'
import type { IngestPeer } from '../../rib/ingest-peer.ts'
import { NO_ROLE, type OtcIngress, otcIngress } from '../../rib/only-to-customer.ts'
import type { Source } from '../../rib/source.ts'
import type { SpeakerContext } from '../speaker-context.ts'
import type { Negotiated } from './negotiation.ts'

/** Receives what happens to the routes. */
export interface IngestOwner {
  notImported(reason: string, prefix: string): void
  nearLimit(family: Family): void
  treatedAsWithdraw(problem: string): void
  attributesDiscarded(problem: string): void
  heardEndOfRib(family: Family): void
}

/** Share of the prefix limit from which `near-prefix-limit` is emitted. */
const WARN_SHARE = 0.8

export class SessionIngest implements IngestPeer {
  readonly source: Source
  readonly context: UpdateContext
  readonly families: readonly Family[]
  readonly clusterId: number
  readonly localId: number
  readonly firstAsn: number
  readonly loopback: boolean
  readonly otc: OtcIngress
  readonly received: Record<Family, number> = { 'ipv4-unicast': 0, 'ipv6-unicast': 0 }
  readonly accepted: Record<Family, number> = { 'ipv4-unicast': 0, 'ipv6-unicast': 0 }
  policy: PolicyEngine | undefined
  validator: RouteValidator | undefined
  maxPrefixes = Number.POSITIVE_INFINITY
  warnPrefixes = Number.POSITIVE_INFINITY
  readonly #speaker: SpeakerContext
  readonly #owner: IngestOwner
  readonly #local: string
  #own: readonly Uint8Array[] = []

  /** @param asn the peer's AS number @param local our address of the session */
  constructor(
    owner: IngestOwner,
    speaker: SpeakerContext,
    config: PeerConfig,
    { fourOctetAs, addPathReceive, families }: Negotiated,
    source: Source,
    asn: number,
    local: string,
  ) {
    this.#owner = owner
    this.#speaker = speaker
    this.#local = local
    this.source = source
    this.context = speaker.interned.contexts.intern({
      fourOctetAs,
      internal: source.kind === 'ibgp',
      localAsn: speaker.asn,
      addPath4: addPathReceive.includes('ipv4-unicast'),
      addPath6: addPathReceive.includes('ipv6-unicast'),
    })
    this.families = families
    this.clusterId = speaker.clusterId
    this.localId = speaker.routerId
    this.firstAsn = source.kind === 'ebgp' && config.enforceFirstAs !== false ? asn : 0
    this.otc = source.kind === 'ebgp' ? otcIngress(config.role, asn) : NO_ROLE
    const localBytes = parseScoped(local)
    this.loopback = localBytes !== undefined && isLoopback(localBytes)
    this.configure(config)
  }

  /** Applies the fields that may change while the session runs. */
  configure({ importPolicy, validated, maxPrefixes, nextHop }: PeerConfig): void {
    this.policy = this.#speaker.engine(importPolicy)
    this.validator = validated === true ? this.#speaker.validator : undefined
    this.maxPrefixes = maxPrefixes ?? Number.POSITIVE_INFINITY
    this.warnPrefixes = Math.ceil(this.maxPrefixes * WARN_SHARE)
    const addresses = [this.#local, nextHop?.ipv4, nextHop?.ipv6].map((text) => parseScoped(text ?? ''))
    this.#own = this.#speaker.interned.addresses.intern(addresses.filter((bytes) => bytes !== undefined))
  }

  isOwnAddress(bytes: Uint8Array, at: number, length: number): boolean {
    for (const own of this.#own) if (own.length === length && matches(own, bytes, at)) return true
    return false
  }

  rejected(reason: string, prefix: string): void {
    this.#owner.notImported(reason, prefix)
  }

  nearLimit(family: Family): void {
    this.#owner.nearLimit(family)
  }

  treatedAsWithdraw(problem: string): void {
    this.#owner.treatedAsWithdraw(problem)
  }

  attributesDiscarded(problem: string): void {
    this.#owner.attributesDiscarded(problem)
  }

  endOfRib(family: Family): void {
    this.#owner.heardEndOfRib(family)
  }
}

function matches(own: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < own.length; i++) if (bytes[at + i] !== own[i]) return false
  return true
}
