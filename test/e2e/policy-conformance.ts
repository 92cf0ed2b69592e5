/** Runs network-policy-api's conformance suite of ClusterNetworkPolicies against the running lab. */
import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { LAB_NAMESPACE } from '../../lab/addresses.ts'
import { kubectl } from '../../lab/scenarios/cluster.ts'
import { PODROUTE_NAMESPACE } from '../../lab/scenarios/podroute.ts'
import { KUBECONFIG } from '../../lab/state.ts'
import { buildPolicyConformance } from '../../lab/upstream/policy-conformance.ts'
import type { CaseResult, Outcome, Results } from './report.ts'

export const CONFORMANCE_LOG = 'conformance.log'
const CRD = join(import.meta.dirname, '..', '..', 'deploy', 'clusternetworkpolicies.yaml')
const CRD_NAME = 'clusternetworkpolicies.policy.networking.k8s.io'
/** The form for test2json, see `ARGUMENTS`, has a control character before each line of the framework's own. */
const ENDED = /^[^\w-]*--- (PASS|FAIL|SKIP): TestConformance\/(\S+) \(([\d.]+)s\)$/
const OUTCOMES: Readonly<Record<string, Outcome>> = { PASS: 'passed', FAIL: 'failed', SKIP: 'could not run' }
const AGENTS = ['daemonset', 'podroute', '-n', PODROUTE_NAMESPACE]
/** In the form for test2json a case's verdict comes when it ends; in the plain one all come when the last has ended. */
const ARGUMENTS = ['-test.v=test2json', '-test.timeout=60m', '-all-features', '-debug']

export interface ConformanceOptions {
  /** Regular expression of Go: which cases. */
  readonly focus: string | undefined
  /** Regular expressions of Go: but not these. */
  readonly skip: readonly string[]
  /** The suite's pods stay, for the next run: they take a minute to start. */
  readonly keep: boolean
  readonly directory: string
  readonly onCase: (line: string) => void
}

/** A case and its parts, `CASE/PART`, each count. Interrupted, it says what has ended until then. */
export async function runPolicyConformance(options: ConformanceOptions): Promise<Results> {
  const { directory, onCase } = options
  const program = await buildPolicyConformance()
  await mkdir(directory, { recursive: true })
  await applyDefinition()
  const log = createWriteStream(join(directory, CONFORMANCE_LOG))
  const child = spawn('ip', ['netns', 'exec', LAB_NAMESPACE, program, ...suiteArguments(options)], {
    env: { ...process.env, KUBECONFIG },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // what the terminal sends to its process group is passed on below, once
  })
  const interrupt = () => void child.kill('SIGTERM')
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve))
  child.stderr.pipe(log, { end: false })
  const cases: CaseResult[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    log.write(`${line}\n`)
    const found = readEnd(line)
    if (!found) continue
    cases.push(found)
    onCase(`${found.outcome}: ${found.name} (${found.seconds.toFixed(0)} s)`)
  }
  const status = await closed
  process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  log.end()
  const told = status !== null && cases.some(({ outcome }) => outcome === 'failed')
  const end = status === null ? 'was interrupted' : `ended with status ${status}`
  return { cases, failures: status === 0 || told ? [] : [`the suite ${end}: see ${CONFORMANCE_LOG}`] }
}

/** Agents look for the CRD ever less often: from their start they know it. */
async function applyDefinition(): Promise<void> {
  const there = await kubectl(['get', 'crd', CRD_NAME, '--ignore-not-found', '-o', 'name'])
  await kubectl(['apply', '--server-side', '-f', CRD])
  if (there === '') await kubectl(['rollout', 'restart', ...AGENTS])
  await kubectl(['rollout', 'status', '--timeout=2m', ...AGENTS])
}

/** The suite has its cases a second time, below a test of profiles: hence the name as a whole. */
function suiteArguments({ focus, skip, keep }: ConformanceOptions): string[] {
  return [
    ...ARGUMENTS,
    `-cleanup-base-resources=${!keep}`,
    `-test.run=^TestConformance$${focus === undefined ? '' : `/${focus}`}`,
    ...(skip.length === 0 ? [] : [`-test.skip=^TestConformance$/(${skip.join('|')})`]),
  ]
}

/** Undefined for a line that says nothing of how a case ended. */
export function readEnd(line: string): CaseResult | undefined {
  const [, word, name, seconds] = ENDED.exec(line) ?? []
  if (word === undefined || name === undefined) return undefined
  const outcome = OUTCOMES[word]!
  return {
    name,
    outcome,
    seconds: Number(seconds),
    reason: outcome === 'passed' ? '' : `see ${CONFORMANCE_LOG}`,
  }
}
