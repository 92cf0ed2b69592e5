/** kube-proxy in nftables mode as the peer of the service benchmarks: how long until the kernel has an endpoint's change. */
import { spawn } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withNetns } from '@podroute/linux/netns.ts'
import { watchNft } from '@podroute/linux/nft/monitor.ts'
import { BenchApi } from './services-api.ts'
import { benchService, benchSlice, NODE_ADDRESS, NODE_NAME } from './services-objects.ts'

const PORT = 6443
/** Its configuration's default least time between two syncs; changes further apart wait for nothing. */
const MIN_SYNC_PERIOD = 1000
const FIRST_SYNC_TIMEOUT = 240_000
const QUIET = 3000

export interface PeerFigures {
  /** From its start to the last transaction of its first sync, in milliseconds. */
  readonly firstSync: number
  /** From the watch event to the transaction, in milliseconds, each. */
  readonly changes: readonly number[]
}

export async function measureKubeProxy(
  binary: string,
  netns: string,
  services: number,
  changes: number,
): Promise<PeerFigures> {
  await using stack = new AsyncDisposableStack()
  const api = stack.use(new BenchApi())
  for (let index = 0; index < services; index++) {
    api.setService(benchService(index))
    api.setSlice(benchSlice(index))
  }
  withNetns(netns, () => api.listen(PORT))
  const transactions = new Transactions()
  stack.use(
    watchNft(
      { onTransaction: ({ tables }) => transactions.note(tables), onOverrun: () => transactions.note(['?']) },
      { netns },
    ),
  )
  const { log, stop } = start(binary, netns)
  stack.defer(stop)
  const started = performance.now()
  const last = await transactions.quiet(QUIET, FIRST_SYNC_TIMEOUT).catch((error: Error) => {
    throw new Error(`${error.message}\n${readFileSync(log, 'utf8').slice(-3000)}`)
  })
  const times: number[] = []
  for (let round = 1; round <= changes; round++) {
    await new Promise((resolve) => setTimeout(resolve, MIN_SYNC_PERIOD * 1.5))
    const next = transactions.next(60_000)
    const sent = performance.now()
    api.setSlice(benchSlice(5, round))
    times.push((await next) - sent)
  }
  return { firstSync: last - started, changes: times }
}

function start(binary: string, netns: string): { log: string; stop(): Promise<void> } {
  const folder = mkdtempSync(join(tmpdir(), 'podroute-bench-'))
  const log = join(folder, 'log')
  writeFileSync(join(folder, 'kubeconfig'), JSON.stringify(KUBECONFIG))
  writeFileSync(join(folder, 'config'), JSON.stringify(configuration(join(folder, 'kubeconfig'))))
  const output = openSync(log, 'w')
  const child = spawn('ip', ['netns', 'exec', netns, binary, `--config=${join(folder, 'config')}`], {
    stdio: ['ignore', output, output],
  })
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))
  return {
    log,
    stop: () => {
      child.kill('SIGKILL')
      return closed
    },
  }
}

const KUBECONFIG = {
  apiVersion: 'v1',
  kind: 'Config',
  clusters: [{ name: 'bench', cluster: { server: `http://127.0.0.1:${PORT}` } }],
  users: [{ name: 'bench', user: {} }],
  contexts: [{ name: 'bench', context: { cluster: 'bench', user: 'bench' } }],
  'current-context': 'bench',
}

function configuration(kubeconfig: string): object {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    hostnameOverride: NODE_NAME,
    bindAddress: NODE_ADDRESS,
    clusterCIDR: '10.244.0.0/16',
    clientConnection: {
      kubeconfig,
      contentType: 'application/json',
      acceptContentTypes: 'application/json',
    },
    conntrack: { maxPerCore: 0, min: 0 },
  }
}

/** When transactions of kube-proxy's tables were committed. */
class Transactions {
  #last: number | undefined
  #waiting: ((at: number) => void) | undefined

  note(tables: readonly string[]): void {
    if (!tables.some((table) => table.includes('kube-proxy') || table === '?')) return
    this.#last = performance.now()
    this.#waiting?.(this.#last)
    this.#waiting = undefined
  }

  next(timeout: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('kube-proxy did not change anything')), timeout)
      this.#waiting = (at) => {
        clearTimeout(timer)
        resolve(at)
      }
    })
  }

  /** The time of the last transaction, once none came for a while. */
  async quiet(milliseconds: number, timeout: number): Promise<number> {
    const end = performance.now() + timeout
    while (performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 100))
      if (this.#last !== undefined && performance.now() - this.#last > milliseconds) return this.#last
    }
    throw new Error('kube-proxy made no first sync')
  }
}
