// portmap's configuration: the ports to map, and the container's addresses from the previous plugin's result.

import { failure } from '../errors.ts'
import type { Backend } from '../iptables/nat-table.ts'
import { type Address, familyOf, isV4, type Prefix, readAddress } from '../protocol/address.ts'
import type { Fields } from '../protocol/fields.ts'
import type { Invocation } from '../protocol/invocation.ts'
import { type Result, readResult } from '../protocol/result.ts'

export const PROTOCOLS: Readonly<Record<string, number>> = { tcp: 6, udp: 17, sctp: 132 }

export interface Mapping {
  readonly protocol: string
  readonly hostPort: number
  readonly containerPort: number
  /** Undefined: every address of the host. */
  readonly hostAddress: Address | undefined
  /** The family that hostIP restricts it to, also when that is an unspecified address. */
  readonly family: 4 | 6 | undefined
}

export interface PortmapConfig {
  /** Undefined: nftables; iptables where only that exists. */
  readonly backend: Backend | undefined
  readonly mappings: readonly Mapping[]
  /** Masquerade what comes to a mapped port from the container's subnet or from localhost. */
  readonly snat: boolean
  /** Masquerade whatever comes to a mapped port, wherever from. */
  readonly masqueradeAll: boolean
  /** iptables: the bit that marks what is to be masqueraded. */
  readonly markBit: number
  /** iptables: somebody else's chain that marks it. */
  readonly setMarkChain: string | undefined
  /** In the backend's own words, in front of every mapping. */
  readonly conditions: Readonly<Record<4 | 6, readonly string[]>>
  readonly previous: Result | undefined
}

function port(fields: Fields, name: 'hostPort' | 'containerPort'): number {
  const value = fields.integer(name) ?? 0
  if (value > 0 && value <= 65535) return value
  throw failure(`Invalid ${name === 'hostPort' ? 'host' : 'container'} port number: ${value}`)
}

const isUnspecified = (address: Address) => address.every((byte) => byte === 0)

function readMapping(fields: Fields): Mapping {
  const protocol = (fields.text('protocol') ?? '').toLowerCase()
  const text = fields.text('hostIP') ?? ''
  const address = text === '' ? undefined : readAddress(text)
  if (text !== '' && address === undefined) throw failure(`invalid hostIP ${JSON.stringify(text)}`)
  const containerPort = port(fields, 'containerPort')
  const hostPort = port(fields, 'hostPort')
  if (PROTOCOLS[protocol] === undefined) throw failure(`unknown protocol ${JSON.stringify(protocol)}`)
  return {
    protocol,
    hostPort,
    containerPort,
    hostAddress: address !== undefined && !isUnspecified(address) ? address : undefined,
    family: address === undefined ? undefined : familyOf(address),
  }
}

const MARK_BIT = 13

/** The fields that only one of the backends understands. */
interface Specific {
  readonly nftables: readonly string[]
  readonly iptables: readonly string[]
}

/** Conditions in iptables' words begin with '-d', '!' and the like: none of nft's do. */
function backendOf(condition: string | undefined): Backend | undefined {
  if (condition === undefined || condition === '') return undefined
  return condition.startsWith('-') || condition.startsWith('!') ? 'iptables' : 'nftables'
}

function specificFields(config: Fields): Specific {
  const conditions = ['conditionsV4', 'conditionsV6'].map(
    (name) => [name, backendOf(config.texts(name)?.[0])] as const,
  )
  const of = (backend: Backend) => conditions.filter((entry) => entry[1] === backend).map(([name]) => name)
  const chain = config.has('externalSetMarkChain') ? ['externalSetMarkChain'] : []
  return { nftables: of('nftables'), iptables: [...chain, ...of('iptables')] }
}

/** The backend that is asked for, by name or by fields that only one has. */
function readBackend(config: Fields): Backend | undefined {
  const asked = config.text('backend')
  const specific = specificFields(config)
  if (asked !== undefined && asked !== 'nftables' && asked !== 'iptables')
    throw failure(`unrecognized backend ${JSON.stringify(asked)}`)
  const backend =
    asked ??
    (specific.iptables.length > 0 ? 'iptables' : specific.nftables.length > 0 ? 'nftables' : undefined)
  const other = backend === 'iptables' ? 'nftables' : 'iptables'
  if (backend !== undefined && specific[other].length > 0)
    throw failure(
      `${backend} backend was requested but configuration contains ${other}-specific options [${specific[other].join(' ')}]`,
    )
  return backend
}

function readMarkBit(config: Fields): number {
  if (config.has('markMasqBit') && config.has('externalSetMarkChain'))
    throw failure('Cannot specify externalSetMarkChain and markMasqBit')
  const bit = config.integer('markMasqBit') ?? MARK_BIT
  if (bit < 0 || bit > 31) throw failure('MasqMarkBit must be between 0 and 31')
  return bit
}

export function readConfig({ config, version }: Invocation): PortmapConfig {
  return {
    backend: readBackend(config),
    mappings: (config.object('runtimeConfig')?.objects('portMappings') ?? []).map(readMapping),
    snat: config.has('snat') ? config.flag('snat') : true,
    masqueradeAll: config.flag('masqAll'),
    markBit: readMarkBit(config),
    setMarkChain: config.text('externalSetMarkChain'),
    conditions: { 4: config.texts('conditionsV4') ?? [], 6: config.texts('conditionsV6') ?? [] },
    previous: config.has('prevResult') ? readResult(config.raw.prevResult, version) : undefined,
  }
}

/** The mappings that apply to a container's address. */
export const mappingsFor = (mappings: readonly Mapping[], address: Address) =>
  mappings.filter((mapping) => mapping.family === undefined || mapping.family === familyOf(address))

/** The container's first address of each family: not one of an interface that is known to be somebody else's. */
export function containerAddresses(result: Result, interfaceName: string): Prefix[] {
  const own = result.ips.filter(({ interface: index }) => {
    const owner = index === undefined ? undefined : result.interfaces[index]
    return owner === undefined || (owner.name === interfaceName && owner.sandbox !== undefined)
  })
  const first = (v4: boolean) => own.find((ip) => isV4(ip.address.address) === v4)?.address
  return [first(true), first(false)].filter((address) => address !== undefined)
}
