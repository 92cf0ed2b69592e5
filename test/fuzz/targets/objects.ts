/** Objects of the API: whatever stands in them, planning throws nothing, says the same twice, and hands no text of theirs to nftables. */
import { canonicalAddress } from '@podroute/address/address.ts'
import type { Endpoint } from '@podroute/cluster/objects/endpoint-slice.ts'
import { parseNode } from '@podroute/cluster/objects/parse-node.ts'
import { parseService } from '@podroute/cluster/objects/parse-service.ts'
import { parseSlice } from '@podroute/cluster/objects/parse-slice.ts'
import { ENDPOINT_SLICES, NODES, SERVICES } from '@podroute/cluster/watch/kinds.ts'
import { planNodeElements } from '@podroute/pod-network/egress/masquerade.ts'
import { refusedAddresses } from '@podroute/pod-network/nodes/address-judge.ts'
import { ClusterNodes } from '@podroute/pod-network/nodes/cluster-nodes.ts'
import { testNode } from '@podroute/pod-network/testing/fixtures.ts'
import { serviceProblems, sliceProblems } from '@podroute/service-proxy/parse/problems.ts'
import { planService } from '@podroute/service-proxy/plan/plan.ts'
import { statementOf } from '@podroute/service-proxy/problems/events.ts'
import { service, slice } from '@podroute/service-proxy/testing/objects.ts'
import { contextWith } from '@podroute/service-proxy/testing/planning.ts'
import type { FuzzTarget } from '../engine.ts'
import { fault } from '../fault.ts'
import { type Json, mutateJson, smallerJson } from '../json.ts'

const asJson = (value: unknown) => JSON.parse(JSON.stringify(value)) as Json
const OBJECTS = {
  parse: (text: string) => JSON.parse(text) as Json,
  print: (input: Json) => JSON.stringify(input),
}
const CHANGES = { ...OBJECTS, mutate: mutateJson<Json>, smaller: smallerJson<Json> }

/** nft's syntax ends no element with any of these characters. */
const ELEMENT = /^[0-9a-f.:/ a-z-]+$/
const PORTS = [{ name: 'http', port: 80, protocol: 'TCP', nodePort: 30_080 }]
const WEB = service('web', {
  ...{
    type: 'LoadBalancer',
    clusterIPs: ['10.96.0.1', 'fd10:96::1'],
    ports: PORTS,
    externalIPs: ['198.51.100.7'],
  },
  ...{
    sessionAffinity: 'ClientIP',
    externalTrafficPolicy: 'Local',
    loadBalancerSourceRanges: ['10.0.0.0/8'],
  },
})
const BALANCED = {
  ...WEB,
  metadata: {
    ...WEB.metadata,
    annotations: { 'podroute.io/service.scheduler': 'mh', 'podroute.io/service.schedflags': 'mh-port' },
  },
  status: { loadBalancer: { ingress: [{ ip: '198.51.100.7' }, { ip: '2001:db8::7', ipMode: 'Proxy' }] } },
}
const SLICE = slice(
  'web',
  [
    '10.244.1.2',
    { addresses: ['10.244.2.2'], conditions: { ready: false, serving: true, terminating: true } },
  ],
  [{ name: 'http', port: 8080, protocol: 'TCP' }],
)
const GOOD_SLICE = parseSlice(SLICE)!

function runService(input: Json, slices = [GOOD_SLICE]): boolean {
  const object = SERVICES.trim(input)
  if (object === undefined) return false
  const parsed = parseService(object)
  for (const problem of serviceProblems(parsed)) statementOf(problem)
  return parsed !== undefined && plan(parsed, slices)
}

function plan(
  parsed: NonNullable<ReturnType<typeof parseService>>,
  slices: Parameters<typeof planService>[1],
): boolean {
  const planned = planService(parsed, slices, contextWith())
  for (const problem of planned.problems) statementOf(problem)
  for (const { elements, vip, destinations } of planned.frontends) {
    for (const { element } of elements)
      if (!ELEMENT.test(element)) fault(`an element of a set: ${JSON.stringify(element)}`)
    if (vip !== undefined && canonicalAddress(vip) !== vip) fault(`a VIP: ${vip}`)
    for (const { address, port } of destinations)
      if (canonicalAddress(address) !== address || !(port > 0 && port < 65_536))
        fault(`a destination: ${address} ${port}`)
  }
  const again = planService(parsed, slices, contextWith())
  const keys = (one: typeof planned) => one.frontends.map(({ key }) => key).join()
  if (keys(again) !== keys(planned)) fault('another plan for the same Service')
  return planned.frontends.length > 0
}

export const SERVICE: FuzzTarget<Json> = {
  ...CHANGES,
  name: 'service',
  seeds: [asJson(WEB), asJson(BALANCED)],
  run: (input) => runService(input),
}

/** The values of annotations alone, as texts. */
export const ANNOTATIONS: FuzzTarget<Json> = {
  ...CHANGES,
  name: 'annotations',
  seeds: [
    { 'podroute.io/service.scheduler': 'rr', 'podroute.io/service.schedflags': 'sh-port,flag-1' },
    {
      'kube-router.io/service.scheduler': 'mh',
      'podroute.io/service.hairpin': 'false',
      'podroute.io/service.local': 'true',
    },
    { 'podroute.io/service.drain-seconds': '30' },
  ],
  run: (annotations) =>
    runService({
      ...(asJson(BALANCED) as object),
      metadata: { name: 'web', namespace: 'test', annotations },
    } as Json),
}

export const ENDPOINT_SLICE: FuzzTarget<Json> = {
  ...CHANGES,
  name: 'slice',
  seeds: [
    asJson(SLICE),
    asJson(slice('web', ['fd10:244:2::2'], [{ name: 'http', port: 8080, protocol: 'TCP' }])),
  ],
  run(input) {
    const object = ENDPOINT_SLICES.trim(input)
    const parsed = object && parseSlice(object)
    if (!parsed) return false
    for (const problem of sliceProblems(parsed)) statementOf(problem)
    const odd = parsed.endpoints.find(({ address }: Endpoint) => canonicalAddress(address) !== address)
    if (odd) fault(`an endpoint: ${odd.address}`)
    return plan(parseService(asJson(WEB) as object)!, [parsed])
  },
}

const LOCAL = testNode(1)
const NODE = {
  metadata: {
    name: 'node-2',
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels: { 'topology.kubernetes.io/zone': 'a' },
  },
  spec: { podCIDRs: ['10.244.2.0/24', 'fd10:244:0:2::/64'], taints: [{ key: 'a' }] },
  status: {
    addresses: [
      { type: 'InternalIP', address: '172.30.0.12' },
      { type: 'InternalIP', address: 'fd30::12' },
      { type: 'ExternalIP', address: '203.0.113.2' },
    ],
    conditions: [{ type: 'Ready', status: 'True' }],
  },
}

export const NODE_TARGET: FuzzTarget<Json> = {
  ...CHANGES,
  name: 'node',
  seeds: [NODE],
  run(input) {
    const object = NODES.trim(input)
    if (object === undefined) return false
    const nodes = new ClusterNodes('node-1')
    nodes.set(LOCAL)
    nodes.set(testNode(2))
    const node = parseNode(object)
    nodes.sharedClaims(nodes.asReached(node))
    nodes.set(node)
    const now = nodes.get(node.name)!
    const facts = { local: LOCAL, nodeCidrs: [], serviceCidrs: [], holderOf: () => undefined }
    const refused = refusedAddresses(now, facts)
    for (const { element } of planNodeElements(now, false, refused))
      if (!ELEMENT.test(element)) fault(`an element of a set: ${JSON.stringify(element)}`)
    if (now.podCidrs.some(({ length }) => length === 0)) fault('the whole address space as a pod prefix')
    return now.podCidrs.length + now.addresses.length > 0
  },
}
