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
const ENDED = /^ *--- (PASS|FAIL|SKIP): TestConformance\/(\S+) \(([\d.]+)s\)$/
const OUTCOMES: Readonly<Record<string, Outcome>> = { PASS: 'passed', FAIL: 'failed', SKIP: 'could not run' }
const AGENTS = ['daemonset', 'podroute', '-n', PODROUTE_NAMESPACE]
const TIMEOUT = '60m'

export interface ConformanceOptions {
  /** Regular expression of Go: which cases. */
  readonly focus: string | undefined
  readonly directory: string
  readonly onCase: (line: string) => void
}

/** A case and its parts, `CASE/PART`, each count. */
export async function runPolicyConformance({
  focus,
  directory,
  onCase,
}: ConformanceOptions): Promise<Results> {
  const program = await buildPolicyConformance()
  await mkdir(directory, { recursive: true })
  await kubectl(['apply', '--server-side', '-f', CRD])
  // Agents look for the CRD ever less often; from their start they know it.
  await kubectl(['rollout', 'restart', ...AGENTS])
  await kubectl(['rollout', 'status', '--timeout=2m', ...AGENTS])
  const log = createWriteStream(join(directory, CONFORMANCE_LOG))
  const args = ['-test.v', `-test.timeout=${TIMEOUT}`, '-all-features', '-debug']
  // The suite has it a second time, below a test of profiles.
  const run = `-test.run=^TestConformance$${focus === undefined ? '' : `/${focus}`}`
  const child = spawn('ip', ['netns', 'exec', LAB_NAMESPACE, program, ...args, run], {
    env: { ...process.env, KUBECONFIG },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.stderr.pipe(log, { end: false })
  const cases: CaseResult[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    log.write(`${line}\n`)
    const found = readEnd(line)
    if (!found) continue
    cases.push(found)
    onCase(`${found.outcome}: ${found.name}`)
  }
  const status = child.exitCode ?? (await new Promise<number>((resolve) => child.once('close', resolve)))
  log.end()
  const told = cases.some(({ outcome }) => outcome === 'failed')
  return {
    cases,
    failures: status === 0 || told ? [] : [`the suite ended with status ${status}: see ${CONFORMANCE_LOG}`],
  }
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
