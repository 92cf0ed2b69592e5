// Scans the path attributes of an UPDATE in one pass: checks them (RFC 7606), collects the values that best path needs, and writes the canonical form
// that the RIB interns. This is the hot path of ingest: a well-formed message allocates nothing.
import { NotificationError } from '../errors.ts'
import { type AsPathSummary, scanAsPath } from './as-path-scan.ts'
import { AS4Merge } from './as4-merge.ts'
import { ATTRIBUTE, ERROR, FLAG, UPDATE_ERROR } from './codes.ts'
import { type MpSection, readMpReach, readMpUnreach } from './mp-scan.ts'
import { readU16, readU32 } from './reader.ts'
import { writeU32 } from './writer.ts'

// Canonical form: for each attribute `type (1), flags (1), length (2), value`, in the order received, AS numbers always 4 bytes wide,
// without MP_REACH and MP_UNREACH, the next hop (4 or 16 bytes) last, as a NEXT_HOP attribute.

/** Properties of the session that decide how its UPDATEs are read. */
export interface UpdateContext {
  /** AS numbers in AS_PATH and AGGREGATOR are 4 bytes wide (RFC 6793). */
  readonly fourOctetAs: boolean
  /** The peer is in our AS: LOCAL_PREF, ORIGINATOR_ID and CLUSTER_LIST count. */
  readonly internal: boolean
  readonly localAsn: number
  /** The speaker's AS number where the session has another one (RFC 7705): it is ours, too. */
  readonly otherAsn?: number | undefined
  /** NLRI carry a path identifier (RFC 7911), by family. */
  readonly addPath4: boolean
  readonly addPath6: boolean
}

/** Outcomes of RFC 7606 section 2 in the order of severity. A session reset is a thrown NotificationError instead. */
export const OUTCOME = { OK: 0, ATTRIBUTE_DISCARD: 1, TREAT_AS_WITHDRAW: 2 } as const

const { OPTIONAL, TRANSITIVE, PARTIAL, EXTENDED } = FLAG
const WELL_KNOWN = TRANSITIVE
const NON_TRANSITIVE = OPTIONAL
const BOTH = OPTIONAL | TRANSITIVE

/** The optional and transitive bits that an attribute must have; 255: unknown type. */
const EXPECTED = new Uint8Array(256).fill(255)
for (const type of [1, 2, 3, 5, 6]) EXPECTED[type] = WELL_KNOWN
for (const type of [4, 9, 10, 14, 15]) EXPECTED[type] = NON_TRANSITIVE
for (const type of [7, 8, 16, 17, 18, 32, 35]) EXPECTED[type] = BOTH

export class AttributeScan {
  /** Canonical bytes, without the next hop until `appendNextHop`. */
  buffer = new Uint8Array(8192)
  length = 0
  outcome: number = OUTCOME.OK
  /** The first problem found. */
  problem = ''
  origin = 2
  /** -1: absent. */
  med = -1
  localPref = -1
  /** The AS number of ONLY_TO_CUSTOMER; -1: absent. */
  onlyToCustomer = -1
  originatorId = 0
  clusters = 0
  /** Canonical offset and length of CLUSTER_LIST's value. */
  clusterAt = 0
  readonly asPath: AsPathSummary = { length: 0, neighbour: 0, loops: 0, confederations: 0 }
  /** Offset in the message of the 4 bytes of NEXT_HOP; -1: absent. */
  nextHopAt = -1
  readonly reach: MpSection = noSection()
  readonly unreach: MpSection = noSection()
  #bytes: Uint8Array = this.buffer
  #seen = new Uint32Array(256)
  #generation = 0
  readonly #as4 = new AS4Merge()

  /** Whether the message has the attribute. */
  has(type: number): boolean {
    return this.#seen[type] === this.#generation
  }

  /** Reads the attributes in [start, end). @throws NotificationError when only a session reset is safe. */
  scan(bytes: Uint8Array, start: number, end: number, context: UpdateContext): undefined {
    this.#reset(bytes, end - start)
    let at = start
    while (at < end) {
      if (end - at < 3) return this.#fail('attribute header cut short')
      // The low four bits are ignored on receipt (RFC 4271 section 4.3). The canonical form marks our own MED there, so they are cleared.
      const flags = bytes[at]! & 0xf0
      const type = bytes[at + 1]!
      const wide = (flags & EXTENDED) !== 0
      if (wide && end - at < 4) return this.#fail('attribute header cut short')
      const length = wide ? readU16(bytes, at + 2) : bytes[at + 2]!
      const value = at + (wide ? 4 : 3)
      at = value + length
      if (at > end) return this.#fail('attribute longer than the attribute list')
      if (this.#first(type)) this.#attribute(type, flags, value, length, context)
    }
    if (!context.fourOctetAs) this.#mergeAs4(context)
  }

  /** Checks for the mandatory attributes of an announcement (RFC 7606 section 3.d). @param classic there are NLRI outside MP_REACH_NLRI, which need NEXT_HOP */
  checkMandatory(classic: boolean): undefined {
    if (!this.has(ATTRIBUTE.ORIGIN)) this.#fail('ORIGIN missing')
    else if (!this.has(ATTRIBUTE.AS_PATH)) this.#fail('AS_PATH missing')
    else if (classic && this.nextHopAt < 0) this.#fail('NEXT_HOP missing')
  }

  /**
   * Checks an UPDATE without reachable NLRI: an error that would be treated as withdraw resets the session (RFC 7606 section 5.2).
   * There is nothing to withdraw, and NLRI may be lost in the part that could not be read.
   * @throws NotificationError
   */
  checkNothingLost(): undefined {
    if (this.outcome !== OUTCOME.TREAT_AS_WITHDRAW) return
    throw new NotificationError(
      ERROR.UPDATE,
      UPDATE_ERROR.ATTRIBUTE_LIST,
      `${this.problem}, in an UPDATE without NLRI`,
    )
  }

  /** Appends a next hop of the message to the canonical form and returns the whole length; `this.length` still excludes it. */
  appendNextHop(at: number, length: number): number {
    const { buffer } = this
    let to = this.length
    buffer[to++] = ATTRIBUTE.NEXT_HOP
    buffer[to++] = WELL_KNOWN
    buffer[to++] = 0
    buffer[to++] = length
    for (let i = 0; i < length; i++) buffer[to++] = this.#bytes[at + i]!
    return to
  }

  /** Adds ONLY_TO_CUSTOMER to the canonical form (RFC 9234 section 5). */
  addOnlyToCustomer(asn: number): void {
    const { buffer, length: to } = this
    buffer[to] = ATTRIBUTE.ONLY_TO_CUSTOMER
    buffer[to + 1] = BOTH
    buffer[to + 2] = 0
    buffer[to + 3] = 4
    writeU32(buffer, to + 4, asn)
    this.onlyToCustomer = asn
    this.length = to + 8
  }

  #reset(bytes: Uint8Array, length: number): undefined {
    this.#bytes = bytes
    // AS numbers may double in width, headers grow by a byte each; 24 for the next hop, 8 for ONLY_TO_CUSTOMER.
    const most = 3 * length + 64
    if (this.buffer.length < most) this.buffer = new Uint8Array(most)
    this.length = 0
    this.outcome = OUTCOME.OK
    this.problem = ''
    this.origin = 2
    this.med = this.localPref = this.nextHopAt = this.onlyToCustomer = -1
    this.originatorId = this.clusters = this.clusterAt = 0
    this.asPath.length = this.asPath.neighbour = this.asPath.loops = 0
    this.reach.afi = this.unreach.afi = 0
    this.#generation++
  }

  #fail(problem: string, outcome: number = OUTCOME.TREAT_AS_WITHDRAW): undefined {
    if (outcome > this.outcome) this.outcome = outcome
    if (this.problem === '') this.problem = problem
  }

  /** Whether this is the first attribute of its type. Repeated ones are discarded; repeated MP_REACH_NLRI and MP_UNREACH_NLRI reset the session (RFC 7606 section 3.g). */
  #first(type: number): boolean {
    if (this.#seen[type] !== this.#generation) {
      this.#seen[type] = this.#generation
      return true
    }
    if (type === ATTRIBUTE.MP_REACH || type === ATTRIBUTE.MP_UNREACH) {
      throw new NotificationError(ERROR.UPDATE, UPDATE_ERROR.ATTRIBUTE_LIST, `attribute ${type} twice`)
    }
    this.#fail(`attribute ${type} twice`, OUTCOME.ATTRIBUTE_DISCARD)
    return false
  }

  #attribute(type: number, received: number, at: number, length: number, context: UpdateContext): undefined {
    const expected = EXPECTED[type]!
    if (expected === 255) return this.#unknown(type, received, at, length)
    // RFC 4271 section 4.3: only optional transitive attributes are ever partial. FRR and GoBGP withdraw a route that breaks this.
    const flags = expected === BOTH ? received : received & ~PARTIAL
    if ((flags & BOTH) !== expected) {
      if (type !== ATTRIBUTE.MP_REACH && type !== ATTRIBUTE.MP_UNREACH)
        return this.#fail(`flags of attribute ${type}`)
      this.#fail(`flags of attribute ${type}`)
    }
    const bytes = this.#bytes
    switch (type) {
      case ATTRIBUTE.ORIGIN:
        if (length !== 1 || bytes[at]! > 2) return this.#fail('malformed ORIGIN')
        this.origin = bytes[at]!
        return this.#copy(type, flags, at, length)
      case ATTRIBUTE.AS_PATH:
        return this.#asPath(flags, at, length, context)
      case ATTRIBUTE.NEXT_HOP:
        if (length !== 4) return this.#fail('malformed NEXT_HOP')
        this.nextHopAt = at
        return
      case ATTRIBUTE.MED:
        if (length !== 4) return this.#fail('malformed MULTI_EXIT_DISC')
        this.med = readU32(bytes, at)
        return this.#copy(type, flags, at, length)
      case ATTRIBUTE.LOCAL_PREF:
        // From an external peer it is discarded and not counted as an error (RFC 7606 section 7.5).
        if (!context.internal) return
        if (length !== 4) return this.#fail('malformed LOCAL_PREF')
        this.localPref = readU32(bytes, at)
        return this.#copy(type, flags, at, length)
      case ATTRIBUTE.ATOMIC_AGGREGATE:
        if (length !== 0) return this.#fail('malformed ATOMIC_AGGREGATE', OUTCOME.ATTRIBUTE_DISCARD)
        return this.#copy(type, flags, at, length)
      case ATTRIBUTE.AGGREGATOR:
        if (length !== (context.fourOctetAs ? 8 : 6))
          return this.#fail('malformed AGGREGATOR', OUTCOME.ATTRIBUTE_DISCARD)
        // AS number 0 is malformed (RFC 7607 section 2).
        if ((context.fourOctetAs ? readU32(bytes, at) : readU16(bytes, at)) === 0)
          return this.#fail('AGGREGATOR of AS 0', OUTCOME.ATTRIBUTE_DISCARD)
        if (context.fourOctetAs) return this.#copy(type, flags, at, length)
        return this.#as4.aggregator(bytes, at, flags & ~EXTENDED)
      case ATTRIBUTE.ORIGINATOR_ID:
        if (!context.internal) return
        if (length !== 4) return this.#fail('malformed ORIGINATOR_ID')
        this.originatorId = readU32(bytes, at)
        return this.#copy(type, flags, at, length)
      case ATTRIBUTE.CLUSTER_LIST:
        if (!context.internal) return
        if (length === 0 || length % 4 !== 0) return this.#fail('malformed CLUSTER_LIST')
        this.clusters = length / 4
        this.clusterAt = this.length + 4
        return this.#copy(type, flags, at, length)
      case ATTRIBUTE.COMMUNITIES:
        return this.#list(type, flags, at, length, 4)
      case ATTRIBUTE.EXTENDED_COMMUNITIES:
        return this.#list(type, flags, at, length, 8)
      case ATTRIBUTE.LARGE_COMMUNITIES:
        return this.#list(type, flags, at, length, 12)
      case ATTRIBUTE.ONLY_TO_CUSTOMER:
        if (length !== 4) return this.#fail('malformed ONLY_TO_CUSTOMER')
        this.onlyToCustomer = readU32(bytes, at)
        return this.#copy(type, flags, at, length)
      case ATTRIBUTE.MP_REACH:
        return readMpReach(bytes, at, length, this.reach)
      case ATTRIBUTE.MP_UNREACH:
        return readMpUnreach(bytes, at, length, this.unreach)
      case ATTRIBUTE.AS4_PATH:
        // Between speakers with 4-byte AS numbers it is discarded (RFC 6793 section 4.1).
        if (!context.fourOctetAs && !this.#as4.as4Path(bytes, at, length, context.localAsn, context.otherAsn))
          this.#fail('malformed AS4_PATH', OUTCOME.ATTRIBUTE_DISCARD)
        return
      case ATTRIBUTE.AS4_AGGREGATOR:
        if (!context.fourOctetAs && !this.#as4.as4Aggregator(bytes, at, length))
          this.#fail('malformed AS4_AGGREGATOR', OUTCOME.ATTRIBUTE_DISCARD)
    }
  }

  /** Takes a list of items of `size` bytes (RFC 7606 sections 7.8 and 7.14, RFC 8092 section 6). */
  #list(type: number, flags: number, at: number, length: number, size: number): undefined {
    if (length === 0 || length % size !== 0) return this.#fail(`malformed list attribute ${type}`)
    this.#copy(type, flags, at, length)
  }

  #unknown(type: number, flags: number, at: number, length: number): undefined {
    if ((flags & OPTIONAL) === 0) {
      const whole = this.#bytes.slice(at - ((flags & EXTENDED) !== 0 ? 4 : 3), at + length)
      throw new NotificationError(
        ERROR.UPDATE,
        UPDATE_ERROR.UNRECOGNIZED_WELL_KNOWN,
        `unknown well-known attribute ${type}`,
        whole,
      )
    }
    // RFC 4271 section 5: passed on with the partial bit when transitive, else ignored.
    if ((flags & TRANSITIVE) !== 0) this.#copy(type, flags | PARTIAL, at, length)
  }

  #asPath(flags: number, at: number, length: number, context: UpdateContext): undefined {
    const bytes = this.#bytes
    if (
      !scanAsPath(
        bytes,
        at,
        length,
        context.fourOctetAs ? 4 : 2,
        context.localAsn,
        this.asPath,
        context.otherAsn,
      )
    )
      return this.#fail('malformed AS_PATH')
    // Confederation segments are malformed from outside a confederation (RFC 5065 section 5), and we are in none.
    if (!context.internal && this.asPath.confederations > 0) return this.#fail('AS_PATH of a confederation')
    if (context.fourOctetAs) this.#copy(ATTRIBUTE.AS_PATH, flags, at, length)
    else this.#as4.path(bytes, at, length)
  }

  #mergeAs4(context: UpdateContext): undefined {
    const value = this.#as4.merged()
    if (value !== undefined && this.has(ATTRIBUTE.AS_PATH)) {
      scanAsPath(value, 0, value.length, 4, context.localAsn, this.asPath, context.otherAsn)
      this.asPath.loops += this.#as4.discardedLoops
      this.#write(ATTRIBUTE.AS_PATH, WELL_KNOWN, value, 0, value.length)
    }
    const aggregator = this.#as4.mergedAggregator()
    if (aggregator !== undefined)
      this.#write(ATTRIBUTE.AGGREGATOR, this.#as4.aggregatorFlags, aggregator, 0, aggregator.length)
    this.#as4.reset()
  }

  #copy(type: number, flags: number, at: number, length: number): undefined {
    this.#write(type, flags & ~EXTENDED, this.#bytes, at, length)
  }

  #write(type: number, flags: number, source: Uint8Array, at: number, length: number): undefined {
    const { buffer } = this
    let to = this.length
    buffer[to++] = type
    buffer[to++] = flags
    buffer[to++] = length >>> 8
    buffer[to++] = length
    if (length <= 48) for (let i = 0; i < length; i++) buffer[to + i] = source[at + i]!
    else buffer.set(source.subarray(at, at + length), to)
    this.length = to + length
  }
}

function noSection(): MpSection {
  return { afi: 0, safi: 0, nextHopAt: 0, nextHopLength: 0, linkLocalAt: 0, start: 0, end: 0 }
}
