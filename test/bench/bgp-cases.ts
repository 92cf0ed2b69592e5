// What is measured, against whom, and what is wanted of it.
import type { DeviceName } from './bgp-devices.ts'
import type { IpFamily, Scenario } from './bgp-scenario.ts'

export interface Case {
  readonly name: string
  readonly scenario: Scenario
  readonly against: readonly Exclude<DeviceName, 'ours'>[]
  /** Greatest ratios of ours to theirs: of the time, of BIRD's CPU time and of BIRD's memory. */
  readonly goals: {
    readonly bird?: number
    readonly gobgp?: number
    readonly cpu?: number
    readonly memory?: number
    readonly bytesPerPrefix?: number
  }
  /** Greatest ratio of our time to that of another case of ours. */
  readonly pacedBy?: { readonly name: string; readonly goal: number }
  /** All devices apply ten import rules (bgp-rules.ts). */
  readonly rules?: true
  /** GoBGP is measured as often as the others; else once, as it takes minutes. */
  readonly gobgpInAllRounds?: true
  /** Seconds after which a device is given up; 60 where nothing is said. */
  readonly patience?: number
}

const BOTH = ['BIRD', 'GoBGP'] as const
const MESH = 2000
/** Seconds: GoBGP takes 100 to tell ten peers of 500,000 routes. */
const PATIENCE = 300
/** How many connect at a time in the paced mesh: what BIRD does best with. */
const PACE = 8

/** No slower than BIRD. A minute or two. */
export const CASES: readonly Case[] = [...quick('ipv4'), ...quick('ipv6')]

/** The goals of the finished library, with `--full`: many minutes, most of them GoBGP's. */
export const FULL: readonly Case[] = [
  ...tables('ipv4'),
  ...tables('ipv6'),
  ...meshes('ipv4'),
  ...meshes('ipv6'),
  ...drops('ipv4'),
  ...drops('ipv6'),
  ...latencies('ipv4'),
  ...latencies('ipv6'),
].map((item) => ({ ...item, patience: PATIENCE }))

function quick(family: IpFamily): Case[] {
  const name = title(family)
  return [
    {
      name: `${name}: mesh of 200 peers, all learned`,
      scenario: { kind: 'mesh', family, peers: 200, atOnce: PACE },
      against: BOTH,
      goals: { bird: 1 },
    },
    {
      name: `${name}: 100k routes to 1 peer`,
      scenario: { kind: 'table', family, peers: 2, routes: 100_000 },
      against: family === 'ipv4' ? BOTH : ['BIRD'],
      goals: {},
    },
    {
      name: `${name}: 100k routes to 10 peers, 10 rules`,
      scenario: { kind: 'table', family, peers: 11, routes: 100_000 },
      against: ['BIRD'],
      goals: { bird: 1 },
      rules: true,
    },
  ]
}

function tables(family: IpFamily): Case[] {
  const name = title(family)
  const routes = 500_000
  return [
    {
      name: `${name}: 500k routes, 10 rules (s0)`,
      scenario: { kind: 'table', family, peers: 1, routes },
      against: BOTH,
      goals: { bird: 1.25, gobgp: 1 / 15, memory: 1.5, bytesPerPrefix: 150 },
      rules: true,
      gobgpInAllRounds: true,
    },
    {
      name: `${name}: 500k routes, no rules (s0)`,
      scenario: { kind: 'table', family, peers: 1, routes },
      against: ['BIRD'],
      goals: {},
    },
    {
      name: `${name}: 500k routes to 1 peer, 10 rules (s1)`,
      scenario: { kind: 'table', family, peers: 2, routes },
      against: ['BIRD'],
      goals: {},
      rules: true,
    },
    {
      name: `${name}: 500k routes to 10 peers, 10 rules (s10)`,
      scenario: { kind: 'table', family, peers: 11, routes },
      against: BOTH,
      goals: { bird: 1 / 5, gobgp: 1 / 100, memory: 1.5 },
      rules: true,
    },
  ]
}

function meshes(family: IpFamily): Case[] {
  const name = title(family)
  const paced = `${name}: mesh of ${MESH} peers, all learned`
  return [
    {
      name: paced,
      scenario: { kind: 'mesh', family, peers: MESH, atOnce: PACE },
      against: ['BIRD'],
      goals: { bird: 1, memory: 1.5 },
    },
    {
      name: `${name}: mesh of ${MESH} peers, all at once`,
      scenario: { kind: 'mesh', family, peers: MESH, atOnce: MESH },
      against: [],
      goals: {},
      pacedBy: { name: paced, goal: 1.2 },
    },
    {
      name: `${name}: ${MESH} peers idle for 60 s, hold time 90`,
      scenario: { kind: 'idle', family, peers: MESH, seconds: 60 },
      against: ['BIRD'],
      goals: { cpu: 1 / 20 },
    },
  ]
}

function drops(family: IpFamily): Case[] {
  const name = title(family)
  return [
    {
      name: `${name}: 100 of ${MESH} peers drop`,
      scenario: { kind: 'drop', family, peers: MESH, dropped: 100 },
      against: ['BIRD'],
      goals: { bird: 1 },
    },
    {
      name: `${name}: 100 peers with 1000 routes each drop`,
      scenario: { kind: 'drop-tables', family, peers: 101, routes: 1000 },
      against: ['BIRD'],
      goals: { bird: 1 },
    },
  ]
}

function latencies(family: IpFamily): Case[] {
  const of = (receivers: number, text: string): Case => ({
    name: `${title(family)}: one route to ${text}, median`,
    scenario: { kind: 'latency', family, peers: receivers + 1, rounds: 300 },
    against: BOTH,
    goals: {},
  })
  return [of(1, '1 peer'), of(10, '10 peers')]
}

function title(family: IpFamily): string {
  return family === 'ipv4' ? 'IPv4' : 'IPv6'
}
