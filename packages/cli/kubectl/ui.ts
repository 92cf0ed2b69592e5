/** `kubectl podroute ui`: the page of all agents, which are asked by kubectl. */
import type { WholeReport } from '@podroute/ui/model/summary.ts'
import type { Source } from '@podroute/ui/server/feed.ts'
import { CliError } from '../errors.ts'
import { WHOLE } from '../ui/ui.ts'
import { type Agent, findAgents } from './agents.ts'
import { askAll } from './ask.ts'
import type { Kubectl } from './kubectl.ts'

/** What the page asks for: pages of the agents, and their tables. */
const PATHS = /^\/[a-z-]+(\/tables)?(\?[^\s]*)?$/

export function clusterSource(kubectl: Kubectl, node: string | undefined): Source {
  let known: readonly Agent[] = []
  const ask = async (name: string, path: string): Promise<unknown> => {
    const agent = known.find((one) => one.node === name)
    if (!agent) throw new CliError('usage', `no agent is on node ${name}`)
    if (!PATHS.test(path)) throw new CliError('usage', `not a page: ${path}`)
    const [answer] = await askAll(kubectl, [agent], ['ui', '--ask', path])
    if (answer?.text === undefined) throw new CliError('answer', answer?.error ?? 'no answer')
    return JSON.parse(answer.text)
  }
  return {
    scope: 'cluster',
    async agents() {
      const { agents } = await findAgents(kubectl, 'pods')
      known = node === undefined ? agents : agents.filter((one) => one.node === node)
      return known
    },
    whole: (name) => ask(name, WHOLE) as Promise<WholeReport>,
    ask,
  }
}
