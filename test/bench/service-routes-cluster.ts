/**
 * The agent with its service proxy as a process in a virtual machine, API server and FRR outside of it. Runs inside the benchmark's network
 * namespace, which `service-routes.ts` makes; prints each figure as a line of JSON.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { agentCommand, agentSettings } from '../../deploy/manifest.ts'
import { run } from '../../lab/command.ts'
import { startControlPlane } from '../../lab/control-plane/start.ts'
import { Processes } from '../../lab/processes.ts'
import { AnnouncedServices } from '../support/announced-services.ts'
import { eventually } from '../support/eventually.ts'
import { QuickApi } from '../support/quick-api.ts'
import { RouteLog } from '../support/route-log.ts'
import { type Figure, median } from './report.ts'
import { ApiWriter } from './services-api.ts'
import { API_ADDRESS, NETWORK } from './services-network.ts'
import { BenchNode, type Program } from './services-node.ts'
import { NODE, SERVICE_RANGE } from './services-objects.ts'

const BUILD = resolve(import.meta.dirname, '../../deploy/build.ts')
const DAEMONS = '/usr/lib/frr'
const ROUNDS = 20
const MANY = 2000
/** Milliseconds after which memory is calm. */
const CALM = 40_000

const say = (figure: Figure) => process.stdout.write(`${JSON.stringify(figure)}\n`)
const address = (n: number) => `198.18.${n >> 8}.${n & 255}`

function agent(directory: string, announce: boolean): Program {
  return {
    command: [
      ...agentCommand(join(directory, 'dist')),
      ...['--config', join(directory, announce ? 'on.yaml' : 'off.yaml')],
      ...['--node-name', NODE.name, '--kubeconfig', join(directory, 'admin.kubeconfig')],
    ],
    env: agentSettings().env,
  }
}

const configuration = (announce: boolean) => `serviceCIDRs: [${SERVICE_RANGE}]
peers: [{address: ${API_ADDRESS}, asn: 65000}]
serviceAddresses: { externalIPs: ${announce}, annotations: false }
serviceProxy: { externalIPRanges: [203.0.113.0/24, 198.18.0.0/15] }
`

async function startRouter(directory: string, processes: Processes): Promise<void> {
  const folder = join(directory, 'router')
  await mkdir(folder)
  await run('chmod', ['a+x', directory]) // the daemons give up root
  await run('chown', ['frr:frr', folder])
  await writeFile(join(folder, 'zebra.conf'), 'log stdout\n')
  await writeFile(
    join(folder, 'bgpd.conf'),
    `frr defaults datacenter
router bgp 65000
 bgp router-id ${API_ADDRESS}
 no bgp ebgp-requires-policy
 neighbor ${NODE.address} remote-as 64512
 neighbor ${NODE.address} timers connect 1
`,
  )
  for (const daemon of ['zebra', 'bgpd']) {
    const files = ['-f', join(folder, `${daemon}.conf`), '-i', join(folder, `${daemon}.pid`)]
    const command = [join(DAEMONS, daemon), ...files, '-z', join(folder, 'zserv.api'), '--vty_socket', folder]
    await processes.start(`router-${daemon}`, command, { netns: NETWORK })
  }
}

async function routes(services: AnnouncedServices, log: RouteLog): Promise<void> {
  const [came, went]: [number[], number[]] = [[], []]
  for (let n = 0; n < ROUNDS; n++) {
    const [name, vip] = [`quick-${n}`, `203.0.113.${n}`]
    await services.slice(name, [['10.244.1.9', NODE.name]])
    let since = log.length
    let start = performance.now()
    await services.create({ name, address: vip, policy: 'Local' })
    came.push((await log.when('came', vip, since)) - start)
    since = log.length
    start = performance.now()
    await services.slice(name, [['10.244.1.9', NODE.name, { ready: false }]])
    went.push((await log.when('went', vip, since)) - start)
  }
  const goal = { kind: 'max', value: 150 } as const
  say({ name: 'Service created to its route at FRR', unit: 'ms', ours: median(came), goal })
  say({ name: 'the same, the slowest', unit: 'ms', ours: Math.max(...came) })
  say({ name: 'last local endpoint gone to withdrawn there', unit: 'ms', ours: median(went), goal })
  say({ name: 'the same, the slowest', unit: 'ms', ours: Math.max(...went) })
}

/** The agent's memory once it has settled, in MiB: all that is resident, and the part of it that is no file's. */
async function memory(node: BenchNode, directory: string, announce: boolean, log: RouteLog) {
  const since = log.length
  node.run(agent(directory, announce))
  if (announce) await log.when('came', address(MANY - 1), since)
  await eventually(() => node.output.includes('Services are in place'), 60_000)
  await new Promise((done) => setTimeout(done, CALM))
  const usage = await node.usage()
  await node.kill()
  return usage
}

async function measure(directory: string, processes: Processes): Promise<void> {
  await run(process.execPath, [BUILD, '--skip-cni', '--out', join(directory, 'dist')])
  await writeFile(join(directory, 'on.yaml'), configuration(true))
  await writeFile(join(directory, 'off.yaml'), configuration(false))
  const ranges = { netns: NETWORK, address: API_ADDRESS, serviceCidr: SERVICE_RANGE }
  const { kubeconfig } = await startControlPlane({ directory, processes, ...ranges })
  // The objects stand still but for what the benchmark does.
  await processes.stop((name) => name === 'kube-controller-manager' || name === 'kube-scheduler')
  using api = new ApiWriter(await readFile(kubeconfig, 'utf8'))
  await api.addNode(NODE)
  await startRouter(directory, processes)
  using log = new RouteLog()
  const services = new AnnouncedServices(
    await QuickApi.open({ directory, network: NETWORK, kubeconfig, processes }),
  )
  await using node = await BenchNode.boot(directory)
  try {
    node.run(agent(directory, true))
    await log.when('came', NODE.podCIDR, 0)
    await routes(services, log)
    await node.kill()
    for (let n = 0; n < MANY; n++) {
      await services.slice(`many-${n}`, [['10.244.1.9', NODE.name]])
      await services.create({ name: `many-${n}`, address: address(n) })
    }
    const off = await memory(node, directory, false, log)
    const on = await memory(node, directory, true, log)
    const goal = { kind: 'max', value: 10 } as const
    say({ name: `${MANY} announced addresses: RSS`, unit: 'MiB', ours: on.rss - off.rss, goal })
    say({ name: 'the same, no file’s', unit: 'MiB', ours: on.anonymous - off.anonymous })
    say({ name: `RSS with ${MANY} Services, none announced`, unit: 'MiB', ours: off.rss })
  } catch (error) {
    throw new Error(`the agent's last words: ${node.output}`, { cause: error })
  }
}

const directory = await mkdtemp(join(tmpdir(), 'podroute-bench-'))
const processes = new Processes(directory, true)
try {
  await measure(directory, processes)
} finally {
  await processes.stop()
  await rm(directory, { recursive: true, force: true })
}
process.exit()
