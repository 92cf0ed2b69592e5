/** Annotations of Nodes: a wrong one is a list of problems that names no password, and what is taken of a good one the speaker takes, too. */
import { cidr } from '@podroute/address/cidr.ts'
import { ownAnnotations } from '@podroute/cluster/objects/annotations.ts'
import { planExternalPeer } from '@podroute/pod-network/bgp/routers.ts'
import { NodeAnnotations } from '@podroute/pod-network/node-annotations/node-annotations.ts'
import { PodCidrOverrides } from '@podroute/pod-network/node-annotations/pod-cidr-overrides.ts'
import { testNode, testSettings } from '@podroute/pod-network/testing/fixtures.ts'
import { checkPeer } from 'bgp-speaker-ts/config/config-check.ts'
import { stringify } from 'yaml'
import type { FuzzTarget } from '../engine.ts'
import { fault } from '../fault.ts'
import { type Json, mutateJson, smallerJson } from '../json.ts'

const LOCAL = testNode(1)
const ABILITIES = { password: true, ttlSecurity: true, bfd: true, discovery: true, validator: true }
const PEERS = [
  { remoteip: '192.0.2.1', remoteasn: 65000, localip: '172.30.0.11', password: 'c2VjcmV0', port: 179 },
  { remoteip: '2001:db8::1', remoteasn: 4200000000, bfd: { enabled: true, detection_multiplier: 3 } },
]
const OWN = [
  { address: '192.0.2.1', asn: 'external', acceptRoutes: ['10.0.0.0/8'], announce: { prepend: 2 } },
]

/** In the order of the inputs' values. */
const NAMES = [
  ...['peers', 'peer.ips', 'peer.asns', 'peer.passwords', 'path-prepend.as', 'path-prepend.repeat-n'],
  ...['node.bgp.communities', 'node.bgp.customimportreject', 'bgp-local-addresses', 'pod-cidrs'],
]

/** `peers` is a value here, and YAML in the annotation. */
export const NODE_ANNOTATIONS: FuzzTarget<Json> = {
  name: 'node-annotations',
  parse: (text) => JSON.parse(text) as Json,
  print: (input) => JSON.stringify(input),
  mutate: mutateJson<Json>,
  smaller: smallerJson<Json>,
  seeds: [
    [
      PEERS,
      '',
      '',
      '',
      '65000',
      '3',
      '64512:1,no-export,4294967041',
      '10.0.0.0/8,2001:db8::/32',
      '172.30.0.11',
    ],
    [OWN, '', '', '', '', '', '', '', '', '10.9.1.0/24,fd10:9::/64'],
    ['', '192.0.2.1,2001:db8::1', '65000,65001', 'c2VjcmV0,'],
  ],
  run(input) {
    const annotations = ownAnnotations(textsOf(input))
    const problems: string[] = []
    const kept = new NodeAnnotations({
      nodeName: LOCAL.name,
      events: { record: ({ note }) => void problems.push(note) },
      log: { info() {}, warn() {} },
      store: { load: () => undefined, save: (value) => void JSON.stringify(value) },
      hasAddress: (address) => address === '172.30.0.11',
    })
    kept.update(annotations)
    for (const router of kept.settings.peers) {
      const peer = planExternalPeer(LOCAL, router, testSettings, kept.settings)
      if (peer) checkPeer(peer, ABILITIES)
    }
    new PodCidrOverrides({
      clusterCidrs: () => [cidr('10.0.0.0/8'), cidr('fd10::/16')],
      refused: (_, refused) => void problems.push(...refused),
      store: { load: () => undefined, save() {} },
    }).set({ ...LOCAL, annotations })
    if (problems.includes('')) fault('refused without a reason')
    return problems.length === 0
  },
}

/** Empty ones are not there. */
function textsOf(input: Json): Record<string, unknown> {
  const values = Array.isArray(input) ? input : [input]
  const given = NAMES.flatMap((name, i) => {
    const value = values[i]
    return value === undefined || value === '' ? [] : [[`kube-router.io/${name}`, value] as const]
  })
  return Object.fromEntries(
    given.map(([name, value]) => [name, typeof value === 'string' ? value : stringify(value)]),
  )
}
