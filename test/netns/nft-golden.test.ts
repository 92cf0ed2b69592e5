/**
 * The nftables table of each feature, whole, with the elements of a small cluster, as nft lists it. Where a change is meant, the golden
 * files are written anew: `UPDATE_GOLDEN=1 npx mocha test/netns/nft-golden.test.ts`; then look at what differs.
 */

import { readFile, writeFile } from 'node:fs/promises'
import { cidr } from '@podroute/address/cidr.ts'
import { serverKey } from '@podroute/kernel/ipvs/keys.ts'
import { type NftTable, tableAt } from '@podroute/kernel/nft/definition.ts'
import { elementKey, type SetElement } from '@podroute/kernel/nft/element.ts'
import { SetElementResource } from '@podroute/kernel/nft/element-resource.ts'
import { listTable } from '@podroute/kernel/nft/listing.ts'
import { openNft } from '@podroute/kernel/nft/open-nft.ts'
import { changedSets } from '@podroute/kernel/nft/set-types.ts'
import { type NftTableOptions, NftTableResource, TABLE } from '@podroute/kernel/nft/table-resource.ts'
import { createNetns, removeNetns } from '@podroute/linux/netns.ts'
import { bgpPortChains } from '@podroute/pod-network/egress/bgp-ports.ts'
import {
  masqueradeTable,
  planConfiguredElements,
  planNodeElements,
} from '@podroute/pod-network/egress/masquerade.ts'
import { handoverTable } from '@podroute/pod-network/handover/table.ts'
import { elementsOf } from '@podroute/pod-network/sources/port-elements.ts'
import { sourcesTable } from '@podroute/pod-network/sources/table.ts'
import { testNode, testSettings } from '@podroute/pod-network/testing/fixtures.ts'
import { Table } from '@podroute/reconcile/table.ts'
import { ShortAffinities } from '@podroute/service-proxy/rules/short-affinities.ts'
import { isOfAffinity, SERVICE_TABLE } from '@podroute/service-proxy/rules/table.ts'
import { service, slice } from '@podroute/service-proxy/testing/objects.ts'
import { planOf } from '@podroute/service-proxy/testing/planning.ts'
import { expect } from 'chai'
import { run } from '../../lab/command.ts'

const NETNS = 'pr-nft-golden'
/** Of no link in that namespace: nft would write its name. */
const PORT_INDEX = 4711

describe('the nftables table, whole,', () => {
  let nft: ReturnType<typeof openNft>

  beforeEach(() => {
    removeNetns(NETNS)
    createNetns(NETNS)
    nft = openNft({ netns: NETNS })
  })
  afterEach(() => {
    nft[Symbol.dispose]()
    removeNetns(NETNS)
  })

  async function load(definition: NftTable, options?: NftTableOptions): Promise<void> {
    const table = new Table(new NftTableResource(nft, definition.name, options))
    table.set(TABLE, definition)
    await table.flush()
    expect([...table.failures()]).to.deep.equal([])
    // Nft lists the types of sets as we declare them, so that none is taken for another version's.
    expect(changedSets(await listTable(nft, definition.name), definition)).to.deep.equal([])
  }

  async function fill({ name, sets }: NftTable, elements: Iterable<SetElement>): Promise<void> {
    const table = new Table(new SetElementResource(nft, name, sets))
    for (const element of elements) table.set(elementKey(element), element)
    await table.flush()
    expect([...table.failures()]).to.deep.equal([])
  }

  async function expectGolden(table: string, file: string): Promise<void> {
    const path = new URL(`golden/${file}.nft`, import.meta.url)
    const found = normal(
      await run('ip', [
        'netns',
        'exec',
        NETNS,
        'nft',
        '--numeric',
        'list',
        'table',
        ...tableAt(table).split(' '),
      ]),
    )
    if (process.env.UPDATE_GOLDEN) await writeFile(path, found)
    expect(found).to.equal(await readFile(path, 'utf8'))
  }

  const nodes = [
    ...planNodeElements(testNode(1), true),
    ...planNodeElements(testNode(2), false),
    ...planConfiguredElements({
      ...testSettings,
      noMasquerade: [cidr('192.0.2.0/24'), cidr('2001:db8::/32')],
    }),
  ]

  it('of the pod network', async () => {
    const router = { asn: 64999, acceptRoutes: false, maxPrefixes: 1000 }
    const externalPeers = ['192.0.2.2', '2001:db8::2'].map((address) => ({ ...router, address }))
    const table = masqueradeTable(true, bgpPortChains({ ...testSettings, externalPeers }))
    await load(table)
    await fill(table, nodes)
    await expectGolden(table.name, 'pod-network')
  })

  it('of the pod network with masquerade off', async () => {
    await load(masqueradeTable(true))
    await fill(masqueradeTable(true), nodes)
    await load(masqueradeTable(false))
    await expectGolden('podroute-pod-network', 'pod-network-off')
  })

  it('of the ports of pods', async () => {
    const table = sourcesTable(true)
    await load(table)
    const addresses = ['10.244.1.2', 'fd10:244:0:1::2']
    await fill(table, elementsOf(PORT_INDEX, { mac: '02:00:5e:00:53:07', addresses }))
    await expectGolden(table.name, 'pod-ports')
  })

  for (const [family, addresses, to] of [
    [4, ['198.51.100.7', '198.51.100.8'], '172.30.0.12'],
    [6, ['2001:db8::7', '2001:db8::8'], 'fd30::12'],
  ] as const)
    it(`of connections of IPv${family} that are handed on`, async () => {
      const table = handoverTable(family, { addresses, to, bridge: 'kube-bridge' })
      await load(table)
      await expectGolden(table.name, `handover-${family}`)
    })

  it('of the service proxy', async () => {
    await load(SERVICE_TABLE, { isForOneObject: isOfAffinity })
    const { frontends } = plans()
    const affinities = new Table(new ShortAffinities(nft))
    for (const { key, affinity } of frontends) if (affinity) affinities.set(key, affinity)
    await affinities.flush()
    expect([...affinities.failures()]).to.deep.equal([])
    expect(affinities.stats.applied).to.equal(2)
    await fill(SERVICE_TABLE, [
      ...frontends.flatMap(({ elements }) => elements),
      { set: 'service-pods-4', element: '10.244.0.0/16' },
      { set: 'service-pods-6', element: 'fd10:244::/32' },
    ])
    await expectGolden(SERVICE_TABLE.name, 'service-proxy')
  })
})

/** A web server for everybody, one of this node alone, a sticky one, one for few clients, and one without an endpoint. */
function plans() {
  const two = (address: number) => ({ clusterIPs: [`10.96.0.${address}`, `fd10:96::${address}`] })
  const both = (name: string) => [
    slice(name, ['10.244.1.2', '10.244.2.2']),
    slice(name, ['fd10:244:1::2', 'fd10:244:2::2']),
  ]
  const ports = [{ port: 80, nodePort: 30080, protocol: 'TCP' }]
  const local = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 32000 } as const
  const sticky = {
    sessionAffinity: 'ClientIP',
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 30 } },
  } as const
  const planned = [
    planOf(service('web', { ...two(1), type: 'NodePort', ports }), both('web')),
    planOf(
      service('local', { ...two(2), ...local, ports: [{ ...ports[0]!, nodePort: 30081 }] }),
      both('local'),
    ),
    planOf(service('sticky', { ...two(3), ...sticky }), both('sticky')),
    planOf(service('few', { ...two(4), externalIPs: ['198.51.100.7'] }), both('few')),
    planOf(
      service(
        'guarded',
        { ...two(6), type: 'LoadBalancer', loadBalancerSourceRanges: ['203.0.113.0/24', '2001:db8:1::/48'] },
        { status: { loadBalancer: { ingress: [{ ip: '198.51.100.8' }] } } },
      ),
      both('guarded'),
    ),
    planOf(service('empty', two(5)), []),
  ]
  const frontends = planned.flatMap((plan) => plan.frontends)
  return { frontends: frontends.map((frontend) => ({ ...frontend, key: serverKey(frontend.server) })) }
}

/** Elements in order, which is none in the kernel, a line each; hashes are left out: they follow from all the rest. */
function normal(listing: string): string {
  return listing
    .replace(/elements = \{ ([^}]*) \}/g, (_all, list: string) => {
      const elements = list.split(/,\s*/).sort()
      return `elements = {\n${elements.map((element) => `\t\t\t${element}`).join(',\n')}\n\t\t}`
    })
    .replace(/podroute-fingerprint-[0-9a-f]+-[0-9a-f]+/g, 'podroute-fingerprint-VERSION-RULES')
    .replace(/comment "[0-9a-f]+"/g, 'comment "RULES"')
}
