// The fake kernel's side of nftables: tables, chains and rules by name, without their meaning.

import { addElements, readKeys } from '../netlink/nft-elements.ts'
import {
  attribute,
  attributes,
  type Bytes,
  bytes,
  bytesOf,
  getString,
  HEADER_LENGTH,
  type Message,
  NLM_F_DUMP,
  u16,
  u32,
} from '../netlink/wire.ts'
import { ERRNO, FakeSystemError } from './fake-error.ts'

interface FakeRule {
  handle: Bytes
  userData: Uint8Array | undefined
  expressions: Uint8Array | undefined
}

const SUBSYSTEM = 10

function reply(type: number, sequence: number, body: Bytes): Uint8Array {
  const header = u32(HEADER_LENGTH + body.length) + u16(type) + u16(0) + u32(sequence) + u32(0)
  return Uint8Array.from(header + body, (c) => c.charCodeAt(0))
}

const acknowledge = (message: Message, code?: string) =>
  reply(2, message.sequence, u32(code === undefined ? 0 : -(ERRNO[code] ?? 22)) + '\0'.repeat(16))

export class FakeNftables {
  /** 'family table' to chains to rules. */
  private tables = new Map<string, Map<string, FakeRule[]>>()
  /** 'family table' to sets to the keys of their elements; by hand, or by the agent that the plugins count on. */
  sets = new Map<string, Map<string, Set<string>>>()
  /** Transactions that were refused: a real kernel takes 12 ms to take back nothing. */
  refused = 0
  private nextHandle = 1

  /** A table that somebody else has made. */
  addSets(family: number, table: string, names: readonly string[]): void {
    this.tables.set(`${family} ${table}`, new Map())
    this.sets.set(`${family} ${table}`, new Map(names.map((name) => [name, new Set()])))
  }

  /** Asks first, as the native half does: nothing has to be taken back. */
  addElements(family: number, table: string, sets: readonly (readonly string[])[]): void {
    const known = this.sets.get(`${family} ${table}`)
    const found = sets.map(([name]) => known?.get(name!))
    if (found[0] === undefined) throw new FakeSystemError('ENOENT')
    if (found.includes(undefined)) {
      this.refused++
      throw new FakeSystemError('ENOENT')
    }
    for (const [i, [, ...keys]] of sets.entries()) for (const key of keys) found[i]!.add(key)
  }

  /** Keys in hexadecimal. */
  elements(family: number, table: string, set: string): string[] {
    return [...(this.sets.get(`${family} ${table}`)?.get(set) ?? [])].map((key) =>
      Buffer.from(key, 'latin1').toString('hex'),
    )
  }

  private set(message: Message): Set<string> {
    const name = getString(attributes(message.body, 4).get(2)!)
    const set = this.sets.get(this.key(message))?.get(name)
    if (set === undefined) throw new FakeSystemError('ENOENT')
    return set
  }

  /** The comments of a chain's rules; of those without one the empty text. */
  comments(family: number, table: string, chain: string): string[] {
    const rules = this.tables.get(`${family} ${table}`)?.get(chain) ?? []
    return rules.map(({ userData }) => (userData === undefined ? '' : getString(userData.subarray(2))))
  }

  private chain(message: Message, type: number): FakeRule[] {
    const found = attributes(message.body, 4)
    const chain = this.tables.get(this.key(message))?.get(getString(found.get(type) ?? new Uint8Array(0)))
    if (chain === undefined) throw new FakeSystemError('ENOENT')
    return chain
  }

  private key(message: Message): string {
    return `${message.body[0]} ${getString(attributes(message.body, 4).get(1)!)}`
  }

  private perform(message: Message): void {
    const found = attributes(message.body, 4)
    const table = this.tables.get(this.key(message))
    switch (message.type & 255) {
      case 0:
        if (table === undefined) this.tables.set(this.key(message), new Map())
        return
      case 3: {
        if (table === undefined) throw new FakeSystemError('ENOENT')
        const name = getString(found.get(3)!)
        if (!table.has(name)) table.set(name, [])
        return
      }
      case 5:
        this.chain(message, 3)
        table!.delete(getString(found.get(3)!))
        return
      case 6: {
        const handle = bytes(0, 0, 0, 0, 0, 0, this.nextHandle >> 8, this.nextHandle++ & 255)
        const rule = { handle, userData: found.get(7)?.slice(), expressions: found.get(4)?.slice() }
        this.chain(message, 2).push(rule)
        return
      }
      case 8:
        this.deleteRules(this.chain(message, 2), found.get(3))
        return
      case 12: {
        const set = this.set(message)
        for (const key of readKeys([message])) set.add(key)
        return
      }
      case 14: {
        const set = this.set(message)
        for (const key of readKeys([message])) if (!set.delete(key)) throw new FakeSystemError('ENOENT')
        return
      }
      default:
        throw new FakeSystemError('EOPNOTSUPP')
    }
  }

  private deleteRules(chain: FakeRule[], handle: Uint8Array | undefined): void {
    if (handle === undefined) {
      chain.splice(0)
      return
    }
    const at = chain.findIndex((rule) => rule.handle === bytesOf(handle))
    if (at < 0) throw new FakeSystemError('ENOENT')
    chain.splice(at, 1)
  }

  private dumpSet(message: Message): Uint8Array[] {
    const { family = 0, name } = { family: message.body[0], name: this.key(message).split(' ')[1]! }
    const set = getString(attributes(message.body, 4).get(2)!)
    const keys = { set, keys: [...this.set(message)] }
    if (keys.keys.length === 0) return []
    const { body } = addElements({ family, name }, keys)
    return [reply((SUBSYSTEM << 8) | 12, message.sequence, body)]
  }

  private dump(message: Message): Uint8Array[] {
    if ((message.type & 255) === 13) return this.dumpSet(message)
    const found = attributes(message.body, 4)
    const rules = this.tables.get(this.key(message))?.get(getString(found.get(2)!)) ?? []
    return rules.map((rule) =>
      reply(
        (SUBSYSTEM << 8) | 6,
        message.sequence,
        bytesOf(message.body.subarray(0, 4)) +
          attribute(1, bytesOf(found.get(1)!)) +
          attribute(2, bytesOf(found.get(2)!)) +
          attribute(3, rule.handle) +
          (rule.expressions === undefined ? '' : attribute(4, bytesOf(rule.expressions))) +
          (rule.userData === undefined ? '' : attribute(7, bytesOf(rule.userData))),
      ),
    )
  }

  /** The datagrams that answer one send: a dump, or a batch that takes effect as a whole. */
  answer(messages: readonly Message[]): Uint8Array[] {
    const [first] = messages
    if (first !== undefined && (first.flags & NLM_F_DUMP) === NLM_F_DUMP) {
      try {
        const found = first.type >> 8 === SUBSYSTEM ? this.dump(first) : []
        return [...found, reply(3, first.sequence, u32(0))]
      } catch (error) {
        if (!(error instanceof FakeSystemError)) throw error
        return [acknowledge(first, error.code)]
      }
    }
    const before = structuredClone(this.tables)
    const setsBefore = structuredClone(this.sets)
    let failed = false
    const answers = messages.slice(1, -1).map((message) => {
      try {
        this.perform(message)
        return acknowledge(message)
      } catch (error) {
        if (!(error instanceof FakeSystemError)) throw error
        failed = true
        return acknowledge(message, error.code)
      }
    })
    if (failed) {
      this.refused++
      this.tables = before
      this.sets = setsBefore
    }
    return answers
  }
}
