// A plugin's result: one shape inside, converted on the way in and out to the version that the configuration speaks.

import { failure } from '../errors.ts'
import {
  type Address,
  formatAddress,
  formatPrefix,
  isV4,
  type Prefix,
  readAddress,
  readPrefix,
} from './address.ts'
import { Fields, isObject, type JsonObject } from './fields.ts'
import { atLeast } from './version.ts'

export interface Interface {
  readonly name: string
  readonly mac?: string
  readonly sandbox?: string
  /** Fields that only 1.x knows and that pass through us: mtu, socketPath, pciID. */
  readonly other?: JsonObject
}

export interface IpConfig {
  readonly address: Prefix
  readonly gateway?: Address
  /** Index into the result's interfaces. */
  readonly interface?: number
}

export interface Route {
  readonly destination: Prefix
  readonly gateway?: Address
  readonly mtu?: number
  readonly advertisedMss?: number
  readonly priority?: number
  readonly table?: number
  readonly scope?: number
}

export interface Dns {
  readonly nameservers?: readonly string[]
  readonly domain?: string
  readonly search?: readonly string[]
  readonly options?: readonly string[]
}

export interface Result {
  readonly interfaces: readonly Interface[]
  readonly ips: readonly IpConfig[]
  readonly routes: readonly Route[]
  readonly dns: Dns
}

/** The address in a field, or undefined when there is none. */
export function addressField(fields: Fields, name: string): Address | undefined {
  const text = fields.text(name)
  if (text === undefined || text === '') return undefined
  const address = readAddress(text)
  if (address === undefined)
    throw failure(`${fields.path}${name}: invalid IP address ${JSON.stringify(text)}`)
  return address
}

/** The prefix in a field, host bits kept. */
export function prefixField(fields: Fields, name: string): Prefix {
  const text = fields.text(name) ?? ''
  const prefix = readPrefix(text)
  if (prefix === undefined)
    throw failure(`${fields.path}${name}: invalid CIDR address ${JSON.stringify(text)}`)
  return prefix
}

const optional = <K extends string, V>(name: K, value: V | undefined) =>
  (value === undefined ? {} : { [name]: value }) as { [P in K]?: V }

export function readRoute(fields: Fields): Route {
  return {
    destination: prefixField(fields, 'dst'),
    ...optional('gateway', addressField(fields, 'gw')),
    ...optional('mtu', fields.integer('mtu') || undefined),
    ...optional('advertisedMss', fields.integer('advmss') || undefined),
    ...optional('priority', fields.integer('priority') || undefined),
    ...optional('table', fields.integer('table')),
    ...optional('scope', fields.integer('scope')),
  }
}

export function readDns(fields: Fields | undefined): Dns {
  if (fields === undefined) return {}
  return {
    ...optional('nameservers', fields.texts('nameservers')),
    ...optional('domain', fields.text('domain') || undefined),
    ...optional('search', fields.texts('search')),
    ...optional('options', fields.texts('options')),
  }
}

function readInterface(fields: Fields): Interface {
  const { name: _name, mac: _mac, sandbox: _sandbox, ...other } = fields.raw
  return {
    name: fields.text('name') ?? '',
    ...optional('mac', fields.text('mac') || undefined),
    ...optional('sandbox', fields.text('sandbox') || undefined),
    ...(Object.keys(other).length > 0 ? { other } : {}),
  }
}

function readIp(fields: Fields): IpConfig {
  return {
    address: prefixField(fields, 'address'),
    ...optional('gateway', addressField(fields, 'gateway')),
    ...optional('interface', fields.integer('interface')),
  }
}

/** The form of 0.1.0 and 0.2.0: one address a family, with its routes. */
function readOldResult(fields: Fields): Result {
  const families = [fields.object('ip4'), fields.object('ip6')].filter((family) => family !== undefined)
  return {
    interfaces: [],
    ips: families.map((family) => ({
      address: prefixField(family, 'ip'),
      ...optional('gateway', addressField(family, 'gateway')),
    })),
    routes: families.flatMap((family) => family.objects('routes').map(readRoute)),
    dns: readDns(fields.object('dns')),
  }
}

/** Reads a result of any version: prevResult, or what a delegated plugin printed. */
export function readResult(value: unknown, version: string): Result {
  if (!isObject(value)) throw failure('the result is not an object')
  const fields = new Fields(value, 'result.')
  if (!atLeast(version, '0.3.0')) return readOldResult(fields)
  return {
    interfaces: fields.objects('interfaces').map(readInterface),
    ips: fields.objects('ips').map(readIp),
    routes: fields.objects('routes').map(readRoute),
    dns: readDns(fields.object('dns')),
  }
}

function printRoute(route: Route): JsonObject {
  return {
    dst: formatPrefix(route.destination),
    ...(route.gateway === undefined ? {} : { gw: formatAddress(route.gateway) }),
    ...optional('mtu', route.mtu),
    ...optional('advmss', route.advertisedMss),
    ...optional('priority', route.priority),
    ...optional('table', route.table),
    ...optional('scope', route.scope),
  }
}

const isEmpty = (dns: Dns) =>
  !dns.nameservers?.length && !dns.domain && !dns.search?.length && !dns.options?.length

function printInterface(each: Interface, current: boolean): JsonObject {
  if (each.other === undefined) return each as unknown as JsonObject
  const { other, ...own } = each
  return current ? { ...own, ...other } : own
}

function printNewResult(result: Result, version: string): JsonObject {
  const current = atLeast(version, '1.0.0')
  const family = (address: Address) => (isV4(address) ? '4' : '6')
  return {
    cniVersion: version,
    ...(result.interfaces.length === 0
      ? {}
      : { interfaces: result.interfaces.map((each) => printInterface(each, current)) }),
    ...(result.ips.length === 0
      ? {}
      : {
          ips: result.ips.map((ip) => ({
            ...(current ? {} : { version: family(ip.address.address) }),
            ...optional('interface', ip.interface),
            address: formatPrefix(ip.address),
            ...(ip.gateway === undefined ? {} : { gateway: formatAddress(ip.gateway) }),
          })),
        }),
    ...(result.routes.length === 0 ? {} : { routes: result.routes.map(printRoute) }),
    ...(current && isEmpty(result.dns) ? {} : { dns: result.dns }),
  }
}

function printOldResult(result: Result, version: string): JsonObject {
  const family = (v4: boolean) => {
    const ip = result.ips.find((candidate) => isV4(candidate.address.address) === v4)
    if (ip === undefined) return undefined
    const routes = result.routes.filter((route) => isV4(route.destination.address) === v4)
    return {
      ip: formatPrefix(ip.address),
      ...(ip.gateway === undefined ? {} : { gateway: formatAddress(ip.gateway) }),
      ...(routes.length === 0
        ? {}
        : {
            routes: routes.map(({ destination, gateway }) =>
              printRoute({ destination, ...optional('gateway', gateway) }),
            ),
          }),
    }
  }
  const ip4 = family(true)
  const ip6 = family(false)
  if (ip4 === undefined && ip6 === undefined) throw failure('cannot convert: no valid IP addresses')
  return { cniVersion: version, ...optional('ip4', ip4), ...optional('ip6', ip6), dns: result.dns }
}

/** The JSON value that a runtime of `version` reads. */
export function printResult(result: Result, version: string): JsonObject {
  return atLeast(version, '0.3.0') ? printNewResult(result, version) : printOldResult(result, version)
}
