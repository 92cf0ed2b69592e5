import { spawnSync } from 'node:child_process'
import { expect } from 'chai'

/** Runs a script in a network namespace of its own; what it says, and its exit status. */
function alone(script: string): { readonly status: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync('unshare', ['-n', 'sh', '-ec', script], { encoding: 'utf8' })
  return { status, said: stdout + stderr }
}

describe('the kernel of the lab’s nodes', () => {
  for (const [family, gateway] of [
    ['ip', '192.0.2.2'],
    ['ip6', '2001:db8::2'],
  ])
    it(`duplicates packets of ${family} to a gateway: nft’s dup`, () => {
      const { status, said } = alone(`
        ip link set lo up
        nft add table ${family} t
        nft add chain ${family} t c '{ type filter hook prerouting priority -150 ; }'
        nft add rule ${family} t c dup to ${gateway} device lo
        nft list table ${family} t`)
      expect(status, said).to.equal(0)
      expect(said).to.include(`dup to ${gateway} device "lo"`)
    })

  // What kube-router's policies are made of.
  for (const program of ['iptables', 'ip6tables'])
    it(`rejects and logs packets by ${program}’s REJECT and NFLOG`, () => {
      const { status, said } = alone(`
        ${program} -A INPUT -m limit --limit 10/minute -j NFLOG --nflog-group 100
        ${program} -A INPUT -j REJECT --reject-with ${program === 'iptables' ? 'icmp' : 'icmp6'}-port-unreachable
        ${program} -S INPUT`)
      expect(status, said).to.equal(0)
      expect(said).to.include('-j NFLOG --nflog-group 100').and.to.include('-j REJECT')
    })
})
