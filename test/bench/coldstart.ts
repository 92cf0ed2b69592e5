/**
 * From a node's join to its first pod that is ready, of podroute, kindnet and
 * kube-router, the latter two where their sources are named (lab/tools/peer-networks.ts). One node, booted anew for each run; all images
 * are on it. A lab for each network, one after the other.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

process.env.PODROUTE_LAB_NODES = '1'
process.env.PODROUTE_LAB ??= 'coldstart'

const { NODES } = await import('../../lab/addresses.ts')
const { BLUE_IMAGE } = await import('../../lab/images/pods.ts')
const { machinesOf, PODROUTE, startLab, stopLab } = await import('../../lab/lifecycle.ts')
const { joinCluster, nodeDirectory, powerOn, prepareMachine, runOnNode } = await import(
  '../../lab/node/node.ts'
)
const { prepare } = await import('../../lab/prepare.ts')
const { Processes } = await import('../../lab/processes.ts')
const { Progress } = await import('../../lab/progress.ts')
const { apply, attemptKubectl, kubectl } = await import('../../lab/scenarios/cluster.ts')
const { STATE } = await import('../../lab/state.ts')
const { benchOptions } = await import('./options.ts')
const { watchStages } = await import('./coldstart-stages.ts')
const { kindnet, kubeRouter } = await import('./coldstart-peers.ts')
const { report } = await import('./report.ts')
type Prepared = Awaited<ReturnType<typeof prepare>>
type Peer = Awaited<ReturnType<typeof kindnet>>

/** Ours may be as slow as the faster of them. */
const GOAL = { kind: 'ratio', value: 1 } as const
const NODE = NODES[0]!
/** Milliseconds for a lab to start. */
const START = 90_000

function pod(name: string) {
  return {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name } },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'first', image: BLUE_IMAGE, imagePullPolicy: 'Never' }],
    },
  }
}

/** The node goes as if it had never been, and joins once more: seconds until the pod that waited for it is ready. */
async function joinOnce(prepared: Prepared, name: string, network: string): Promise<number> {
  const processes = await Processes.load(STATE)
  await processes.stop((process) => process.startsWith(NODE.name))
  await kubectl(['delete', 'node', NODE.name])
  await kubectl(['delete', 'pods', '--all', '--all-namespaces', '--force', '--grace-period=0'])
  // With its sockets.
  await rm(nodeDirectory(STATE, NODE.name), { recursive: true, force: true })
  const [machine] = machinesOf(prepared, processes)
  await powerOn(machine!)
  await prepareMachine(machine!)
  await apply(pod(name))
  if (values.stages) watchStages((line) => void process.stderr.write(`${line}\n`))
  const ready = attemptKubectl(['wait', '--for=condition=Ready', `pod/${name}`, '--timeout=120s'])
  const started = performance.now()
  await joinCluster(machine!)
  const { code, stderr } = await ready
  const seconds = (performance.now() - started) / 1000
  if (code !== 0) {
    const seen = await attemptKubectl(['get', 'pods', '-A', '-o', 'wide'])
    const kubelet = await runOnNode(STATE, NODE.name, 'tail -5 /var/log/kubelet.log', { timeout: 20_000 })
    throw new Error(`${name} is not ready: ${stderr}\n${seen.stdout}${kubelet.stdout}`)
  }
  if (values.logs !== undefined) await keepLogs(join(values.logs, network, name))
  return seconds
}

/** With moments: of the kubelet and containerd the last words of each line may be long. */
async function keepLogs(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const [file, command] of Object.entries({
    'kubelet.log': 'cat /var/log/kubelet.log',
    'containerd.log': 'cat /var/log/containerd.log',
    'pods.log': 'grep -r . /var/log/pods/*/*/',
    processes: 'ps -eo lstart,etimes,cputimes,pid,args',
  })) {
    const { stdout } = await runOnNode(STATE, NODE.name, command, { timeout: 20_000 })
    await writeFile(join(folder, file), stdout)
  }
}

/** A network that has not come up by then is given up, and said. */
function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  work.catch(() => {})
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error(`not within ${milliseconds / 1000} s`)), milliseconds).unref()
  })
  return Promise.race([work, late])
}

/** A lab of that network, and some joins of its node; the first, which no run counts, fills the host's page cache. */
async function measure(
  prepared: Prepared,
  network: Pick<Peer, 'name' | 'title' | 'apply' | 'wait'>,
  runs: number,
) {
  process.stderr.write(`${network.name} …\n`)
  try {
    await within(START, startLab(prepared, new Progress(() => {}), network))
    const seconds: number[] = []
    for (let run = 0; run < runs; run++) {
      seconds.push(await joinOnce(prepared, `first-${run}`, network.name))
      process.stderr.write(`  ${network.name}: ${seconds.at(-1)!.toFixed(2)} s\n`)
    }
    return seconds
  } finally {
    await stopLab()
  }
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!

const USAGE = `bench:coldstart [-- OPTION…]
  --json             a line of JSON for each figure
  --runs N           joins that count, for each network (default 5)
  --only PEER,…      kindnet, kube-router (default: both)
  --stages           says where the time goes
  --logs FOLDER      keeps there what kubelet, containerd and pods say at each join`

const { values } = benchOptions(USAGE, {
  options: {
    json: { type: 'boolean', default: false },
    runs: { type: 'string', default: '5' },
    only: { type: 'string', default: 'kindnet,kube-router' },
    stages: { type: 'boolean', default: false },
    logs: { type: 'string' },
  },
})

function givenUp(name: string): (error: Error) => void {
  return ({ message }) => {
    process.stderr.write(`${name} is given up: ${message}\n`)
    process.exitCode = 1
  }
}

/** Those whose programs can be built. */
async function peersOf(into: string): Promise<readonly Peer[]> {
  const peers: Peer[] = []
  for (const [name, make] of Object.entries({ kindnet, 'kube-router': kubeRouter }))
    if (values.only.split(',').includes(name))
      await make(into).then((peer) => void peers.push(peer), givenUp(name))
  return peers
}

const work = await mkdtemp(join(tmpdir(), 'podroute-coldstart-'))
try {
  const peers = await peersOf(work)
  const prepared = await prepare(new Progress(() => {}), { images: peers.map(({ archive }) => archive) })
  const medians = new Map<string, number>()
  for (const network of [{ ...PODROUTE, name: 'podroute' }, ...peers])
    await measure(prepared, network, Number(values.runs)).then(
      (seconds) => medians.set(network.name, median(seconds)),
      givenUp(network.name),
    )
  const ours = medians.get('podroute')
  if (ours === undefined) throw new Error('podroute was not measured')
  const others = [...medians].flatMap(([name, seconds]) => (name === 'podroute' ? [] : [{ name, seconds }]))
  const fastest = others.toSorted((a, b) => a.seconds - b.seconds)[0]
  const figure = { name: 'cold start: join to first pod', unit: 's', ours }
  const results = fastest
    ? others.map(({ name, seconds }) =>
        report(
          {
            ...{ ...figure, name: `${figure.name}, beside ${name}`, peer: seconds },
            ...(name === fastest.name ? { goal: GOAL } : {}),
          },
          { json: values.json },
        ),
      )
    : [report(figure, { json: values.json })]
  if (results.some(({ verdict }) => verdict === 'missed')) process.exitCode = 1
} finally {
  await rm(work, { recursive: true, force: true })
}
