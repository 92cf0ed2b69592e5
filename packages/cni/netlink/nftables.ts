// nftables by netlink: tables, chains and rules in one transaction, rules found again by their comments.

import { type System, unless } from '../system.ts'
import { Netlink } from './netlink.ts'
import { listElements, readKeys } from './nft-elements.ts'
import type { Expression } from './nft-expressions.ts'
import {
  attribute,
  attributes,
  type Bytes,
  be32,
  bytes,
  bytesOf,
  cString,
  getString,
  group,
  NLM_F_APPEND,
  NLM_F_CREATE,
  type Request,
} from './wire.ts'

const NETLINK_NETFILTER = 12
const SUBSYSTEM = 10
const NEWTABLE = 0
const NEWCHAIN = 3
const DELCHAIN = 5
const NEWRULE = 6
const GETRULE = 7
const DELRULE = 8

const COMMENT_LIMIT = 128

/** Which packets a table sees. */
export const Family = { inet: 1, ip: 2, bridge: 7, ip6: 10 } as const
export type Family = (typeof Family)[keyof typeof Family]

export interface Table {
  readonly family: Family
  readonly name: string
}

export interface Hook {
  readonly type: 'nat' | 'filter'
  readonly hook: 'prerouting' | 'output' | 'postrouting'
  readonly priority: number
}

export const DSTNAT_PRIORITY = -100
export const SRCNAT_PRIORITY = 100

const HOOKS = { prerouting: 0, output: 3, postrouting: 4 } as const

const message = (type: number, table: Table, flags: number, ...body: Bytes[]): Request => ({
  type: (SUBSYSTEM << 8) | type,
  flags,
  body: bytes(table.family, 0, 0, 0) + body.join(''),
})

const COMMENT = 0
/** A type that nft(8) does not know and leaves alone: whose rule it is, where the comment does not tell enough. */
const TAG = 179
const USER_DATA_LIMIT = 256

const typed = (type: number, text: string): Bytes => bytes(type, text.length + 1) + cString(text)

/** User data as nft(8) stores it: type, length, text with its zero. */
function userData(comment: string | undefined, tag = ''): Bytes {
  const data = comment === undefined ? '' : typed(COMMENT, comment.slice(0, COMMENT_LIMIT - 1))
  const fits = tag !== '' && data.length + tag.length + 3 <= USER_DATA_LIMIT
  return fits ? data + typed(TAG, tag) : data
}

export const addTable = (table: Table, comment?: string): Request =>
  message(
    NEWTABLE,
    table,
    NLM_F_CREATE,
    attribute(1, cString(table.name)),
    comment === undefined ? '' : attribute(6, userData(comment)),
  )

export function addChain(table: Table, name: string, hook?: Hook, comment?: string): Request {
  const base =
    hook === undefined
      ? []
      : [
          group(4, attribute(1, be32(HOOKS[hook.hook])), attribute(2, be32(hook.priority))),
          attribute(7, cString(hook.type)),
        ]
  return message(
    NEWCHAIN,
    table,
    NLM_F_CREATE,
    attribute(1, cString(table.name)),
    attribute(3, cString(name)),
    ...base,
    comment === undefined ? '' : attribute(12, userData(comment)),
  )
}

const ruleOf = (table: Table, chain: string) => [
  attribute(1, cString(table.name)),
  attribute(2, cString(chain)),
]

/** The tag of rules that all containers share, in the form that this release gives them. */
const SHARED = 'podroute/shared/1'

/** Appends a rule that all containers share. */
export const addSharedRule = (table: Table, chain: string, expressions: readonly Expression[]): Request =>
  addRule(table, chain, expressions, undefined, SHARED)

/** Appends a rule. */
export const addRule = (
  table: Table,
  chain: string,
  expressions: readonly Expression[],
  comment?: string,
  tag?: string,
): Request =>
  message(
    NEWRULE,
    table,
    NLM_F_CREATE | NLM_F_APPEND,
    ...ruleOf(table, chain),
    group(4, ...expressions),
    comment === undefined && tag === undefined ? '' : attribute(7, userData(comment, tag)),
  )

export const flushChain = (table: Table, chain: string): Request =>
  message(DELRULE, table, 0, ...ruleOf(table, chain))

export const deleteChain = (table: Table, chain: string): Request =>
  message(DELCHAIN, table, 0, attribute(1, cString(table.name)), attribute(3, cString(chain)))

export interface Rule {
  readonly table: Table
  readonly chain: string
  readonly handle: Bytes
  readonly comment: string
  /** Empty where none was given, as in the reference plugins' rules. */
  readonly tag: string
  /** What it consists of, as the kernel has it. */
  readonly expressions: string
}

export const deleteRule = (rule: Rule): Request =>
  message(DELRULE, rule.table, 0, ...ruleOf(rule.table, rule.chain), attribute(3, rule.handle))

/** One text in a rule's user data: a list of type, length, value. */
function readUserData(data: Uint8Array | undefined, type: number): string {
  for (let at = 0; data !== undefined && at + 2 <= data.length; at += 2 + data[at + 1]!)
    if (data[at] === type) return getString(data.subarray(at + 2, at + 2 + data[at + 1]!))
  return ''
}

export class Nftables {
  private readonly netlink: Netlink

  constructor(system: System) {
    this.netlink = new Netlink(system, NETLINK_NETFILTER)
  }

  /** All or nothing. */
  run(requests: readonly Request[]): void {
    if (requests.length > 0) this.netlink.transaction(SUBSYSTEM, requests)
  }

  /** The keys of a set's elements; none when there is no such set. */
  elements(table: Table, set: string): Bytes[] {
    return unless(['ENOENT'], () => readKeys(this.netlink.dump(listElements(table, set)))) ?? []
  }

  /** The rules of a chain; none when there is no such chain. */
  rules(table: Table, chain: string): Rule[] {
    return this.netlink
      .dump(message(GETRULE, table, 0, ...ruleOf(table, chain)))
      .map(({ body }) => attributes(body, 4))
      .filter((found) => getString(found.get(2)!) === chain && getString(found.get(1)!) === table.name)
      .map((found) => ({
        table,
        chain,
        handle: bytesOf(found.get(3)!),
        comment: readUserData(found.get(7), COMMENT),
        tag: readUserData(found.get(7), TAG),
        expressions: found.has(4) ? bytesOf(found.get(4)!) : '',
      }))
  }

  /**
   * Runs `requests`, preceded by `structure` unless the chains that it makes have just the shared rules, as many as told:
   * a transaction that deletes rules or names existing chains holds its process up for 8 ms, until the kernel has freed them.
   */
  runWith(
    table: Table,
    structure: () => Request[],
    counts: Readonly<Record<string, number>>,
    requests: readonly Request[],
  ): void {
    const run = () => {
      this.run(requests)
      return true
    }
    // ENOENT: another chain is missing, or has just gone.
    if (this.hasShared(table, counts) && unless(['ENOENT'], run)) return
    this.run([...structure(), ...requests])
  }

  private hasShared(table: Table, counts: Readonly<Record<string, number>>): boolean {
    return Object.entries(counts).every(([chain, count]) => {
      const rules = this.rules(table, chain)
      return rules.length === count && rules.every((rule) => rule.tag === SHARED)
    })
  }

  close(): void {
    this.netlink.close()
  }
}
