/** `podroute cleanup`: leaves a node as it was before podroute came. Works without an agent, and only without one. */
import { join } from 'node:path'
import type { CleanupItem, CleanupReport } from '@podroute/agent/cleanup/cleanup.ts'
import type { PageQuery } from '@podroute/feature/page.ts'
import { askPages } from '../client.ts'
import { CliError } from '../errors.ts'
import { table } from '../format.ts'
import type { ReportCommand } from '../report.ts'
import type { Style } from '../style.ts'

const HELP = `
It removes sessions' routes, virtual servers, rules, the bridge, the CNI configuration and plugins, leases and state files, all of
them podroute's own, and puts kernel parameters back that nobody else has set since. Kernel modules stay loaded. First take the agent
away: kubectl -n kube-system delete daemonset podroute.

Exit status: 0 when nothing of podroute is left (with --dry-run: when it could go), 1 when something is, or it was refused.`

export const cleanup: ReportCommand = {
  name: 'cleanup',
  summary: 'takes everything of podroute from this node, while no agent runs',
  help: HELP,
  once: true,
  arguments: [
    { name: 'dry-run', kind: 'flag', summary: 'say what would go, and touch nothing' },
    { name: 'with-pods', kind: 'flag', summary: 'also where pods run that would lose their network' },
    { name: 'root', kind: 'option', takes: 'folder', summary: 'where the node’s files are', default: '/' },
    {
      ...{ name: 'state-directory', kind: 'option', takes: 'folder' },
      ...{ summary: 'where agents kept their state', default: '/run/podroute' },
    },
    {
      ...{ name: 'plugin-directory', kind: 'option', takes: 'folder' },
      ...{ summary: 'where CNI plugins are', default: '/opt/cni/bin' },
    },
    {
      ...{ name: 'netns', kind: 'option', takes: 'name' },
      summary: 'network namespace of the node; absent: that of this process',
    },
  ],
  async report({ socket, query }) {
    const { root = '/' } = query
    await refuseWithAgent(join(root, socket))
    const report = await run(query)
    const isLeft = report.items.some(({ outcome }) => outcome === 'left')
    return {
      data: () => report,
      text: (style) => text(report, query['dry-run'] !== undefined, style),
      exitCode: isLeft || report.refused.length > 0 ? 1 : 0,
    }
  },
}

/** Loaded when it is wanted: it has native code. */
async function run(query: PageQuery): Promise<CleanupReport> {
  const { cleanUpThisNode } = await import('@podroute/agent/cleanup/node-cleanup.ts')
  const { FEATURES } = await import('@podroute/agent/features.ts')
  return cleanUpThisNode({
    root: query.root!,
    stateDirectory: query['state-directory']!,
    pluginDirectory: query['plugin-directory']!,
    ...(query.netns === undefined ? {} : { netns: query.netns }),
    definitions: FEATURES,
    dryRun: query['dry-run'] !== undefined,
    withPods: query['with-pods'] !== undefined,
  })
}

async function refuseWithAgent(socket: string): Promise<void> {
  try {
    await askPages(socket)
  } catch (error) {
    if (error instanceof CliError && error.code === 'not-running') return
    throw error
  }
  const message = `an agent runs here (${socket}) and would put all of it back: first take it away (kubectl -n kube-system delete daemonset podroute, or a label that its node selector leaves out), or switch single features off in its configuration`
  throw new CliError('answer', message)
}

function text({ refused, items }: CleanupReport, dryRun: boolean, style: Style): string {
  const lines = refused.map((why) => `${dryRun ? 'will be refused' : 'refused'}: ${why}`)
  if (items.length === 0)
    return [...lines, ...(lines.length > 0 ? [] : ['nothing of podroute is here'])].join('\n')
  const rows = items.map(({ what, key, outcome, detail }) => [OUTCOMES[outcome], what, key, detail])
  return [...lines, table(['', 'WHAT', 'WHICH', 'DETAIL'], rows, style)].join('\n')
}

const OUTCOMES: Readonly<Record<CleanupItem['outcome'], string>> = {
  'to-remove': 'would go',
  removed: 'removed',
  left: 'LEFT',
  kept: 'kept',
}
