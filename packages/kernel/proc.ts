/** What /proc shows of a network namespace: an effect. */
import { hash } from 'node:crypto'
import { closeSync, openSync, readFile, readv, readvSync } from 'node:fs'
import { withNetns } from '@podroute/linux/netns.ts'
import { IpvsTableReader, withoutCounters } from './ipvs/ipvs-table.ts'
import type { DestinationsByServer } from './kernel.ts'
import { type BoundPort, readSockets } from './sockets.ts'

const SOCKET_FILES = [
  ['tcp', 'tcp'],
  ['tcp', 'tcp6'],
  ['udp', 'udp'],
  ['udp', 'udp6'],
] as const

/** Ports on which processes wait for clients; of the process's own namespace by default. */
export async function boundPorts(netns?: string): Promise<ReadonlySet<BoundPort>> {
  const ports = new Set<BoundPort>()
  for (const [protocol, name] of SOCKET_FILES) {
    for (const port of readSockets(protocol, await read(name, netns))) ports.add(port)
  }
  return ports
}

/** All destinations of all virtual servers, others' included; of the process's own namespace by default. */
export async function* ipvsTable(netns?: string): AsyncIterable<DestinationsByServer> {
  const fd = openOf('ip_vs', netns)
  if (fd === undefined) return
  const reader = new IpvsTableReader()
  const buffer = Buffer.allocUnsafe(PIECE)
  const pages = pagesOf(buffer)
  try {
    for (let size = await piece(fd, pages); size > 0; size = await piece(fd, pages)) {
      yield reader.read(buffer.toString('latin1', 0, size))
    }
  } finally {
    closeSync(fd)
  }
}

/**
 * The kernel fills a page with whole lines and gives of it what is asked for; the rest is given first the next time (seq_read in
 * fs/seq_file.c). So a part that is shorter than a page by more than the longest line is always full, and one readv gives many:
 * the table of 1,000 Services x 5 took 84 system calls of a page each, and takes 11.
 */
const PAGE = 4096 - 256
const PIECE = 8 * PAGE

function pagesOf(buffer: Buffer): readonly Buffer[] {
  return Array.from({ length: PIECE / PAGE }, (_, index) => buffer.subarray(index * PAGE, (index + 1) * PAGE))
}

/** Pieces read in one turn of the event loop: the kernel takes 0.3 ms for one. */
const PIECES_A_TURN = 4
const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))
/** Before a piece lies the line that was begun in the one before; the kernel's are shorter. */
const LONGEST_LINE = 256
const LINE_END = 0x0a

/**
 * Whether the IPVS table is what it was, for little: of a piece whose text is the same nothing is looked at. Each piece is cut to whole
 * lines, and begins at the same one as long as no line comes or goes.
 */
export class IpvsTableRevision {
  readonly #netns: string | undefined
  readonly #buffer = Buffer.allocUnsafe(LONGEST_LINE + PIECE)
  readonly #pages = pagesOf(this.#buffer.subarray(LONGEST_LINE))
  /** Of each piece: the hash of its text, and of its text without counters. */
  #pieces: Piece[] = []
  #revision = ''

  constructor(netns?: string) {
    this.#netns = netns
  }

  /** Another text when a server or a destination is another one; connections do not count. */
  async read(): Promise<string> {
    const fd = openOf('ip_vs', this.#netns)
    if (fd === undefined) return ''
    const pieces: Piece[] = []
    let changed = false
    let begun = 0
    try {
      for (let size = readvSync(fd, this.#pages); size > 0; size = readvSync(fd, this.#pages)) {
        const text = this.#buffer.subarray(LONGEST_LINE - begun, LONGEST_LINE + size)
        const lines = text.lastIndexOf(LINE_END) + 1
        const known = this.#pieces[pieces.length]
        const piece = pieceOf(text.subarray(0, lines), known)
        pieces.push(piece)
        changed ||= piece !== known
        begun = text.length - lines
        text.copy(this.#buffer, LONGEST_LINE - begun, lines)
        if (pieces.length % PIECES_A_TURN === 0) await nextTurn()
      }
    } finally {
      closeSync(fd)
    }
    if (changed || pieces.length !== this.#pieces.length)
      this.#revision = hashOf(pieces.map(([, settings]) => settings).join())
    this.#pieces = pieces
    return this.#revision
  }
}

type Piece = readonly [text: string, settings: string]

/** `known` where the text is still the same. A thread of its own would take longer than that. */
function pieceOf(text: Buffer, known: Piece | undefined): Piece {
  const hash = hashOf(text)
  return known?.[0] === hash ? known : [hash, hashOf(withoutCounters(text.toString('latin1')))]
}

function hashOf(data: string | Buffer): string {
  return hash('sha1', data, 'base64')
}

function piece(fd: number, pages: readonly Buffer[]): Promise<number> {
  return new Promise((resolve, reject) =>
    readv(fd, pages, (error, size) => (error ? reject(error) : resolve(size))),
  )
}

/** Empty where the kernel does not have it (IPv6 turned off). */
async function read(name: string, netns: string | undefined): Promise<string> {
  const fd = openOf(name, netns)
  if (fd === undefined) return ''
  try {
    return await new Promise((resolve, reject) =>
      readFile(fd, 'utf8', (error, text) => (error ? reject(error) : resolve(text))),
    )
  } finally {
    closeSync(fd)
  }
}

/** Which namespace a file shows is decided when it is opened. */
function openOf(name: string, netns: string | undefined): number | undefined {
  return withNetns(netns, () => open(`/proc/thread-self/net/${name}`))
}

function open(path: string): number | undefined {
  try {
    return openSync(path, 'r')
  } catch {
    return undefined
  }
}
