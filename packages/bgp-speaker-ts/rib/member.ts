// A peer as its update group sees it, and what a slow one has missed.
import type { Family } from '../config.ts'
import type { Source } from './source.ts'
import type { Batch } from './update-encoder.ts'

export type Marker = 'end-of-rib' | 'refresh-begin' | 'refresh-end'

/** A peer as its group sees it. */
export interface Member {
  readonly source: Source
  write(bytes: Uint8Array, messages: number): void
  /** Bytes that wait to be sent. */
  pending(): number
  rejected(reason: string, prefix: string): void
  /** What stands before and after a family's routes in a sync. */
  sendMarker(family: Family, kind: Marker): void
}

/** A member that cannot keep up: told the latest state of what it missed once it has room. */
export interface SlowPeer {
  readonly member: Member
  /** Prefixes that changed meanwhile. */
  readonly missed: Readonly<Record<Family, Set<number>>>
  /** Identifiers of paths beside the best that it may have been told of and that have changed. */
  readonly ids: Readonly<Record<Family, PathIds>>
  /** End-of-RIB markers that it still has to get. */
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

/** Writes a batch without the segments that the member itself is the source of, in as few pieces as possible. */
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
