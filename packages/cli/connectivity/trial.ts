/** Tries the paths from where they begin, and of those that fail the parts. */
import type { Family } from '@podroute/address/address.ts'
import { askAll } from '../kubectl/ask.ts'
import { type Kubectl, run } from '../kubectl/kubectl.ts'
import { type Leg, legsOf, remainder } from './legs.ts'
import type { Path, Source } from './paths.ts'
import { probeProgram } from './pod-programs.ts'
import type { Outcome, Patience, Probe } from './probe.ts'
import type { Stand } from './stand.ts'

export interface Result {
  readonly name: string
  readonly family: Family
  /** A pod, or empty: the node itself. */
  readonly from: string
  readonly fromNode: string
  readonly to: string
  readonly address: string
  readonly port: number
  readonly outcome: 'passed' | 'failed' | 'skipped'
  readonly milliseconds: number
  /** What came instead. */
  readonly problem: string
  /** Which part of the way it is that fails. */
  readonly hop: string
  /** What the agent there says of its own part. */
  readonly explained: readonly string[]
}

/** For parts: Services have settled by then, but a busy node may be late. */
const OF_PARTS: Patience = { settle: 5000, connection: 3000 }

export interface Runner {
  /** In podroute's namespace. */
  readonly kubectl: Kubectl
  /** In that of the pods. */
  readonly pods: Kubectl
  readonly stand: Stand
  readonly signal: AbortSignal
}

export async function tryPaths(
  runner: Runner,
  paths: readonly Path[],
  patience: Patience,
): Promise<readonly Result[]> {
  const tried = await tryInTurn(runner, paths, patience)
  const failed = paths.filter((path) => tried.get(path)!.problem !== '')
  const legs = new Map(
    failed
      .filter((path) => !tried.get(path)!.skipped && !isSilent(path))
      .map((path) => [path, legsOf(path, runner.stand)]),
  )
  const parts = unique([...legs.values()].flat())
  const outcomes = await tryProbes(runner, parts, OF_PARTS)
  const problems = new Map(parts.map((leg, i) => [keyOf(leg), outcomes[i]!]))
  return Promise.all(
    paths.map(async (path) => {
      const { skipped, problem, milliseconds } = tried.get(path)!
      const result = { ...describe(path), milliseconds, problem }
      if (problem === '') return { ...result, outcome: 'passed', hop: '', explained: [] }
      if (skipped) return { ...result, outcome: 'skipped', hop: '', explained: [] }
      const hop = hopOf(path, legs.get(path) ?? [], problems)
      return { ...result, outcome: 'failed', hop, explained: await explain(runner, path) }
    }),
  )
}

/** What has to be silent last, when all else answers: where nothing is in place yet, nobody answers, either. */
async function tryInTurn(
  runner: Runner,
  paths: readonly Path[],
  patience: Patience,
): Promise<ReadonlyMap<Path, Tried>> {
  const tried = new Map<Path, Tried>()
  for (const some of [paths.filter((path) => !isSilent(path)), paths.filter(isSilent)]) {
    const outcomes = await tryProbes(runner, some, patience)
    for (const [i, path] of some.entries()) tried.set(path, outcomes[i]!)
  }
  return tried
}

function isSilent({ probe }: Path): boolean {
  return probe.expect.kind === 'silence'
}

type Tried = Omit<Outcome, 'id'> & { readonly skipped: boolean }

/** In their order. */
async function tryProbes(
  runner: Runner,
  all: readonly { readonly from: Source; readonly probe: Omit<Probe, 'id'> }[],
  patience: Patience,
): Promise<readonly Tried[]> {
  const tried: Tried[] = all.map(({ probe }) => ({
    ...{ problem: `there is no address of IPv${probe.family} to try`, milliseconds: 0, skipped: false },
  }))
  const bySource = Map.groupBy(all.entries(), ([, { from }]) => from.pod?.name ?? from.node)
  const asked = [...bySource.values()].map(async (entries) => {
    const probes = entries.map(([id, { probe }]) => ({ ...probe, id })).filter(({ host }) => host !== '')
    const outcomes = await runProbes(runner, entries[0]![1].from, probes, patience)
    for (const { id, ...outcome } of outcomes) tried[id] = outcome
  })
  await Promise.all(asked)
  return tried
}

async function runProbes(
  { kubectl, pods, stand, signal }: Runner,
  { node, pod }: Source,
  probes: readonly Probe[],
  patience: Patience,
): Promise<readonly (Tried & { id: number })[]> {
  if (probes.length === 0) return []
  const place = pod
    ? [pod.name]
    : [stand.nodes.find(({ name }) => name === node)!.agent, '--container', 'agent']
  const options = { input: probeProgram(probes, patience), signal, detached: true }
  const where = pod ? pods : kubectl
  const { stdout, stderr } = await run(where, ['exec', '-i', ...place, '--', 'node', '-'], options).catch(
    (error: Error) => ({ stdout: '', stderr: signal.aborted ? 'the time is over' : error.message }),
  )
  try {
    return (JSON.parse(stdout) as Outcome[]).map((outcome) => ({ ...outcome, skipped: false }))
  } catch {
    const problem = `not tried: ${stderr.trim() || 'no answer'}`
    return probes.map(({ id }) => ({ id, problem, milliseconds: 0, skipped: true }))
  }
}

function keyOf({ from, probe }: Leg): string {
  return JSON.stringify([from.node, from.pod?.name, probe])
}

function unique(legs: readonly Leg[]): readonly Leg[] {
  return [...new Map(legs.map((leg) => [keyOf(leg), leg])).values()]
}

function hopOf(path: Path, legs: readonly Leg[], problems: ReadonlyMap<string, Tried>): string {
  const broken = legs.find((leg) => problems.get(keyOf(leg))?.problem)
  return broken ? broken.hop : remainder(path)
}

function describe({ name, family, from, to, probe }: Path) {
  return {
    ...{ name, family, from: from.pod?.name ?? '', fromNode: from.node, to },
    ...{ address: probe.host, port: probe.port },
  }
}

/** What the agent of the node where the way begins finds wrong with it. */
async function explain({ kubectl, stand, signal }: Runner, path: Path): Promise<readonly string[]> {
  const { from, probe, through } = path
  if (probe.kind === 'lookup' || probe.host === '' || signal.aborted) return []
  const node = stand.nodes.find(({ name }) => name === (through ?? from.node))!
  const host = probe.family === 6 ? `[${probe.host}]` : probe.host
  const port = `${probe.port}${probe.kind === 'udp' ? '/udp' : ''}`
  const sender = from.pod?.addresses[probe.family]
  const args = ['explain', `${host}:${port}`, ...(sender ? ['--from', sender] : []), '--json']
  const [answer] = await askAll(kubectl, [{ node: node.name, pod: node.agent }], args).catch(() => [])
  try {
    const { hops } = JSON.parse(answer?.text ?? '') as { hops: { step: string; problem: string }[] }
    return hops.filter(({ problem }) => problem !== '').map(({ step, problem }) => `${step}: ${problem}`)
  } catch {
    return []
  }
}
