// bridge's part of the network configuration.

import { failure } from '../errors.ts'
import type { Backend } from '../iptables/nat-table.ts'
import { parseMac } from '../protocol/address.ts'
import { parseArguments } from '../protocol/arguments.ts'
import type { Fields } from '../protocol/fields.ts'
import type { Invocation } from '../protocol/invocation.ts'
import { type Dns, readDns } from '../protocol/result.ts'
import { type PolicyWait, readPolicyWait } from './network-policy.ts'

const DEFAULT_BRIDGE = 'cni0'
const MAX_VLAN = 4094

/**
 * Whether a container may send with its own addresses only. none: nobody has said anything of it; ready: not now, but the port says
 * whose addresses are its own, so that it may begin at any time; strict: or it does not start.
 */
export type SourceCheck = 'none' | 'ready' | 'on' | 'strict'

export interface BridgeConfig {
  readonly network: string
  readonly bridge: string
  readonly gateway: boolean
  readonly defaultGateway: boolean
  readonly forceAddress: boolean
  readonly ipMasq: boolean
  /** Undefined: nftables; iptables where only that exists. */
  readonly ipMasqBackend: Backend | undefined
  /** 0: the kernel's default. */
  readonly mtu: number
  readonly hairpin: boolean
  readonly promiscuous: boolean
  /** 0: none. */
  readonly vlan: number
  /** Sorted; undefined when the configuration has no trunk at all. */
  readonly trunk: readonly number[] | undefined
  readonly preserveDefaultVlan: boolean
  readonly macSpoofCheck: boolean
  readonly sourceCheck: SourceCheck
  /** Undefined: a container waits for nobody's policies. */
  readonly policyWait: PolicyWait | undefined
  readonly duplicateAddressDetection: boolean
  readonly containerInterface: boolean
  readonly portIsolation: boolean
  readonly mac: Uint8Array | undefined
  /** Empty: layer 2 only. */
  readonly ipamType: string
  readonly dns: Dns
}

function checkVlan(value: number, name: string): number {
  if (value <= 0 || value > MAX_VLAN) throw failure(`incorrect trunk ${name} parameter`)
  return value
}

/** The VLANs of one trunk item: a range, a single one, or both. */
function trunkItem(item: Fields): number[] {
  const [minimum, maximum, id] = [item.integer('minID'), item.integer('maxID'), item.integer('id')]
  const vlans: number[] = []
  if ((minimum === undefined) !== (maximum === undefined))
    throw failure(
      `minID and maxID should be configured simultaneously, ${minimum === undefined ? 'minID' : 'maxID'} is missing`,
    )
  if (minimum !== undefined && maximum !== undefined) {
    checkVlan(minimum, 'minID')
    checkVlan(maximum, 'maxID')
    if (maximum < minimum) throw failure('minID is greater than maxID in trunk parameter')
    for (let vlan = minimum; vlan <= maximum; vlan++) vlans.push(vlan)
  }
  if (id !== undefined) vlans.push(checkVlan(id, 'id'))
  return vlans
}

function readTrunk(config: Fields): number[] | undefined {
  if (!config.has('vlanTrunk')) return undefined
  const vlans = new Set(config.objects('vlanTrunk').flatMap(trunkItem))
  return [...vlans].sort((a, b) => a - b)
}

/** What a container asks for itself: by a capability, multus's cni-args or CNI_ARGS. */
interface Asked {
  readonly runtime: Fields | undefined
  readonly cni: Fields | undefined
  readonly args: Readonly<Record<string, string>>
}

const readAsked = ({ config, args }: Invocation): Asked => ({
  runtime: config.object('runtimeConfig'),
  cni: config.object('args')?.object('cni'),
  args: parseArguments(args, ['MAC', 'SOURCE_CHECK']),
})

function readMac({ runtime, cni, args }: Asked): Uint8Array | undefined {
  const text = runtime?.text('mac') || cni?.text('mac') || args.MAC || ''
  if (text === '') return undefined
  const mac = parseMac(text)
  if (mac === undefined) throw failure(`address ${text}: invalid MAC address`)
  return mac
}

/** Only false says anything. */
function wantsAnySource({ runtime, cni, args }: Asked): boolean {
  const asked = runtime?.raw.sourceCheck ?? cni?.raw.sourceCheck ?? args.SOURCE_CHECK
  return asked === false || asked === 'false'
}

function readSourceCheck(config: Fields, asked: Asked): SourceCheck {
  if (!config.has('sourceCheck')) return 'none'
  if (config.raw.sourceCheck === 'strict') return 'strict'
  if (wantsAnySource(asked)) return 'none'
  return config.flag('sourceCheck') ? 'on' : 'ready'
}

function readVlan(config: Fields): number {
  const vlan = config.integer('vlan') ?? 0
  if (vlan < 0 || vlan > MAX_VLAN)
    throw failure(`invalid VLAN ID ${vlan} (must be between 0 and ${MAX_VLAN})`)
  return vlan
}

/** Undefined for an unknown name as well: only ADD refuses it, because DEL removes both backends' rules. */
function readBackend(config: Fields): Backend | undefined {
  const backend = config.text('ipMasqBackend')
  return backend === 'nftables' || backend === 'iptables' ? backend : undefined
}

function checkBackend(config: Fields): void {
  const backend = config.text('ipMasqBackend')
  if (config.flag('ipMasq') && backend !== undefined && readBackend(config) === undefined)
    throw failure(`unknown ipmasq backend ${JSON.stringify(backend)}`)
}

function checkCombinations(config: BridgeConfig): BridgeConfig {
  if (config.ipamType !== '' && !config.containerInterface)
    throw failure('cannot use IPAM when DisableContainerInterface flag is set')
  if (config.hairpin && config.promiscuous)
    throw failure('cannot set hairpin mode and promiscuous mode at the same time')
  return config
}

/** @throws CniError for a wrong field or a combination that makes no sense, before anything is touched. */
export function readConfig(invocation: Invocation): BridgeConfig {
  const { config } = invocation
  const asked = readAsked(invocation)
  const defaultGateway = config.flag('isDefaultGateway')
  return {
    network: config.text('name')!,
    bridge: config.text('bridge') ?? DEFAULT_BRIDGE,
    gateway: config.flag('isGateway') || defaultGateway,
    defaultGateway,
    forceAddress: config.flag('forceAddress'),
    ipMasq: config.flag('ipMasq'),
    ipMasqBackend: readBackend(config),
    mtu: config.integer('mtu') ?? 0,
    hairpin: config.flag('hairpinMode'),
    promiscuous: config.flag('promiscMode'),
    vlan: readVlan(config),
    trunk: readTrunk(config),
    preserveDefaultVlan: config.flag('preserveDefaultVlan'),
    macSpoofCheck: config.flag('macspoofchk'),
    sourceCheck: readSourceCheck(config, asked),
    policyWait: readPolicyWait(config),
    duplicateAddressDetection: config.flag('enabledad'),
    containerInterface: !config.flag('disableContainerInterface'),
    portIsolation: config.flag('portIsolation'),
    mac: readMac(asked),
    ipamType: config.object('ipam')?.text('type') ?? '',
    dns: readDns(config.object('dns')),
  }
}

/** For ADD only: DEL must be able to clean up after any configuration. */
export function readAddConfig(invocation: Invocation): BridgeConfig {
  const config = checkCombinations(readConfig(invocation))
  checkBackend(invocation.config)
  return config
}
