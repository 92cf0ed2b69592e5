/** `kubectl podroute`: what `podroute` says on each node, asked from where kubectl is. */
import { Command } from 'commander'
import { bundleReport, writeArchive } from '../bundle/bundle.ts'
import { clusterCapture } from '../capture/cluster.ts'
import { addFormatOptions, formatOf, reportCommand, type Surroundings } from '../command.ts'
import { scriptFor } from '../completion/completion.ts'
import { ASK } from '../completion/scripts.ts'
import { connectivity } from '../connectivity/connectivity.ts'
import { millisecondsOf } from '../durations.ts'
import { CliError, EXIT_NOT_WELL } from '../errors.ts'
import { rendered } from '../output.ts'
import type { Format, Report, ReportCommand } from '../report.ts'
import { runUi, UI_PORT } from '../ui/run.ts'
import { type Agent, findAgents } from './agents.ts'
import { type Answer, askAll, execArguments } from './ask.ts'
import { clusterFiles } from './cluster-bundle.ts'
import { waitForCluster } from './cluster-status.ts'
import { completePlugin } from './complete.ts'
import { hand, type Kubectl, type KubectlOptions, kubectlOf } from './kubectl.ts'
import { clusterSource } from './ui.ts'

const HELP = `
Commands are those of podroute in the agents' image (its podroute --help lists them) with their own options: status, plan,
doctor, peers, routes, services and so on. Without --node all agents are asked, and their answers come together.

  kubectl podroute status --cluster --wait --timeout 5m
  kubectl podroute routes --node node-1
  kubectl podroute peers -o yaml
  kubectl podroute events --follow
  kubectl podroute connectivity --nodes node-1,node-2      (--nodes all, --image, --external HOST:PORT, --timeout, --keep)
  kubectl podroute capture default/web --port 80           (--node a,b, --count, --duration, --write FILE)
  kubectl podroute ui
  kubectl podroute bundle --write podroute.tar.gz

Exit status: 0 when all is well, 1 when an agent cannot be asked, 2 for wrong arguments, ${EXIT_NOT_WELL} for a verdict that is not well.`

/** Of the agents' Events. */
const REPORTER = 'podroute.io/agent'
const TIMEOUT = '2m'
/** The plugin's help says all of them. */
const OWN = ['ui', 'events', 'bundle', 'completion']

interface Options extends KubectlOptions {
  readonly node?: string
  readonly output: Format
  readonly json?: boolean
  readonly cluster?: boolean
  readonly wait?: boolean
  /** As it was given. */
  readonly timeout?: string
  readonly follow?: boolean
  readonly help?: boolean
}

/** @param program kubectl */
export function createPlugin(version: string, program: string, surroundings: Surroundings): Command {
  const command = addFormatOptions(new Command('kubectl podroute'))
    .description('Looks at the podroute agents of a cluster')
    .version(version)
    .exitOverride()
    .allowUnknownOption()
    .argument('[command...]', 'of podroute, with its arguments')
    .option('--node <name>', 'ask the agent of this node alone')
    .option('-n, --namespace <name>', 'where podroute is', 'kube-system')
    .option('--context <name>', 'of the kubeconfig')
    .option('--kubeconfig <file>', 'to reach the cluster with')
    .option('--cluster', 'with status: one verdict on all nodes')
    .option('--wait', 'with status --cluster: until all is well')
    .option('--timeout <duration>', 'of --wait (default: 2m), and of connectivity')
    .option('--follow', 'go on with what comes, until it is ended')
    .helpOption(false)
    .option('-h, --help', 'of this, or of the command')
    .showHelpAfterError('(kubectl podroute --help says what there is)')
    .configureOutput({ writeOut: (text) => surroundings.write(text) })
    .addHelpText('after', HELP)
  return command.action(async (given: readonly string[], options: Options) => {
    const args = given[0] === 'help' ? given.slice(1) : given
    if (args.length === 0) return command.help()
    if (args.length < given.length || options.help) {
      const said = await helpOf(args[0]!, kubectlOf(program, options), surroundings)
      return said === undefined ? command.help() : surroundings.exit(said)
    }
    if (args[0] === 'completion') return surroundings.write(scriptFor(args[1]))
    if (args[0] === ASK) {
      const lines = await completePlugin(command, kubectlOf(program, options), args.slice(1))
      return surroundings.write(lines.map((line) => `${line}\n`).join(''))
    }
    surroundings.exit(await answer(args, options, program, surroundings))
  })
}

/** Undefined: of a command that the plugin's own help tells of. Of the agents' commands one of them knows. */
async function helpOf(name: string, kubectl: Kubectl, to: Surroundings): Promise<number | undefined> {
  if (OWN.includes(name)) return undefined
  const own = [connectivity, clusterCapture].find((definition) => definition.name === name)
  if (own) return byKubectl(own, ['--help'], { kubectl, options: { output: 'text' }, to })
  const { agents } = await findAgents(kubectl, 'pods')
  const agent = agents.find(({ trouble }) => trouble === undefined)
  if (!agent)
    throw new CliError('not-running', 'no agent runs that could say: kubectl podroute status says why')
  return hand(kubectl, execArguments(agent, [name, '--help']))
}

async function answer(
  args: readonly string[],
  options: Options,
  program: string,
  to: Surroundings,
): Promise<number> {
  const { node, cluster, wait, timeout = TIMEOUT, follow } = options
  const kubectl = kubectlOf(program, options)
  const format = formatOf(options)
  if (args[0] === 'events' && args.length > 1)
    throw new CliError('usage', `events takes --node, --follow and -o, not ${args[1]}`)
  if (args[0] === 'ui') {
    const source = clusterSource(kubectl, node)
    await runUi({ source, port: portOf(args), signal: to.signal, say: (line) => to.say(line) })
    return 0
  }
  if (args[0] === 'events') return events(kubectl, options, format)
  if (args[0] === connectivity.name) return tryConnectivity(args.slice(1), kubectl, options, to)
  if (args[0] === clusterCapture.name) {
    const nodes = node === undefined ? [] : ['--node', node]
    return byKubectl(clusterCapture, [...args.slice(1), ...nodes], { kubectl, options, to })
  }
  if ((cluster || wait) && args[0] !== 'status')
    throw new CliError('usage', '--cluster and --wait are for status')
  if ((cluster || wait) && node !== undefined)
    throw new CliError('usage', 'status --cluster is of all nodes: leave out --node, or --cluster and --wait')
  if (cluster || wait) {
    const patience = {
      wait: wait ? millisecondsOf('timeout', timeout) : 0,
      signal: to.signal,
      say: (line: string) => to.say(line),
    }
    return show(await waitForCluster(kubectl, patience), format, to)
  }
  if (args[0] === 'bundle' && node === undefined) return writeBundle(args.slice(1), kubectl, format, to)
  const { agents } = await findAgents(kubectl, 'pods')
  if (node !== undefined) return ofOne(kubectl, agentOn(agents, node), args, { format, follow })
  if (follow || args.includes('--watch'))
    throw new CliError('usage', 'one agent can be followed or watched: say which by --node')
  const asked = format === 'text' ? args : [...args, '--json']
  const answers = await askAll(kubectl, agents, asked)
  const wrong = wrongQuestion(answers)
  if (wrong !== undefined) throw new CliError('usage', wrong)
  return show(together(answers, format), format, to)
}

/** Options that are not the plugin's own come with the command. */
function portOf(args: readonly string[]): string {
  const joined = args.find((arg) => arg.startsWith('--port='))?.slice('--port='.length)
  const at = args.indexOf('--port')
  return joined ?? (at < 0 ? UI_PORT : (args[at + 1] ?? ''))
}

async function show(report: Report, format: Format, { write, style }: Surroundings): Promise<number> {
  write(await rendered(report, format, style))
  return report.exitCode ?? 0
}

function agentOn(agents: readonly Agent[], node: string): Agent {
  const agent = agents.find((one) => one.node === node)
  if (!agent)
    throw new CliError(
      'usage',
      `no agent is on node ${node}: there are some on ${agents.map((one) => one.node).join(', ')}`,
    )
  if (agent.trouble !== undefined)
    throw new CliError(
      'not-running',
      `the agent of ${node} (pod ${agent.pod}) cannot be asked: ${agent.trouble}`,
    )
  return agent
}

/** As if podroute ran here, but for the terminal. */
function ofOne(
  kubectl: Kubectl,
  agent: Agent,
  args: readonly string[],
  { format, follow }: { format: Format; follow: boolean | undefined },
): Promise<number> {
  const all = [...args, ...(follow ? ['--follow'] : []), ...(format === 'text' ? [] : ['-o', format])]
  return hand(kubectl, execArguments(agent, all))
}

/** Where all agents refuse it for the same reason, it is what was asked that is wrong: that is said once. */
function wrongQuestion(answers: readonly Answer[]): string | undefined {
  const reasons = new Set(answers.map(({ status, error }) => (status === 2 ? error : undefined)))
  const [reason] = reasons
  return reasons.size === 1 ? reason?.replaceAll('(podroute ', '(kubectl podroute ') : undefined
}

function together(answers: readonly Answer[], format: Format): Report {
  const failed = answers.some(({ error }) => error !== undefined)
  return {
    data: () => ({ nodes: answers.map((answer) => dataOf(answer, format)) }),
    text: (style) =>
      answers
        .map(
          ({ node, text, error }) =>
            `${style.header(`== ${node}`)}\n${text?.trimEnd() ?? `cannot be asked: ${error}`}`,
        )
        .join('\n\n'),
    exitCode: failed ? 1 : Math.max(...answers.map(({ status = 0 }) => status)),
  }
}

function dataOf({ node, pod, text, error, status }: Answer, format: Format): unknown {
  if (text === undefined) return { node, pod, error }
  return { node, pod, status, answer: format === 'text' ? text : JSON.parse(text) }
}

/** Of all nodes, into a file here. */
async function writeBundle(
  args: readonly string[],
  kubectl: Kubectl,
  format: Format,
  to: Surroundings,
): Promise<number> {
  const [option, path = defaultBundle(), ...rest] = args
  if ((option !== undefined && option !== '--write') || rest.length > 0)
    throw new CliError('usage', 'bundle takes --write FILE')
  const files = await clusterFiles(kubectl)
  writeArchive(path, 'podroute', files)
  to.say(`wrote ${path}: look into it before you give it away`)
  return path === '-' ? 0 : show(bundleReport(files), format, to)
}

function defaultBundle(): string {
  return `podroute-bundle-${new Date().toISOString().replaceAll(/[:-]|\.\d+/g, '')}.tar.gz`
}

async function tryConnectivity(
  args: readonly string[],
  kubectl: Kubectl,
  options: Options,
  to: Surroundings,
): Promise<number> {
  const { node, timeout } = options
  if (node !== undefined)
    throw new CliError('usage', 'connectivity takes several nodes: --nodes node-1,node-2, or --nodes all')
  const given = timeout === undefined ? [] : ['--timeout', timeout]
  return byKubectl(connectivity, [...args, ...given], { kubectl, options, to })
}

interface ByKubectl {
  readonly kubectl: Kubectl
  readonly options: Pick<Options, 'output' | 'json'>
  readonly to: Surroundings
}

/** A command that asks kubectl itself, with the options that both have. */
async function byKubectl(
  definition: ReportCommand,
  args: readonly string[],
  { kubectl, options, to }: ByKubectl,
): Promise<number> {
  let status = 0
  const exit = (code: number) => {
    status = code
  }
  const { program, flags, namespace } = kubectl
  const shared = [...flags, '--namespace', namespace, '--kubectl', program, '-o', formatOf(options)]
  const command = reportCommand(definition, { ...to, signal: to.signal, exit })
    .name(`kubectl podroute ${definition.name}`)
    .configureOutput({ writeOut: (text) => to.write(text) })
    .exitOverride()
    .showHelpAfterError(`(kubectl podroute ${definition.name} --help says what there is)`)
  await command.parseAsync([...args, ...shared], { from: 'user' })
  return status
}

/** Of the agents, on Nodes and Services, as kubectl shows them. */
async function events(kubectl: Kubectl, { follow, node }: Options, format: Format): Promise<number> {
  const of = [
    `reportingComponent=${REPORTER}`,
    ...(node === undefined ? [] : [`involvedObject.name=${node}`]),
  ]
  const args = ['get', 'events', '--all-namespaces', '--field-selector', of.join(',')]
  const output = format === 'text' ? [] : ['--output', format]
  return hand(kubectl, [...args, ...output, ...(follow ? ['--watch'] : [])])
}
