// UPDATEs that say what a peer's Adj-RIB-In has now for changed paths: the path, or that it is gone.
import type { Family } from '../config.ts'
import { HEADER_LENGTH, MAX_EXTENDED_LENGTH, MAX_LENGTH } from '../packet/codes.ts'
import { readU16 } from '../packet/reader.ts'
import { PLAIN } from '../packet/wire-attributes.ts'
import { UpdateEncoder } from '../rib/adj-rib-out/update-encoder.ts'
import type { FamilyRib } from '../rib/family-rib.ts'
import type { Rib } from '../rib/rib.ts'
import { NO_SOURCE, type Source } from '../rib/source.ts'
import type { BmpView } from './config.ts'

/** Path identifiers by prefix, as taken of Changes. */
type Taken = readonly (readonly [prefix: number, ids: ReadonlySet<number> | undefined])[]

const GONE = -1
const UNSPECIFIED = { 'ipv4-unicast': new Uint8Array(4), 'ipv6-unicast': new Uint8Array(16) }

export class RouteUpdates {
  readonly #rib: Rib
  readonly #encoder: UpdateEncoder

  constructor(rib: Rib) {
    this.#rib = rib
    this.#encoder = new UpdateEncoder(rib.attributes)
  }

  /** @param addPath NLRI have path identifiers, as on the session */
  of(source: Source, family: Family, taken: Taken, view: BmpView, addPath: boolean): Uint8Array[] {
    const rib = this.#rib.families[family]
    this.#encoder.pathIds = addPath
    const heads = new Map<number, number>()
    for (const [prefix, ids] of taken) {
      if (addPath) for (const id of ids ?? [0]) this.#single(rib, source, prefix, id, view)
      else {
        const attribute = attributeOf(rib, source, prefix, 0, view)
        rib.prefixes.next[prefix] = heads.get(attribute) ?? -1
        heads.set(attribute, prefix)
      }
    }
    this.#encoder.pathId = 0
    for (const [attribute, head] of heads) this.#encode(rib, head, attribute)
    return cut(this.#encoder.take()?.bytes ?? new Uint8Array(0))
  }

  #single(rib: FamilyRib, source: Source, prefix: number, pathId: number, view: BmpView): void {
    this.#encoder.pathId = pathId
    rib.prefixes.next[prefix] = -1
    this.#encode(rib, prefix, attributeOf(rib, source, prefix, pathId, view))
  }

  #encode(rib: FamilyRib, head: number, attribute: number): void {
    const fits = (length: number) => {
      const learned = this.#rib.attributes.nextHop(attribute)
      // A policy may have set our own next hop, which each session fills in.
      const nextHop = learned.length > 0 ? learned : UNSPECIFIED[rib.family]
      return this.#encoder.announce(rib, head, attribute, nextHop, PLAIN, length, NO_SOURCE)
    }
    if (attribute !== GONE && (fits(MAX_LENGTH) || fits(MAX_EXTENDED_LENGTH))) return
    this.#encoder.withdraw(rib, head, MAX_LENGTH, NO_SOURCE)
  }
}

function attributeOf(
  rib: FamilyRib,
  { index }: Source,
  prefix: number,
  pathId: number,
  view: BmpView,
): number {
  const path = rib.lookup(prefix, index, pathId)
  if (path < 0) return GONE
  return view === 'pre-policy' ? rib.paths.received[path]! : rib.paths.attribute[path]!
}

/** Cuts messages apart. */
function cut(bytes: Uint8Array): Uint8Array[] {
  const messages: Uint8Array[] = []
  for (let at = 0; at + HEADER_LENGTH <= bytes.length; ) {
    const end = at + readU16(bytes, at + 16)
    messages.push(bytes.subarray(at, end))
    at = end
  }
  return messages
}
