/** The chains and maps of a table as `nft -t list table` prints them. */
import { codeOf } from '@podroute/reconcile/resource.ts'
import type { NftApi } from './api.ts'
import { tableAt } from './definition.ts'

export interface TableListing {
  /** Rules by chain, a line each; what a base chain is hooked to comes first. */
  readonly chains: ReadonlyMap<string, readonly string[]>
  /** Lines of each set's and map's declaration. */
  readonly sets: ReadonlyMap<string, readonly string[]>
  /** Which of those are sets and which are maps. */
  readonly kinds: ReadonlyMap<string, 'set' | 'map'>
}

const BLOCK = /^\t(chain|set|map) (\S+) \{\n((?:\t\t.*\n)*)\t\}/gm

export function readTable(text: string): TableListing {
  const chains = new Map<string, readonly string[]>()
  const sets = new Map<string, readonly string[]>()
  const kinds = new Map<string, 'set' | 'map'>()
  for (const [, kind, name, body] of text.matchAll(BLOCK)) {
    const lines = body!
      .split('\n')
      .slice(0, -1)
      .map((line) => line.trim())
    ;(kind === 'chain' ? chains : sets).set(name!, lines)
    if (kind === 'set' || kind === 'map') kinds.set(name!, kind)
  }
  return { chains, sets, kinds }
}

/** Of one table; nothing where there is no such table. */
export async function listTable(nft: Pick<NftApi, 'show'>, name: string): Promise<TableListing> {
  const text = await nft.show(`list table ${tableAt(name)}`).catch((error: Error) => {
    if (codeOf(error) === 'ENOENT') return ''
    throw error
  })
  return readTable(text)
}

/** Seconds of a set's `timeout 1m30s`; undefined where it has none. */
export function timeoutOf(declaration: readonly string[]): number | undefined {
  const line = declaration.find((text) => text.startsWith('timeout '))
  const [, minutes = 0, seconds = 0] = /^timeout (?:(\d+)m)?(?:(\d+)s)?$/.exec(line ?? '') ?? []
  const all = Number(minutes) * 60 + Number(seconds)
  return all > 0 ? all : undefined
}
