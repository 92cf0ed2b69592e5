/** The contract of sysctls: it runs on the fake ones and on those of a network namespace. */
import { describeResource } from '@podroute/reconcile/testing/contract.ts'
import { expect } from 'chai'
import type { Kernel } from '../kernel.ts'
import { SysctlResource } from '../sysctls/sysctl-resource.ts'

export type SysctlKernel = Pick<Kernel, 'sysctls' | 'links'> & Partial<AsyncDisposable>

const FORWARD = 'net/ipv4/ip_forward'
const FILTER = 'net/ipv4/conf/default/rp_filter'
const NOTHING = 'net/ipv4/no_such_thing'

/** @param open makes a kernel for each test */
export function describeSysctls(name: string, open: () => SysctlKernel | Promise<SysctlKernel>): void {
  describe(name, () => {
    let kernel: SysctlKernel
    beforeEach(async () => {
      kernel = await open()
    })
    afterEach(() => kernel[Symbol.asyncDispose]?.())

    const refusal = (setting: string, value: string) => {
      try {
        kernel.sysctls.write(setting, value)
      } catch (error) {
        return (error as NodeJS.ErrnoException).code
      }
    }

    it('have the value that was written last, under the name with dots and with slashes', () => {
      const { sysctls } = kernel
      for (const value of ['1', '1', '0']) {
        sysctls.write(FORWARD, value)
        expect([sysctls.read(FORWARD), sysctls.read('net.ipv4.ip_forward')]).to.deep.equal([value, value])
      }
      sysctls.write('net.ipv4.ip_forward', '1')
      expect(sysctls.read(FORWARD)).to.equal('1')
    })

    it('refuse what the kernel does not have, and a value that it does not take', () => {
      kernel.sysctls.write(FORWARD, '1')
      expect(kernel.sysctls.read(NOTHING)).to.equal(undefined)
      expect(refusal(NOTHING, '1')).to.equal('ENOENT')
      expect(refusal(FORWARD, 'yes')).to.equal('EINVAL')
      expect(kernel.sysctls.read(FORWARD)).to.equal('1')
      expect(() => kernel.sysctls.read('net/../../etc/passwd')).to.throw(RangeError)
    })

    it('of an interface come with it, as `default` says, and go with it', async () => {
      const { sysctls, links } = kernel
      const own = 'net/ipv4/conf/toys.7/rp_filter'
      sysctls.write(FILTER, '2')
      expect(sysctls.read(own)).to.equal(undefined)
      const { index } = await links.add({ kind: 'bridge', name: 'toys.7' })
      expect(sysctls.read(own)).to.equal('2')
      sysctls.write('net.ipv4.conf.toys/7.rp_filter', '1')
      await links.set(index, { up: true })
      expect(sysctls.read(own)).to.equal('1')
      await links.remove(index)
      expect(sysctls.read(own)).to.equal(undefined)
      expect(refusal(own, '1')).to.equal('ENOENT')
      await links.add({ kind: 'bridge', name: 'toys.7' })
      expect(sysctls.read(own)).to.equal('2')
    })
  })

  const makeResource = async () => {
    const kernel = await open()
    const close = async () => kernel[Symbol.asyncDispose]?.()
    return Object.assign(new SysctlResource(kernel.sysctls), { [Symbol.asyncDispose]: close })
  }
  describeResource(name, makeResource, {
    entries: [
      [FORWARD, '1'],
      [FILTER, '2'],
    ],
    replacement: '0',
    refused: [NOTHING, '1'],
  })
}
