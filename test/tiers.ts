/** The test tiers: which files belong to each, and where they run. */

export interface Tier {
  readonly name: string
  /** Glob patterns from the top of the repository. */
  readonly files: readonly string[]
  /** `host`: this machine, in namespaces that the tests make. `vm`: a throwaway VM whose kernel has IPVS. */
  readonly where: 'host' | 'vm'
  /** Default time limit of one test, in milliseconds. */
  readonly timeout: number
  /** It holds kernels, daemons and clusters to times: a file in which something failed gets a second run, which is reported. */
  readonly again?: true
  /** Files that run at the same time, in processes of their own: most of a tier's time is waiting. Absent: one after the other. */
  readonly jobs?: number
  /** The kind of virtual machine; the lab's choice by default. */
  readonly machine?: 'tcg'
  /** Runs only where it is asked for: it takes long. */
  readonly longer?: true
}

export const TIERS: readonly Tier[] = [
  {
    name: 'unit',
    files: ['packages/*/**/*.test.ts', 'lab/**/*.test.ts', 'test/*.test.ts', 'test/{bench,e2e}/*.test.ts'],
    where: 'host',
    timeout: 10_000,
    jobs: 2,
  },
  {
    name: 'netns',
    files: ['test/netns/**/*.test.ts', 'test/interop/**/*.test.ts'],
    where: 'host',
    timeout: 60_000,
    again: true,
    jobs: 4,
  },
  { name: 'ipvs', files: ['test/ipvs/**/*.test.ts'], where: 'vm', timeout: 120_000, again: true },
  {
    name: 'api',
    files: ['test/api/**/*.test.ts'],
    where: 'host',
    timeout: 60_000,
    again: true,
    jobs: 4,
  },
  {
    name: 'kernels',
    // But for what is measured under load, which an emulated processor does not keep up with.
    files: ['test/ipvs/!(agent|rolling).test.ts'],
    where: 'vm',
    // Debian's own kernel, as nodes have it, emulated where there is no virtualization for it: six times slower.
    machine: 'tcg',
    timeout: 600_000,
    longer: true,
  },
  {
    name: 'families',
    files: ['test/families/**/*.test.ts'],
    where: 'host',
    timeout: 120_000,
    longer: true,
  },
  {
    name: 'service-addresses',
    files: ['test/service-addresses/**/*.test.ts'],
    where: 'host',
    timeout: 300_000,
    longer: true,
  },
  {
    // Whole agents, whose kernel, control plane and routers are real: a scenario of docs/routers.md each.
    name: 'top-of-rack',
    files: ['test/routers/top-of-rack.test.ts'],
    where: 'host',
    timeout: 120_000,
    longer: true,
  },
  {
    name: 'joined-clusters',
    files: ['test/routers/joined-clusters.test.ts'],
    where: 'host',
    timeout: 120_000,
    longer: true,
  },
  {
    // What cosign says of the signatures of a release, which has to be compiled.
    name: 'cosign',
    files: ['test/cosign/**/*.test.ts'],
    where: 'host',
    timeout: 600_000,
    longer: true,
  },
  {
    // What a real control plane lets Prometheus' own discovery find, which has to be compiled.
    name: 'discovery',
    files: ['test/discovery/**/*.test.ts'],
    where: 'host',
    timeout: 300_000,
    longer: true,
  },
  {
    name: 'hitless',
    files: ['test/hitless/**/*.test.ts'],
    where: 'host',
    timeout: 400_000,
    longer: true,
  },
  {
    name: 'upgrade',
    files: ['test/upgrade/**/*.test.ts'],
    where: 'host',
    timeout: 600_000,
    longer: true,
  },
  {
    name: 'migration',
    files: ['test/migration/**/*.test.ts'],
    where: 'host',
    timeout: 900_000,
    longer: true,
  },
  {
    name: 'arm64',
    files: ['test/arm64/**/*.test.ts'],
    where: 'host',
    timeout: 300_000,
    longer: true,
  },
  {
    name: 'kube-router',
    files: ['test/kube-router/**/*.test.ts'],
    where: 'host',
    timeout: 900_000,
    longer: true,
  },
  { name: 'document', files: ['test/document/**/*.test.ts'], where: 'host', timeout: 180_000, again: true },
  { name: 'cluster', files: ['test/cluster/**/*.test.ts'], where: 'host', timeout: 300_000, again: true },
]

/** @throws Error that lists the tiers, when `name` is none of them. */
export function tierNamed(name: string): Tier {
  const tier = TIERS.find((candidate) => candidate.name === name)
  if (tier) return tier
  throw new Error(`no test tier "${name}": choose from ${TIERS.map((t) => t.name).join(', ')}`)
}
