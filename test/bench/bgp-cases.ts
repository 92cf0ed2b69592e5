// What is measured, against whom, and what is wanted of it.
import type { DeviceName } from './bgp-devices.ts'
import type { Scenario } from './bgp-scenario.ts'

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
  /** Import rules of our device. */
  readonly rules?: number
}

const BOTH = ['BIRD', 'GoBGP'] as const

/** The first goals: no slower than BIRD. A minute or two. */
export const CASES: readonly Case[] = [
  {
    name: 'mesh of 200 peers, all learned',
    scenario: { kind: 'mesh', peers: 200, atOnce: 20 },
    against: BOTH,
    goals: { bird: 1 },
  },
  {
    name: '100k routes to 1 peer',
    scenario: { kind: 'table', peers: 2, routes: 100_000 },
    against: BOTH,
    goals: {},
  },
  {
    name: '100k routes to 10 peers',
    scenario: { kind: 'table', peers: 11, routes: 100_000 },
    against: ['BIRD'],
    goals: { bird: 1 },
  },
  {
    name: '100k routes to 10 peers, 10 rules',
    scenario: { kind: 'table', peers: 11, routes: 100_000 },
    against: ['BIRD'],
    goals: { bird: 1 },
    rules: 10,
  },
]

/** The goals of the finished library, with `--full`: many minutes, most of them GoBGP's. */
export const FULL: readonly Case[] = [
  {
    name: '500k routes to 1 peer, 10 rules',
    scenario: { kind: 'table', peers: 2, routes: 500_000 },
    against: BOTH,
    goals: { bird: 1.25, gobgp: 1 / 15, memory: 1.5, bytesPerPrefix: 150 },
    rules: 10,
  },
  {
    name: '500k routes to 10 peers, 10 rules',
    scenario: { kind: 'table', peers: 11, routes: 500_000 },
    against: BOTH,
    goals: { bird: 1 / 5, gobgp: 1 / 100, memory: 1.5 },
    rules: 10,
  },
  {
    name: 'mesh of 2000 peers, all learned',
    scenario: { kind: 'mesh', peers: 2000, atOnce: 50 },
    against: ['BIRD'],
    goals: { bird: 1, memory: 1.5 },
  },
  {
    name: 'mesh of 2000 peers, all at once',
    scenario: { kind: 'mesh', peers: 2000, atOnce: 2000 },
    against: [],
    goals: {},
    pacedBy: { name: 'mesh of 2000 peers, all learned', goal: 1.2 },
  },
  {
    name: '2000 peers idle for 60 s',
    scenario: { kind: 'idle', peers: 2000, seconds: 60 },
    against: ['BIRD'],
    goals: { cpu: 1 / 20 },
  },
  {
    name: '100 of 2000 peers drop',
    scenario: { kind: 'drop', peers: 2000, dropped: 100 },
    against: ['BIRD'],
    goals: { bird: 1 },
  },
]
