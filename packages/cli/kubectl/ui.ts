/** `kubectl podroute ui`: the page of all agents, which are asked by kubectl. */
import type { WholeReport } from '@podroute/ui/model/summary.ts'
import type { Source } from '@podroute/ui/server/feed.ts'
import { CliError } from '../errors.ts'
import { WHOLE } from '../ui/ui.ts'
import { type Agent, findAgents } from './agents.ts'
import { askAll, execArguments } from './ask.ts'
import { failure, type Kubectl, stream } from './kubectl.ts'

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
    async follow(name, signal, told) {
      const agent = known.find((one) => one.node === name)
      if (!agent) throw new CliError('usage', `no agent is on node ${name}`)
      let text = ''
      const decoder = new TextDecoder()
      const onBytes = (bytes: Buffer) => {
        const lines = `${text}${decoder.decode(bytes, { stream: true })}`.split('\n')
        text = lines.pop()!
        for (const line of lines) if (line !== '') told(JSON.parse(line) as WholeReport)
      }
      const args = execArguments(agent, ['ui', '--ask', WHOLE, '--follow'])
      const ended = await stream(kubectl, args, onBytes, { signal })
      throw failure(ended, kubectl.namespace)
    },
    ask,
  }
}
