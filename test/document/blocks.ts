/** Commands of a document: blocks of code that say where they are run, ```` ```sh control ````. Pure. */

export interface Block {
  /** Heading that it stands under. */
  readonly section: string
  /** `control`, or a node. */
  readonly place: string
  /** It runs until it is ended. */
  readonly foreground: boolean
  readonly commands: string
}

/** In their order. Blocks that name no place are for other machines, or for looking at. */
export function blocksOf(text: string): readonly Block[] {
  const blocks: Block[] = []
  let section = ''
  let open: { place: string; foreground: boolean; lines: string[] } | undefined
  for (const line of text.split('\n')) {
    const [, place, mode] = /^```sh (\S+)(?: (foreground))?$/.exec(line) ?? []
    if (place !== undefined) open = { place, foreground: mode === 'foreground', lines: [] }
    else if (line === '```' && open !== undefined) {
      const { lines, ...rest } = open
      blocks.push({ section, ...rest, commands: lines.join('\n') })
      open = undefined
    } else if (open !== undefined) open.lines.push(line)
    else if (line.startsWith('## ')) section = line.slice(3)
  }
  return blocks
}
