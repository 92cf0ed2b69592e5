/** `podroute cleanup`: leaves a node as it was before podroute came. Works without an agent, and only without one. */
import { join } from 'node:path'
import type { CleanupItem, CleanupReport } from '@podroute/agent/cleanup/cleanup.ts'
import { Command } from 'commander'
import { askPages } from '../client.ts'
import { SOCKET } from '../command.ts'
import { CliError } from '../errors.ts'
import { table } from '../format.ts'

interface Options {
  readonly dryRun?: boolean
  readonly withPods?: boolean
  readonly root: string
  readonly stateDirectory: string
  readonly pluginDirectory: string
  readonly netns?: string
  readonly socket: string
  readonly json?: boolean
}

const HELP = `
It removes sessions' routes, virtual servers, rules, the bridge, the CNI configuration and plugins, leases and state files, all of
them podroute's own, and puts kernel parameters back that nobody else has set since. Kernel modules stay loaded. First take the agent
away: kubectl -n kube-system delete daemonset podroute.

Exit status: 0 when nothing of podroute is left (with --dry-run: when it could go), 1 when something is, or it was refused.`

export function cleanupCommand(write: (text: string) => void): Command {
  return new Command('cleanup')
    .description('takes everything of podroute from this node, while no agent runs')
    .option('--dry-run', 'say what would go, and touch nothing')
    .option('--with-pods', 'also where pods run that would lose their network')
    .option('--root <folder>', 'where the node’s files are', '/')
    .option('--state-directory <path>', 'where agents kept their state', '/run/podroute')
    .option('--plugin-directory <path>', 'where CNI plugins are', '/opt/cni/bin')
    .option('--netns <path>', 'network namespace of the node; absent: that of this process')
    .option('--socket <path>', 'socket of the agent', SOCKET)
    .option('--json', 'print what was done as JSON')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      await refuseWithAgent(join(options.root, options.socket))
      const report = await run(options)
      write(`${options.json ? JSON.stringify(report, null, 2) : text(report, options)}\n`)
      const isLeft = report.items.some(({ outcome }) => outcome === 'left')
      if (isLeft || report.refused.length > 0) process.exitCode = 1
    })
}

/** Loaded when it is wanted: it has native code. */
async function run({ dryRun, withPods, ...places }: Options): Promise<CleanupReport> {
  const { cleanUpThisNode } = await import('@podroute/agent/cleanup/node-cleanup.ts')
  const { FEATURES } = await import('@podroute/agent/features.ts')
  return cleanUpThisNode({
    ...places,
    definitions: FEATURES,
    dryRun: dryRun === true,
    withPods: withPods === true,
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

function text({ refused, items }: CleanupReport, { dryRun }: Options): string {
  const lines = refused.map((why) => `${dryRun ? 'will be refused' : 'refused'}: ${why}`)
  if (items.length === 0)
    return [...lines, ...(lines.length > 0 ? [] : ['nothing of podroute is here'])].join('\n')
  const rows = items.map(({ what, key, outcome, detail }) => [OUTCOMES[outcome], what, key, detail])
  return [...lines, table(['', 'WHAT', 'WHICH', 'DETAIL'], rows)].join('\n')
}

const OUTCOMES: Readonly<Record<CleanupItem['outcome'], string>> = {
  'to-remove': 'would go',
  removed: 'removed',
  left: 'LEFT',
  kept: 'kept',
}
