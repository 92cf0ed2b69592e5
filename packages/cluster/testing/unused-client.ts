import type { ApiClient } from '../api/client.ts'

const unused = () => Promise.reject(new Error('unused'))

/** A client for tests that ask for a part of it only: everything else is refused. */
export function unusedClient(server = 'https://test'): ApiClient {
  return {
    server,
    ...{ getJson: unused, getList: unused, lines: unused },
    ...{ postJson: unused, putJson: unused, patchJson: unused, deleteJson: unused },
    release() {},
  }
}
