// Requests to the lab's servers from a node, from a pod, and from outside, and what the answers say.

import { join } from 'node:path'
import { OUTSIDE_NAMESPACE } from '../addresses.ts'
import { attempt, type CommandResult } from '../command.ts'
import { LabError } from '../errors.ts'
import { runOnNode } from '../node/node.ts'
import { STATE } from '../state.ts'
import { clientName } from './blue.ts'
import { attemptKubectl } from './cluster.ts'

/** What the server blue says. */
export interface Answer {
  /** Name of the pod that answered. */
  readonly pod: string
  /** The address that the server was reached at, its own. */
  readonly server: string
  /** The client's address as the server saw it. */
  readonly client: string
}

export function parseAnswer(text: string): Answer {
  const match = /^pod=(\S+) ip=(\S+) client=(\S+):\d+$/m.exec(text)
  if (match === null) throw new LabError('not-as-expected', `no answer of blue: ${text.trim() || 'nothing'}`)
  return { pod: match[1]!, server: match[2]!, client: match[3]!.replace(/^\[|\]$/g, '') }
}

function answerOf(from: string, url: string, { code, stdout, stderr }: CommandResult): Answer {
  if (code !== 0) {
    throw new LabError('not-as-expected', `${url} from ${from}: exit status ${code} ${stderr.trim()}`)
  }
  return parseAnswer(stdout)
}

const curl = (url: string) => ['curl', '-sS', '-g', '--max-time', '10', url]

/** `curl` on a node of the lab. */
export async function curlFromNode(node: string, url: string): Promise<Answer> {
  return answerOf(node, url, await runOnNode(STATE, node, curl(url), { timeout: 30_000 }))
}

/** The same from the client pod of a node. */
export async function curlFromPod(node: string, url: string): Promise<Answer> {
  const pod = clientName(node)
  const fetch = ['fetch', '-timeout=10s', url]
  return answerOf(pod, url, await attemptKubectl(['exec', pod, '--', ...fetch], { timeout: 30_000 }))
}

/** The same from the client behind the router. */
export async function curlFromOutside(url: string): Promise<Answer> {
  return answerOf('outside', url, await attempt('ip', ['netns', 'exec', OUTSIDE_NAMESPACE, ...curl(url)]))
}

/** Asks several times, one after the other; how often each pod answered. */
export async function countAnswers(
  times: number,
  ask: () => Promise<Answer>,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>()
  for (let request = 0; request < times; request++) {
    const { pod } = await ask()
    counts.set(pod, (counts.get(pod) ?? 0) + 1)
  }
  return counts
}

/** The address in a URL. */
export function urlOf(address: string, port: number): string {
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}/`
}

/** Port of the server outside the cluster, in the namespace of the outside client. */
export const OUTSIDE_PORT = 8080

/** Command line of that server. */
export function outsideServer(tools: string): string[] {
  return [join(tools), 'blue', '-port', String(OUTSIDE_PORT)]
}
