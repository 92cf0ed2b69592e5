/** `podroute doctor`: what is wrong with this node, and what to do. Works also where no agent runs. */
import type { Finding } from '@podroute/agent/doctor/check.ts'
import type { AgentFacts, Fact } from '@podroute/agent/doctor/facts.ts'
import { Command } from 'commander'
import { askPlan, askStatus } from '../client.ts'
import { SOCKET } from '../command.ts'
import { table } from '../format.ts'

interface Options {
  readonly all?: boolean
  readonly json?: boolean
  readonly kubeconfig?: string
  readonly nodeName?: string
  readonly root: string
  readonly netns?: string
  readonly socket: string
}

const HELP = `
A check is ok, warn, fail, or unknown, with why. Exit status: 1 where a check fails, else 0.`

export function doctorCommand(write: (text: string) => void): Command {
  return new Command('doctor')
    .description('checks this node and its cluster, and says what to do')
    .option('--all', 'show also what is well')
    .option('--json', 'print all checks as JSON')
    .option('--kubeconfig <file>', 'reach the API server with this')
    .option('--node-name <name>', 'name of this Node', process.env.NODE_NAME)
    .option('--root <folder>', 'where the node’s files are', '/')
    .option('--netns <path>', 'network namespace of the node; absent: that of this process')
    .option('--socket <path>', 'socket of the agent', SOCKET)
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const findings = await examineNode(options)
      write(
        `${options.json ? JSON.stringify({ findings }, null, 2) : text(findings, options.all === true)}\n`,
      )
      if (findings.some(({ outcome }) => outcome.kind === 'fail')) process.exitCode = 1
    })
}

/** Loaded when it is wanted: it has native code. */
async function examineNode(options: Options): Promise<readonly Finding[]> {
  const { gather } = await import('@podroute/agent/doctor/gather.ts')
  const { CHECKS } = await import('@podroute/agent/doctor/checks/checks.ts')
  const { examine } = await import('@podroute/agent/doctor/check.ts')
  const { nodeName, kubeconfig, root, netns, socket } = options
  const agent = await askAgent(socket)
  return examine(CHECKS, await gather({ nodeName, kubeconfig, root, netns, agent, now: () => Date.now() }))
}

async function askAgent(socket: string): Promise<Fact<AgentFacts>> {
  try {
    const { nodeName, conditions, watches } = await askStatus(socket)
    return { value: { nodeName, conditions, watches, pending: (await askPlan(socket)).pending } }
  } catch (error) {
    return { unknown: (error as Error).message }
  }
}

function text(findings: readonly Finding[], all: boolean): string {
  const shown = findings.filter(({ outcome }) => all || outcome.kind !== 'ok')
  const rows = shown.map(({ check, summary, outcome }) => [
    outcome.kind,
    check,
    'problem' in outcome ? outcome.problem : summary,
    'todo' in outcome ? outcome.todo : '',
  ])
  const count = (kind: string) => findings.filter(({ outcome }) => outcome.kind === kind).length
  const sum = ['ok', 'warn', 'fail', 'unknown'].map((kind) => `${count(kind)} ${kind}`).join(', ')
  return rows.length === 0 ? sum : `${table(['', 'CHECK', 'WHAT', 'WHAT TO DO'], rows)}\n\n${sum}`
}
