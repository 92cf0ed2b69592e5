/**
 * Node.js reads a startup snapshot into memory and keeps it, although only threads that start later read it again: 9 MB that are no
 * file's. Once the agent runs, pages of a file that the build wrote beside the snapshot take their place, with the same bytes.
 */
import { closeSync, fstatSync, openSync, readFileSync, readlinkSync } from 'node:fs'
import {
  anonymousRegions,
  type MappedRegion,
  releasePages,
  replaceByFile,
  unchangedRegions,
} from '@podroute/linux/memory.ts'

const PAGE = 4096
/** What malloc keeps in front of memory that has a mapping of its own (glibc): so far into the first page the snapshot begins. */
const MALLOC_HEADER = 16
/** The version of V8 stands so far behind the beginning of its part, and the size of that part just before it. */
const VERSION_OFFSET = 16
const SIZE_OFFSET = -4

/** `agent.blob.pages` beside `agent.blob`. */
export const pagesOf = (blob: string): string => `${blob}.pages`

/**
 * V8's part of a snapshot from the second page on, as it will lie in memory: the first one has other things, too.
 * @throws RangeError where Node.js lays out its snapshots in another way
 */
export function snapshotPages(blob: Buffer, v8Version: string): Buffer {
  const start = blob.indexOf(v8Version) - VERSION_OFFSET
  const length = start + SIZE_OFFSET < 0 ? 0 : blob.readUInt32LE(start + SIZE_OFFSET)
  if (length < PAGE || start + length > blob.length)
    throw new RangeError(
      'Node.js lays out its snapshots in another way now: see packages/agent/snapshot-pages.ts',
    )
  const from = start + PAGE - MALLOC_HEADER
  return blob.subarray(from, from + Math.floor((start + length - from) / PAGE) * PAGE)
}

/** Returns how many bytes need no memory any more: 0 where there is no snapshot, or it lies elsewhere than expected. */
export function releaseSnapshot(blob: string | undefined): number {
  if (blob === undefined) return 0
  const fd = openSync(pagesOf(blob), 'r')
  try {
    const { size } = fstatSync(fd)
    for (const candidate of candidates(size)) {
      const bytes = replaceByFile(fd, candidate)
      if (bytes > 0) return bytes
    }
    return 0
  } finally {
    closeSync(fd)
  }
}

/**
 * Gives back the pages of Node.js itself, code and constants. The start touches half as many more of them as an agent goes on to use; the
 * kernel could take them at any time, as they are the file's.
 */
export function releaseProgram(): void {
  const smaps = readFileSync('/proc/self/smaps', 'utf8')
  for (const region of unchangedRegions(smaps, readlinkSync('/proc/self/exe'))) releasePages(region)
}

/** The kernel joins regions that meet: it is the beginning or the end of one. */
function candidates(size: number): MappedRegion[] {
  const whole = size + 2 * PAGE
  return anonymousRegions(readFileSync('/proc/self/maps', 'utf8'))
    .filter(({ length }) => length >= whole)
    .flatMap(({ start, length }) => [start, start + length - whole].map((first) => first + PAGE))
    .map((start) => ({ start, length: size }))
}
