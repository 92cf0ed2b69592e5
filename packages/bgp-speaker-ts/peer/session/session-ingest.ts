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

const UNLIMITED: Readonly<Record<Family, number>> = {
  'ipv4-unicast': Number.POSITIVE_INFINITY,
  'ipv6-unicast': Number.POSITIVE_INFINITY,
}

export class SessionIngest implements IngestPeer {
  readonly source: Source
  readonly context: UpdateContext
  readonly families: readonly Family[]
  readonly clusterId: number
  readonly localId: number
  readonly firstAsn: number
  readonly allowedLoops: number
  readonly loopback: boolean
  readonly otc: OtcIngress
  readonly received: Record<Family, number> = { 'ipv4-unicast': 0, 'ipv6-unicast': 0 }
  readonly accepted: Record<Family, number> = { 'ipv4-unicast': 0, 'ipv6-unicast': 0 }
  policy: PolicyEngine | undefined
  validator: RouteValidator | undefined
  maxPrefixes: Readonly<Record<Family, number>> = UNLIMITED
  warnPrefixes: Readonly<Record<Family, number>> = UNLIMITED
  beyondLimit: 'reset' | 'block' | 'warn' = 'reset'
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
      localAsn: config.localAsn ?? speaker.asn,
      otherAsn: config.localAsn === undefined ? undefined : speaker.asn,
      addPath4: addPathReceive.includes('ipv4-unicast'),
      addPath6: addPathReceive.includes('ipv6-unicast'),
    })
    this.families = families
    this.clusterId = speaker.clusterId
    this.localId = speaker.routerId
    this.firstAsn = source.kind === 'ebgp' && config.enforceFirstAs !== false ? asn : 0
    this.otc = source.kind === 'ebgp' ? otcIngress(config.role, asn) : NO_ROLE
    this.allowedLoops = config.allowOwnAs ?? 0
    const localBytes = parseScoped(local)
    this.loopback = localBytes !== undefined && isLoopback(localBytes)
    this.configure(config)
  }

  /** Applies the fields that may change while the session runs. */
  configure({ importPolicy, validated, maxPrefixes, maxPrefixesAction, nextHop }: PeerConfig): void {
    this.policy = this.#speaker.engine(importPolicy)
    this.validator = validated === true ? this.#speaker.validator : undefined
    const limits = this.#speaker.interned.limits
    this.maxPrefixes = limits.intern(limitsOf(maxPrefixes))
    this.warnPrefixes = limits.intern(limitsOf(maxPrefixes, WARN_SHARE))
    this.beyondLimit = maxPrefixesAction ?? 'reset'
    const texts = [this.#local, nextHop?.ipv4 ?? '', nextHop?.ipv6 ?? '']
    const addresses = texts.map(parseScoped).filter((bytes) => bytes !== undefined)
    this.#own = this.#speaker.interned.addresses.intern(addresses, texts.join(' '))
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

/** Each limit, or that share of it. */
function limitsOf(limits: PeerConfig['maxPrefixes'], share = 1): Readonly<Record<Family, number>> {
  if (limits === undefined) return UNLIMITED
  const of = (family: Family) =>
    Math.ceil((typeof limits === 'number' ? limits : (limits[family] ?? Number.POSITIVE_INFINITY)) * share)
  return { 'ipv4-unicast': of('ipv4-unicast'), 'ipv6-unicast': of('ipv6-unicast') }
}
