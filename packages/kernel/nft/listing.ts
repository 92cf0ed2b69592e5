/** The chains and maps of a table as `nft -t list table` prints them. */

export interface TableListing {
  /** Rules by chain, a line each; what a base chain is hooked to comes first. */
  readonly chains: ReadonlyMap<string, readonly string[]>
  /** Lines of each set's and map's declaration. */
  readonly sets: ReadonlyMap<string, readonly string[]>
}

const BLOCK = /^\t(chain|set|map) (\S+) \{\n((?:\t\t.*\n)*)\t\}/gm

export function readTable(text: string): TableListing {
  const chains = new Map<string, readonly string[]>()
  const sets = new Map<string, readonly string[]>()
  for (const [, kind, name, body] of text.matchAll(BLOCK)) {
    const lines = body!
      .split('\n')
      .slice(0, -1)
      .map((line) => line.trim())
    ;(kind === 'chain' ? chains : sets).set(name!, lines)
  }
  return { chains, sets }
}

/** Seconds of a set's `timeout 1m30s`; undefined where it has none. */
export function timeoutOf(declaration: readonly string[]): number | undefined {
  const line = declaration.find((text) => text.startsWith('timeout '))
  const [, minutes = 0, seconds = 0] = /^timeout (?:(\d+)m)?(?:(\d+)s)?$/.exec(line ?? '') ?? []
  const all = Number(minutes) * 60 + Number(seconds)
  return all > 0 ? all : undefined
}
