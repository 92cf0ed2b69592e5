/** What may stand where the cursor is. Pure but for the names, which are asked for when they are wanted. */
import type { Command, Option } from 'commander'

/** By the name of an argument or option: what may be given for it. Empty: nothing is known, which may be a file. */
export type Names = (of: string) => Promise<readonly string[]>

/** @param words behind the program's name; the last one is not finished, and may be empty */
export async function candidates(
  program: Command,
  words: readonly string[],
  names: Names,
): Promise<readonly string[]> {
  const word = words.at(-1) ?? ''
  const before = words.slice(0, -1)
  const all = await allOf(program, before, word, names)
  return all.filter((one) => one.startsWith(word)).sort()
}

async function allOf(
  program: Command,
  before: readonly string[],
  word: string,
  names: Names,
): Promise<readonly string[]> {
  const { command, places, open } = placeOf(program, before)
  if (open) return open.argChoices ?? names(open.attributeName())
  if (word.startsWith('-')) return ['--help', ...command.options.flatMap(({ long }) => long ?? [])]
  if (command === program && program.commands.length > 0)
    return program.commands.map((one) => one.name()).filter((name) => !name.startsWith('_'))
  const argument = command.registeredArguments[places]
  if (!argument) return []
  return argument.argChoices ?? names(argument.name())
}

interface Place {
  readonly command: Command
  /** Arguments that are there already. */
  readonly places: number
  /** The option whose value is to come. */
  readonly open: Option | undefined
}

function placeOf(program: Command, before: readonly string[]): Place {
  let command = program
  let places = 0
  let open: Option | undefined
  for (const word of before) {
    if (open) open = undefined
    else if (word.startsWith('-')) open = openedBy(command, word)
    else {
      const next = command === program ? command.commands.find((one) => one.name() === word) : undefined
      if (next) command = next
      else places++
    }
  }
  return { command, places, open }
}

/** An option that takes a value, which is not in the same word. */
function openedBy(command: Command, word: string): Option | undefined {
  const option = command.options.find(({ short, long }) => short === word || long === word)
  return option?.required ? option : undefined
}
