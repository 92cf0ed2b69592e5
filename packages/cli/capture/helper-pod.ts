/** The pod that listens on a node: it has the node's network and CAP_NET_RAW, nothing else, and ends by itself. */
import { setTimeout } from 'node:timers/promises'
import { CliError } from '../errors.ts'
import type { Agent } from '../kubectl/agents.ts'
import { failure, type Kubectl, run } from '../kubectl/kubectl.ts'

const LABEL = 'podroute.io/capture'
export const CONTAINER = 'capture'
/** Milliseconds between two looks. */
const PAUSE = 500
/** Milliseconds for a pod's start. */
const PATIENCE = 60_000
/** Seconds that a pod stays behind what it is for, if nobody removes it. */
const GRACE = 120

export const NEEDS = 'capture needs create, list, watch and delete on pods, and create on pods/exec'

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly name: string }
    readonly status?: {
      readonly phase?: string
      readonly message?: string
      readonly containerStatuses?: readonly {
        readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } }
      }[]
    }
  }[]
}

export interface HelperPods {
  /** Of one capture. */
  readonly run: string
  /** Names by node. */
  readonly pods: ReadonlyMap<string, string>
}

/** @param seconds that are listened @throws CliError that says which right is missing */
export async function createPods(
  kubectl: Kubectl,
  agents: readonly Agent[],
  id: string,
  seconds: number,
): Promise<HelperPods> {
  const pods = new Map(agents.map(({ node }, i) => [node, `podroute-capture-${id}-${i}`]))
  const items = agents.map(({ node, image = '' }) =>
    helperPod({ node, image, id, seconds, name: pods.get(node)!, namespace: kubectl.namespace }),
  )
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items })
  // To its end: what is made after a removal would stay.
  const ended = await run(kubectl, ['create', '-f', '-'], { input, detached: true })
  if (ended.status === 0) return { run: id, pods }
  if (/violates PodSecurity/.test(ended.stderr))
    throw new CliError(
      'denied',
      `namespace ${kubectl.namespace} takes no pod with the node's network: capture needs one that Pod Security admits privileged pods to, as the agents'`,
    )
  throw failure(ended, kubectl.namespace, NEEDS)
}

/** When all run. @throws CliError that names those that do not; AbortError */
export async function waitForPods(
  kubectl: Kubectl,
  { run: id }: HelperPods,
  signal: AbortSignal,
): Promise<void> {
  const end = performance.now() + PATIENCE
  for (;;) {
    const args = ['get', 'pods', '--selector', `${LABEL}=${id}`, '--output', 'json']
    const ended = await run(kubectl, args, { detached: true, signal })
    if (ended.status !== 0) throw failure(ended, kubectl.namespace)
    const { items } = JSON.parse(ended.stdout) as PodList
    const waiting = items.filter(({ status }) => status?.phase !== 'Running')
    if (waiting.length === 0) return
    const failed = waiting.some(({ status }) => status?.phase === 'Failed')
    if (failed || performance.now() >= end)
      throw new CliError('answer', `pods do not start: ${waiting.map(whyNot).join('; ')}`)
    await setTimeout(PAUSE, undefined, { signal })
  }
}

function whyNot({ metadata, status }: PodList['items'][number]): string {
  const { reason, message } =
    status?.containerStatuses?.find(({ state }) => state?.waiting)?.state?.waiting ?? {}
  const why = [reason, message ?? status?.message].filter((text) => text !== undefined).join(': ')
  return `${metadata.name}: ${why || (status?.phase ?? 'it is not there')}`
}

/** Those of this capture, and those of others that have ended. @returns what is left, and how to remove it; '': nothing */
export async function removePods(kubectl: Kubectl, { run: id }: HelperPods): Promise<string> {
  const remove = ['delete', 'pods', '--ignore-not-found', '--grace-period=1', '--timeout=60s', '--selector']
  const { status, stderr } = await run(kubectl, [...remove, `${LABEL}=${id}`], { detached: true })
  const ended = ['--field-selector', 'status.phase==Failed']
  await run(kubectl, [...remove, LABEL, ...ended], { detached: true })
  if (status === 0) return ''
  const command = `kubectl -n ${kubectl.namespace} delete pods -l ${LABEL}=${id}`
  return `the pods of this capture are left (${command}), and end by themselves: ${stderr.trim()}`
}

interface HelperPod {
  readonly name: string
  readonly namespace: string
  readonly node: string
  readonly image: string
  readonly id: string
  readonly seconds: number
}

/** On its node, whatever the scheduler or a taint say. Root, because capabilities are for root alone where the image says nothing else. */
function helperPod({ name, namespace, node, image, id, seconds }: HelperPod): object {
  const life = Math.ceil(seconds) + GRACE
  return {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, labels: { [LABEL]: id } } },
    spec: {
      ...{ nodeName: node, hostNetwork: true, restartPolicy: 'Never', activeDeadlineSeconds: life },
      ...{ automountServiceAccountToken: false, enableServiceLinks: false, terminationGracePeriodSeconds: 1 },
      tolerations: [{ operator: 'Exists' }],
      securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          ...{ name: CONTAINER, image, imagePullPolicy: 'IfNotPresent' },
          command: [
            'node',
            '-e',
            `process.once('SIGTERM', process.exit); setTimeout(() => {}, ${life * 1000})`,
          ],
          resources: { requests: { cpu: '10m', memory: '48Mi' } },
          securityContext: {
            ...{ runAsUser: 0, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
            capabilities: { drop: ['ALL'], add: ['NET_RAW'] },
          },
        },
      ],
    },
  }
}
