/** The chain that masquerades, whole, under its name: its hook and its rules as nft lists them. */
import { codeOf, DONE, type Op, type Outcome, type Resource } from '@podroute/reconcile/resource.ts'
import { CHAIN_REMOVAL, MASQUERADE_CHAIN, replaceChain } from '../egress/masquerade.ts'
import type { NftRunner } from './set-elements.ts'

/** What is used of nftables. */
export interface ChainRunner extends Pick<NftRunner, 'run'> {
  /** What a listing prints, without the elements of sets. @throws when what is to be listed is not there */
  show(command: string): Promise<string>
}

export class MasqueradeChainResource implements Resource<string, string> {
  readonly name = 'masquerade-chain'
  readonly #nft: ChainRunner
  /** What was written last, and what nft made of it: another version may list it in other words. */
  #written: { readonly text: string; readonly listed: string | undefined } | undefined

  constructor(nft: ChainRunner) {
    this.#nft = nft
  }

  equal(a: string, b: string): boolean {
    return a === b
  }

  async *list(): AsyncIterable<Iterable<readonly [string, string]>> {
    const listed = await this.#listed()
    if (listed === undefined) return
    yield [[MASQUERADE_CHAIN, listed === this.#written?.listed ? this.#written.text : listed]]
  }

  async apply(ops: readonly Op<string, string>[]): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = []
    for (const op of ops) {
      try {
        if (op.kind === 'remove') await this.#nft.run(CHAIN_REMOVAL)
        else await this.#put(op.value)
        outcomes.push(DONE)
      } catch (error) {
        outcomes.push({ ok: false, error: error as Error })
      }
    }
    return outcomes
  }

  async #put(text: string): Promise<void> {
    await this.#nft.run(replaceChain(text))
    this.#written = { text, listed: await this.#listed() }
  }

  /** The lines inside the chain; undefined when there is none. */
  async #listed(): Promise<string | undefined> {
    const shown = await this.#nft.show(`list chain inet podroute ${MASQUERADE_CHAIN}`).catch(absent)
    const lines = shown?.split('\n').map((line) => line.trim())
    return lines?.filter((line) => line !== '' && line !== '}' && !line.endsWith('{')).join('\n')
  }
}

function absent(error: Error): undefined {
  if (codeOf(error) !== 'ENOENT') throw error
}
