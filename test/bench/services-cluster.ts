/**
 * The agent and kube-proxy as processes in a virtual machine, the API server outside of it. Runs inside the benchmark's network
 * namespace; `services.ts` makes it.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { inspect, parseArgs } from 'node:util'
import { run } from '../../lab/command.ts'
import { buildControlPlane } from '../../lab/control-plane/build.ts'
import { startControlPlane } from '../../lab/control-plane/start.ts'
import { Processes } from '../../lab/processes.ts'
import { begin, report } from './report.ts'
import { ApiWriter } from './services-api.ts'
import { serveEndpoints, untilAllAnswer } from './services-clients.ts'
import { type IdleFigures, measureIdle } from './services-idle.ts'
import { firstSync, median, quantile, steadyChange, updates } from './services-measure.ts'
import { API_ADDRESS, NETWORK } from './services-network.ts'
import { BenchNode, type Program } from './services-node.ts'
import { NODE, SERVICE_RANGE } from './services-objects.ts'
import { agentProgram, kubeProxyProgram, type ProxyMode } from './services-programs.ts'

const BUILD = resolve(import.meta.dirname, '../../deploy/build.ts')
/** kube-proxy takes its time. */
/** The first few are faster: kube-proxy's rate limit lets two through. */
const PEER_UPDATES = { rounds: 9, timeout: 60_000 }
const UPDATES = { rounds: 50, timeout: 10_000 }
/** Changes a second. */
const RATE = 200

interface Goals {
  readonly firstSync: number
  readonly rss: number
}

/** Milliseconds and MiB. */
const GOALS: Readonly<Record<number, Goals>> = {
  1000: { firstSync: 2500, rss: 100 },
  10000: { firstSync: 15_000, rss: 160 },
}

/** Percent and MiB: what kube-router needs in the same machine is 0.0-0.1 %, and 65.0 and 95.6 MiB. */
const MESH_GOALS: Partial<IdleFigures> = { rss: 75, anonymous: 32 }
const IDLE_GOALS: Partial<IdleFigures> = { cpu: 0.2, rss: 90 }

class Bench {
  readonly #api: ApiWriter
  readonly #directory: string
  readonly #json: boolean

  constructor(api: ApiWriter, directory: string, json: boolean) {
    this.#api = api
    this.#directory = directory
    this.#json = json
  }

  /** @param name `idle-mesh`, `idle`, `agent-1000`, `kube-proxy-ipvs-1000`; sizes must not shrink from one case to the next */
  async run(name: string): Promise<void> {
    if (name === 'idle-mesh') return this.#idle(1, MESH_GOALS)
    if (name === 'idle') return this.#idle(1000, IDLE_GOALS)
    const [, mode, size] = /^(?:agent|kube-proxy-(nftables|ipvs))-(\d+)$/.exec(name) ?? []
    if (size === undefined) throw new Error(`no case ${name}`)
    if (mode === undefined) await this.#agent(Number(size))
    else await this.#kubeProxy(mode as ProxyMode, Number(size))
  }

  /** In a mesh of two nodes. */
  async #idle(services: number, goals: Partial<IdleFigures>): Promise<void> {
    const { cpu, rss, anonymous } = await measureIdle(this.#api, this.#directory, services)
    const name = (what: string) => `idle, 2 nodes, ${services} x 5: ${what}`
    this.#report(name('CPU'), '%', cpu, goals.cpu)
    this.#report(name('RSS'), 'MiB', rss, goals.rss)
    this.#report(name('RSS, anonymous'), 'MiB', anonymous, goals.anonymous)
  }

  async #agent(services: number): Promise<void> {
    await this.#api.fill(services)
    await using node = await BenchNode.boot(this.#directory)
    const program = agentProgram(this.#directory)
    await node.warm([...program.command, '--help'])
    try {
      await this.#figures(node, program, services)
    } catch (error) {
      throw new Error(`the agent's last words: ${node.output}`, { cause: error })
    }
  }

  async #figures(node: BenchNode, program: Program, services: number): Promise<void> {
    const goals = GOALS[services]
    const sync = await firstSync(node, program, services)
    this.#report(`first sync of ${services} x 5`, 'ms', sync, goals?.firstSync)
    const times = await updates(this.#api, UPDATES)
    this.#report(`update to first connection at ${services}`, 'ms', median(times), 100)
    this.#report(`the same, slowest of ${times.length}`, 'ms', Math.max(...times))
    await this.#usage(node, services, goals?.rss)
    if (services !== 1000) await this.#rate(node, services, RATE)
    await this.#restart(node, program, services)
  }

  async #kubeProxy(mode: ProxyMode, services: number): Promise<void> {
    await this.#api.fill(services)
    await using node = await BenchNode.boot(this.#directory)
    const program = kubeProxyProgram(this.#directory, join(await buildControlPlane(), 'kube-proxy'), mode)
    await node.warm([...program.command, '--version'])
    // It sets what this module has before it loads any.
    await node.sh('modprobe nf_conntrack')
    const sync = await firstSync(node, program, services)
    this.#report(`kube-proxy ${mode}: first sync of ${services} x 5`, 'ms', sync)
    const times = await updates(this.#api, PEER_UPDATES)
    this.#report(`kube-proxy ${mode}: update to first connection`, 'ms', median(times))
    this.#report(`kube-proxy ${mode}: RSS`, 'MiB', (await node.usage()).rss)
  }

  async #usage(node: BenchNode, services: number, goal: number | undefined): Promise<void> {
    const { rss, peak, cpu } = await node.usage()
    this.#report(`RSS at ${services} x 5`, 'MiB', rss, goal)
    this.#report(`RSS at ${services} x 5, the most ever`, 'MiB', peak)
    this.#report(`CPU time until then at ${services} x 5`, 's', cpu)
  }

  async #rate(node: BenchNode, services: number, rate: number): Promise<void> {
    const before = await node.usage()
    const seconds = 60
    const figures = await steadyChange(this.#api, { services, rate, seconds })
    const after = await node.usage()
    const name = (what: string) => `${rate} changes/s at ${services}: ${what}`
    this.#report(name('reached'), '/s', figures.rate)
    this.#report(name('lag p50'), 'ms', quantile(figures.lags, 0.5))
    this.#report(name('lag p99'), 'ms', quantile(figures.lags, 0.99), 250)
    this.#report(name('CPU'), '%', ((after.cpu - before.cpu) / ((rate * seconds) / figures.rate)) * 100)
    this.#report(name('RSS'), 'MiB', after.rss)
  }

  /** Everything is in the kernel already: it is read, and left alone. */
  async #restart(node: BenchNode, program: Program, services: number): Promise<void> {
    await node.kill()
    await untilAllAnswer(services, 10_000)
    await node.countWrites()
    const started = performance.now()
    node.run(program)
    while (!node.output.includes('Services are in place')) {
      if (performance.now() - started > 120_000) throw new Error(`no restart: ${node.output}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    this.#report(`restart at ${services}: all compared`, 'ms', performance.now() - started)
    this.#report(`restart at ${services}: writes`, 'write', await node.writes(), 0)
  }

  #report(name: string, unit: string, ours: number, max?: number): void {
    const goal = max === undefined ? {} : { goal: { kind: 'max', value: max } as const }
    report({ name: `services: ${name}`, unit, ours, ...goal }, { json: this.#json })
  }
}

const { values, positionals: cases } = parseArgs({
  options: { json: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const directory = await mkdtemp(join(tmpdir(), 'podroute-bench-'))
const processes = new Processes(directory, true)
try {
  await run(process.execPath, [BUILD, '--skip-cni', '--out', join(directory, 'dist')])
  const control = await startControlPlane({
    ...{ directory, processes, netns: NETWORK, address: API_ADDRESS },
    serviceCidr: SERVICE_RANGE,
  })
  // The objects stand still but for what the benchmark does.
  await processes.stop((name) => name === 'kube-controller-manager' || name === 'kube-scheduler')
  using api = new ApiWriter(await readFile(control.kubeconfig, 'utf8'))
  await api.addNode(NODE)
  const server = await serveEndpoints()
  const bench = new Bench(api, directory, values.json)
  for (const name of cases) {
    begin(name)
    // One that cannot be measured does not keep the others from it.
    await bench.run(name).catch((error: unknown) => {
      process.stderr.write(`${name}: ${inspect(error)}\n`)
      process.exitCode = 1
    })
  }
  server.close()
} finally {
  await processes.stop()
  await rm(directory, { recursive: true, force: true })
}
process.exit()
