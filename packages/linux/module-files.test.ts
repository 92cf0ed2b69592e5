import { expect } from 'chai'
import { configuredModules, filesToLoad } from './module-files.ts'

const DEPENDENCIES = `kernel/lib/libcrc32c.ko:
kernel/net/netfilter/nf_conntrack.ko.xz: kernel/lib/libcrc32c.ko
kernel/net/netfilter/ipvs/ip_vs.ko.xz: kernel/net/netfilter/nf_conntrack.ko.xz kernel/lib/libcrc32c.ko
kernel/net/netfilter/ipvs/ip_vs_rr.ko.xz: kernel/net/netfilter/ipvs/ip_vs.ko.xz kernel/net/netfilter/nf_conntrack.ko.xz kernel/lib/libcrc32c.ko
kernel/net/bridge/br-netfilter.ko.zst:
`
const none = { configured: new Set<string>(), loaded: () => false }
const namesOf = (files: readonly string[]) => files.map((file) => file.split('/').at(-1))

describe('files of kernel modules', () => {
  it('come after those that they need, each once, whatever the order that they are asked for in', () => {
    expect(namesOf(filesToLoad(['ip_vs_rr', 'ip_vs', 'no_such'], DEPENDENCIES, none))).to.deep.equal([
      ...['libcrc32c.ko', 'nf_conntrack.ko.xz', 'ip_vs.ko.xz', 'ip_vs_rr.ko.xz'],
    ])
  })

  it('have hyphens where the kernel’s names have underscores', () => {
    expect(namesOf(filesToLoad(['br_netfilter'], DEPENDENCIES, none))).to.deep.equal(['br-netfilter.ko.zst'])
  })

  it('leave out what is loaded', () => {
    const loaded = (name: string) => ['libcrc32c', 'nf_conntrack'].includes(name)
    expect(namesOf(filesToLoad(['ip_vs'], DEPENDENCIES, { ...none, loaded }))).to.deep.equal(['ip_vs.ko.xz'])
  })

  it('leave to the host what it says something about, and all that needs it', () => {
    const configured = configuredModules('# no IPVS\n install ip-vs /bin/false\nblacklist br_netfilter\n')
    expect([...configured]).to.deep.equal(['ip_vs'])
    const files = filesToLoad(['ip_vs_rr', 'nf_conntrack', 'br_netfilter'], DEPENDENCIES, {
      ...none,
      configured,
    })
    expect(namesOf(files)).to.deep.equal(['libcrc32c.ko', 'nf_conntrack.ko.xz', 'br-netfilter.ko.zst'])
  })
})
