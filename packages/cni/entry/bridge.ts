// Entry of the executable under the name bridge.

import { bridge } from '../bridge/plugin.ts'
import { nativeSystem } from '../native-system.ts'
import { runPlugin } from '../protocol/plugin.ts'

nativeSystem.exit(runPlugin(bridge, nativeSystem))
