/** Changes of elements as commands of nft. Pure. */
import type { ElementChange } from './api.ts'
import { tableAt } from './definition.ts'

/** Elements of one command: a script of any length is one transaction, but nft's parser slows down on long lists. */
const ELEMENTS_PER_COMMAND = 500

export function changesScript(table: string, changes: readonly Omit<ElementChange, 'type'>[]): string {
  const lines = changes.flatMap(({ kind, set, elements, timeout }) => {
    const end = kind === 'add' && timeout !== undefined ? ` timeout ${timeout}ms` : ''
    const commands: string[] = []
    for (let start = 0; start < elements.length; start += ELEMENTS_PER_COMMAND) {
      const some = elements.slice(start, start + ELEMENTS_PER_COMMAND)
      commands.push(
        `${kind} element ${tableAt(table)} ${set} { ${some.map((text) => text + end).join(', ')} }`,
      )
    }
    return commands
  })
  return `${lines.join('\n')}\n`
}
