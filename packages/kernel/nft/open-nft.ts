/** nftables of a network namespace. */
import type { NetlinkOptions } from '@podroute/linux/netlink/socket.ts'
import { NftChains } from '@podroute/linux/nft/chains.ts'
import { NFPROTO_BRIDGE, NFPROTO_INET, NftElements, type NftSet } from '@podroute/linux/nft/elements.ts'
import { NftGeneration } from '@podroute/linux/nft/generation.ts'
import { Nft } from '@podroute/linux/nft/nft.ts'
import { NftStructure } from '@podroute/linux/nft/structure.ts'
import type { NftApi } from './api.ts'
import { changesScript, structureScript } from './change-scripts.ts'
import { tableAt } from './definition.ts'
import { elementText, elementTexts } from './read-elements.ts'
import { encodeChange } from './write-elements.ts'
import { encodeStructure } from './write-structure.ts'

/** A listing that the kernel is asked about first: on a node that is new none of our tables is there. */
const LIST_TABLE = /^list table (\w+) (\S+)$/

/** Open until disposed of. @throws KernelError */
export function openNft(options: NetlinkOptions = {}): NftApi & Disposable {
  const stack = new DisposableStack()
  const elements = stack.use(NftElements.open(options))
  const structure = stack.use(NftStructure.open(options))
  const chains = stack.use(NftChains.open(options))
  const nft = stack.use(Nft.open(options))
  const generation = stack.use(NftGeneration.open(options))
  return {
    run: (script) => nft.run(script),
    async writeElements(table, changes) {
      const writes = changes.map(encodeChange)
      if (writes.every((write) => write !== undefined)) await elements.write(setIn(table, ''), writes)
      else await nft.run(changesScript(table, changes))
    },
    async writeStructure(table, changes) {
      const { family, table: name } = setIn(table, '')
      const writes = encodeStructure(changes)
      if (writes) await structure.write(family, name, writes)
      else await nft.run(structureScript(table, changes))
    },
    elements: (table, set, type) => elementTexts((read) => elements.list(setIn(table, set), read), type),
    counts: (table, set, type) =>
      elements.list(setIn(table, set), (element) => ({
        element: elementText(element, type),
        packets: element.packets ?? 0,
      })),
    listJson: (command) => nft.listJson(command),
    show(command) {
      const [, family, table] = LIST_TABLE.exec(command) ?? []
      if (family === undefined || table === undefined) return nft.show(command)
      // What else the kernel has to say nft finds out, and says in its own words.
      return nft.show(command, () =>
        chains.hasTable(family, table).then(
          (has) => has !== false,
          () => true,
        ),
      )
    },
    baseChains: () => chains.baseChains(),
    commentedRules: (chain) => chains.commentedRules(chain),
    generation: () => generation.read(),
    [Symbol.dispose]: () => stack.dispose(),
  }
}

function setIn(table: string, set: string): NftSet {
  const [family, name] = tableAt(table).split(' ')
  return { family: family === 'bridge' ? NFPROTO_BRIDGE : NFPROTO_INET, table: name!, set }
}
