// portmap's configuration: the ports to map, and the container's addresses from the previous plugin's result.

import { failure } from '../errors.ts'
import { type Address, familyOf, isV4, parseAddress } from '../protocol/address.ts'
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
  readonly mappings: readonly Mapping[]
  /** Masquerade what comes from the container itself or from localhost. */
  readonly snat: boolean
  /** nft expressions in front of every mapping. */
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
  const address = text === '' ? undefined : parseAddress(text)
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

/** Conditions in iptables' words ('-d', '!') are of the other backend. */
function readConditions(config: Fields, name: string): string[] {
  const conditions = config.texts(name) ?? []
  if (conditions[0]?.startsWith('-') || conditions[0]?.startsWith('!'))
    throw failure(
      `nftables backend was requested but configuration contains iptables-specific options [${name}]`,
    )
  return conditions
}

function checkBackend(config: Fields): void {
  const backend = config.text('backend')
  if (backend !== undefined && backend !== 'nftables')
    throw failure(`unrecognized backend ${JSON.stringify(backend)}: podroute maps ports with nftables`)
  if (config.has('markMasqBit') && config.has('externalSetMarkChain'))
    throw failure('Cannot specify externalSetMarkChain and markMasqBit')
  const bit = config.integer('markMasqBit') ?? 0
  if (bit < 0 || bit > 31) throw failure('MasqMarkBit must be between 0 and 31')
  if (config.text('externalSetMarkChain') !== undefined)
    throw failure(
      'nftables backend was requested but configuration contains iptables-specific options [externalSetMarkChain]',
    )
}

export function readConfig({ config, version }: Invocation): PortmapConfig {
  checkBackend(config)
  return {
    mappings: (config.object('runtimeConfig')?.objects('portMappings') ?? []).map(readMapping),
    snat: config.has('snat') ? config.flag('snat') : true,
    conditions: { 4: readConditions(config, 'conditionsV4'), 6: readConditions(config, 'conditionsV6') },
    previous: config.has('prevResult') ? readResult(config.raw.prevResult, version) : undefined,
  }
}

/** The container's first address of each family: not one of an interface that is known to be somebody else's. */
export function containerAddresses(result: Result, interfaceName: string): Address[] {
  const own = result.ips.filter(({ interface: index }) => {
    const owner = index === undefined ? undefined : result.interfaces[index]
    return owner === undefined || (owner.name === interfaceName && owner.sandbox !== undefined)
  })
  const first = (v4: boolean) => own.find((ip) => isV4(ip.address.address) === v4)?.address.address
  return [first(true), first(false)].filter((address) => address !== undefined)
}
