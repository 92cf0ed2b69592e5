import { expect } from 'chai'
import { readTable, timeoutOf } from './listing.ts'

const LISTING = `table inet podroute-service-proxy {
	set service-vips-4 {
		type ipv4_addr
	}

	map affinity-udp-fd10_96__a-53 {
		type ipv6_addr : mark
		size 65535
		flags dynamic,timeout
		timeout 1m30s
	}

	chain podroute-fingerprint-0123 {
	}

	chain service-filter {
		type filter hook input priority 0; policy accept;
		meta l4proto { 6, 17 } ip daddr @service-vips-4 drop
	}
}
`

describe('a listing of a table', () => {
  const { chains, sets } = readTable(LISTING)

  it('holds chains with their rules, and declarations of sets and maps', () => {
    expect([...chains]).to.deep.equal([
      ['podroute-fingerprint-0123', []],
      [
        'service-filter',
        [
          'type filter hook input priority 0; policy accept;',
          'meta l4proto { 6, 17 } ip daddr @service-vips-4 drop',
        ],
      ],
    ])
    expect([...sets.keys()]).to.deep.equal(['service-vips-4', 'affinity-udp-fd10_96__a-53'])
  })

  it('says for how long elements stay', () => {
    const [vips, affinity] = [...sets.values()]
    expect([timeoutOf(vips!), timeoutOf(affinity!)]).to.deep.equal([undefined, 90])
    expect([['timeout 9s'], ['timeout 2m'], ['timeout 1h']].map(timeoutOf)).to.deep.equal([9, 120, undefined])
  })
})
