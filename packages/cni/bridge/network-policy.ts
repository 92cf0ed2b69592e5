// networkPolicy: a container starts when the agent says that the policies of its pod are in place. The agent is asked as soon as the pod's
// addresses are known and works while the pair of interfaces is made; its answer is waited for before the container has an address.

import { CniError, ErrorCode, failure, messageOf } from '../errors.ts'
import { type Address, formatAddress } from '../protocol/address.ts'
import { parseArguments } from '../protocol/arguments.ts'
import type { Fields } from '../protocol/fields.ts'
import type { Invocation } from '../protocol/invocation.ts'
import { codeOf, type System, unless } from '../system.ts'

/** Names of what the agent has in its folder. */
const SOCKET = 'policy.sock'
/** The namespaces that have policies, a line each. */
const NAMESPACES = 'policy-namespaces'
/** Stands for every namespace there: policies of the whole cluster. */
const EVERY_NAMESPACE = '*'

const DEFAULT_TIMEOUT = 10_000
/** The agent answers in time; who hears nothing later than that knows no reason. */
const GRACE = 1000

/** As the agent writes it into the configuration. */
export interface PolicyWait {
  readonly folder: string
  /** Whether a pod that no policy selects waits, too, for an agent that is away. */
  readonly always: boolean
  /** Milliseconds. */
  readonly timeout: number
}

/** The pod that a container is of: the runtime says it in CNI_ARGS. */
interface PodName {
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

/** Waits for the agent's word. @throws CniError 11 without it */
export type AwaitPolicy = () => void

/** Undefined: not asked for. */
export function readPolicyWait(config: Fields): PolicyWait | undefined {
  const wait = config.object('networkPolicy')
  const folder = wait?.text('folder') ?? ''
  if (wait === undefined || folder === '') return undefined
  const start = wait.text('podStart') ?? 'selected'
  if (start !== 'selected' && start !== 'always')
    throw failure(`networkPolicy.podStart is ${JSON.stringify(start)}: selected or always`)
  return { folder, always: start === 'always', timeout: wait.integer('timeout') ?? DEFAULT_TIMEOUT }
}

const ARGUMENTS = ['K8S_POD_NAMESPACE', 'K8S_POD_NAME', 'K8S_POD_UID']

/** Undefined for a container that is no pod's. */
function podOf(invocation: Invocation): PodName | undefined {
  if (invocation.args === '') return undefined
  const args = parseArguments(`IgnoreUnknown=1;${invocation.args}`, ARGUMENTS)
  const { K8S_POD_NAMESPACE: namespace, K8S_POD_NAME: name, K8S_POD_UID: uid = '' } = args
  return namespace && name ? { namespace, name, uid } : undefined
}

/** Tells the agent whose the addresses are. Undefined where nothing is to be waited for. */
export function askForPolicy(
  system: System,
  invocation: Invocation,
  wait: PolicyWait | undefined,
  addresses: readonly Address[],
): AwaitPolicy | undefined {
  const pod = wait && addresses.length > 0 ? podOf(invocation) : undefined
  if (wait === undefined || pod === undefined) return undefined
  const request = { ...pod, addresses: addresses.map(formatAddress) }
  const socket = `${wait.folder}/${SOCKET}`
  let descriptor: number
  try {
    descriptor = system.ask(socket, `${JSON.stringify(request)}\n`)
  } catch (error) {
    return () => withoutAgent(system, wait, pod, `no podroute agent answers (${messageOf(error)})`)
  }
  return () => {
    try {
      judge(system, wait, pod, descriptor)
    } finally {
      system.close(descriptor)
    }
  }
}

function judge(system: System, wait: PolicyWait, pod: PodName, descriptor: number): void {
  const { state, reason } = read(system, wait, descriptor)
  if (state === 'unknown') withoutAgent(system, wait, pod, reason)
  else if (state !== 'ready') throw notInPlace(pod, reason)
}

/** What an agent says that ended meanwhile counts as nothing. */
function read(system: System, wait: PolicyWait, descriptor: number): { state: string; reason: string } {
  try {
    const text = system.answer(descriptor, wait.timeout + GRACE)
    if (text === '') return { state: 'unknown', reason: 'the podroute agent ended before it answered' }
    const { state, reason } = JSON.parse(text) as { state?: unknown; reason?: unknown }
    return { state: String(state), reason: String(reason ?? '') }
  } catch (error) {
    const silent = codeOf(error) === 'ETIMEDOUT'
    return {
      state: 'unknown',
      reason: silent
        ? `the podroute agent has not answered in ${wait.timeout + GRACE} ms`
        : `no answer of the podroute agent (${messageOf(error)})`,
    }
  }
}

/** Whether a pod starts of which nobody knows that its policies are in place. @throws CniError */
function withoutAgent(system: System, wait: PolicyWait, pod: PodName, reason: string): void {
  if (wait.always) throw notInPlace(pod, reason)
  const known = unless(['ENOENT'], () => system.readFile(`${wait.folder}/${NAMESPACES}`))
  if (known === undefined)
    throw notInPlace(pod, `${reason}, nor has any said since the node started which namespaces have policies`)
  const namespaces = known.split('\n')
  if (namespaces.includes(pod.namespace) || namespaces.includes(EVERY_NAMESPACE))
    throw notInPlace(pod, reason)
}

function notInPlace({ namespace, name }: PodName, reason: string): CniError {
  return new CniError(
    ErrorCode.tryAgainLater,
    `the network policies of pod ${namespace}/${name} are not in place: ${reason}`,
    'the runtime tries again; networkPolicy.podStart in the configuration of podroute says which pods wait for their policies',
  )
}
