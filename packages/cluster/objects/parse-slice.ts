/** An EndpointSlice of the API to a Slice; bad entries are reported, the rest is used. */
import type { Family } from '@podroute/address/address.ts'
import {
  type Endpoint,
  type EndpointSliceObject,
  SERVICE_NAME_LABEL,
  type Slice,
  type SlicePort,
} from './endpoint-slice.ts'
import {
  addressOf,
  booleanOf,
  entryOf,
  exact,
  isFamily,
  keyOf,
  listOf,
  portOf,
  protocolOf,
  shown,
  textOf,
} from './fields.ts'
import type { Report } from './parse-service.ts'
import type { FieldProblem } from './problem.ts'
import { HEADLESS_LABEL } from './service.ts'

const FAMILIES: Readonly<Record<string, Family>> = { IPv4: 4, IPv6: 6 }

/** Undefined for slices of headless Services, of no Service, and of names (FQDN). */
export function parseSlice(object: EndpointSliceObject, key = keyOf(object?.metadata)): Slice | undefined {
  const labels = object?.metadata?.labels
  const service = textOf(labels?.[SERVICE_NAME_LABEL])
  const family = entryOf(FAMILIES, object?.addressType)
  if (key === undefined || !service || family === undefined) return undefined
  if (labels?.[HEADLESS_LABEL] !== undefined) return undefined
  const problems: FieldProblem[] = []
  const report: Report = (path, reason) => problems.push({ path, reason })
  return {
    key,
    service: `${object.metadata?.namespace}/${service}`,
    family,
    ports: parsePorts(object, report),
    endpoints: parseEndpoints(object, family, report),
    uid: problems.length === 0 ? '' : textOf(object.metadata?.uid),
    problems: exact(problems),
  }
}

/** A port without a number means "all ports" (a headless thing): there is nothing to proxy to. */
function parsePorts(object: EndpointSliceObject, report: Report): readonly SlicePort[] {
  const ports: SlicePort[] = []
  for (const [index, entry] of listOf(object.ports).entries()) {
    if (entry.port === undefined || entry.port === null) continue
    const port = portOf(entry.port)
    const protocol = protocolOf(entry.protocol)
    if (port === undefined || protocol === undefined)
      report(`ports[${index}]`, `no such port or protocol: ${shown(entry)}`)
    else ports.push({ name: textOf(entry.name), protocol, port })
  }
  return exact(ports)
}

function parseEndpoints(object: EndpointSliceObject, family: Family, report: Report): readonly Endpoint[] {
  const endpoints: Endpoint[] = []
  for (const [index, entry] of listOf(object.endpoints).entries()) {
    // The addresses of one endpoint are interchangeable; consumers use the first (KEP-752).
    const address = addressOf(listOf(entry.addresses)[0])
    if (address === undefined || !isFamily(address, family)) {
      report(
        `endpoints[${index}].addresses[0]`,
        `not an ${object.addressType} address: ${shown(listOf(entry.addresses)[0])}`,
      )
      continue
    }
    const ready = booleanOf(entry.conditions?.ready) ?? true
    endpoints.push({
      address,
      nodeName: textOf(entry.nodeName),
      ready,
      serving: booleanOf(entry.conditions?.serving) ?? ready,
      terminating: booleanOf(entry.conditions?.terminating) ?? false,
      zones: namesOf(entry.hints?.forZones),
      nodes: namesOf(entry.hints?.forNodes),
    })
  }
  return exact(endpoints)
}

const NO_NAMES: readonly string[] = []

function namesOf(hints: readonly { readonly name?: string }[] | undefined): readonly string[] {
  const names = listOf(hints)
    .map((hint) => textOf(hint.name))
    .filter((name) => name !== '')
  return names.length === 0 ? NO_NAMES : names
}
