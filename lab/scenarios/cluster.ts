// The running cluster, seen through kubectl: what every scenario stands on.

import { LAB_NAMESPACE, NODES } from '../addresses.ts'
import type { CommandOptions, CommandResult } from '../command.ts'
import { kubectl as kubectlIn } from '../control-plane/start.ts'
import { LabError } from '../errors.ts'
import { KUBECONFIG } from '../state.ts'

/** kubectl against the lab; resolves whatever its exit status. */
export function attemptKubectl(args: readonly string[], options?: CommandOptions): Promise<CommandResult> {
  return kubectlIn(LAB_NAMESPACE, KUBECONFIG, args, options)
}

/** kubectl that has to succeed; its standard output. */
export async function kubectl(args: readonly string[], options?: CommandOptions): Promise<string> {
  const { code, stdout, stderr } = await attemptKubectl(args, options)
  if (code !== 0)
    throw new LabError('command-failed', `kubectl ${args.join(' ')}: ${(stderr || stdout).trim()}`)
  return stdout
}

/** The object or list that kubectl shows as JSON. */
export async function kubectlJson<T>(args: readonly string[]): Promise<T> {
  return JSON.parse(await kubectl([...args, '-o', 'json'])) as T
}

/** `kubectl apply` of objects. */
export async function apply(...objects: readonly object[]): Promise<void> {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects })
  await kubectl(['apply', '-f', '-'], { input })
}

interface List<T> {
  readonly items: readonly T[]
}

interface ApiNode {
  readonly metadata: { readonly name: string }
  readonly spec: { readonly podCIDRs?: readonly string[] }
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] }
}

interface ApiPod {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> }
  readonly spec: { readonly nodeName?: string }
  readonly status: {
    readonly podIP?: string
    readonly podIPs?: readonly { readonly ip: string }[]
    readonly conditions?: readonly { readonly type: string; readonly status: string }[]
    readonly containerStatuses?: readonly { readonly restartCount: number }[]
  }
}

export interface NodeView {
  readonly name: string
  readonly ready: boolean
  readonly podCIDRs: readonly string[]
}

export interface PodView {
  readonly name: string
  readonly node: string
  readonly ready: boolean
  /** How often its containers were started again. */
  readonly restarts: number
  readonly addresses: readonly string[]
}

const isReady = (conditions: ApiPod['status']['conditions']) =>
  conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false

export async function nodes(): Promise<NodeView[]> {
  const { items } = await kubectlJson<List<ApiNode>>(['get', 'nodes'])
  return items.map(({ metadata, spec, status }) => ({
    name: metadata.name,
    ready: isReady(status.conditions),
    podCIDRs: spec.podCIDRs ?? [],
  }))
}

/** Pods with a label, e.g. `app=blue`. */
export async function pods(selector: string, namespace = 'default'): Promise<PodView[]> {
  const { items } = await kubectlJson<List<ApiPod>>(['get', 'pods', '-n', namespace, '-l', selector])
  return items.map(({ metadata, spec, status }) => ({
    name: metadata.name,
    node: spec.nodeName ?? '',
    ready: isReady(status.conditions),
    restarts: (status.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0),
    addresses: (status.podIPs ?? []).map(({ ip }) => ip),
  }))
}

/** Asks until `good` accepts the answer; throws with what `describe` makes of the last one after `timeout` ms. */
export async function waitFor<T>(
  what: string,
  ask: () => Promise<T>,
  good: (answer: T) => boolean,
  options: { readonly timeout: number; readonly describe?: (answer: T) => string } = { timeout: 60_000 },
): Promise<T> {
  const deadline = performance.now() + options.timeout
  let last = ''
  for (;;) {
    const answer = await ask().catch((error: unknown) => {
      if (error instanceof LabError && error.code === 'interrupted') throw error
      last = String(error)
      return undefined
    })
    if (answer !== undefined) {
      if (good(answer)) return answer
      last = options.describe?.(answer) ?? JSON.stringify(answer)
    }
    if (performance.now() > deadline) {
      throw new LabError('timed-out', `${what}: not after ${options.timeout / 1000} s: ${last}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}

/** Waits until all nodes of the lab are Ready and have their pod ranges. */
export function waitForReadyNodes(
  timeout = 300_000,
  onChange: (text: string) => void = () => {},
): Promise<NodeView[]> {
  return waitFor(
    'nodes Ready',
    async () => {
      const found = await nodes()
      onChange(`${found.length} joined, ${found.filter(({ ready }) => ready).length} Ready`)
      return found
    },
    (found) =>
      found.length === NODES.length && found.every(({ ready, podCIDRs }) => ready && podCIDRs.length > 0),
    { timeout },
  )
}

/** Waits until `count` pods with a label are ready. */
export function waitForPods(
  selector: string,
  count: number,
  options: { readonly namespace?: string; readonly timeout?: number } = {},
): Promise<PodView[]> {
  return waitFor(
    `${count} pods ${selector}`,
    () => pods(selector, options.namespace),
    (found) => found.length === count && found.every(({ ready }) => ready),
    { timeout: options.timeout ?? 180_000 },
  )
}
