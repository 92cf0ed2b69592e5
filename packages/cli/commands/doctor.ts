/** `podroute doctor`: what is wrong with this node, and what to do. Works also where no agent runs. */
import type { ConfigReport } from '@podroute/agent/admin/config-page.ts'
import type { Finding } from '@podroute/agent/doctor/check.ts'
import type { AgentFacts, Fact } from '@podroute/agent/doctor/facts.ts'
import { ask, askPlan, askStatus } from '../client.ts'
import { EXIT_NOT_WELL } from '../errors.ts'
import { table } from '../format.ts'
import type { Asked, ReportCommand } from '../report.ts'
import type { Style } from '../style.ts'

const HELP = `
A check is ok, warn, fail, or unknown, with why. Exit status: ${EXIT_NOT_WELL} where a check fails, else 0.`

export const doctor: ReportCommand = {
  name: 'doctor',
  summary: 'checks this node and its cluster, and says what to do',
  help: HELP,
  arguments: [
    { name: 'all', kind: 'flag', summary: 'show also what is well' },
    { name: 'kubeconfig', kind: 'option', takes: 'file', summary: 'file to reach the API server with' },
    {
      name: 'node-name',
      kind: 'option',
      takes: 'name',
      summary: 'name of this Node',
      default: process.env.NODE_NAME,
    },
    { name: 'root', kind: 'option', takes: 'folder', summary: 'where the node’s files are', default: '/' },
    {
      ...{ name: 'netns', kind: 'option', takes: 'name' },
      summary: 'network namespace of the node; absent: that of this process',
    },
  ],
  async report(asked) {
    const findings = await examineNode(asked)
    return {
      data: () => ({ findings }),
      text: (style) => text(findings, asked.query.all !== undefined, style),
      exitCode: findings.some(({ outcome }) => outcome.kind === 'fail') ? EXIT_NOT_WELL : 0,
    }
  },
}

/** Loaded when it is wanted: it has native code. */
async function examineNode({ socket, query }: Asked): Promise<readonly Finding[]> {
  const { gather } = await import('@podroute/agent/doctor/gather.ts')
  const { CHECKS } = await import('@podroute/agent/doctor/checks/checks.ts')
  const { examine } = await import('@podroute/agent/doctor/check.ts')
  const { 'node-name': nodeName, kubeconfig, root = '/', netns } = query
  const agent = await askAgent(socket)
  return examine(CHECKS, await gather({ nodeName, kubeconfig, root, netns, agent, now: () => Date.now() }))
}

async function askAgent(socket: string): Promise<Fact<AgentFacts>> {
  try {
    const { nodeName, conditions, watches } = await askStatus(socket)
    const { pending } = await askPlan(socket)
    const more = { ...(await configuredOf(socket)), ...(await routersOf(socket)) }
    return { value: { nodeName, conditions, watches, pending, ...more } }
  } catch (error) {
    return { unknown: (error as Error).message }
  }
}

async function configuredOf(socket: string): Promise<Pick<AgentFacts, 'routing' | 'cni'>> {
  const { values } = await ask<ConfigReport>(socket, '/config')
  const configured = (key: string) => values.find(({ path }) => path.endsWith(`.${key}`))?.value
  const [routing, cni] = [configured('routing'), configured('cni')]
  return { ...(typeof routing === 'string' && { routing }), ...(typeof cni === 'boolean' && { cni }) }
}

/** What of the page `peers` is looked at. */
interface PeersReport {
  readonly peers: readonly {
    readonly name: string
    readonly kind: string
    readonly state: string
    readonly capabilities?: { readonly gracefulRestart?: object }
  }[]
}

/** An agent whose feature for that is off has no such page. */
async function routersOf(socket: string): Promise<Pick<AgentFacts, 'routers'>> {
  const { peers } = await ask<PeersReport>(socket, '/peers').catch((): PeersReport => ({ peers: [] }))
  const routers = peers.filter(({ kind }) => kind === 'external')
  return {
    routers: routers.map(({ name, state, capabilities }) => ({
      name,
      established: state === 'established',
      gracefulRestart: capabilities?.gracefulRestart !== undefined,
    })),
  }
}

/** What cannot be known stands below, by its reason: where no agent runs, or no API server answers, that is the same of many. */
export function text(findings: readonly Finding[], all: boolean, style: Style): string {
  const shown = findings.filter(({ outcome: { kind } }) => kind !== 'unknown' && (all || kind !== 'ok'))
  const rows = shown.map(({ check, summary, outcome }) => [
    outcome.kind,
    check,
    'problem' in outcome ? outcome.problem : summary,
    'todo' in outcome ? outcome.todo : '',
  ])
  const count = (kind: string) => findings.filter(({ outcome }) => outcome.kind === kind).length
  const sum = ['ok', 'warn', 'fail', 'unknown'].map((kind) => `${count(kind)} ${kind}`).join(', ')
  const tables = rows.length > 0 ? [table(['', 'CHECK', 'WHAT', 'WHAT TO DO'], rows, style)] : []
  return [...tables, ...unknownTexts(findings, style), sum].join('\n\n')
}

function unknownTexts(findings: readonly Finding[], style: Style): readonly string[] {
  const unknown = findings.flatMap(({ check, outcome }) =>
    outcome.kind === 'unknown' ? [{ check, problem: outcome.problem }] : [],
  )
  return [...Map.groupBy(unknown, ({ problem }) => problem)].map(
    ([problem, checks]) =>
      `${style.state('unknown')}  ${checks.map(({ check }) => check).join(', ')}\n${problem}`,
  )
}
