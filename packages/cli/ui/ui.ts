/** `podroute ui`: a page to look at, of this node's agent. */
import { setTimeout } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { agentReport, clusterReport, type WholeReport } from '@podroute/ui/model/summary.ts'
import type { Source } from '@podroute/ui/server/feed.ts'
import { ask } from '../client.ts'
import { CliError } from '../errors.ts'
import type { ReportCommand } from '../report.ts'
import { runUi, UI_PORT } from './run.ts'

/** In place of a path: what the page wants to know of an agent, in one answer. */
export const WHOLE = '/whole'

/** Milliseconds between two looks of `--follow`. */
const PAUSE = 500
/** Looks without news between two signs of life. */
const QUIET = 10

export const ui: ReportCommand = {
  name: 'ui',
  summary: 'a page to look at: the cluster as a map, tables, the way of a packet, what changes',
  help: 'It is served at 127.0.0.1 alone, to whoever has the address that is printed, and changes nothing. From elsewhere: kubectl podroute ui.',
  once: true,
  arguments: [
    {
      name: 'port',
      kind: 'option',
      takes: 'port',
      summary: 'where it is served; 0: any that is free',
      default: UI_PORT,
    },
    {
      name: 'ask',
      kind: 'option',
      takes: 'path',
      summary: 'print what the agent answers at this path, as kubectl podroute ui asks',
    },
  ],
  follow: ({ socket, query, signal }, write) => {
    if (query.ask !== WHOLE) throw new CliError('usage', `--follow is for --ask ${WHOLE}`)
    // An empty line now and then: a process whose reader has gone ends with it.
    const told = (report?: WholeReport) => write(report === undefined ? '\n' : `${JSON.stringify(report)}\n`)
    return followWhole(socket, signal, told)
  },
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

/** Tells what is different from before, within half a second, and nothing every few seconds. @throws CliError when the agent does not answer */
async function followWhole(
  socket: string,
  signal: AbortSignal,
  told: (report?: WholeReport) => void,
): Promise<void> {
  let before: WholeReport | undefined
  let quiet = 0
  while (!signal.aborted) {
    const report = await whole(socket)
    const same = isDeepStrictEqual(before, report)
    quiet = same ? (quiet + 1) % QUIET : 0
    if (!same) told(report)
    else if (quiet === 0) told()
    before = report
    await setTimeout(PAUSE, undefined, { signal }).catch(() => {})
  }
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
    follow: (_node, signal, told) => followWhole(socket, signal, (report) => report && told(report)),
    ask: (_node, path) => ask(socket, path),
  }
}
