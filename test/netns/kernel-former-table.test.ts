/** The table that all features of earlier versions shared: what each had there goes when it is swept, and nothing else. */
import { readFileSync } from 'node:fs'
import { FormerTableResource, removeFormer } from '@podroute/kernel/nft/former-table.ts'
import { openNft } from '@podroute/kernel/nft/open-nft.ts'
import { createNetns, removeNetns } from '@podroute/linux/netns.ts'
import { FORMER_RULES as POD_NETWORK_NAMES } from '@podroute/pod-network/egress/masquerade.ts'
import { Table } from '@podroute/reconcile/table.ts'
import { FORMER_RULES as SERVICE_PROXY_NAMES } from '@podroute/service-proxy/rules/sets.ts'
import { expect } from 'chai'

const NETNS = 'pr-former-table'

/** As an earlier version left it, in small. */
const POD_NETWORK = `
table inet podroute {
  set pods-local-4 { type ipv4_addr; flags interval; elements = { 10.244.1.0/24 }; }
  set pods-4 { type ipv4_addr; flags interval; elements = { 10.244.1.0/24, 10.244.2.0/24 }; }
  set nodes-4 { type ipv4_addr; flags interval; }
  set no-masquerade-4 { type ipv4_addr; flags interval; }
  chain pod-egress {
    type nat hook postrouting priority 100; policy accept;
    ip saddr @pods-local-4 ip daddr != @pods-4 ip daddr != @nodes-4 ip daddr != @no-masquerade-4 masquerade
  }
}
`
const SERVICE_PROXY = `
table inet podroute {
  set service-vips-4 { type ipv4_addr; elements = { 10.96.0.1 }; }
  map service-affinity-4 { type ipv4_addr . inet_proto . inet_service : verdict; }
  map affinity-tcp-10.96.0.1-80 { type ipv4_addr : mark; flags dynamic, timeout; timeout 30s; size 65535; }
  chain affinity-tcp-10.96.0.1-80 { meta mark set ip saddr map @affinity-tcp-10.96.0.1-80; }
  chain affinity-tcp-10.96.0.1-80-learn { }
  chain service-base-0123456789ab-0123456789ab { }
  chain service-filter {
    type filter hook input priority filter; policy accept;
    ip daddr @service-vips-4 drop
    meta l4proto tcp ip daddr . meta l4proto . th dport vmap @service-affinity-4
  }
}
add element inet podroute service-affinity-4 { 10.96.0.1 . tcp . 80 : goto affinity-tcp-10.96.0.1-80 }
`

describe('the table that features shared in earlier versions', () => {
  let nft: ReturnType<typeof openNft>

  beforeEach(() => {
    removeNetns(NETNS)
    nft = openNft({ netns: createNetns(NETNS) })
  })
  afterEach(() => {
    nft[Symbol.dispose]()
    removeNetns(NETNS)
  })

  const show = () => nft.show('list ruleset')
  async function adopted(names: RegExp) {
    const table = new Table(new FormerTableResource(nft, names))
    await table.adopt()
    return table
  }

  it('stays as it is until it is swept', async () => {
    await nft.run(POD_NETWORK + SERVICE_PROXY)
    const before = await show()
    const table = await adopted(POD_NETWORK_NAMES)
    expect(table.unwanted()).to.have.length(1)
    await table.flush()
    expect(await table.audit()).to.deep.equal([])
    await table.flush()
    expect(await show()).to.equal(before)
  })

  it('goes with what the last feature had there', async () => {
    await nft.run(POD_NETWORK + SERVICE_PROXY)
    const [pods, services] = [await adopted(POD_NETWORK_NAMES), await adopted(SERVICE_PROXY_NAMES)]
    pods.sweep()
    expect(await pods.flush()).to.deep.equal({ applied: 1, failed: 0 })
    expect(await show())
      .to.include('chain service-filter')
      .and.include('set service-vips-4')
      .and.not.match(/pod-egress|pods|nodes|no-masquerade/)
    services.sweep()
    expect(await services.flush()).to.deep.equal({ applied: 1, failed: 0 })
    expect(await show()).to.equal('')
    expect((await adopted(POD_NETWORK_NAMES)).unwanted()).to.deep.equal([])
  })

  it('goes as version c185d03 of 22 November 2026 left it on a node', async () => {
    await nft.run(readFileSync('test/netns/golden/former-2026-11-22.nft', 'utf8'))
    for (const names of [POD_NETWORK_NAMES, SERVICE_PROXY_NAMES]) {
      const table = await adopted(names)
      expect(table.unwanted()).to.have.length(1)
      table.sweep()
      expect(await table.flush()).to.deep.equal({ applied: 1, failed: 0 })
    }
    expect(await show()).to.equal('')
  })

  it('keeps what others have put there', async () => {
    await nft.run(`${SERVICE_PROXY}add chain inet podroute other\nadd counter inet podroute strangers\n`)
    const table = await adopted(SERVICE_PROXY_NAMES)
    table.sweep()
    await table.flush()
    const left = await show()
    expect(left)
      .to.include('chain other')
      .and.include('counter strangers')
      .and.not.match(/service|affinity/)
    await nft.run('delete chain inet podroute other\n')
    await (await adopted(SERVICE_PROXY_NAMES)).clear()
    expect(await show()).to.include('counter strangers')
  })

  it('goes too where its feature is switched off', async () => {
    await nft.run(POD_NETWORK + SERVICE_PROXY)
    await removeFormer(nft, SERVICE_PROXY_NAMES)
    expect(await show())
      .to.include('pod-egress')
      .and.not.match(/service|affinity/)
    await removeFormer(nft, POD_NETWORK_NAMES)
    expect(await show()).to.equal('')
  })

  it('is no business of a feature that it never had', async () => {
    await nft.run(POD_NETWORK)
    expect((await adopted(/^toys/)).unwanted()).to.deep.equal([])
  })
})
