// A peer as its update group sees it, and what a slow peer has missed.
import type { Family } from '../../config.ts'
import type { Source } from '../source.ts'
import type { Batch } from './update-encoder.ts'

export type Marker = 'end-of-rib' | 'refresh-begin' | 'refresh-end'

/** A peer as its update group sees it. */
export interface Member {
  readonly source: Source
  write(bytes: Uint8Array, messages: number): void
  /** Bytes that wait to be sent. */
  pending(): number
  rejected(reason: string, prefix: string): void
  /** Sends End-of-RIB, BoRR or EoRR of a family. */
  sendMarker(family: Family, kind: Marker): void
}

/** A member that cannot keep up with its group: it is sent the latest state of what it missed once its connection has room. */
export interface SlowPeer {
  readonly member: Member
  /** Prefixes that changed since it fell behind. */
  readonly missed: Readonly<Record<Family, Set<number>>>
  /** Identifiers of paths beside the best ones that changed since it fell behind. */
  readonly ids: Readonly<Record<Family, PathIds>>
  /** Families whose End-of-RIB it has not got yet. */
  readonly ends: Family[]
}

/** Path identifiers by prefix. */
export type PathIds = Map<number, Set<number>>

export function noIds(): Record<Family, PathIds> {
  return { 'ipv4-unicast': new Map(), 'ipv6-unicast': new Map() }
}

export function addId(ids: PathIds, prefix: number, pathId: number): void {
  const known = ids.get(prefix)
  if (known === undefined) ids.set(prefix, new Set([pathId]))
  else known.add(pathId)
}

/** Writes a batch to a member, in as few pieces as possible, without the segments whose source is the member itself. */
export function sendTo(member: Member, { bytes, messages, own }: Batch): void {
  const left = own.get(member.source.index)
  if (left === undefined) {
    member.write(bytes, messages)
    return
  }
  let at = 0
  let passed = 0
  for (const segment of left) {
    if (segment.start > at) member.write(bytes.subarray(at, segment.start), segment.before - passed)
    at = segment.end
    passed = segment.before + segment.messages
  }
  if (at < bytes.length) member.write(bytes.subarray(at), messages - passed)
}
