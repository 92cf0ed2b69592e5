// A container's namespace must not be the plugin's own: checked before anything is touched.

import { CniError, ErrorCode } from '../errors.ts'
import { isOwnNamespace } from '../netlink/namespace.ts'
import type { System } from '../system.ts'
import type { Invocation } from './invocation.ts'

/** @throws CniError 8 unless the caller overrides. */
export function checkForeignNamespace(system: System, invocation: Invocation): void {
  if (invocation.netns === '' || invocation.netnsOverride) return
  if (isOwnNamespace(system, invocation.netns))
    throw new CniError(
      ErrorCode.invalidNamespace,
      "plugin's netns and netns from CNI_NETNS should not be the same",
    )
}
