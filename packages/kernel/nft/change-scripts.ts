/** Changes as commands of nft. Pure. */
import type { ElementChange, StructureChange } from './api.ts'
import { setTypeLines, tableAt } from './definition.ts'

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

export function structureScript(table: string, changes: readonly StructureChange[]): string {
  const lines = changes.map((change) => structureCommand(tableAt(table), change))
  return `${lines.join('\n')}\n`
}

function structureCommand(at: string, change: StructureChange): string {
  switch (change.kind) {
    case 'add-set':
      return `add set ${at} ${change.set} { ${setTypeLines(change.type).join('; ')}; }`
    case 'delete-set':
      return `delete set ${at} ${change.set}`
    case 'add-rule':
      return `add rule ${at} ${change.chain} ${change.rule}`
    case 'add-chain':
    case 'flush-chain':
    case 'delete-chain':
      return `${change.kind.replace('-', ' ')} ${at} ${change.chain}`
  }
}
