/** `connectivity`: makes pods and Services, tries the ways between them, names the hop that fails, and removes all of it. */
import { millisecondsOf } from '../durations.ts'
import { CliError, EXIT_NOT_WELL } from '../errors.ts'
import { table } from '../format.ts'
import { type Agent, findAgents } from '../kubectl/agents.ts'
import { WHICH_CLUSTER } from '../kubectl/arguments.ts'
import { type Kubectl, kubectlOf } from '../kubectl/kubectl.ts'
import type { Asked, Report, ReportCommand } from '../report.ts'
import type { Style } from '../style.ts'
import { Field } from './field.ts'
import { type External, pathsOf } from './paths.ts'
import { type Result, tryPaths } from './trial.ts'
import { trialsOf } from './trials.ts'

const HELP = `
It makes two or three pods on each of some nodes and Services in front of them, in a namespace of its own, which goes at the end, also with
Ctrl-C. It runs where kubectl is. Pods run Node.js: the image needs "node" on its path.

Exit status: 0 when all paths work, ${EXIT_NOT_WELL} when one does not, 1 when it cannot be tried or something is left, 130 when it was interrupted.`

const INTERRUPTED = 130
/** Milliseconds for one connection. */
const CONNECTION = 3000

export interface ConnectivityReport {
  readonly passed: boolean
  readonly namespace: string
  readonly image: string
  readonly nodes: readonly string[]
  readonly paths: readonly Result[]
  /** Of the namespace; '': it is gone. */
  readonly left: string
}

export const connectivity: ReportCommand = {
  name: 'connectivity',
  summary: 'tries the ways between pods, Services and nodes, and names the hop that fails',
  help: HELP,
  once: true,
  arguments: [
    {
      name: 'nodes',
      kind: 'option',
      takes: 'names',
      summary: 'names, joined by commas, or all; absent: the first two',
    },
    { name: 'image', kind: 'option', takes: 'name', summary: 'of the pods; absent: that of the agents' },
    {
      name: 'external',
      kind: 'option',
      takes: 'host:port',
      summary: 'HOST:PORT outside of the cluster to try, too',
    },
    { name: 'timeout', kind: 'option', takes: 'duration', summary: 'for all of it', default: '3m' },
    {
      ...{ name: 'settle', kind: 'option', takes: 'duration', default: '20s' },
      summary: 'for so long what does not work is tried again: Services take a moment',
    },
    { name: 'keep', kind: 'flag', summary: 'leave pods and Services there, for looking around' },
    ...WHICH_CLUSTER,
  ],
  async report(asked) {
    const { kubectl: program = 'kubectl', namespace = '', context, kubeconfig, keep } = asked.query
    const kubectl = kubectlOf(program, { namespace, context, kubeconfig })
    const report = await tryAll(kubectl, asked)
    if (asked.signal.aborted) return reportOf(report, INTERRUPTED)
    // What is kept is not left by mistake.
    if (keep === undefined && report.left !== '') return reportOf(report, 1)
    return reportOf(report, report.passed ? 0 : EXIT_NOT_WELL)
  },
}

async function tryAll(kubectl: Kubectl, { query, signal, say }: Asked): Promise<ConnectivityReport> {
  const timeout = millisecondsOf('timeout', query.timeout ?? '')
  const patience = { settle: millisecondsOf('settle', query.settle ?? ''), connection: CONNECTION }
  const external = externalOf(query.external)
  const { agents: all } = await findAgents(kubectl, 'pods')
  const agents = chosen(all, query.nodes)
  const image = query.image ?? agents[0]!.image ?? ''
  const ends = AbortSignal.any([signal, AbortSignal.timeout(timeout)])
  const field = new Field(kubectl, { agents, image, trials: await trialsOf(kubectl, agents) })
  let paths: readonly Result[] = []
  let left = ''
  try {
    say(
      `makes pods and Services in namespace ${field.namespace}, on ${agents.map(({ node }) => node).join(', ')}`,
    )
    await field.create()
    const stand = await field.stand(ends)
    const ways = pathsOf(stand, external)
    say(`tries ${ways.length} ways`)
    paths = await tryPaths({ kubectl, pods: field.kubectl, stand, signal: ends }, ways, patience)
  } catch (error) {
    // What it was in the middle of is no news.
    if (!signal.aborted) throw error
  } finally {
    if (query.keep === undefined) say(`removes namespace ${field.namespace}`)
    left = query.keep === undefined ? await field.remove() : `kubectl delete namespace ${field.namespace}`
    if (left !== '') say(left)
  }
  const passed = paths.length > 0 && paths.every(({ outcome }) => outcome === 'passed')
  return { passed, namespace: field.namespace, image, nodes: agents.map(({ node }) => node), paths, left }
}

function chosen(agents: readonly Agent[], names: string | undefined): readonly Agent[] {
  const running = agents.filter(({ trouble }) => trouble === undefined)
  if (running.length === 0)
    throw new CliError('not-running', 'no agent runs: kubectl podroute status --cluster says why')
  if (names === undefined) return running.slice(0, 2)
  if (names === 'all') return running
  return names.split(',').map((name) => {
    const agent = running.find(({ node }) => node === name)
    if (agent) return agent
    const known = running.map(({ node }) => node).join(', ')
    throw new CliError('usage', `no agent runs on node ${name}: some do on ${known}`)
  })
}

function externalOf(text: string | undefined): readonly External[] {
  if (text === undefined) return []
  const [, bracketed, plain, port] = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(text) ?? []
  const host = bracketed ?? plain
  if (host === undefined)
    throw new CliError('usage', `--external is HOST:PORT, or [ADDRESS]:PORT, not ${text}`)
  return [{ host, port: Number(port) }]
}

function reportOf(report: ConnectivityReport, exitCode: number): Report {
  return { data: () => report, text: (style) => text(report, style), exitCode }
}

function text({ paths, nodes }: ConnectivityReport, style: Style): string {
  const families = [...new Set(paths.map(({ family }) => family))].sort()
  const names = [...new Set(paths.map(({ name }) => name))]
  const rows = names.map((name) => [name, ...families.map((family) => sumOf(paths, name, family))])
  const failed = paths.filter(({ outcome }) => outcome === 'failed')
  const skipped = paths.filter(({ outcome }) => outcome === 'skipped')
  const reasons = [...new Set(skipped.map(({ problem }) => problem))]
  const failures = failed.map(({ name, family, from, fromNode, to, problem, hop, explained }) => [
    ...[name, `IPv${family}`, from ? `${from} on ${fromNode}` : fromNode, to, problem],
    [hop, ...explained].filter((part) => part !== '').join('; '),
  ])
  const well = paths.length - failed.length - skipped.length
  const sum = `${well} of ${paths.length} ways work, between ${nodes.join(', ')}`
  return [
    table(['PATH', ...families.map((family) => `IPv${family}`)], rows, style),
    ...(failed.length > 0
      ? [table(['FAILED', 'FAMILY', 'FROM', 'TO', 'WHAT CAME', 'WHICH HOP'], failures, style)]
      : []),
    ...(skipped.length > 0 ? [`${skipped.length} ${reasons.join('; ')}`] : []),
    sum,
  ].join('\n\n')
}

function sumOf(paths: readonly Result[], name: string, family: number): string {
  const of = paths.filter((path) => path.name === name && path.family === family)
  if (of.length === 0) return ''
  const outcomes = new Set(of.map(({ outcome }) => outcome))
  return outcomes.has('failed') ? 'failed' : outcomes.has('skipped') ? 'skipped' : 'ok'
}
