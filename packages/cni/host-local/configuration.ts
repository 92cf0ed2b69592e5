// host-local's part of the network configuration, with what CNI_ARGS, args and runtimeConfig add to it.

import { failure } from '../errors.ts'
import { type Address, readAddress, readPrefix } from '../protocol/address.ts'
import { parseArguments } from '../protocol/arguments.ts'
import type { Fields } from '../protocol/fields.ts'
import { Fields as FieldsClass, isObject } from '../protocol/fields.ts'
import type { Invocation } from '../protocol/invocation.ts'
import { type Route, readRoute } from '../protocol/result.ts'
import { atLeast } from '../protocol/version.ts'
import { checkDisjoint, type RangeSet, readRangeSet } from './ranges.ts'

const DEFAULT_DATA_DIRECTORY = '/var/lib/cni/networks'

/** The network's leases, and how they are treated. */
export interface LeaseSettings {
  readonly directory: string
  /** Free addresses whose pods cannot exist any more: of earlier boots, and of files without an owner. */
  readonly reclaimStale: boolean
}

export interface HostLocalConfig {
  readonly leases: LeaseSettings
  readonly rangeSets: readonly RangeSet[]
  readonly routes: readonly Route[]
  readonly resolvConf: string
  /** Addresses asked for; each must be served by some range. */
  readonly requested: readonly Address[]
}

/** An address with or without a prefix length. */
function requestedAddress(text: string): Address | undefined {
  if (text === '') return undefined
  const address = text.includes('/') ? readPrefix(text)?.address : readAddress(text)
  if (address === undefined) throw failure(`invalid IP address ${text}`)
  return address
}

function readRequested(invocation: Invocation): Address[] {
  const { config } = invocation
  const texts = [
    parseArguments(invocation.args, ['IP']).IP ?? '',
    ...(config.object('args')?.object('cni')?.texts('ips') ?? []),
    ...(config.object('runtimeConfig')?.texts('ips') ?? []),
  ]
  return texts.map(requestedAddress).filter((address) => address !== undefined)
}

/** `ranges`-like lists: a list of sets, each a list of ranges. */
function rangeLists(fields: Fields | undefined, name: string): Fields[][] {
  return (fields?.list(name) ?? []).map((set, i) => {
    if (!Array.isArray(set)) throw failure(`${fields!.path}${name}[${i}] is not a list`)
    return set.map((range, j) => {
      const path = `${fields!.path}${name}[${i}][${j}]`
      if (!isObject(range)) throw failure(`${path} is not an object`)
      return new FieldsClass(range, `${path}.`)
    })
  })
}

function readRangeSets(config: Fields, ipam: Fields): RangeSet[] {
  const lists = [
    ...rangeLists(config.object('runtimeConfig'), 'ipRanges'),
    ...(ipam.has('subnet') ? [[ipam]] : []),
    ...rangeLists(ipam, 'ranges'),
  ]
  if (lists.length === 0) throw failure('no IP ranges specified')
  return lists.map(readRangeSet)
}

/** Before 0.3.0 a result had room for one address a family. */
function checkCount(sets: readonly RangeSet[], version: string): void {
  const v4 = sets.filter((set) => set[0]!.start.length === 4).length
  if ((v4 > 1 || sets.length - v4 > 1) && !atLeast(version, '0.3.0'))
    throw failure(`CNI version ${version} does not support more than 1 address per family`)
}

function ipamFields({ config }: Invocation): Fields {
  const ipam = config.object('ipam')
  if (ipam === undefined) throw failure("IPAM config missing 'ipam' key")
  return ipam
}

/** All that DEL needs: it gives back what any configuration has given out, and reading the ranges takes a third of its time. */
export function readLeaseSettings(invocation: Invocation): LeaseSettings {
  const ipam = ipamFields(invocation)
  return {
    directory: networkDirectory(ipam.text('dataDir'), invocation.config.text('name')!),
    reclaimStale: ipam.flag('reclaimStale'),
  }
}

export function readConfig(invocation: Invocation): HostLocalConfig {
  const { config } = invocation
  const ipam = ipamFields(invocation)
  const requested = readRequested(invocation)
  const rangeSets = readRangeSets(config, ipam)
  checkCount(rangeSets, invocation.version)
  checkDisjoint(rangeSets)
  return {
    leases: readLeaseSettings(invocation),
    rangeSets,
    routes: ipam.objects('routes').map(readRoute),
    resolvConf: ipam.text('resolvConf') ?? '',
    requested,
  }
}

const networkDirectory = (data: string | undefined, network: string) =>
  `${data === undefined || data === '' ? DEFAULT_DATA_DIRECTORY : trimSlashes(data)}/${network}`

function trimSlashes(path: string): string {
  let end = path.length
  while (end > 1 && path.charAt(end - 1) === '/') end--
  return path.slice(0, end)
}
