/**
 * The constant rules as a Resource of one key. Their value is the hash of the script they came from; beside them lies an
 * empty chain whose name holds that hash and the fingerprint of what the kernel made of the script, so that a restarted agent
 * sees without a write whether they are what it would load.
 */
import { createHash } from 'node:crypto'
import type { Op, Outcome, Resource } from '@podroute/reconcile/resource.ts'
import { codeOf, DONE, outcomeOf } from '@podroute/reconcile/resource.ts'
import type { NftSeam } from '../kernel.ts'
import { baseScript, CHAINS, removalScript } from '../rules/base.ts'
import { TABLE } from '../rules/sets.ts'

export const BASE = 'base'
const MARKER = 'service-base-'

/** The value of the rules that this version loads. */
export function baseVersion(): string {
  return hash(baseScript())
}

interface Listed {
  readonly chain?: { readonly name: string; readonly table: string; readonly handle?: number }
  readonly rule?: Readonly<Record<string, unknown>>
}

export class BaseRules implements Resource<typeof BASE, string> {
  readonly name = 'base-rules'
  readonly #nft: NftSeam

  constructor(nft: NftSeam) {
    this.#nft = nft
  }

  equal(a: string, b: string): boolean {
    return a === b
  }

  async *list(): AsyncIterable<readonly [typeof BASE, string]> {
    const fingerprint = await this.#fingerprint()
    if (fingerprint === undefined) return
    const [marker] = await this.#markers()
    const [version, loaded] = marker?.slice(MARKER.length).split('-') ?? []
    yield [BASE, version && loaded === fingerprint ? version : `changed ${fingerprint}`]
  }

  async apply(ops: readonly Op<typeof BASE, string>[]): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = []
    for (const op of ops) {
      const work = op.kind === 'remove' ? this.#remove() : this.#load(op.value)
      outcomes.push(await work.then(() => DONE, outcomeOf))
    }
    return outcomes
  }

  async #load(version: string): Promise<void> {
    await this.#nft.run(baseScript())
    const old = await this.#markers()
    const marker = `${MARKER}${version}-${await this.#fingerprint()}`
    const commands = [
      ...old.filter((name) => name !== marker).map((name) => `delete chain ${TABLE} ${name}`),
      `add chain ${TABLE} ${marker}`,
    ]
    await this.#nft.run(`${commands.join('\n')}\n`)
  }

  async #remove(): Promise<void> {
    const markers = (await this.#markers()).map((name) => `delete chain ${TABLE} ${name}\n`)
    await this.#nft.run(removalScript() + markers.join(''))
    const rest = (await this.#nft.listJson(`list table ${TABLE}`)) as { table?: unknown }[]
    if (rest.every((object) => object.table !== undefined)) await this.#nft.run(`delete table ${TABLE}\n`)
  }

  /** Hash of chains and rules as the kernel lists them, handles and counters left out; undefined where a chain is missing. */
  async #fingerprint(): Promise<string | undefined> {
    const parts: unknown[] = []
    for (const chain of Object.keys(CHAINS)) {
      const objects = await this.#listOrNothing(`list chain ${TABLE} ${chain}`)
      if (objects.length === 0) return undefined
      parts.push(objects)
    }
    return hash(JSON.stringify(parts, (name, value) => (name === 'handle' ? undefined : value)))
  }

  async #markers(): Promise<string[]> {
    const chains = await this.#listOrNothing('list chains inet')
    return chains
      .filter(({ chain }) => chain?.table === 'podroute' && chain.name.startsWith(MARKER))
      .map(({ chain }) => chain!.name)
  }

  async #listOrNothing(command: string): Promise<readonly Listed[]> {
    const objects = await this.#nft.listJson(command).catch((error: Error) => {
      if (codeOf(error) === 'ENOENT') return []
      throw error
    })
    return objects as Listed[]
  }
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}
