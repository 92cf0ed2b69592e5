// Entry of the executable for `podroute-cni install`.

import { install } from '../install/install.ts'
import { nativeSystem } from '../native-system.ts'

nativeSystem.exit(install(nativeSystem, nativeSystem.arguments.slice(1)))
