/** The cluster whose policies are measured: pods, namespaces and policies by their numbers. */
import { parseArgs } from 'node:util'

export const NODE = 'node-1'

export interface BenchSize {
  readonly pods: number
  /** Of the node. */
  readonly local: number
  readonly policies: number
  readonly namespaces: number
  /** Seconds that another program has for a change. */
  readonly limit: number
}

/** Of a command line. */
export const SIZE_OPTIONS = {
  pods: { type: 'string', default: '10000' },
  local: { type: 'string', default: '200' },
  policies: { type: 'string', default: '5000' },
  namespaces: { type: 'string', default: '200' },
  limit: { type: 'string', default: '900' },
} as const

export function sizeOf(args: readonly string[]): BenchSize {
  const { values } = parseArgs({ args: [...args], options: SIZE_OPTIONS })
  const { pods, local, policies, namespaces, limit } = values
  return {
    ...{ pods: Number(pods), local: Number(local) },
    ...{ policies: Number(policies), namespaces: Number(namespaces), limit: Number(limit) },
  }
}

export function namespaceLabels(index: number) {
  return { team: `team-${index % 10}` }
}

function address(index: number, local: boolean): string[] {
  const [a, b] = [index >> 8, index & 255]
  return local
    ? [`10.1.${a}.${b}`, `fd10:1::${index.toString(16)}`]
    : [`10.${100 + (index >> 16)}.${a & 255}.${b}`]
}

export function benchPod(index: number, { local: locals }: BenchSize) {
  const local = index < locals
  return {
    ...{
      uid: String(index),
      labels: { app: `app-${index % 20}`, all: 'yes' },
      node: local ? NODE : `node-${2 + (index % 50)}`,
    },
    addresses: address(index + 2, local),
  }
}

/** Of each namespace the same kinds: from own pods, from pods of other namespaces, from blocks. */
export function benchPolicy(index: number, { namespaces }: BenchSize) {
  const round = Math.floor(index / namespaces)
  const from = [
    [{ podSelector: { matchLabels: { app: `app-${round % 20}` } } }],
    [
      {
        namespaceSelector: { matchLabels: { team: `team-${round % 10}` } },
        podSelector: { matchLabels: { app: `app-${round % 20}` } },
      },
    ],
    [{ ipBlock: { cidr: `172.${16 + (round % 16)}.0.0/16`, except: [`172.${16 + (round % 16)}.1.0/24`] } }],
  ][round % 3]!
  return {
    podSelector: { matchLabels: { app: `app-${index % 20}` } },
    ingress: [{ from, ports: [{ port: 8000 + (round % 5) }] }],
  }
}
