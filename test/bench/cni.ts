// Our CNI plugins against the newest reference plugins (and Debian's), in one run, in turn, on one machine.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tableScript } from '@podroute/kernel/nft/definition.ts'
import { sourcesTable } from '@podroute/pod-network/sources/table.ts'
import { installPackages } from '../../lab/prerequisites.ts'
import { type Contender, type Harness, prepare, type Sample } from './cni-harness.ts'
import { benchOptions } from './options.ts'
import { begin, median, report } from './report.ts'

const PER_ROUND = 10
const AT_ONCE = 50
/** So many times more calls where the slowest count: of 200, p99 is the second slowest, and one pause of the machine decides. */
const FOR_P99 = 3
const NETWORK = 'bench'

const USAGE = `bench:cni [-- OPTION…] [CASE…]
  --json         a line of JSON for each figure
  --rounds N     rounds of ten ADD and DEL of each (default 20)
  CASE           a case's name (default: all; an unknown one lists them)`

const { values: options, positionals: wanted } = benchOptions(USAGE, {
  allowPositionals: true,
  options: { json: { type: 'boolean' }, rounds: { type: 'string', default: '20' } },
})
const rounds = Number(options.rounds)

const ranges = { v4: [{ subnet: '10.88.0.0/16' }], v6: [{ subnet: 'fd88::/64' }] }

/** As our conflist has it; the reference does not know reclaimStale. DATA stands for the contender's lease directory. */
const hostLocal = (sets: object[]) => ({
  type: 'host-local',
  dataDir: 'DATA',
  ranges: sets,
  reclaimStale: true,
})

const bridge = (sets: object[]) => ({
  cniVersion: '1.0.0',
  name: NETWORK,
  type: 'bridge',
  bridge: 'bench0',
  isDefaultGateway: true,
  hairpinMode: true,
  ipam: hostLocal(sets),
})

const ipamOnly = { cniVersion: '1.0.0', name: NETWORK, type: 'host-local', ipam: hostLocal([ranges.v4]) }

const portmap = {
  cniVersion: '1.0.0',
  name: NETWORK,
  type: 'portmap',
  backend: 'nftables',
  runtimeConfig: { portMappings: [{ hostPort: 8088, containerPort: 80, protocol: 'tcp' }] },
  prevResult: {
    cniVersion: '1.0.0',
    interfaces: [{ name: 'eth0', sandbox: '/var/run/netns/pr-cni-bench-0' }],
    ips: [{ interface: 0, address: '10.88.0.2/16' }],
  },
}

interface Pair {
  readonly ours: Sample[]
  readonly peer: Sample[]
}

/** Both in turn, so that whatever else the machine does hits both. */
function compare(harness: Harness, plugin: string, config: object, count: number): Pair {
  const pair: Pair = { ours: [], peer: [] }
  for (let done = 0; done < count; done += PER_ROUND) {
    const size = Math.min(PER_ROUND, count - done)
    pair.ours.push(...harness.sequence(harness.ours, plugin, config, size))
    pair.peer.push(...harness.sequence(harness.peer, plugin, config, size))
  }
  return pair
}

const pick = (samples: readonly Sample[], command: string, field: 'wall' | 'cpu' | 'memory') =>
  samples.filter((sample) => sample.command === command).map((sample) => sample[field])

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}

const milliseconds = (microseconds: number) => microseconds / 1000

function figure(
  name: string,
  pair: Pair,
  command: string,
  field: 'wall' | 'cpu',
  summary: (values: readonly number[]) => number,
  goal?: number,
): void {
  const value = (samples: readonly Sample[]) => milliseconds(summary(pick(samples, command, field)))
  report({
    name,
    unit: 'ms',
    ours: value(pair.ours),
    peer: value(pair.peer),
    ...(goal === undefined ? {} : { goal: { kind: 'ratio', value: goal } }),
  })
}

const p99 = (values: readonly number[]) => percentile(values, 0.99)

/** The first slice's goal: half of the time of what Debian packages. */
function benchDebian(harness: Harness): void {
  const debian = { ...harness, sequence: harness.sequence.bind(harness), peer: harness.debian }
  const pair = compare(debian, 'bridge', bridge([ranges.v4]), rounds * PER_ROUND)
  figure('bridge ADD v4, p50, Debian’s plugins', pair, 'ADD', 'wall', median, 0.5)
}

function benchBridge(harness: Harness, name: string, sets: object[]): void {
  const pair = compare(harness, 'bridge', bridge(sets), rounds * PER_ROUND * FOR_P99)
  figure(`bridge ADD ${name}, p50`, pair, 'ADD', 'wall', median, 0.33)
  figure(`bridge ADD ${name}, p99`, pair, 'ADD', 'wall', p99, 0.33)
  figure(`bridge ADD ${name}, CPU`, pair, 'ADD', 'cpu', median, 0.3)
  figure(`bridge DEL ${name}, p50`, pair, 'DEL', 'wall', median)
  const memory = Math.max(...pick(pair.ours, 'ADD', 'memory'))
  report({
    name: `bridge ADD ${name}, memory`,
    unit: 'MB',
    ours: memory / 1024,
    goal: { kind: 'max', value: 6 },
  })
}

/** What a DEL costs beside the kernel's own removal of the link. */
function benchDelete(harness: Harness): void {
  const config = bridge([ranges.v4])
  const ours = milliseconds(median(harness.deleteOverheads(harness.ours, config, rounds * 2)))
  report({ name: 'bridge DEL beside RTM_DELLINK, p50', unit: 'ms', ours, goal: { kind: 'max', value: 2 } })
}

/** What the check of a pod's addresses adds to an ADD, with the table that the agent makes: with it and without in turn. */
function benchSourceCheck(harness: Harness): void {
  harness.load(tableScript(sourcesTable(true)))
  const pair: Pair = { ours: [], peer: [] }
  const both = [ranges.v4, ranges.v6]
  const add = (sourceCheck: object) =>
    harness.newContainers(harness.ours, 'bridge', { ...bridge(both), ...sourceCheck }, PER_ROUND)
  for (let round = 0; round < rounds * FOR_P99; round++) {
    pair.ours.push(...add({ sourceCheck: true }))
    pair.peer.push(...add({}))
  }
  figure('bridge ADD dual-stack with sourceCheck beside one without, p50', pair, 'ADD', 'wall', median, 1.05)
  figure('the same, CPU', pair, 'ADD', 'cpu', median, 1.05)
}

/** What ipMasq and portmap add, by the nftables backend of both. */
function benchFilters(harness: Harness): void {
  const masquerading = { ...bridge([ranges.v4]), ipMasq: true, ipMasqBackend: 'nftables' }
  const masqueraded = compare(harness, 'bridge', masquerading, rounds * PER_ROUND)
  figure('bridge ADD v4 with ipMasq, p50', masqueraded, 'ADD', 'wall', median, 0.33)
  const mapped = compare(harness, 'portmap', portmap, rounds * PER_ROUND)
  figure('portmap ADD, p50', mapped, 'ADD', 'wall', median, 0.33)
  figure('portmap DEL, p50', mapped, 'DEL', 'wall', median)
}

function benchParallel(harness: Harness): void {
  const config = bridge([ranges.v4, ranges.v6])
  const pair: Pair = { ours: [], peer: [] }
  for (let i = 0; i < 3; i++) {
    pair.ours.push(...harness.parallel(harness.ours, 'bridge', config, AT_ONCE))
    pair.peer.push(...harness.parallel(harness.peer, 'bridge', config, AT_ONCE))
  }
  figure(`${AT_ONCE} bridge ADD at once, dual stack`, pair, 'ADD', 'wall', median, 0.3)
  figure(`${AT_ONCE} bridge DEL at once, dual stack`, pair, 'DEL', 'wall', median)
}

/** Lease files as either plugin would have left them. */
function fillLeases(contender: Contender, count: number): void {
  const directory = join(contender.data, NETWORK)
  mkdirSync(directory, { recursive: true })
  let last = ''
  for (let i = 0; i < count; i++) {
    last = `10.88.${(i + 2) >> 8}.${(i + 2) & 255}`
    writeFileSync(join(directory, last), `container${i}\r\neth0`, { mode: 0o600 })
  }
  if (last !== '') writeFileSync(join(directory, 'last_reserved_ip.0'), last)
}

function benchLeases(harness: Harness): void {
  const medians: number[] = []
  for (const leases of [0, 239, 60_000]) {
    for (const contender of [harness.ours, harness.peer]) fillLeases(contender, leases)
    // The first call after foreign hands have been at the leases reads them all.
    harness.sequence(harness.ours, 'host-local', ipamOnly, 1)
    const pair = compare(harness, 'host-local', ipamOnly, leases > 1000 ? 10 : rounds * PER_ROUND)
    figure(`host-local ADD, ${leases} leases`, pair, 'ADD', 'wall', median)
    figure(`host-local DEL, ${leases} leases`, pair, 'DEL', 'wall', median)
    medians.push(median(pick(pair.ours, 'ADD', 'wall')))
  }
  report({
    name: 'host-local ADD, slowest to fastest of ours',
    unit: 'ms',
    ours: milliseconds(Math.max(...medians)),
    peer: milliseconds(Math.min(...medians)),
    goal: { kind: 'ratio', value: 1.5 },
  })
}

await installPackages()
const harness = await prepare(AT_ONCE)
try {
  const cases: readonly (readonly [name: string, run: () => void])[] = [
    ['beside Debian', () => benchDebian(harness)],
    ['bridge v4', () => benchBridge(harness, 'v4', [ranges.v4])],
    ['bridge dual stack', () => benchBridge(harness, 'dual stack', [ranges.v4, ranges.v6])],
    ['DEL', () => benchDelete(harness)],
    ['source check', () => benchSourceCheck(harness)],
    ['at once', () => benchParallel(harness)],
    ['filters', () => benchFilters(harness)],
    ['leases', () => benchLeases(harness)],
  ]
  const unknown = wanted.find((name) => !cases.some(([known]) => known === name))
  if (unknown !== undefined)
    throw new Error(`no case "${unknown}": choose from ${cases.map(([name]) => name).join(', ')}`)
  for (const [name, run] of cases) {
    if (wanted.length > 0 && !wanted.includes(name)) continue
    begin(name)
    run()
  }
  report({ name: 'executable', unit: 'MB', ours: harness.size / 1e6, goal: { kind: 'max', value: 2 } })
} finally {
  harness.dispose()
}
