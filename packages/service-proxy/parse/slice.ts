/** An EndpointSlice of the API to a Slice; bad entries are reported, the rest is used. */
import { type EndpointSliceObject, SERVICE_NAME_LABEL } from '@podroute/cluster/objects/endpoint-slice.ts'
import { HEADLESS_LABEL } from '@podroute/cluster/objects/service.ts'
import type { Endpoint, Family, Slice, SlicePort } from '../types.ts'
import { addressOf, exact, isFamily, keyOf, listOf, portOf, protocolOf, textOf } from './fields.ts'
import type { Report } from './service.ts'

const FAMILIES: Readonly<Record<string, Family>> = { IPv4: 4, IPv6: 6 }

/** Undefined for slices of headless Services, of no Service, and of names (FQDN). */
export function parseSlice(object: EndpointSliceObject, report: Report): Slice | undefined {
  const key = keyOf(object?.metadata)
  const labels = object?.metadata?.labels
  const service = textOf(labels?.[SERVICE_NAME_LABEL])
  const family = FAMILIES[textOf(object?.addressType)]
  if (key === undefined || !service || family === undefined) return undefined
  if (labels?.[HEADLESS_LABEL] !== undefined) return undefined
  const uid = textOf(object.metadata?.uid)
  const problem = (detail: string) =>
    report({ code: 'INVALID_FIELD', kind: 'EndpointSlice', ...(uid && { uid }), object: key, detail })
  return {
    key,
    service: `${object.metadata?.namespace}/${service}`,
    family,
    ports: parsePorts(object, problem),
    endpoints: parseEndpoints(object, family, problem),
  }
}

/** A port without a number means "all ports" (a headless thing): there is nothing to proxy to. */
function parsePorts(object: EndpointSliceObject, problem: (detail: string) => void): readonly SlicePort[] {
  const ports: SlicePort[] = []
  for (const [index, entry] of listOf(object.ports).entries()) {
    if (entry.port === undefined || entry.port === null) continue
    const port = portOf(entry.port)
    const protocol = protocolOf(entry.protocol)
    if (port === undefined || protocol === undefined) problem(`ports[${index}]`)
    else ports.push({ name: textOf(entry.name), protocol, port })
  }
  return exact(ports)
}

function parseEndpoints(
  object: EndpointSliceObject,
  family: Family,
  problem: (detail: string) => void,
): readonly Endpoint[] {
  const endpoints: Endpoint[] = []
  for (const [index, entry] of listOf(object.endpoints).entries()) {
    // The addresses of one endpoint are interchangeable; consumers use the first (KEP-752).
    const address = addressOf(listOf(entry.addresses)[0])
    if (address === undefined || !isFamily(address, family)) {
      problem(`endpoints[${index}].addresses[0]`)
      continue
    }
    const ready = entry.conditions?.ready ?? true
    endpoints.push({
      address,
      nodeName: textOf(entry.nodeName),
      ready,
      serving: entry.conditions?.serving ?? ready,
      terminating: entry.conditions?.terminating ?? false,
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
