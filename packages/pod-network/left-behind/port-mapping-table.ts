/**
 * The tables of the plugin portmap, `cni_hostport` of either family, which the first pod with a hostPort brings and which none takes away
 * with it. They are shared: with pods of other networks, and with the reference plugin, whose names these are. Only those are listed, and
 * removed, in which no pod has a rule; the plugin makes them again when it needs them.
 */

import type { NftApi } from '@podroute/kernel/nft/api.ts'
import { listTable } from '@podroute/kernel/nft/listing.ts'
import { applyEach, type Op, type Outcome, type Resource } from '@podroute/reconcile/resource.ts'

const TABLES = ['ip cni_hostport', 'ip6 cni_hostport'] as const
/** Chains in which pods have rules; the others lead there. */
const PODS_CHAINS = /^(hostports|hostip_hostports|masquerading)$/

export class PortMappingTableResource implements Resource<string, true> {
  readonly name = 'port-mapping'
  readonly #nft: Pick<NftApi, 'run' | 'show'>

  constructor(nft: Pick<NftApi, 'run' | 'show'>) {
    this.#nft = nft
  }

  equal(): boolean {
    return true
  }

  async *list(): AsyncIterable<Iterable<readonly [string, true]>> {
    for (const table of TABLES) if (await this.#isUnused(table)) yield [[table, true]]
  }

  apply(ops: readonly Op<string, true>[]): Promise<readonly Outcome[]> {
    return applyEach(ops, async ({ kind, key }) => {
      if (kind === 'remove' && (await this.#isUnused(key))) await this.#nft.run(`delete table ${key}\n`)
    })
  }

  async #isUnused(table: string): Promise<boolean> {
    const { chains } = await listTable(this.#nft, table)
    const rules = [...chains].flatMap(([name, lines]) =>
      PODS_CHAINS.test(name) ? lines.filter((line) => !line.startsWith('type ')) : [],
    )
    return chains.size > 0 && rules.length === 0
  }
}
