// bridge: connects a container to a bridge of the host by a veth pair.

import type { Plugin } from '../protocol/plugin.ts'
import { add } from './add.ts'
import { check } from './check.ts'
import { del, gc } from './del.ts'
import { status } from './status.ts'

export const bridge: Plugin = { name: 'bridge', add, del, check, gc, status }
