import type { Json } from '../../packages/cni/testing/world.ts'
import { CASES, type Case } from './cni-cases.ts'
import { describeSideBySide, type Peer } from './cni-side-by-side.ts'

/** Debian bookworm's containernetworking-plugins, 1.1.1: what ours take the place of on many nodes. */
const DEBIAN: Peer = {
  directory: () => '/usr/lib/cni',
  // Results of 1.0.0 have an empty `dns`, which later releases leave out.
  correctResult({ dns, ...json }: Json): Json {
    const kept = json.cniVersion! < '1' || (dns !== undefined && Object.keys(dns).length > 0)
    return kept && dns !== undefined ? { ...json, dns } : json
  },
  // Later releases keep IPv6 addresses on a link that goes down.
  comparable: (text) => text.replace(/"ipv6\/conf\/eth0\/keep_addr_on_down":"\d",?/g, ''),
  betterCheck(c) {
    if (c.plugin !== undefined) return undefined
    if (/^routes with a gateway|^version 0.4.0/.test(c.name))
      return '1.1.1 finds no route that has no gateway of its own'
    if (/^layer 2/.test(c.name)) return '1.1.1 demands an IPAM plugin, also of layer 2 ("no plugin name")'
    return undefined
  },
}

/** What came after 1.1.1, by the cases' names. */
const LATER: Readonly<Record<string, RegExp>> = {
  'masquerading by nftables': /^ipMasq|^unknown masquerade backend/,
  'options of bridge': /^portIsolation|isableContainerInterface|IPAM without container interface|^trunk/,
  'tables and priorities of routes': /^routes with priority|^routes$/,
  'version 1.1.0': /^version 1\.1\.0/,
  'checks of ranges': /^start behind the last|^gateway outside|^gateway of the other family/,
}

const isLater = (c: Case) => Object.values(LATER).some((pattern) => pattern.test(c.name))
/** Each option once is enough here: the newest release is compared in every family. */
const isRepeated = (c: Case) => /, v[46]$/.test(c.name)

describe('CNI plugins side by side with Debian’s plugins', () => {
  describeSideBySide(
    CASES.filter((c) => c.plugin !== 'portmap' && !isLater(c) && !isRepeated(c)),
    DEBIAN,
  )
})
