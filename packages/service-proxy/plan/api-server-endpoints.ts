/** Where the API server is, by the endpoints of its own Service. Pure. */
import type { Slice } from '@podroute/cluster/objects/endpoint-slice.ts'

/** The Service of the API server, which the API server makes itself. */
export const API_SERVER_SERVICE = 'default/kubernetes'

export class ApiServerEndpoints {
  #last: readonly string[] = []

  /**
   * The addresses that the slice of `default/kubernetes` with this very name has, which the API server keeps itself: others of that
   * Service may be anybody's in that namespace. The last ones that there were where it has none. A control plane
   * that goes down takes its endpoints out of the list first: just then nobody else may have their addresses.
   */
  update(slices: readonly Slice[]): readonly string[] {
    const own = slices.filter(({ key }) => key === API_SERVER_SERVICE)
    const found = own.flatMap(({ endpoints }) => endpoints.map(({ address }) => address))
    if (found.length > 0) this.#last = [...new Set(found)].sort()
    return this.#last
  }
}
