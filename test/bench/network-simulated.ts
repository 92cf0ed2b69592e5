/** The process that is all simulated nodes of a large mesh. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { run } from '../../lab/command.ts'
import type { TestNode } from '../support/agent-network.ts'
import type { BenchCluster } from './network-cluster.ts'
import { DEVICE, type FromSimulated, SIMULATED_HOST, simulatedNode } from './network-mesh-scenario.ts'

/** The process with all simulated nodes, in a namespace on the nodes' network. */
export class Simulated implements AsyncDisposable {
  established = 0
  readonly #child: ChildProcess
  readonly #netns: string

  private constructor(child: ChildProcess, netns: string) {
    this.#child = child
    this.#netns = netns
  }

  /** `count` of them, and one more, which has yet to become a Node. */
  static async start({ cluster }: BenchCluster, node: TestNode, count: number): Promise<Simulated> {
    const netns = `${cluster.network}-s`
    await run('ip', ['netns', 'add', netns])
    const addresses = Array.from({ length: count + 1 }, (_, i) => `${simulatedNode(i).address}/16`)
    await batch(cluster.network, [
      `link add ports type veth peer name eth0 netns ${netns}`,
      'link set ports master nodes up',
    ])
    await batch(netns, [
      'link set lo up',
      'link set eth0 up',
      ...[`${SIMULATED_HOST}/24`, ...addresses].map((address) => `address add ${address} dev eth0`),
    ])
    await batch(node.netns, [`address add ${DEVICE.onLink} dev eth0`])
    const program = join(import.meta.dirname, 'network-mesh-peers.ts')
    const command = ['netns', 'exec', netns, process.execPath, program, String(count + 1)]
    const child = spawn('ip', command, { stdio: ['pipe', 'pipe', 'inherit'] })
    const simulated = new Simulated(child, netns)
    await simulated.#listen()
    return simulated
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end()
    await new Promise((resolve) => this.#child.once('close', resolve))
    await run('ip', ['netns', 'delete', this.#netns])
  }

  /** Resolves when all of them listen. */
  #listen(): Promise<void> {
    let text = ''
    return new Promise((resolve) => {
      this.#child.stdout?.setEncoding('utf8').on('data', (part: string) => {
        const lines = (text + part).split('\n')
        text = lines.pop()!
        for (const line of lines) this.established = (JSON.parse(line) as FromSimulated).established
        resolve()
      })
    })
  }
}

async function batch(netns: string, lines: readonly string[]): Promise<void> {
  await run('ip', ['-n', netns, '-batch', '-'], { input: `${lines.join('\n')}\n` })
}
