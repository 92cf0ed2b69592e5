// Entry of the executable under the name portmap.

import { nativeSystem } from '../native-system.ts'
import { portmap } from '../portmap/plugin.ts'
import { runPlugin } from '../protocol/plugin.ts'

nativeSystem.exit(runPlugin(portmap, nativeSystem))
