/** The fake kernel under the contracts that the real one keeps: test/ipvs runs them there. */
import { FakeKernel } from './fake-kernel.ts'
import {
  describeDestinations,
  describeLocalRoutes,
  describeVirtualServers,
  NO_SCHEDULER,
} from './resource-contracts.ts'

function freshKernel(): FakeKernel {
  const kernel = new FakeKernel()
  kernel.ipvs.missingSchedulers.add(NO_SCHEDULER)
  return kernel
}

describeVirtualServers('virtual servers of the fake kernel', freshKernel)
describeDestinations('destinations of the fake kernel', freshKernel)
describeLocalRoutes('local routes of the fake kernel', freshKernel)
