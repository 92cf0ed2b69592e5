import { constants } from 'node:os'
import { expect } from 'chai'
import { errnoName, hasCode, KernelError, NftError } from './errors.ts'

describe('kernel errors', () => {
  it('names every errno as the platform does', () => {
    for (const [name, number] of Object.entries(constants.errno)) {
      // Linux has two names for these numbers.
      if (['EWOULDBLOCK', 'ENOTSUP', 'EDEADLOCK'].includes(name)) continue
      expect(errnoName(number), name).to.equal(name)
    }
    expect(errnoName(133)).to.equal('EHWPOISON')
    expect(errnoName(999)).to.equal('E999')
    expect(errnoName(524)).to.equal('ENOTSUPP')
  })

  it('carries code, number, call and the kernel’s words', () => {
    const error = new KernelError('RTM_NEWROUTE', 101, 'Nexthop has invalid gateway')
    expect(error).to.include({ code: 'ENETUNREACH', errno: 101, call: 'RTM_NEWROUTE' })
    expect(error.message).to.equal('RTM_NEWROUTE: ENETUNREACH: Nexthop has invalid gateway')
    expect(hasCode(error, 'EEXIST', 'ENETUNREACH')).to.equal(true)
    expect(hasCode(new Error('ENETUNREACH'), 'ENETUNREACH')).to.equal(false)
  })

  it('reads the code of an nft message from the kernel’s words in it', () => {
    const message = 'Error: Could not process rule: No such file or directory\ndelete table inet x'
    expect(new NftError(message).code).to.equal('ENOENT')
    expect(new NftError('Error: syntax error, unexpected newline').code).to.equal('NFT')
  })
})
