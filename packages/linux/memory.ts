/** Mappings of the process's own memory, by address: only for bytes that stay the same whoever has them. */
import { loadLibrary } from './sys.ts'

export interface MappedRegion {
  /** Of its first byte. */
  readonly start: number
  readonly length: number
}

const PROT_READ = 1
const PROT_WRITE = 2
const MAP_PRIVATE = 2
const MAP_FIXED = 0x10

/** Writable regions that are no file's, as `/proc/self/maps` lists them. */
export function anonymousRegions(maps: string): MappedRegion[] {
  const found: MappedRegion[] = []
  for (const line of maps.split('\n')) {
    const [, from = '', to = ''] = /^([0-9a-f]+)-([0-9a-f]+) rw-p 00000000 00:00 0 *$/.exec(line) ?? []
    if (from !== '')
      found.push({
        start: Number.parseInt(from, 16),
        length: Number.parseInt(to, 16) - Number.parseInt(from, 16),
      })
  }
  return found
}

/** Mappings of a file as `/proc/self/smaps` lists them, that nobody may write to, and of which no page has bytes of its own. */
export function unchangedRegions(smaps: string, path: string): MappedRegion[] {
  const found: MappedRegion[] = []
  for (const text of smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)) {
    const [, from = '', to = '', file] =
      /^([0-9a-f]+)-([0-9a-f]+) r-[x-]p .{8} \S+ \d+ +(.*)$/m.exec(text) ?? []
    // Where the linker has written (RELRO), pages are the process's own.
    if (file !== path || !/^Anonymous: +0 kB$/m.test(text)) continue
    const start = Number.parseInt(from, 16)
    found.push({ start, length: Number.parseInt(to, 16) - start })
  }
  return found
}

const MADV_DONTNEED = 4

/** Gives back the pages of an unchanged mapping: those that go on being used come again from the page cache. */
export function releasePages({ start, length }: MappedRegion): void {
  const madvise = loadLibrary(null).func('int madvise(uintptr_t, size_t, int)')
  madvise(start, length, MADV_DONTNEED)
}

/** So much of the file is compared at once, because what is read of it is the process's until then. */
const CHUNK = 1 << 20

/**
 * Puts the pages of a file in the place of memory that holds the same bytes. Whoever reads that memory sees no difference, and the
 * kernel needs to hold it no longer: it reads the file again. It ends where the bytes are not the same, or a page is larger than what
 * `start` is a multiple of. Returns how many bytes the file has taken over.
 */
export function replaceByFile(fd: number, { start, length }: MappedRegion): number {
  const library = loadLibrary(null)
  const mmap = library.func('intptr_t mmap(uintptr_t, size_t, int, int, int, long)')
  const munmap = library.func('int munmap(uintptr_t, size_t)')
  const memcmp = library.func('int memcmp(uintptr_t, uintptr_t, size_t)')
  const isSame = (address: number, size: number, offset: number) => {
    const file = mmap(0, size, PROT_READ, MAP_PRIVATE, fd, offset) as number
    if (file === -1) return false
    const same = memcmp(file, address, size) === 0
    munmap(file, size)
    return same
  }
  const replace = (address: number, size: number, offset: number) =>
    mmap(address, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, offset) === address
  for (let offset = 0; offset < length; offset += CHUNK) {
    const size = Math.min(CHUNK, length - offset)
    if (!isSame(start + offset, size, offset) || !replace(start + offset, size, offset)) return offset
  }
  return length
}
