// Entry of the executable under the name host-local.

import { hostLocal } from '../host-local/plugin.ts'
import { nativeSystem } from '../native-system.ts'
import { runPlugin } from '../protocol/plugin.ts'

nativeSystem.exit(runPlugin(hostLocal, nativeSystem))
