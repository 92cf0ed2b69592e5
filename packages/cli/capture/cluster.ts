/** `kubectl podroute capture`: packets of one or several nodes, each heard by a pod that comes and goes with the command. */
import { randomBytes } from 'node:crypto'
import { CliError } from '../errors.ts'
import { type Agent, findAgents } from '../kubectl/agents.ts'
import { WHICH_CLUSTER } from '../kubectl/arguments.ts'
import { failure, type Kubectl, kubectlOf, run, stream } from '../kubectl/kubectl.ts'
import type { Asked, ReportCommand } from '../report.ts'
import { CONTAINER, createPods, type HelperPods, NEEDS, removePods, waitForPods } from './helper-pod.ts'
import type { Names } from './lines.ts'
import { type CaptureOptions, captureOptions, expectSome, HOW, LIMITS, NOTHING, WHICH } from './options.ts'
import { PcapngReader } from './pcapng-read.ts'
import { fileSink, type Sink, textSink } from './sink.ts'
import { Tally } from './tally.ts'
import { type ClusterObject, namesOf, type Target, targetOf } from './targets.ts'

const HELP = `
It starts a pod on the node with the node's network and CAP_NET_RAW, in podroute's namespace, and removes it at the end, also with Ctrl-C;
it ends by itself, too. A packet is a line at each place that it passes: a pod's interface, the bridge, the uplink.

  kubectl podroute capture default/web                      a pod or a Service
  kubectl podroute capture 10.244.1.5,10.244.2.7 --node node-1,node-2
  kubectl podroute capture node-1 --port 30080 --write web.pcapng`

/** Where the kubelet answers the API server, which is how the packets come. */
const KUBELET = 10_250
/** Nodes that are taken when none is said. */
const MOST_NODES = 4
/** Bytes of a packet for lines, and for a file. */
const HEADERS = '256'
const WHOLE = '65535'

export const clusterCapture: ReportCommand = {
  name: 'capture',
  summary: 'packets at each place that they pass, with names for addresses',
  help: HELP,
  once: true,
  arguments: [
    {
      ...{ name: 'what', kind: 'argument' },
      summary: 'a pod or Service as namespace/name, a node, addresses; joined by commas',
    },
    {
      name: 'node',
      kind: 'option',
      takes: 'names',
      summary: 'where to listen, joined by commas; absent: where WHAT is',
    },
    ...WHICH,
    ...LIMITS,
    ...HOW,
    ...WHICH_CLUSTER,
  ],
  async report(asked) {
    const { query, signal, say } = asked
    const { kubectl: program = 'kubectl', namespace = '', context, kubeconfig } = query
    const kubectl = kubectlOf(program, { namespace, context, kubeconfig })
    const options = captureOptions(query)
    expectSome(query.what, options)
    const { target, names } = await resolve(kubectl, query.what, options)
    const { agents } = await findAgents(kubectl, 'pods')
    const chosen = nodesFor(agents, query.node?.split(',') ?? target.nodes)
    const id = randomBytes(3).toString('hex')
    say(`starts a pod on ${chosen.map(({ node }) => node).join(', ')}`)
    const pods = await createPods(kubectl, chosen, id, options.limits.milliseconds / 1000)
    try {
      await waitForPods(kubectl, pods, signal)
      await hear(kubectl, pods, { asked, options, target, names })
    } catch (error) {
      // What it was in the middle of is no news.
      if (!signal.aborted) throw error
    } finally {
      const left = await removePods(kubectl, pods)
      if (left !== '') say(left)
    }
    return NOTHING
  },
}

interface Resolved {
  readonly target: Target
  readonly names: Names
}

const ALL = { addresses: [], ports: [], nodes: [] }

/** Whoever may not list the cluster's objects gets addresses for addresses. */
async function resolve(
  kubectl: Kubectl,
  what: string | undefined,
  { numeric, ports: wanted }: CaptureOptions,
): Promise<Resolved> {
  const words = what?.split(',') ?? []
  const objects = await list(kubectl, 'pods,services,nodes', '--all-namespaces')
  const targets: Target[] = []
  for (const word of words) {
    const [namespace = '', name] = word.split('/')
    const of = `kubernetes.io/service-name=${name}`
    const slices =
      name === undefined ? [] : await list({ ...kubectl, namespace }, 'endpointslices', '--selector', of)
    targets.push(targetOf(word, { objects, slices, ports: wanted }))
  }
  const target = targets.reduce(
    (sum, one) => ({
      addresses: [...sum.addresses, ...one.addresses],
      ports: [...sum.ports, ...one.ports],
      nodes: [...new Set([...sum.nodes, ...one.nodes])],
    }),
    ALL,
  )
  // Where one of several may have any port, all may.
  const ports = targets.every((one) => one.ports.length > 0) ? [...new Set([...wanted, ...target.ports])] : []
  return { target: { ...target, ports }, names: numeric ? new Map() : namesOf(objects) }
}

async function list(
  kubectl: Kubectl,
  what: string,
  ...more: readonly string[]
): Promise<readonly ClusterObject[]> {
  const ended = await run(kubectl, ['get', what, ...more, '--output', 'json'])
  if (ended.status !== 0) throw failure(ended, kubectl.namespace, `${NEEDS}, and list on what names are for`)
  return (JSON.parse(ended.stdout) as { items: readonly ClusterObject[] }).items
}

function nodesFor(agents: readonly Agent[], names: readonly string[]): readonly Agent[] {
  const known = agents.map(({ node }) => node).join(', ')
  if (names.length === 0)
    throw new CliError('usage', `say where to listen: --node, one or several of ${known}`)
  if (names.length > MOST_NODES)
    throw new CliError('usage', `it is on ${names.length} nodes: say by --node where to listen`)
  return names.map((name) => {
    const agent = agents.find(({ node }) => node === name)
    if (agent) return agent
    throw new CliError(
      'usage',
      `no agent is on node ${name}, whose image the pod would have: there are some on ${known}`,
    )
  })
}

interface Hearing extends Resolved {
  readonly asked: Asked
  readonly options: CaptureOptions
}

/** Until a limit, or until it is ended. @throws CliError when a node cannot be heard */
async function hear(
  kubectl: Kubectl,
  { pods }: HelperPods,
  { asked, options, target, names }: Hearing,
): Promise<void> {
  const { say, signal, format, write } = asked
  const tally = new Tally(options.limits)
  const sink = options.write === undefined ? textSink(format, names, write) : fileSink(options.write, names)
  const enough = new AbortController()
  const ends = AbortSignal.any([signal, enough.signal])
  const stop = () => enough.abort()
  const listening = [...pods].map(async ([node, pod]) => {
    const reader = new PcapngReader(node)
    const args = ['exec', pod, '--container', CONTAINER, '--', ...podCommand(options, target)]
    const onBytes = (bytes: Buffer) => take(reader.read(bytes), { sink, tally, node, say, stop })
    const ended = await stream(kubectl, args, onBytes, { signal: ends, detached: true }).catch((error) => {
      if (!ends.aborted) throw error
    })
    if (ended && ended.status !== 0 && !ends.aborted) throw failure(ended, kubectl.namespace, NEEDS)
  })
  try {
    await Promise.all(listening)
  } finally {
    stop()
    await Promise.allSettled(listening)
    sink.end(tally.lost)
    say(tally.text)
  }
}

interface Taking {
  readonly sink: Sink
  readonly tally: Tally
  readonly node: string
  say(line: string): void
  stop(): void
}

function take(read: ReturnType<PcapngReader['read']>, { sink, tally, node, say, stop }: Taking): void {
  for (const one of read) {
    if (one.kind === 'begin') say(`listens on ${node}`)
    else if (one.kind === 'lost') tally.lost += one.count
    else if (tally.take(one.packet)) sink.packet(one.packet)
  }
  if (tally.enough) stop()
}

/** As `podroute capture` has it. The limits are its own, too: nothing goes on there that nobody reads. */
function podCommand(
  { limits, places, write }: CaptureOptions,
  { addresses, ports }: Target,
): readonly string[] {
  const listed = (option: string, values: readonly (string | number)[]) =>
    values.length === 0 ? [] : [option, values.join(',')]
  return [
    ...['podroute', 'capture', ...listed('', addresses).slice(1)],
    ...listed('--port', ports),
    ...listed('--at', places),
    ...(ports.includes(KUBELET) ? [] : ['--except', String(KUBELET)]),
    ...['--count', String(limits.count), '--bytes', String(limits.bytes)],
    ...['--duration', `${limits.milliseconds / 1000}s`, '--keep', write === undefined ? HEADERS : WHOLE],
    ...['--numeric', '--write', '-'],
  ]
}
