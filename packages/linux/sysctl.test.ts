import { expect } from 'chai'
import { readSysctl, sysctlPath } from './sysctl.ts'

describe('sysctl', () => {
  it('maps names to files', () => {
    expect(sysctlPath('net.ipv4.ip_forward')).to.equal('/proc/sys/net/ipv4/ip_forward')
    expect(sysctlPath('net.ipv4.conf.eth0/100.rp_filter')).to.equal(
      '/proc/sys/net/ipv4/conf/eth0.100/rp_filter',
    )
    expect(sysctlPath('net/ipv4/conf/eth0.100/rp_filter')).to.equal(
      '/proc/sys/net/ipv4/conf/eth0.100/rp_filter',
    )
  })

  it('stays inside /proc/sys', () => {
    for (const name of ['', 'net/../../x', 'net..ipv4', 'net/./x']) {
      expect(() => sysctlPath(name), name).to.throw(RangeError)
    }
  })

  it('reads a value, and nothing where there is none', () => {
    expect(readSysctl('kernel.ostype')).to.equal('Linux')
    expect(readSysctl('kernel.no_such_thing')).to.equal(undefined)
  })
})
