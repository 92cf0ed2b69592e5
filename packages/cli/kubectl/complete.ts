/** What shells complete of `kubectl podroute`: an agent says what its podroute knows, nodes are those of the agents. */
import type { Command } from 'commander'
import { ASK } from '../completion/scripts.ts'
import { findAgents } from './agents.ts'
import { askAll } from './ask.ts'
import type { Kubectl } from './kubectl.ts'

/** Of the plugin alone. */
const COMMANDS = ['events']

/** @param words behind `kubectl podroute`; the last one is not finished */
export async function completePlugin(
  plugin: Command,
  kubectl: Kubectl,
  words: readonly string[],
): Promise<readonly string[]> {
  const word = words.at(-1) ?? ''
  const { agents } = await findAgents(kubectl, 'pods')
  const fitting = (all: readonly string[]) => [...new Set(all.filter((one) => one.startsWith(word)))].sort()
  if (words.at(-2) === '--node') return fitting(agents.map(({ node }) => node))
  const asked = withoutOwn(plugin, words)
  const running = agents.filter(({ trouble }) => trouble === undefined).slice(0, 1)
  const [answer] = await askAll(kubectl, running, [ASK, '--', ...asked])
  const known = (answer?.text ?? '').split('\n').filter((line) => line !== '')
  const own = word.startsWith('-') ? plugin.options.flatMap(({ long }) => long ?? []) : []
  return fitting([...known, ...own, ...(asked.length === 1 && !word.startsWith('-') ? COMMANDS : [])])
}

/** The words without options that the agents' podroute does not have, and their values. */
function withoutOwn(plugin: Command, words: readonly string[]): readonly string[] {
  const left: string[] = []
  for (let i = 0; i < words.length - 1; i++) {
    const option = plugin.options.find(({ short, long }) => short === words[i] || long === words[i])
    if (!option) left.push(words[i]!)
    else if (option.required) i++
  }
  return [...left, words.at(-1) ?? '']
}
