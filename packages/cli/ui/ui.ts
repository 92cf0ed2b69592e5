/** `podroute ui`: a page to look at, of this node's agent. */
import { agentReport, clusterReport, type WholeReport } from '@podroute/ui/model/summary.ts'
import type { Source } from '@podroute/ui/server/feed.ts'
import { ask } from '../client.ts'
import type { ReportCommand } from '../report.ts'
import { runUi, UI_PORT } from './run.ts'

/** In place of a path: what the page wants to know of an agent, in one answer. */
export const WHOLE = '/whole'

export const ui: ReportCommand = {
  name: 'ui',
  summary: 'a page to look at: the cluster as a map, tables, the way of a packet, what changes',
  help: 'It is served at 127.0.0.1 alone, to whoever has the address that is printed, and changes nothing. From elsewhere: kubectl podroute ui.',
  once: true,
  arguments: [
    { name: 'port', kind: 'option', summary: 'where it is served; 0: any that is free', default: UI_PORT },
    {
      name: 'ask',
      kind: 'option',
      summary: 'print what the agent answers at this path, as kubectl podroute ui asks',
    },
  ],
  async report({ socket, query, signal, say }) {
    const { port = UI_PORT, ask: path } = query
    if (path !== undefined) {
      const answer = path === WHOLE ? await whole(socket) : await ask(socket, path)
      return { data: () => answer, text: () => JSON.stringify(answer) }
    }
    await runUi({ source: sourceOf(socket), port, signal, say })
    return { data: () => ({}), text: () => '' }
  },
}

async function whole(socket: string): Promise<WholeReport> {
  const asked = (path: string) => ask(socket, path)
  const [agent, cluster] = [agentReport(asked), clusterReport(asked)]
  return { agent: await agent, cluster: await cluster }
}

/** The one agent; its name is known once it has answered. */
function sourceOf(socket: string): Source {
  let node = ''
  return {
    scope: 'node',
    async agents() {
      if (node === '') node = (await ask<{ nodeName: string }>(socket, '/status')).nodeName
      return [{ node }]
    },
    whole: () => whole(socket),
    ask: (_node, path) => ask(socket, path),
  }
}
