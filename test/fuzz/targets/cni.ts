/** What the container runtime gives a plugin on its standard input: refused with a code of the specification, never with a fault. */
import { readAddConfig, readConfig as readBridge } from '@podroute/cni/bridge/configuration.ts'
import { CniError } from '@podroute/cni/errors.ts'
import { readConfig as readHostLocal } from '@podroute/cni/host-local/configuration.ts'
import { readConfig as readPortmap } from '@podroute/cni/portmap/configuration.ts'
import { type Invocation, readInvocation } from '@podroute/cni/protocol/invocation.ts'
import { readResult } from '@podroute/cni/protocol/result.ts'
import type { System } from '@podroute/cni/system.ts'
import type { FuzzTarget } from '../engine.ts'
import { answers } from '../fault.ts'
import { type Json, mutateJson, mutateText, smallerJson } from '../json.ts'

const ENVIRONMENT: Readonly<Record<string, string>> = {
  ...{ CNI_CONTAINERID: 'c1', CNI_NETNS: '/run/netns/x', CNI_IFNAME: 'eth0', CNI_PATH: '/opt/cni/bin' },
}
const RESULT = {
  cniVersion: '1.0.0',
  interfaces: [{ name: 'eth0', mac: '0a:58:0a:f4:01:02', sandbox: '/run/netns/x' }],
  ips: [{ address: '10.244.1.2/24', gateway: '10.244.1.1', interface: 0 }],
  routes: [{ dst: '0.0.0.0/0' }],
  dns: { nameservers: ['10.96.0.10'] },
}
const CONFIG = {
  ...{
    cniVersion: '1.0.0',
    name: 'podroute',
    type: 'bridge',
    bridge: 'kube-bridge',
    isDefaultGateway: true,
    mtu: 1450,
  },
  ipam: {
    type: 'host-local',
    ranges: [
      [{ subnet: '10.244.1.0/24' }],
      [{ subnet: 'fd10:244:0:1::/64', rangeStart: 'fd10:244:0:1::10' }],
    ],
  },
  runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp', hostIP: '' }] },
  snat: true,
  prevResult: RESULT,
}

/** A text: some are no JSON. */
type Input = string

const systemOf = (input: string) =>
  ({ environment: (name: string) => ENVIRONMENT[name], readInput: () => input }) as unknown as System

const READERS: readonly ((invocation: Invocation) => unknown)[] = [
  ...[readBridge, readAddConfig, readHostLocal, readPortmap],
  ({ config, version }) => readResult(config.raw.prevResult, version),
]

export const CNI: FuzzTarget<Input> = {
  name: 'cni',
  seeds: [
    JSON.stringify(CONFIG),
    JSON.stringify({ ...CONFIG, cniVersion: '0.4.0', vlan: 5, macspoofchk: true }),
  ],
  parse: (text) => text,
  print: (input) => input,
  mutate(text, random, others) {
    if (random() < 0.1) return mutateText(text, random)
    try {
      return JSON.stringify(mutateJson(JSON.parse(text) as Json, random, [JSON.parse(others[0]!) as Json]))
    } catch {
      return mutateText(text, random)
    }
  },
  *smaller(text) {
    try {
      for (const value of smallerJson(JSON.parse(text) as Json)) yield JSON.stringify(value)
    } catch {
      for (let i = 0; i < text.length; i++) yield text.slice(0, i) + text.slice(i + 1)
    }
  },
  run(text) {
    let invocation: Invocation | undefined
    answers([CniError], () => {
      invocation = readInvocation('ADD', systemOf(text))
    })
    if (invocation === undefined) return false
    let read = false
    for (const reader of READERS) if (answers([CniError], () => reader(invocation!))) read = true
    return read
  },
}
