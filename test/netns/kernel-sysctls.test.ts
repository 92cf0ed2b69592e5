/** The sysctls of a network namespace under the contract that the fake ones keep. */
import { openKernel } from '@podroute/kernel/open.ts'
import { describeSysctls } from '@podroute/kernel/testing/sysctl-contract.ts'
import { TestNetns } from './linux-support.ts'

describeSysctls('sysctls of a network namespace', async () => {
  const netns = await TestNetns.create('sysctls')
  const { sysctls, links, [Symbol.dispose]: close } = openKernel({ netns: netns.path })
  return {
    ...{ sysctls, links },
    async [Symbol.asyncDispose]() {
      close()
      netns[Symbol.dispose]()
    },
  }
})
