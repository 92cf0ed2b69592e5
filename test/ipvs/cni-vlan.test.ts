import { VLAN_CASES } from '../netns/cni-cases.ts'
import { describeSideBySide } from '../netns/cni-side-by-side.ts'

describe('CNI plugins side by side with the reference plugins, VLANs', function () {
  this.timeout(120_000)
  describeSideBySide(VLAN_CASES)
})
