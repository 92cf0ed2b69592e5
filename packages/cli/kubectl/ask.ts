/** Asks the command line in the agents' image, over `kubectl exec`. */
import { type Agent, CONTAINER } from './agents.ts'
import { failure, type Kubectl, run } from './kubectl.ts'

/** Questions at once: each is a process here and a stream through the API server. */
const AT_ONCE = 8

/** What one node answered. */
export interface Answer extends Agent {
  /** Of `podroute`; undefined: it could not be asked. */
  readonly status?: number
  /** What it printed. */
  readonly text?: string
  /** Why there is no answer. */
  readonly error?: string
}

/** In the agents' order; `args` as `podroute` has them. */
export async function askAll(
  kubectl: Kubectl,
  agents: readonly Agent[],
  args: readonly string[],
): Promise<readonly Answer[]> {
  const answers: Answer[] = []
  const left = [...agents.entries()]
  const worker = async () => {
    for (let next = left.shift(); next; next = left.shift()) {
      const [i, agent] = next
      answers[i] = await askOne(kubectl, agent, args)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return answers
}

export function execArguments({ pod }: Agent, args: readonly string[]): readonly string[] {
  return ['exec', pod, '--container', CONTAINER, '--', 'podroute', ...args]
}

async function askOne(kubectl: Kubectl, agent: Agent, args: readonly string[]): Promise<Answer> {
  if (agent.trouble !== undefined) return { ...agent, error: agent.trouble }
  const ended = await run(kubectl, execArguments(agent, args))
  if (ended.stdout !== '') return { ...agent, status: ended.status, text: ended.stdout }
  const said = ended.stderr.replace(/^command terminated with exit code \d+\n?/m, '').trim()
  // Said by podroute there, not by kubectl here.
  const own = /^(?:podroute|error): (.*)/s.exec(said)
  if (own && ended.stderr.includes('command terminated'))
    return { ...agent, status: ended.status, error: own[1]! }
  const error = failure(ended, kubectl.namespace)
  // Nobody else may be asked, either.
  if (error.code === 'denied' || error.code === 'not-running') throw error
  return { ...agent, error: error.message }
}
