/** The lab, started once for every file of this tier by the command that users run, and stopped after the last. */
import { spawn } from 'node:child_process'
import { runOnNode } from '../../lab/node/node.ts'
import { kubectl, type PodView, pods } from '../../lab/scenarios/cluster.ts'
import { PODROUTE_NAMESPACE, PODROUTE_SELECTOR } from '../../lab/scenarios/podroute.ts'
import { STATE } from '../../lab/state.ts'

const TOP = new URL('../..', import.meta.url).pathname

export interface LabRun {
  readonly code: number
  readonly output: string
}

/** `npm run lab -- ARGS`; its output is shown as it comes, and kept. */
export function lab(...args: readonly string[]): Promise<LabRun> {
  return new Promise((resolve, reject) => {
    const child = spawn('npm', ['run', '--silent', 'lab', '--', ...args], {
      cwd: TOP,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8')
      stream.on('data', (chunk: string) => {
        output += chunk
        process.stdout.write(chunk)
      })
    }
    child.on('error', reject)
    child.on('close', (code) => resolve({ code: code ?? 1, output }))
  })
}

/** A command in a node that has to succeed; its standard output. */
export async function onNode(node: string, command: string): Promise<string> {
  const { code, stdout, stderr } = await runOnNode(STATE, node, command, { timeout: 60_000 })
  if (code !== 0) throw new Error(`${node}: ${command}: exit status ${code}: ${stderr}`)
  return stdout
}

/** The agent's pods, one a node, in the nodes' order. */
export async function agents(): Promise<PodView[]> {
  const found = await pods(PODROUTE_SELECTOR, PODROUTE_NAMESPACE)
  return found.toSorted((a, b) => a.node.localeCompare(b.node))
}

/** A command in an agent's pod. */
export function inAgent(pod: PodView, ...command: readonly string[]): Promise<string> {
  return kubectl(['exec', '-n', PODROUTE_NAMESPACE, pod.name, '-c', 'agent', '--', ...command])
}
