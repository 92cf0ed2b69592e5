// Encodes a batch of prefixes into UPDATE messages for the members of a group. Prefixes with the same attribute set and source form a chain and share messages.
import type { AttributeTable } from '../attribute-table.ts'
import type { FamilyRib } from '../family-rib.ts'
import { NO_SOURCE, type Source } from '../source.ts'
import type { ExportRules } from './export-rules.ts'
import type { ExtraPath } from './extra-paths.ts'
import { type Member, sendTo } from './member.ts'
import { UpdateEncoder } from './update-encoder.ts'

export class Announcer {
  readonly #attributes: AttributeTable
  readonly #sources: readonly (Source | undefined)[]
  readonly #rules: ExportRules
  readonly #maxLength: number
  readonly #encoder: UpdateEncoder
  /** Chains of the current batch: attribute, source, first prefix. */
  #attribute: number[] = []
  #source: number[] = []
  #head: number[] = []

  constructor(
    attributes: AttributeTable,
    sources: readonly (Source | undefined)[],
    rules: ExportRules,
    maxLength: number,
  ) {
    this.#attributes = attributes
    this.#sources = sources
    this.#rules = rules
    this.#maxLength = maxLength
    this.#encoder = new UpdateEncoder(attributes)
  }

  /** Starts a batch. @param pathId the path identifier of its NLRI (RFC 7911); 0: none */
  begin(pathId: number): void {
    this.#encoder.pathId = pathId
  }

  /** Adds a prefix to the batch. */
  announce(rib: FamilyRib, prefix: number, attribute: number, source: number): void {
    const { scratch } = this.#attributes
    let chain = scratch[attribute]!
    if (chain < 0 || this.#source[chain] !== source) {
      chain = this.#attribute.length
      scratch[attribute] = chain
      this.#attribute.push(attribute)
      this.#source.push(source)
      this.#head.push(-1)
    }
    rib.prefixes.next[prefix] = this.#head[chain]!
    this.#head[chain] = prefix
  }

  /** Encodes the batch. */
  encode(rib: FamilyRib): void {
    for (let chain = 0; chain < this.#attribute.length; chain++)
      this.#encode(rib, this.#head[chain]!, this.#attribute[chain]!, this.#source[chain]!)
    this.drop()
  }

  /** Discards the batch. */
  drop(): undefined {
    const { scratch } = this.#attributes
    for (const attribute of this.#attribute) scratch[attribute] = -1
    this.#attribute = []
    this.#source = []
    this.#head = []
  }

  /** Encodes the withdrawal of a chain of prefixes. @param except index of the source that does not get it; NO_SOURCE: all get it */
  withdraw(rib: FamilyRib, head: number, except: number): void {
    this.#encoder.withdraw(rib, head, this.#maxLength, except)
  }

  withdrawAll(rib: FamilyRib, prefixes: Iterable<number>): void {
    let head = -1
    for (const prefix of prefixes) {
      rib.prefixes.next[prefix] = head
      head = prefix
    }
    if (head >= 0) this.withdraw(rib, head, NO_SOURCE)
  }

  /** Encodes announcements and withdrawals of paths beside the best ones. */
  extra(rib: FamilyRib, paths: readonly ExtraPath[]): void {
    for (const { prefix, pathId, attribute, source } of paths) {
      this.#encoder.pathId = pathId
      rib.prefixes.next[prefix] = -1
      if (attribute < 0) this.withdraw(rib, prefix, source)
      else this.#encode(rib, prefix, attribute, source)
    }
  }

  /** Sends the messages that were encoded since the last call. */
  send(members: Iterable<Member>): void {
    const batch = this.#encoder.take()
    if (batch !== undefined) for (const member of members) sendTo(member, batch)
  }

  #encode(rib: FamilyRib, head: number, attribute: number, index: number): void {
    const source = this.#sources[index]!
    const nextHop = this.#rules.nextHop(rib.family, attribute, source)
    const sent =
      nextHop !== undefined &&
      this.#encoder.announce(
        rib,
        head,
        attribute,
        nextHop,
        this.#rules.options(source),
        this.#maxLength,
        index,
      )
    // A route that does not fit a message is withdrawn: otherwise the peer would keep its older version (RFC 8654 section 4).
    if (!sent) this.withdraw(rib, head, index)
  }
}
