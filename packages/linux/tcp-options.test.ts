import { parseAddress } from '@podroute/address/address.ts'
import { expect } from 'chai'
import { md5Signature, sockaddr, ttlOf } from './tcp-options.ts'
import { hexOf } from './testing/vectors.ts'

describe('TCP-MD5 option', () => {
  it('holds address, length and key where the kernel looks for them', () => {
    const bytes = md5Signature(4, '10.0.0.2', 'secret')
    expect(bytes).to.have.length(216)
    expect(hexOf(bytes.subarray(0, 16))).to.equal('020000000a0000020000000000000000')
    expect(hexOf(bytes.subarray(128, 144))).to.equal('000006000000000073656372657400' + '00')
  })

  it('marks a prefix, with its host bits cleared', () => {
    const bytes = md5Signature(6, 'fd00::7/64', 'k')
    expect(hexOf(bytes.subarray(0, 28))).to.equal('0a00000000000000fd00000000000000000000000000000000000000')
    expect([bytes[128], bytes[129]]).to.deep.equal([1, 64])
  })

  it('maps an IPv4 peer of an IPv6 socket', () => {
    expect(hexOf(md5Signature(6, '10.0.0.2', 'k').subarray(8, 24))).to.equal(
      '00000000000000000000ffff0a000002',
    )
  })

  it('counts the key in bytes, not in characters', () => {
    expect(() => md5Signature(4, '10.0.0.2', 'x'.repeat(80))).to.not.throw()
    expect(() => md5Signature(4, '10.0.0.2', 'ü'.repeat(41))).to.throw(RangeError)
  })

  it('writes socket addresses', () => {
    expect(hexOf(sockaddr(4, parseAddress('10.0.0.2'), 179))).to.equal('020000b30a0000020000000000000000')
    expect(hexOf(sockaddr(6, parseAddress('fd00::2'), 179))).to.equal(
      '0a0000b300000000fd00000000000000000000000000000200000000',
    )
  })
})

describe('the TTL of a header', () => {
  it('is found in either family', () => {
    const ipv4 = Buffer.from('450000140000000040060000' + '0a000001' + '0a000002', 'hex')
    const ipv6 = Buffer.from(`60000000000006ff${'00'.repeat(32)}`, 'hex')
    expect([ttlOf(ipv4), ttlOf(ipv6), ttlOf(new Uint8Array(0))]).to.deep.equal([64, 255, undefined])
  })
})
