// Entry of the executable under the name loopback.

import { loopback } from '../loopback/plugin.ts'
import { nativeSystem } from '../native-system.ts'
import { runPlugin } from '../protocol/plugin.ts'

nativeSystem.exit(runPlugin(loopback, nativeSystem))
