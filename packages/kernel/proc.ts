/** What /proc shows of a network namespace: an effect. */
import { hash } from 'node:crypto'
import { closeSync, openSync, read as readBytes, readFile, readSync } from 'node:fs'
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

/** The kernel gives a page of such a file at a time. */
const PIECE = 16 * 1024

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
  try {
    for (let size = await piece(fd, buffer); size > 0; size = await piece(fd, buffer)) {
      yield reader.read(buffer.toString('latin1', 0, size))
    }
  } finally {
    closeSync(fd)
  }
}

/** Pages read in one turn of the event loop: the kernel walks the table anew for each. */
const PAGES_A_TURN = 8
const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))

/**
 * Whether the IPVS table is what it was, for little: of a page whose text is the same nothing is looked at. Each page holds whole
 * lines, and begins at the same one as long as no line comes or goes.
 */
export class IpvsTableRevision {
  readonly #netns: string | undefined
  readonly #buffer = Buffer.allocUnsafe(PIECE)
  /** Of each page: the hash of its text, and of its text without counters. */
  #pages: (readonly [text: string, settings: string])[] = []

  constructor(netns?: string) {
    this.#netns = netns
  }

  /** Another text when a server or a destination is another one; connections do not count. */
  async read(): Promise<string> {
    const fd = openOf('ip_vs', this.#netns)
    if (fd === undefined) return ''
    const pages: (readonly [string, string])[] = []
    try {
      for (let size = this.#next(fd); size > 0; size = this.#next(fd)) {
        const text = this.#buffer.subarray(0, size)
        const hash = hashOf(text)
        const known = this.#pages[pages.length]
        pages.push(known?.[0] === hash ? known : [hash, hashOf(withoutCounters(text.toString('latin1')))])
        if (pages.length % PAGES_A_TURN === 0) await nextTurn()
      }
    } finally {
      closeSync(fd)
    }
    this.#pages = pages
    return hashOf(pages.map(([, settings]) => settings).join())
  }

  /** A page takes the kernel less time than a thread of its own would. */
  #next(fd: number): number {
    return readSync(fd, this.#buffer, 0, PIECE, null)
  }
}

function hashOf(data: string | Buffer): string {
  return hash('sha1', data, 'base64')
}

function piece(fd: number, buffer: Buffer): Promise<number> {
  return new Promise((resolve, reject) =>
    readBytes(fd, buffer, 0, buffer.length, null, (error, size) => (error ? reject(error) : resolve(size))),
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
