import { expect } from 'chai'
import { whyMissing } from './missing-module.ts'

/** CAP_NET_BIND_SERVICE and CAP_NET_ADMIN, as the agent has them; with CAP_SYS_MODULE, as what starts before it. */
const AGENT = '0000000000001400'
const PREPARE_NODE = '0000000000010000'

describe('a kernel module that is missing', () => {
  it('is to be loaded on the host, or by what starts before the agent, where this process may not', () => {
    const why = whyMissing('ip_vs', { takesModules: true, capabilities: AGENT })
    expect(why).to.match(/^load it on the host, modprobe ip_vs, or .*: prepare-node, with SYS_MODULE, /)
  })

  it('is not on the host, or forbidden, where it may', () => {
    const why = whyMissing('ip_vs', { takesModules: true, capabilities: PREPARE_NODE })
    expect(why).to.match(/^the host has no module ip_vs for this kernel, or forbids it: /)
  })

  it('was left out of a kernel that takes none', () => {
    const why = whyMissing('ip_vs', { takesModules: false, capabilities: AGENT })
    expect(why).to.equal('this kernel takes no modules and was built without ip_vs')
  })
})
