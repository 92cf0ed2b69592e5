/**
 * `npm run bench:policy -- kube-router`: what network policy costs in kube-router, of the same objects and on the same kernel. It reads them
 * from an API server, and shares its network namespace. IPv4 alone, as it keeps rules and sets of its own for each family. KUBE_ROUTER names
 * the program: Go's module proxy has none of its newer versions.
 */
import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNetns, removeNetns } from '@podroute/linux/netns.ts'
import { run } from '../../lab/command.ts'
import { startControlPlane } from '../../lab/control-plane/start.ts'
import { Processes } from '../../lab/processes.ts'
import { type BenchSize, benchPod, benchPolicy, NODE, namespaceLabels } from './policy-objects.ts'
import { ApiWriter } from './services-api.ts'

const NETNS = 'pr-bench-kube-router'
const NODE_ADDRESS = '192.0.2.1'
const PARALLEL = 24
const ROUNDS = 3
/** Milliseconds between two looks at the rules, each of which takes a while itself. */
const PAUSE = 100

const metadata = (name: string, namespace?: string, labels: object = {}) => ({ name, namespace, labels })

function podObject(name: string, namespace: string, index: number, size: BenchSize, ip?: string) {
  const { labels, node, addresses } = benchPod(index, size)
  const podIP = ip ?? addresses[0]!
  const object = {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: metadata(name, namespace, labels) },
    spec: { nodeName: node, containers: [{ name: 'c', image: 'none' }] },
  }
  const hostIP = node === NODE ? NODE_ADDRESS : '192.0.2.9'
  return { object, status: { phase: 'Running', podIP, podIPs: [{ ip: podIP }], hostIP } }
}

class Cluster {
  readonly #api: ApiWriter
  readonly #size: BenchSize

  constructor(api: ApiWriter, size: BenchSize) {
    this.#api = api
    this.#size = size
  }

  async fill(): Promise<void> {
    const { pods, policies, namespaces } = this.#size
    await this.#all(namespaces, async (n) => {
      const object = {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: metadata(`ns-${n}`, undefined, namespaceLabels(n)),
      }
      await this.#api.send('POST', '/api/v1/namespaces', object)
      const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadata('default', `ns-${n}`) }
      await this.#api.send('POST', `/api/v1/namespaces/ns-${n}/serviceaccounts`, account)
    })
    await this.#all(pods, (n) => this.addPod(`pod-${n}`, `ns-${n % namespaces}`, n))
    await this.#all(policies, (n) =>
      this.addPolicy(`policy-${n}`, `ns-${n % namespaces}`, benchPolicy(n, this.#size)),
    )
  }

  async addPod(name: string, namespace: string, index: number, ip?: string): Promise<void> {
    const { object, status } = podObject(name, namespace, index, this.#size, ip)
    const pods = `/api/v1/namespaces/${namespace}/pods`
    await this.#api.send('POST', pods, object)
    await this.#api.send('PUT', `${pods}/${name}/status`, { ...object, status })
  }

  addPolicy(name: string, namespace: string, spec: object): Promise<void> {
    const object = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: metadata(name, namespace),
      spec,
    }
    return this.#api.send(
      'POST',
      `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`,
      object,
    )
  }

  async #all(count: number, one: (index: number) => Promise<void>): Promise<void> {
    let next = 0
    const lane = async () => {
      while (next < count) await one(next++)
    }
    await Promise.all(Array.from({ length: PARALLEL }, lane))
  }
}

const rules = () =>
  execFileSync('ip', ['netns', 'exec', NETNS, 'iptables-save', '-t', 'filter'], {
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  })

/** Milliseconds until the rules are so; undefined: not within the limit. */
async function until(holds: (rules: string) => boolean, limit: number): Promise<number | undefined> {
  const begin = performance.now()
  for (;;) {
    const took = performance.now() - begin
    if (holds(rules())) return took
    if (took > limit * 1000) return undefined
    await new Promise((resolve) => setTimeout(resolve, PAUSE))
  }
}

const say = (what: string, value: string) =>
  process.stdout.write(`${`kube-router: ${what}`.padEnd(64)} ${value.padStart(12)}\n`)
/** The median; one that did not get there is the longest. */
function inAll(list: readonly (number | undefined)[], limit: number): string {
  const times = list.map((time) => time ?? Number.POSITIVE_INFINITY)
  const median = times.toSorted((a, b) => a - b)[times.length >> 1]!
  return Number.isFinite(median) ? `${median.toFixed(0)} ms` : `not within ${limit} s`
}

export async function benchKubeRouter(size: BenchSize): Promise<void> {
  const program = process.env.KUBE_ROUTER
  if (program === undefined)
    throw new Error(
      'KUBE_ROUTER is not set: it names the program, which `go build ./cmd/kube-router` makes in its repository',
    )
  const directory = await mkdtemp(join(tmpdir(), 'podroute-bench-kube-router-'))
  const processes = new Processes(directory, true)
  removeNetns(NETNS)
  createNetns(NETNS)
  try {
    const inside = ['-n', NETNS]
    await run('ip', [...inside, 'link', 'set', 'lo', 'up'])
    await run('ip', [...inside, 'addr', 'add', `${NODE_ADDRESS}/24`, 'dev', 'lo'])
    const control = await startControlPlane({
      directory: join(directory, 'kubernetes'),
      processes,
      netns: NETNS,
    })
    // The objects stand still but for what is measured.
    await processes.stop((name) => name === 'kube-controller-manager' || name === 'kube-scheduler')
    using api = new ApiWriter(await readFile(control.kubeconfig, 'utf8'), NETNS)
    await api.addNode({ name: NODE, address: NODE_ADDRESS, podCIDR: '10.1.0.0/16' })
    const cluster = new Cluster(api, size)
    await cluster.fill()
    const flags = ['--run-firewall', '--run-router=false', '--run-service-proxy=false', '--enable-cni=false']
    const where = [`--kubeconfig=${control.kubeconfig}`, `--hostname-override=${NODE}`, '--health-port=0']
    await processes.start('kube-router', [program, ...flags, ...where], { netns: NETNS })
    const guards = (text: string) => text.match(/^:KUBE-POD-FW-/gm)?.length ?? 0
    const { limit } = size
    say('first sync', inAll([await until((text) => guards(text) >= size.local, limit)], limit))
    const added: (number | undefined)[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const ip = `10.1.200.${round + 1}`
      await cluster.addPod(`fresh-${round}`, 'ns-0', 0, ip)
      added.push(await until((text) => text.includes(`-d ${ip}/32`), limit))
    }
    say('a local pod', inAll(added, limit))
    const policies: (number | undefined)[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const name = `more-${round}`
      await cluster.addPolicy(name, 'ns-0', {
        podSelector: {},
        ingress: [{ ports: [{ port: 9000 + round }] }],
      })
      policies.push(await until((text) => new RegExp(`\\b${name}\\b`).test(text), limit))
    }
    say('a policy', inAll(policies, limit))
    const { pid } = processes.list.find(({ name }) => name === 'kube-router')!
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    say('memory (RSS)', `${(Number(/^VmRSS:\s+(\d+)/m.exec(status)![1]) * 1.024e-3).toFixed(0)} MB`)
  } finally {
    await processes.stop()
    removeNetns(NETNS)
    await rm(directory, { recursive: true, force: true })
  }
}
