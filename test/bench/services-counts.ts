/** Counts what goes to the kernel. */
import type { Kernel } from '@podroute/kernel/kernel.ts'

export interface Counts {
  /** Netlink messages and nftables transactions that change something. */
  messages: number
  /** Dumps and listings. */
  lists: number
  /** Milliseconds spent on changes of virtual servers and destinations. */
  ipvs: number
}

/** The same kernel, with what it is asked counted. */
export function counting(kernel: Kernel): { readonly kernel: Kernel; readonly counts: Counts } {
  const counts: Counts = { messages: 0, lists: 0, ipvs: 0 }
  const changed = <T>(messages: number, work: T): T => {
    counts.messages += messages
    return work
  }
  const listed = <T>(work: T): T => {
    counts.lists++
    return work
  }
  return {
    counts,
    kernel: {
      ...kernel,
      ipvs: {
        servers: () => listed(kernel.ipvs.servers()),
        destinations: (server) => listed(kernel.ipvs.destinations(server)),
        table: () => listed(kernel.ipvs.table()),
        async apply(ops) {
          const started = performance.now()
          const outcomes = await changed(ops.length, kernel.ipvs.apply(ops))
          counts.ipvs += performance.now() - started
          return outcomes
        },
      },
      routes: {
        list: (filter) => listed(kernel.routes.list(filter)),
        get: (address) => kernel.routes.get(address),
        apply: (ops) => changed(ops.length, kernel.routes.apply(ops)),
      },
      nft: {
        run: (script) => changed(1, kernel.nft.run(script)),
        writeElements: (table, changes) => changed(1, kernel.nft.writeElements(table, changes)),
        writeStructure: (table, changes) => changed(1, kernel.nft.writeStructure(table, changes)),
        elements: (table, set, type) => listed(kernel.nft.elements(table, set, type)),
        counts: (table, set, type) => listed(kernel.nft.counts(table, set, type)),
        listJson: (command) => listed(kernel.nft.listJson(command)),
        show: (command) => listed(kernel.nft.show(command)),
        generation: () => kernel.nft.generation(),
        baseChains: () => listed(kernel.nft.baseChains()),
        commentedRules: (chain) => listed(kernel.nft.commentedRules(chain)),
      },
    },
  }
}
